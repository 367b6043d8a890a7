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
from streams.linkage.compare import CROSS_MAX, HALF_SWAPPED, SAME_STREET, SWAP_GAIN, SWAPPED, UNLIKE
from streams.linkage.identity import LOCATED, Identity, blocking_keys, whole_bits
from streams.linkage.kernels import GIVEN, POSTCODE, STREET, SURNAME
from streams.linkage.model import FIELD_BITS, NUMBERS

Levels = NDArray[np.int8]
Indices = NDArray[np.int64]

DICE: Final = (0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 0.9999)  # similarity from which levels 1 to 7 hold, LINKAGE section 6
SWAP: Final = len(FIELDS)
AGENCY: Final = SWAP + 1
NUMBER: Final = AGENCY + 1
COLUMNS: Final = NUMBER + len(NUMBERS)  # levels of the fields, swap, agency, numbers


class Records(NamedTuple):
    """Records as arrays, in an order that says nothing: by a hash of their pseudonym."""

    bits: NDArray[np.uint64]
    nulls: NDArray[np.bool_]
    tokens: NDArray[np.uint64]
    agency: Indices
    keys: list[NDArray[np.uint64]]


def distance_cuts() -> tuple[int, ...]:
    """Hamming distance up to which each level holds, from its Dice similarity by the MinHash estimate."""
    jaccard = [dice / (2 - dice) for dice in DICE]
    return tuple(int((1 - one) / 2 * FIELD_BITS) for one in jaccard)


def as_arrays(records: Mapping[bytes, Identity]) -> Records:
    """Records as arrays, ordered by a hash of the pseudonym."""
    ordered = [records[record] for record in sorted(records, key=lambda record: hashlib.sha256(record).digest())]
    bits = np.frombuffer(b"".join(map(whole_bits, ordered)), "<u8").reshape(
        len(ordered), len(FIELDS), FIELD_BYTES // 8
    )
    tokens = np.frombuffer(b"".join(one.tokens for one in ordered), "<u8").reshape(
        len(ordered), len(TOKENS), TOKEN_BYTES // 8
    )
    nulls = np.array([[one.nulls >> index & 1 for index in range(len(FIELDS))] for one in ordered], bool)
    names = {name: number for number, name in enumerate(sorted({one.agency for one in ordered}))}
    agency = np.array([names[one.agency] for one in ordered])
    return Records(bits, nulls, tokens, agency, [blocking_keys(one) for one in ordered])


def candidate_pairs(keys: list[NDArray[np.uint64]], posting_max: int) -> tuple[Indices, Indices]:
    """Pairs of records that share a key held by at most `posting_max`, each once."""
    flat = np.concatenate(keys)
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


def _likeness(distances: Indices) -> Indices:
    found: Indices = np.maximum(UNLIKE - distances, 0).sum(1)
    return found


def _levels(records: Records, one: Indices, other: Indices, cuts: tuple[tuple[int, ...], ...]) -> Levels:
    bits, nulls = records.bits, records.nulls
    far = 2 * FIELD_BITS  # stands for missing
    distances = np.empty((len(one), len(FIELDS)), np.int64)
    for index in range(len(FIELDS)):
        missing = nulls[one, index] | nulls[other, index]
        distances[:, index] = np.where(missing, far, _distance(bits[one, index], bits[other, index]))
    cross = np.empty((len(one), 2), np.int64)
    for place, (mine, theirs) in enumerate(((GIVEN, SURNAME), (SURNAME, GIVEN))):
        missing = nulls[one, mine] | nulls[other, theirs]
        cross[:, place] = np.where(missing, far, _distance(bits[one, mine], bits[other, theirs]))
    cross.sort(1)
    gain = _likeness(cross) - _likeness(distances[:, [GIVEN, SURNAME]])
    swapped = ((cross <= CROSS_MAX) | (cross == far)).all(1) & (gain >= SWAP_GAIN)
    distances[:, GIVEN] = np.where(swapped, cross[:, 0], distances[:, GIVEN])
    distances[:, SURNAME] = np.where(swapped, cross[:, 1], distances[:, SURNAME])
    half = cross[:, 1] == far
    numbers = _numbers(records.tokens[one], records.tokens[other])
    located = np.array([bool(LOCATED >> index & 1) for index in range(len(FIELDS))])
    distances[np.ix_(numbers[:, -1] >= 0, located)] = far
    found = np.full((len(one), COLUMNS), -1, np.int8)
    for index in range(len(FIELDS)):
        distance = distances[:, index]
        level = (distance[:, None] <= np.array(cuts[index])).sum(1)
        found[:, index] = np.where(distance == far, -1, level)
    found[found[:, STREET] >= SAME_STREET, POSTCODE] = -1
    found[:, SWAP] = np.where(swapped, np.where(half, HALF_SWAPPED, SWAPPED), 0)
    found[:, AGENCY] = records.agency[one] == records.agency[other]
    found[:, NUMBER:] = numbers
    return found


def _numbers(mine: NDArray[np.uint64], theirs: NDArray[np.uint64]) -> Levels:
    """Levels of NUMBERS: 1 equal, 0 different, -1 missing in one; (pairs, NUMBERS)."""
    columns = []
    for some in (("nhs", "nhs_former"), ("upn",), ("uprn",)):
        places = [TOKENS.index(name) for name in some]
        have = mine[:, places].any((1, 2)) & theirs[:, places].any((1, 2))
        equal = np.zeros(len(mine), bool)
        for place in places:
            for other in places:
                there = mine[:, place].any(1) & theirs[:, other].any(1)
                equal |= there & (mine[:, place] == theirs[:, other]).all(1)
        columns.append(np.where(have, equal, -1))
    return np.stack(columns, 1).astype(np.int8)
