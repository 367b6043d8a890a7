"""Fits a linkage model on encodings alone: no name and no labelled pair is seen.

Decides the weights. Four latent classes of candidate pairs, same person (M), same household but another person (H),
twin (T) and random (R), by expectation maximisation with population priors: pairs that blocking never makes count as
random, so that no training session per block is needed. R comes from pairs taken at large. Floats live in fitting and
nowhere else in linkage; what leaves is a table of integers. Does not decide which model is in force.

Source:
    LINKAGE section 6; Fellegi and Sunter 1969, doi:10.1080/01621459.1969.10501049. T is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.identity import FIELDS
from streams.linkage.bulk import (
    AGENCY,
    COLUMNS,
    NUMBER,
    SWAP,
    Indices,
    Levels,
    as_arrays,
    candidate_pairs,
    distance_cuts,
    levels,
    pairs_at_large,
)
from streams.linkage.identity import Identity
from streams.linkage.model import LEVELS, NUMBERS, LinkModel, Weights

Floats = NDArray[np.float64]

SHARED_FIELDS: Final = frozenset({"surname", "number", "street", "postcode", "place", "email", "code"})
SHARED: Final = np.array([name in SHARED_FIELDS for name in FIELDS])  # what a household has in common, or may have
UPRN: Final = NUMBER + NUMBERS.index("uprn")
OWN_NUMBERS: Final = tuple(column for column in range(NUMBER, COLUMNS) if column != UPRN)  # of a person, not a home
GIVEN, MIDDLE, DOB = (FIELDS.index(name) for name in ("given", "middle", "dob"))
RANDOM_PAIRS: Final = 1_000_000
FEW: Final = 5_000  # records up to which a key may have more and still make candidates alone: they stay few
ALONE_FEW: Final = 20
ROUNDS: Final = 100
SETTLED: Final = 1e-3  # relative change of expected pairs of one person at which the rounds end
PRIOR_COUNTS: Final = 200.0  # pseudo-counts that hold person fields in H to what is random
HOUSEMATE_MOST: Final = 0.05  # P(alike | H) of given name and birth date at most, or the classes change places
NAMESAKE_MOST: Final = 0.003  # P(given name equal | T) at most: twins do not share one
NAMED_ALIKE_LEAST: Final = 0.15  # P(given names alike but not equal | T) at least; alike as misspelt ones are
NEAR: Final = slice(2, LEVELS - 1)  # levels of names that are alike but not equal
TWINS_LEAST: Final = 0.06  # T as a share of M at least: 3 % of children are twins (ONS 2022), twice that for caution
MIXED_UP_LEAST: Final = 0.02  # P(number equal | H or T) at least: numbers of siblings and twins do get mixed up
DUPLICATE_LEAST: Final = 0.06  # P(one agency | M) / P(one agency | R) at least: agencies do hold people twice
REISSUED_LEAST: Final = 0.03  # P(number different | M) at least: superseded, mistyped and temporary numbers
EQUAL_NUMBER: Final = (0.97, 0.02, 0.02, 1e-6)  # P(number equal | M, H, T, R) where no two records have one
EQUAL_HOME: Final = (0.8, 0.95, 0.9, 1e-4)  # the same of a UPRN: people move, and records of a home are of one time
ALIKE: Final = np.arange(LEVELS) >= 4  # twins and brothers are named alike at least as often as strangers
START: Final = (0.02, 0.02, 0.02, 0.03, 0.05, 0.08, 0.13, 0.65)
PERSON, HOUSEHOLD, TWIN = range(3)


class Classes(NamedTuple):
    """What was estimated: P(level | class) as (class, column, level), and the share of each in all pairs."""

    levels: Floats
    random: Floats
    shares: Floats


def fit(  # noqa: PLR0913
    records: Mapping[bytes, Identity],
    version: str,
    *,
    posting_max: int = 100,
    households: bool = True,
    at_large: int = RANDOM_PAIRS,
    expected: int | None = None,
) -> LinkModel:
    """Fit a model.

    Args:
        records: Encodings of one key and schema epoch by record; 1,000 or more are enough.
        version: Name of the model.
        posting_max: Records sharing one blocking key above which it makes no candidates.
        households: Whether the classes H and T exist; it needs real addresses.
        at_large: About how many pairs taken at large stand for `random`.
        expected: Records that the model is to serve; as many as are given where it is left out.

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
    random = _smooth(_counts(levels(arrays, *pairs_at_large(len(records), at_large), cuts)))
    found = levels(arrays, *candidate_pairs(arrays.keys, posting_max), cuts)
    total = len(records) * (len(records) - 1) / 2
    classes = _expectation_maximisation(found, random, total, households=households)
    _assume_numbers(classes, unseen=[column for column in range(NUMBER, COLUMNS) if (found[:, column] < 0).all()])
    schema_epoch = next(iter(records.values())).schema_epoch
    few = (len(records) if expected is None else expected) <= FEW
    model = _model(classes, version, schema_epoch, cuts, posting_max)
    return msgspec.structs.replace(model, alone_max=ALONE_FEW) if few else model


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
    possible[SWAP, 3:] = possible[AGENCY:, 2:] = 0
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
    rows = np.where(_column(SHARED), np.array(START), random)
    person = np.tile(np.array(START), (COLUMNS, 1))
    person[SWAP] = (0.96, 0.03, 0.01, 0, 0, 0, 0, 0)
    person[AGENCY] = random[AGENCY]
    person[NUMBER:] = (0.05, 0.95, 0, 0, 0, 0, 0, 0)
    rows[UPRN] = person[UPRN]
    twin = rows.copy()
    twin[DOB] = person[DOB]
    classes = np.stack([person, rows, twin])
    shares = np.array([1e-4, 1e-4, 1e-6]) if households else np.array([1e-4, 1e-300, 1e-300])
    at_random = _sum_logs(patterns, random)
    before = 0.0
    for _ in range(ROUNDS):
        logs = [np.log(share) + _sum_logs(patterns, rows) for share, rows in zip(shares, classes, strict=True)]
        joint = np.exp(np.stack([*logs, np.log(max(1 - shares.sum(), 0.5)) + at_random]))
        expected = joint / joint.sum(0) * counts
        seen = [_counts(patterns, weights) for weights in expected[:3]]
        person = _person(seen[PERSON], random)
        shares[PERSON] = max(expected[PERSON].sum() / pairs, 1e-12)
        if households:
            shares[HOUSEHOLD] = expected[HOUSEHOLD].sum() / pairs
            shares[TWIN] = max(expected[TWIN].sum() / pairs, TWINS_LEAST * shares[PERSON])
            household = _household(seen[HOUSEHOLD], random)
            classes = np.stack([person, household, _twin(seen[TWIN], random, person)])
        else:
            classes[PERSON] = person
        if abs(expected[PERSON].sum() - before) < SETTLED * max(before, 1.0):
            break
        before = expected[PERSON].sum()
    classes[PERSON] = _rising(classes[PERSON], random)
    if households:  # what twins share with one person stays equal to it
        alike = [*np.flatnonzero(SHARED), DOB, UPRN]
        classes[TWIN][alike] = classes[PERSON][alike]
    return Classes(classes, random, shares)


def _column(fields: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A choice of fields, and the UPRN, as a mask of columns."""
    return np.concatenate([fields, np.arange(SWAP, COLUMNS) == UPRN])[:, None]


def _person(counts: Floats, random: Floats) -> Floats:
    """P(level | M), with floors for what does happen though these records may not show it."""
    person = _smooth(counts)
    same = max(person[AGENCY, 1], DUPLICATE_LEAST * random[AGENCY, 1])
    person[AGENCY, :2] = (1 - same, same)
    for column in OWN_NUMBERS:
        different = max(person[column, 0], REISSUED_LEAST)
        person[column, :2] = (different, 1 - different)
    return person


def _household(counts: Floats, random: Floats) -> Floats:
    """P(level | H): free for what a household shares; else held to random, with the caps that keep H from being M."""
    held = counts + PRIOR_COUNTS * random
    household: Floats = np.where(_column(SHARED), _smooth(counts), held / held.sum(1, keepdims=True))
    for field in (GIVEN, DOB):
        for top in (7, 6, 5):
            _at_most(household[field], top, HOUSEMATE_MOST)
        np.maximum(household[field], random[field], out=household[field], where=ALIKE)
        household[field] /= household[field].sum()
    _mix_up(household)
    return household


def _twin(counts: Floats, random: Floats, person: Floats) -> Floats:
    """P(level | T): all but a person's own names and numbers is as of one person, old addresses included."""
    held = counts + PRIOR_COUNTS * random
    twin = np.where(_column(SHARED), person, held / held.sum(1, keepdims=True))
    twin[DOB] = person[DOB]
    named_alike = max(counts[GIVEN, NEAR].sum() / max(counts[GIVEN].sum(), 1e-12), NAMED_ALIKE_LEAST)
    twin[GIVEN] = random[GIVEN] * (1 - named_alike) / random[GIVEN].sum()
    twin[GIVEN, NEAR] += named_alike * person[GIVEN, NEAR] / person[GIVEN, NEAR].sum()
    _at_most(twin[GIVEN], LEVELS - 1, NAMESAKE_MOST)
    _mix_up(twin)
    return twin


def _assume_numbers(classes: Classes, unseen: list[int]) -> None:
    """Give numbers that no two of these records have what is known of such numbers elsewhere, in place."""
    for column in unseen:
        equal = EQUAL_HOME if column == UPRN else EQUAL_NUMBER
        for rows, share in zip((*classes.levels, classes.random), equal, strict=True):
            rows[column, :2] = (1 - share, share)


def _at_most(row: Floats, top: int, most: float) -> None:
    """Limit the share of a level and those above it, in place."""
    alike = row[top:].sum()
    if alike > most:
        row[top:] *= most / alike
        row[:top] *= (1 - most) / max(row[:top].sum(), 1e-12)


def _mix_up(rows: Floats) -> None:
    """Keep P(number equal) of people who are not one within bounds, in place."""
    for column in OWN_NUMBERS:
        equal = min(max(rows[column, 1], MIXED_UP_LEAST), HOUSEMATE_MOST)
        rows[column, :2] = (1 - equal, equal)


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
    random = np.where(classes.random > 0, classes.random, 1.0)  # swap, agency and numbers have two levels only
    weights = _milli_bits(classes.levels / random).tolist()
    prior = _milli_bits(classes.shares / (1 - classes.shares.sum())).tolist()

    def two(column: int) -> tuple[Weights, Weights]:
        low, high = (
            (weights[0][column][level], weights[1][column][level], weights[2][column][level]) for level in (0, 1)
        )
        return low, high

    person, household, twin = (tuple(tuple(row) for row in rows[:SWAP]) for rows in weights)
    return LinkModel(
        version=version,
        schema_epoch=schema_epoch,
        cuts=cuts,
        person=person,
        household=household,
        twin=twin,
        swap=(*two(SWAP), (weights[0][SWAP][2], weights[1][SWAP][2], weights[2][SWAP][2])),
        agency=two(AGENCY),
        numbers=tuple(two(column) for column in range(NUMBER, COLUMNS)),
        prior=(prior[0], prior[1], prior[2]),
        posting_max=posting_max,
    )


def _milli_bits(ratio: Floats) -> Indices:
    """log2 x 1000, rounded, within 30 bits either way."""
    found: Indices = np.rint(1000 * np.clip(np.log2(np.maximum(ratio, 1e-12)), -30, 30)).astype(np.int64)
    return found
