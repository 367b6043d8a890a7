"""Matching two similarity graphs whose nodes carry no names.

Decides who on one side is taken for whom on the other, from likeness alone: first by how each node's likenesses to
all others are spread, its own and its neighbourhood's; then by how like each is to those that are matched already,
again and again, most certain first. Knows neither fields nor encodings.

Source:
    Features of the neighbourhood, then matching of pairs: Vidanage, Christen, Ranbaduge, Schnell 2020 (LINKAGE
    section 9, S12). Growing from matched pairs: percolation and projected power iteration for graph matching.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Matrix = NDArray[np.float32]
Places = NDArray[np.int64]
ROUNDS: Final = 10
ANCHORS_SHARE_MIN: Final = 0.2  # of the nodes, matched ones that others are compared with from the first round on
MISFIT: Final = 1.0  # of a channel's variance, taken for noise: keeps one exact channel from outweighing all
_NOISE_MIN: Final = 1e-4
_SPREAD_MIN: Final = 1e-4  # less is rounding
_QUANTILES: Final = 20
_NEAREST: Final = 20  # likenesses to the nearest that are features by themselves


def match(one: Sequence[Matrix], other: Sequence[Matrix]) -> Places:
    """Match all nodes of one graph with those of another of the same size.

    Args:
        one: Channels of likeness, (nodes, nodes) each.
        other: The same channels of the other graph, in the same order.

    Returns:
        Of each node of `one`, its place in `other`.
    """
    first = by_features(features(one), features(other))
    score = first
    rows, columns = _assigned(score)
    for done in range(ROUNDS):
        anchors = _anchors(score, rows, columns, (done + 1) / ROUNDS)
        score = by_anchors(one, other, rows[anchors], columns[anchors]) + first * (1 - done / ROUNDS)
        rows, columns = _assigned(score)
    return columns


def features(channels: Sequence[Matrix]) -> Matrix:
    """What tells a node without naming any other: how its likenesses are spread, and its neighbours'.

    Args:
        channels: Of one graph.

    Returns:
        (nodes, features), each feature with mean 0 and deviation 1 over the nodes, or 0 where all are alike.
    """
    total = np.sum(channels, axis=0)
    looks: list[Matrix] = []
    nodes = len(total)
    spread = np.round(np.linspace(0, 1, _QUANTILES) * (nodes - 1)).astype(int)
    nearest = np.arange(max(0, nodes - 1 - _NEAREST), nodes - 1)
    for channel in (*channels, total, total @ total.T / nodes):
        ranked = np.sort(channel, axis=1)
        looks += [ranked[:, np.union1d(spread, nearest)], channel.mean(axis=1)[:, None], np.diag(channel)[:, None]]
    own = np.hstack(looks)
    around = [own]
    for channel in channels:
        near = np.maximum(channel, 0) ** 2
        np.fill_diagonal(near, 0)
        around.append(near @ own / np.maximum(near.sum(axis=1, keepdims=True), 1e-9))
    told = np.hstack(around)
    spreads = told.std(axis=0)
    tells = spreads > _SPREAD_MIN
    scaled: Matrix = np.zeros(told.shape, np.float32)
    scaled[:, tells] = (told[:, tells] - told[:, tells].mean(axis=0)) / spreads[tells]
    return scaled


def by_features(one: Matrix, other: Matrix) -> Matrix:
    """How well each pair of nodes fits by their features: (nodes, nodes), higher is better."""
    apart = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None, :] - 2 * one @ other.T
    return _levelled(-apart)


def by_anchors(one: Sequence[Matrix], other: Sequence[Matrix], rows: Places, columns: Places) -> Matrix:
    """How well each pair of nodes fits by their likeness to pairs that are taken for matched.

    Args:
        one: Channels of one graph.
        other: Channels of the other.
        rows: Matched nodes of the one.
        columns: Their partners in the other.

    Returns:
        (nodes, nodes), higher is better: log-likelihood, each channel's noise taken from how much its variances
        differ.
    """
    score = np.zeros((len(one[0]), len(other[0])), np.float32)
    for channel, partner in zip(one, other, strict=True):
        mine, theirs = _centred(channel[:, rows]), _centred(partner[:, columns])
        noise = max(float(theirs.var() - mine.var()), 0.0) + MISFIT * float(mine.var()) + _NOISE_MIN
        apart = (mine**2).sum(axis=1)[:, None] + (theirs**2).sum(axis=1)[None, :] - 2 * mine @ theirs.T
        score -= apart / np.float32(2 * noise)
    return _levelled(score)


def _anchors(score: Matrix, rows: Places, columns: Places, share: float) -> Places:
    """Matched pairs to build on: those that stand out most among all others of both their nodes."""
    chosen = score[rows, columns]
    rest = score.copy()
    rest[rows, columns] = -np.inf
    margin = chosen - np.maximum(rest.max(axis=1)[rows], rest.max(axis=0)[columns])
    certain = min(int(share * len(rows)), int((margin > 0).sum()))
    count = max(certain, round(ANCHORS_SHARE_MIN * len(rows)))
    return np.argsort(-margin, kind="stable")[:count]


def _assigned(score: Matrix) -> tuple[Places, Places]:
    rows, columns = linear_sum_assignment(-score)
    return rows, columns


def _centred(part: Matrix) -> Matrix:
    part = part - part.mean(axis=1, keepdims=True)
    centred: Matrix = part - part.mean(axis=0, keepdims=True)
    return centred


def _levelled(score: Matrix) -> Matrix:
    """Without the levels of rows and columns, which tell nothing of pairs; deviation 1."""
    score = score - score.mean(axis=1, keepdims=True) - score.mean(axis=0, keepdims=True) + score.mean()
    levelled: Matrix = (score / max(float(score.std()), 1e-9)).astype(np.float32)
    return levelled
