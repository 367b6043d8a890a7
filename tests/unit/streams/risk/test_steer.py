import msgspec
import pytest

from streams.risk import steer
from streams.risk.features import DAY_MS
from tests.unit.streams.risk.families import T0

BUDGET = steer.budget(2.0, 5000, 1.15, 30.0)  # ten alerts a month


def test_a_budget_is_alerts_for_the_children_there_are():
    assert BUDGET.month_micro == 10_000_000
    assert BUDGET.burst == 10
    assert steer.budget(2.0, 10, 1.15, 30.0).burst == 3


def test_the_bucket_is_full_at_first_and_bounds_what_rises():
    now = steer.begin(250_000, T0, BUDGET)
    for _ in range(10):
        assert steer.has_room(now)
        now = steer.spend(now, T0)
    assert not steer.has_room(now)
    now = steer.fill(now, T0 + 3 * DAY_MS, BUDGET)
    assert steer.has_room(now)
    assert now.raised == 10
    assert steer.hold(now).queued == 1


def test_filling_does_not_depend_on_how_often():
    once = steer.fill(steer.spend(steer.begin(1, T0, BUDGET), T0), T0 + DAY_MS, BUDGET)
    often = steer.spend(steer.begin(1, T0, BUDGET), T0)
    for hour in range(1, 25):
        often = steer.fill(often, T0 + hour * DAY_MS // 24, BUDGET)
    assert abs(once.tokens - often.tokens) <= 24
    assert steer.fill(once, T0, BUDGET) == once


def live_for(months, raises):
    now = steer.begin(200_000, T0, steer.budget(2.0, 5000, 2.0, 60.0))
    end = T0 + months * steer.MONTH_MS
    for n in range(raises):
        now = steer.spend(now, end - steer.WINDOW_MS + (n + 1) * steer.WINDOW_MS // (raises + 1))
    return now, end


@pytest.mark.parametrize(("raises", "expected"), [(23, 200_000), (24, 203_400), (80, 272_727), (0, 142_857)])
def test_the_lines_odds_move_by_the_root_of_rate_over_what_the_bucket_gives_and_not_far(raises, expected):
    now, end = live_for(6, raises)
    assert steer.move(now, end, BUDGET, 0).raise_ppm == pytest.approx(expected, rel=0.01)


def test_the_queue_counts_as_if_it_had_been_raised():
    now, end = live_for(6, 20)
    assert steer.move(now, end, BUDGET, 10).raise_ppm > steer.move(now, end, BUDGET, 0).raise_ppm


def test_the_first_month_is_measured_over_a_month():
    now = steer.begin(200_000, T0, BUDGET)
    for n in range(10):
        now = steer.spend(now, T0 + n * DAY_MS)
    exact = msgspec.structs.replace(BUDGET, over=1.0)
    assert steer.move(now, T0 + steer.MONTH_MS, exact, 0).raise_ppm == 200_000


def test_it_is_due_about_monthly():
    now = steer.begin(200_000, T0, BUDGET)
    assert not steer.is_due(now, T0 + 20 * DAY_MS)
    assert steer.is_due(now, T0 + 28 * DAY_MS)


def test_the_line_has_ends():
    now = steer.begin(steer.RAISE_MIN_PPM, T0, BUDGET)
    assert steer.move(now, T0 + steer.WINDOW_MS, BUDGET, 0).raise_ppm == steer.RAISE_MIN_PPM
    assert steer.move(now, T0 + steer.WINDOW_MS, BUDGET, 9999).raise_ppm > steer.RAISE_MIN_PPM


def test_raises_out_of_the_window_are_forgotten():
    now = steer.spend(steer.begin(1, T0, BUDGET), T0)
    assert len(steer.spend(now, T0 + steer.WINDOW_MS).recent) == 1
