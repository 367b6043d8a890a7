"""Learning online from labels that come late, and publishing what was learned.

Decides how examples change weights (river's standard scaling, then logistic regression by recursive Newton steps) and
how weights, prior and calibration become a published `Model`. All of its state is one row of plain numbers, so that
it folds from `commits` and the same journal gives the same weights. Does not decide which examples there are
(examples.py).

Newton, because a partnership goes live with two years and some hundred positives: over four synthetic partnerships
it catches three quarters of slow accumulations where FTRL in one pass catches half (`python -m benchmarks.alerts`).
Source: RISK sections 4 and 9. Stages: the counting rule, or another partnership's weights frozen; then only the
intercept learns; all of it once `POSITIVES_ALL` positives have resolved.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from math import exp
from operator import mul
from typing import Final

import msgspec
import numpy as np
from river import preprocessing

from streams.risk.features import MICRO, NAMES, WIDTH, Vector
from streams.risk.model import COUNTING_RULE, Model

SCALE_EXAMPLES: Final = 3000  # set a feature's scale, which then stays: the covariance is about fixed coordinates
WEIGHT_VARIANCE: Final = 0.5  # before the first example, of scaled weights; .15 to 2 catch as many
PRIOR_VARIANCE: Final = 0.003  # of weights that come from elsewhere: they are about right, RISK section 4
INTERCEPT_VARIANCE: Final = 4.0
INTERCEPT: Final = -4.0  # two children in a hundred, the order of the base rate
INTERCEPT_STEP: Final = 0.01  # RISK section 4
POSITIVES_INTERCEPT: Final = 20  # resolved positives before the intercept moves
POSITIVES_ALL: Final = 200  # resolved positives before the weights move, RISK section 4 (cold start)
_UPPER: Final = np.triu_indices(WIDTH + 1)


def _covariance(weights: float) -> tuple[float, ...]:
    """Upper triangle of a covariance whose weights vary so much, each by itself."""
    return tuple(np.diag([weights] * WIDTH + [INTERCEPT_VARIANCE])[_UPPER].tolist())


class Prior(msgspec.Struct, frozen=True):
    """Published weights of another partnership: numbers about features, of nobody.

    Attributes:
        name: Where they come from.
        features: `NAMES` they were made for.
        means, variances, weights: One each feature; weights are of scaled features, for the short label.
        intercept: For the short label.
        slope, shift: Map from its log-odds to those of the long horizon.
    """

    name: str
    features: tuple[str, ...]
    means: tuple[float, ...]
    variances: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    slope: float
    shift: float


class Learned(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Everything the learner is, between two examples.

    Attributes:
        examples: Learned so far.
        positives: Of them, with the outcome.
        scale: Count, mean and variance of each feature over the first `SCALE_EXAMPLES`, and on until it varied.
        weights: Of the scaled features, then the intercept, for the short label.
        covariance: Upper triangle of theirs, row by row.
    """

    examples: int = 0
    positives: int = 0
    scale: tuple[tuple[int, float, float], ...] = ((0, 0.0, 0.0),) * WIDTH
    weights: tuple[float, ...] = (*(0.0,) * WIDTH, INTERCEPT)
    covariance: tuple[float, ...] = _covariance(WEIGHT_VARIANCE)


def load_prior(name: str) -> Prior | None:
    """The prior of that name that ships with the product; None if there is none or it is for other features."""
    file = resources.files("streams.risk") / "priors" / f"{name}.json"
    if not name.isidentifier() or not file.is_file():
        return None
    prior = msgspec.convert(json.loads(file.read_text()), Prior)
    return prior if prior.features == NAMES else None


def begin(prior: Prior | None) -> Learned:
    """The learner before its first example."""
    if prior is None:
        return Learned()
    return Learned(
        scale=tuple((SCALE_EXAMPLES, *pair) for pair in zip(prior.means, prior.variances, strict=True)),
        weights=(*prior.weights, prior.intercept),
        covariance=_covariance(PRIOR_VARIANCE),
    )


def stage(learned: Learned, prior: Prior | None) -> str:
    """Where the learner is on its way from a rule to weights of its own."""
    if learned.positives >= POSITIVES_ALL:
        return "all"
    if prior is None:
        return "rule"
    return "intercept" if learned.positives >= POSITIVES_INTERCEPT else "prior"


class Learner:
    """Scaler and regression, made from a row and turned back into it, bit for bit.

    Sums are taken in an order that no processor changes: element by element, or down the rows of a matrix.
    """

    def __init__(self, learned: Learned, *, frozen_until_all: bool) -> None:
        """Make the learner that the row describes.

        Args:
            learned: Its state.
            frozen_until_all: There is a prior: weights wait until enough positives have resolved.
        """
        self._frozen_until_all = frozen_until_all
        self._examples, self._positives = learned.examples, learned.positives
        self._scaler = preprocessing.StandardScaler()
        for name, (count, mean, variance) in zip(NAMES, learned.scale, strict=True):
            self._scaler.counts[name], self._scaler.means[name], self._scaler.vars[name] = count, mean, variance
        self._weights = np.array(learned.weights)
        upper = np.zeros((WIDTH + 1, WIDTH + 1))
        upper[_UPPER] = learned.covariance
        self._covariance = upper + np.triu(upper, 1).T

    def learn(self, x: Vector, positive: bool, weight: float) -> None:
        """Learn one example whose label is known.

        Args:
            x: Features in millionths.
            positive: The outcome began within the short horizon.
            weight: How many like it were not taken.
        """
        features = {name: value / MICRO for name, value in zip(NAMES, x, strict=True)}
        self._examples += 1
        self._positives += positive
        self._scale(features)
        scaled = self._scaler.transform_one(features)
        if not self._frozen_until_all or self._positives >= POSITIVES_ALL:
            self._step(np.array([*scaled.values(), 1.0]), positive, weight)
        elif self._positives >= POSITIVES_INTERCEPT:
            wrong = positive - self.probability([*scaled.values(), 1.0])
            self._weights[-1] += INTERCEPT_STEP * wrong * weight

    def _scale(self, features: dict[str, float]) -> None:
        scaler = self._scaler
        if max(scaler.counts.values()) >= SCALE_EXAMPLES:
            features = {name: features[name] for name in NAMES if scaler.vars[name] == 0.0}  # rare: not seen yet
        if features:
            scaler.learn_one(features)

    def probability(self, scaled: Sequence[float]) -> float:
        """Of the short label, for scaled features and a 1."""
        z = sum(map(mul, self._weights.tolist(), scaled))
        return 1 / (1 + exp(-max(-30.0, min(30.0, z))))

    def _step(self, x: np.ndarray, positive: bool, weight: float) -> None:
        """The Newton step of one example, by the rank-one (Sherman-Morrison) update of the covariance."""
        p = self.probability(x.tolist())
        curvature = weight * p * (1 - p)
        along = (self._covariance * x[:, None]).sum(axis=0)
        spread = 1 + curvature * sum(map(mul, along.tolist(), x.tolist()))
        shrunk = along * (curvature / spread) ** 0.5
        self._covariance -= np.outer(shrunk, shrunk)  # symmetric to the last bit, for only one half is kept
        self._weights += along * (weight * (positive - p) / spread)

    def row(self) -> Learned:
        """The learner's state as plain numbers."""
        scaler = self._scaler
        return Learned(
            self._examples,
            self._positives,
            tuple((int(scaler.counts[n]), float(scaler.means[n]), float(scaler.vars[n])) for n in NAMES),
            tuple(self._weights.tolist()),
            tuple(self._covariance[_UPPER].tolist()),
        )


def raw_model(learned: Learned, stage_: str, version: int, now: int) -> Model:
    """The short label's weights over unscaled features, before calibration."""
    weights = []
    *scaled, intercept = learned.weights
    for (_, mean, variance), weight in zip(learned.scale, scaled, strict=True):
        slope = weight / variance**0.5 if variance > 0 else 0.0
        weights.append(round(slope * MICRO))
        intercept -= slope * mean
    return Model(version, stage_, now, tuple(weights), round(intercept * MICRO))


def calibrated(raw: Model, slope: float, shift: float) -> Model:
    """The long horizon's weights: a map of log-odds is a map of weights, so parts still add up."""
    return msgspec.structs.replace(
        raw,
        weights=tuple(round(w * slope) for w in raw.weights),
        intercept=round(raw.intercept * slope + shift * MICRO),
    )


def rule_model(version: int, now: int) -> Model:
    """The counting rule as a publication."""
    return msgspec.structs.replace(COUNTING_RULE, version=version, published_at=now)


SLOPE_MIN: Final = 0.3  # RISK section 4: a map outside these bounds once silenced every alert
SLOPE_MAX: Final = 3.0
SHIFT_MAX: Final = 3.0
POSITIVES_FIT: Final = 50  # resolved positives a fit needs


def fit_map(z: Sequence[int], positive: Sequence[bool], prior: tuple[float, float]) -> tuple[float, float]:
    """Slope and shift from log-odds of the short label to those of the long one.

    Newton from the prior map with small steps, shrunk towards it and bounded; over bins of a tenth of log-odds.

    Args:
        z: Log-odds in millionths by the current weights.
        positive: Whether the outcome began within the long horizon; as many.
        prior: Slope and shift to shrink to.

    Returns:
        (slope, shift); the prior if fewer than `POSITIVES_FIT` are positive.
    """
    if sum(positive) < POSITIVES_FIT:
        return prior
    bins: dict[int, list[int]] = {}
    for one, outcome in zip(z, positive, strict=True):
        count = bins.setdefault(one // 100_000, [0, 0])
        count[0] += 1
        count[1] += outcome
    table = [((place + 0.5) / 10, n, yes) for place, (n, yes) in sorted(bins.items())]
    slope, shift = prior
    for _ in range(25):
        g_shift, g_slope = -0.01 * (shift - prior[1]), -1.0 * (slope - prior[0])
        h_11, h_12, h_22 = 0.01, 0.0, 1.0
        for at, n, yes in table:
            p = 1 / (1 + exp(-max(-30.0, min(30.0, shift + slope * at))))
            v = n * p * (1 - p)
            g_shift += yes - n * p
            g_slope += (yes - n * p) * at
            h_11, h_12, h_22 = h_11 + v, h_12 + v * at, h_22 + v * at * at
        det = h_11 * h_22 - h_12 * h_12
        step_shift = (h_22 * g_shift - h_12 * g_slope) / det
        step_slope = (h_11 * g_slope - h_12 * g_shift) / det
        shift = max(-SHIFT_MAX, min(SHIFT_MAX, shift + max(-0.3, min(0.3, step_shift))))
        slope = max(SLOPE_MIN, min(SLOPE_MAX, slope + max(-0.3, min(0.3, step_slope))))
    return slope, shift


def moves_too_much(before: int, after: int) -> bool:
    """Whether a new map would move the number above the line by more than half: it is then refused.

    Args:
        before: Examples above `raise_at` by the map in force.
        after: By the new one.
    """
    return before >= 10 and (2 * after > 3 * before or 2 * after < before)
