"""What presence keeps about a record and about a contact, and what a status means at a moment.

Decides which statuses count and for how long. Does not know persons: that is streams/presence/register.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from schemas.profile import PRESENCE_STATUSES
from streams.state import Spec

DAY_MS = 24 * 3600 * 1000
LOCAL = ZoneInfo("Europe/London")  # a status ends on a day in England
CONTACTS_SHOWN = 25  # newest contacts of a person, CP-IS
CONTACTS_PER_RECORD_MAX = 1_000  # the oldest goes beyond; a deletion is exact up to here


class Contact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One contact event, kept under its event pseudonym.

    Attributes:
        record: Record that presented; empty once withdrawn, when only `told` and the time of withdrawal remain.
        agency: Agency that the contact was with.
        occurred_at: When (ms since 1970-01-01 UTC); when it was withdrawn, once it is.
        live: It came after its source was live; a backfilled contact is never told.
        told: Records whose person was told of: `record` itself, or an unborn child's record.
        via: Those of `told` that are unborn children reached through `record`, for their history.
    """

    record: bytes
    agency: str
    occurred_at: int
    live: bool
    told: tuple[bytes, ...] = ()
    via: tuple[bytes, ...] = ()


class Standing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What of a record's profile matters to presence.

    Attributes:
        agency: Whose record.
        spells: (status, started_at, ended_at) of the statuses that presence knows; times in ms UTC.
        restricted: Restricted child.
        allocation: Team that the child is allocated to, or empty.
        unborn_of: Mother's record while the child is unborn, else empty.
    """

    agency: str
    spells: tuple[tuple[str, int, int | None], ...]
    restricted: bool
    allocation: str
    unborn_of: bytes


SPECS: tuple[Spec, ...] = (Spec("contacts", Contact), Spec("standings", Standing))


def standing(agency: str, profile: Mapping[str, Any]) -> Standing | None:
    """What to keep of a profile; None where presence needs nothing of it.

    Args:
        agency: Whose record.
        profile: A schemas.profile.Profile.
    """
    spells = tuple(
        sorted(
            (
                (s["kind"], s["started_at"], s["ended_at"])
                for s in profile["statuses"]
                if s["kind"] in PRESENCE_STATUSES
            ),
            key=lambda spell: (spell[0], spell[1], -1 if spell[2] is None else spell[2]),
        )
    )
    unborn_of = profile["unborn_of"] if profile["age_band"] == "unborn" else b""
    kept = Standing(agency, spells, profile["restricted"], profile["allocation"], unborn_of)
    return kept if spells or unborn_of or kept.restricted or kept.allocation else None


def status_at(spells: Iterable[tuple[str, int, int | None]], at: int) -> str:
    """Status of a person at a moment.

    Args:
        spells: (status, started_at, ended_at) over all linked records.
        at: Moment, ms since 1970-01-01 UTC.

    Returns:
        `plan`, else `looked_after`, else `within_12_months`, else empty. A spell counts from its start, and its
        tail until `tail_ends_at`.

    Example:
        >>> status_at([("protection_plan", 0, None)], 5)
        'plan'
    """
    found = ""
    for kind, started_at, ended_at in spells:
        if started_at > at or (ended_at is not None and at >= tail_ends_at(ended_at)):
            continue
        if ended_at is not None and ended_at <= at:
            found = found or "within_12_months"
        elif kind == "protection_plan":
            return "plan"
        else:
            found = "looked_after"
    return found


def tail_ends_at(ended_at: int) -> int:
    """When the tail of a spell is over: "within the previous 12 months", the last day included.

    Counted by the calendar, not in days: 365 of them are a day short over a leap day, and 366 a day long without.

    Args:
        ended_at: End of the spell, ms since 1970-01-01 UTC.

    Returns:
        Midnight in England after the day that has the same date a year later; 1 March where that is a 29 February.

    Source:
        CP-IS shares these statuses and those within the previous 12 months:
        londonsafeguardingchildrenprocedures.co.uk/cpis.

    Example:
        >>> start = datetime(2025, 3, 10, 15, tzinfo=LOCAL)
        >>> datetime.fromtimestamp(tail_ends_at(int(start.timestamp() * 1000)) / 1000, LOCAL).isoformat()
        '2026-03-11T00:00:00+00:00'
    """
    ended = datetime.fromtimestamp(ended_at / 1000, UTC).astimezone(LOCAL).date()
    leap = (ended.month, ended.day) == (2, 29)
    last = date(ended.year + 1, 3, 1) if leap else ended.replace(year=ended.year + 1)
    return int(datetime.combine(last + timedelta(days=1), time(), LOCAL).timestamp()) * 1000
