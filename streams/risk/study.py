"""The learner of one target at work: which examples wait, what is learned when, and what is published.

Decides when a household becomes an example, resolves labels when both sides of them are known, keeps what somebody
acted on out of learning, fits the calibration and publishes weights. All of it lives in rows under the target's key,
so that it folds; the learner object and the queue are derived from them. Which targets there are is targets.py's.
Does not decide alerts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from heapq import heapify, heappop, heappush
from typing import Any, Final, NamedTuple

import msgspec

from streams.risk import examples, learn, quality
from streams.risk.drift import Drifted
from streams.risk.examples import Example, Label, Moment, Resolved
from streams.risk.features import MICRO, with_age
from streams.risk.household import Household
from streams.risk.learn import Learned, Learner, Prior
from streams.risk.model import COUNTING_RULE, Model, logit, ppm
from streams.risk.outcomes import Target
from streams.risk.quality import Acted, Case, Figures
from streams.risk.steer import Steering

ONLY: Final = b"now"  # key of tables with one row
RESOLVE_PER_CALL: Final = 64  # examples of a target resolved in one call; more wait for the next message
EVENTS, TICKS = 0, 1


class Seen(NamedTuple):
    """A household as it is known now, and when people answered alerts about it (ms)."""

    household: Household
    answered: tuple[int, ...] = ()


Look = Callable[[bytes], Seen]
"""The household of a record."""


class Study(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the learner's rows do not say.

    Attributes:
        slope, shift: Calibration in force, from the short label's log-odds to the long one's.
        fitted: The calibration rests on enough outcomes seen here.
        resolved: Long labels known so far at events; the next goes to this row modulo `CALIBRATION_ROWS`.
        censored: Children of examples whose label will never be known.
        refused: Calibrations refused because they moved too many alerts.
        taken: Examples taken.
        ticks: As `resolved`, at ticks.
        unlearned: Children whose label was kept out of learning because somebody acted on it.
        acted: And those whose long label was kept out of calibration, at events and at ticks.
    """

    slope: float = 1.0
    shift: float = 0.0
    fitted: bool = False
    resolved: int = 0
    censored: int = 0
    refused: int = 0
    taken: int = 0
    ticks: int = 0
    unlearned: int = 0
    acted: tuple[Acted, Acted] = (Acted(), Acted())


class Scholar:
    """Takes examples of one target, learns them when their time has come, publishes."""

    def __init__(self, tables: Any, target: Target, prior: Prior | None = None, *, alerting: bool = False) -> None:
        """Bind the tables `examples`, `calibration`, `learner`, `model`, `study` and `figures`.

        Args:
            tables: By name.
            target: What is learned.
            prior: Weights to begin with.
            alerting: Alerts rest on it: its first score is the counting rule as it is, which the line is steered on.
        """
        self._examples: MutableMapping[bytes, Example] = tables["examples"]
        self._calibration: MutableMapping[bytes, Resolved] = tables["calibration"]
        self._learned: MutableMapping[bytes, Learned] = tables["learner"]
        self._models: MutableMapping[bytes, Model] = tables["model"]
        self._studies: MutableMapping[bytes, Study] = tables["study"]
        self._figures: MutableMapping[bytes, Figures] = tables["figures"]
        self.target = target
        self.key = target.key
        self._prior = prior
        self._alerting = alerting
        self._learner: Learner | None = None
        self._dirty = False
        self._due: list[tuple[int, bytes]] = []

    def ready(self, rows: Iterable[bytes]) -> None:
        """Make learner and queue from the rows.

        Args:
            rows: Keys of this target's examples.
        """
        row = self._learned.get(self.key)
        self._learner = Learner(row or learn.begin(self._prior), frozen_until_all=self._prior is not None)
        self._dirty = False
        self._due = [(self._known_at(self._examples[key]), key) for key in rows]
        heapify(self._due)

    @property
    def model(self) -> Model:
        """What scores are made of now."""
        return self._models.get(self.key, COUNTING_RULE)

    @property
    def study(self) -> Study:
        """Counts and calibration."""
        row = self._studies.get(self.key)
        if row is not None:
            return row
        return Study() if self._prior is None else Study(slope=self._prior.slope, shift=self._prior.shift)

    @property
    def learned(self) -> Learned:
        """The learner's row."""
        return self._learned.get(self.key) or learn.begin(self._prior)

    @property
    def figures(self) -> Figures | None:
        """What was told at the last publication."""
        return self._figures.get(self.key)

    @property
    def few(self) -> bool:
        """Whether there are too few outcomes to say a probability."""
        return self._prior is None and not self.study.fitted

    def _known_at(self, example: Example) -> int:
        ahead = self.target.horizon_ms if example.learned else self.target.label_ms
        return example.at + ahead + self.target.grace_ms

    def take(self, moment: Moment) -> bool:
        """Keep a household's example until its label is known; False where no child of it is a subject."""
        example = examples.take(self.target.outcome, moment)
        if example is None:
            return False
        row = examples.key(moment.key, moment.at)
        self._keep(row, examples.published(example, self.model) if examples.calibrates(row) else example)
        return True

    def study_past(self, moment: Moment, until: int) -> bool:
        """Take an example of the past: learned at once if its label is known by `until`; False as `take`.

        The walk is in order of `at`, and every label is known the same time after it: the order is that of labels.
        Nothing was published then, so no figure rests on it, and only examples at events wait for the long label.
        """
        example = examples.take(self.target.outcome, moment)
        if example is None:
            return False
        row, seen = examples.key(moment.key, moment.at), Seen(moment.household)
        if self._known_at(example) > until:
            self._keep(row, example)
            return True
        self._learn(example, seen)
        if not moment.tick and examples.calibrates(row):
            example = msgspec.structs.replace(example, learned=True)
            if self._known_at(example) > until:
                self._keep(row, example)
            else:
                self._calibrate(example, seen)
        return True

    def _keep(self, row: bytes, example: Example) -> None:
        self._examples[self.key + row] = example
        heappush(self._due, (self._known_at(example), self.key + row))
        self._count(taken=self.study.taken + 1)

    def resolve(self, now: int, look: Look) -> None:
        """Learn what has become known, in order of when it did; at most `RESOLVE_PER_CALL` examples."""
        room = RESOLVE_PER_CALL
        while room and self._due and self._due[0][0] <= now:
            due, row = heappop(self._due)
            example = self._examples.get(row)
            if example is None or self._known_at(example) != due:
                continue  # its row was replaced: after a recovery it is not here, so it takes no room
            room -= 1
            seen = look(example.children[0][0])
            if example.learned:
                self._calibrate(example, seen)
                del self._examples[row]
                continue
            self._learn(example, seen)
            if not (example.published if example.tick else examples.calibrates(row[len(self.key) :])):
                del self._examples[row]
                continue
            example = msgspec.structs.replace(example, learned=True)
            self._examples[row] = example
            heappush(self._due, (self._known_at(example), row))

    def _labels(self, example: Example, seen: Seen, ahead_ms: int) -> tuple[Label, ...]:
        return examples.labels(self.target.outcome, example, seen.household, ahead_ms, seen.answered)

    def _learn(self, example: Example, seen: Seen) -> None:
        if self._learner is None:
            raise RuntimeError("ready() was not called")
        known = self._labels(example, seen, self.target.label_ms)
        for one in known:
            if not one.acted:
                self._learner.learn(with_age(example.x, one.age), one.positive, float(example.weight))
                self._dirty = True
        acted = sum(one.acted for one in known)
        if acted or len(known) < len(example.children):
            study = self.study
            gone = len(example.children) - len(known)
            self._count(censored=study.censored + gone, unlearned=study.unlearned + acted)

    def _calibrate(self, example: Example, seen: Seen) -> None:
        for one in self._labels(example, seen, self.target.horizon_ms):
            z = example.published[one.place] if example.published else None
            if not one.acted:
                x = with_age(example.x, one.age)
                self._put(example.tick, Resolved(one.positive, x, z, one.group, example.weight))
            elif z is not None:
                acted = list(self.study.acted)
                acted[example.tick] = acted[example.tick].more(positive=one.positive, ppm=ppm(z))
                self._count(acted=(acted[EVENTS], acted[TICKS]))

    def _put(self, ring: int, row: Resolved) -> None:
        study = self.study
        before = study.ticks if ring else study.resolved
        self._calibration[self._slot(ring, before % examples.CALIBRATION_ROWS)] = row
        self._count(**{"ticks" if ring else "resolved": before + 1})

    def _slot(self, ring: int, slot: int) -> bytes:
        return self.key + bytes((ring,)) + slot.to_bytes(2, "big")

    def _ring(self, ring: int) -> list[Resolved]:
        count = self.study.ticks if ring else self.study.resolved
        return [self._calibration[self._slot(ring, slot)] for slot in range(min(count, examples.CALIBRATION_ROWS))]

    def _count(self, **changes: Any) -> None:
        self._studies[self.key] = msgspec.structs.replace(self.study, **changes)

    def flush(self) -> None:
        """Write the learner's row if it learned: once a message, not once an example."""
        if self._dirty and self._learner is not None:
            self._learned[self.key] = self._learner.row()
            self._dirty = False

    def publish(self, now: int, steering: Steering | None, drift: Drifted | None = None) -> Model:
        """Publish the weights of now, with a calibration fitted on resolved examples rescored by them, and figures.

        Args:
            now: Moment of publication (ms).
            steering: Where the line is, or None where there is none: a map that would move the number above it by
                more than half is refused, and the old one stays.
            drift: Told with the figures.
        """
        self.flush()
        rows = self._ring(EVENTS)
        model = self._models[self.key] = self._weights(now, steering, rows)
        self._judge(model, steering.raise_ppm if steering else 0, rows, drift)
        return model

    def _weights(self, now: int, steering: Steering | None, rows: list[Resolved]) -> Model:
        stage = learn.stage(self.learned, self._prior)
        version = self.model.version + 1
        if stage == "rule":
            return self._rule(learn.rule_model(version, now), rows)
        raw = learn.raw_model(self.learned, stage, version, now)
        study = self.study
        prior = (study.slope, study.shift) if self._prior is None else (self._prior.slope, self._prior.shift)
        slope, shift = _fit(raw, rows, prior)
        old, new = learn.calibrated(raw, study.slope, study.shift), learn.calibrated(raw, slope, shift)
        if steering is not None and learn.moves_too_much(*(_above(m, rows, steering.raise_ppm) for m in (old, new))):
            self._count(refused=study.refused + 1)
            return old
        self._count(slope=slope, shift=shift, fitted=_enough(rows))
        return new

    def _rule(self, rule: Model, rows: list[Resolved]) -> Model:
        """The counting rule: calibrated once there is enough to do it, but as it is where a line was chosen on it."""
        if self._alerting or not _enough(rows):
            return rule
        self._count(fitted=True)
        return learn.calibrated(rule, *_fit(rule, rows, (1.0, 0.0)))

    def _judge(self, model: Model, line_ppm: int, events: list[Resolved], drift: Drifted | None) -> None:
        study, before = self.study, self.figures
        told = quality.judge(_cases(events), line_ppm)
        self._figures[self.key] = Figures(
            made_at=model.published_at,
            version=model.version,
            stage=model.stage,
            line_ppm=line_ppm,
            slope=round(study.slope * MICRO),
            shift=round(study.shift * MICRO),
            events=told,
            ticks=quality.judge(_cases(self._ring(TICKS)), line_ppm),
            acted=(study.acted[EVENTS].shown, study.acted[TICKS].shown),
            ahead=quality.ahead(before.ahead if before else 0, told),
            drift=drift,
        )


def _cases(rows: Iterable[Resolved]) -> list[Case]:
    """What figures rest on: only what was published before its label was known."""
    return [
        Case(row.positive, row.z, logit(COUNTING_RULE, row.x), row.group, row.weight)
        for row in rows
        if row.z is not None
    ]


def _enough(rows: Iterable[Resolved]) -> bool:
    return sum(row.positive for row in rows) >= learn.POSITIVES_FIT


def _fit(raw: Model, rows: list[Resolved], prior: tuple[float, float]) -> tuple[float, float]:
    return learn.fit_map([logit(raw, row.x) for row in rows], [row.positive for row in rows], prior)


def _above(model: Model, rows: list[Resolved], line_ppm: int) -> int:
    return sum(ppm(logit(model, row.x)) >= line_ppm for row in rows)
