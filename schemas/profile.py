"""What is true of a record now, in codes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypedDict

AGE_BANDS: Final = ("unborn", "0-4", "5-10", "11-15", "16-17", "18-24", "adult", "unknown")
STATUSES: Final = ("protection_plan", "looked_after", "in_need", "early_help")
PRESENCE_STATUSES: Final = frozenset({"protection_plan", "looked_after"})
OPEN_STATUSES: Final = frozenset({"protection_plan", "looked_after", "in_need"})
"""While one lasts the child has an open episode and is not scored for escalation (RISK section 2)."""
STATUSES_MAX: Final = 64
LEVELS: Final = ("none", "early_help", "in_need", "plan", "looked_after")
"""Levels of need, rising; a child counts at its highest."""
_LEVEL_OF_STATUS: Final = {"early_help": 1, "in_need": 2, "protection_plan": 3, "looked_after": 4}


class Status(TypedDict):
    """One spell of a legal status; times are ms since 1970-01-01 UTC."""

    kind: str
    started_at: int
    ended_at: int | None


class Profile(TypedDict):
    """See avro/profile.avsc for what each field means."""

    op: Literal["upsert", "delete"]
    age_band: str
    to_18: bool
    to_25: bool
    group: str
    allocation: str
    restricted: bool
    unborn_of: bytes
    statuses: list[Status]


def level(statuses: Iterable[tuple[str, int, int | None]], now: int) -> str:
    """Level of need of one child.

    Args:
        statuses: (kind, started_at, ended_at) over all linked records, times in ms.
        now: Moment, ms.

    Returns:
        One of LEVELS: the highest that lasts.

    Example:
        >>> level([("in_need", 0, None), ("early_help", 0, None), ("looked_after", 0, 5)], 9)
        'in_need'
    """
    lasting = (
        _LEVEL_OF_STATUS[kind]
        for kind, started_at, ended_at in statuses
        if started_at <= now and (ended_at is None or now < ended_at)
    )
    return LEVELS[max(lasting, default=0)]
