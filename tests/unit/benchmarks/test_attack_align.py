"""Graphs are matched by likeness alone: a wrong matcher, or one that peeks, fails here."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from benchmarks.attacks import align
from benchmarks.attacks.graph import share, tellable

NODES = 60


def channels(seed: int, noise: float = 0.0) -> list[align.Matrix]:
    """Likenesses of points in a plane and on a line, noise of its own added."""
    chance = np.random.default_rng(7)
    made = []
    for points in (chance.random((NODES, 2)), chance.random((NODES, 1))):
        apart = np.linalg.norm(points[:, None] - points[None, :], axis=2)
        noisy = np.random.default_rng(seed).normal(0, noise, apart.shape)
        made.append((1 - apart + (noisy + noisy.T) / 2).astype(np.float32))
    return made


def moved(found: list[align.Matrix], order: align.Places) -> list[align.Matrix]:
    return [channel[np.ix_(order, order)] for channel in found]


@pytest.mark.parametrize(("noise", "least"), [(0.0, 1.0), (0.05, 0.9)])
def test_a_graph_in_another_order_is_matched_to_itself(noise: float, least: float) -> None:
    order = np.random.default_rng(3).permutation(NODES)
    truth = np.argsort(order)
    assert share(align.match(channels(1), moved(channels(2, noise), order)), truth) >= least


def test_graphs_that_have_nothing_in_common_are_matched_by_chance() -> None:
    other = [np.random.default_rng(5).random((NODES, NODES)).astype(np.float32) for _ in range(2)]
    assert share(align.match(channels(1), [one + one.T for one in other]), np.arange(NODES)) < 0.2


def test_features_do_not_depend_on_the_order_of_nodes() -> None:
    order = np.random.default_rng(3).permutation(NODES)
    told, again = align.features(channels(1)), align.features(moved(channels(1), order))
    assert np.allclose(told[order], again, atol=0.01)


def test_a_few_matched_pairs_tell_all_others() -> None:
    order = np.random.default_rng(3).permutation(NODES)
    truth = np.argsort(order)
    known = np.arange(8)
    score = align.by_anchors(channels(1), moved(channels(1), order), known, truth[known])
    assert (linear_sum_assignment(-score)[1] == truth).all()


@pytest.mark.parametrize(
    ("columns", "most"),
    [
        ([["a", "b", "c", "d"]], 0.25),  # nobody shares anything with anybody
        ([["a", "a", "b", None]], 0.75),  # two who share a value stay alike
        ([["a", "a", "b", "b"]], 0.25),  # two pairs are alike
        ([["a", "a", "b", "b"], ["x", "y", "z", None]], 0.75),  # a gap tells its record, then the one beside it
        ([["a", "a", "b", "c"], ["x", "y", "y", "z"]], 1.0),  # a chain through two fields has no two alike
    ],
)
def test_equality_tells_apart_who_stands_elsewhere_and_nobody_else(
    columns: list[list[str | None]], most: float
) -> None:
    assert tellable(columns) == most


def test_who_is_on_one_side_only_is_not_counted() -> None:
    assert share(np.array([2, 0, 1]), np.array([2, -1, 0])) == 0.5
