"""Scores against what came true: which examples there are, and how good probabilities are judged to be.

Decides what counts as an example (a child not in an open episode, at an event that is not service contact, one a
household in seven days) and what as true (the world's own truth, not what the platform knew). Source of the measures:
RISK sections 4 and 8.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.watching import Run
from demo.world import World
from demo.world.base import DAY_MS, START_MS, T0_MS
from streams.alerting.opening import teaches
from streams.risk.features import WIDTH, sums, vector, with_age
from streams.risk.golive import WARM_MS
from streams.risk.household import Household, read
from streams.risk.model import COUNTING_RULE, Model, logit

HORIZON_MS: Final = 180 * DAY_MS
LABEL_MS: Final = 60 * DAY_MS
GRACE_MS: Final = 70 * DAY_MS
GAP_MS: Final = 7 * DAY_MS  # at events at most one example a household in this time, as the product takes them

Floats = npt.NDArray[np.float64]
EXAMPLE: Final = np.dtype([
    ("at", "i8"), ("household", "i4"), ("group", "U1"), ("long", "?"), ("short", "?"), ("z", "f8"), ("rule", "f8"),
    ("x", "i4", (WIDTH,)),
])  # fmt: skip


class Truth:
    """When outcomes of the world began."""

    def __init__(self, world: World) -> None:
        self.by_person: dict[int, list[int]] = defaultdict(list)
        self.by_household: dict[int, list[int]] = defaultdict(list)
        for outcome in world.truth()["outcomes"]:
            self.by_person[outcome["person"]].append(outcome["onset_at"])
            self.by_household[outcome["household"]].append(outcome["onset_at"])
        for times in (*self.by_person.values(), *self.by_household.values()):
            times.sort()

    def within(self, times: list[int], at: int, ahead_ms: int) -> bool:
        """Whether one of the times lies in (at, at + ahead_ms]."""
        place = bisect_right(times, at)
        return place < len(times) and times[place] <= at + ahead_ms


class Collector:
    """Takes an example of each child of a household at a moment."""

    def __init__(self, run: Run, truth: Truth, gap_ms: int = GAP_MS) -> None:
        """Begin.

        Args:
            run: Whose facts are read.
            truth: What came true.
            gap_ms: At most one moment of a household in this time.
        """
        self._facts, self._world, self._truth, self._gap_ms = run.facts, run.world, truth, gap_ms
        self._last: dict[bytes, int] = {}
        self._rows: list[tuple[Any, ...]] = []

    def due(self, key: bytes, at: int) -> bool:
        """Whether a household gives an example at a moment; asked once a moment."""
        if at - self._last.get(key, 0) < self._gap_ms:
            return False
        self._last[key] = at
        return True

    def take(self, household: Household, at: int, model: Model) -> None:
        """Examples of the children who are not in an open episode.

        Args:
            household: As the platform knows it.
            at: The moment (ms).
            model: What scores are made of then.
        """
        x = vector(sums(household.contributions, at), len(household.children))
        for child in household.children:
            if child.open_at(at):
                continue
            number = self._facts.owner(child.person)
            person = self._world.people[number]
            onsets = self._truth.by_person.get(number, [])
            aged = with_age(x, child.age)
            self._rows.append((
                at, person.household, self._world.population.households[person.household].group,
                self._truth.within(onsets, at, HORIZON_MS), self._truth.within(onsets, at, LABEL_MS),
                logit(model, aged) / 1e6, logit(COUNTING_RULE, aged) / 1e6, aged,
            ))  # fmt: skip

    def rows(self) -> npt.NDArray[Any]:
        """All that was taken, as an array of `EXAMPLE`."""
        return np.array(self._rows, EXAMPLE)


def past(run: Run, truth: Truth) -> npt.NDArray[Any]:
    """Examples of what was recorded before live, at events, as going live learns them.

    Returns:
        An array of `EXAMPLE`; `z` is that of the counting rule, for nothing was published then.
    """
    collector = Collector(run, truth)
    known: dict[bytes, Household] = {}
    for event in sorted(run.facts.events().values(), key=lambda one: one.occurred_at):
        at = event.occurred_at
        key = run.facts.household(event.record)
        if not teaches(event) or not START_MS + WARM_MS <= at < T0_MS or not collector.due(key, at):
            continue
        known[key] = known.get(key) or read(run.facts, key)
        collector.take(known[key], at, COUNTING_RULE)
    return collector.rows()


def auc(positive: npt.NDArray[np.bool_], score: Floats) -> float:
    """Share of pairs of a positive and a negative that are in the right order; a tie is half a pair."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(score) - n)))


def probability(z: Floats) -> Floats:
    """Of log-odds."""
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))))


def observed_expected(positive: npt.NDArray[np.bool_], p: Floats) -> float:
    """Outcomes for each one that was expected."""
    return float(positive.sum() / p.sum())


def slope(positive: npt.NDArray[np.bool_], z: Floats) -> float:
    """Slope of the outcome on the log-odds, by Newton's method; 1 is calibrated, below it overconfident."""
    shift, by = 0.0, 1.0
    for _ in range(25):
        q = probability(shift + by * z)
        v = q * (1 - q)
        gradient = np.array([np.sum(positive - q), np.sum((positive - q) * z)])
        hessian = np.array([[v.sum(), (v * z).sum()], [(v * z).sum(), (v * z * z).sum()]])
        step = np.linalg.solve(hessian, gradient)
        shift, by = shift + step[0], by + step[1]
    return float(by)


def calibration_error(positive: npt.NDArray[np.bool_], p: Floats, bins: int) -> float:
    """Mean distance of observed from expected over bins of equally many (ECE)."""
    order = np.argsort(p, kind="stable")
    place = np.minimum(np.arange(len(p)) * bins // len(p), bins - 1)
    error = sum(abs(float(np.sum(positive[part] - p[part]))) for b in range(bins) for part in (order[place == b],))
    return error / len(p)


def log_loss(positive: npt.NDArray[np.bool_], p: Floats) -> float:
    """Mean of minus the logarithm of the probability given to what came true."""
    return float(-np.mean(np.log(np.where(positive, p, 1 - p))))
