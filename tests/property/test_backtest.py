"""Rules run again over history: the same alerts as a watch run by hand, blind to the future, and the same twice."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.watching import TEAM, WorldFacts, record_of
from demo.world import END_MS, World
from schemas.event import AGENCY_KINDS
from streams.alerting.backtest import KEY, TICK_MS, Comparison, State, compare, trial, window
from streams.alerting.notice import Notice
from streams.alerting.reckoning import Column, Window, families, reckon
from streams.alerting.rows import SPECS
from streams.alerting.rules import parse_rules
from streams.alerting.watch import Watch
from streams.risk.contribution import Contribution, Spell
from streams.risk.features import DISTINCT_TOTAL, MICRO, WIDTH
from streams.risk.golive import WARM_MS
from streams.risk.household import Facts
from streams.risk.model import COUNTING_RULE
from streams.state import Tables
from tests.unit.streams.risk.families import DAY_MS, T0, Families, event, profile

FAMILIES = 500  # whose first year teaches more than the counting rule
WEEK_MS = 7 * DAY_MS
TODAY = json.dumps(TEAM)


class ByHand(WorldFacts):
    """The world's facts as a benchmark holds them, with the ages of the end and feeds that never fail."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.now = END_MS

    def watermark(self, now: int) -> int:
        return now


@cache
def world() -> World:
    return World(1, FAMILIES)


def arrivals() -> list[tuple[int, int, Any, Any]]:
    """Everything kept at the end, when it happened: what statuses say, then events, by number."""
    found: list[tuple[int, int, Any, Any]] = []
    for s in world().statuses():
        if s.recorded_at < END_MS:
            found.append((s.started_at, 0, s.person, (s.person, s.kind, s.started_at, None)))
            if s.ended_at is not None and s.ended_at < END_MS:
                found.append((s.ended_at, 0, s.person, (s.person, s.kind, s.started_at, s.ended_at)))
    for one in world().events():
        if one.recorded_at < END_MS and (one.removed_at is None or one.removed_at >= END_MS):
            found.append((one.occurred_at, 1, one.number, one))
    return sorted(found, key=_place)


def _place(arrival: tuple[int, int, Any, Any]) -> tuple[int, int, bytes]:
    at, rank, number, _ = arrival
    return at, rank, b"event%08d" % number if rank else record_of("social_care", number)


@cache
def at_the_end() -> WorldFacts:
    facts = ByHand(world())
    for _, rank, _, value in arrivals():
        if rank:
            facts.put(value)
        else:
            facts.spell(*value)
    return facts


def state(facts: Facts | None = None, **changes: Any) -> State:
    return State(facts or at_the_end(), END_MS, "live", TODAY, COUNTING_RULE, ())._replace(**changes)


def span() -> Window:
    return window(state(), parse_rules(TODAY), 52)


def by_hand(start: int) -> list[Notice]:
    facts = ByHand(world())
    tables = Tables("", SPECS)
    watch = Watch("", KEY, tables, facts)
    watch.ready()
    ahead = arrivals()
    while ahead and ahead[0][0] <= start:
        _, rank, _, value = ahead.pop(0)
        facts.put(value) if rank else facts.spell(*value)
    assert watch.control(TODAY, 1, start) is None
    said, now = [], start
    watch.golive(start)
    while watch.phase != "live":
        said += watch.advance(start)
    while now < END_MS:
        now = min(now + TICK_MS, END_MS)
        while ahead and ahead[0][0] <= now:
            at, rank, person, value = ahead.pop(0)
            if rank:
                said += watch.happened(facts.put(value)[1], at, None, undone=False)
            else:
                facts.spell(*value)
                said += watch.touched((record_of("social_care", person),), at, None, undone=False)
            said += watch.advance(at)
        said += watch.advance(now)
        while watch.sweeping:
            said += watch.advance(now)
    return said


@cache
def todays() -> Comparison:
    return compare(state(), TODAY)


@cache
def said_today() -> tuple[Notice, ...]:
    return trial(at_the_end(), span(), TODAY).notices


def test_the_column_of_today_is_what_a_watch_run_by_hand_says_and_what_plain_counting_makes_of_it():
    start = span().start
    said = by_hand(start)
    assert said_today() == tuple(said)
    column = todays().today
    assert column.models[0] == "1/all", "the world is too small to have learned"
    raised = [n for n in said if n.state == "raised" and n.direction == "escalate"]
    alerts = [n for n in raised if not n.opening]
    assert len(alerts) > 10
    facts = at_the_end()
    onsets = [(facts.household(c.record), c.occurred_at) for c in facts.events().values() if c.outcome]

    def comes_true(n: Notice) -> bool:
        return any(h == n.household and 0 < at - n.raised_at <= 180 * DAY_MS for h, at in onsets)

    old = [n for n in alerts if n.raised_at + 250 * DAY_MS <= END_MS]
    assert (sum(column.alerts), column.opening) == (len(alerts), len(raised) - len(alerts))
    assert (column.known, column.true) == (len(old), sum(map(comes_true, old)))
    young = [n for n in alerts if n not in old]
    assert (column.not_yet_known, column.not_yet_known_true) == (len(young), sum(map(comes_true, young)))
    year = {(h, at) for h, at in onsets if at > start}
    assert todays().outcomes == len({h for h, _ in year})
    assert column.caught == len({
        h for h, at in year if any(n.household == h and 0 < at - n.raised_at <= 180 * DAY_MS for n in raised)
    })  # fmt: skip


def test_a_change_that_changes_nothing_says_nothing():
    once = todays()
    assert once.changes == ()
    assert once.today == once.changed
    assert (once.only_today, once.only_changed) == (0, 0)


class Backwards:
    """The same facts, found in another order, as after a recovery."""

    def __init__(self, facts: WorldFacts) -> None:
        self._facts = facts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._facts, name)

    def events(self) -> dict[bytes, Contribution]:
        return dict(reversed(self._facts.events().items()))

    def households(self) -> list[bytes]:
        return list(self._facts.households())[::-1]


def test_the_same_state_gives_the_same_bytes_in_whatever_order_its_rows_come():
    again = compare(state(Backwards(at_the_end())), TODAY)
    assert msgspec.json.encode(again) == msgspec.json.encode(todays())


class CutOff:
    """Facts of which nothing later than a moment is known."""

    def __init__(self, facts: WorldFacts, at: int) -> None:
        self._facts, self._at = facts, at
        self._kept = {key: one for key, one in facts.events().items() if one.occurred_at <= at}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._facts, name)

    def events(self) -> dict[bytes, Contribution]:
        return self._kept

    def contributions(self, record: bytes) -> list[Contribution]:
        return [one for one in self._facts.contributions(record) if one.occurred_at <= self._at]

    def profile(self, record: bytes) -> Any:
        known = self._facts.profile(record)
        if known is None:
            return None
        spells = tuple(s if (s.ended_at or 0) <= self._at else Spell(s.kind, s.started_at, None)
                       for s in known.spells if s.started_at <= self._at)  # fmt: skip
        return msgspec.structs.replace(known, spells=spells)


@pytest.mark.parametrize("weeks", [8, 40])
def test_what_was_said_up_to_a_moment_is_the_same_had_the_world_ended_there(weeks):
    at = span().start + weeks * WEEK_MS
    whole = [n for n in said_today() if n.changed_at <= at]
    ended = trial(CutOff(at_the_end(), at), span(), TODAY).notices
    assert whole == [n for n in ended if n.changed_at <= at]
    assert len(whole) > 1


SMALL = Window(T0 + 60 * WEEK_MS, T0 + 80 * WEEK_MS, 180 * DAY_MS, 70 * DAY_MS)
HOMES = [b"%d" % n for n in range(6)]
moments = st.integers(T0, SMALL.until + 30 * DAY_MS)
happenings = st.lists(
    st.tuples(moments, st.sampled_from(HOMES), st.sampled_from(["", "", "", "need_or_plan"]),
              st.sampled_from(["welfare", "violence", "referral", "protective"]), st.integers(1, 4),
              st.sampled_from(AGENCY_KINDS)), min_size=10, max_size=40,
)  # fmt: skip
statuses = st.lists(st.tuples(moments, st.sampled_from(HOMES), st.integers(1, 400)), max_size=6)


def town(events: Any, spells: Any, until: int, more: Any = (), also: Any = ()) -> Families:
    """Six families: what happens up to a moment, and then something else."""
    facts = Families()
    then = [*[e for e in events if e[0] <= until], *[e for e in more if e[0] > until]]
    for number, (at, home, outcome, family, severity, agency) in enumerate(then):
        facts.kept[b"%03d" % number] = event(home, at, family, severity, agency, outcome)
    for home in HOMES:
        facts.record(home, home, of=profile(spells=tuple(
            Spell("in_need", at, at + days * DAY_MS if at + days * DAY_MS <= until or also else None)
            for at, whose, days in (*[s for s in spells if s[0] <= until], *[s for s in also if s[0] > until])
            if whose == home
        )))  # fmt: skip
    return facts


@settings(max_examples=30, deadline=None)
@given(happenings, statuses, happenings, statuses, st.integers(1, 19), st.sampled_from([0, 0.02, 0.04]))
def test_whatever_happens_later_no_earlier_word_is_another(events, spells, more, also, weeks, raise_at):
    at = SMALL.start + weeks * WEEK_MS
    body = json.dumps({**TEAM, "raise_at": raise_at, "burst_days": 60})
    heard = [
        [n for n in trial(facts, SMALL, body).notices if n.changed_at <= at]
        for facts in (town(events, spells, at), town(events, spells, at, more, also))
    ]
    assert heard[0] == heard[1]


# Lines. With a line fixed and no bound on the number: whoever is told of by a high line is told of by a low one, and
# no earlier. How often is another matter: `clear_at` moves with `raise_at`, so a higher line may clear and raise
# again what a lower one holds. Where `clear_at` stays, it is not more often either.

WEIGHTS = msgspec.structs.replace(COUNTING_RULE, version=9, stage="all", weights=tuple(
    350_000 if place == DISTINCT_TOTAL else 200_000 if place == WIDTH - 1 else 0 for place in range(WIDTH)))  # fmt: skip
CLEAR_AT = 0.06


@cache
def told(raise_at: float) -> tuple[Notice, ...]:
    body = {**TEAM, "budget_per_1000_month": 100, "over_budget": 2, "burst_days": 60, "raise_at": raise_at,
            "clear_ratio": CLEAR_AT / raise_at, "step_down_ratio": 0.01}  # fmt: skip
    found = trial(at_the_end(), span(), json.dumps(body), WEIGHTS)
    assert found.queued == 0, "the bound was not to bind"
    assert found.raise_ppm == (round(raise_at * MICRO),) * 2
    return tuple(n for n in found.notices if n.state == "raised" and n.direction == "escalate")


def test_a_higher_line_tells_of_no_other_family_not_earlier_and_with_the_same_clear_at_not_more_often():
    lines = [0.1, 0.2, 0.5]
    assert len(told(lines[0])) > len(told(lines[-1])) > 0
    for low, high in pairwise(lines):
        first = [{n.household: n.raised_at for n in reversed(told(line))} for line in (low, high)]
        assert first[1].keys() <= first[0].keys()
        assert all(first[0][home] <= at for home, at in first[1].items())
        assert len(told(high)) <= len(told(low))


def test_todays_weights_stay_and_nothing_is_learned():
    found = compare(state(model=WEIGHTS), json.dumps({**TEAM, "raise_at": 0.2}), weights="now")
    assert found.weights == "now"
    for column in (found.today, found.changed):
        assert column.models == ("9/all", "9/all")
    assert found.changes == (("raise_at", "0.0", "0.2"),)
    assert found.changed.raise_ppm == (200_000, 200_000)
    assert isinstance(found.today, Column)
    again = trial(at_the_end(), span(), TODAY, WEIGHTS)
    assert reckon(again, families(at_the_end(), END_MS), span()).column == found.today
    assert {n.model for n in again.notices} == {"9/all"}


def test_a_window_begins_after_the_warm_up_and_a_stray_old_date_is_no_history():
    facts = Families()
    facts.record(b"a", b"a", of=profile())
    for number in range(200):
        facts.kept[b"%03d" % number] = event(b"a", T0 + number * DAY_MS)
    facts.kept[b"old"] = event(b"a", T0 - 9999 * DAY_MS)
    now = T0 + 250 * DAY_MS
    found = window(state(facts, now=now), parse_rules(TODAY), 52)
    assert T0 + WARM_MS <= found.start < T0 + WARM_MS + 2 * WEEK_MS
    assert (found.until, found.weeks) == (now, (found.until - found.start) // WEEK_MS)
    assert window(state(facts, now=now), parse_rules(TODAY), 6).weeks == 6
