"""Windows of four weeks, and how far one is from another: against plain counting."""

from __future__ import annotations

import math

import pytest

from streams.risk.drift import BINS, LOWEST, MICRO, Drift, Gauge, Window, bin_of, drifted
from streams.risk.examples import TICK_MS
from streams.risk.features import AGENCIES, NAMES, WIDTH
from streams.risk.model import ppm
from streams.state import Spec, Tables
from tests.unit.streams.risk.families import T0

AT = NAMES.index("agency_police")


def x(police: int = 0) -> tuple[int, ...]:
    return tuple(police if place == AT else 0 for place in range(WIDTH))


def gauge() -> Gauge:
    return Gauge(Tables("p", (Spec("drift", Drift),)))


def test_a_bin_is_a_fifth_of_log_odds() -> None:
    assert bin_of(1) == 0
    assert bin_of(999_999) == BINS - 1
    for place in range(1, BINS - 1):
        assert bin_of(ppm(round((LOWEST + place - 0.9) * 200_000))) == place
        assert bin_of(ppm(round((LOWEST + place - 0.1) * 200_000))) == place


def test_every_household_with_a_subject_is_counted_in_the_window_of_its_time() -> None:
    one = gauge()
    for number, at in enumerate((0, 1, TICK_MS - 1, TICK_MS, 2 * TICK_MS + 5)):
        one.add(10_000 * (number + 1), x(number), T0 + at)
    one.add(-1, x(99), T0 + 2 * TICK_MS + 6)
    row = one.drift
    assert row.reference is not None
    assert row.last is not None
    assert [window.n for window in (row.reference, row.last, row.now)] == [3, 1, 1]
    assert [window.means[0] for window in (row.reference, row.last, row.now)] == [3, 3, 4]
    assert row.since == T0 + 2 * TICK_MS


def test_the_reference_stays_and_the_first_window_is_it() -> None:
    one = gauge()
    assert drifted(one.drift) is None
    for turn in range(6):
        for number in range(50):
            one.add(20_000 if turn < 5 else 200_000, x(turn), T0 + turn * TICK_MS + number)
    found = drifted(one.drift)
    assert found is not None
    assert (found.n, found.psi, found.means[0]) == (50, 0, (4, 0))
    one.add(20_000, x(), T0 + 6 * TICK_MS)
    found = drifted(one.drift)
    assert found is not None
    assert found.psi > MICRO  # all moved
    assert found.p99_ppm[0] > found.p99_ppm[1]
    assert found.means[0] == (5, 0)


def test_the_index_and_the_percentile_are_those_of_the_counts() -> None:
    reference = [0] * BINS
    last = [0] * BINS
    for place, count in ((3, 60), (9, 30), (20, 10)):
        reference[place] = count
    for place, count in ((3, 40), (9, 30), (30, 130)):
        last[place] = count
    zero = (0,) * AGENCIES
    found = drifted(Drift(1, Window(tuple(reference), zero), Window(tuple(last), zero)))
    assert found is not None
    cells = [[sum(of[at : at + 4]) + 0.5 for at in range(0, BINS, 4)] for of in (last, reference)]
    p, q = ([value / sum(of) for value in of] for of in cells)
    assert found.psi / MICRO == pytest.approx(
        sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True)), abs=1e-6
    )
    assert found.p99_ppm == (ppm((LOWEST + 30) * 200_000), ppm((LOWEST + 20) * 200_000))
