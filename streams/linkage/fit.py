"""Fits a linkage model on encodings alone: no name and no labelled pair is seen.

Decides the weights. Three latent classes of candidate pairs, same person (M), same household but another person (H)
and random (R), by expectation maximisation with population priors: pairs that blocking never makes count as random,
so that no training session per block is needed. R comes from pairs taken at large. Floats live here and nowhere else
in linkage; what leaves is a table of integers. Does not decide which model is in force.

Source:
    LINKAGE section 6; Fellegi and Sunter 1969, doi:10.1080/01621459.1969.10501049.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.identity import FIELD_BYTES, FIELDS, TOKEN_BYTES, TOKENS
from streams.linkage.compare import GIVEN, SURNAME, SWAP_GAIN, SWAP_LIKE, UNLIKE
from streams.linkage.identity import Identity, blocking_keys
from streams.linkage.model import FIELD_BITS, LEVELS, LinkModel, Pair

Floats = NDArray[np.float64]
Levels = NDArray[np.int8]
Indices = NDArray[np.int64]

DICE: Final = (0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 0.9999)  # similarity from which levels 1 to 7 hold, LINKAGE section 6
SHARED: Final = frozenset({"surname", "number", "street", "postcode"})  # what people of one household have in common
RANDOM_PAIRS: Final = 1_000_000
ROUNDS: Final = 100
SETTLED: Final = 1e-3  # relative change of expected pairs of one person at which the rounds end
PRIOR_COUNTS: Final = 200.0  # pseudo-counts that hold person fields in H to what is random
HOUSEMATE_MOST: Final = 0.05  # P(alike | H) of given name and birth date at most, or the classes change places
MIXED_UP_LEAST: Final = 0.02  # P(number equal | H) at least: numbers of siblings and twins do get mixed up
REISSUED_LEAST: Final = 0.03  # P(number different | M) at least: superseded, mistyped and temporary numbers
START: Final = (0.02, 0.02, 0.02, 0.03, 0.05, 0.08, 0.13, 0.65)
COLUMNS: Final = len(FIELDS) + 1 + len(TOKENS)  # levels of the fields, swap, tokens
SWAP: Final = len(FIELDS)


class Classes(NamedTuple):
    """What was estimated: P(level | class) as (column, level), and the share of all pairs in M and H."""

    person: Floats
    household: Floats
    random: Floats
    person_share: float
    household_share: float


class Records(NamedTuple):
    """Records as arrays, in an order that says nothing: by a hash of their pseudonym."""

    bits: NDArray[np.uint64]
    nulls: NDArray[np.bool_]
    tokens: NDArray[np.uint64]
    keys: list[frozenset[int]]


def fit(
    records: Mapping[bytes, Identity], version: str, *, posting_max: int = 100, households: bool = True
) -> LinkModel:
    """Fit a model.

    Args:
        records: Encodings of one key and schema epoch by record; 1,000 or more are enough.
        version: Name of the model.
        posting_max: Records sharing one blocking key above which it makes no candidates.
        households: Whether the class H exists; it needs real addresses.

    Returns:
        The model, with the default thresholds. The same records give the same model.

    Raises:
        ValueError: Fewer than 3 records, or more than one epoch.
    """
    if len(records) < 3 or len({(one.schema_epoch, one.key_epoch) for one in records.values()}) != 1:
        message = "expected at least 3 records of one epoch"
        raise ValueError(message)
    arrays = as_arrays(records)
    cuts = tuple((distance_cuts(),)) * len(FIELDS)
    random = _smooth(_counts(levels(arrays, *_pairs_at_large(len(records)), cuts)))
    found = levels(arrays, *candidate_pairs(arrays.keys, posting_max), cuts)
    total = len(records) * (len(records) - 1) / 2
    classes = _expectation_maximisation(found, random, total, households=households)
    schema_epoch = next(iter(records.values())).schema_epoch
    return _model(classes, version, schema_epoch, cuts, posting_max)


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
    return Records(bits, nulls, tokens, [blocking_keys(one) for one in ordered])


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


def _pairs_at_large(count: int) -> tuple[Indices, Indices]:
    """Each record with the next ones in the hashed order: as good as drawn, and the same each time."""
    shifts = range(1, max(2, min(count, RANDOM_PAIRS // count + 1)))
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
    found[:, SWAP] = swapped
    for index in range(len(TOKENS)):
        mine, theirs = records.tokens[one, index], records.tokens[other, index]
        have = mine.any(1) & theirs.any(1)
        found[:, SWAP + 1 + index] = np.where(have, (mine == theirs).all(1), -1)
    return found


def _counts(found: Levels, weights: Floats | None = None) -> Floats:
    """Weight of each level by column: (COLUMNS, LEVELS)."""
    counts = np.zeros((COLUMNS, LEVELS))
    for column in range(COLUMNS):
        have = found[:, column] >= 0
        some = None if weights is None else weights[have]
        counts[column] = np.bincount(found[have, column], weights=some, minlength=LEVELS)
    return counts


def _smooth(counts: Floats, extra: float = 0.5) -> Floats:
    """Shares, with half a count added to each possible level."""
    possible = np.ones_like(counts)
    possible[SWAP:, 2:] = 0
    counts = counts + extra * possible
    shares: Floats = counts / counts.sum(1, keepdims=True)
    return shares


def _sum_logs(patterns: Levels, shares: Floats) -> Floats:
    logs = np.log(np.maximum(shares, 1e-9))
    total = np.zeros(len(patterns))
    for column in range(COLUMNS):
        level = patterns[:, column]
        total += np.where(level >= 0, logs[column, np.maximum(level, 0)], 0.0)
    return total


def _expectation_maximisation(found: Levels, random: Floats, pairs: float, *, households: bool) -> Classes:
    patterns, counts = np.unique(found, axis=0, return_counts=True)
    shared = np.array([name in SHARED for name in FIELDS] + [False] * (COLUMNS - SWAP))[:, None]
    person = np.tile(np.array(START), (COLUMNS, 1))
    person[SWAP:] = (0.05, 0.95, 0, 0, 0, 0, 0, 0)
    person[SWAP] = (0.97, 0.03, 0, 0, 0, 0, 0, 0)
    household = np.where(shared, person, random)
    person_share, household_share = 1e-4, 1e-4 if households else 0.0
    at_random = _sum_logs(patterns, random)
    before = 0.0
    for _ in range(ROUNDS):
        joint = np.exp(
            np.stack([
                np.log(person_share) + _sum_logs(patterns, person),
                np.log(household_share or 1e-300) + _sum_logs(patterns, household),
                np.log(max(1 - person_share - household_share, 0.5)) + at_random,
            ])
        )  # fmt: skip
        expected = joint / joint.sum(0) * counts
        in_person, in_household = expected[0].sum(), expected[1].sum()
        person_share = max(in_person / pairs, 1e-12)
        person = _with_reissues(_smooth(_counts(patterns, expected[0])))
        if households:
            household_share = max(in_household / pairs, 1e-300)
            household = _household(_counts(patterns, expected[1]), random, shared)
        if abs(in_person - before) < SETTLED * max(before, 1.0):
            break
        before = in_person
    return Classes(_rising(person, random), household, random, person_share, household_share)


def _with_reissues(person: Floats) -> Floats:
    for column in range(SWAP + 1, COLUMNS):
        different = max(person[column, 0], REISSUED_LEAST)
        person[column, :2] = (different, 1 - different)
    return person


def _household(counts: Floats, random: Floats, shared: NDArray[np.bool_]) -> Floats:
    """P(level | H): free for what a household shares; else held to random, with the caps that keep H from being M."""
    held = counts + PRIOR_COUNTS * random
    household: Floats = np.where(shared, _smooth(counts), held / held.sum(1, keepdims=True))
    for name in ("given", "dob"):
        row = household[FIELDS.index(name)]
        for top in (7, 6, 5):
            alike = row[top:].sum()
            if alike > HOUSEMATE_MOST:
                row[top:] *= HOUSEMATE_MOST / alike
                row[:top] *= (1 - HOUSEMATE_MOST) / max(row[:top].sum(), 1e-12)
    for column in range(SWAP + 1, COLUMNS):
        equal = min(max(household[column, 1], MIXED_UP_LEAST), HOUSEMATE_MOST)
        household[column, :2] = (1 - equal, equal)
    return household


def _rising(person: Floats, random: Floats) -> Floats:
    """P(level | M) changed so that its ratio to random never falls with the level of a field.

    Pools neighbours that are out of order, each with the weight of what was seen: empty levels must not count, or
    one of them would carry a field's weight away.
    """
    person = person.copy()
    for column in range(len(FIELDS)):
        ratio = np.log(person[column] / random[column])
        seen = (
            np.where(person[column] > 3e-4, person[column], 0)
            + np.where(random[column] > 3e-6, random[column], 0) / 2
        )
        person[column] = np.exp(isotonic(ratio, np.maximum(seen, 1e-9))) * random[column]
    return person


def isotonic(values: Floats, weights: Floats) -> Floats:
    """Nearest sequence that never falls, by weighted squares (pool adjacent violators)."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, mass, length = value, weight, 1
        while blocks and blocks[-1][0] > mean:
            last = blocks.pop()
            mean = (last[0] * last[1] + mean * mass) / (last[1] + mass)
            mass, length = last[1] + mass, last[2] + length
        blocks.append((mean, mass, length))
    return np.concatenate([np.full(length, mean) for mean, _, length in blocks])


def _model(
    classes: Classes, version: str, schema_epoch: int, cuts: tuple[tuple[int, ...], ...], posting_max: int
) -> LinkModel:
    random = np.where(classes.random > 0, classes.random, 1.0)  # swap and tokens have two levels only
    person, household = (_milli_bits(share / random) for share in (classes.person, classes.household))
    rest = 1 - classes.person_share - classes.household_share
    prior = [int(_milli_bits(np.array(share / rest))) for share in (classes.person_share, classes.household_share)]

    def pair(column: int, level: int) -> Pair:
        return int(person[column, level]), int(household[column, level])

    return LinkModel(
        version=version,
        schema_epoch=schema_epoch,
        cuts=cuts,
        person=tuple(tuple(row) for row in person[:SWAP].tolist()),
        household=tuple(tuple(row) for row in household[:SWAP].tolist()),
        swap=(pair(SWAP, 0), pair(SWAP, 1)),
        tokens=tuple((pair(SWAP + 1 + index, 0), pair(SWAP + 1 + index, 1)) for index in range(len(TOKENS))),
        prior=(prior[0], prior[1]),
        posting_max=posting_max,
    )


def _milli_bits(ratio: Floats) -> Indices:
    """log2 x 1000, rounded, within 30 bits either way."""
    found: Indices = np.rint(1000 * np.clip(np.log2(np.maximum(ratio, 1e-12)), -30, 30)).astype(np.int64)
    return found
