"""A partnership's facts as they stood at a moment of the past, by what is known now.

Decides what could be seen at a moment: events by when they happened, statuses by when they began and ended. What
state does not date it takes as it is now: links, ages, groups, allocations, corrections. It keeps no moment of
recording either, so an event is seen when it happened, and every feed counts as alive. Does not decide what follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from streams.risk.contribution import Contribution, Profile, Spell
from streams.risk.household import Facts

STATUS: Final = 0
EVENT: Final = 1
ASSUMES: Final = (
    "links, ages, groups, teams and corrections are those of today; nobody who has come of age since is a child",
    "an event is known when it happened and an outcome when it began: state does not keep when they were recorded",
    "every feed was alive throughout",
    "what people did about the alerts they were sent cannot be re-run: an outcome that was prevented looks like a"
    " false alert",
)
"""What a reader of anything made from this has to be told."""


class Change(NamedTuple):
    """Something became true: a status began or ended (rank `STATUS`; no event), or an event happened (`EVENT`)."""

    at: int
    rank: int
    event: bytes
    record: bytes


class Hindsight:
    """`Facts` at a moment that moves on. What lies after it is not there to be found."""

    def __init__(self, known: Facts, at: int, until: int) -> None:
        """Stand at a moment.

        Args:
            known: Facts as they are known now.
            at: The moment to stand at first (ms).
            until: Later than this nothing is ever looked at (ms).
        """
        self._known = known
        self._now = at
        self._events: dict[bytes, Contribution] = {}
        self._of: dict[bytes, list[Contribution]] = {}
        self._ahead: list[Change] = []
        for change in sorted(_changes(known)):
            if change.at <= at:
                self._see(change)
            elif change.at <= until:
                self._ahead.append(change)
        self._ahead.reverse()

    def move(self, to: int) -> Iterator[Change]:
        """Move on, stopping at each change: it can be seen from when it is given.

        Args:
            to: The moment to stand at in the end (ms).
        """
        while self._ahead and self._ahead[-1].at <= to:
            change = self._ahead.pop()
            self._now = change.at
            self._see(change)
            yield change
        self._now = to

    def _see(self, change: Change) -> None:
        if change.rank == EVENT:
            one = self._events[change.event] = self._known.events()[change.event]
            self._of.setdefault(one.record, []).append(one)

    def contributions(self, record: bytes) -> Iterable[Contribution]:
        """What had happened to a record."""
        return self._of.get(record, ())

    def profile(self, record: bytes) -> Profile | None:
        """The profile of today with the statuses of then: one that ended later had no end yet."""
        profile = self._known.profile(record)
        if profile is None or not profile.spells:
            return profile
        begun = (spell for spell in profile.spells if spell.started_at <= self._now)
        return msgspec.structs.replace(profile, spells=tuple(self._as_seen(spell) for spell in begun))

    def _as_seen(self, spell: Spell) -> Spell:
        ended = spell.ended_at is not None and spell.ended_at <= self._now
        return spell if ended else Spell(spell.kind, spell.started_at, None)

    def agency(self, record: bytes) -> str:
        """Agency that holds the record."""
        return self._known.agency(record)

    def household(self, record: bytes) -> bytes:
        """Household of a record, as linked today."""
        return self._known.household(record)

    def household_records(self, household: bytes) -> tuple[bytes, ...]:
        """Records of a household, as linked today."""
        return self._known.household_records(household)

    def cluster(self, record: bytes) -> bytes:
        """Person a record stands for, as linked today."""
        return self._known.cluster(record)

    def households(self) -> Iterable[bytes]:
        """All households of today."""
        return self._known.households()

    def events(self) -> Mapping[bytes, Contribution]:
        """What had happened."""
        return self._events

    def watermark(self, now: int) -> int:
        """Every feed counts as alive."""
        return now

    def behind(self, now: int) -> tuple[tuple[str, int], ...]:
        """No feed counts as behind."""
        del now
        return ()


def _changes(known: Facts) -> Iterator[Change]:
    """Everything dated about records that stand in a household, in any order."""
    homes = {record for household in known.households() for record in known.household_records(household)}
    for event, one in known.events().items():
        if one.record in homes:
            yield Change(one.occurred_at, EVENT, event, one.record)
    for record in homes:
        profile = known.profile(record)
        for spell in () if profile is None else profile.spells:
            yield Change(spell.started_at, STATUS, b"", record)
            if spell.ended_at is not None:
                yield Change(spell.ended_at, STATUS, b"", record)
