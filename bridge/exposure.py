"""What an agency's own encodings would give away to someone who could read them: five kinds of leak, measured.

Decides the figures of `sightline bridge exposure`, for the agency's staff before anything is sent. The reader that it
supposes has the opened encodings and a perfect public register of the same people, but no linkage key. It attacks
nothing and prints no value: only shares and correlations.

Source:
    The five kinds (frequency, length, co-occurrence, similarity, neighbourhood): LINKAGE section 4, [S15].
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bridge.encode import Encoder
from bridge.normalise import Person, normalise
from schemas.identity import FIELD_BYTES, FIELDS

VALUES_MAX: Final = 1000  # different values of a field that are compared pair by pair
NEAR_BITS: Final = 80  # of 256: values nearer than this are neighbours; strangers stand at 128 +- 8


@dataclass(frozen=True, slots=True)
class FieldExposure:
    """Figures of one field, each from 0 (nothing) to 1.

    Attributes:
        field: One of `schemas.identity.FIELDS`.
        values: Different values.
        commonest: Share of records with the commonest value.
        frequency: Share of records whose value occurs as often as no other: a ranking of frequencies names them.
        length: Correlation of an encoding's set bits with its value's length, without sign.
        similarity: Correlation of nearness of encodings with likeness of values.
        neighbourhood: Share of values that their neighbours' numbers of neighbours single out: a handle for graph
            matching.
    """

    field: str
    values: int
    commonest: float
    frequency: float
    length: float
    similarity: float
    neighbourhood: float


@dataclass(frozen=True, slots=True)
class Exposure:
    """All figures.

    Attributes:
        records: Records measured.
        fields: One a field that has at least two values.
        co_occurrence: Share of records whose combination of frequencies, over all fields, no other record has.
    """

    records: int
    fields: tuple[FieldExposure, ...]
    co_occurrence: float


def measure(people: Sequence[Person], encoder: Encoder) -> Exposure:
    """Encode records and measure what the encodings tell.

    Args:
        people: An agency's own records; some thousands give steady figures.
        encoder: With the profile to be judged; any key does.

    Returns:
        The figures.
    """
    normalised = [normalise(person) for person in people]
    encoded = [identity["bits"] for identity in encoder.identities(normalised)]
    fields: list[FieldExposure] = []
    frequencies: list[list[int]] = []
    for place, field in enumerate(FIELDS):
        at = slice(place * FIELD_BYTES, (place + 1) * FIELD_BYTES)
        by_value = {getattr(person, field): bits[at] for person, bits in zip(normalised, encoded, strict=True)}
        by_value.pop(None, None)
        # counted on encodings: it is those that are seen
        counts = Counter(bits[at] for bits in encoded if any(bits[at]))
        frequencies.append([counts[bits[at]] for bits in encoded])
        if len(counts) > 1:
            fields.append(_field(field, counts, by_value))
    combined = Counter(zip(*frequencies, strict=True))
    alone = sum(count for count in combined.values() if count == 1)
    return Exposure(len(people), tuple(fields), alone / len(people) if people else 0.0)


def _field(field: str, counts: Counter[bytes], by_value: dict[str, bytes]) -> FieldExposure:
    records = counts.total()
    ranks = Counter(counts.values())
    alone = sum(count for count in counts.values() if ranks[count] == 1)
    commonest_first = sorted(by_value, key=lambda value: (-counts[by_value[value]], value))[:VALUES_MAX]
    bits = np.frombuffer(b"".join(by_value[value] for value in commonest_first), np.uint8).reshape(-1, FIELD_BYTES)
    apart = _distances(bits)
    upper = np.triu_indices(len(bits), 1)
    return FieldExposure(
        field,
        len(counts),
        max(counts.values()) / records,
        alone / records,
        abs(_correlation(np.bitwise_count(bits).sum(axis=1), np.array([len(value) for value in commonest_first]))),
        max(0.0, _correlation(-apart[upper], _likeness(commonest_first)[upper])),
        _singled_out(apart),
    )


def _distances(bits: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Differing bits of every pair: (values, values)."""
    signs = np.unpackbits(bits, axis=1).astype(np.float32) * 2 - 1
    agreement: NDArray[np.float32] = signs @ signs.T
    apart: NDArray[np.int64] = ((signs.shape[1] - agreement) / 2).round().astype(np.int64)
    return apart


def _likeness(values: Sequence[str]) -> NDArray[np.float64]:
    """Dice of the values' pairs of characters, for every pair: (values, values)."""
    cut = [{first + second for first, second in pairwise(f" {value} ")} for value in values]
    number = {pair: place for place, pair in enumerate(sorted(set().union(*cut)))}
    holds = np.zeros((len(values), len(number)), np.float32)
    for row, pairs in enumerate(cut):
        holds[row, [number[pair] for pair in pairs]] = 1
    sizes = holds.sum(axis=1)
    shared = holds @ holds.T
    dice: NDArray[np.float64] = (2 * shared / (sizes[:, None] + sizes[None, :])).astype(np.float64)
    return dice


def _singled_out(apart: NDArray[np.int64]) -> float:
    near = (apart < NEAR_BITS) & ~np.eye(len(apart), dtype=bool)
    degrees = near.sum(axis=1)
    signs = [(int(degrees[row]), tuple(sorted(degrees[near[row]].tolist()))) for row in range(len(apart))]
    seen = Counter(signs)
    return sum(1 for sign in signs if seen[sign] == 1) / len(signs)


def _correlation(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    first, second = one.astype(np.float64), other.astype(np.float64)
    if len(first) < 2 or not first.std() or not second.std():
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def as_text(exposure: Exposure) -> str:
    """The figures as a table with what they mean.

    Args:
        exposure: As `measure` gave it.

    Returns:
        Lines for a terminal; no value of a record is in them.
    """
    lines = [
        f"{exposure.records:,} records, as someone would see them who could open the sealed encodings but has no key",
        f"{'field':10}{'values':>8}{'commonest':>11}{'frequency':>11}{'length':>8}{'similarity':>12}{'neighbours':>12}",
    ]
    for row in exposure.fields:
        lines.append(
            f"{row.field:10}{row.values:>8,}{row.commonest:>11.1%}{row.frequency:>11.1%}{row.length:>8.2f}"
            f"{row.similarity:>12.2f}{row.neighbourhood:>12.1%}"
        )
    lines += [
        f"co-occurrence: {exposure.co_occurrence:.1%} of records stand alone by how frequent their fields are",
        "frequency   share of records that a ranking of frequencies would name",
        "length      how far set bits tell the length of a value (0 to 1)",
        "similarity  how far near encodings tell like values (0 to 1); the strict profile brings it to 0",
        "neighbours  share of values that their place among near values singles out, for graph matching",
        "What keeps this from mattering: encodings travel and rest sealed; only the linkage step sees them open.",
    ]
    return "\n".join(lines) + "\n"
