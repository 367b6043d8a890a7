"""Figures against numpy's and pairwise recomputes; what is few is withheld, also group by group."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import scores
from streams.insights.suppress import SMALL_MAX, small
from streams.risk import quality
from streams.risk.quality import BINS, BINS_HIGH, MICRO, Acted, Case, Measures, Population, ahead, judge, measures

LINE_PPM = 200_000


def cases(count: int, seed: int = 1, groups: tuple[str, ...] = ("a",), weight: int = 1) -> list[Case]:
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        z = chance.gauss(-2, 1.2)
        positive = chance.random() < 1 / (1 + math.exp(-0.8 * z - 0.3))
        rule = z + chance.gauss(0, 2)
        found.append(Case(positive, round(z * 50) * 20_000, round(rule * MICRO), chance.choice(groups), weight))
    return found


def test_figures_are_those_of_a_recompute_in_numpy() -> None:
    of = cases(3000)
    y, z = np.array([c.positive for c in of]), np.array([c.z for c in of]) / MICRO
    p, rows = scores.probability(z), [(c.positive, c.z, 1) for c in of]
    found = measures(rows, LINE_PPM)
    high = p > 0.1
    above = np.round(p * MICRO) >= LINE_PPM
    wanted = {
        "auc": scores.auc(y, z),
        "log_loss": scores.log_loss(y, p),
        "observed_expected": scores.observed_expected(y, p),
        "slope": scores.slope(y, z),
        "ece": scores.calibration_error(y, p, BINS),
        "ece_high": scores.calibration_error(y[high], p[high], BINS_HIGH),
        "precision": y[above].mean(),
    }
    for name, value in wanted.items():
        assert getattr(found, name) / MICRO == pytest.approx(value, abs=2e-6), name


def test_a_case_that_stands_for_several_counts_as_several() -> None:
    of = cases(400)
    thrice = [(c.positive, c.z, 3) for c in of]
    repeated = [(c.positive, c.z, 1) for c in of for _ in range(3)]
    for name in ("auc", "log_loss", "observed_expected", "slope", "precision"):
        assert getattr(measures(thrice, LINE_PPM), name) == getattr(measures(repeated, LINE_PPM), name), name


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3), st.integers(1, 4)), max_size=30))
def test_auc_is_the_share_of_pairs_in_order_with_ties_halved(rows: list[tuple[bool, int, int]]) -> None:
    pairs = [
        (1.0 if a > b else 0.5 if a == b else 0.0, n * m) for yes, a, n in rows if yes for no, b, m in rows if not no
    ]
    found = quality._auc(rows)
    if not pairs:
        assert found is None
    else:
        assert found is not None
        right = sum(share * weight for share, weight in pairs) / sum(weight for _, weight in pairs)
        assert found / MICRO == pytest.approx(right, abs=1e-6)


def test_there_is_no_slope_where_scores_part_the_outcomes_or_are_all_alike() -> None:
    assert measures([(n > 10, n * MICRO, 1) for n in range(20)], 0).slope is None
    assert measures([(n > 10, 0, 1) for n in range(20)], 0).slope is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12), st.integers(0, 6)), min_size=1, max_size=5),
)
def test_no_count_from_1_to_7_is_shown_nor_what_rests_on_it(groups: list[tuple[int, int, int]]) -> None:
    """Of each group: negatives, positives below the line, positives above it."""
    of = [
        Case(positive, z, z, f"g{place}")
        for place, counts in enumerate(groups)
        for (positive, z), count in zip([(False, -MICRO), (True, -MICRO), (True, MICRO)], counts, strict=True)
        for _ in range(count)
    ]
    found = judge(of, 500_000)
    n, positives = len(of), sum(case.positive for case in of)
    if small(n) or small(positives) or small(n - positives):
        assert found == Population(None, None)
        return
    assert (found.n, found.positives) == (n, positives)
    true = sum(counts[2] for counts in groups)
    assert (found.model.precision is None) == (true == 0 or small(true))
    for group in found.groups:
        negatives, low, high = groups[int(group.group[1:])]
        for shown, count in ((group.n, negatives + low + high), (group.positives, low + high)):
            assert shown is None or (not small(count) and abs(shown - count) <= 2)
        if None in {group.n, group.positives} or small(negatives):
            assert (group.auc, group.observed_expected, group.precision) == (None, None, None)
        if small(high):
            assert group.precision is None
    withheld = [group for group in found.groups if group.n is None]
    assert len(withheld) != 1, "one alone is the total less the others"


def test_groups_are_judged_by_themselves() -> None:
    of = cases(2000, groups=("a", "b"))
    by_name = {group.group: group for group in judge(of, LINE_PPM).groups}
    for name in ("a", "b"):
        own = judge([case for case in of if case.group == name], LINE_PPM).model
        for figure in ("auc", "observed_expected", "precision"):
            shown = getattr(by_name[name], figure)
            assert abs(shown - getattr(own, figure)) <= quality.GROUP_STEP // 2
            assert shown % quality.GROUP_STEP == 0
    assert judge(cases(500, groups=("",)), LINE_PPM).groups == ()


def of_loss(model: int | None, challenger: int | None) -> Population:
    return Population(9, 9, Measures(log_loss=model), Measures(log_loss=challenger))


def test_a_challenger_ahead_three_times_in_a_row_asks_for_a_review() -> None:
    row, asked = 0, []
    for model, challenger in [(5, 4), (5, 4), (None, None), (5, 4), (5, 5), (5, 4), (4, 5)]:
        row = ahead(row, of_loss(model, challenger))
        asked.append((row, figures(row).review))
    assert asked == [(1, False), (2, False), (2, False), (3, True), (0, False), (1, False), (0, False)]


def figures(row: int) -> Any:
    return quality.Figures(0, 1, "all", 0, MICRO, 0, ahead=row)


def test_what_was_acted_on_is_summed_and_withheld_where_few() -> None:
    acted = Acted()
    for number in range(20):
        acted = acted.more(positive=number < SMALL_MAX + 1, ppm=1000 * number)
    assert acted == acted.shown == Acted(20, 8, 190_000)
    assert Acted(20, 7, 1).shown is None
    assert Acted(7, 0, 1).shown is None
    assert Acted(20, 19, 1).shown is None
    assert Acted().shown == Acted()
