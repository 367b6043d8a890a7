"""What the agency's own systems say of a child: to which team it is allocated, and whether its assessment is filed.

Decides when an assessment counts as filed. Read from the bridge's store, hence from the agency's change events:
nobody types it in a second time. No name passes through here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

DAY_MS = 24 * 3600 * 1000
SLACK_MS = DAY_MS  # a referral and its assessment may be dated by different clocks of one system


class Source(Protocol):
    """The bridge's store as the gate needs it."""

    def profile(self, pseudonym: bytes) -> dict[str, Any] | None:
        """What is true of a record now; None where none was sent."""

    def events_of(self, pseudonym: bytes) -> list[dict[str, Any]]:
        """Events of a record, newest first."""


class Assessing(NamedTuple):
    """Which kinds of own events open an assessment and which file it, and for how long one counts (days)."""

    opened_by: tuple[str, ...]
    filed_by: tuple[str, ...]
    valid_days: int


class Facts(NamedTuple):
    """Of some records together: teams that any is allocated to; restricted if any is; assessed only if one is."""

    teams: frozenset[str] = frozenset()
    restricted: bool = False
    assessed: bool = False


def read(source: Source, records: Iterable[bytes], assessing: Assessing | None, now: int) -> Facts:
    """Facts about some records.

    Args:
        source: The bridge's store.
        records: Own record pseudonyms.
        assessing: How assessments are told; None where nobody asks.
        now: Partnership time, ms.
    """
    own = tuple(records)
    profiles = [profile for record in own if (profile := source.profile(record)) is not None]
    events = [event for record in own for event in source.events_of(record)] if assessing is not None else []
    return Facts(
        frozenset(profile["allocation"] for profile in profiles if profile["allocation"]),
        any(profile["restricted"] for profile in profiles),
        assessing is not None and assessed(events, assessing, now),
    )


def assessed(events: Iterable[Mapping[str, Any]], assessing: Assessing, now: int) -> bool:
    """Whether an assessment was filed since the last referral, or within its time where there is none.

    Example:
        >>> rules = Assessing(("referral",), ("assessment",), 365)
        >>> referral = {"kind": "referral", "occurred_at": 9 * DAY_MS}
        >>> filed = {"kind": "assessment", "occurred_at": DAY_MS}
        >>> assessed([filed], rules, 20 * DAY_MS), assessed([filed, referral], rules, 20 * DAY_MS)
        (True, False)
    """
    known = [(str(event["kind"]), int(event["occurred_at"])) for event in events]
    opened_at = max((at for kind, at in known if kind in assessing.opened_by), default=0)
    since = max(opened_at - SLACK_MS, now - assessing.valid_days * DAY_MS)
    return any(kind in assessing.filed_by and at >= since for kind, at in known)
