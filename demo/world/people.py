"""Families: who exists, who lives with whom, where and since when. This is the truth about people.

Decides persons and households. Does not decide what agencies know of them (noise.py) or what happens to them
(needs.py, stories.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
from faker import Faker

from demo.world.base import BACKFILL_DAYS, DAY_MS, LIVE_DAYS, START_DATE, START_MS, T0_DATE, TOTAL_DAYS, rng
from demo.world.identifiers import nhs_numbers, upn
from demo.world.places import Address, Town

YEAR = 365.25  # days
TWIN_SHARE = 0.03  # of families with two children or more; about 1.5 % of births are twins
TWIN_ALIKE = 0.5  # of twins, with names that look alike: the hard case is wanted often
STEP_SHARE = 0.12  # of couples with children; about 1 in 9 is a step-family, ONS families and households
TENANT_SHARE = 0.45  # of families rent from the council's landlord, so that housing knows them
MOVES_PER_YEAR = 0.09  # of families, English Housing Survey order of magnitude
RENAMED_PER_YEAR = 0.015  # of mothers who take a new surname on marriage
COMMUNAL_SHARE = 0.008  # of families in a hostel or care setting for a time
REFUGES = 8  # families who live in the refuge and are restricted
SHARED_SHARE = 0.015  # of families share an address with another family
LIVE_BIRTHS = 30  # children born in the live phase
UNBORN = 8  # of these, known to maternity and the council before birth
SCHOOLS = 24
ALIKE = (
    ("Ella", "Ellie"), ("Jack", "Jake"), ("Amelia", "Emilia"), ("Callum", "Calum"), ("Mia", "Maya"),
    ("Aidan", "Ayden"), ("Sophie", "Sofia"), ("Louis", "Lewis"), ("Hana", "Hannah"), ("Harvey", "Harley"),
)  # fmt: skip


@dataclass(slots=True)
class Person:
    """One person as they are, whatever any agency wrote. Days count from the start of backfill."""

    id: int
    household: int
    role: str
    sex: str
    given: str
    middle: str
    surname: str
    born_on: date
    nhs: str
    upn: str = ""
    new_surname: str = ""
    renamed_day: float = 1e9
    mother: int = -1
    other_parent: int = -1
    twin: int = -1

    @property
    def born_at(self) -> int:
        """Midnight UTC of the birth date, ms."""
        return START_MS + (self.born_on - START_DATE).days * DAY_MS

    @property
    def born_day(self) -> int:
        """Birth in days since the start of backfill; negative before it."""
        return (self.born_on - START_DATE).days

    @property
    def child(self) -> bool:
        """Under 18 at some time between the start of backfill and the end of live."""
        return self.age(0) < 18 and self.born_day < BACKFILL_DAYS + LIVE_DAYS

    def age(self, day: float) -> float:
        """Age in years; negative before birth.

        Args:
            day: Days since the start of backfill.

        Returns:
            Years.
        """
        return (day - self.born_day) / YEAR

    def surname_at(self, day: float) -> str:
        """Surname in use.

        Args:
            day: Days since the start of backfill.

        Returns:
            The surname, the new one from the day of the change.
        """
        return self.new_surname if day >= self.renamed_day else self.surname


@dataclass(slots=True)
class Household:
    """A family under one roof, with its addresses from oldest to newest as (first day, address)."""

    id: int
    group: str
    tenant: bool
    addresses: list[tuple[float, Address]]
    members: list[int] = field(default_factory=list)
    restricted: bool = False

    def address_at(self, day: float) -> Address:
        """Where the family lives.

        Args:
            day: Days since the start of backfill.

        Returns:
            The address of that day.
        """
        return next(address for since, address in reversed(self.addresses) if since <= day or since < -1e8)


@dataclass(slots=True)
class Population:
    """Everyone, by id, and what is special about some of them."""

    people: list[Person]
    households: list[Household]
    unborn: list[int]
    communal: tuple[Address, ...]

    def children(self, household: int) -> list[Person]:
        """Children of a household, those not born yet included.

        Args:
            household: Its id.

        Returns:
            Eldest first.
        """
        return [self.people[i] for i in self.households[household].members if self.people[i].role == "child"]

    def adults(self, household: int) -> list[Person]:
        """Adults of a household, the mother first.

        Args:
            household: Its id.

        Returns:
            One or two people.
        """
        return [self.people[i] for i in self.households[household].members if self.people[i].role != "child"]


class _Builder:
    def __init__(self, seed: int, families: int) -> None:
        self.random = rng(seed, "people")
        self.faker = Faker("en_GB", use_weighting=True)
        self.faker.seed_instance(seed)
        self.town = Town(rng(seed, "places"), self.faker)
        self.nhs: Iterator[str] = nhs_numbers(rng(seed, "nhs"))
        self.people: list[Person] = []
        self.households: list[Household] = []
        self.families = families
        self.serials: dict[tuple[int, int], int] = {}

    def build(self) -> Population:
        for number in range(self.families):
            self._family(number)
        self._step_families()
        self._shared_addresses()
        unborn = self._births()
        return Population(self.people, self.households, unborn, self.town.communal)

    def _family(self, number: int) -> None:
        draw = self.random
        household = Household(number, "B" if draw.random() < 0.2 else "A", bool(draw.random() < TENANT_SHARE), [])
        self.households.append(household)
        surname = self.faker.last_name()
        ages = self._ages()
        mother = self._add(household, "parent", "F", surname, max(ages) + draw.uniform(18, 38))
        if draw.random() < RENAMED_PER_YEAR * TOTAL_DAYS / YEAR:
            mother.renamed_day, mother.new_surname = draw.uniform(60, TOTAL_DAYS - 100), self.faker.last_name()
        if draw.random() < 0.55:
            self._add(household, "partner", "M", surname, max(ages) + draw.uniform(19, 42))
        twins = len(ages) > 1 and draw.random() < TWIN_SHARE
        if twins:
            ages[1] = ages[0]
        first = len(self.people)
        for age in ages:
            self._add(household, "child", "FM"[int(draw.random() < 0.5)], surname, age).mother = mother.id
        if twins:
            self._pair(self.people[first], self.people[first + 1])
        household.addresses = self._addresses(number)
        household.restricted = any(a.kind == "refuge" for _, a in household.addresses)

    def _ages(self) -> list[float]:
        """Ages in years at the start of live, at least nine months apart."""
        ages = np.sort(self.random.uniform(0.1, 17.5, 1 + self.random.binomial(4, 0.2)))
        for i in range(1, len(ages)):
            ages[i] = max(ages[i], ages[i - 1] + 0.9)
        return [float(age) for age in ages[::-1]]

    def _add(self, household: Household, role: str, sex: str, surname: str, age: float) -> Person:
        born = T0_DATE - timedelta(days=int(age * YEAR))
        first = self.faker.first_name_female if sex == "F" else self.faker.first_name_male
        middle = first() if self.random.random() < 0.6 else ""
        taken = {self.people[i].given for i in household.members}
        given = next(name for name in iter(first, None) if name not in taken)
        person = Person(len(self.people), household.id, role, sex, given, middle, surname, born, next(self.nhs))
        if role == "child":
            person.upn = self._upn(household.id % SCHOOLS, born.year + 5)
        self.people.append(person)
        household.members.append(person.id)
        return person

    def _upn(self, school: int, year: int) -> str:
        serial = self.serials[school, year] = self.serials.get((school, year), 0) + 1
        return upn(2000 + school, year, serial)

    def _pair(self, elder: Person, younger: Person) -> None:
        elder.twin, younger.twin = younger.id, elder.id
        younger.born_on = elder.born_on
        if self.random.random() < TWIN_ALIKE:
            elder.given, younger.given = ALIKE[self.random.integers(len(ALIKE))]
            younger.sex = elder.sex

    def _addresses(self, number: int) -> list[tuple[float, Address]]:
        draw = self.random
        history = [(-1e9, self.town.home()), (draw.uniform(-1500, -60), self.town.home())]
        history += [(day, self.town.home()) for day in self._move_days()]
        communal: Address | None = None
        if number < REFUGES:
            communal = next(a for a in self.town.communal if a.kind == "refuge")
        elif draw.random() < COMMUNAL_SHARE:
            communal = self.town.communal[draw.integers(2)]
        if communal:
            latest = history[-1][0]
            history.append((draw.uniform(latest + 30, max(latest + 60, BACKFILL_DAYS - 60)), communal))
        return history

    def _move_days(self) -> list[float]:
        count = self.random.poisson(MOVES_PER_YEAR * (BACKFILL_DAYS + LIVE_DAYS) / YEAR)
        return sorted(float(d) for d in self.random.uniform(0, BACKFILL_DAYS + LIVE_DAYS - 5, count))

    def _step_families(self) -> None:
        """Gives some eldest children the surname of a father who lives with another family."""
        couples = [h for h in self.households if len(h.members) > 2 and self.people[h.members[1]].role == "partner"]
        for household in couples:
            if self.random.random() >= STEP_SHARE:
                continue
            children = [self.people[i] for i in household.members if self.people[i].role == "child"]
            father = self.people[couples[self.random.integers(len(couples))].members[1]]
            if children[0].twin >= 0 or father.household == household.id:
                continue
            children[0].surname, children[0].other_parent = father.surname, father.id
            if self.random.random() < 0.15:
                children[0].new_surname = self.people[household.members[1]].surname
                children[0].renamed_day = self.random.uniform(100, BACKFILL_DAYS + LIVE_DAYS - 60)

    def _shared_addresses(self) -> None:
        plain = [h for h in self.households if not any(a.communal for _, a in h.addresses)]
        for guest in plain[1::2]:
            if self.random.random() < SHARED_SHARE * 2:
                host = plain[self.random.integers(len(plain))]
                guest.addresses[-1] = (guest.addresses[-1][0], host.addresses[-1][1])

    def _births(self) -> list[int]:
        """Adds children born in the live phase; the first of them are known before they are born."""
        unborn: list[int] = []
        hosts = self.random.permutation(self.families)[: min(LIVE_BIRTHS, self.families)]
        for i, number in enumerate(hosts):
            household = self.households[number]
            mother = self.people[household.members[0]]
            days = self.random.uniform(60, 330) if i < UNBORN else self.random.uniform(10, 350)
            baby = self._add(household, "child", "FM"[int(self.random.random() < 0.5)], mother.surname, -days / YEAR)
            baby.mother = mother.id
            if i < UNBORN:
                unborn.append(baby.id)
        return unborn


def build(seed: int, families: int) -> Population:
    """Makes the families.

    Args:
        seed: The world's seed.
        families: How many households.

    Returns:
        The same population for the same arguments.
    """
    return _Builder(seed, families).build()
