"""People who live together.

Decides households within one connected component of people and ties. A tie is a pair of records that the three-class
model holds for the same person or the same household. A person with any restricted record has no ties: no household
comes from their location. A person's records always stay together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from streams.linkage.cluster import SURE, Weights, connected, raised
from streams.linkage.model import LinkModel

Person = Callable[[bytes], Sequence[bytes]]
"""All records of a record's person, itself included."""


def split(component: Sequence[bytes], ties: Weights, person: Person, model: LinkModel) -> list[tuple[bytes, ...]]:
    """Households in one component.

    Up to `household_max` records it is one household. Above, the tie threshold is raised in steps until each part
    is within the limit or only single people are left: an address that many share must not make a village of them.

    Args:
        component: Its records, sorted.
        ties: At least its ties, in milli-bits.
        person: Whose records stay together.
        model: Thresholds.

    Returns:
        Sorted records of each household, in the order of the smallest.
    """
    return sorted(_split(component, model.tie, ties, person, model))


def _split(
    component: Sequence[bytes], tie: int, ties: Weights, person: Person, model: LinkModel
) -> list[tuple[bytes, ...]]:
    if len(component) <= model.household_max:
        return [tuple(component)]
    tie = raised(component, tie, ties)
    if tie > SURE:
        return [tuple(part) for part in connected(component, person)]
    inside = set(component)

    def neighbours(node: bytes) -> list[bytes]:
        tied = [other for other, weight in ties(node).items() if weight >= tie and other in inside]
        return [*tied, *person(node)]

    households: list[tuple[bytes, ...]] = []
    for part in connected(component, neighbours):
        households += _split(part, tie, ties, person, model)
    return households
