"""What may be done about an alert now, by whom.

Decides it for the page, which offers no more, and for the handlers, which take no more. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bridge.desk.access.gate import Reach
from bridge.desk.accounts import Account
from bridge.desk.duty.deeds import CLOSED, DISPUTES, Standing, is_gone

CALL, SUMMARY = 1, 3  # rungs: whom to call; what scores and links are made of
WORK: Final = frozenset({"assign", "act"})
DECIDE: Final = frozenset({"snooze", "close"})
"""For the team it is for: the team that has it out of hours only does neither; the platform would refuse it."""


NO_DUTY: Final = frozenset({"analyst", "governance"})
"""Roles that read and do no duty work; who has another one beside them does."""


def works(account: Account) -> bool:
    """Whether a user does duty work: takes alerts, gives them on and closes them."""
    return not account.roles or not NO_DUTY.issuperset(account.roles)


def allowed(alert: Mapping[str, Any], standing: Standing, may: Reach, now: int) -> frozenset[str]:
    """Actions that a user who does duty work may take.

    Args:
        alert: As the team has it.
        standing: How it stands.
        may: What the user may see of it.
        now: Partnership time, ms.
    """
    if may.top < CALL or is_gone(alert) or standing.closed:
        return frozenset()
    doubts = DISPUTES if may.joint >= SUMMARY else frozenset()
    if alert["state"] in CLOSED:  # it ended by itself: what came of it is still worth knowing
        return doubts | {"act", "close"}
    free = not standing.holder or standing.sleeps(alert["version"], now)
    return WORK | doubts | ({"acknowledge"} if free else set()) | (frozenset() if alert.get("aside") else DECIDE)


def refusal(alert: Mapping[str, Any], standing: Standing) -> str:
    """Why an action is not possible, for a user who was shown a form for it."""
    if standing.closed:
        return "It was closed meanwhile."
    if is_gone(alert):
        return "It is no longer with this team."
    if alert.get("aside"):
        return "You have it out of hours only: the team that it is for decides that."
    return "It has changed meanwhile: look at it again."
