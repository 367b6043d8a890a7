"""Going live, a bounded piece at a time: learn the past, choose the line, open the caseload.

Decides what one call of `advance` does of it. Backfill builds links and state and raises nothing; then the sweep
walks all kept events in order, the line is chosen over the last year with the weights that were learned, and each
team gets one opening caseload.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, Final

import msgspec

from streams.alerting.machine import Watched
from streams.alerting.rules import Rules
from streams.risk.contribution import Contribution
from streams.risk.examples import Moment, weight_at_tick
from streams.risk.features import DAY_MS, MICRO, sums, vector
from streams.risk.foresight import Foresight
from streams.risk.golive import CANDIDATES, GRID_MS, TUNE_MS, WARM_MS, Cursor, Walk, choose, raises
from streams.risk.household import REFERRAL, Facts, Household, read
from streams.risk.model import score
from streams.risk.study import ONLY
from streams.risk.targets import Targets

HOUSEHOLDS_MAX: Final = 50_000  # read and kept, about 1 kB each
WALK_PER_CALL: Final = 400  # steps of the walk in one call, about 15 ms
TUNE_PER_CALL: Final = 25  # households in one call, about 20 ms
OPEN_PER_CALL: Final = 200  # households in one call, about 10 ms

Look = Callable[[bytes, int], None]


def teaches(contribution: Contribution) -> bool:
    """Whether an event makes an example: not the writing of labels, and not service contact that leads to them."""
    return not contribution.outcome and any(family != REFERRAL for family, _ in contribution.factors)


class Opening:
    """The phases between backfill and live."""

    def __init__(self, tables: Any, facts: Facts, targets: Targets, foresight: Foresight) -> None:
        """Bind the tables `golive` and `watches`, the facts, the targets and the foresight."""
        self._cursors: MutableMapping[bytes, Cursor] = tables["golive"]
        self._watches: MutableMapping[bytes, Watched] = tables["watches"]
        self._facts = facts
        self._targets = targets
        self._foresight = foresight
        self._walk: Walk | None = None
        self._order: list[bytes] | None = None
        self._read: dict[bytes, Household] = {}

    @property
    def cursor(self) -> Cursor:
        """How far it has come."""
        return self._cursors.get(ONLY) or Cursor()

    def _move(self, **changes: Any) -> None:
        self._cursors[ONLY] = msgspec.structs.replace(self.cursor, **changes)

    def ready(self) -> None:
        """Forget what is derived."""
        self._walk = self._order = None
        self._read = {}

    def changed(self, households: Iterable[bytes], *, moved: bool) -> None:
        """Facts of these households changed; if they moved, so did the order of all."""
        for key in households:
            self._read.pop(key, None)
        if moved:
            self._order = None

    def known(self, event: bytes, contribution: Contribution) -> None:
        """An event became known or was corrected."""
        if self._walk is not None:
            self._walk.known(contribution.occurred_at, event)

    def start(self, now: int) -> None:
        """Begin; later calls do nothing."""
        if self.cursor.phase == "backfill":
            first = min((c.occurred_at for c in self._facts.events().values()), default=now)
            self._move(phase="sweep", started_at=now, at=min(now, first + WARM_MS))

    def advance(self, rules: Rules, now: int, look: Look) -> int | None:
        """One piece of the work.

        Args:
            rules: In force.
            now: Moment of the message (ms).
            look: Looks at one household for the opening caseload.

        Returns:
            The line, in ppm, in the call in which it was chosen; else None.
        """
        phase = self.cursor.phase
        if phase == "sweep":
            self._sweep(now)
        elif phase == "tuning":
            return self._tune(rules)
        elif phase == "opening":
            self._open(now, look)
        return None

    def _sweep(self, now: int) -> None:
        if self._walk is None:
            events = self._facts.events()
            self._walk = Walk(
                self.cursor, ((c.occurred_at, event) for event, c in events.items()), self._facts.households()
            )
        step = None
        for _ in range(WALK_PER_CALL):
            step = self._walk.take()
            if step is None:
                self._targets.alerting.publish(now, None)
                self._walk = None
                self._move(phase="tuning", key=b"", counts=(0,) * len(CANDIDATES), children=0)
                return
            if step.rank == 0:
                self._example(step.key, step.at, tick=True)
            else:
                self._event(step.key, step.at)
        if step is not None:
            self._move(at=step.at, rank=step.rank, key=step.key)

    def _event(self, event: bytes, at: int) -> None:
        contribution = self._facts.events().get(event)
        if contribution is None or contribution.occurred_at != at or not teaches(contribution):
            return
        self._example(self._facts.household(contribution.record), at, tick=False)

    def _example(self, key: bytes, at: int, *, tick: bool) -> None:
        row = self._watches.get(key) or Watched()
        before = row.sampled_at, row.also_sampled_at
        if not tick and not self._targets.is_due(at, before):
            return
        household = self._household(key)
        if not household.children:
            return
        of = sums(household.contributions, at)
        until = self.cursor.started_at
        if not tick:
            after = self._targets.sample(
                Moment(key, household, vector(of, len(household.children)), at), before, until
            )
            if after != before:
                self._watches[key] = msgspec.structs.replace(row, sampled_at=after[0], also_sampled_at=after[1])
        elif weight := weight_at_tick(key, of, at):
            x = vector(of, len(household.children))
            self._targets.sample_tick(Moment(key, household, x, at, weight, tick=True), until)

    def _household(self, key: bytes) -> Household:
        known = self._read.get(key)
        if known is None:
            if len(self._read) >= HOUSEHOLDS_MAX:
                self._read.clear()
            known = self._read[key] = read(self._facts, key)
        return known

    def _next(self, count: int) -> list[bytes]:
        """The next households after the cursor, in order of id."""
        if self._order is None:
            self._order = sorted(self._facts.households())
        place = bisect_right(self._order, self.cursor.key)
        return self._order[place : place + count]

    def _tune(self, rules: Rules) -> int | None:
        cursor = self.cursor
        batch = self._next(TUNE_PER_CALL)
        counts, children = list(cursor.counts), cursor.children
        for key in batch:
            household = self._household(key)
            children += len(household.children)
            self._foresight.study_past(household, self._targets.alerting.model, cursor.started_at)
            scores = self._past(household, cursor.started_at)
            for place, count in enumerate(raises(scores, round(rules.clear_ratio * MICRO), _dwell(rules))):
                counts[place] += count
        if batch:
            self._move(key=batch[-1], counts=tuple(counts), children=children)
            return None
        self._foresight.settle()
        self._move(phase="opening", key=b"")
        if rules.raise_at:
            return round(rules.raise_at * MICRO)
        return choose(counts, rules.budget_per_1000_month * children / 1000 * 12)

    def _past(self, household: Household, until: int) -> list[tuple[int, int]]:
        """Scores over the last year by the weights of now: at events and now and then between them."""
        if not household.children:
            return [(until, -1)]
        start = until - TUNE_MS
        times = {c.occurred_at for c in household.contributions if start < c.occurred_at <= until}
        times.update(range(start, until, GRID_MS))
        model = self._targets.alerting.model
        return [(at, score(model, household, at).score_ppm) for at in sorted(times)]

    def _open(self, now: int, look: Look) -> None:
        batch = self._next(OPEN_PER_CALL)
        for key in batch:
            look(key, now)
        if batch:
            self._move(key=batch[-1])
        else:
            self._move(phase="live")
            self.ready()


def _dwell(rules: Rules) -> int:
    return rules.clear_dwell_days * DAY_MS
