"""The watch over one partnership's households: the one door through which `step` asks for scores and alerts.

Decides when a household is looked at, when weights are published and when the line moves. What a look leads to is
keeper.py's; learning is that of the targets (streams/risk/targets.py); going live is opening.py's. All of its state
is in tables (rows.py); everything else here is derived from them and made anew by `ready`.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Any, Final

import msgspec

from schemas.control import Response
from streams.alerting.explain import explain
from streams.alerting.grouping import Members, parted
from streams.alerting.keeper import Keeper
from streams.alerting.notice import Notice, Part
from streams.alerting.opening import Opening, teaches
from streams.alerting.routing import due_at
from streams.alerting.rows import Clock, RulesRow
from streams.alerting.rules import Refused, Rules, parse_rules
from streams.alerting.schedule import ANSWER, TICK, Due, Roll
from streams.risk import steer
from streams.risk.contribution import Contribution
from streams.risk.drift import Gauge, drifted
from streams.risk.examples import TICK_MS, Moment, weight_at_tick
from streams.risk.features import DAY_MS, vector
from streams.risk.foresight import Foresight, Outlook
from streams.risk.household import Facts
from streams.risk.model import Model
from streams.risk.steer import Steering
from streams.risk.study import ONLY, Scholar
from streams.risk.targets import Foreseen, Targets

SWEEP_PER_CALL: Final = 100  # households judged in one call of a sweep, about 10 ms
DUE_PER_CALL: Final = 256  # households looked at in one call because of time; more wait for the next message


class Watch:
    """The watch over one partnership."""

    def __init__(self, partnership: str, key: bytes, tables: Any, facts: Facts) -> None:
        """Bind tables and facts; call `ready` before use.

        Args:
            partnership: Its name.
            key: Key of ids, 16 to 64 bytes.
            tables: The tables of `SPECS`, by name.
            facts: Look-ups into the partnership's state.
        """
        self.partnership = partnership
        self._facts = facts
        self._steerings: MutableMapping[bytes, Steering] = tables["steering"]
        self._rules_rows: MutableMapping[bytes, RulesRow] = tables["alert_rules"]
        self._clocks: MutableMapping[bytes, Clock] = tables["clock"]
        self._targets = Targets(tables)
        self._gauge = Gauge(tables)
        self._foresight = Foresight(tables)
        self._opening = Opening(tables, facts, self._targets, self._foresight)
        self._keeper = Keeper(key, tables, facts, self._targets)
        self._roll: Roll | None = None
        self._rules: Rules | None = None

    def ready(self) -> None:
        """Make what is derived from the rows."""
        self._configure()
        self._foresight.ready()
        self._opening.ready()
        self._keeper.ready()
        self._roll = None
        if self.phase == "live":
            self._load_schedule()

    def control(self, body: str, version: int, now: int) -> str | None:
        """Take new rules.

        Returns:
            None if they are in force; else why they were refused, and the old ones stay.
        """
        try:
            rules = parse_rules(body)
        except Refused as refused:
            return str(refused)
        self._rules_rows[ONLY] = RulesRow(body, version, now)
        self._targets.change(rules.target, rules.also)
        self._configure()
        self._sweep()
        steering = self._steerings.get(ONLY)
        if rules.raise_at and steering is not None:
            self._steerings[ONLY] = msgspec.structs.replace(steering, raise_ppm=round(rules.raise_at * steer.MICRO))
        return None

    @property
    def phase(self) -> str:
        """`backfill`, `sweep`, `tuning`, `opening` or `live`."""
        return self._opening.cursor.phase

    @property
    def live_at(self) -> int:
        """When going live began (ms), 0 before."""
        return self._opening.cursor.started_at

    @property
    def sweeping(self) -> bool:
        """Whether weights, rules or line have changed and some households have not been judged by them yet."""
        return self._clock.sweeping

    @property
    def model(self) -> Model:
        """What scores are made of now."""
        return self._targets.alerting.model

    @property
    def holidays_until(self) -> str | None:
        """Last day whose holidays the rules know; None where there are no rules."""
        return None if self._rules is None else self._rules.holidays_until

    def golive(self, now: int) -> None:
        """Every feed is live: begin the sweep; later calls do nothing, nor does one before there are rules."""
        if self._rules is not None:
            self._opening.start(now)

    def event_known(self, event: bytes, contribution: Contribution) -> None:
        """An event came or was corrected; called before the `happened` that follows from it."""
        self._opening.known(event, contribution)

    def happened(self, event: Contribution, now: int, committed_at: int | None, undone: bool) -> list[Notice]:
        """Something happened to a record, or what was known of it was corrected (`undone`)."""
        if self.phase != "live":
            return self.touched((event.record,), now, committed_at, undone)
        key = self._facts.household(event.record)
        if undone:
            self._keeper.changed(key)
        else:
            self._keeper.happened(key, event)
        self._keeper.look(key, now, committed_at, undone=undone)
        if teaches(event):
            self._keeper.sample(key, now)
        return self._keeper.said()

    def touched(self, records: Iterable[bytes], now: int, committed_at: int | None, undone: bool) -> list[Notice]:
        """Facts of these records changed.

        Args:
            records: Whose.
            now: Partnership time of the message (ms).
            committed_at: Wall time at which the source committed the change.
            undone: Something was withdrawn or corrected: what stood on it may fall.
        """
        if self.phase == "backfill":
            return []
        households = sorted({self._facts.household(record) for record in records})
        self._changed(households)
        if self.phase != "live":
            self._opening.changed(households, moved=False)
            return []
        for key in households:
            self._keeper.look(key, now, committed_at, undone=undone)
        return self._keeper.said()

    def moved(
        self, before: tuple[Members, ...], after: tuple[Members, ...], now: int, committed_at: int | None
    ) -> list[Notice]:
        """Households changed: histories follow the children, and each is judged afresh."""
        if self.phase == "backfill":
            return []
        old, new = {members[0] for members in before}, {members[0] for members in after}
        self._changed(old | new)
        if self._roll is not None:
            self._roll.exchange(old, new)
        self._foresight.forget(old - new)
        self._keeper.regroup(before, after, now, committed_at)
        if self.phase != "live":
            self._opening.changed(old | new, moved=True)
            return self._keeper.said()
        split = parted(before, after)
        for members in sorted(after):
            if members[0] not in old:
                self._keeper.schedule.add(members[0], (self._clock.at, self._clock.household))
            self._keeper.look(members[0], now, committed_at, undone=split)
        return self._keeper.said()

    def advance(self, now: int) -> list[Notice]:
        """What time alone changes; bounded. Called last on every message, ticks included."""
        self._keeper.forget_sights()
        if self._rules is None or self.phase == "backfill":
            return []
        if self.phase != "live":
            self._go_live(self._rules, now)
            return self._keeper.said()
        self._targets.drop()
        self._targets.resolve(now, self._keeper.seen)
        self._foresight.resolve(now, self.model, self._keeper.household)
        budget = self._budget(self._rules)
        self._steer(steer.fill(self._steerings[ONLY], now, budget))
        if now >= self._clock.published_at + self._rules.publish_days * DAY_MS:
            self._publish(self._rules, now, budget)
        self._targets.publish_one(now, self._rules.publish_days * DAY_MS)
        self._targets.flush()
        self._serve_pending(now)
        self._sweep_on(now)
        for due in self._keeper.schedule.pop(now, DUE_PER_CALL, self._stands):
            if due.rank == TICK:
                self._tick(due.household, due.at, now)
            elif due.rank == ANSWER:
                self._keeper.clock(due.household.decode(), now)
            else:
                self._keeper.look(due.household, now, None)
        return self._keeper.said()

    def respond(self, response: Response, now: int) -> str | None:
        """Apply what a named person decided; None, or why not."""
        return self._keeper.respond(response, now)

    def reasons(self, household: bytes, now: int) -> tuple[str, tuple[Part, ...]]:
        """Model by which a household scores what it does now, and why."""
        _, known, scored = self._keeper.sight(household, now)
        return self.model.name, explain(self.model, known, scored, now)

    def outlook(self, household: bytes, now: int) -> Outlook | None:
        """Where a household and its children are heading; None where it scores too little to say."""
        _, known, scored = self._keeper.sight(household, now)
        return self._foresight.outlook(self.model, known, scored.sums, now)

    def score_ppm(self, household: bytes, now: int) -> int | None:
        """What a household scores now; None where there is no such household."""
        _, known, scored = self._keeper.sight(household, now)
        return scored.score_ppm if known.records else None

    def foreseen(self, household: bytes, now: int) -> tuple[Foreseen, ...]:
        """What is said of a household, a target each."""
        _, known, scored = self._keeper.sight(household, now)
        return self._targets.foresee(known, vector(scored.sums, len(known.children)), now)

    @property
    def scholars(self) -> tuple[Scholar, ...]:
        """Who learns, the one that alerts rest on first: their models, counts and figures."""
        return self._targets.all

    def figures(self) -> dict[str, int]:
        """Counts for metrics and insights."""
        told = self._keeper.told
        scholar, steering = self._targets.alerting, self._steerings.get(ONLY)
        study, learned = scholar.study, scholar.learned
        return {
            "raised": steering.raised if steering else 0,
            "queued": steering.queued if steering else 0,
            "pending": len(self._keeper.pending),
            "children": self._clock.children,
            "raise_ppm": steering.raise_ppm if steering else 0,
            "examples": study.taken,
            "learned": learned.examples,
            "positives": learned.positives,
            "censored": study.censored,
            "published": self.model.version,
            "refused": study.refused,
            "copied": told.copied,
            "unread": told.unread,
            "moved": told.moved,
            "forecasts_gone": self._foresight.tally.gone,
        }

    def _changed(self, households: Iterable[bytes]) -> None:
        for key in households:
            self._keeper.changed(key)

    @property
    def _clock(self) -> Clock:
        return self._clocks.get(ONLY) or Clock()

    def _mark(self, **changes: Any) -> None:
        self._clocks[ONLY] = msgspec.structs.replace(self._clock, **changes)

    def _configure(self) -> None:
        row = self._rules_rows.get(ONLY)
        self._rules = rules = parse_rules(row.body) if row else None
        self._keeper.configure(rules, row.version if row else 0)
        if rules is not None:
            self._targets.configure(rules.target, rules.also, rules.prior)

    def _load_schedule(self) -> None:
        asked = ((row.due_at, key) for key, row in self._keeper.rows.items() if row.due_at)
        answers = ((at, id_) for id_, alert in self._keeper.alerts.items() if (at := due_at(alert)))
        after = (self._clock.at, self._clock.household)
        self._keeper.schedule.load(self._facts.households(), asked, after, answers)

    def _go_live(self, rules: Rules, now: int) -> None:
        def look(key: bytes, at: int) -> None:
            self._keeper.look(key, at, None, opening=True)

        line = self._opening.advance(rules, now, look)
        if line is not None:
            children = self._opening.cursor.children
            self._mark(children=children, counted_at=now, published_at=now)
            self._steerings[ONLY] = steer.begin(line, now, self._budget(rules))
        if self.phase == "live":
            self._mark(at=now)
            self._load_schedule()
            self._sweep()  # what changed while the caseload was opened has not been judged
        self._targets.flush()

    def _budget(self, rules: Rules) -> steer.Budget:
        children = max(1, self._clock.children)
        return steer.budget(rules.budget_per_1000_month, children, rules.over_budget, rules.burst_days)

    def _steer(self, steering: Steering) -> None:
        if steering != self._steerings[ONLY]:
            self._steerings[ONLY] = steering

    def _publish(self, rules: Rules, now: int, budget: steer.Budget) -> None:
        """New weights, and once a month a new line; then everyone is judged by them."""
        steering = self._steerings[ONLY]
        self._targets.alerting.publish(now, steering, drifted(self._gauge.drift))
        if not rules.raise_at and steer.is_due(steering, now):
            self._steer(steer.move(steering, now, budget, len(self._keeper.pending)))
        self._mark(published_at=now)
        self._sweep()
        self._keeper.forget_sights()

    def _serve_pending(self, now: int) -> None:
        """Raise what was queued, highest first, as far as there is room."""
        keeper = self._keeper
        if keeper.pending and steer.has_room(self._steerings[ONLY]):
            for key in sorted(keeper.pending, key=lambda key: (-keeper.sight(key, now)[2].score_ppm, key)):
                keeper.look(key, now, None)

    def _sweep(self) -> None:
        """Something general changed: every household is judged again, a bounded number a message."""
        self._mark(sweeping=True, swept=b"")

    def _sweep_on(self, now: int) -> None:
        if not self._clock.sweeping:
            return
        if self._roll is None:
            self._roll = Roll(self._facts.households())
        batch = self._roll.after(self._clock.swept, SWEEP_PER_CALL)
        for key in batch:
            self._keeper.look(key, now, None)
        if batch:
            self._mark(swept=batch[-1])
        else:
            self._mark(sweeping=False, swept=b"")

    def _stands(self, due: Due) -> bool:
        if due.rank == TICK:
            fresh = (due.at, due.household) > (self._clock.at, self._clock.household)
            return fresh and bool(self._facts.household_records(due.household))
        if due.rank == ANSWER:
            alert = self._keeper.alerts.get(due.household.decode())
            return alert is not None and due_at(alert) == due.at
        row = self._keeper.rows.get(due.household)
        return row is not None and row.due_at == due.at

    def _tick(self, key: bytes, at: int, now: int) -> None:
        """A household's tick: it is counted, and may become an example."""
        self._mark(at=at, household=key)
        self._keeper.schedule.add(key, (at, key))
        _, household, scored = self._keeper.sight(key, now)
        self._count(len(household.children), now)
        self._gauge.add(scored.score_ppm, scored.x, now)
        if weight := weight_at_tick(key, scored.sums, at):
            x = vector(scored.sums, len(household.children))
            self._targets.sample_tick(Moment(key, household, x, now, weight, tick=True))
        self._foresight.take(key, self.outlook(key, now), now, self._clock.children)

    def _count(self, children: int, now: int) -> None:
        clock = self._clock
        if now - clock.counted_at >= TICK_MS:
            self._mark(children=clock.counting or clock.children, counting=children, counted_at=now)
        else:
            self._mark(counting=clock.counting + children)
