from __future__ import annotations

import pytest

from streams.linkage.quality import Quality, b_cubed, exact, of_groups, of_pairs

TRUTH = {b"a": 1, b"b": 1, b"c": 2, b"d": 2, b"e": 3}
MADE = {b"a": "x", b"b": "x", b"c": "x", b"d": "y", b"e": "z"}


def test_pairs_count_those_that_were_never_proposed() -> None:
    assert of_pairs([(b"a", b"b"), (b"a", b"c")], TRUTH) == Quality(1 / 2, 1 / 2)


def test_groups_count_every_pair_that_shares_one() -> None:
    assert of_groups(MADE, TRUTH) == Quality(1 / 3, 1 / 2)
    assert of_groups(TRUTH, TRUTH) == Quality(1.0, 1.0)


def test_b_cubed_is_a_mean_over_records() -> None:
    found = b_cubed(MADE, TRUTH)
    assert found.precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1) / 5)
    assert found.recall == pytest.approx((1 + 1 + 1 / 2 + 1 / 2 + 1) / 5)


def test_exact_is_the_share_of_groups_that_came_out_whole() -> None:
    assert exact(MADE, TRUTH) == pytest.approx(1 / 3)


def test_f1_of_nothing_is_nothing() -> None:
    assert Quality(0.0, 0.0).f1 == 0.0
    assert of_pairs([], {}).f1 == 1.0
    assert (exact({}, {}), b_cubed({}, {})) == (1.0, Quality(1.0, 1.0))
