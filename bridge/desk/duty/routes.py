"""Addresses of duty work."""

from __future__ import annotations

from typing import Final

from starlette.routing import Route

from bridge.desk.duty import challenges, handover, talk
from bridge.desk.duty.actions import handler
from bridge.desk.duty.wishes import READERS

ROUTES: Final = [
    *(
        Route(f"/alerts/{{alert_id}}/{action.replace('_', '-')}", handler(action), methods=["POST"])
        for action in READERS
    ),
    Route("/alerts/{alert_id}/challenges", talk.challenge, methods=["POST"]),
    Route("/alerts/{alert_id}/challenges/{challenge}", talk.answer, methods=["POST"]),
    Route("/challenges", challenges.page),
    Route("/handover/{team}", handover.page),
    Route("/handover/{team}/note", handover.write, methods=["POST"]),
    Route("/handover/{team}/taken-over", handover.take_over, methods=["POST"]),
]
