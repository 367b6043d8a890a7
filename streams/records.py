"""Rows about records and feeds: what the platform keeps of an agency's record besides its encodings.

Decides the shape of those rows and when a version supersedes another. Does not link, score or alert.
"""

from __future__ import annotations

from typing import Final

import msgspec

from streams.risk.contribution import Profile

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
