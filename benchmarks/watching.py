"""The watch over a synthetic partnership, without brokers: what benchmarks of risk and alerts run.

Decides how the world's changes reach the product's own risk and alerting: true households (no linkage errors), from
go-live to the end of the live year, each change when it is recorded or only when a batch would load it.
"""

from __future__ import annotations

import json
import time
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from demo.world import World
from demo.world.base import DAY_MS, END_MS, START_MS, T0_MS
from demo.world.events import WorldEvent
from demo.world.truth import SILENT_AGENCY, SILENT_MS
from schemas.event import AGENCY_KINDS, FAMILIES
from schemas.profile import AGE_BANDS
from streams.alerting.notice import Notice
from streams.alerting.opening import teaches
from streams.alerting.rows import SPECS
from streams.alerting.watch import Watch
from streams.risk.contribution import Contribution, Profile, Spell
from streams.risk.model import Model
from streams.risk.study import ONLY
from streams.state import Tables

HOUR_MS: Final = 3_600_000
QUARTER_MS: Final = 91 * DAY_MS
BEAT_LAG_MS: Final = 2 * DAY_MS  # half a second of wall time in the demo
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
                group = self.world.population.households[person.household].group
                found[person.id] = Profile(band, True, False, group, "", False, tuple(self._spells[person.id]))
        return found

    def agency(self, record: bytes) -> str:
        return record.split(b":")[0].decode()

    def household(self, record: bytes) -> bytes:
        return self._homes[self.world.people[self._owner[record]].household][0]

    def owner(self, record: bytes) -> int:
        """The world's number of the person a record is about."""
        return self._owner[record]

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


class Setting(NamedTuple):
    """What scores were made of and where the line was, from a moment on."""

    at: int
    raise_ppm: int
    model: Model


class Run:
    """One world through one watch.

    Attributes:
        notices: What was told.
        settings: Models and lines as they came into force.
        seconds: Processor time of going live and of the live year.
    """

    def __init__(
        self,
        world: World,
        rules: dict[str, Any] | None = None,
        on_event: Callable[[Run, bytes, int], None] | None = None,
    ) -> None:
        """Make the watch; `backfill` and then one of `live` and `batches` run it.

        Args:
            world: The synthetic partnership.
            rules: What differs from the default rules.
            on_event: Told after each live event that could make an example: the run, the household and when.
        """
        self.world = world
        self.facts = WorldFacts(world)
        self.tables = Tables("northmere", SPECS)
        self.watch = Watch("northmere", bytes(32), self.tables, self.facts)
        self.watch.ready()
        refused = self.watch.control(json.dumps({**TEAM, **(rules or {})}), 1, T0_MS)
        if refused:
            raise ValueError(refused)
        self._on_event = on_event
        self.notices: list[Notice] = []
        self.settings: list[Setting] = []
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
        """Go-live and the live year: each change when it is recorded, and a tick an hour."""
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

    def batches(self, days: int, follow: Run) -> None:
        """Go-live and the live year, judged only every so many days at 06:00, by the models and lines of another run.

        Args:
            days: Days from one load to the next.
            follow: The run that was judged at every change: what differs is only when.
        """
        self.watch.golive(T0_MS)
        while self.watch.phase != "live":
            self._tick(T0_MS)
        ahead = changes(self.world)
        place, now = 0, T0_MS + 6 * HOUR_MS
        while now < END_MS:
            self._take_over(max((s for s in follow.settings if s.at <= now), key=lambda s: s.at))
            touched: list[bytes] = []
            while place < len(ahead) and ahead[place][0] <= now:
                _, _, what, value = ahead[place]
                place += 1
                touched.append(self._put(what, value)[0])
            self.facts.now = now
            for record in touched:
                self.notices += self.watch.touched((record,), now, now, undone=False)
            for _ in range(len(self.world.population.households) // 50):  # a call does a bounded piece
                self._tick(now)
            now += days * DAY_MS

    def _take_over(self, setting: Setting) -> None:
        row = self.tables["steering"][ONLY]
        self.tables["steering"][ONLY] = msgspec.structs.replace(row, raise_ppm=setting.raise_ppm, tokens=1 << 50)
        self.tables["model"][self.watch.scholars[0].key] = setting.model

    def _tick(self, now: int) -> None:
        self.facts.now = now
        self.notices += self.watch.advance(now)
        line = self.watch.figures()["raise_ppm"]
        if not self.settings or (self.settings[-1].raise_ppm, self.settings[-1].model) != (line, self.watch.model):
            self.settings.append(Setting(now, line, self.watch.model))
        self.tables.take_delta()

    def _put(self, what: str, value: Any) -> tuple[bytes, Contribution | None]:
        if what == "event":
            key, one = self.facts.put(value)
            self.watch.event_known(key, one)
            return one.record, one
        if what == "removed":
            self.facts.drop(value)
            return record_of(value.agency_kind, value.person), None
        self.facts.spell(*value)
        return record_of("social_care", value[0]), None

    def _arrive(self, at: int, what: str, value: Any) -> None:
        self.facts.now = at
        record, event = self._put(what, value)
        if event is None:
            self.notices += self.watch.touched((record,), at, at, undone=what == "removed")
        else:
            self.notices += self.watch.happened(event, at, at, undone=False)
            if self._on_event is not None and self.watch.phase == "live" and teaches(event):
                self._on_event(self, self.facts.household(record), at)
        self.notices += self.watch.advance(at)
