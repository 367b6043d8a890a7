"""How agencies write people down: every rate of error in one place, with where it comes from.

Decides what an agency's copy of a person says. Does not decide whom an agency knows (agencies). Rates are shares of
copies unless a line says otherwise. Where a line gives no source, the rate is ours: chosen so that every kind of
error occurs in a partnership of this size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np

from demo.world.people import Person, Population
from demo.world.places import Address

DOB_ERROR: Final = 0.0011  # .11 %, issue 1 item 7, mission/practice.md section 3 (linkage of UK health records)
POSTCODE_DISAGREEMENT: Final = (
    0.53  # of pairs of agencies' copies of a person, same sources; stale, moved or mistyped
)
FAMILY_STALE: Final = {"council": 0.31, "police": 0.47, "hospital": 0.33, "schools": 0.30, "homes": 0.26}
"""Families whose previous address an agency still holds; with the next three this gives `POSTCODE_DISAGREEMENT`."""
PERSON_STALE: Final = 0.08
MOVE_NOTED: Final = {
    "council": 0.7,
    "police": 0.35,
    "hospital": 0.6,
    "schools": 0.7,
    "homes": 0.8,
}  # moves ever noted
MOVE_LAG_DAYS: Final = 40.0  # mean delay until a noted move is written
POSTCODE_TYPO: Final = 0.035
ADDRESS_MISSING: Final = {"council": 0.02, "police": 0.06, "hospital": 0.005, "schools": 0.005, "homes": 0.0}
NICKNAME: Final = {"council": 0.03, "police": 0.02, "hospital": 0.01, "schools": 0.05, "homes": 0.05}
NAME_TYPO: Final = 0.012  # of each name; 1 to 3 % in administrative data, ONS matching papers, order of magnitude
SWAPPED_NAMES: Final = 0.004  # given name and surname the wrong way round
STEP_SURNAME: Final = 0.12  # of step-children: the step-parent's surname
MIDDLE_KEPT: Final = {"council": 0.7, "police": 0.5, "hospital": 0.9, "schools": 0.8, "homes": 0.1}
DOB_MISSING: Final = {"council": 0.002, "police": 0.01, "hospital": 0.0, "schools": 0.0, "homes": 0.02}
DOB_NOMINAL: Final = {"council": 0.002, "police": 0.008, "hospital": 0.0005, "schools": 0.0, "homes": 0.006}  # 01/01
UNKNOWN_NAME: Final = {"council": 0.0, "police": 0.004, "hospital": 0.001, "schools": 0.0, "homes": 0.002}
BABY_NAME: Final = 0.6  # of newborns' first hospital copy: "Baby" until the name is registered
NHS_HELD: Final = {
    "council": 0.72,
    "hospital": 0.99,
}  # the NHS number's reach outside health is partial, CP-IS guidance
UPN_HELD: Final = {"council": 0.45, "schools": 0.985}
RENAME_NOTED: Final = 0.65  # changes of surname that an agency writes down
RENAME_LAG_DAYS: Final = 60.0
NICKNAMES: Final = {
    "Katherine": "Kate", "Thomas": "Tom", "Benjamin": "Ben", "Daniel": "Dan", "Samuel": "Sam", "Joshua": "Josh",
    "Matthew": "Matt", "Christopher": "Chris", "Jessica": "Jess", "Abigail": "Abi", "Elizabeth": "Liz",
    "William": "Will", "Alexander": "Alex", "Nicholas": "Nick", "Rebecca": "Becky", "Victoria": "Vicky",
    "Jennifer": "Jenny", "Joseph": "Joe", "Michael": "Mike", "Robert": "Rob", "Andrew": "Andy", "Stephen": "Steve",
    "Deborah": "Debbie", "Kimberley": "Kim", "Gregory": "Greg", "Timothy": "Tim", "Natalie": "Nat", "Joanna": "Jo",
}  # fmt: skip
KEYS_NEAR: Final = {
    "a": "s",
    "e": "r",
    "i": "o",
    "o": "p",
    "n": "m",
    "r": "t",
    "t": "y",
    "s": "d",
    "l": "k",
    "c": "v",
}


@dataclass(frozen=True, slots=True)
class Copy:
    """A person as one agency has written them down."""

    given: str
    middle: str
    surname: str
    dob: date | None
    nhs: str | None
    upn: str | None
    address: Address | None


class Scribe:
    """Writes one agency's copies."""

    def __init__(self, agency: str, population: Population, random: np.random.Generator) -> None:
        self.agency, self.population, self.random = agency, population, random
        families = len(population.households)
        self._stale = random.random(families) < FAMILY_STALE[agency]
        self._moves_noted = random.random(families) < MOVE_NOTED[agency]

    def copy(self, person: Person, day: float) -> Copy:
        """A first copy.

        Args:
            person: Whom to write down.
            day: When, in days since the start of backfill.

        Returns:
            The copy, with errors.
        """
        given, surname = self._names(person, day)
        return Copy(
            given,
            person.middle if self._chance(MIDDLE_KEPT[self.agency]) else "",
            surname,
            self._dob(person.born_on),
            person.nhs if self._chance(NHS_HELD.get(self.agency, 0)) else None,
            person.upn if person.upn and self._chance(UPN_HELD.get(self.agency, 0)) and person.age(day) > 4 else None,
            self.address(person, day),
        )

    def address(self, person: Person, day: float) -> Address | None:
        """The address a first copy carries; often an earlier one.

        Args:
            person: Who.
            day: When.

        Returns:
            The address as written, or None.
        """
        if self._chance(ADDRESS_MISSING[self.agency]):
            return None
        history = self.population.households[person.household].addresses
        place = max(i for i, (since, _) in enumerate(history) if since <= day or i == 0)
        if place and (self._stale[person.household] or self._chance(PERSON_STALE)):
            place -= 1
        return self.written(history[place][1])

    def written(self, address: Address) -> Address:
        """An address with the errors of typing.

        Args:
            address: The true one.

        Returns:
            It, or it with a mistyped postcode.
        """
        if not self._chance(POSTCODE_TYPO):
            return address
        code = address.postcode
        place = int(self.random.integers(len(code) - 2, len(code)))
        letter = "ABDEFGHJLNPQRSTUWXYZ"[self.random.integers(20)]
        return replace(address, postcode=code[:place] + letter + code[place + 1 :])

    def moves(self, household: int, since: float) -> list[tuple[float, Address]]:
        """Moves that the agency notes, with the day it does.

        Args:
            household: Whose.
            since: Only moves after this day.

        Returns:
            (day noted, new address), oldest first.
        """
        if not self._moves_noted[household]:
            return []
        history = self.population.households[household].addresses[1:]
        noted = [(day + self.random.exponential(MOVE_LAG_DAYS), address) for day, address in history if day > since]
        return [(max(day, noted[i - 1][0] + 1) if i else day, address) for i, (day, address) in enumerate(noted)]

    def rename(self, person: Person) -> float | None:
        """Day on which the agency writes down a change of surname.

        Args:
            person: Who.

        Returns:
            The day, or None where it never does.
        """
        if not person.new_surname or not self._chance(RENAME_NOTED):
            return None
        return person.renamed_day + 3 + self.random.exponential(RENAME_LAG_DAYS)

    def _names(self, person: Person, day: float) -> tuple[str, str]:
        given, surname = person.given, person.surname_at(day)
        if self._chance(UNKNOWN_NAME[self.agency]):
            given = "Unknown"
        elif given in NICKNAMES and self._chance(NICKNAME[self.agency] * 4):  # one name in four has a nickname here
            given = NICKNAMES[given]
        if person.other_parent >= 0 and self._chance(STEP_SURNAME):
            surname = self.population.people[person.mother].surname_at(day)
        given = self._typo(given) if self._chance(NAME_TYPO) else given
        surname = self._typo(surname) if self._chance(NAME_TYPO) else surname
        return (surname, given) if self._chance(SWAPPED_NAMES) else (given, surname)

    def _typo(self, name: str) -> str:
        place = int(self.random.integers(1, max(2, len(name))))
        kind = self.random.integers(3)
        if kind == 0 and place + 1 < len(name):
            return name[:place] + name[place + 1] + name[place] + name[place + 2 :]
        if kind == 1 and len(name) > 3:
            return name[:place] + name[place + 1 :]
        return name[:place] + KEYS_NEAR.get(name[place : place + 1], "e") + name[place + 1 :]

    def _dob(self, born: date) -> date | None:
        if self._chance(DOB_MISSING[self.agency]):
            return None
        if self._chance(DOB_NOMINAL[self.agency]):
            return date(born.year, 1, 1)
        if not self._chance(DOB_ERROR):
            return born
        if born.day <= 12 and born.day != born.month:
            return date(born.year, born.day, born.month)
        return date(born.year, born.month, born.day - 1 if born.day > 1 else born.day + 1)

    def _chance(self, share: float) -> bool:
        return bool(self.random.random() < share)
