"""What is expected of the next weeks: the mixture by its definition, what it learns, and how wide its band is."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.insights.forecast import (
    AHEAD,
    BAND_WEEKS,
    LEAST_WEEKS,
    NOTHING,
    SETTLED,
    SHARE,
    TRUST_MILLI,
    UNSAID,
    VARIANCE_MILLI,
    Learned,
    forecast,
    known_share,
    learn,
)

LAGS = (SETTLED, 0)
series = st.lists(st.integers(0, 30), min_size=LEAST_WEEKS + SETTLED, max_size=104)


def taught(counts: list[int], lag: int) -> tuple[Learned, ...]:
    """What all the weeks of a history teach, each in its turn."""
    known = NOTHING
    for weeks in range(1, len(counts) + 1):
        known = learn(counts[:weeks], lag, known)
    return known


def in_floats(counts: list[int], lag: int, weeks: int) -> list[float]:
    """Last period, same season, mean of a year and last weeks by their definitions, in floats."""
    settled = counts[: len(counts) - lag]
    mean = sum(settled[-52:]) / len(settled[-52:]) * weeks
    pairs = [(0.5 ** (age / 13), count, min(1.0, max(0.0, (7 * age + 3 - 10) / 55)) if lag else 1.0)
             for age, count in enumerate(reversed(counts))]  # fmt: skip
    exposed = sum(weight * share for weight, _, share in pairs)
    lately = sum(weight * count for weight, count, share in pairs if share) / exposed
    last = sum(settled[-weeks:]) if len(settled) >= weeks else mean
    season = sum(counts[len(counts) - 52 :][:weeks]) if len(counts) >= 52 else mean
    return [last, season, mean, lately * weeks]


@given(series, st.sampled_from(LAGS))
def test_before_anything_is_learned_the_methods_are_mixed_as_they_are_trusted(counts: list[int], lag: int) -> None:
    for place, (expected, _, _) in enumerate(forecast(counts, lag, NOTHING)):
        methods = in_floats(counts, lag, AHEAD[place])
        mixed = sum(trust * value for trust, value in zip(TRUST_MILLI[place], methods, strict=True)) / 1000
        assert expected / 1000 == pytest.approx(mixed, rel=2e-3, abs=0.05)


@pytest.mark.parametrize("lag", LAGS)
def test_an_even_past_is_expected_to_go_on_and_what_is_known_in_part_is_no_fall(lag: int) -> None:
    counts = [55 * known_share(age, lag) // SHARE for age in reversed(range(104))]
    for place, (expected, low, high) in enumerate(forecast(counts, lag, taught(counts[:-SETTLED], lag))):
        assert expected / 1000 == pytest.approx(55 * AHEAD[place], rel=0.01)
        assert low < expected < high


def test_the_method_that_was_right_gains_and_the_order_of_trust_is_only_where_it_begins() -> None:
    seasons = [2 if week % 52 < 26 else 40 for week in range(52 * 8)]
    known = NOTHING
    for week in range(60, len(seasons)):
        known = learn(seasons[max(0, week - 104) : week], 0, known)
    for place in (1, 2):
        last, season, mean, _ = known[place].lost
        assert season < mean < last, "half a year on, the last period is the very opposite"
    coming = forecast(seasons[-104:], 0, known)[2][0] / 1000
    assert abs(coming - 52) < abs(forecast(seasons[-104:], 0, NOTHING)[2][0] / 1000 - 52)


@given(st.lists(st.integers(0, 10**6), min_size=60, max_size=104), st.integers(1, 60))
def test_what_is_learned_is_bounded_whatever_comes(counts: list[int], times: int) -> None:
    known = NOTHING
    for _ in range(times):
        known = learn(counts, 0, known)
    for one in known:
        assert all(0 <= lost < 10**13 for lost in one.lost)
        assert 0 < one.weight_milli < 5_000
        assert 1_000 <= one.variance_milli <= 20_000


def test_bands_widen_when_what_comes_is_far_off_and_narrow_when_it_is_not() -> None:
    calm, wild = [20] * 104, [0, 0, 0, 0, 90, 90, 90, 90] * 13
    for place, (even, uneven) in enumerate(zip(taught(calm, 0), taught(wild, 0), strict=True)):
        assert even.variance_milli < VARIANCE_MILLI[place]
        if AHEAD[place] % 8:
            assert uneven.variance_milli > VARIANCE_MILLI[place]


@pytest.mark.parametrize("weeks", [8, 13, 26, 52, 60])
def test_a_band_is_as_wide_as_errors_were_and_wider_where_the_mean_rests_on_few_weeks(weeks: int) -> None:
    for place, (expected, low, high) in enumerate(forecast([10] * weeks, 0, NOTHING)):
        if low == UNSAID:
            continue
        spread = VARIANCE_MILLI[place] / 1000 * expected / 1000 * (1 + AHEAD[place] / min(52, weeks))
        assert (expected - low) / 1000 == pytest.approx(min(expected / 1000, 1.282 * sqrt(spread)), rel=0.01)
        assert (high - expected) / 1000 == pytest.approx(1.282 * sqrt(spread), rel=0.01)


@pytest.mark.parametrize("lag", LAGS)
def test_where_too_little_is_known_no_band_is_said_and_before_that_nothing(lag: int) -> None:
    for weeks in range(60):
        for place, (expected, low, high) in enumerate(forecast([3] * (weeks + lag), lag, NOTHING)):
            assert (expected == UNSAID) == (weeks < LEAST_WEEKS)
            assert (low == UNSAID) == (high == UNSAID) == (weeks < max(BAND_WEEKS, AHEAD[place] // 2))


@given(series, st.sampled_from(LAGS))
def test_nothing_is_learned_from_weeks_that_are_not_settled(counts: list[int], lag: int) -> None:
    later = [*counts[: len(counts) - lag], *(count + 7 for count in counts[len(counts) - lag :])]
    assert learn(counts, lag, NOTHING) == learn(later, lag, NOTHING)
