"""What a shift hands over: what came, what was done, what is left.

Decides what belongs to a shift and in which order it is read. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from bridge.desk import pages
from bridge.desk.duty.deeds import CLOSED, NOBODY, Deed, Standing, is_gone
from schemas.alert import MOVED, OUT_OF_HOURS, UNREAD

HOUR_MS: Final = 3_600_000
HOURS: Final = (8, 12)  # lengths of a shift that can be chosen; the first where none is
CAME: Final = frozenset({MOVED, OUT_OF_HOURS, UNREAD})
TAKING: Final = frozenset({"acknowledge", "assign"})
ENDING: Final = frozenset({"close"})


class Shift(NamedTuple):
    """Alerts and deeds of the last hours of one team.

    Attributes:
        raised: Alerts that were raised, or came from another team, oldest first.
        taken: Deeds by which somebody got one.
        acted: Deeds by which something was done, put off or doubted.
        closed: Deeds by which one was closed.
        ended: Alerts that ended by themselves.
        left: Alerts that nobody closed: those that nobody has first, the most urgent on top.
    """

    raised: tuple[dict[str, Any], ...]
    taken: tuple[Deed, ...]
    acted: tuple[Deed, ...]
    closed: tuple[Deed, ...]
    ended: tuple[dict[str, Any], ...]
    left: tuple[dict[str, Any], ...]

    @property
    def concerned(self) -> tuple[str, ...]:
        """Ids of all alerts that it speaks of, in order."""
        deeds = (*self.taken, *self.acted, *self.closed)
        alerts = (*self.raised, *self.ended, *self.left)
        return tuple(dict.fromkeys((*(one["alert_id"] for one in alerts), *(deed.alert_id for deed in deeds))))


def of(
    alerts: Iterable[dict[str, Any]], standings: Mapping[str, Standing], deeds: Iterable[Deed], since: int
) -> Shift:  # fmt: skip
    """What happened since a moment, and what is left.

    Args:
        alerts: Alerts of a team.
        standings: How each stands, by id.
        deeds: All that people of the team did.
        since: Partnership time, ms.
    """
    alerts = sorted(alerts, key=lambda one: (one["raised_at"], one["alert_id"]))
    done = [deed for deed in sorted(deeds, key=lambda deed: deed.n) if deed.at >= since]
    left = [one for one in alerts if one["state"] not in CLOSED and not _of(standings, one).closed]
    return Shift(
        raised=tuple(one for one in alerts if _came(one, since)),
        taken=tuple(deed for deed in done if deed.action in TAKING),
        acted=tuple(deed for deed in done if deed.action not in TAKING | ENDING),
        closed=tuple(deed for deed in done if deed.action in ENDING),
        ended=tuple(one for one in alerts if one["state"] in CLOSED and one["changed_at"] >= since),
        left=tuple(sorted(left, key=lambda one: (bool(_of(standings, one).holder), pages.urgency(one)))),
    )


def _came(alert: Mapping[str, Any], since: int) -> bool:
    if is_gone(alert) and alert["raised_at"] < since:
        return False
    return bool(alert["raised_at"] >= since or (alert["correction"] in CAME and alert["changed_at"] >= since))


def _of(standings: Mapping[str, Standing], alert: Mapping[str, Any]) -> Standing:
    return standings.get(alert["alert_id"], NOBODY)
