"""Addresses of the pages of controls."""

from __future__ import annotations

from typing import Final

from starlette.routing import Route

from bridge.desk.oversight import controls

ROUTES: Final = [
    Route("/controls", controls.controls),
    Route("/controls/change", controls.change),
    Route("/controls/change", controls.draft, methods=["POST"]),
    Route("/controls/drafts/{draft}", controls.show),
    Route("/controls/drafts/{draft}/change", controls.change),
    Route("/controls/drafts/{draft}/change", controls.draft, methods=["POST"]),
    Route("/controls/drafts/{draft}/whatif", controls.whatif),
    Route("/controls/drafts/{draft}/whatif", controls.ask, methods=["POST"]),
    Route("/controls/drafts/{draft}/sign", controls.sign, methods=["POST"]),
    Route("/controls/drafts/{draft}/send", controls.send, methods=["POST"]),
    Route("/controls/drafts/{draft}/withdraw", controls.withdraw, methods=["POST"]),
]
