"""What a named person decides about an alert, and what follows from it.

Decides which decisions are valid. An alert proposes, a person decides; closing one silences it, but the household
still has to come down before another can rise.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Final

import msgspec

from schemas.control import SNOOZE_MAX_MS, Response
from streams.alerting.notice import Alert
from streams.alerting.routing import holders

ANSWERS: Final = frozenset({"acknowledge", "assign", "act", "close", "snooze"})
SILENCES: Final = frozenset({"close", "snooze"})
"""For the team it is for: who has it out of hours only does not silence it for the day."""
DISPUTES: Final = frozenset({"dispute_link", "dispute_score"})
"""Kept with the responses; they change nothing by themselves, for the one who doubts has not decided."""


def answer(alerts: MutableMapping[str, Alert], response: Response, now: int) -> str | None:
    """Apply a response to the alert it is about.

    Args:
        alerts: Alerts by id.
        response: As decoded.
        now: Partnership time (ms).

    Returns:
        None where it was applied; else why not: `unknown_alert`, `wrong_team`, `bad_action`, `bad_until`.
    """
    alert = alerts.get(response["alert_id"])
    if alert is None:
        return "unknown_alert"
    action, on_duty = response["action"], response["team"] == alert.copied_to
    if response["team"] not in holders(alert) or (on_duty and action in SILENCES):
        return "wrong_team"
    if action in DISPUTES:
        return None
    if action not in ANSWERS:
        return "bad_action"
    until = response["until_at"] or 0
    if action == "snooze":
        if not now < until <= now + SNOOZE_MAX_MS:
            return "bad_until"
        alert = msgspec.structs.replace(alert, snoozed_until=until)
    elif action == "acknowledge" and not on_duty:  # who takes it up again wants to be told again
        alert = msgspec.structs.replace(alert, snoozed_until=0)
    alerts[response["alert_id"]] = msgspec.structs.replace(
        alert,
        answered_at=alert.answered_at or (0 if on_duty else now),  # on duty for others, who have still to answer
        closed=alert.closed or action == "close",
        verdict=alert.verdict if response["verdict"] == "none" else response["verdict"],
    )
    return None
