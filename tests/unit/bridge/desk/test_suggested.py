"""What a household's records suggest: shown to whom, in which words, and that a broken row shows nothing."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest

from bridge.desk import words, writer
from bridge.desk.app import HEADERS
from bridge.desk.inbox import OWN, keys
from tests.unit.bridge.desk.support import Client, Made, alert, household, outcomes, sign_in

PAGE = "/alerts/" + "a1" * 16
TITLE = "What the records suggest"


def lines(page: str) -> list[list[str]]:
    """Cells of the table, a line each, the head left out."""
    table = re.search(r'<table[^>]*aria-labelledby="suggested".*?</table>', page, re.S)
    assert table
    rows = re.findall(r"<tr.*?</tr>", table[0], re.S)[1:]
    return [[html.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)] for row in rows]


@pytest.mark.parametrize("rung", range(5))
def test_an_alert_says_what_the_records_suggest_from_the_summary_up(make: Callable[..., Made], rung: int) -> None:
    made = make({"sam": rung})
    made.arrives(household(outcomes=outcomes()))
    made.arrives(alert())
    with Client(made) as client:
        sign_in(client)
        answer = client.get(PAGE)
    for said in (TITLE, *words.OUTCOMES.values(), words.DECISIONS, "too few to say"):
        assert (said in answer.text) == (rung >= 3), said
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|<style", answer.text)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_each_outcome_has_words_a_time_and_a_rounded_count(desk: Made, client: Client) -> None:
    desk.arrives(household(outcomes=outcomes()))
    desk.arrives(alert())
    sign_in(client)
    assert lines(client.get(PAGE).text) == [
        [words.OUTCOMES["need_or_plan"], "180 days", "about 14"],
        [words.OUTCOMES["re_referral"], "365 days", "fewer than 1"],
        [words.OUTCOMES["early_help"], "90 days", "could not begin now"],
        [words.OUTCOMES["protection_plan"], "270 days", "too few to say"],
    ]


def test_it_says_that_they_are_decisions_and_no_harm_and_that_a_person_decides() -> None:
    assert words.DECISIONS.count(". ") == 0, "one sentence"
    for part in ("decisions that professionals took in the past", "not harm", "a person decides"):
        assert part in words.DECISIONS


@pytest.mark.parametrize(
    "broken",
    [
        None,
        7,
        "few",
        {},
        [None],
        [[]],
        [{"outcome": "early_help"}],
        [{**outcomes()[0], "ppm": "143000"}],
        [{**outcomes()[0], "ppm": 1_000_001}],
        [{**outcomes()[0], "ppm": -1}],
        [{**outcomes()[0], "horizon_days": 0}],
        [{**outcomes()[0], "outcome": ["a"]}],
    ],
)
def test_a_row_of_another_form_says_nothing_and_leaves_the_rest_of_the_page(
    desk: Made, client: Client, broken: Any
) -> None:
    desk.arrives(household(outcomes=broken))
    desk.arrives(alert())
    sign_in(client)
    answer = client.get(PAGE)
    assert answer.status_code == 200
    assert TITLE not in answer.text
    assert "Where this is heading" in answer.text


@pytest.mark.parametrize("body", ["", "{", "[]", "7", "null", '"text"'])
def test_a_body_that_is_no_object_is_as_a_row_that_is_gone(desk: Made, client: Client, body: str) -> None:
    desk.arrives(household(outcomes=outcomes()))
    desk.arrives({**household(), "body": body})
    desk.arrives(alert())
    sign_in(client)
    answer = client.get(PAGE)
    assert answer.status_code == 200
    assert TITLE not in answer.text
    assert "Where this is heading" not in answer.text


def test_an_outcome_that_the_desk_has_no_words_for_is_text(desk: Made, client: Client) -> None:
    desk.arrives(household(outcomes=[{**outcomes()[0], "outcome": "<b>new</b>_kind"}]))
    desk.arrives(alert())
    sign_in(client)
    page = client.get(PAGE).text
    assert "<b>new" not in page.lower()
    assert lines(page)[0][0] == "<b>new</b> kind"


def test_a_closed_alert_and_another_household_suggest_nothing(desk: Made, client: Client) -> None:
    desk.arrives(household("other", outcomes=outcomes()))
    desk.arrives(alert())
    sign_in(client)
    assert TITLE not in client.get(PAGE).text
    desk.arrives(household(outcomes=outcomes()))
    assert TITLE in client.get(PAGE).text
    desk.arrives(alert(state="cleared", version=2))
    assert TITLE not in client.get(PAGE).text


def test_with_a_feed_behind_it_is_called_a_lower_bound_once(desk: Made, client: Client) -> None:
    behind = [{"agency": "police", "behind_s": 3 * 3600}]
    desk.arrives(alert())
    sign_in(client)
    for heading, fields in ((True, {}), (False, {"trajectory": None})):
        desk.arrives(household(outcomes=outcomes(), behind=behind, **fields))
        page = client.get(PAGE).text
        assert TITLE in page
        assert ("Where this is heading" in page) == heading
        assert page.count("Northmere Police: nothing new for 3 hours") == 1


def test_of_too_many_households_those_that_score_lowest_go_first(desk: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "HOUSEHOLDS_MAX", 4)
    for number in range(4):
        desk.arrives(household(f"high-{number}", score_ppm=300_000 + number))
    for number in range(4):
        desk.arrives(household(f"low-{number}", score_ppm=20_000 + number))
    kept = desk.redis.hkeys(keys("council", OWN).households)
    assert sorted(kept) == [f"high-{number}".encode() for number in range(4)]
