"""Alerts over a synthetic partnership, without brokers: the demo's figures, by seed, in half a minute each.

Runs the product's own risk and alerting over demo/world with true households (no linkage errors), from go-live to
the end of the live year. Usage: python -m benchmarks.alerts [SEED ...]; the last line is JSON.
"""

from __future__ import annotations

import json
import sys
import time
from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any, Final

from demo.world import World
from demo.world.base import DAY_MS, END_MS, START_MS, T0_MS
from demo.world.events import WorldEvent
from demo.world.truth import SILENT_AGENCY, SILENT_MS
from schemas.event import AGENCY_KINDS, FAMILIES
from schemas.profile import AGE_BANDS
from streams.alerting.notice import Notice
from streams.alerting.watch import SPECS, Watch
from streams.risk.contribution import Contribution, Profile, Spell
from streams.state import Tables

HOUR_MS: Final = 3_600_000
QUARTER_MS: Final = 91 * DAY_MS
BEAT_LAG_MS: Final = 2 * DAY_MS  # half a second of wall time in the demo
HORIZON_MS: Final = 180 * DAY_MS
SILENT_KIND: Final = "education" if SILENT_AGENCY == "schools" else "police"
TEAM: Final = {"front_door": "mash", "teams": [{"name": "mash", "agency": "council"}]}


class WorldFacts:
    """The partnership as perfect linkage would hold it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = T0_MS
        self._events: dict[bytes, Contribution] = {}
        self._of: dict[bytes, list[Contribution]] = defaultdict(list)
        self._people: dict[int, list[bytes]] = defaultdict(list)
        self._homes: dict[int, list[bytes]] = defaultdict(list)
        self._owner: dict[bytes, int] = {}
        self._spells: dict[int, list[Spell]] = defaultdict(list)
        self._quarter = -1
        self._bands: dict[int, Profile] = {}
        pairs = {(e.agency_kind, e.person) for e in world.events()}
        pairs |= {("health", p.id) for p in world.people if p.child} | {
            ("social_care", s.person) for s in world.statuses()
        }
        for kind, person in sorted(pairs):
            record = record_of(kind, person)
            self._owner[record] = person
            insort(self._people[person], record)
            insort(self._homes[world.people[person].household], record)

    def put(self, event: WorldEvent) -> tuple[bytes, Contribution]:
        """An event arrives."""
        key = b"event%08d" % event.number
        record = record_of(event.agency_kind, event.person)
        one = Contribution(
            record, AGENCY_KINDS.index(event.agency_kind), event.kind, event.occurred_at,
            tuple((FAMILIES.index(f), s) for f, s in event.factors), event.contact, event.outcome, (0, 0, 0),
        )  # fmt: skip
        self._events[key] = one
        self._of[record].append(one)
        return key, one

    def drop(self, event: WorldEvent) -> None:
        """An event is withdrawn."""
        one = self._events.pop(b"event%08d" % event.number)
        self._of[one.record].remove(one)

    def spell(self, person: int, kind: str, started_at: int, ended_at: int | None) -> None:
        """A spell begins, or its end is written."""
        self._spells[person] = [s for s in self._spells[person] if s.started_at != started_at]
        self._spells[person].append(Spell(kind, started_at, ended_at))
        self._quarter = -1

    def contributions(self, record: bytes) -> Iterable[Contribution]:
        return self._of.get(record, ())

    def profile(self, record: bytes) -> Profile | None:
        if self._quarter != (self.now - START_MS) // QUARTER_MS:
            self._quarter = (self.now - START_MS) // QUARTER_MS
            self._bands = self._profiles()
        return self._bands.get(self._owner[record])

    def _profiles(self) -> dict[int, Profile]:
        found = {}
        day = (self.now - START_MS) / DAY_MS
        for person in self.world.people:
            age = person.age(day)
            if person.role == "child" and 0 <= age < 18:
                band = AGE_BANDS.index("0-4" if age < 5 else "5-10" if age < 11 else "11-15" if age < 16 else "16-17")
                found[person.id] = Profile(band, True, False, "", "", False, tuple(self._spells[person.id]))
        return found

    def agency(self, record: bytes) -> str:
        return record.split(b":")[0].decode()

    def household(self, record: bytes) -> bytes:
        return self._homes[self.world.people[self._owner[record]].household][0]

    def number(self, household: bytes) -> int:
        """The world's number of a household."""
        return self.world.people[self._owner[household]].household

    def household_records(self, household: bytes) -> tuple[bytes, ...]:
        return tuple(self._homes[self.number(household)])

    def cluster(self, record: bytes) -> bytes:
        return self._people[self._owner[record]][0]

    def households(self) -> Iterable[bytes]:
        return [records[0] for records in self._homes.values() if records]

    def events(self) -> Mapping[bytes, Contribution]:
        return self._events

    def watermark(self, now: int) -> int:
        return min(now - BEAT_LAG_MS, SILENT_MS[0]) if SILENT_MS[0] <= now < SILENT_MS[1] else now - BEAT_LAG_MS

    def behind(self, now: int) -> tuple[tuple[str, int], ...]:
        return ()


def record_of(kind: str, person: int) -> bytes:
    """A record of a person at an agency."""
    return b"%s:%06d" % (kind.encode(), person)


def changes(world: World) -> list[tuple[int, int, str, Any]]:
    """What arrives in the live year, in order: (moment, rank, what, value)."""
    found: list[tuple[int, int, str, Any]] = []
    for event in world.events():
        at = event.recorded_at
        if event.agency_kind == SILENT_KIND and SILENT_MS[0] <= at < SILENT_MS[1]:
            at = SILENT_MS[1]
        if T0_MS <= event.recorded_at < END_MS:
            found.append((at, event.number, "event", event))
        if event.removed_at is not None and event.removed_at < END_MS:
            found.append((max(event.removed_at, at + 1), event.number, "removed", event))
    for place, s in enumerate(world.statuses()):
        if T0_MS <= s.recorded_at < END_MS:
            found.append((s.recorded_at, place, "spell", (s.person, s.kind, s.started_at, None)))
        if s.ended_at is not None and T0_MS <= s.ended_at < END_MS:
            found.append(
                (max(s.ended_at, s.recorded_at + 1), place, "spell", (s.person, s.kind, s.started_at, s.ended_at))
            )
    return sorted(found, key=lambda one: one[:3])


class Run:
    """One world through one watch."""

    def __init__(self, seed: int, rules: dict[str, Any] | None = None, families: int = 2000) -> None:
        self.world = World(seed, families)
        self.facts = WorldFacts(self.world)
        self.tables = Tables("northmere", SPECS)
        self.watch = Watch("northmere", bytes(32), self.tables, self.facts)
        self.watch.ready()
        refused = self.watch.control(json.dumps({**TEAM, **(rules or {})}), 1, T0_MS)
        if refused:
            raise ValueError(refused)
        self.notices: list[Notice] = []
        self.seconds: dict[str, float] = {}

    def backfill(self) -> None:
        """Everything recorded before live."""
        for event in self.world.events():
            if event.recorded_at < T0_MS:
                self.facts.put(event)
        for s in self.world.statuses():
            if s.recorded_at < T0_MS:
                ended = s.ended_at if s.ended_at is not None and s.ended_at < T0_MS else None
                self.facts.spell(s.person, s.kind, s.started_at, ended)

    def live(self) -> None:
        """Go-live and the live year, with a tick an hour."""
        start = time.process_time()
        self.watch.golive(T0_MS)
        ahead = changes(self.world)
        place, now, opened = 0, T0_MS, 0.0
        while now < END_MS:
            now += HOUR_MS
            while place < len(ahead) and ahead[place][0] <= now:
                at, _, what, value = ahead[place]
                place += 1
                self._arrive(at, what, value)
            self._tick(now)
            if not opened and self.watch.phase == "live":
                opened = time.process_time() - start
        self.seconds = {"opening": opened, "live": time.process_time() - start - opened}

    def _tick(self, now: int) -> None:
        self.facts.now = now
        self.notices += self.watch.advance(now)
        self.tables.take_delta()

    def _arrive(self, at: int, what: str, value: Any) -> None:
        self.facts.now = at
        watch = self.watch
        if what == "event":
            key, one = self.facts.put(value)
            watch.event_known(key, one)
            self.notices += watch.touched((one.record,), at, at, undone=False)
        elif what == "removed":
            self.facts.drop(value)
            record = record_of(value.agency_kind, value.person)
            self.notices += watch.touched((record,), at, at, undone=True)
        else:
            self.facts.spell(*value)
            record = record_of("social_care", value[0])
            self.notices += watch.touched((record,), at, at, undone=False)
        self.notices += watch.advance(at)

    def figures(self) -> dict[str, float]:
        """The demo's figures (issue 1, item 8)."""
        return judge(self.world, self.notices, self.facts)


def judge(world: World, notices: list[Notice], facts: WorldFacts) -> dict[str, float]:
    """Figures of the live phase; the opening caseload apart."""
    truth = world.truth()
    onsets: dict[int, list[int]] = defaultdict(list)
    for outcome in truth["outcomes"]:
        onsets[outcome["household"]].append(outcome["onset_at"])
    raised = [n for n in notices if n.state == "raised"]
    escalate = [(facts.number(n.household), n.raised_at, n) for n in raised if n.direction == "escalate"]
    alerts = [(h, at) for h, at, n in escalate if not n.opening]
    downs = [(facts.number(n.household), n.raised_at) for n in raised if n.direction == "step_down"]
    everything = [(h, at) for h, at, _ in escalate]
    found: dict[str, float] = {"opening_alerts": len(escalate) - len(alerts), "alerts_total": len(alerts)}
    leads = []
    for kind in ("slow", "sudden"):
        stories = [s for s in truth["stories"] if s["kind"] == kind]
        caught = 0
        for s in stories:
            times = [at for h, at in everything if h == s["household"] and s["first_at"] < at < s["end_at"]]
            caught += bool(times)
            if times:
                leads.append((min(s["rule_at"] or s["end_at"], s["end_at"]) - min(times)) / DAY_MS)
        found[f"{kind}_planted"], found[f"{kind}_caught"] = len(stories), caught
    recoveries = [s for s in truth["stories"] if s["kind"] == "recovery"]
    stepped = [any(h == s["household"] and at >= s["end_at"] for h, at in downs) for s in recoveries]
    found["step_downs_planted"], found["step_downs_caught"] = len(recoveries), sum(stepped)
    looks = [s for s in truth["stories"] if s["kind"] == "lookalike"]
    found["lookalikes"] = len(looks)
    found["lookalikes_flagged"] = sum(
        any(h == s["household"] and s["first_at"] < at <= s["end_at"] + 30 * DAY_MS for h, at in everything)
        for s in looks
    )
    true = [any(at < onset <= at + HORIZON_MS for onset in onsets[h]) for h, at in alerts]
    found["alert_precision"] = sum(true) / max(1, len(true))
    found["alerts_per_1000_children_month"] = len(alerts) / truth["children_at_t0"] * 1000 / 12
    found["lead_days_median"] = median(leads) if leads else 0.0
    found["step_downs"] = len(downs)
    found["step_down_precision"] = sum(
        not any(at < onset <= at + HORIZON_MS for onset in onsets[h]) for h, at in downs
    ) / max(1, len(downs))
    by_household: dict[int, list[int]] = defaultdict(list)
    cleared = {n.alert_id: n.changed_at for n in notices if n.state == "cleared"}
    again = 0
    for h, at, n in escalate:
        again += any(0 <= at - end < 30 * DAY_MS for end in by_household[h])
        if n.alert_id in cleared:
            by_household[h].append(cleared[n.alert_id])
    found["reraised_30d"] = again / max(1, len(escalate))
    found["retracted"] = sum(n.state == "retracted" for n in notices)
    in_live = {(h, at // (30 * DAY_MS)) for h, times in onsets.items() for at in times if T0_MS <= at < END_MS}
    hit = sum(
        any(
            h == k and at < (month + 1) * 30 * DAY_MS and at > month * 30 * DAY_MS - HORIZON_MS
            for k, at in everything
        )
        for h, month in in_live
    )
    found["families_with_outcome"], found["recall_families"] = len(in_live), hit / max(1, len(in_live))
    return found


def main() -> None:
    """Run the seeds given on the command line (1, 2 and 3 without)."""
    found = {}
    for seed in [int(a) for a in sys.argv[1:]] or [1, 2, 3]:
        run = Run(seed)
        run.backfill()
        run.live()
        figures = {**run.figures(), **run.watch.figures(), **run.seconds}
        found[seed] = {name: round(value, 3) for name, value in figures.items()}
        print(seed, json.dumps(found[seed]), flush=True)
    print(json.dumps({"by_seed": found}))


if __name__ == "__main__":
    main()
