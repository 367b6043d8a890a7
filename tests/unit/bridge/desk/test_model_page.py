"""How good the models were: what the page says of what the platform tells, and to whom."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest

from bridge.desk import words
from bridge.desk.app import HEADERS
from bridge.desk.figures import NOT_YET, UNREADABLE, UNSAID, WITHHELD
from tests.unit.bridge.desk.support import Client, Made, figures, judged, measures, population, sign_in

NONE = {name: None for name in measures()}


def page_of(client: Client) -> str:
    answer = client.get("/model")
    assert answer.status_code == 200
    return answer.text


def text_of(client: Client) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page_of(client))))


def table(page: str, labelled: str) -> list[list[str]]:
    """Cells of one table, a line each, the head left out."""
    found = re.search(rf'<table[^>]*aria-labelledby="{labelled}".*?</table>', page, re.S)
    assert found, labelled
    rows = re.findall(r"<tr.*?</tr>", found[0], re.S)[1:]
    return [[html.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)] for row in rows]


def group(name: str, n: int | None, positives: int | None, *of: int | None) -> dict[str, Any]:
    auc, observed_expected, precision = of or (None, None, None)
    return {"group": name, "n": n, "positives": positives, "auc": auc, "observed_expected": observed_expected,
            "precision": precision}  # fmt: skip


@pytest.mark.parametrize("rung", range(5))
def test_every_user_of_a_team_reads_the_figures_beside_those_of_the_counting_rule(
    make: Callable[..., Made], rung: int
) -> None:
    made = make({"sam": rung})
    made.arrives(figures(judged()))
    with Client(made) as client:
        sign_in(client)
        answer = client.get("/model")
    assert table(answer.text, "target-1-cases-1") == [
        ["AUC", "0.812", "0.744"],
        ["Observed over expected", "1.04", "1.31"],
        ["Slope", "0.97", UNSAID],
        ["Log loss", "0.0512", "0.0605"],
    ]
    assert "Cases: 4,096. With the outcome: 131." in answer.text
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|<style|<form(?![^>]*sign-out)", answer.text)


def test_each_outcome_is_said_in_words_with_its_own_figures(desk: Made, client: Client) -> None:
    desk.arrives(figures(judged(), judged("early_help", horizon_days=90, line_ppm=0, stage="intercept")))
    sign_in(client)
    text = text_of(client)
    assert f"{words.OUTCOMES['need_or_plan']}, within 180 days" in text
    assert f"{words.OUTCOMES['early_help']}, within 90 days" in text
    assert text.count("The line was 12.0 %.") == text.count("It has no line.") == 1
    assert "Published today 15:00, version 7: learned here." in text
    assert "base rate learned here, weights as they began" in text


def test_events_and_ticks_stand_apart(desk: Made, client: Client) -> None:
    ticks = population(n=900, positives=20, model=measures(auc=701_000))
    desk.arrives(figures(judged(ticks=ticks)))
    sign_in(client)
    page = page_of(client)
    assert table(page, "target-1-cases-1")[0] == ["AUC", "0.812", "0.744"]
    assert table(page, "target-1-cases-2")[0] == ["AUC", "0.701", "0.744"]
    assert page.index("Cases: 4,096.") < page.index("Cases: 900. With the outcome: 20.")


def test_a_withheld_population_is_withheld_and_an_empty_one_is_not(desk: Made, client: Client) -> None:
    held = population(n=None, positives=None, model=NONE, challenger=NONE, acted=None)
    empty = population(n=0, positives=0, model=NONE, challenger=NONE)
    desk.arrives(figures(judged(events=held, ticks=empty)))
    sign_in(client)
    page = page_of(client)
    assert "Cases: withheld. With the outcome: withheld." in page
    assert {cell for line in table(page, "target-1-cases-1") for cell in line[1:]} == {WITHHELD}
    assert "Cases: 0. With the outcome: 0." in page
    assert {cell for line in table(page, "target-1-cases-2") for cell in line[1:]} == {UNSAID}
    assert table(page, "target-1-acted") == [["At events", *[WITHHELD] * 3], ["At ticks", "0", "0", "0.0"]]


def test_withheld_cells_of_groups_say_so(desk: Made, client: Client) -> None:
    groups = [
        group("", 40, 10, 800_000, 1_250_000, None),
        group("asian", None, 15),
        group("other", 25, None),
        group("roma", 30, 10),  # shown counts with too few of the other kind
        group("white_british", 3_900, 0, None, 0, 500_000),
    ]
    desk.arrives(figures(judged(events=population(groups=groups))))
    sign_in(client)
    page = page_of(client)
    assert table(page, "target-1-cases-1-groups") == [
        ["Not recorded", "40", "10", "0.800", "1.25", UNSAID],
        ["Asian", WITHHELD, "15", *[WITHHELD] * 3],
        ["Other", "25", *[WITHHELD] * 4],
        ["Roma", "30", "10", *[WITHHELD] * 3],
        ["White british", "3,900", "0", UNSAID, "0.00", "0.50"],
    ]
    assert "target-1-cases-2-groups" not in page


def test_cases_that_somebody_acted_on_are_counted_apart(desk: Made, client: Client) -> None:
    acted = {"n": 57, "positives": 12, "expected_ppm": 9_640_000}
    desk.arrives(figures(judged(events=population(acted=acted))))
    sign_in(client)
    page = page_of(client)
    assert table(page, "target-1-acted")[0] == ["At events", "57", "12", "9.6"]
    assert "in none of the figures above" in page


def test_drift_says_how_far_scores_are_from_the_first_weeks(desk: Made, client: Client) -> None:
    drift = {
        "n": 12_345, "psi": 83_000, "p99_ppm": [142_000, 118_000],
        "means": [[250_000, 310_000], [1, 2], [3, 4], [5, 6], [7_000_000, 8_000_000]],
    }  # fmt: skip
    desk.arrives(figures(judged(drift=drift), judged("re_referral")))
    sign_in(client)
    page = page_of(client)
    lines = table(page, "target-1-drift")
    assert lines[:2] == [
        ["Score that 1 in 100 households passes", "14.2 %", "11.8 %"],
        ["Mean of what police recorded", "0.25", "0.31"],
    ]
    assert lines[-1] == ["Mean of what housing recorded", "7.00", "8.00"]
    assert "Stability index of the scores of 12,345 households: 0.08." in page
    assert "target-2-drift" not in page


@pytest.mark.parametrize(("times", "review"), [(0, False), (1, False), (2, False), (3, True), (5, True)])
def test_a_review_is_asked_for_only_where_the_platform_asks(
    desk: Made, client: Client, times: int, review: bool
) -> None:
    desk.arrives(figures(judged(challenger_ahead=times, review=review)))
    sign_in(client)
    page = page_of(client)
    said = f"A review is asked for: in {times} publications in a row the counting rule"
    assert (said in page) == ("govuk-warning-text" in page) == review
    better = f"The counting rule was better in {times} publication{'s' if times > 1 else ''} in a row."
    assert (better in page) == (times > 0)


def test_what_was_said_last_replaces_what_was_said_before(desk: Made, client: Client) -> None:
    desk.arrives(figures(judged(version=7), judged("early_help")))
    desk.arrives(figures(judged(version=8)))
    sign_in(client)
    text = text_of(client)
    assert "version 8" in text
    assert "version 7" not in text
    assert words.OUTCOMES["early_help"] not in text


def test_the_page_is_linked_and_says_when_nothing_has_been_told(desk: Made, client: Client) -> None:
    sign_in(client)
    assert 'href="/model"' in client.get("/insights").text
    assert NOT_YET in page_of(client)
    assert '<a class="desk-nav__link" href="/insights" aria-current="page">' in page_of(client)
    desk.arrives(figures())
    assert NOT_YET in page_of(client)


@pytest.mark.parametrize(
    "row",
    [
        figures(None),
        figures({}),
        figures(judged(events=None)),
        figures(judged(ticks=population(n=-1))),
        figures(judged(ticks=population(model=[]))),
        figures(judged(made_at=10**18)),
        figures(judged(outcome=7)),
        figures(judged(), judged(review="yes")),
        figures(judged(drift={"n": 1, "psi": 1, "p99_ppm": [1], "means": []})),
        figures(targets=5),
        {**figures(), "body": "{}"},
    ],
)
def test_figures_of_another_form_are_not_shown_and_the_page_stands(
    desk: Made, client: Client, row: dict[str, Any]
) -> None:
    desk.arrives(figures(judged()))
    desk.arrives(row)
    sign_in(client)
    page = page_of(client)
    assert UNREADABLE in page
    assert "<table" not in page


@pytest.mark.parametrize("body", [None, "", "[", "[]", "7"])
def test_a_body_that_is_no_object_leaves_what_was_said_before(desk: Made, client: Client, body: str | None) -> None:
    desk.arrives(figures(judged()))
    desk.arrives({**figures(), "body": body})
    sign_in(client)
    assert "Cases: 4,096." in page_of(client)


def test_codes_with_markup_stay_text(desk: Made, client: Client) -> None:
    bold = "<b>new</b>"
    events = population(groups=[group(bold, 40, 10, 1, 1, 1)])
    desk.arrives(figures(judged(bold, stage=bold, events=events)))
    sign_in(client)
    assert "<b>" not in page_of(client)
    assert page_of(client).count("&lt;b&gt;new") == 3


def test_the_page_needs_a_session_and_no_team_for_it_is_about_nobody(desk: Made, client: Client) -> None:
    desk.arrives(figures(judged()))
    assert client.get("/model").status_code == 303
    sign_in(client, "tess")
    assert client.get("/model").status_code == 200
