"""What is true of a record now, in codes."""

from __future__ import annotations

from typing import Final, Literal, TypedDict

AGE_BANDS: Final = ("unborn", "0-4", "5-10", "11-15", "16-17", "18-24", "adult", "unknown")
STATUSES: Final = ("protection_plan", "looked_after", "in_need", "early_help")
PRESENCE_STATUSES: Final = frozenset({"protection_plan", "looked_after"})
OPEN_STATUSES: Final = frozenset({"protection_plan", "looked_after", "in_need"})
"""While one lasts the child has an open episode and is not scored for escalation (RISK section 2)."""
STATUSES_MAX: Final = 64


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
