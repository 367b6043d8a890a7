"""Demand by team: how many new episodes and alerts to expect in the next 4, 12 and 26 weeks.

Decides the table, its week and what is withheld; how a forecast is made and how it learns is forecast.py's. All teams
learn together, from the whole partnership's counts. Weekly counts are given; which team a child belongs to is decided
by who counts. Nothing here is about any one child.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from streams.insights.forecast import AHEAD, MILLI, NOTHING, SETTLED, UNSAID, Forecast, Learned, forecast, learn
from streams.insights.suppress import WITHHELD, rounded, withhold
from streams.insights.told import text
from streams.insights.week import begin
from streams.state import Spec

KINDS: Final = ("episodes", "alerts")
LAGS: Final = (SETTLED, 0)
"""Weeks until all of a week is known, by kind."""
WEEKS_KEPT: Final = 104  # of counts that a forecast looks back on
TOTAL: Final = "total"

Weekly = Mapping[str, Sequence[int]]
"""Team -> counts by week, the last one that has ended last; all of one length."""
Taught = tuple[Learned, ...]
"""What has been learned of one kind, by horizon."""


class Said(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was said of the whole partnership: by kind, low and high of each horizon, in thousandths, or `UNSAID`."""

    week: int
    bands: tuple[tuple[tuple[int, int], ...], ...]


class PublishedDemand(msgspec.Struct, frozen=True, array_like=True):
    """One week's table.

    Attributes:
        week: Weeks since 1970-01-05; one publication a week.
        teams: In order; a last line after theirs is the total.
        shown: By kind, by horizon, by team and total: expected, low, high; -1 is withheld, or not known yet.
        held: The same without the three: publications that it is still withheld.
        variance_milli: By kind and horizon: variance over mean, of which the bands are made.
        said: This week's, before rounding.
        learned: By kind and horizon.
    """

    week: int
    teams: tuple[str, ...]
    shown: tuple[tuple[tuple[tuple[int, int, int], ...], ...], ...]
    held: tuple[tuple[tuple[int, ...], ...], ...]
    variance_milli: tuple[tuple[int, ...], ...]
    said: tuple[Said, ...]
    learned: tuple[Taught, ...] = ()


DEMAND_SPECS: Final = (Spec("demand_insight", PublishedDemand),)


def publish_demand(previous: PublishedDemand | None, counts: Mapping[str, Weekly], now: int) -> PublishedDemand:
    """The table of the week.

    Args:
        previous: The last one published.
        counts: By kind; every team in each.
        now: Partnership time, ms.

    Raises:
        ValueError: This week has its table.
    """
    week, teams = begin(previous, now), tuple(sorted(counts[KINDS[0]]))
    shown, held, bands, taught = [], [], [], []
    for place, (kind, lag) in enumerate(zip(KINDS, LAGS, strict=True)):
        whole = [sum(column) for column in zip(*counts[kind].values(), strict=True)]
        known = _taught(lag, whole, week, previous, place)
        total = forecast(whole, lag, known)
        lines = [*(forecast(counts[kind][team], lag, known) for team in teams), total]
        left = _left(lines, [_before(previous, place, team) for team in (*teams, TOTAL)])
        taught.append(known)
        held.append(left)
        shown.append(tuple(
            tuple((WITHHELD,) * 3 if wait else _shown(line[horizon])
                  for line, wait in zip(lines, left[horizon], strict=True))
            for horizon in range(len(AHEAD))
        ))  # fmt: skip
        bands.append(tuple((low, high) for _, low, high in total))
    variance = tuple(tuple(one.variance_milli for one in known) for known in taught)
    said = (Said(week, tuple(bands)),)
    return PublishedDemand(week, teams, tuple(shown), tuple(held), variance, said, tuple(taught))


def demand_body(published: PublishedDemand) -> str:
    """Body of a view of kind `insight`: canonical JSON, a withheld cell is null."""
    rows: list[dict[str, Any]] = [
        {"team": team, "cells": {
            kind: [_cell(published.shown[place][horizon][number]) for horizon in range(len(AHEAD))]
            for place, kind in enumerate(KINDS)
        }}
        for number, team in enumerate((*published.teams, TOTAL))
    ]  # fmt: skip
    return text(
        "demand",
        "Demand to expect",
        "New episodes of need or plan, and alerts, that each team has to expect from now on.",
        published,
        weeks=list(AHEAD),
        kinds=list(KINDS),
        rows=rows,
        band="8 in 10 are expected to lie between low and high; null where too little is known to say",
    )


def _taught(lag: int, counts: Sequence[int], week: int, previous: PublishedDemand | None, place: int) -> Taught:
    """What has been learned of a kind: with each week that ended since the last table, or with all of the past."""
    known = previous.learned[place] if previous and previous.learned else NOTHING
    new = week - previous.week if previous and previous.learned else len(counts)
    for later in reversed(range(min(new, len(counts)))):
        known = learn(counts[: len(counts) - later], lag, known)
    return known


def _left(lines: Sequence[Sequence[Forecast]], held: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """By horizon: for each team and the total, publications that it is still withheld."""
    left = []
    for horizon in range(len(AHEAD)):
        expected = [max(0, _whole(line[horizon][0])) for line in lines]
        left.append(withhold([*expected[:-1], sum(expected[:-1])], [row[horizon] for row in held]))
    return tuple(left)


def _before(previous: PublishedDemand | None, place: int, team: str) -> tuple[int, ...]:
    if previous is None or team not in (*previous.teams, TOTAL):
        return (0,) * len(AHEAD)
    number = (*previous.teams, TOTAL).index(team)
    return tuple(previous.held[place][horizon][number] for horizon in range(len(AHEAD)))


def _whole(milli: int) -> int:
    return (milli + MILLI // 2) // MILLI


def _shown(forecast_: Forecast) -> tuple[int, int, int]:
    expected, low, high = (WITHHELD if value == UNSAID else rounded(_whole(value)) for value in forecast_)
    return expected, low, high


def _cell(shown: tuple[int, int, int]) -> dict[str, int | None] | None:
    """A cell, null where it is withheld; without a band where too little is known for one."""
    if shown[0] == WITHHELD:
        return None
    values = (None if value == WITHHELD else value for value in shown)
    return dict(zip(("expected", "low", "high"), values, strict=True))
