"""How alike two records are, in milli-bits.

Decides levels and scores of one pair, plainly: the reference, and what explanations show. The graph scores many at
once by kernels.weigh, with the arrays made here; a test holds them equal. Decides no link.

Level of a field = bucket of the Hamming distance of two 256-bit MinHashes. A missing field is no evidence. Given
name and surname are also compared crosswise, and taken so where that agrees clearly better. A postcode is no evidence
where the street already agrees: it follows from it, and counting both made neighbours of one surname a household
(household precision .90 -> 1.00 on the demo's world, recall .99 -> .96). Number, street and postcode are none where
both records have a UPRN: it says the same, once. An NHS number agrees also with the number that it superseded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from schemas.identity import FIELDS, TOKENS
from streams.linkage.identity import LOCATED, Shape
from streams.linkage.kernels import GIVEN, OFFSET, PART, POSTCODE, STREET, SURNAME, Numbers
from streams.linkage.model import FIELD_BITS, NUMBERS, LinkModel, Weights

NO_TOKENS: Final = (b"",) * len(TOKENS)
SAME_STREET: Final = 6  # level of the street from which the postcode says nothing more
UNLIKE: Final = FIELD_BITS // 2  # distance of two unrelated values; similarity = UNLIKE - distance, at least 0
CROSS_MAX: Final = 100  # distance up to which a given name is like a surname
SWAPPED: Final = 1  # both names agree crosswise
HALF_SWAPPED: Final = 2  # one does, and the other pair has a name missing
SWAP_GAIN: Final = 39  # and by how much their similarity must beat the straight one: 30 % of one field

MASK: Final = (1 << PART) - 1


class Evidence(NamedTuple):
    """One line of a comparison: field or token, level reached (-1 = missing in one), weights in milli-bits."""

    name: str
    level: int
    person: int
    household: int
    twin: int


class Score(NamedTuple):
    """Sum of all evidence, in milli-bits against `random`, and by how much a person must lead a household."""

    person: int
    household: int
    twin: int
    margin: int = 0

    @property
    def link(self) -> int:
        """Same person against everything else, the margin included."""
        return self.person - max(self.household + self.margin, self.twin + self.margin, 0)

    @property
    def tie(self) -> int:
        """Same person or same household, twins included, against random."""
        return max(self.person, self.household, self.twin)


def comparable(a: Shape, b: Shape) -> bool:
    """Whether two records were encoded under the same key and schema epochs."""
    return a[0] == b[0]


def evidence(model: LinkModel, a: Shape, b: Shape) -> tuple[Evidence, ...]:
    """Every line that counts for or against a pair, in the order of FIELDS, swap, agency, NUMBERS, prior.

    Raises:
        ValueError: The two are of different epochs.
    """
    if not comparable(a, b):
        message = "expected two records of one epoch"
        raise ValueError(message)
    distances, swapped = _distances(a, b)
    known = _numbers(a), _numbers(b)
    if known[0][-1] and known[1][-1]:
        distances = [None if LOCATED >> index & 1 else distance for index, distance in enumerate(distances)]
    lines: list[Evidence] = []
    for index, name in enumerate(FIELDS):
        distance = distances[index]
        if index == POSTCODE and lines[STREET].level >= SAME_STREET:
            distance = None
        if distance is None:
            lines.append(Evidence(name, -1, 0, 0, 0))
            continue
        level = sum(distance <= cut for cut in model.cuts[index])
        lines.append(Evidence(name, level, *_weights(model, index, level)))
    lines.append(Evidence("swap", swapped, *model.swap[swapped]))
    same = a[4] == b[4]
    lines.append(Evidence("agency", int(same), *model.agency[same]))
    for name, weights, one, other in zip(NUMBERS, model.numbers, *known, strict=True):
        if one and other:
            agree = not one.isdisjoint(other)
            lines.append(Evidence(name, int(agree), *weights[agree]))
        else:
            lines.append(Evidence(name, -1, 0, 0, 0))
    lines.append(Evidence("prior", 0, *model.prior))
    return tuple(lines)


def score(model: LinkModel, a: Shape, b: Shape) -> Score:
    """Sum of the evidence of one pair."""
    return total(evidence(model, a, b), model.margin)


def total(lines: Iterable[Evidence], margin: int) -> Score:
    """Sum of lines of evidence, with the margin of their model."""
    person, household, twin = map(sum, zip((0, 0, 0), *(line[2:] for line in lines), strict=True))
    return Score(person, household, twin, margin)


def _numbers(shape: Shape) -> tuple[frozenset[bytes], ...]:
    """The tokens that count for each of NUMBERS."""
    nhs, former, upn, uprn = shape[3] or NO_TOKENS
    return tuple(frozenset(filter(None, some)) for some in ((nhs, former), (upn,), (uprn,)))


def _weights(model: LinkModel, index: int, level: int) -> Weights:
    return model.person[index][level], model.household[index][level], model.twin[index][level]


def _distances(a: Shape, b: Shape) -> tuple[list[int | None], int]:
    """Hamming distance by field, None where missing, and how the names were compared: 0 or a kind of swap."""
    nulls = a[1] | b[1]
    distances: list[int | None] = [
        None if nulls >> index & 1 else (one ^ other).bit_count()
        for index, (one, other) in enumerate(zip(a[2], b[2], strict=True))
    ]
    cross = sorted(
        (a[2][mine] ^ b[2][theirs]).bit_count()
        for mine, theirs in ((GIVEN, SURNAME), (SURNAME, GIVEN))
        if not (a[1] >> mine | b[1] >> theirs) & 1
    )
    straight = (distance for distance in (distances[GIVEN], distances[SURNAME]) if distance is not None)
    if not cross or cross[-1] > CROSS_MAX or _likeness(cross) - _likeness(straight) < SWAP_GAIN:
        return distances, 0
    # the nearer of two counts as the given name: the same from either side
    distances[GIVEN], distances[SURNAME] = cross[0], cross[1] if len(cross) > 1 else None
    return distances, SWAPPED if len(cross) > 1 else HALF_SWAPPED


def _likeness(distances: Iterable[int]) -> int:
    return sum(max(UNLIKE - distance, 0) for distance in distances)


def packed(link: int, tie: int) -> int:
    """Link and tie in one integer; dictionaries of plain integers cost the garbage collector nothing."""
    return (link << PART) + tie + OFFSET


def link_of(weighed: int) -> int:
    """Link of a packed pair, in milli-bits."""
    return weighed >> PART


def tie_of(weighed: int) -> int:
    """Tie of a packed pair, in milli-bits."""
    return (weighed & MASK) - OFFSET


class Weighing(NamedTuple):
    """A model as arrays, for kernels.weigh.

    Attributes:
        by_distance: (fields, distances 0..256, 3) weights of person, household and twin.
        swap: (3, 3).
        agency: (2, 3), the prior included.
        numbers: (NUMBERS, 2, 3).
        limits: The constants of this module that the kernel needs, and the margin.
    """

    by_distance: Numbers
    swap: Numbers
    agency: Numbers
    numbers: Numbers
    limits: Numbers


def weighing(model: LinkModel) -> Weighing:
    """The arrays of a model."""
    levels = [[sum(distance <= cut for cut in cuts) for distance in range(FIELD_BITS + 1)] for cuts in model.cuts]
    by_distance = [[_weights(model, index, level) for level in row] for index, row in enumerate(levels)]
    limits = (UNLIKE, CROSS_MAX, SWAP_GAIN, model.cuts[STREET][SAME_STREET - 1], model.margin)
    agency = np.array(model.agency) + np.array(model.prior)
    tables = (by_distance, model.swap, agency, model.numbers, limits)
    return Weighing(*(np.array(table, np.int64) for table in tables))
