"""How a person came to be: the pairs of records that hold it together.

Decides which pairs are enough to explain a person: what people said first, then the strongest, each only where it
joins what was apart. Says nothing of a restricted person. Does not explain a pair (explain.py).
"""

from __future__ import annotations

from typing import NamedTuple

from streams.linkage.compare import link_of
from streams.linkage.graph import LinkGraph


class Join(NamedTuple):
    """Two records of one person; `link` is in milli-bits, None where a person said that they are one."""

    one: bytes
    other: bytes
    link: int | None


def joins(graph: LinkGraph, person: bytes) -> list[Join]:
    """Pairs that hold a person together, one fewer than its records where nothing is missing.

    Args:
        graph: Links as they are now.
        person: Its smallest record.

    Returns:
        Asserted pairs, then by falling link; fewer where records are one only through the average of several.
    """
    members = graph.members(person)
    found: list[tuple[bool, int, bytes, bytes]] = []
    for record in members:
        said, ties = graph.said(record), graph.ties(record)
        for other in members:
            if record < other and said.get(other) == "must":
                found.append((False, 0, record, other))
            elif record < other and other in ties:
                found.append((True, -link_of(ties[other]), record, other))
    part = {record: record for record in members}
    made = []
    for scored, lead, one, other in sorted(found):
        if part[one] != part[other]:
            made.append(Join(one, other, -lead if scored else None))
            gone, kept = part[other], part[one]
            part = {record: kept if of == gone else of for record, of in part.items()}
    return made
