"""Who is how like whom, on both sides of a graph attack: from a register in clear, and from encodings without a key.

Decides what is compared. Our code is public, so the attacker cuts a register's values into the very tokens that the
bridge does: of two values, the share of common tokens is what differing bits estimate (MinHash). In the strict
profile values are equal or not. Does not match (align.py).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from benchmarks.attacks.people import value
from bridge import matchkeys, tokens
from bridge.encode import Profile
from bridge.normalise import Person
from schemas.identity import BLOCK_BYTES, FIELD_BYTES, FIELDS, Identity

Likeness = NDArray[np.float32]
"""(records, records): of each pair, 0 for nothing in common or missing."""


def of_register(people: Sequence[Person], profile: Profile) -> list[Likeness]:
    """Likeness of a register's rows.

    Args:
        people: Normalised.
        profile: What the encodings would show of it: shares of common tokens, or equality.

    Returns:
        One a field, in the order of `FIELDS`.
    """
    one = _equality if profile == "strict" else _common_tokens
    return [one(people, field) for field in FIELDS]


def of_encodings(sent: Sequence[Identity], profile: Profile) -> list[Likeness]:
    """Likeness of records as their opened encodings show it.

    Args:
        sent: As the bridge encoded them.
        profile: Under which.

    Returns:
        One a field, in the order of `FIELDS`.
    """
    made: list[Likeness] = []
    for place in range(len(FIELDS)):
        codes = [identity["bits"][place * FIELD_BYTES : (place + 1) * FIELD_BYTES] for identity in sent]
        if profile == "strict":
            made.append(weighed(_shared([code] if any(code) else [] for code in codes)))
        else:
            bits = np.frombuffer(b"".join(codes), np.uint8).reshape(len(codes), -1)
            signs = (np.unpackbits(bits, axis=1).astype(np.float32) * 2 - 1) * (bits.max(axis=1) > 0)[:, None]
            made.append(signs @ signs.T / signs.shape[1])  # 1 - 2 x differing bits / bits
    return made


def of_matchkeys(people: Sequence[Person]) -> Likeness:
    """How many matchkeys two rows of a register would share."""
    keys = ({(name, key) for name, key in zip(matchkeys.NAMES, matchkeys.of_person(person), strict=True) if key}
            for person in people)  # fmt: skip
    return weighed(np.sqrt(_shared(keys)))


def of_blocks(sent: Sequence[Identity]) -> Likeness:
    """How many matchkeys two encoded records share."""
    packed = (identity["matchkeys"] for identity in sent)
    blocks = ([some[at : at + BLOCK_BYTES] for at in range(0, len(some), BLOCK_BYTES)] for some in packed)
    return weighed(np.sqrt(_shared(blocks)))


def weighed(likeness: Likeness) -> Likeness:
    """Likeness in which what few have in common counts for more.

    Args:
        likeness: Of what is shared or not.

    Returns:
        Each pair by the logarithm of how rare its agreement is, 0 to 1 for one that was 1.
    """
    records = len(likeness)
    share = np.maximum((likeness > 0).mean(axis=1), 1 / records)
    rare: Likeness = np.sqrt(-np.log(share) / np.log(records)).astype(np.float32)
    return likeness * rare[:, None] * rare[None, :]


def _equality(people: Sequence[Person], field: str) -> Likeness:
    return weighed(_shared([held] if (held := value(person, field)) else [] for person in people))


def _common_tokens(people: Sequence[Person], field: str) -> Likeness:
    written: list[str | None] = [getattr(person, field) for person in people]
    there = np.array([row for row, held in enumerate(written) if held is not None], np.int64)
    holds = np.zeros((len(people), tokens.TOTAL), np.float32)
    if len(there):
        for runs in tokens.of_column(field, [held for held in written if held is not None]):
            holds[np.repeat(there[runs.owners], runs.lengths), runs.numbers] = 1
    holds = holds[:, holds.any(axis=0)]
    sizes, both = holds.sum(axis=1), holds @ holds.T
    either = np.maximum(sizes[:, None] + sizes[None, :] - both, 1)
    common: Likeness = both / either
    return common


def _shared(held: Iterable[Sequence[Hashable]]) -> Likeness:
    number: dict[Hashable, int] = {}
    rows = [[number.setdefault(one, len(number)) for one in several] for several in held]
    ends = np.cumsum([0, *map(len, rows)])
    places = [place for row in rows for place in row]
    holds = csr_matrix((np.ones(len(places), np.float32), places, ends), shape=(len(rows), max(1, len(number))))
    counted: Likeness = (holds @ holds.T).toarray()
    return counted


def used(one: Sequence[Likeness], other: Sequence[Likeness]) -> tuple[list[Likeness], list[Likeness]]:
    """Both sides without the fields that nobody of one side has."""
    both = [(mine, theirs) for mine, theirs in zip(one, other, strict=True) if mine.any() and theirs.any()]
    return [mine for mine, _ in both], [theirs for _, theirs in both]
