"""Gradient boosting retrained every four weeks: the ceiling for an online score, run by benchmarks/alerts.py.

    python -m benchmarks.peers.boosting examples.npz scores.npy

Reads examples (`at`, `x`, `long`, `short`, all in order of time) and since when they are judged (`since`); writes for
each judged example two log-odds, of a model trained on long labels and of one trained on short ones. Each trains only
on what was known by then: an example's label counts once its horizon and the grace are over.
"""

from __future__ import annotations

import sys
import warnings

import lightgbm  # type: ignore[import-not-found]
import numpy as np

DAY_MS = 86_400_000
RETRAIN_MS = 28 * DAY_MS


def main(source: str, target: str) -> None:
    """Train and score."""
    warnings.filterwarnings("ignore", category=UserWarning)
    given = np.load(source)
    at, x, since = given["at"], given["x"].astype(np.float32), int(given["since"])
    known_after = {"long": int(given["long_ms"]), "short": int(given["short_ms"])}
    judged = np.nonzero(at >= since)[0]
    scores = np.zeros((len(judged), 2))
    for start in range(since, int(at.max()) + 1, RETRAIN_MS):
        now = (at[judged] >= start) & (at[judged] < start + RETRAIN_MS)
        if not now.any():
            continue
        for column, label in enumerate(("long", "short")):
            train = at + known_after[label] <= start
            model = lightgbm.LGBMClassifier(
                n_estimators=150, learning_rate=0.05, num_leaves=15, min_child_samples=60, reg_lambda=5.0,
                subsample=0.8, subsample_freq=1, colsample_bytree=0.6, n_jobs=1, verbose=-1, random_state=1,
                deterministic=True, force_row_wise=True,
            )  # fmt: skip
            model.fit(x[train], given[label][train])
            scores[now, column] = model.predict(x[judged[now]], raw_score=True)
    np.save(target, scores)


if __name__ == "__main__":
    main(*sys.argv[1:])
