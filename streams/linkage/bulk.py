"""Many records and pairs at once, as arrays: what fitting and measuring work on.

Decides nothing of its own: levels are those of compare.py, by test. Its candidates share any live key, which is more
than those of postings.py: to tell classes apart, pairs that are no match are wanted too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.identity import FIELD_BYTES, FIELDS, TOKEN_BYTES, TOKENS
from streams.linkage.compare import GIVEN, POSTCODE, SAME_STREET, STREET, SURNAME, SWAP_GAIN, SWAP_LIKE, UNLIKE
from streams.linkage.identity import Identity, blocking_keys
from streams.linkage.model import FIELD_BITS

Levels = NDArray[np.int8]
Indices = NDArray[np.int64]

DICE: Final = (0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 0.9999)  # similarity from which levels 1 to 7 hold, LINKAGE section 6
SWAP: Final = len(FIELDS)
AGENCY: Final = SWAP + 1
TOKEN: Final = AGENCY + 1
COLUMNS: Final = TOKEN + len(TOKENS)  # levels of the fields, swap, agency, tokens


class Records(NamedTuple):
    """Records as arrays, in an order that says nothing: by a hash of their pseudonym."""

    bits: NDArray[np.uint64]
    nulls: NDArray[np.bool_]
    tokens: NDArray[np.uint64]
    agency: Indices
    keys: list[frozenset[int]]


def distance_cuts() -> tuple[int, ...]:
    """Hamming distance up to which each level holds, from its Dice similarity by the MinHash estimate."""
    jaccard = [dice / (2 - dice) for dice in DICE]
    return tuple(int((1 - one) / 2 * FIELD_BITS) for one in jaccard)


def as_arrays(records: Mapping[bytes, Identity]) -> Records:
    """Records as arrays, ordered by a hash of the pseudonym."""
    ordered = [records[record] for record in sorted(records, key=lambda record: hashlib.sha256(record).digest())]
    bits = np.frombuffer(b"".join(one.bits for one in ordered), "<u8").reshape(
        len(ordered), len(FIELDS), FIELD_BYTES // 8
    )
    tokens = np.frombuffer(b"".join(one.tokens for one in ordered), "<u8").reshape(
        len(ordered), len(TOKENS), TOKEN_BYTES // 8
    )
    nulls = np.array([[one.nulls >> index & 1 for index in range(len(FIELDS))] for one in ordered], bool)
    names = {name: number for number, name in enumerate(sorted({one.agency for one in ordered}))}
    agency = np.array([names[one.agency] for one in ordered])
    return Records(bits, nulls, tokens, agency, [blocking_keys(one) for one in ordered])


def candidate_pairs(keys: list[frozenset[int]], posting_max: int) -> tuple[Indices, Indices]:
    """Pairs of records that share a key held by at most `posting_max`, each once."""
    flat = np.array([key for some in keys for key in some], np.uint64)
    owner = np.repeat(np.arange(len(keys)), [len(some) for some in keys])
    order = np.lexsort((owner, flat))
    flat, owner = flat[order], owner[order]
    starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]])
    sizes = np.diff(np.r_[starts, len(flat)])
    parts = [np.zeros(0, np.int64)]
    for size in range(2, posting_max + 1):
        begin = starts[sizes == size]
        if len(begin):
            one, other = np.triu_indices(size, 1)
            block = owner[begin[:, None] + np.arange(size)]
            parts.append((block[:, one] * len(keys) + block[:, other]).ravel())
    pairs = np.unique(np.concatenate(parts))
    return pairs // len(keys), pairs % len(keys)


def pairs_at_large(count: int, wanted: int) -> tuple[Indices, Indices]:
    """Each record with the next ones in the hashed order: as good as drawn, and the same each time."""
    shifts = range(1, max(2, min(count, wanted // count + 1)))
    base = np.arange(count)
    one = np.concatenate([base for _ in shifts])
    return one, np.concatenate([(base + shift) % count for shift in shifts])


def levels(records: Records, one: Indices, other: Indices, cuts: tuple[tuple[int, ...], ...]) -> Levels:
    """Levels of many pairs: (pairs, COLUMNS), -1 where missing. Equal to compare.evidence, by test."""
    parts = [
        _levels(records, one[at : at + (1 << 17)], other[at : at + (1 << 17)], cuts)
        for at in range(0, len(one), 1 << 17)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, COLUMNS), np.int8)


def _distance(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> Indices:
    found: Indices = np.bitwise_count(a ^ b).sum(1, dtype=np.int64)
    return found


def _levels(records: Records, one: Indices, other: Indices, cuts: tuple[tuple[int, ...], ...]) -> Levels:
    bits, nulls = records.bits, records.nulls
    far = 2 * FIELD_BITS  # stands for missing
    distances = np.empty((len(one), len(FIELDS)), np.int64)
    for index in range(len(FIELDS)):
        missing = nulls[one, index] | nulls[other, index]
        distances[:, index] = np.where(missing, far, _distance(bits[one, index], bits[other, index]))
    cross = []
    for mine, theirs in ((GIVEN, SURNAME), (SURNAME, GIVEN)):
        missing = nulls[one, mine] | nulls[other, theirs]
        cross.append(np.where(missing, far, _distance(bits[one, mine], bits[other, theirs])))
    crosswise = sum(np.maximum(UNLIKE - distance, 0) for distance in cross)
    straight = sum(np.maximum(UNLIKE - distances[:, index], 0) for index in (GIVEN, SURNAME))
    swapped = (crosswise >= SWAP_LIKE) & (crosswise - straight >= SWAP_GAIN)
    distances[:, GIVEN] = np.where(swapped, np.minimum(*cross), distances[:, GIVEN])
    distances[:, SURNAME] = np.where(swapped, np.maximum(*cross), distances[:, SURNAME])
    found = np.full((len(one), COLUMNS), -1, np.int8)
    for index in range(len(FIELDS)):
        distance = distances[:, index]
        level = (distance[:, None] <= np.array(cuts[index])).sum(1)
        found[:, index] = np.where(distance == far, -1, level)
    found[found[:, STREET] >= SAME_STREET, POSTCODE] = -1
    found[:, SWAP] = swapped
    found[:, AGENCY] = records.agency[one] == records.agency[other]
    for index in range(len(TOKENS)):
        mine, theirs = records.tokens[one, index], records.tokens[other, index]
        have = mine.any(1) & theirs.any(1)
        found[:, TOKEN + index] = np.where(have, (mine == theirs).all(1), -1)
    return found
