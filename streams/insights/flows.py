"""Flows between levels of need: children whose level is another than four weeks ago.

Decides the table, its week and what is withheld. It has no totals, and says neither how many stayed nor which flows
are 0: with those, the flows of a level would add up to its caseload, and the two tables together would give back what
each withholds. So every withheld flow could be 0 whatever else is published. The counts are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from schemas.profile import LEVELS
from streams.insights.suppress import SMALL_MAX, STICKY_WEEKS, WITHHELD, left, shown
from streams.insights.told import text
from streams.insights.week import WEEK_MS, begin
from streams.state import Spec

SPAN_WEEKS: Final = 4
SPAN_MS: Final = SPAN_WEEKS * WEEK_MS


class PublishedFlows(msgspec.Struct, frozen=True, array_like=True):
    """One week's table.

    Attributes:
        week: Weeks since 1970-01-05; one publication a week.
        shown: A line a level before, and in it the level after, both in the order of LEVELS; -1 is withheld, as a
            level's flow to itself always is.
        held: For each, publications that it is still withheld.
    """

    week: int
    shown: tuple[tuple[int, ...], ...]
    held: tuple[tuple[int, ...], ...]


FLOW_SPECS: Final = (Spec("flow_insight", PublishedFlows),)


def publish_flows(
    previous: PublishedFlows | None, counts: Mapping[tuple[str, str], int], now: int
) -> PublishedFlows:  # fmt: skip
    """The table of the week.

    Args:
        previous: The last one published.
        counts: (level before, level now) -> children; a missing one is 0, and who stayed is passed over.
        now: Partnership time, ms.

    Raises:
        ValueError: This week has its table, or a count is for an unknown level.
    """
    week = begin(previous, now)
    unknown = [key for key in counts if not {*key} <= {*LEVELS}]
    if unknown:
        message = f"insights: no such flow {sorted(unknown)[0]}"
        raise ValueError(message)
    lines, held = [], []
    for row, before in enumerate(LEVELS):
        line = [0 if before == after else counts.get((before, after), 0) for after in LEVELS]
        was = previous.held[row] if previous else (0,) * len(LEVELS)
        held.append(tuple(left(count, wait, nought=False) for count, wait in zip(line, was, strict=True)))
        lines.append(shown(line, held[-1]))
    return PublishedFlows(week, tuple(lines), tuple(held))


def flows_body(published: PublishedFlows) -> str:
    """Body of a view of kind `insight`: canonical JSON, a withheld cell is null, who stayed is left out."""
    rows = [
        {"from": before,
         "cells": {after: None if value == WITHHELD else value
                   for after, value in zip(LEVELS, line, strict=True) if after != before}}
        for before, line in zip(LEVELS, published.shown, strict=True)
    ]  # fmt: skip
    return text(
        "flows",
        "Flows between levels of need",
        f"Children whose highest level of need is another than {SPAN_WEEKS} weeks ago, by what is recorded now; a "
        "child who is new to the records had none before.",
        published,
        withheld=f"counts of 0 to {SMALL_MAX}, and each such cell for {STICKY_WEEKS} publications in all; totals and "
        "how many stayed, from which caseload would give the rest",
        columns=list(LEVELS),
        span_weeks=SPAN_WEEKS,
        rows=rows,
    )
