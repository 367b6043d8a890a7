"""Forecasts are kept, resolved and dropped, and a recovery anywhere changes no row."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.risk import foresight, trajectory
from streams.risk.features import DISTINCT_TOTAL, WIDTH, sums
from streams.risk.foresight import FORESIGHT_SPECS, Foresight, Outlook
from streams.risk.household import Household, read
from streams.risk.model import Model, score
from streams.risk.trajectory import AHEAD_MS, WEEKS
from streams.state import Tables
from tests.unit.streams.risk.families import DAY_MS, T0, Families, event, profile

MODEL = Model(1, "all", T0, tuple(900_000 if place == DISTINCT_TOTAL else 0 for place in range(WIDTH)), -4_000_000)
FEW, HOMES = 1_000, 6


class Town:
    """Households of one child, some in trouble, and the foresight over them."""

    def __init__(self) -> None:
        self.facts, self.tables = Families(), Tables("p", FORESIGHT_SPECS)
        for number in range(HOMES):
            home = b"h%d" % number
            self.facts.record(home, home, of=profile())
            for agency in ("education", "police", "health")[: number % 4]:
                self.happens(home, T0 - number * DAY_MS, agency)
        self.foresight = self.made()

    def happens(self, home: bytes, at: int, agency: str) -> None:
        self.facts.kept[b"%s%d%s" % (home, at, agency.encode())] = event(home, at, severity=3, agency=agency)

    def made(self) -> Foresight:
        made = Foresight(self.tables)
        made.ready()
        return made

    def recovered(self) -> None:
        """A new process that folds the rows."""
        tables = Tables("p", FORESIGHT_SPECS)
        for _, number, key, packed in self.tables.rows():
            assert packed is not None
            tables.load(number, key, packed)
        tables.loaded()
        self.tables = tables
        self.foresight = self.made()

    def known(self, key: bytes) -> Household:
        return read(self.facts, key)

    def take(self, now: int, children: int = FEW) -> None:
        for number in range(HOMES):
            key = b"h%d" % number
            self.foresight.take(key, self.outlook(key, now), now, children)

    def outlook(self, key: bytes, now: int) -> Outlook | None:
        known = self.known(key)
        return self.foresight.outlook(MODEL, known, sums(known.contributions, now), now)

    def resolve(self, now: int) -> None:
        self.foresight.resolve(now, MODEL, self.known)

    def rows(self) -> list[Any]:
        return [(number, key, bytes(packed or b"")) for _, number, key, packed in self.tables.rows()]


def test_a_forecast_is_kept_of_those_that_score_enough() -> None:
    town = Town()
    town.take(T0)
    levels = {key: score(MODEL, town.known(key), T0).level_ppm for key in town.facts.households()}
    assert set(town.tables["forecasts"]) == {key for key, level in levels.items() if level >= trajectory.FLOOR_PPM}
    for key, row in town.tables["forecasts"].items():
        (said,) = row.forecasts
        assert said.level_ppm == levels[key]
        for line, ahead in zip(said.lines, AHEAD_MS, strict=True):
            assert line.quiet == score(MODEL, town.known(key), T0 + ahead).level_ppm


def test_it_is_resolved_at_each_horizon_by_the_score_then_and_goes() -> None:
    town = Town()
    town.take(T0)
    kept = {key: row.forecasts[0] for key, row in town.tables["forecasts"].items()}
    assert kept
    town.happens(b"h3", T0 + 20 * DAY_MS, "housing")
    inside = [0] * len(WEEKS)
    for horizon, ahead in enumerate(AHEAD_MS):
        town.resolve(T0 + ahead - 1)
        assert town.foresight.tally.resolved[horizon] == 0
        town.resolve(T0 + ahead + DAY_MS)
        for key, said in kept.items():
            then = score(MODEL, town.known(key), T0 + ahead).level_ppm
            inside[horizon] += said.lines[horizon].low <= then <= said.lines[horizon].high
        assert town.foresight.tally.resolved[horizon] == len(kept)
    assert town.foresight.tally.inside == tuple(inside)
    assert not town.tables["forecasts"]


def test_what_was_said_of_a_household_that_is_gone_is_dropped_and_counted() -> None:
    town = Town()
    town.take(T0)
    kept = len(town.tables["forecasts"])
    town.foresight.forget([b"h3", b"h0", b"nobody"])
    assert b"h3" not in town.tables["forecasts"]
    assert town.foresight.tally.gone == len(WEEKS)
    del town.facts.profiles[b"h2"]  # no longer a child's record
    town.resolve(T0 + AHEAD_MS[0])
    assert town.foresight.tally.gone == 2 * len(WEEKS)
    assert town.foresight.tally.resolved[0] == kept - 2


def test_with_many_children_a_part_is_sampled_and_the_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    many = [b"k%d" % number for number in range(400)]
    said = town.outlook(b"h3", T0)
    for key in many:
        town.foresight.take(key, said, T0, 3 * foresight.CHILDREN_PER_SAMPLE)
    assert 60 <= len(town.tables["forecasts"]) <= 140  # one in four
    monkeypatch.setattr(foresight, "ROWS_MAX", len(town.tables["forecasts"]))
    before = town.foresight.tally.full
    for key in many:
        town.foresight.take(b"x" + key, said, T0, FEW)
    assert town.foresight.tally.full - before == len(many)


def test_the_past_teaches_one_pair_every_28_days_of_a_year() -> None:
    town, until = Town(), T0 + 200 * DAY_MS
    town.foresight.study_past(town.known(b"h3"), MODEL, until)
    town.foresight.settle()
    for horizon, ahead in enumerate(AHEAD_MS):
        levels = [score(MODEL, town.known(b"h3"), until - ahead - 28 * DAY_MS * n).level_ppm for n in range(14)]
        pairs = Counter(trajectory.level_of(level) for level in levels if level >= trajectory.FLOOR_PPM)
        spreads = {key[1]: row for key, row in town.tables["spreads"].items() if key[0] == horizon}
        assert {
            place: sum(row.counts) // trajectory.UNIT - trajectory.PRIOR for place, row in spreads.items()
        } == pairs


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, HOMES - 1)), max_size=14), st.sets(st.integers(0, 13)))
def test_a_recovery_anywhere_changes_no_row(steps: list[tuple[int, int]], cuts: set[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foresight, "RESOLVE_PER_CALL", 2)
        _same_rows(steps, cuts)


def _same_rows(steps: list[tuple[int, int]], cuts: set[int]) -> None:
    whole, cut = Town(), Town()
    now = T0
    for number, (days, home) in enumerate(steps):
        now += days * DAY_MS
        if number in cuts:
            cut.recovered()
        for town in (whole, cut):
            town.happens(b"h%d" % home, now, "health")
            town.resolve(now)
            town.take(now)
            if home == 5:
                town.foresight.forget([b"h3"])
        assert whole.rows() == cut.rows()
