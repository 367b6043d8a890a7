"""Truth says who each record is, and what must never leave."""

import json
import re

from demo.world import END_MS, T0_MS
from demo.world.base import DAY_MS
from demo.world.world import AGENCIES


def test_truth_is_json(truth):
    assert json.loads(json.dumps(truth))["seed"] == 7


def test_every_record_row_has_a_true_person(full, truth):
    known = {(r["agency"], *r["key"].values()) for r in truth["records"]}
    for agency, maker in full.makers.items():
        rows = {tuple(row.key.values()) for row in full.rows(agency) if row.table == maker.table}
        assert rows == {key for name, *key_ in known for key in [tuple(key_)] if name == agency}


def test_canaries_are_many_long_and_of_every_sort(truth):
    canaries = truth["canaries"]
    assert len(canaries) >= 1000 and min(map(len, canaries)) >= 8
    for pattern in (r"999\d{7}", r"[A-Z]\d{12}", r"\d+ [A-Z][a-z]+ \w+", r"[A-Z][a-z]+ [A-Z][a-z]+", r"HN\d{6}"):
        assert sum(bool(re.fullmatch(pattern, text)) for text in canaries) >= 100


def test_no_canary_is_a_code_that_may_travel(truth):
    allowed = json.dumps(
        [sorted(AGENCIES), "need_or_plan protection_plan looked_after school_welfare injury_unexplained"]
    )
    assert not [text for text in truth["canaries"] if text in allowed]


def test_wrong_links_are_corrected_in_live(truth):
    assert truth["wrong_links"]
    for wrong in truth["wrong_links"]:
        assert T0_MS < wrong["at"] < wrong["corrected_at"] < END_MS
        assert wrong["person"] != wrong["mistaken_for"]


def test_a_wrongly_linked_row_first_carries_the_other_childs_birth_date(full, truth):
    for wrong in truth["wrong_links"]:
        rows = [r for r in full.rows(wrong["agency"]) if r.table == wrong["table"] and r.key == wrong["key"]]
        assert rows[0].values["dob"] == full.people[wrong["mistaken_for"]].born_on
        assert rows[-1].values["dob"] == full.people[wrong["person"]].born_on


def test_some_entries_are_corrected_in_live_and_none_of_a_story(full, truth):
    stories = {story["household"] for story in truth["stories"]}
    assert 10 <= len(truth["corrections"]) <= 120
    assert not stories & {correction["household"] for correction in truth["corrections"]}


def test_a_corrected_entry_is_one_row_with_an_earlier_time(full):
    event, at_ms = full.makers["hospital"].corrections[0]
    rows = [r for r in full.rows("hospital") if str(event.number + 100_000) in str(r.key)]
    (first, second) = [r for r in rows if r.table != "pas.access_log"]
    assert (first.op, second.op, second.at_ms) == ("c", "u", at_ms)


def test_unborn_children_on_a_plan_are_on_the_councils_books(full, truth):
    held = {r["person"]: r["from_ms"] for r in truth["records"] if r["agency"] == "council"}
    planned = [s for s in full.statuses() if s.started_at < full.people[s.person].born_at]
    assert len(planned) == 3
    assert all(held[s.person] <= s.started_at for s in planned)


def test_one_feed_is_silent_for_five_weeks_of_live(truth):
    silent = truth["silent"]
    assert silent["until_ms"] - silent["from_ms"] == 35 * DAY_MS
    assert T0_MS < silent["from_ms"] < silent["until_ms"] < END_MS
