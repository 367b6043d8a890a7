"""The world: one object from one seed.

Decides which part is made from which, each once. Same seed and number of families, same world, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final

from demo.world import people, stories
from demo.world.agency import Maker, Material
from demo.world.base import DAY_MS, START_MS, rng
from demo.world.book import Book, Change, Row
from demo.world.council import Council
from demo.world.events import Chronicle, WorldEvent, WorldStatus, chronicle
from demo.world.homes import Homes
from demo.world.hospital import Hospital
from demo.world.mix import PLANTED, Mix
from demo.world.needs import Background
from demo.world.people import Person, Population
from demo.world.police import Police
from demo.world.schools import Schools
from demo.world.truth import truth

AGENCIES: Final[dict[str, type[Maker]]] = {
    "council": Council, "police": Police, "hospital": Hospital, "schools": Schools, "homes": Homes,
}  # fmt: skip


class World:
    """A partnership of five agencies, its families, what happened to them, and what each agency holds."""

    def __init__(self, seed: int = 7, families: int = 2000, mix: Mix = PLANTED) -> None:
        """Choose a world; nothing is made yet.

        Args:
            seed: Everything random comes of it.
            families: How many.
            mix: How much is planted and how much only happens.
        """
        self.seed, self.families, self.mix = seed, families, mix

    @cached_property
    def population(self) -> Population:
        """Persons and households."""
        return people.build(self.seed, self.families)

    @cached_property
    def chronicle(self) -> Chronicle:
        """What happened."""
        plan = stories.plan(self.population, rng(self.seed, "stories"), self.mix)
        background = Background(self.population, plan, rng(self.seed, "needs"), self.mix)
        background.draw()
        return chronicle(self.population, plan, background, rng(self.seed, "events"), rng(self.seed, "early help"))

    @property
    def people(self) -> list[Person]:
        """Everyone; a person's id is the index."""
        return self.population.people

    def children(self, at_ms: int) -> list[Person]:
        """Children at a moment.

        Args:
            at_ms: ms since 1970-01-01 UTC.

        Returns:
            Persons of families, born and under 18.
        """
        day = (at_ms - START_MS) / DAY_MS
        return [p for p in self.people if p.role == "child" and 0 <= p.age(day) < 18]

    def events(self) -> list[WorldEvent]:
        """Every event, in order of recording; those recorded after the end of live are never written anywhere.

        Returns:
            Events sorted by (recorded_at, number).
        """
        return self.chronicle.events

    def statuses(self) -> list[WorldStatus]:
        """Every spell of a legal status.

        Returns:
            Spells sorted by the time they were written.
        """
        return self.chronicle.statuses

    @cached_property
    def makers(self) -> dict[str, Maker]:
        """The agencies, their databases written."""
        material = Material(self.seed, self.population, self.chronicle)
        makers = {agency: maker(material) for agency, maker in AGENCIES.items()}
        for maker in makers.values():
            maker.make()
        return makers

    def book(self, agency: str) -> Book:
        """An agency's database in time.

        Args:
            agency: Its id.

        Returns:
            Initial rows and live changes.
        """
        return self.makers[agency].book

    def rows(self, agency: str) -> Iterator[Row]:
        """Initial rows, then live writes, for use without a database.

        Args:
            agency: Its id.

        Returns:
            Rows in order of writing.
        """
        return self.book(agency).rows()

    def changes(self) -> list[Change]:
        """Live writes of all agencies.

        Returns:
            In order of time; within a moment, agencies in a fixed order.
        """
        return sorted((c for agency in AGENCIES for c in self.book(agency).changes()), key=lambda c: c.at_ms)

    def truth(self) -> dict[str, Any]:
        """What is true, JSON-serialisable.

        Returns:
            See truth.py.
        """
        return truth(self.seed, self.population, self.chronicle, self.makers)
