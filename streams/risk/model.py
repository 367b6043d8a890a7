"""A published score: weights as plain integers, and what a household scores by them.

Decides how features become log-odds and a probability, and who in a household the score is about. Weights change
only by a publication (learn.py); scoring is exact and the same on every machine, because it adds integers.
"""

from __future__ import annotations

from math import exp
from typing import Final, NamedTuple

import msgspec

from streams.risk.features import AGE_AT, DISTINCT_TOTAL, MICRO, WIDTH, Sums, Vector, sums, vector
from streams.risk.household import Child, Household

NONE: Final = -1  # ppm of a household without a subject
PPM: Final = 1_000_000


class Model(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What scores are made of until the next publication.

    Attributes:
        version: Grows by one with each publication.
        stage: `rule`, `prior`, `intercept` or `all` (RISK section 9, cold start).
        published_at: When (ms since 1970-01-01 UTC).
        weights: `WIDTH` integers, millionths of log-odds for one unit of a feature, calibration included.
        intercept: Millionths of log-odds.
    """

    version: int
    stage: str
    published_at: int
    weights: tuple[int, ...]
    intercept: int

    @property
    def name(self) -> str:
        """Version and stage, such as `12/all`: said on every score."""
        return f"{self.version}/{self.stage}"


class Scored(NamedTuple):
    """What a household scores at a moment.

    Attributes:
        score_ppm: Highest probability over children not in an open episode; `NONE` where there is none.
        level_ppm: Highest over all its children, open episodes included: what a step-down rests on; `NONE` where
            there is no child.
        child: The child `score_ppm` is about (`level_ppm` where that is `NONE`), or None.
        sums: The household's sums.
        x: Features with that child's age.
    """

    score_ppm: int
    level_ppm: int
    child: Child | None
    sums: Sums
    x: Vector


COUNTING_RULE: Final = Model(
    0, "rule", 0, tuple(300_000 if place == DISTINCT_TOTAL else 0 for place in range(WIDTH)), -4_000_000
)
"""Distinct agencies times volume, nothing learned: AUC .741 to .783, RISK section 3. The score of day one."""


def parts(model: Model, x: Vector) -> tuple[int, ...]:
    """What each feature adds to the log-odds, in millionths: with the intercept they sum to `logit` exactly."""
    return tuple([w * v // MICRO for w, v in zip(model.weights, x, strict=True)])


def logit(model: Model, x: Vector) -> int:
    """Log-odds in millionths."""
    return model.intercept + sum(parts(model, x))


def ppm(z: int) -> int:
    """Probability in parts per million from log-odds in millionths."""
    return int(PPM / (1.0 + exp(-max(-30 * MICRO, min(30 * MICRO, z)) / MICRO)) + 0.5)


def score(model: Model, household: Household, now: int) -> Scored:
    """Score a household at a moment, from its contributions up to that moment."""
    of = sums(household.contributions, now)
    x = vector(of, len(household.children))
    base = logit(model, x)
    best, level = None, None
    for child in household.children:
        z = base + (model.weights[AGE_AT + child.age] if child.age >= 0 else 0)
        if level is None or z > level[0]:
            level = (z, child)
        if (best is None or z > best[0]) and not child.open_at(now):
            best = (z, child)
    about = best or level
    if about is None:
        return Scored(NONE, NONE, None, of, x)
    age = about[1].age
    aged = x if age < 0 else (*x[: AGE_AT + age], MICRO, *x[AGE_AT + age + 1 :])
    return Scored(ppm(best[0]) if best else NONE, ppm(level[0]) if level else NONE, about[1], of, aged)
