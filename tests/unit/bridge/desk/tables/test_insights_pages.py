"""The published tables as pages: everything in words, nothing more than was published, and households by the rungs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import pytest

from bridge.desk.app import HEADERS
from bridge.desk.tables import households
from bridge.desk.tables.shown import FORMS, UNREADABLE, WITHHELD, Bar, table
from schemas.profile import LEVELS
from tests.unit.bridge.desk.support import (
    ANN,
    BEN,
    CAT,
    PEOPLE,
    Client,
    Made,
    household,
    insight,
    profile,
    sign_in,
)

LIST = "/insights/households?level=plan"


def body(name: str, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(insight(name, **fields)["body"])
    return made


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def test_every_cell_is_in_words_and_a_withheld_one_says_so(desk: Made) -> None:
    caseload = table("caseload", body("caseload"), desk.config)
    assert caseload.head == ("Known to", "No plan", "Early help", "In need", "Protection plan", "Looked after", "All")
    assert caseload.lines == (
        ("Police", "1,495", "40", "25", "10", "15", "1,585"),
        ("Social care", "300", "120", "90", WITHHELD, "30", WITHHELD),
    )
    flows = table("flows", body("flows"), desk.config)
    assert flows.lines == (("No plan", "not shown", "10"), ("Protection plan", WITHHELD, "not shown"))
    alerts = table("alerts", body("alerts"), desk.config)
    assert alerts.lines == (
        ("Front door", "105", "45", "20", "10", "67 %", "2 hours"),
        ("All teams", "115", WITHHELD, WITHHELD, "10", "cannot be said", "cannot be said"),
    )
    links = table("links", body("links"), desk.config)
    assert links.lines == (
        ("A1", "435", "0", "10", "0", "0.1 %", "1.9 %"),
        ("All groups", WITHHELD, "0", "10", "0", "cannot be said", "2.0 %"),
    )


def test_the_picture_draws_what_the_table_shows_on_one_scale_and_a_withheld_count_not_at_all(desk: Made) -> None:
    caseload = table("caseload", body("caseload"), desk.config)
    assert caseload.legend == ("Early help", "In need", "Protection plan", "Looked after")
    assert caseload.bars == (
        Bar("Police", ((0, 0, 166), (1, 166, 104), (2, 270, 41), (3, 311, 62))),
        Bar("Social care", ((0, 0, 500), (1, 500, 375), (3, 875, 125))),
    )
    nothing = table("alerts", body("alerts", rows=[]), desk.config)
    assert nothing.bars == nothing.legend == ()


@pytest.mark.parametrize("name", FORMS)
def test_a_table_that_has_not_come_or_has_another_form_says_so(desk: Made, name: str) -> None:
    assert table(name, None, desk.config).problem == "Nothing has been published yet."
    for broken in ({"rows": "none"}, {"published_at": "Monday"}, {"rows": [{"cells": {"plan": -1}}]}):
        assert table(name, body(name, **broken), desk.config).problem == UNREADABLE


@pytest.mark.parametrize("rung", range(5))
def test_every_user_of_a_team_reads_the_whole_list(make: Callable[..., Made], rung: int) -> None:
    made = make({"sam": rung})
    for name in FORMS:
        made.arrives(insight(name))
    with Client(made) as client:
        sign_in(client)
        answer = client.get("/insights")
    text = text_of(answer.text)
    for name in FORMS:
        assert f"The {name}" in text
    assert text.count("Published 24 November 2025.") == text.count("Withheld: counts of 1 to 7.") == len(FORMS)
    assert 'href="/demand"' in answer.text
    assert 'href="/model"' in answer.text
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|<style|<form(?![^>]*sign-out)", answer.text)


def test_nobody_reads_without_a_session_and_a_user_without_a_team_here_reads_the_tables(
    desk: Made, client: Client
) -> None:
    for page in ("/insights", LIST):
        assert client.get(page).headers["location"] == "/sign-in"
    sign_in(client, "tess")
    assert client.get("/insights").status_code == 200


def own(desk: Made) -> None:
    """Three households: two with a child on a plan, of which one scores higher, one without; and a stranger's."""
    for number, (record, score, statuses) in enumerate(
        ((ANN, 90_000, ("protection_plan",)), (BEN, 310_000, ("in_need", "protection_plan")), (CAT, 500_000, ()))
    ):
        factors = [{"family": "violence", "weight_milli": 9, "agency_kind": "police", "age_days": 2}]
        desk.arrives(household(f"{number}" * 8, records=[record.hex()], score_ppm=score, factors=factors))
        desk.people.profiles[record] = profile(record, *statuses)
    desk.arrives(household("9" * 8, records=[], score_ppm=900_000))


@pytest.fixture
def behind(make: Callable[..., Made]) -> Iterator[Callable[[int], Any]]:
    made = make({f"r{rung}": rung for rung in range(5)})
    own(made)
    with Client(made) as client:

        def ask(rung: int, level: str = "plan") -> Any:
            sign_in(client, f"r{rung}")
            return client.get(f"/insights/households?level={level}")

        ask.made = made  # type: ignore[attr-defined]
        yield ask


def test_own_households_of_a_level_are_listed_with_the_highest_score_first(behind: Callable[..., Any]) -> None:
    answer = behind(4)
    text = text_of(answer.text)
    assert text.index("Benedict Ivo Quillfeather") < text.index("Annabel Quillfeather")
    assert "Catriona" not in text
    assert re.findall(r'href="/households/(\d+)"', answer.text) == ["1" * 8, "0" * 8]
    assert "Violence or domestic abuse" in text
    assert "Catriona Ormsby" in text_of(behind(4, "none").text)


@pytest.mark.parametrize("rung", range(4))
def test_below_the_record_no_household_is_listed_and_no_name_read(behind: Callable[..., Any], rung: int) -> None:
    answer = behind(rung)
    assert answer.status_code == 200
    assert "None that you may see." in text_of(answer.text)
    assert "/households/" not in answer.text.replace("/insights/households", "")
    assert behind.made.people.asked == []  # type: ignore[attr-defined]


def test_where_the_score_does_not_reach_neither_it_nor_its_order_shows(make: Callable[..., Made]) -> None:
    only_ours = {"id": "rung-own", "title": "Our own", "purpose": "safeguarding", "legal_basis": "test",
                 "agencies": ["council"], "rung": 4}  # fmt: skip
    made = make({"own": 4}, protocols=[only_ours])
    accounts = json.loads(made.config.accounts.read_text())
    accounts["accounts"][0]["protocols"] = ["rung-own", "rung-1"]
    made.config.accounts.write_text(json.dumps(accounts))
    own(made)
    with Client(made) as client:
        sign_in(client, "own")
        page = client.get(LIST).text
    assert re.findall(r'href="/households/(\d+)"', page) == ["0" * 8, "1" * 8], "by id, not by score"
    text = text_of(page)
    assert "Annabel Quillfeather" in text
    assert "Score" not in text
    assert "Violence" not in text


def test_the_look_and_each_name_are_in_the_audit_before_they_are_shown(behind: Callable[..., Any]) -> None:
    behind(4)
    made = behind.made  # type: ignore[attr-defined]
    kept = [json.loads(line) for line in made.config.audit.read_text().splitlines()]
    said = json.dumps(kept)
    looked = [place for place, line in enumerate(kept) if '"households"' in json.dumps(line)]
    named = [place for place, line in enumerate(kept) if '"name_households"' in json.dumps(line)]
    assert looked
    assert named
    assert looked[0] < named[0]
    assert "1" * 8 in json.dumps(kept[looked[0]])
    assert BEN.hex() in json.dumps(kept[named[0]])
    assert not any(person["surname"] in said for person in PEOPLE.values())


def test_an_unknown_level_is_not_found_and_a_list_is_bounded(
    behind: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for level in ("", "alarming", "plan'--", *(name.upper() for name in LEVELS)):
        assert behind(4, level).status_code == 404
    monkeypatch.setattr(households, "LISTED_MAX", 1)
    assert re.findall(r'href="/households/(\d+)"', behind(4).text) == ["1" * 8]
