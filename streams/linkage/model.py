"""A frozen, versioned linkage model: integer tables and thresholds.

Decides what a model holds and when one is well formed. Weights are milli-bits (log2 of a likelihood ratio x 1000)
against the class `random`, so that class itself is always 0. Does not fit one (fit.py).
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec

from schemas.identity import FIELD_BYTES, FIELDS

NUMBERS: Final = ("nhs", "upn", "uprn")  # evidence that tokens give; nhs by the number now or the one before
LEVELS: Final = 8  # buckets of similarity a field, LINKAGE section 6
FIELD_BITS: Final = FIELD_BYTES * 8
WEIGHT_MAX: Final = 1 << 24  # milli-bits; keeps sums of all fields inside 30 bits
MODELS: Final = Path(__file__).parent / "models"

Weights = tuple[int, int, int]
"""Milli-bits for (same person, same household but another person, twin), against random."""


class LinkModel(msgspec.Struct, frozen=True, dict=True, kw_only=True):
    """Weights by field and level, and the thresholds of the graph.

    Attributes:
        version: Name of the model, shown with each link.
        schema_epoch: Version of fields and normalisation that it was fitted for.
        cuts: For each field 7 falling Hamming distances; the level is the count of cuts >= the distance.
        person: For each field 8 weights of `same person`, by level.
        household: For each field 8 weights of `same household, other person`, by level.
        twin: For each field 8 weights of `twin`: born on one day to one household, so that only names, numbers and
            being known twice at one agency tell them apart.
        swap: Weights where given name and surname were compared (straight, crosswise, crosswise with one missing).
        agency: Weights of two records of (different agencies, one agency): few agencies hold a person twice, so that
            two records at one agency speak for twins.
        numbers: For each of `NUMBERS` the weights where both have one: (different, equal).
        prior: Weight before any evidence.
        edge: Milli-bits from which a pair is an automatic edge.
        margin: Milli-bits by which an automatic link must beat the classes of a household beyond `edge`: a twin or
            a sibling merged is worse than a pair left for review.
        merge: Milli-bits on average from which two groups of one component are merged.
        tie: Milli-bits from which a pair is of one household. At 0 neighbours of one surname were tied: precision
            of households on the demo's world .986, at 2,000 it is 1.000 with the same recall.
        clip: Largest weight of one pair in an average, either sign.
        alone_max: Records sharing one blocking key up to which it makes them candidates alone.
        posting_max: Up to which it does with another; above, it counts for nothing.
        component_max: Records in one component above which its edge threshold is raised.
        household_max: Records in one household above which its tie threshold is raised.
    """

    version: str
    schema_epoch: int
    cuts: tuple[tuple[int, ...], ...]
    person: tuple[tuple[int, ...], ...]
    household: tuple[tuple[int, ...], ...]
    twin: tuple[tuple[int, ...], ...]
    swap: tuple[Weights, Weights, Weights]
    agency: tuple[Weights, Weights]
    numbers: tuple[tuple[Weights, Weights], ...]
    prior: Weights
    edge: int = 4_250
    margin: int = 1_000
    merge: int = 2_000
    tie: int = 2_000
    clip: int = 10_000
    alone_max: int = 10
    posting_max: int = 100
    component_max: int = 200
    household_max: int = 40

    def __post_init__(self) -> None:
        weights = (self.person, self.household, self.twin)
        if any(len(table) != len(FIELDS) for table in (self.cuts, *weights)) or len(self.numbers) != len(NUMBERS):
            message = f"expected tables for {len(FIELDS)} fields and {len(NUMBERS)} numbers"
            raise ValueError(message)
        if any(len(row) != LEVELS for table in weights for row in table):
            message = f"expected {LEVELS} levels a field"
            raise ValueError(message)
        for row in self.cuts:
            if len(row) != LEVELS - 1 or list(row) != sorted(row, reverse=True):
                message = f"expected {LEVELS - 1} falling cuts a field"
                raise ValueError(message)
        limits = (self.alone_max, self.component_max, self.household_max)
        if not self.tie <= self.edge or min(limits) < 2 or self.alone_max > self.posting_max:
            message = "expected tie <= edge, limits of at least 2 and alone_max <= posting_max"
            raise ValueError(message)
        flat = [weight for table in weights for row in table for weight in row]
        flat += [
            weight
            for pair in (*self.swap, *self.agency, *(pair for number in self.numbers for pair in number), self.prior)
            for weight in pair
        ]
        if max(map(abs, flat)) > WEIGHT_MAX:
            message = f"expected weights within {WEIGHT_MAX} milli-bits"
            raise ValueError(message)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that decides, 64 hex digits."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()

    def at(self, edge: int, merge: int) -> LinkModel:
        """The same weights with other thresholds, in milli-bits, and no margin; `tie` is lowered to `edge`."""
        return msgspec.structs.replace(self, edge=edge, merge=merge, margin=0, tie=min(self.tie, edge))


def read_model(data: bytes) -> LinkModel:
    """Model from its JSON.

    Raises:
        msgspec.ValidationError: It is not a well-formed model.
    """
    return msgspec.json.decode(data, type=LinkModel)


def write_model(model: LinkModel) -> bytes:
    """JSON of a model, one line a table so that versions can be compared."""
    rows = msgspec.to_builtins(model)
    lines = ",\n".join(f' "{name}": {msgspec.json.encode(value).decode()}' for name, value in rows.items())
    return f"{{\n{lines}\n}}\n".encode()


def shipped_model(name: str = "default") -> LinkModel:
    """One of the models in streams/linkage/models."""
    return read_model((MODELS / f"{name}.json").read_bytes())
