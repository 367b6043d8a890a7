"""Rows about records, feeds, requests and look-ups: what the platform keeps of an agency besides its encodings.

Decides the shape of those rows and when a version supersedes another. Does not link, score or alert.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Final

import msgspec
from msgspec.structs import force_setattr

from streams.risk.contribution import Profile
from streams.state import Spec

Version = tuple[int, int, int]
"""Source epoch, position, sequence: greater supersedes, equal is a duplicate."""

NO_VERSION: Final[Version] = (-1, -1, -1)


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One agency's row about one person.

    Attributes:
        agency: Who holds it.
        identity_version: Version of the identity applied last.
        live: Whether it has an identity now; False before the first and after a delete.
        profile_version: Version of the profile applied last.
        profile: The profile, if it has one.
        waiting_since: received_at of its first message while no identity is known, else 0.
    """

    agency: str
    identity_version: Version = NO_VERSION
    live: bool = False
    profile_version: Version = NO_VERSION
    profile: Profile | None = None
    waiting_since: int = 0


def share(record: Record) -> None:
    """Let what many records repeat be one object: 150 bytes a record."""
    force_setattr(record, "agency", sys.intern(record.agency))
    if record.profile is not None and not record.profile.spells:
        force_setattr(record, "profile", _plain(record.profile))


@lru_cache(maxsize=4096)  # bands, groups and allocations: far fewer than records
def _plain(profile: Profile) -> Profile:
    return profile


class Feed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One source of one agency.

    Attributes:
        live: It has sent its history.
        beat_at: When the source database wrote the newest heartbeat: all it knew until then has arrived.
        newest_at: Newest occurred_at applied; events far behind it count as late.
        heartbeat_version: Version of the newest heartbeat.
    """

    live: bool = False
    beat_at: int = 0
    newest_at: int = 0
    heartbeat_version: Version = NO_VERSION


class SealedKey(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A payload key as it came: sealed to the platform; opened in memory only."""

    agency: str
    day: str
    sealed: bytes


class Asked(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An open request of one agency to another, under its id: streams/requests.py.

    Attributes:
        agency: Who asks.
        asked: Who is asked, and was told.
        expires_at: When it is taken back (ms).
    """

    agency: str
    asked: str
    expires_at: int


class Looked(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A look-up of one agency, under its id: streams/lookups.py. Nothing of whom it was about.

    Attributes:
        agency: Whose.
        asked_at: received_at (ms).
        expires_at: When the answer is taken back (ms).
        told: The answer is on the agency's view.
    """

    agency: str
    asked_at: int
    expires_at: int
    told: bool = True


REQUEST_SPECS: Final = (Spec("requests", Asked), Spec("lookups", Looked))
