"""What is said of where a score is heading, against an independent recompute or a stated property."""

from __future__ import annotations

import random
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.risk import trajectory
from streams.risk.features import WIDTH
from streams.risk.household import Household, read
from streams.risk.model import PPM, Model, score
from streams.risk.trajectory import AHEAD_MS, CELLS, LOWEST, UNIT, WEEKS, Line, Spread
from tests.unit.streams.risk.families import DAY_MS, T0, Families, event, profile

MODEL = Model(3, "all", T0, tuple(90_000 * (place % 5) - 60_000 for place in range(WIDTH)), -2_000_000)
KINDS = ("welfare", "home_alone", "protective", "contact")


def family(*bands: str) -> tuple[Families, Household]:
    facts = Families()
    for number, band in enumerate(bands):
        facts.record(b"r%d" % number, b"r0", of=profile(band))
    for number in range(12):
        agency = ("education", "police", "health")[number % 3]
        kind = "protective" if number % 4 == 0 else "welfare"
        facts.kept[b"e%d" % number] = event(b"r0", T0 - number * 9 * DAY_MS, kind, 1 + number % 4, agency)
    return facts, read(facts, b"r0")


@pytest.mark.parametrize("ahead", AHEAD_MS)
def test_the_quiet_line_is_the_score_of_the_same_household_later(ahead: int) -> None:
    _, household = family("5-10", "16-17", "unknown")
    later = trajectory.quiet(MODEL, household, T0 + ahead)
    assert max(later.values()) == score(MODEL, household, T0 + ahead).level_ppm


def test_each_child_has_the_line_of_its_own_age() -> None:
    _, household = family("0-4", "11-15", "unknown")
    alone = {
        child.age: score(
            MODEL, household._replace(children=(child, child._replace(age=child.age), child)), T0
        ).level_ppm
        for child in household.children
    }
    assert trajectory.quiet(MODEL, household, T0) == alone


def test_a_household_without_a_child_has_no_line() -> None:
    facts = Families()
    facts.record(b"r0", b"r0")
    assert trajectory.quiet(MODEL, read(facts, b"r0"), T0) == {}


@given(
    st.lists(st.integers(0, 3 * UNIT), min_size=CELLS, max_size=CELLS).filter(any),
    st.integers(0, PPM),
    st.integers(trajectory.ABOVE_LEAST_PPM, trajectory.ABOVE_MOST_PPM),
)
def test_the_expected_line_lies_in_its_band_whatever_was_learned(counts: list[int], quiet: int, above: int) -> None:
    line = trajectory.project(Spread(tuple(counts)), above, quiet)
    assert 0 <= line.low <= line.expected <= line.high <= PPM
    assert line.quiet == quiet


@given(st.integers(0, len(WEEKS) - 1), st.integers(0, 3))
def test_before_anything_was_seen_the_band_holds_the_decay_to_a_base(horizon: int, level: int) -> None:
    now = (70_000, 140_000, 300_000, 700_000)[level]
    decayed = round(10_000 + (now - 10_000) * 0.5 ** (WEEKS[horizon] * 7 / 60))
    line = trajectory.project(trajectory.begin(horizon, level), trajectory.ABOVE_PPM, decayed)
    assert line.low < decayed < line.high
    assert abs(line.expected - decayed) <= decayed // 10


def test_the_past_counts_for_no_more_than_it_may() -> None:
    spread = trajectory.begin(1, 2)
    for _ in range(3):
        spread = trajectory.add(spread, 1, 40_000, 400)
    settled = trajectory.settle(spread)
    assert trajectory.PAST_MAX * UNIT - CELLS <= sum(settled.counts) <= trajectory.PAST_MAX * UNIT
    assert abs(trajectory.quantile(settled, PPM // 2) - trajectory.quantile(spread, PPM // 2)) < trajectory.CELL


@pytest.mark.parametrize("horizon", range(len(WEEKS)))
def test_what_came_of_forecasts_takes_the_place_of_what_was_believed(horizon: int) -> None:
    spread = trajectory.begin(horizon, 3)
    for _ in range(8 * trajectory.MEMORY):
        spread = trajectory.learn(spread, 20_000)
    assert sum(spread.counts) < (trajectory.MEMORY + 2) * UNIT + CELLS * trajectory.MEMORY
    line = trajectory.project(spread, trajectory.ABOVE_PPM, 20_000)
    assert abs(line.expected - 20_000) < 2_500


@pytest.mark.parametrize("spread_of", [0.5, 1.5])
def test_the_band_comes_to_hold_eight_in_ten(spread_of: float) -> None:
    """Of a stream that begins nowhere near what was believed, over the second half of two thousand."""
    chance = random.Random(7)
    spread, above, inside = trajectory.begin(0, 0), trajectory.ABOVE_PPM, []
    for _ in range(2000):
        then = round(PPM / (1 + exp(-chance.gauss(-1.5, spread_of))))
        line: Line = trajectory.project(spread, above, 50_000)
        inside.append(line.low <= then <= line.high)
        spread = trajectory.learn(spread, then)
        above = trajectory.corrected(above, inside=inside[-1])
    assert 0.75 <= sum(inside[1000:]) / 1000 <= 0.85


@given(st.lists(st.booleans(), max_size=400))
def test_the_correction_stays_in_its_bounds(outcomes: list[bool]) -> None:
    above = trajectory.ABOVE_PPM
    for inside in outcomes:
        above = trajectory.corrected(above, inside=inside)
        assert trajectory.ABOVE_LEAST_PPM <= above <= trajectory.ABOVE_MOST_PPM


@pytest.mark.parametrize("level", [0, 1, 5, PPM - 1, PPM])
def test_scores_off_the_scale_are_counted_at_its_ends(level: int) -> None:
    spread = trajectory.learn(Spread((0,) * CELLS), level)
    assert sum(spread.counts) == UNIT
    assert LOWEST <= trajectory.quantile(spread, PPM // 2) <= LOWEST + CELLS * trajectory.CELL
