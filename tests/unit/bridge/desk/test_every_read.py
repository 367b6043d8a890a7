"""Whatever a page shows of anybody is in the audit before it is shown; where the audit is down nothing is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from bridge.desk.audit import Audit, AuditDown
from tests.unit.bridge.desk.support import Made
from tests.unit.bridge.desk.surface import NAMES, SAM, Call, Wire, fill

ABOUT_NOBODY = {
    "/sign-in", "/sign-in/provider", "/sign-in/callback", "/healthz", "/step-up", "/look-up", "/inbox/{team}/status",
    "/inbox/{team}/stream", "/insights", "/demand", "/model", "/controls",
}  # fmt: skip
"""Forms, signs of life and figures whose small numbers are withheld."""
IDS = ("alert_id", "record", "household", "suggestion_id", "request_id", "entry", "challenge")


class Desk:
    """A desk with something on every page, and a user who may open all of them."""

    def __init__(self, made: Made) -> None:
        self.made, values = made, fill(made)
        self.ids = {each[name] for each in values for name in IDS}
        self.wire = Wire(made, values)
        self.wire.sign_in("sam")

    def pages(self) -> Iterator[Call]:
        return (call for call in self.wire.calls() if call.method == "GET" and call.route not in ABOUT_NOBODY)


@pytest.fixture(params=[4, 3, 2, 1])
def desk(request: pytest.FixtureRequest, make: Callable[..., Made]) -> Desk:
    return Desk(make({"tom": 4}, more=[replace(SAM, protocols=(f"rung-{request.param}",))]))


def test_what_a_page_shows_is_in_the_audit(desk: Desk) -> None:
    shown = set()
    for call in desk.pages():
        before, _ = desk.made.audit.mark()
        answer = desk.wire.get(call.path)
        assert answer.status < 500, call
        if answer.status == 200 and any(one in answer.text for one in desk.ids):
            shown.add(call.route)
            assert desk.made.audit.mark()[0] > before, f"{call}: no line"
    assert {"/inbox/{team}", "/inbox/{team}/rows", "/alerts/{alert_id}"} <= shown


def test_without_an_audit_nobody_is_shown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object, **__: object) -> int:
        raise AuditDown

    monkeypatch.setattr(Audit, "record", down)
    for call in desk.pages():
        answer = desk.wire.get(call.path)
        assert answer.status in {303, 404, 503} or not any(one in answer.text for one in desk.ids), call
        assert not any(name in answer.text.lower() for name in NAMES), call
    assert desk.wire.get("/inbox/mash").status == 503
