"""Caseload across agencies: children by kind of agency that holds them and by level of need.

Decides the table, its week and its text. The counts are given; which may be shown is decided in suppress.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import msgspec

from schemas.event import AGENCY_KINDS
from streams.insights.suppress import ROUND_TO, SMALL_MAX, rounded, withhold
from streams.insights.week import MONDAY_MS, WEEK_MS, begin
from streams.state import Spec

LEVELS = ("none", "early_help", "in_need", "plan", "looked_after")
"""Levels of need, rising; a child counts at its highest."""
_LEVEL_OF_STATUS = {"early_help": 1, "in_need": 2, "protection_plan": 3, "looked_after": 4}
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

    @property
    def published_at(self) -> int:
        """Monday 00:00 UTC of the week, ms since 1970-01-01 UTC."""
        return MONDAY_MS + self.week * WEEK_MS


SPECS: tuple[Spec, ...] = (Spec("insights", Published),)


def level(statuses: Iterable[tuple[str, int, int | None]], now: int) -> str:
    """Level of need of one child.

    Args:
        statuses: (kind, started_at, ended_at) over all linked records, times in ms.
        now: Moment, ms.

    Returns:
        One of LEVELS: the highest that lasts.

    Example:
        >>> level([("in_need", 0, None), ("early_help", 0, None), ("looked_after", 0, 5)], 9)
        'in_need'
    """
    lasting = (
        _LEVEL_OF_STATUS[kind]
        for kind, started_at, ended_at in statuses
        if started_at <= now and (ended_at is None or now < ended_at)
    )
    return LEVELS[max(lasting, default=0)]


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
    shown: list[tuple[int, ...]] = []
    held: list[tuple[int, ...]] = []
    for number, kind in enumerate(AGENCY_KINDS):
        cells = [counts.get((kind, name), 0) for name in LEVELS]
        line = (*cells, sum(cells))
        left = withhold(line, previous.held[number] if previous else (0,) * len(line))
        held.append(left)
        shown.append(tuple(-1 if wait else rounded(count) for count, wait in zip(line, left, strict=True)))
    return Published(week, tuple(shown), tuple(held))


def body(published: Published) -> str:
    """Body of a view of kind `insight`: canonical JSON, a withheld cell is null."""
    rows = [
        {
            "agency_kind": kind,
            "cells": {name: None if value < 0 else value for name, value in zip(COLUMNS, line, strict=True)},
        }
        for kind, line in zip(AGENCY_KINDS, published.shown, strict=True)
    ]
    table = {
        "table": "caseload",
        "published_at": published.published_at,
        "columns": list(COLUMNS),
        "rows": rows,
        "rounded_to": ROUND_TO,
        "withheld": f"counts of 1 to {SMALL_MAX}, and as many more as keep them from being computed",
    }
    return json.dumps(table, sort_keys=True, separators=(",", ":"))
