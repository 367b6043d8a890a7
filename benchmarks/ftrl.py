"""River's FTRL in the place of our own learner, for comparison: what RISK section 9 recommends as the default.

Decides nothing of the product's: it learns the same examples in the same order and fills the same row. It lives as
long as its object, so a run that folds its state anew cannot use it.
"""

from __future__ import annotations

from typing import Final

from river import linear_model, optim, preprocessing

from streams.risk.features import MICRO, NAMES, Vector
from streams.risk.learn import INTERCEPT, Learned

ALPHA: Final = 0.02  # RISK section 4
L2: Final = 0.1
INTERCEPT_RATE: Final = 0.01


class Ftrl:
    """Scaler and logistic regression by follow-the-regularised-leader."""

    def __init__(self, learned: Learned, *, frozen_until_all: bool) -> None:
        """Begin; the row and the prior's freeze are not used."""
        del learned, frozen_until_all
        self._scaler = preprocessing.StandardScaler()
        self._regression = linear_model.LogisticRegression(
            optim.FTRLProximal(alpha=ALPHA, l2=L2), intercept_init=INTERCEPT, intercept_lr=INTERCEPT_RATE
        )
        self._examples = self._positives = 0

    def learn(self, x: Vector, positive: bool, weight: float) -> None:
        """Learn one example; see streams.risk.learn.Learner.learn."""
        features = {name: value / MICRO for name, value in zip(NAMES, x, strict=True)}
        self._scaler.learn_one(features)
        self._regression.learn_one(self._scaler.transform_one(features), positive, weight)
        self._examples += 1
        self._positives += positive

    def row(self) -> Learned:
        """Weights of scaled features and the scale, as a learner's row."""
        scaler, weights = self._scaler, self._regression.weights
        return Learned(
            self._examples,
            self._positives,
            tuple((int(scaler.counts[n]), float(scaler.means[n]), float(scaler.vars[n])) for n in NAMES),
            (*(float(weights.get(n, 0.0)) for n in NAMES), float(self._regression.intercept)),
        )
