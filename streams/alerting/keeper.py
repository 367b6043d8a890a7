"""One household after another: read, score, judge, say, remember.

Decides what a look at a household leads to. When a household is looked at, and what time changes beside it, is
watch.py's.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import msgspec

from schemas.alert import MOVED, OUT_OF_HOURS, TAKEN_OVER, UNREAD
from schemas.control import Response
from streams.alerting import machine, routing, timing
from streams.alerting.grouping import Members, regroup
from streams.alerting.machine import NORMAL, PENDING, Lines, Move, Watched
from streams.alerting.notice import Alert, Notice
from streams.alerting.responses import ANSWERS, answer
from streams.alerting.rules import Rules
from streams.alerting.schedule import Schedule
from streams.alerting.telling import Episodes, Sight, Teller, Terms, Word
from streams.risk import steer
from streams.risk.contribution import Contribution
from streams.risk.examples import Moment
from streams.risk.features import vector
from streams.risk.household import Facts, Household, read, with_event
from streams.risk.model import Scored, score
from streams.risk.steer import Steering
from streams.risk.study import ONLY, Seen
from streams.risk.targets import Targets

HOUSEHOLDS_MAX: Final = 50_000  # read and kept, about 1 kB each
LINKS_CORRECTED: Final = "links were corrected"
FACTS_CORRECTED: Final = "facts or links were corrected"
RECORDS_GONE: Final = "records are gone"


class Keeper:
    """Keeps the rows of households and the alerts about them."""

    def __init__(self, key: bytes, tables: Any, facts: Facts, targets: Targets) -> None:
        """Bind the tables `watches`, `alerts`, `episodes`, `steering`, the facts and the targets."""
        self.rows: MutableMapping[bytes, Watched] = tables["watches"]
        self.alerts: MutableMapping[str, Alert] = tables["alerts"]
        self._steerings: MutableMapping[bytes, Steering] = tables["steering"]
        self._facts = facts
        self._targets = targets
        self._teller = Teller(key, tables, facts)
        self.schedule = Schedule()
        self.pending: set[bytes] = set()
        self._seen: dict[bytes, tuple[int, Household, Scored]] = {}
        self._households: dict[bytes, Household] = {}
        self._out: list[Notice] = []
        self._rules: Rules | None = None
        self._version = 0

    def configure(self, rules: Rules | None, version: int) -> None:
        """Take the rules in force."""
        self._rules, self._version = rules, version

    def ready(self) -> None:
        """Make what is derived from the rows."""
        self.pending = {key for key, row in self.rows.items() if row.state == PENDING}
        self._households.clear()
        self.forget_sights()

    def forget_sights(self) -> None:
        """What was seen may have changed."""
        self._seen.clear()

    def changed(self, key: bytes) -> None:
        """The facts of a household changed: it has to be read again."""
        self._households.pop(key, None)
        self._seen.pop(key, None)

    def happened(self, key: bytes, event: Contribution) -> None:
        """One event came to a household, and nothing else changed."""
        known = self._households.get(key)
        grown = known and with_event(known, event)
        if grown is None:
            self._households.pop(key, None)
        else:
            self._households[key] = grown
        self._seen.pop(key, None)

    def household(self, key: bytes) -> Household:
        """A household as it is known now; read once until it changes."""
        known = self._households.get(key)
        if known is None:
            if len(self._households) >= HOUSEHOLDS_MAX:
                self._households.clear()
            known = self._households[key] = read(self._facts, key)
        return known

    def said(self) -> list[Notice]:
        """What there is to tell since the last call."""
        said, self._out = self._out, []
        return said

    def sight(self, key: bytes, now: int) -> tuple[int, Household, Scored]:
        """Moment, facts and score of a household; looked up once a message."""
        seen = self._seen.get(key)
        if seen is None or seen[0] != now:
            household = self.household(key)
            seen = self._seen[key] = (now, household, score(self._targets.alerting.model, household, now))
        return seen

    def look(
        self, key: bytes, now: int, committed_at: int | None, *, undone: bool = False, opening: bool = False
    ) -> None:
        """Judge one household and say what follows.

        Args:
            key: Household id.
            now: Moment of the look (ms).
            committed_at: Wall time at which the source committed the change that caused it.
            undone: Something was withdrawn or corrected: what stood on it may fall.
            opening: It is for the opening caseload: outside the budget.
        """
        self._seen.pop(key, None)
        _, household, scored = self.sight(key, now)
        sight = Sight(key, household, scored, now, committed_at)
        before = self.rows.get(key)
        if not household.records:
            self._gone(before, sight)
            return
        terms, steering = self._terms(), self._steerings[ONLY]
        lines = terms.rules.lines(steering.raise_ppm)
        row = self._without_undone(before or Watched(), sight, lines) if undone else before or Watched()
        room = opening or steer.has_room(steering)
        known = timing.Known(self._facts.watermark(now), steering.live_at, room)
        new, moves = machine.advance(row, lines, timing.reading(sight, terms.model, row, lines, known))
        for move in moves:
            new = self._act(move, row, new, sight, opening=opening)
        for id_ in (new.alert, new.step_down):
            if id_:
                self._place(id_, sight)
                self._narrow(self.alerts[id_], id_, sight)
        new = msgspec.structs.replace(new, due_at=timing.due(terms.model, scored, new, lines, now))
        if not (new.state or new.armed_at):
            new = msgspec.structs.replace(new, seen_at=row.seen_at)  # nobody asks: not worth a row in every delta
        if new != (before or Watched()):
            self.put(key, new)

    def _without_undone(self, row: Watched, sight: Sight, lines: Lines) -> Watched:
        """The row after retracting an alert that, by what is known now, would not have risen and would not stand."""
        if not row.alert:
            return row
        raised_at = self.alerts[row.alert].raised_at
        then = score(self._targets.alerting.model, sight.household, raised_at).level_ppm
        if max(then, sight.scored.level_ppm) > lines.clear_ppm:
            return row
        self._tell(row.alert, "retracted", sight, FACTS_CORRECTED)
        return msgspec.structs.replace(row, state=NORMAL, since=sight.now, fell_at=0, armed_at=0, alert="")

    def _narrow(self, alert: Alert, id_: str, sight: Sight) -> None:
        """Tell of other records behind an alert.

        While it is snoozed or closed only if some are behind it no more: nothing got worse, but nobody may go on
        reading of a family that it is not about.
        """
        quiet = alert.closed or alert.snoozed_until > sight.now
        records = sight.household.records
        if alert.records != records and not (quiet and set(alert.records) <= set(records)):
            self._tell(id_, "updated", sight, LINKS_CORRECTED)

    def _act(self, move: Move, was: Watched, now: Watched, sight: Sight, *, opening: bool) -> Watched:
        steering = self._steerings[ONLY]
        lines = self._terms().rules.lines(steering.raise_ppm)
        if move == "raise":
            id_ = self._rise(sight, "escalate", lines.raise_ppm, opening=opening)
            if not opening:
                self._steerings[ONLY] = steer.spend(steering, sight.now)
            return msgspec.structs.replace(now, alert=id_, child=self.alerts[id_].child)
        if move == "step_down":
            id_ = self._rise(sight, "step_down", lines.step_down_ppm, opening=False)
            return msgspec.structs.replace(now, step_down=id_)
        if move == "queue":
            self._steerings[ONLY] = steer.hold(steering)
        elif move == "clear":
            self._tell(was.alert, "cleared", sight)
        elif move == "end_step_down":
            self._tell(was.step_down, "cleared", sight)
        elif move == "update" and not self.alerts[was.alert].closed:
            self._tell(was.alert, "updated", sight)  # also while snoozed: things got worse
            self._copy(was.alert, sight)
        return now

    def respond(self, response: Response, now: int) -> str | None:
        """Apply what a named person decided; None, or why not."""
        id_ = response["alert_id"]
        refused = answer(self.alerts, response, now)
        if refused is None:
            alert = self.alerts[id_]
            if response["action"] in ANSWERS:
                self._answered(alert, now)
            if response["action"] in ANSWERS and response["team"] == alert.team and not alert.ended:
                self._withdraw(id_, routing.alone(alert), self._sight_of(id_, now), TAKEN_OVER)
            self._run_clock(id_)
        return refused

    def _answered(self, alert: Alert, now: int) -> None:
        """Somebody saw it: what comes of the family now says as much about the answer."""
        homes = (self._facts.household(alert.child), alert.household)
        key = next((home for home in homes if self._facts.household_records(home)), None)
        if key is not None:
            self.put(key, (self.rows.get(key) or Watched()).with_answers((now,)))

    def clock(self, id_: str, now: int) -> None:
        """The time of an alert's clock has come: work begins, or nobody answered."""
        alert, sight = self.alerts[id_], self._sight_of(id_, now)
        if alert.copied_to and alert.copied_until <= now:
            self._withdraw(id_, msgspec.structs.replace(alert, copied_to=""), sight, TAKEN_OVER)
        alert = self.alerts[id_]
        if routing.is_waiting(alert) and 0 < (alert.respond_by_at or 0) <= now:
            self.alerts[id_] = routing.unread(alert, self._terms().rules, now)
            self._teller.count("unread")
            self._tell(id_, "updated", sight, UNREAD)
        self._run_clock(id_)

    def _copy(self, id_: str, sight: Sight) -> None:
        """Out of hours, another team gets it as well."""
        terms = self._terms()
        alert = routing.copied(self.alerts[id_], terms.rules, sight.now)
        if alert is not None:
            self.alerts[id_] = alert
            self._teller.count("copied")
            self._out.append(self._teller.say(id_, Word("updated", OUT_OF_HOURS, alert.copied_to), sight, terms))
        self._run_clock(id_)

    def _place(self, id_: str, sight: Sight) -> None:
        """The child it is about may be allocated to another team now: that one gets it, and the other loses it."""
        alert, terms = self.alerts[id_], self._terms()
        if alert.closed or alert.child not in sight.household.records:
            return
        person = self._facts.cluster(alert.child)
        child = next((one for one in sight.household.children if one.person == person), None)
        team = terms.rules.team(child.allocation).name if child else alert.team
        if team == alert.team:
            return
        self._teller.count("moved")
        after = routing.moved(alert, terms.rules, team, sight.now)
        self.alerts[id_] = after
        self._out.append(self._teller.say(id_, Word("updated", MOVED), sight, terms))
        self._lose(id_, alert, after, sight, MOVED)
        self._run_clock(id_)

    def _withdraw(self, id_: str, after: Alert, sight: Sight, why: str) -> None:
        before = self.alerts[id_]
        self.alerts[id_] = after
        self._lose(id_, before, after, sight, why)

    def _lose(self, id_: str, before: Alert, after: Alert, sight: Sight, why: str) -> None:
        """Tell teams that no longer have it."""
        for team in routing.holders(before):
            if team not in routing.holders(after):
                self._out.append(self._teller.say(id_, Word("cleared", why, team), sight, self._terms()))

    def _run_clock(self, id_: str) -> None:
        if at := routing.due_at(self.alerts[id_]):
            self.schedule.answer(at, id_)

    def _sight_of(self, id_: str, now: int) -> Sight:
        """The household that an alert is about, as it is now."""
        alert = self.alerts[id_]
        homes = (self._facts.household(alert.child), alert.household)
        key = next((home for home in homes if self._has(home, id_)), alert.household)
        _, household, scored = self.sight(key, now)
        return Sight(key, household, scored, now, None)

    def _has(self, household: bytes, id_: str) -> bool:
        row = self.rows.get(household)
        return row is not None and id_ in {row.alert, row.step_down}

    @property
    def told(self) -> Episodes:
        """How many alerts there have been, and what became of their routes."""
        return self._teller.episodes

    def regroup(
        self, before: tuple[Members, ...], after: tuple[Members, ...], now: int, committed_at: int | None
    ) -> None:
        """Carry rows over a change of households; the new ones are looked at by the caller."""
        rows = {m[0]: row for m in before if (row := self.rows.get(m[0])) is not None}
        carried = regroup(before, after, rows)
        for key in sorted(rows):
            self._drop(key)
        for key, row in sorted(carried.rows.items()):
            self.put(key, row)
        for id_, into in carried.joined:
            self._end(id_, f"joined {into}", now, committed_at)
            self._inherit(id_, into)
        self._grew({into for _, into in carried.joined}, carried.rows, now, committed_at)
        for id_ in carried.lost:
            self._end(id_, RECORDS_GONE, now, committed_at)

    def _inherit(self, id_: str, into: str) -> None:
        """What people decided of an alert holds for the one it joins: the later snooze; closed only if both were."""
        gone, kept = self.alerts[id_], self.alerts[into]
        if gone.direction == kept.direction:
            self.alerts[into] = msgspec.structs.replace(
                kept, snoozed_until=max(gone.snoozed_until, kept.snoozed_until), closed=gone.closed and kept.closed
            )

    def _grew(self, joined: set[str], rows: Mapping[bytes, Watched], now: int, committed_at: int | None) -> None:
        """Update alerts that others joined: also a snoozed one, for whoever had the other is sent here."""
        for key, row in sorted(rows.items()):
            for id_ in (row.alert, row.step_down):
                if id_ in joined and not self.alerts[id_].closed:
                    _, household, scored = self.sight(key, now)
                    self._tell(id_, "updated", Sight(key, household, scored, now, committed_at), LINKS_CORRECTED)
                    self.put(key, msgspec.structs.replace(row, told_ppm=max(row.told_ppm, scored.score_ppm)))

    def sample(self, key: bytes, now: int) -> None:
        """Take examples at an event."""
        row = self.rows.get(key) or Watched()
        before = row.sampled_at, row.also_sampled_at
        if not self._targets.is_due(now, before):
            return
        _, household, scored = self.sight(key, now)
        x = vector(scored.sums, len(household.children))
        after = self._targets.sample(Moment(key, household, x, now), before)
        if after != before:
            self.put(key, msgspec.structs.replace(row, sampled_at=after[0], also_sampled_at=after[1]))

    def seen(self, record: bytes) -> Seen:
        """The household of a record, and when alerts about it were answered."""
        key = self._facts.household(record)
        row = self.rows.get(key)
        return Seen(self.household(key), row.answered if row else ())

    def put(self, key: bytes, row: Watched) -> None:
        """Store a row, and keep what is derived from rows."""
        before = self.rows.get(key)
        self.rows[key] = row
        if row.state == PENDING:
            self.pending.add(key)
        else:
            self.pending.discard(key)
        if row.due_at and (before is None or before.due_at != row.due_at):
            self.schedule.ask(row.due_at, key)

    def _drop(self, key: bytes) -> None:
        del self.rows[key]
        self.pending.discard(key)

    def _terms(self) -> Terms:
        if self._rules is None:
            raise RuntimeError("no rules in force")
        return Terms(self._targets.alerting.model, self._rules, self._version)

    def _rise(self, sight: Sight, direction: str, line_ppm: int, *, opening: bool) -> str:
        id_, notice = self._teller.rise(sight, self._terms(), direction, line_ppm, opening=opening)
        self._out.append(notice)
        self._copy(id_, sight)
        return id_

    def _tell(self, id_: str, state: str, sight: Sight, correction: str = "") -> None:
        """Tell every team that has it."""
        for team in routing.holders(self.alerts[id_]):
            self._out.append(self._teller.say(id_, Word(state, correction, team), sight, self._terms()))

    def _end(self, id_: str, correction: str, now: int, committed_at: int | None) -> None:
        """Retract an alert whose household is no more."""
        key = self.alerts[id_].household
        _, household, scored = self.sight(key, now)
        self._tell(id_, "retracted", Sight(key, household, scored, now, committed_at), correction)

    def _gone(self, row: Watched | None, sight: Sight) -> None:
        if row is None:
            return
        for id_ in (row.alert, row.step_down):
            if id_:
                self._tell(id_, "retracted", sight, RECORDS_GONE)
        self._drop(sight.id)
