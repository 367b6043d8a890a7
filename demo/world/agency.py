"""What every agency's database has in common: people it knows, moves it notes, events it records.

Decides the order of writing and which true events reach which agency. The rows themselves are made in council.py,
police.py, hospital.py, schools.py and homes.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from demo.world.base import DAY_MS, END_MS, START_MS, T0_MS, ms, rng, utc
from demo.world.book import Book
from demo.world.events import Chronicle, WorldEvent
from demo.world.noise import Copy, Scribe
from demo.world.notes import note
from demo.world.people import Person, Population
from demo.world.places import Address
from demo.world.stories import WrongLink

CORRECTED_ONE_IN = 83  # live entries whose time is corrected
CORRECTED_AFTER_MS = 4 * DAY_MS
DATED_KEYS = frozenset({"absence", "attend_ok"})  # their key holds the day, so that a correction would be another row


@dataclass(frozen=True, slots=True)
class Material:
    """What the agencies' databases are made from."""

    seed: int
    population: Population
    chronicle: Chronicle


class Maker(ABC):
    """Writes one agency's database. Subclasses say who is known and how rows look."""

    agency: ClassVar[str]
    kind: ClassVar[str]
    prefix: ClassVar[str]
    schema: ClassVar[str]
    table: ClassVar[str]
    key: ClassVar[str]

    def __init__(self, material: Material) -> None:
        self.material, self.population = material, material.population
        self.random = rng(material.seed, self.agency)
        self.scribe = Scribe(self.agency, self.population, rng(material.seed, f"{self.agency} noise"))
        self.book = Book(self.agency)
        self.keys: dict[int, str] = {}
        self.enrolled_ms: dict[int, int] = {}
        self.events = [e for e in material.chronicle.events if e.agency_kind == self.kind and e.recorded_at < END_MS]
        self.wrong: dict[int, WrongLink] = {
            w.person: w for w in material.chronicle.plan.wrong if w.agency == self.agency
        }
        self.corrections: list[tuple[WorldEvent, int]] = []
        self._serials: dict[str, int] = {}

    def make(self) -> Book:
        """Write everything.

        Returns:
            The filled book.
        """
        first = {p: START_MS + int(d * DAY_MS) for p, d in self.members().items() if p not in self.wrong}
        for event in self.events:
            first[event.person] = min(first.get(event.person, END_MS), event.recorded_at - 1000)
        first = {person: at_ms for person, at_ms in first.items() if at_ms < END_MS}
        numbers = self.random.permutation(90_000)
        for number, person in zip(numbers, sorted(first, key=lambda p: (first[p], p)), strict=False):
            self.keys[person] = f"{self.prefix}{100_000 + int(number)}"
            self.enrolled_ms[person] = first[person]
            self._enrol(self.population.people[person], first[person])
        for event in self.events:
            self.record(event)
            self._correct(event)
            if event.removed_at is not None and event.removed_at < END_MS:
                self.withdraw(event)
        self.more()
        self.book.put(START_MS, f"{self.schema}.sightline_heartbeat", {"id": 1, "beat_at": utc(T0_MS)})
        for day in range((END_MS - T0_MS) // DAY_MS):
            beat = T0_MS + day * DAY_MS + 1000
            self.book.put(beat, f"{self.schema}.sightline_heartbeat", {"id": 1, "beat_at": utc(beat)})
        return self.book

    def _correct(self, event: WorldEvent) -> None:
        """Some entries of live turn out to be dated a day late and are written again."""
        live = T0_MS <= event.recorded_at < END_MS - CORRECTED_AFTER_MS
        told = event.household in self.material.chronicle.plan.calm  # a story is told once
        dated = event.kind in DATED_KEYS or event.outcome or event.kind == "referral"
        if live and not told and not dated and event.removed_at is None and event.number % CORRECTED_ONE_IN == 0:
            at_ms = event.recorded_at + CORRECTED_AFTER_MS
            self.record(event._replace(occurred_at=event.occurred_at - DAY_MS, recorded_at=at_ms))
            self.corrections.append((event, at_ms))

    @abstractmethod
    def members(self) -> dict[int, float]:
        """Whom the agency knows, apart from those it meets through an event.

        Returns:
            Person and the day (since the start of backfill) of the first entry.
        """

    @abstractmethod
    def enrol(self, person: Person, copy: Copy, at_ms: int) -> None:
        """Write a new record.

        Args:
            person: Whom it is about; `copy` is what is written of them.
            copy: The copy.
            at_ms: When.
        """

    @abstractmethod
    def amend(self, person: Person, copy: Copy, at_ms: int) -> None:
        """Write names, birth date and numbers of a record again.

        Args:
            person: Whose record.
            copy: What it says from now on.
            at_ms: When.
        """

    @abstractmethod
    def move(self, person: Person, address: Address, at_ms: int) -> None:
        """Write a new address.

        Args:
            person: Whose record.
            address: The address as written.
            at_ms: When.
        """

    @abstractmethod
    def record(self, event: WorldEvent) -> None:
        """Write an event.

        Args:
            event: One of this agency's.
        """

    @abstractmethod
    def withdraw(self, event: WorldEvent) -> None:
        """Delete an event that was entered in error.

        Args:
            event: Already recorded; its `removed_at` is set.
        """

    def more(self) -> None:  # noqa: B027  (most agencies have nothing more)
        """Write what is neither a record nor an event, such as plans and allocations."""

    def serial(self, what: str, start: int = 100_000) -> int:
        """Next number of a series.

        Args:
            what: The series.
            start: Its first number.

        Returns:
            The number.
        """
        self._serials[what] = self._serials.get(what, start - 1) + 1
        return self._serials[what]

    def text(self, event: WorldEvent) -> str | None:
        """A note about an event.

        Args:
            event: What happened.

        Returns:
            Text with names in it, or None.
        """
        person = self.population.people[event.person]
        day = (event.occurred_at - START_MS) / DAY_MS
        address = self.population.households[event.household].address_at(day)
        return note(self.random, person, address.line, event.kind)

    def restricted(self, person: Person) -> bool:
        """Whether the person's whereabouts must not leave.

        Args:
            person: Who.

        Returns:
            True for families of the refuge.
        """
        return self.population.households[person.household].restricted

    def _enrol(self, person: Person, at_ms: int) -> None:
        day = (at_ms - START_MS) / DAY_MS
        wrong = self.wrong.get(person.id)
        copy = self.scribe.copy(self.population.people[wrong.mistaken_for] if wrong else person, day)
        self.enrol(person, copy, at_ms)
        if wrong:
            true = self.scribe.copy(person, day)
            self.amend(person, true, ms(wrong.corrected))
            if true.address:
                self.move(person, true.address, ms(wrong.corrected))
            return
        renamed = self.scribe.rename(person)
        if renamed is not None and renamed > day and copy.surname == person.surname:
            changed = Copy(copy.given, copy.middle, person.new_surname, copy.dob, copy.nhs, copy.upn, copy.address)
            self.amend(person, changed, ms(renamed))
        for noted, address in self.scribe.moves(person.household, day):
            self.move(person, self.scribe.written(address), ms(noted))


def values(**columns: Any) -> dict[str, Any]:
    """Columns of a row, empty strings as null.

    Returns:
        The columns.
    """
    return {name: None if value == "" else value for name, value in columns.items()}
