"""Streets, postcodes and addresses of Northmere, a town that does not exist.

Decides where a family could live; not who lives there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from faker import Faker

TOWN = "Northmere"
STREETS = 320
STREET_NUMBERS_MAX = 90
INWARD = "ABDEFGHJLNPQRSTUWXYZ"  # letters a postcode's last two may be


@dataclass(frozen=True, slots=True)
class Address:
    """Where people live. `kind` is home, hostel, refuge or care_home; all but home are communal."""

    number: str
    street: str
    postcode: str
    kind: str = "home"

    @property
    def communal(self) -> bool:
        """Whether unrelated people share it, so that it says nothing about a household."""
        return self.kind != "home"

    @property
    def line(self) -> str:
        """Number and street as one line."""
        return f"{self.number} {self.street}"


COMMUNAL = (
    ("1", "Harbour House, Quayside Approach", "hostel"),
    ("40", "Millbrook Court, Foundry Rise", "hostel"),
    ("12", "Lantern House, Saltmarsh Terrace", "refuge"),
    ("7", "Beechcroft Lodge, Orchard Parade", "care_home"),
)


class Town:
    """Hands out addresses, each to one family unless it is asked to share."""

    def __init__(self, random: np.random.Generator, faker: Faker) -> None:
        self._random = random
        self._streets = self._make_streets(faker)
        self._taken: set[tuple[str, str]] = set()
        self.communal = tuple(Address(number, street, self._postcode(), kind) for number, street, kind in COMMUNAL)

    def home(self) -> Address:
        """A home that nobody was given before.

        Returns:
            An address of kind home.
        """
        while True:
            street, codes = self._streets[self._random.integers(len(self._streets))]
            number = int(self._random.integers(1, STREET_NUMBERS_MAX))
            key = (street, str(number))
            if key not in self._taken:
                self._taken.add(key)
                return Address(str(number), street, codes[number * len(codes) // STREET_NUMBERS_MAX])

    def _make_streets(self, faker: Faker) -> list[tuple[str, list[str]]]:
        names: dict[str, list[str]] = {}
        while len(names) < STREETS:
            name = faker.street_name().title()
            if name not in names:
                names[name] = [self._postcode() for _ in range(int(self._random.integers(1, 4)))]
        return list(names.items())

    def _postcode(self) -> str:
        first, second = (INWARD[i] for i in self._random.integers(0, len(INWARD), 2))
        return f"NM{self._random.integers(1, 20)} {self._random.integers(1, 10)}{first}{second}"
