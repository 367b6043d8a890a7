"""Small families for tests of risk and alerting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schemas.event import AGENCY_KINDS, FAMILIES
from schemas.profile import AGE_BANDS
from streams.risk.contribution import Contribution, Profile, Spell
from streams.risk.features import DAY_MS

T0 = 1_700_000_000_000


def event(
    record: bytes, at: int, family: str = "welfare", severity: int = 1, agency: str = "education", outcome: str = ""
) -> Contribution:
    factors = () if outcome else ((FAMILIES.index(family), severity),)
    return Contribution(record, AGENCY_KINDS.index(agency), "k", at, factors, False, outcome, (0, 0, 0))


def profile(band: str = "5-10", to_18: bool = True, allocation: str = "", spells: tuple[Spell, ...] = ()) -> Profile:
    return Profile(AGE_BANDS.index(band), to_18, False, "", allocation, False, spells)


class Families:
    """Facts in plain dicts: record -> household, record -> person."""

    def __init__(self) -> None:
        self.homes: dict[bytes, bytes] = {}
        self.people: dict[bytes, bytes] = {}
        self.profiles: dict[bytes, Profile] = {}
        self.kept: dict[bytes, Contribution] = {}
        self.alive_until: int | None = None
        self.late: tuple[tuple[str, int], ...] = ()

    def record(self, record: bytes, household: bytes, person: bytes | None = None, of: Profile | None = None) -> None:
        self.homes[record] = household
        self.people[record] = person or record
        if of is not None:
            self.profiles[record] = of

    def contributions(self, record: bytes) -> Iterable[Contribution]:
        return [one for one in self.kept.values() if one.record == record]

    def profile(self, record: bytes) -> Profile | None:
        return self.profiles.get(record)

    def agency(self, record: bytes) -> str:
        return "council" if record.startswith(b"c") else "schools"

    def household(self, record: bytes) -> bytes:
        return self.homes.get(record, record)

    def household_records(self, household: bytes) -> tuple[bytes, ...]:
        return tuple(sorted(r for r, home in self.homes.items() if home == household))

    def cluster(self, record: bytes) -> bytes:
        return self.people[record]

    def households(self) -> Iterable[bytes]:
        return set(self.homes.values())

    def events(self) -> Mapping[bytes, Contribution]:
        return self.kept

    def watermark(self, now: int) -> int:
        return now if self.alive_until is None else min(now, self.alive_until)

    def behind(self, now: int) -> tuple[tuple[str, int], ...]:
        return self.late


__all__ = ["DAY_MS", "T0", "Families", "event", "profile"]
