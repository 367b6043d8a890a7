"""The world as a whole: the same for the same seed, with the rates it promises."""

import json
from collections import Counter
from itertools import pairwise

from demo.world import END_MS, START_MS, T0_MS, World
from demo.world.base import DAY_MS
from demo.world.kinds import KINDS, OUTCOME
from demo.world.world import AGENCIES

CHILD_YEARS_SHARE = 3  # years of backfill and live


def _bytes(world):
    rows = [[tuple(map(str, row)) for row in world.rows(agency)] for agency in AGENCIES]
    return json.dumps([rows, [tuple(map(str, e)) for e in world.events()], world.truth()], sort_keys=True)


def _rate(world, kind):
    events = [e for e in world.events() if e.kind == kind and START_MS <= e.occurred_at < END_MS]
    return len(events) / (CHILD_YEARS_SHARE * len(world.children(T0_MS)))


def test_same_seed_gives_the_same_bytes():
    assert _bytes(World(seed=5, families=80)) == _bytes(World(seed=5, families=80))


def test_another_seed_gives_another_world(small):
    assert World(seed=4, families=300).people[0] != small.people[0]


def test_about_three_and_a_half_thousand_children(full):
    assert 3300 <= len(full.children(T0_MS)) <= 3900


def test_rates_are_near_those_of_england(full):
    starts = _rate(full, OUTCOME)
    plans = sum(e.status == "protection_plan" for e in full.chronicle.episodes if e.onset < 1095)
    assert 0.045 <= _rate(full, "referral") <= 0.085  # 6.4 per 100 in RISK section 2
    assert 0.025 <= starts <= 0.042  # 3.2 per 100
    assert 0.003 <= plans / (3 * len(full.children(T0_MS))) <= 0.008  # .51 per 100
    assert 0.2 <= _rate(full, "ed_visit") <= 0.34  # .25 per child


def test_outcomes_are_dated_at_the_referral_and_known_ten_to_sixty_five_days_later(full):
    for event in full.events():
        if event.outcome:
            assert 10 * DAY_MS - 1000 <= event.recorded_at - event.occurred_at <= 65 * DAY_MS + 1000


def test_events_come_in_order_of_recording_and_never_before_they_happened(full):
    events = full.events()
    assert all(a.recorded_at <= b.recorded_at for a, b in pairwise(events))
    assert all(e.occurred_at <= e.recorded_at for e in events)


def test_every_kind_of_event_occurs_in_live(full):
    kinds = Counter(e.kind for e in full.events() if T0_MS <= e.recorded_at < END_MS)
    assert all(kinds[kind.name] > 0 for kind in KINDS)


def test_children_have_the_age_an_event_needs(full):
    least = {kind.name: kind.min_age for kind in KINDS if kind.level == "child"}
    for event in full.events():
        if event.kind in least:
            age = full.people[event.person].age((event.occurred_at - START_MS) / DAY_MS)
            assert least[event.kind] - 0.01 <= age <= 18.01


def test_some_live_events_are_withdrawn(full):
    assert 3 <= sum(e.removed_at is not None for e in full.events()) <= 60
