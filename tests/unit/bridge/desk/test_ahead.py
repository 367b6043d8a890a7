"""Where a household is heading and what work is coming: shown to whom, in which words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from bridge.desk.app import HEADERS
from bridge.desk.inbox import OWN, keys
from tests.unit.bridge.desk.support import Client, Made, alert, demand, household, sign_in

PAGE = "/alerts/" + "a1" * 16


@pytest.mark.parametrize("rung", range(5))
def test_an_alert_says_where_the_household_is_heading_from_the_summary_up(
    make: Callable[..., Made], rung: int
) -> None:
    made = make({"sam": rung})
    made.arrives(household())
    made.arrives(alert())
    with Client(made) as client:
        sign_in(client)
        answer = client.get(PAGE)
    for words in ("Where this is heading", "If nothing new is recorded", "15.0 %",
                  "8 in 10 households end up between 8.0 % and 41.2 %"):  # fmt: skip
        assert (words in answer.text) == (rung >= 3), words
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|<style", answer.text)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_every_number_of_the_picture_is_in_a_table(desk: Made, client: Client) -> None:
    desk.arrives(household())
    desk.arrives(alert())
    sign_in(client)
    table = re.search(r'<table[^>]*aria-labelledby="ahead".*?</table>', client.get(PAGE).text, re.S)
    assert table
    text = re.sub(r"<svg.*?</svg>", "", table[0], flags=re.S)
    for number in (15.0, 6.1, 0.9, 18.0, 9.0, 3.1, 8.0, 1.2, 0.2, 41.2, 30.3, 12.7):
        assert f"{number:.1f} %" in text
    assert 'aria-hidden="true"' in table[0]


@pytest.mark.parametrize("last", [{**household(), "body": None}, {**household(), "body": '{"records": []}'}])
def test_a_household_that_is_gone_or_fell_is_heading_nowhere(
    desk: Made, client: Client, last: dict[str, Any]
) -> None:
    desk.arrives(household())
    desk.arrives(last)
    desk.arrives(alert())
    sign_in(client)
    assert "Where this is heading" not in client.get(PAGE).text


@pytest.mark.parametrize("rung", range(5))
def test_with_a_feed_behind_what_is_ahead_is_called_a_lower_bound(make: Callable[..., Made], rung: int) -> None:
    made = make({"sam": rung})
    made.arrives(household(behind=[{"agency": "police", "behind_s": 3 * 3600}]))
    made.arrives(alert())
    with Client(made) as client:
        sign_in(client)
        page = client.get(PAGE).text
        assert ("Lower bound." in page) == ("Northmere Police: nothing new for 3 hours" in page) == (rung >= 3)
        made.arrives(household())
        assert "Lower bound" not in client.get(PAGE).text


@pytest.mark.parametrize("rung", range(5))
def test_with_a_feed_behind_the_score_is_called_a_lower_bound_with_the_age(
    make: Callable[..., Made], rung: int
) -> None:
    made = make({"sam": rung})
    made.arrives(alert(behind=[{"agency": "police", "behind_s": 2 * 86_400}]))
    with Client(made) as client:
        sign_in(client)
        page, rows = client.get(PAGE).text, client.get("/inbox/mash").text
    said = "Northmere Police: nothing new for 2 days"
    assert ("This is a lower bound: something may be missing. " + said in page) == (rung >= 1)
    assert ("<strong>Lower bound.</strong> " + said in rows) == (rung >= 1)


def test_a_closed_alert_says_nothing_of_what_is_ahead(desk: Made, client: Client) -> None:
    desk.arrives(household())
    desk.arrives(alert(state="cleared"))
    sign_in(client)
    assert "Where this is heading" not in client.get(PAGE).text


def test_another_household_is_not_mistaken_for_it(desk: Made, client: Client) -> None:
    desk.arrives(household("other"))
    desk.arrives(alert())
    sign_in(client)
    assert "Where this is heading" not in client.get(PAGE).text


def test_demand_is_shown_by_team_and_what_is_withheld_says_so(desk: Made, client: Client) -> None:
    sign_in(client)
    assert "Nothing has been published yet" in client.get("/demand").text
    desk.arrives(demand())
    page = client.get("/demand")
    assert page.text.count("45 (35 to 55)") == 6
    desk.arrives(demand(last={"expected": 45, "low": None, "high": None}))
    assert client.get("/demand").text.count("45 (too early for a range)") == 2
    assert client.get("/demand").text.count("45 (35 to 55)") == 4
    assert page.text.count("too few to show") == 6
    for words in ("New episodes of need or plan", "Alerts raised", "next 12 weeks", "All teams"):
        assert words in page.text
    assert 'href="/demand"' in client.get("/insights").text
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|<style", page.text)


def test_demand_needs_a_session(desk: Made, client: Client) -> None:
    desk.arrives(demand())
    answer = client.get("/demand", follow_redirects=False)
    assert answer.status_code == 303
    assert "45" not in answer.text


def test_keys_of_views_are_the_agencys_and_no_teams() -> None:
    assert keys("council", OWN).households != keys("council", "mash").households
