"""Alert quality by team: what was raised over the last weeks, who answered, and what people made of it.

Decides the table, its week and what is withheld. Precision is made of the rounded counts that are shown beside it, so
that it tells no more than they do. Whether an outcome followed is another question (streams/alerting/reckoning.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median_low
from typing import Final, NamedTuple

import msgspec

from streams.insights.suppress import WITHHELD, shown, withhold
from streams.insights.told import RULE, text
from streams.insights.week import begin
from streams.state import Spec

WINDOW_WEEKS: Final = 12  # whole weeks up to the table's Monday
COUNTS: Final = ("raised", "answered", "true_positive", "false_positive")
MEDIAN_STEP_S: Final = 300  # medians are shown to five minutes
TOTAL: Final = "total"


class Answered(NamedTuple):
    """What became of one team's alerts.

    Attributes:
        raised: Alerts.
        response_s: Seconds from raise to answer, of those that were answered.
        true_positive, false_positive: Of these, what a person called so.
    """

    raised: int
    response_s: tuple[int, ...]
    true_positive: int
    false_positive: int

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """In the order of COUNTS."""
        return self.raised, len(self.response_s), self.true_positive, self.false_positive


class PublishedAlerts(msgspec.Struct, frozen=True, array_like=True):
    """One week's table.

    Attributes:
        week: Weeks since 1970-01-05; one publication a week.
        teams: In order; a last line after theirs is of all.
        shown: A line a team and of all: COUNTS; -1 is withheld.
        held: For each, publications that it is still withheld.
        median_s: A line a team and of all: median response; -1 where the count of answers is withheld or 0.
    """

    week: int
    teams: tuple[str, ...]
    shown: tuple[tuple[int, ...], ...]
    held: tuple[tuple[int, ...], ...]
    median_s: tuple[int, ...]


ALERT_SPECS: Final = (Spec("alert_insight", PublishedAlerts),)


def publish_alerts(previous: PublishedAlerts | None, teams: Mapping[str, Answered], now: int) -> PublishedAlerts:
    """The table of the week.

    Args:
        previous: The last one published.
        teams: Every team, with what became of its alerts.
        now: Partnership time, ms.

    Raises:
        ValueError: This week has its table.
    """
    week, names = begin(previous, now), tuple(sorted(teams))
    held = dict(zip((*previous.teams, TOTAL), previous.held, strict=True)) if previous else {}
    every = [*(teams[name] for name in names), _all(teams)]
    before = [held.get(name, (0,) * len(COUNTS)) for name in (*names, TOTAL)]
    columns = [
        withhold(line, was)
        for line, was in zip(zip(*(one.counts for one in every), strict=True), zip(*before, strict=True), strict=True)
    ]
    waits = tuple(zip(*columns, strict=True))
    lines = tuple(shown(one.counts, wait) for one, wait in zip(every, waits, strict=True))
    medians = tuple(_median(one, line[1]) for one, line in zip(every, lines, strict=True))
    return PublishedAlerts(week, names, lines, waits, medians)


def alerts_body(published: PublishedAlerts) -> str:
    """Body of a view of kind `insight`: canonical JSON, a withheld cell is null."""
    rows = [
        {"team": team,
         "cells": {name: None if value == WITHHELD else value for name, value in zip(COUNTS, line, strict=True)},
         "precision_percent": _precision(line), "median_response_s": None if median_s == WITHHELD else median_s}
        for team, line, median_s in zip((*published.teams, TOTAL), published.shown, published.median_s, strict=True)
    ]  # fmt: skip
    return text(
        "alerts",
        "Alert quality",
        f"Alerts raised in the {WINDOW_WEEKS} weeks before this one, by team, without the opening caseload; how many "
        "somebody answered, how many of those a person called right or wrong, and how long an answer took.",
        published,
        withheld=f"{RULE}; precision and the median response where a count they rest on is withheld",
        columns=list(COUNTS),
        window_weeks=WINDOW_WEEKS,
        rows=rows,
    )


def _all(teams: Mapping[str, Answered]) -> Answered:
    every = teams.values()
    return Answered(
        sum(one.raised for one in every),
        tuple(seconds for one in every for seconds in one.response_s),
        sum(one.true_positive for one in every),
        sum(one.false_positive for one in every),
    )


def _median(one: Answered, answered: int) -> int:
    if answered <= 0:
        return WITHHELD
    return (median_low(one.response_s) + MEDIAN_STEP_S // 2) // MEDIAN_STEP_S * MEDIAN_STEP_S


def _precision(line: tuple[int, ...]) -> int | None:
    """Share that was right of those judged, in per cent, from what is shown; None where that does not say."""
    true, false = line[COUNTS.index("true_positive")], line[COUNTS.index("false_positive")]
    if WITHHELD in {true, false} or not true + false:
        return None
    return (100 * true + (true + false) // 2) // (true + false)
