"""Whom the attacks are tried on: the agencies' fictional people, cut into what is encoded and what the attacker has.

Decides who is in which part. Does not encode or attack.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.linkage import read
from bridge.encode import Profile
from bridge.normalise import Person, normalise
from bridge.tokens import exact

SET = Path(__file__).parents[1] / "linkage" / "agencies.yaml"
PROFILES: tuple[Profile, ...] = ("default", "strict")


class Record(NamedTuple):
    """One record: whose, at which agency, and its fields in their one form."""

    person: str
    agency: str
    fields: Person


class Drawn(NamedTuple):
    """A register and encoded records that overlap in part.

    Attributes:
        register: The attacker's rows, in clear.
        encoded: What was encoded, in clear; the attacker never sees it.
        truth: Of each row of the register, its place in `encoded`; -1 where it is not there.
    """

    register: list[Person]
    encoded: list[Person]
    truth: np.ndarray[tuple[int], np.dtype[np.int64]]


def records() -> list[Record]:
    """All records of the set."""
    data = read(SET)
    return [Record(data.person[key], data.agency[key], normalise(person)) for key, person in data.people.items()]


def value(person: Person, field: str) -> str | None:
    """What of a field can be re-identified at all: all of it, but of middle names the first letter."""
    written: str | None = getattr(person, field)
    return None if written is None else exact(field, written).decode()


def accounts(rows: Sequence[Record], *, two: bool) -> list[tuple[Person, Person]]:
    """What the register and what the encoded set hold of each person with a name and a birth date.

    Args:
        rows: All records.
        two: Take the second from another agency, with its own spellings, moves and gaps; who is known to one agency
            alone is left out. Otherwise both are the same row.

    Returns:
        One pair a person, in the order of the records.
    """
    held: dict[str, list[Record]] = {}
    for row in rows:
        if row.fields.given and row.fields.surname and row.fields.dob:
            held.setdefault(row.person, []).append(row)
    if not two:
        return [(one[0].fields, one[0].fields) for one in held.values()]
    others = ((one[0], next((row for row in one if row.agency != one[0].agency), None)) for one in held.values())
    return [(first.fields, second.fields) for first, second in others if second is not None]


def draw(pairs: Sequence[tuple[Person, Person]], count: int, overlap: float, seed: int) -> Drawn:
    """A register and a set of encoded records, of `count` people each.

    Args:
        pairs: As `accounts` gave them, at least 2 x `count` for a small overlap.
        count: People on each side.
        overlap: Share of people that are on both sides.
        seed: Of the draw.

    Returns:
        The two sides, each in an order of its own.
    """
    chance = np.random.default_rng(seed)
    order = chance.permutation(len(pairs))
    both = round(count * overlap)
    known, encoded = order[:count], order[count - both : 2 * count - both]
    shuffled = chance.permutation(encoded)
    place = {person: number for number, person in enumerate(shuffled.tolist())}
    truth = np.array([place.get(person, -1) for person in known.tolist()])
    return Drawn([pairs[one][0] for one in known], [pairs[one][1] for one in shuffled], truth)
