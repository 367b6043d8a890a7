"""Caseload across agencies: children by kind of agency that holds them and by level of need.

Decides the table, its week and its text. The counts are given; which may be shown is decided in suppress.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from schemas.event import AGENCY_KINDS
from schemas.profile import LEVELS
from streams.insights.suppress import WITHHELD, shown, withhold
from streams.insights.told import text
from streams.insights.week import begin
from streams.state import Spec

COLUMNS = (*LEVELS, "total")


class Published(msgspec.Struct, frozen=True, array_like=True):
    """One week's table.

    Attributes:
        week: Weeks since 1970-01-05; one publication a week, never two.
        shown: A line a kind of agency, in the order of AGENCY_KINDS, and in it LEVELS and the total; -1 is withheld.
        held: For each, publications that it is still withheld.
    """

    week: int
    shown: tuple[tuple[int, ...], ...]
    held: tuple[tuple[int, ...], ...]


SPECS: tuple[Spec, ...] = (Spec("insights", Published),)


def publish(previous: Published | None, counts: Mapping[tuple[str, str], int], now: int) -> Published:
    """The table of the week.

    Args:
        previous: The last one published.
        counts: (kind of agency, level) -> children; a missing one is 0.
        now: Partnership time, ms.

    Raises:
        ValueError: This week has its table, or a count is for an unknown kind or level.
    """
    week = begin(previous, now)
    unknown = [key for key in counts if key[0] not in AGENCY_KINDS or key[1] not in LEVELS]
    if unknown:
        message = f"insights: no such cell {sorted(unknown)[0]}"
        raise ValueError(message)
    lines: list[tuple[int, ...]] = []
    held: list[tuple[int, ...]] = []
    for number, kind in enumerate(AGENCY_KINDS):
        cells = [counts.get((kind, name), 0) for name in LEVELS]
        line = (*cells, sum(cells))
        held.append(withhold(line, previous.held[number] if previous else (0,) * len(line)))
        lines.append(shown(line, held[-1]))
    return Published(week, tuple(lines), tuple(held))


def body(published: Published) -> str:
    """Body of a view of kind `insight`: canonical JSON, a withheld cell is null."""
    rows = [
        {
            "agency_kind": kind,
            "cells": {name: None if value == WITHHELD else value for name, value in zip(COLUMNS, line, strict=True)},
        }
        for kind, line in zip(AGENCY_KINDS, published.shown, strict=True)
    ]
    counts = (
        "Children known to each kind of agency, by their highest level of need now; a child can be known to several."
    )
    return text("caseload", "Caseload across agencies", counts, published, columns=list(COLUMNS), rows=rows)
