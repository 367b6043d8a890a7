"""Planted stories are what the demo is judged by, so their promises are held here."""

from collections import defaultdict

import pytest

from demo.world import END_MS, START_MS, T0_MS
from demo.world.base import DAY_MS, ms
from demo.world.kinds import GRAVE
from demo.world.truth import rules


def _of(truth, kind):
    return [story for story in truth["stories"] if story["kind"] == kind]


@pytest.fixture(scope="module")
def events_of(full):
    found = defaultdict(list)
    for event in full.events():
        found[event.household].append(event)
    return found


def test_planted_counts(truth):
    assert truth["planted"] == {"slow": 30, "sudden": 16, "recovery": 20, "lookalike": 30}


def test_busy_families_outnumber_planted_stories_ten_to_one(truth):
    planted = sum(truth["planted"][kind] for kind in ("slow", "sudden", "recovery"))
    assert len(truth["busy"]) >= 10 * planted


def test_busy_families_have_as_many_events_and_no_outcome(full, truth, events_of):
    busy = set(truth["busy"])
    assert not busy & {outcome["household"] for outcome in truth["outcomes"]}
    backfill = [sum(e.recorded_at < T0_MS for e in events_of[h]) for h in busy]
    slow = [story["events"] for story in _of(truth, "slow")]
    assert sum(backfill) / len(backfill) >= sum(slow) / len(slow)


def test_no_agency_reaches_its_own_rule_in_a_slow_story_or_look_alike(truth):
    assert all(story["rule_at"] is None for story in _of(truth, "slow") + _of(truth, "lookalike"))


def test_slow_stories_are_three_to_ten_low_events_of_at_least_four_agencies_where_possible(truth, full, events_of):
    for story in _of(truth, "slow") + _of(truth, "lookalike"):
        assert 3 <= story["events"] <= 10
        assert len(story["agencies"]) >= min(4, story["events"]) or story["not_held"]
        inside = [e for e in events_of[story["household"]] if story["first_at"] <= e.occurred_at <= story["end_at"]]
        low = [e for e in inside if not e.outcome and e.kind != "referral"]
        assert len(low) == story["events"]
        assert all(severity < GRAVE for e in low for _, severity in e.factors)


def test_slow_and_sudden_stories_end_in_an_outcome_and_look_alikes_in_none(truth):
    onsets = defaultdict(list)
    for outcome in truth["outcomes"]:
        onsets[outcome["household"]].append(outcome["onset_at"])
    for story in _of(truth, "slow") + _of(truth, "sudden"):
        assert any(abs(at - story["end_at"]) < DAY_MS for at in onsets[story["household"]])
    assert not any(onsets[story["household"]] for story in _of(truth, "lookalike"))


def test_sudden_stories_have_one_or_two_grave_events_and_an_outcome_within_thirty_days(truth):
    for story in _of(truth, "sudden"):
        assert story["events"] in {1, 2}
        assert 2 * DAY_MS <= story["end_at"] - story["first_at"] <= 31 * DAY_MS
        assert story["rule_at"] is not None


def test_every_planted_end_lies_in_live(truth):
    assert all(T0_MS <= story["end_at"] < END_MS for story in truth["stories"])


def test_a_slow_story_is_written_down_before_its_outcome(truth, events_of):
    for story in _of(truth, "slow"):
        low = [e for e in events_of[story["household"]] if story["first_at"] <= e.occurred_at < story["end_at"]]
        assert all(e.recorded_at <= story["end_at"] for e in low if not e.outcome and e.kind != "referral")


def test_recoveries_are_loaded_before_and_calm_after(truth, events_of):
    for story in _of(truth, "recovery"):
        events = events_of[story["household"]]
        before = [e for e in events if story["end_at"] - 120 * DAY_MS < e.occurred_at < story["end_at"]]
        after = [e for e in events if story["end_at"] < e.occurred_at < END_MS]
        assert len(before) >= 8
        assert after and all(family == "protective" for e in after for family, _ in e.factors)


def test_a_recovering_family_has_no_open_episode_in_live(truth):
    recovering = {story["household"] for story in _of(truth, "recovery")}
    assert all(o["closed_at"] < T0_MS for o in truth["outcomes"] if o["household"] in recovering)


def test_some_slow_stories_are_unknown_to_social_care(truth, full):
    unheld = [story for story in _of(truth, "slow") if story["not_held"]]
    held = {r["household"] for r in truth["records"] if r["agency"] == "council" and r["from_ms"] < T0_MS}
    assert unheld and all("social_care" not in story["agencies"] for story in unheld)
    assert any(story["household"] not in held for story in unheld)


def test_a_rule_is_reached_by_the_third_police_event_in_half_a_year(full):
    event = next(e for e in full.events() if e.kind == "da_incident")
    times = [START_MS, START_MS + 50 * DAY_MS, START_MS + 100 * DAY_MS]
    three = [event._replace(number=i, occurred_at=at) for i, at in enumerate(times)]
    assert rules(three) == [(event.household, "police", times[2])]
    assert rules(three[:2]) == []
    late = [*three[:2], three[2]._replace(occurred_at=START_MS + 181 * DAY_MS)]
    assert rules(late) == []


def test_days_become_whole_seconds():
    assert ms(1.5) == START_MS + 36 * 3600 * 1000
