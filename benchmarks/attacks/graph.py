"""Graph matching: who is who, from likeness alone.

The attacker has the opened encodings, no key, and a register in clear of as many people, of whom a share (the
overlap) is among those encoded. Tried with each field by itself, with matchkeys too, with one sum a record, and with
a register that another agency wrote, errors and all. The control is the same attack where nothing is encoded. In the
strict profile people can be alike in all that equality shows: at full overlap no attack on it tells more than
`tellable` does.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Final, NamedTuple

import numpy as np

from benchmarks.attacks import similar
from benchmarks.attacks.align import Places, match
from benchmarks.attacks.dictionary import KEY
from benchmarks.attacks.people import PROFILES, Drawn, Record, accounts, draw, value
from benchmarks.attacks.similar import Likeness
from benchmarks.attacks.table import Row
from bridge.encode import Encoder, Profile
from schemas.identity import FIELDS

PEOPLE: Final = 1000  # on each side
DRAWS: Final = 2  # of which the mean is told: at low overlaps an attack takes hold in one and not in another
OVERLAPS: Final = (1.0, 0.8, 0.5, 0.2)
Side = Callable[[Drawn, Profile], tuple[list[Likeness], list[Likeness]]]


class Way(NamedTuple):
    """One way to attack: what is compared, and whether another agency wrote the register."""

    name: str
    has: str
    sides: Side
    two: bool = False


def attack(rows: Sequence[Record], seed: int, people: int = PEOPLE) -> list[Row]:
    """Try every way at every overlap.

    Args:
        rows: All records.
        seed: Of who is drawn.
        people: On each side.

    Returns:
        A row a way and overlap.
    """
    found: list[Row] = []
    for way in WAYS:
        pairs = accounts(rows, two=way.two)
        for overlap in OVERLAPS:
            drawn = [draw(pairs, people, overlap, DRAWS * seed + number) for number in range(DRAWS)]
            default, strict = (
                sum(share(match(*way.sides(one, profile)), one.truth) for one in drawn) / DRAWS
                for profile in PROFILES
            )
            name = f"graph, {way.name}, overlap {overlap:.0%}"
            found.append(Row(name, way.has, "%", default, strict, random=1 / people))
    whole = (draw(accounts(rows, two=False), people, 1.0, DRAWS * seed + number).encoded for number in range(DRAWS))
    most = sum(tellable([[value(one, field) for one in sent] for field in FIELDS]) for sent in whole) / DRAWS
    found.append(Row("graph, most that equality can tell", "the values in clear", "%", None, most, random=1 / people))
    return found


def tellable(columns: Sequence[Sequence[str | None]]) -> float:
    """Share of records that who shares what with whom can tell apart, by colour refinement.

    Args:
        columns: Values of each field, one a record; None where missing.

    Returns:
        0 to 1: what guessing among those that stay alike gets right on average.
    """
    classes = [0] * len(columns[0])
    while True:
        looks: list[list[Hashable]] = [[one] for one in classes]
        for column in columns:
            holders: dict[str | None, list[int]] = {}
            for held, one in zip(column, classes, strict=True):
                holders.setdefault(held, []).append(one)
            around = {held: (held is None, *sorted(several)) for held, several in holders.items()}
            for look, held in zip(looks, column, strict=True):
                look.append(around[held])
        number: dict[Hashable, int] = {}
        finer = [number.setdefault(tuple(look), len(number)) for look in looks]
        if len(number) == len(set(classes)):
            return len(number) / len(classes)
        classes = finer


def share(matched: Places, truth: Places) -> float:
    """Share of people on both sides who were matched with themselves.

    Args:
        matched: Of each row of the register, the place it was given.
        truth: Its place, or -1 where it has none.

    Returns:
        0 to 1.
    """
    both = truth >= 0
    return float((matched[both] == truth[both]).mean())


def _in_clear(drawn: Drawn, profile: Profile) -> tuple[list[Likeness], list[Likeness]]:
    one, other = similar.of_register(drawn.register, profile), similar.of_register(drawn.encoded, profile)
    return similar.used(one, other)


def _by_field(drawn: Drawn, profile: Profile) -> tuple[list[Likeness], list[Likeness]]:
    sent = Encoder(KEY, 1, profile).identities(drawn.encoded)
    return similar.used(similar.of_register(drawn.register, profile), similar.of_encodings(sent, profile))


def _by_record(drawn: Drawn, profile: Profile) -> tuple[list[Likeness], list[Likeness]]:
    one, other = _by_field(drawn, profile)
    return [np.sum(one, axis=0)], [np.sum(other, axis=0)]


def _with_matchkeys(drawn: Drawn, profile: Profile) -> tuple[list[Likeness], list[Likeness]]:
    one, other = _by_field(drawn, profile)
    sent = Encoder(KEY, 1, profile).identities(drawn.encoded)
    return [*one, similar.of_matchkeys(drawn.register)], [*other, similar.of_blocks(sent)]


WAYS: Final = (
    Way("control", "the values in clear, to show that the attack works", _in_clear),
    Way("each field", "encodings, a register", _by_field),
    Way("each field and matchkeys", "encodings, a register", _with_matchkeys),
    Way("one sum a record", "encodings of which fields cannot be told apart, a register", _by_record),
    Way("another agency's register", "encodings, a register with its own errors", _by_field, two=True),
)
