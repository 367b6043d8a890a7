"""Demand by team: how many new episodes and alerts to expect in the next 4, 12 and 26 weeks.

Decides the forecast, its 80 % band, the table, its week and what is withheld. The forecast is a level: two thirds the
mean of a year, which is best while nothing changes, one third the last weeks, which tell when it does. Weekly counts
are given; which team a child belongs to is decided by who counts. Nothing here is about any one child.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isqrt
from typing import Any, Final

import msgspec

from streams.insights.caseload import MONDAY_MS, WEEK_MS
from streams.insights.suppress import ROUND_TO, SMALL_MAX, rounded, withhold
from streams.state import Spec

AHEAD: Final = (4, 12, 26)  # weeks
KINDS: Final = ("episodes", "alerts")
WEEKS_KEPT: Final = 104  # of counts that a forecast looks back on
HALF_LIFE: Final = 13  # weeks, of what counts as the last ones
YEAR: Final = 52  # weeks
MILLI: Final = 1_000
SHARE: Final = 1 << 20  # fixed point of weights and of the share that is known
KNOWN_DAYS: Final = (10, 65)  # an episode becomes known so long after its onset: 45 working days, RISK section 2
SETTLED: Final = 10  # weeks after which all episodes of a week are known
FAMILIES_MILLI: Final = 1_600  # variance over mean, since families come together: RISK section 7
LEAST_MILLI, MOST_MILLI = 1_000, 6_000
LEVEL_WEEKS: Final = 20  # the level is known about as well as the count of so many weeks, where there are as many
Z_MILLI: Final = 1_282  # of an 80 % band
STEP: Final = 50  # in 1,000: how far one forecast outside or inside moves the variance
TOTAL: Final = "total"
WITHHELD: Final = -1

Forecast = tuple[int, int, int]
"""Expected, low and high count over one horizon, in thousandths."""
Weekly = Mapping[str, Sequence[int]]
"""Team -> counts by week, the last one that has ended last; all of one length."""


class Said(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was said of the whole partnership in a week: by kind, low and high of each horizon, in thousandths."""

    week: int
    bands: tuple[tuple[tuple[int, int], ...], ...]


class PublishedDemand(msgspec.Struct, frozen=True, array_like=True):
    """One week's table.

    Attributes:
        week: Weeks since 1970-01-05; one publication a week.
        teams: In order; a last line after theirs is the total.
        shown: By kind, by horizon, by team and total: expected, low, high; -1 is withheld.
        held: The same without the three: publications that it is still withheld.
        variance_milli: By kind and horizon: variance over mean, learned from what came.
        said: Of the last weeks, until it is known what came.
    """

    week: int
    teams: tuple[str, ...]
    shown: tuple[tuple[tuple[tuple[int, int, int], ...], ...], ...]
    held: tuple[tuple[tuple[int, ...], ...], ...]
    variance_milli: tuple[tuple[int, ...], ...]
    said: tuple[Said, ...]


DEMAND_SPECS: Final = (Spec("demand_insight", PublishedDemand),)


def week_of(at: int) -> int:
    """Week of a moment (ms): weeks since 1970-01-05."""
    return (at - MONDAY_MS) // WEEK_MS


def demand_due(previous: PublishedDemand | None, now: int) -> bool:
    """Whether a week has begun that has no table yet."""
    return previous is None or week_of(now) > previous.week


def known_share(age: int, kind: str) -> int:
    """Share of a week's count that is known `age` weeks after it ended, in 1 / `SHARE`.

    Example:
        >>> [known_share(age, "episodes") * 100 // SHARE for age in (0, 1, 5, 10)]
        [0, 0, 51, 100]
    """
    first, last = KNOWN_DAYS
    days = 7 * age + 3  # from the middle of the week
    return SHARE if kind == "alerts" else SHARE * min(last - first, max(0, days - first)) // (last - first)


def level(counts: Sequence[int], kind: str) -> int:
    """Count a week to expect, in thousandths; 0 where nothing is known yet.

    Args:
        counts: By week, as known now, the last one that has ended last; weeks before the first are not known.
        kind: One of `KINDS`: of episodes the newest weeks are known in part.
    """
    seen = exposed = 0
    for age, count in enumerate(reversed(counts)):
        weight = round(SHARE * 0.5 ** (age / HALF_LIFE))
        share = known_share(age, kind)
        if share:
            seen += weight * count
            exposed += weight * share // SHARE
    if not exposed:
        return 0
    lag = SETTLED if kind == "episodes" else 0
    year = counts[max(0, len(counts) - lag - YEAR) : len(counts) - lag] if len(counts) > lag else ()
    lately = MILLI * seen // exposed
    return (lately + 2 * MILLI * sum(year) // len(year)) // 3 if year else lately


def forecast(counts: Sequence[int], kind: str, variance_milli: Sequence[int]) -> tuple[Forecast, ...]:
    """What to expect over each horizon.

    Args:
        counts: As for `level`.
        kind: One of `KINDS`.
        variance_milli: Variance over mean of each horizon, in thousandths.
    """
    a_week, seen = level(counts, kind), max(1, min(LEVEL_WEEKS, len(counts)))
    made = []
    for weeks, ratio in zip(AHEAD, variance_milli, strict=True):
        expected = a_week * weeks
        variance = expected * ratio * (seen + weeks) // (MILLI * seen)
        room = Z_MILLI * isqrt(variance * MILLI) // MILLI
        made.append((expected, max(0, expected - room), expected + room))
    return tuple(made)


def publish_demand(previous: PublishedDemand | None, counts: Mapping[str, Weekly], now: int) -> PublishedDemand:
    """The table of the week.

    Args:
        previous: The last one published.
        counts: By kind; every team in each.
        now: Partnership time, ms.

    Raises:
        ValueError: This week has its table.
    """
    if not demand_due(previous, now):
        message = f"insights: week {week_of(now)} is published"
        raise ValueError(message)
    week, teams = week_of(now), tuple(sorted(counts[KINDS[0]]))
    whole = [[sum(column) for column in zip(*counts[kind].values(), strict=True)] for kind in KINDS]
    said = previous.said if previous else ()
    variance = tuple(_learned(kind, whole[place], week, previous) for place, kind in enumerate(KINDS))
    shown, held, bands = [], [], []
    for place, kind in enumerate(KINDS):
        total = forecast(whole[place], kind, variance[place])
        lines = [*(forecast(counts[kind][team], kind, variance[place]) for team in teams), total]
        left = _left(lines, [_before(previous, place, team) for team in (*teams, TOTAL)])
        held.append(left)
        shown.append(tuple(
            tuple((WITHHELD,) * 3 if wait else _shown(line[horizon])
                  for line, wait in zip(lines, left[horizon], strict=True))
            for horizon in range(len(AHEAD))
        ))  # fmt: skip
        bands.append(tuple((low, high) for _, low, high in total))
    kept = tuple(one for one in said if one.week > week - AHEAD[-1] - SETTLED)
    return PublishedDemand(week, teams, tuple(shown), tuple(held), variance, (*kept, Said(week, tuple(bands))))


def demand_body(published: PublishedDemand) -> str:
    """Body of a view of kind `insight`: canonical JSON, a withheld cell is null."""
    rows: list[dict[str, Any]] = [
        {"team": team, "cells": {
            kind: [_cell(published.shown[place][horizon][number]) for horizon in range(len(AHEAD))]
            for place, kind in enumerate(KINDS)
        }}
        for number, team in enumerate((*published.teams, TOTAL))
    ]  # fmt: skip
    table = {
        "table": "demand",
        "published_at": MONDAY_MS + published.week * WEEK_MS,
        "weeks": list(AHEAD),
        "kinds": list(KINDS),
        "rows": rows,
        "band": "8 in 10 are expected to lie between low and high",
        "rounded_to": ROUND_TO,
        "withheld": f"counts of 1 to {SMALL_MAX}, and as many more as keep them from being computed",
    }
    return json.dumps(table, sort_keys=True, separators=(",", ":"))


def _learned(kind: str, counts: Sequence[int], week: int, previous: PublishedDemand | None) -> tuple[int, ...]:
    """Variance over mean of each horizon, moved by the forecast of which it has become known what came."""
    if previous is None:
        return (FAMILIES_MILLI,) * len(AHEAD)
    place, lag = KINDS.index(kind), SETTLED if kind == "episodes" else 0
    bands = {one.week: one.bands[place] for one in previous.said}
    moved = []
    for horizon, (weeks, ratio) in enumerate(zip(AHEAD, previous.variance_milli[place], strict=True)):
        since = week - lag - weeks
        if since not in bands:
            moved.append(ratio)
            continue
        came = MILLI * sum(counts[len(counts) - lag - weeks : len(counts) - lag])
        low, high = bands[since][horizon]
        change = -STEP // 5 if low <= came <= high else STEP * 4 // 5
        moved.append(min(MOST_MILLI, max(LEAST_MILLI, ratio + ratio * change // MILLI)))
    return tuple(moved)


def _left(lines: Sequence[Sequence[Forecast]], held: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """By horizon: for each team and the total, publications that it is still withheld."""
    left = []
    for horizon in range(len(AHEAD)):
        expected = [_whole(line[horizon][0]) for line in lines]
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
    expected, low, high = (rounded(_whole(value)) for value in forecast_)
    return expected, low, high


def _cell(shown: tuple[int, int, int]) -> dict[str, int] | None:
    return None if shown[0] == WITHHELD else dict(zip(("expected", "low", "high"), shown, strict=True))
