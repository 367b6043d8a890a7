"""The learner at work: which examples wait, what is learned when, and what is published.

Decides when a household becomes an example, resolves labels when both sides of them are known, fits the calibration
and publishes weights on a schedule. All of it lives in rows, so that it folds; the learner object and the queue are
derived from them. Does not decide alerts.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from heapq import heapify, heappop, heappush
from typing import Any, Final, NamedTuple

import msgspec

from streams.risk import examples, learn
from streams.risk.examples import Example, Resolved
from streams.risk.features import DAY_MS, with_age
from streams.risk.household import Facts, Household, read
from streams.risk.learn import Learned, Learner, Prior
from streams.risk.model import COUNTING_RULE, Model, logit, ppm
from streams.risk.steer import Steering

ONLY: Final = b"now"  # key of tables with one row
RESOLVE_PER_CALL: Final = 64  # examples resolved in one call; more wait for the next message


class Horizon(NamedTuple):
    """How long labels look ahead and when they are known; ms."""

    label_ms: int
    horizon_ms: int
    grace_ms: int


class Study(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the learner's rows do not say.

    Attributes:
        slope, shift: Calibration in force, from the short label's log-odds to the long one's.
        fitted: A calibration was fitted here, so `slope` and `shift` are no longer the prior's.
        resolved: Long labels known so far; the next goes to this row modulo `CALIBRATION_ROWS`.
        censored: Children of examples whose label will never be known.
        refused: Calibrations refused because they moved too many alerts.
        taken: Examples taken.
    """

    slope: float = 1.0
    shift: float = 0.0
    fitted: bool = False
    resolved: int = 0
    censored: int = 0
    refused: int = 0
    taken: int = 0


class Scholar:
    """Takes examples, learns them when their time has come, publishes."""

    def __init__(self, tables: Any, facts: Facts) -> None:
        """Bind the tables `examples`, `calibration`, `learner`, `model`, `study` and the facts."""
        self._examples: MutableMapping[bytes, Example] = tables["examples"]
        self._calibration: MutableMapping[bytes, Resolved] = tables["calibration"]
        self._learned: MutableMapping[bytes, Learned] = tables["learner"]
        self._models: MutableMapping[bytes, Model] = tables["model"]
        self._studies: MutableMapping[bytes, Study] = tables["study"]
        self._facts = facts
        self._prior: Prior | None = None
        self._horizon = Horizon(60 * DAY_MS, 180 * DAY_MS, 70 * DAY_MS)
        self._learner: Learner | None = None
        self._dirty = False
        self._due: list[tuple[int, bytes]] = []

    def configure(self, horizon: Horizon, prior: str) -> None:
        """Take what the rules say; weights already learned stay."""
        self._horizon = horizon
        self._prior = learn.load_prior(prior) if prior else None
        self.ready()

    def ready(self) -> None:
        """Make learner and queue from the rows."""
        row = self._learned.get(ONLY)
        self._learner = Learner(row or learn.begin(self._prior), frozen_until_all=self._prior is not None)
        self._due = [(self._known_at(example), key) for key, example in self._examples.items()]
        heapify(self._due)

    @property
    def model(self) -> Model:
        """What scores are made of now."""
        return self._models.get(ONLY, COUNTING_RULE)

    @property
    def study(self) -> Study:
        """Counts and calibration."""
        row = self._studies.get(ONLY)
        if row is not None:
            return row
        return Study() if self._prior is None else Study(slope=self._prior.slope, shift=self._prior.shift)

    @property
    def learned(self) -> Learned:
        """The learner's row."""
        return self._learned.get(ONLY) or learn.begin(self._prior)

    def _known_at(self, example: Example) -> int:
        ahead = self._horizon.horizon_ms if example.learned else self._horizon.label_ms
        return example.at + ahead + self._horizon.grace_ms

    def take(self, key: bytes, example: Example) -> None:
        """Keep a household's example until its label is known."""
        self._keep(examples.key(key, example.at), example)

    def study_past(self, key: bytes, example: Example, household: Household, until: int) -> None:
        """Take an example of the past: learned at once if its label is known by `until`.

        The walk is in order of `at`, and every label is known the same time after it: the order is that of labels.
        """
        row = examples.key(key, example.at)
        if self._known_at(example) > until:
            self._keep(row, example)
            return
        self._learn(example, household)
        if example.tick or not examples.calibrates(row):
            return
        example = msgspec.structs.replace(example, learned=True)
        if self._known_at(example) > until:
            self._keep(row, example)
        else:
            self._calibrate(example, household)

    def _keep(self, row: bytes, example: Example) -> None:
        self._examples[row] = example
        heappush(self._due, (self._known_at(example), row))
        self._count(taken=self.study.taken + 1)

    def resolve(self, now: int) -> None:
        """Learn what has become known, in order of when it did; at most `RESOLVE_PER_CALL`."""
        for _ in range(RESOLVE_PER_CALL):
            if not self._due or self._due[0][0] > now:
                return
            due, row = heappop(self._due)
            example = self._examples.get(row)
            if example is None or self._known_at(example) != due:
                continue  # erased, or already learned
            household = read(self._facts, self._facts.household(example.children[0][0]))
            if example.learned:
                self._calibrate(example, household)
            else:
                self._learn(example, household)
            if example.learned or example.tick or not examples.calibrates(row):
                del self._examples[row]
                continue
            example = msgspec.structs.replace(example, learned=True)
            self._examples[row] = example
            heappush(self._due, (self._known_at(example), row))

    def _learn(self, example: Example, household: Household) -> None:
        known = examples.labels(example, household, self._horizon.label_ms)
        if self._learner is None:
            raise RuntimeError("ready() was not called")
        examples.learn(self._learner, example, known)
        self._dirty = True
        if len(known) < len(example.children):
            self._count(censored=self.study.censored + len(example.children) - len(known))

    def _calibrate(self, example: Example, household: Household) -> None:
        for age, positive in examples.labels(example, household, self._horizon.horizon_ms):
            slot = self.study.resolved % examples.CALIBRATION_ROWS
            self._calibration[slot.to_bytes(2, "big")] = Resolved(positive, with_age(example.x, age))
            self._count(resolved=self.study.resolved + 1)

    def _count(self, **changes: Any) -> None:
        self._studies[ONLY] = msgspec.structs.replace(self.study, **changes)

    def flush(self) -> None:
        """Write the learner's row if it learned: once a message, not once an example."""
        if self._dirty and self._learner is not None:
            self._learned[ONLY] = self._learner.row()
            self._dirty = False

    def publish(self, now: int, steering: Steering | None) -> Model:
        """Publish the weights of now, with a calibration fitted on resolved examples rescored by them.

        Args:
            now: Moment of publication (ms).
            steering: Where the line is, or None before there is one: a map that would move the number above it by
                more than half is refused, and the old one stays.
        """
        self.flush()
        stage = learn.stage(self.learned, self._prior)
        version = self.model.version + 1
        if stage == "rule":
            return self._publish(learn.rule_model(version, now))
        raw = learn.raw_model(self.learned, stage, version, now)
        study = self.study
        rows = [self._calibration[key] for key in sorted(self._calibration)]
        z = [logit(raw, row.x) for row in rows]
        prior = (study.slope, study.shift) if self._prior is None else (self._prior.slope, self._prior.shift)
        slope, shift = learn.fit_map(z, [row.positive for row in rows], prior)
        old, new = learn.calibrated(raw, study.slope, study.shift), learn.calibrated(raw, slope, shift)
        if steering is not None and learn.moves_too_much(*(_above(m, rows, steering.raise_ppm) for m in (old, new))):
            self._count(refused=study.refused + 1)
            return self._publish(old)
        self._count(slope=slope, shift=shift, fitted=True)
        return self._publish(new)

    def _publish(self, model: Model) -> Model:
        self._models[ONLY] = model
        return model


def _above(model: Model, rows: list[Resolved], line_ppm: int) -> int:
    return sum(ppm(logit(model, row.x)) >= line_ppm for row in rows)
