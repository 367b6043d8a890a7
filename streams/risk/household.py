"""A household as it is judged: its children, their open episodes and everything that happened.

Decides who is a subject and who is in an open episode at a moment. Does not score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, Protocol

from schemas.event import FAMILIES
from schemas.profile import AGE_BANDS, OPEN_STATUSES
from streams.risk.contribution import Contribution, Profile
from streams.risk.features import AGE_OF_BAND, DAY_MS

CLOSED_MS: Final = 90 * DAY_MS  # a closed case is looked after so long: stepping down goes by the risk, not the file
OPENING_MS: Final = 120 * DAY_MS  # an onset that led to no spell yet: 45 working days of assessment and room
ASSESSING_MS: Final = 65 * DAY_MS  # 45 working days in which a referral is assessed
REFERRAL: Final = FAMILIES.index("referral")
NEVER: Final = 1 << 62

_KNOWN_BANDS: Final = frozenset(range(len(AGE_BANDS))) - {AGE_BANDS.index("adult"), AGE_BANDS.index("unknown")}


class Facts(Protocol):
    """What risk and alerting ask of the partnership's state: plain look-ups."""

    def contributions(self, record: bytes) -> Iterable[Contribution]:
        """Kept contributions of a record, in any order."""

    def profile(self, record: bytes) -> Profile | None:
        """What is true of a record, if its agency said."""

    def agency(self, record: bytes) -> str:
        """Agency that holds the record."""

    def household(self, record: bytes) -> bytes:
        """Household of a record; the record itself where it stands alone."""

    def household_records(self, household: bytes) -> tuple[bytes, ...]:
        """Records of a household, sorted; empty where there is none now."""

    def cluster(self, record: bytes) -> bytes:
        """Person a record stands for."""

    def households(self) -> Iterable[bytes]:
        """All households, in any order."""

    def events(self) -> Mapping[bytes, Contribution]:
        """All kept contributions by event pseudonym."""

    def watermark(self, now: int) -> int:
        """Time up to which every feed is known to have been alive (ms)."""

    def behind(self, now: int) -> tuple[tuple[str, int], ...]:
        """Agencies past the freshness limit, and by how many seconds."""


class Child(NamedTuple):
    """A subject: a child to 18, a care leaver to 25.

    Attributes:
        person: Cluster id.
        age: Which age feature, -1 where it is not known.
        allocation: Team the child is allocated to, or empty.
        open: Spans of open episodes, [start, end) in ms: spells of need or plan, onsets of the outcome, and the
            assessment of a referral of any child of the household, for a family is assessed together.
        spells: Spans of need, plan or being looked after alone.
        onsets: Onsets of the outcome, sorted.
        statuses: (kind, start, end) of spells of every kind, sorted.
        referrals: The child's own, sorted.
        assessed: Spans in which the family is assessed, sorted: part of `open`.
        group: Coded group for fairness figures only, or empty.
    """

    person: bytes
    age: int
    allocation: str
    open: tuple[tuple[int, int], ...]
    spells: tuple[tuple[int, int], ...]
    onsets: tuple[int, ...]
    statuses: tuple[tuple[str, int, int], ...] = ()
    referrals: tuple[int, ...] = ()
    assessed: tuple[tuple[int, int], ...] = ()
    group: str = ""

    def open_at(self, at: int) -> bool:
        """Whether an episode is open: the child is then not scored for escalation (RISK section 2)."""
        return any(start <= at < end for start, end in self.open)


class Household(NamedTuple):
    """Everything a household is judged by; children sorted by person."""

    records: tuple[bytes, ...]
    children: tuple[Child, ...]
    contributions: tuple[Contribution, ...]

    def spell_at(self, now: int) -> int:
        """When the newest spell of need or plan that lasts now began, or 0."""
        return max((s for child in self.children for s, end in child.spells if s <= now < end), default=0)

    def closed_at(self, now: int) -> int:
        """When the last spell of need or plan ended, if that is at most `CLOSED_MS` ago, or 0."""
        ended = (end for child in self.children for _, end in child.spells if now - CLOSED_MS <= end <= now)
        return max(ended, default=0)


def read(facts: Facts, household: bytes) -> Household:
    """Look a household up."""
    records = facts.household_records(household)
    events: list[Contribution] = []
    people: dict[bytes, list[bytes]] = {}
    for record in records:
        events.extend(facts.contributions(record))
        people.setdefault(facts.cluster(record), []).append(record)
    onsets: dict[bytes, list[int]] = {}
    referrals: dict[bytes, list[int]] = {}
    for one in events:
        if _assesses(one):
            person = facts.cluster(one.record)
            referrals.setdefault(person, []).append(one.occurred_at)
            if one.outcome:
                onsets.setdefault(person, []).append(one.occurred_at)
    assessed = sorted((at, at + ASSESSING_MS) for times in referrals.values() for at in times)
    children = []
    for person in sorted(people):
        profiles = [p for p in map(facts.profile, people[person]) if p is not None]
        if any(p.to_18 or p.to_25 for p in profiles):
            own = sorted(onsets.get(person, ())), sorted(referrals.get(person, ()))
            children.append(_child(person, profiles, *own, assessed))
    return Household(records, tuple(children), tuple(events))


def with_event(household: Household, event: Contribution) -> Household | None:
    """A household with one more event, or None where the event changes more of it: it has to be read again."""
    return None if _assesses(event) else household._replace(contributions=(*household.contributions, event))


def _assesses(event: Contribution) -> bool:
    """Whether an event opens an assessment: an outcome, or a referral."""
    return bool(event.outcome) or REFERRAL in [family for family, _ in event.factors]


def _child(
    person: bytes,
    profiles: list[Profile],
    onsets: list[int],
    referrals: list[int],
    assessed: list[tuple[int, int]],
) -> Child:
    bands = [p.age_band for p in profiles if p.age_band in _KNOWN_BANDS]
    teams = [p.allocation for p in profiles if p.allocation]
    statuses = sorted(
        (s.kind, s.started_at, NEVER if s.ended_at is None else s.ended_at) for p in profiles for s in p.spells
    )
    spells = sorted((start, end) for kind, start, end in statuses if kind in OPEN_STATUSES)
    spans = [*spells, *((onset, closes(onset, spells)) for onset in onsets), *assessed]
    return Child(
        person=person,
        age=AGE_OF_BAND[min(bands)] if bands else -1,
        allocation=min(teams, default=""),
        open=tuple(spans),
        spells=tuple(spells),
        onsets=tuple(onsets),
        statuses=tuple(statuses),
        referrals=tuple(referrals),
        assessed=tuple(assessed),
        group=next((p.group for p in profiles if p.group), ""),
    )


def closes(onset: int, spells: Iterable[tuple[int, int]]) -> int:
    """End of the episode an onset opened: that of the spell it led to."""
    ends = [end for start, end in spells if end > onset and start <= onset + OPENING_MS]
    return min(ends, default=onset + OPENING_MS)
