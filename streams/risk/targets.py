"""All that is predicted in a partnership: the target that alerts rest on, and others beside it.

Decides whose turn it is and what goes when a target is no longer asked for. Others take no part in alerts: asking for
one more changes none. Each learns by itself (study.py).
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Any, Final, NamedTuple

import msgspec

from streams.risk import learn
from streams.risk.examples import GAP_MS, Moment
from streams.risk.features import AGE_AT, Vector
from streams.risk.household import Household
from streams.risk.model import logit, ppm
from streams.risk.outcomes import ALERTING, KEY_BYTES, OUTCOMES, Target
from streams.risk.study import Look, Scholar

DROP_PER_CALL: Final = 256  # rows of targets no longer asked for that go in one call
LIGHT: Final = ("learner", "model", "study", "figures")  # a row each: they go at once
FEW: Final = "few"  # said in place of a stage


class Chance(NamedTuple):
    """One child's probability."""

    person: bytes
    ppm: int


class Foreseen(NamedTuple):
    """What is said of a household for one target.

    Attributes:
        outcome, horizon_days: The target.
        stage: Of its weights; `FEW` where outcomes are too few to say a probability.
        ppm: Highest of its children who are subjects; None where there is none, or nothing is said.
        people: Each of these children.
    """

    outcome: str
    horizon_days: int
    stage: str
    ppm: int | None = None
    people: tuple[Chance, ...] = ()


class Targets:
    """The scholars of a partnership."""

    def __init__(self, tables: Any) -> None:
        """Bind the tables of `Scholar`; `configure` before use."""
        self._tables = tables
        self._examples: MutableMapping[bytes, Any] = tables["examples"]
        self._stale: list[tuple[str, bytes]] = []
        self.alerting = Scholar(tables, Target(ALERTING), alerting=True)
        self.others: tuple[Scholar, ...] = ()

    @property
    def all(self) -> tuple[Scholar, ...]:
        """Every scholar, the one that alerts rest on first."""
        return (self.alerting, *self.others)

    def configure(self, alerting: Target, also: Iterable[Target], prior: str) -> None:
        """Take what the rules say, and make what is derived from the rows.

        Args:
            alerting: What alerts rest on.
            also: What else is predicted.
            prior: Name of the weights that `alerting` begins with, or empty.
        """
        self.flush()
        given = learn.load_prior(prior) if prior else None
        self.alerting = Scholar(self._tables, alerting, given, alerting=True)
        self.others = tuple(Scholar(self._tables, target) for target in also)
        rows: dict[bytes, list[bytes]] = {one.key: [] for one in self.all}
        self._stale = []
        for key in self._examples:
            if (kept := rows.get(key[:KEY_BYTES])) is not None:
                kept.append(key)
            else:
                self._stale.append(("examples", key))
        self._stale += [("calibration", key) for key in self._tables["calibration"] if key[:KEY_BYTES] not in rows]
        self._stale.sort(reverse=True)
        for one in self.all:
            one.ready(rows[one.key])

    def change(self, alerting: Target, also: Iterable[Target]) -> None:
        """Other rules come into force: what was learned of a target that is no longer asked for goes at once.

        Another horizon or label of what alerts rest on keeps its weights, or every score would begin anew; its labels
        do begin anew. Called before `configure`.
        """
        self.flush()
        kept = {alerting.key, *(target.key for target in also)}
        before = self.alerting.key
        if before != alerting.key:
            for name in ("learner", "model", "study"):
                row = self._tables[name].get(before)
                if row is not None:
                    self._tables[name][alerting.key] = row
            if (study := self._tables["study"].get(alerting.key)) is not None:
                self._tables["study"][alerting.key] = msgspec.structs.replace(
                    study, resolved=0, ticks=0, fitted=False
                )
        for name in LIGHT:
            for key in sorted(self._tables[name]):
                if key not in kept:
                    del self._tables[name][key]

    def drop(self) -> None:
        """Let go of rows of targets that are no longer asked for, a bounded number a call."""
        for _ in range(min(DROP_PER_CALL, len(self._stale))):
            table, key = self._stale.pop()
            del self._tables[table][key]

    def flush(self) -> None:
        """Write what was learned."""
        for one in self.all:
            one.flush()

    def sample(self, moment: Moment, sampled: tuple[int, int], until: int | None = None) -> tuple[int, int]:
        """Take examples at an event, one a household in `GAP_MS`.

        Args:
            moment: The household then.
            sampled: When the last were taken: for alerts, and for the others, so that neither moves the other.
            until: It is of the past, and labels known by then (ms) are learned at once; None for now.

        Returns:
            The same afterwards.
        """
        alerting, also = sampled
        if moment.at - alerting >= GAP_MS and _take(self.alerting, moment, until):
            alerting = moment.at
        if moment.at - also >= GAP_MS and any([_take(one, moment, until) for one in self.others]):
            also = moment.at
        return alerting, also

    def sample_tick(self, moment: Moment, until: int | None = None) -> None:
        """Take examples at a tick."""
        for one in self.all:
            _take(one, moment, until)

    def is_due(self, at: int, sampled: tuple[int, int]) -> bool:
        """Whether an event at this moment could make an example."""
        return at - sampled[0] >= GAP_MS or (bool(self.others) and at - sampled[1] >= GAP_MS)

    def resolve(self, now: int, look: Look) -> None:
        """Learn what has become known."""
        for one in self.all:
            one.resolve(now, look)

    def publish_one(self, now: int, every_ms: int) -> None:
        """Publish the weights of one other target whose time has come, at most one a message."""
        due = (one for one in self.others if now >= one.model.published_at + every_ms)
        if (one := next(due, None)) is not None:
            one.publish(now, None)

    def foresee(self, household: Household, x: Vector, now: int) -> tuple[Foreseen, ...]:
        """What is said of a household, a target each.

        Args:
            household: As known now.
            x: Its features without a child's age.
            now: Moment (ms).
        """
        return tuple(_foresee(one, household, x, now) for one in self.all)


def _take(scholar: Scholar, moment: Moment, until: int | None) -> bool:
    return scholar.take(moment) if until is None else scholar.study_past(moment, until)


def _foresee(scholar: Scholar, household: Household, x: Vector, now: int) -> Foreseen:
    target, model = scholar.target, scholar.model
    if scholar.few:
        return Foreseen(target.outcome, target.horizon_days, FEW)
    subject, base = OUTCOMES[target.outcome].subject, logit(model, x)
    people = tuple(
        Chance(child.person, ppm(base + (model.weights[AGE_AT + child.age] if child.age >= 0 else 0)))
        for child in household.children
        if subject(child, now)
    )
    top = max((one.ppm for one in people), default=None)
    return Foreseen(target.outcome, target.horizon_days, model.stage, top, people)
