"""Ranks: the commonest encoding of a field is taken for the commonest value, and so on down.

The attacker has the opened encodings, no key, and a public table of how often each value occurs: of other people
(half of the population, the other half is encoded), or, at worst, of the very same people. What is equally frequent
is in no order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Final, TypeVar

import numpy as np

from benchmarks.attacks.dictionary import KEY
from benchmarks.attacks.people import PROFILES, Record, value
from benchmarks.attacks.table import Row
from bridge.encode import Encoder
from schemas.identity import FIELD_BYTES, FIELDS

Code = TypeVar("Code", bound=Hashable)
VALUES_MIN: Final = 2  # of a field that has anything to tell apart


def attack(rows: Sequence[Record], seed: int) -> list[Row]:
    """Try every field with both tables.

    Args:
        rows: All records.
        seed: Of the halves, and of the order of what is equally frequent.

    Returns:
        A row a field and table.
    """
    chance = np.random.default_rng(seed)
    people = sorted({row.person for row in rows})
    mine = {people[place] for place in chance.permutation(len(people))[: len(people) // 2]}
    other, encoded = ([row.fields for row in rows if (row.person in mine) is side] for side in (True, False))
    sent = {profile: Encoder(KEY, 1, profile).identities(encoded) for profile in PROFILES}
    found: list[Row] = []
    for place, field in enumerate(FIELDS):
        at = slice(place * FIELD_BYTES, (place + 1) * FIELD_BYTES)
        values = [value(person, field) for person in encoded]
        if len(set(values) - {None}) < VALUES_MIN:
            continue
        public = [held for person in other if (held := value(person, field))]
        own = [held for held in values if held]
        for table, whose in ((public, "other people"), (own, "the same people")):
            shares: list[float] = []
            for profile in PROFILES:
                seen = [(one["bits"][at], held) for one, held in zip(sent[profile], values, strict=True) if held]
                guess = aligned(_ranked([code for code, _ in seen], chance), _ranked(table, chance))
                shares.append(top_one(seen, guess))
            has = f"encodings, frequencies of {whose}"
            found.append(Row(f"frequency, {field}", has, "%", shares[0], shares[1], *blind(own, table)))
    return found


def aligned(codes: Sequence[Code], values: Sequence[str]) -> dict[Code, str]:
    """Values for encodings by rank: first to first, second to second; what is left over has none."""
    return dict(zip(codes, values, strict=False))


def top_one(held: Sequence[tuple[Code, str]], guess: Mapping[Code, str]) -> float:
    """Share of records whose value was guessed.

    Args:
        held: Encoding and true value of each record; at least one.
        guess: Value guessed for an encoding.

    Returns:
        0 to 1.
    """
    return sum(guess.get(code) == true for code, true in held) / len(held)


def blind(own: Sequence[str], table: Sequence[str]) -> tuple[float, float]:
    """What guessing without encodings gives.

    Args:
        own: Value of each encoded record; at least one.
        table: Values as often as the public table has them; at least one.

    Returns:
        Share of records right if the table's commonest value is guessed for all; and if any value of the table is.
    """
    counts = Counter(own)
    public = Counter(table)
    first = min(public, key=lambda held: (-public[held], held))
    return counts[first] / len(own), sum(counts[held] for held in public) / len(own) / len(public)


def _ranked(held: Sequence[Code], chance: np.random.Generator) -> list[Code]:
    counts = Counter(held)
    shuffled = [list(counts)[place] for place in chance.permutation(len(counts))]
    return sorted(shuffled, key=lambda one: -counts[one])
