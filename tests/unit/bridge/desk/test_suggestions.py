"""What the page of suggested links shows, to whom, and what a decision becomes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from bridge.desk import writer
from bridge.desk.app import HEADERS
from bridge.desk.audit import AuditDown, entries
from bridge.desk.rungs import SUGGESTION_FIELDS
from tests.unit.bridge.desk.support import ANN, CAT, Client, Made, alert, links, sign_in, suggestion, token

ID = "c4" * 16


def decide(client: Client, **form: str) -> Any:
    page = client.get("/suggestions")
    fields = {"csrf": token(page.text), "decision": "same", "reason": "asked_agency", **form}
    return client.post(f"/suggestions/{ID}", data=fields)


def test_a_suggestion_is_shown_with_our_name_their_agency_and_how_it_compares(desk: Made, client: Client) -> None:
    desk.arrives(suggestion())
    sign_in(client)
    answer = client.get("/suggestions")
    for words in (
        "Annabel Quillfeather", "born 3 May 2019", "your reference C-1001", "Northmere Police", "01632 960111",
        "Strong: about 91 in 100", "most likely of one household", "given name, surname: same",
        "birth date: a slip apart", "NHS number: different", "postcode: missing", "Same person",
    ):  # fmt: skip
        assert words in answer.text
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "Suggested links (1)" in client.get("/inbox/mash").text
    places = re.findall(r'<title>.*?</title>|(?:href|action|src|id)="[^"]*"', answer.text)
    assert not [place for place in places if "quillfeather" in place.lower()]
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|<style", answer.text)


@pytest.mark.parametrize("rung", range(5))
def test_the_page_shows_no_field_above_the_rung(make: Callable[..., Made], rung: int) -> None:
    made = make({"sam": rung})
    made.arrives(suggestion(why="split_by_average"))
    allowed = {name for names in SUGGESTION_FIELDS[: rung + 1] for name in names}
    shows = {
        "suggestion_id": "c4c4c4c4", "agencies": "Northmere Police", "link_milli": "about 91 in 100",
        "why": "agree less", "rival": "of one household", "evidence": "birth date", "records": "Quillfeather",
    }  # fmt: skip
    with Client(made) as client:
        sign_in(client)
        page = client.get("/suggestions").text
        for field, text in shows.items():
            assert (text in page) == (field in allowed), field
        assert ("How do you know?" in page) == (rung == 4)
        form = {"csrf": token(page), "decision": "same", "reason": "asked_agency"}
        none = client.post(f"/suggestions/{'0' * 32}", data=form)
        answer = client.post(f"/suggestions/{ID}", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/suggestions")
        assert answer.headers == none.headers, "one that is not theirs to decide is as one that is not there"
    assert len(made.responder.sent) == (rung == 4)
    assert (ANN in made.people.asked) == (rung == 4)


def test_what_the_platform_cut_is_not_missed(make: Callable[..., Made]) -> None:
    made = make({"sam": 4})
    row = suggestion()
    made.arrives({**row, "body": f'{{"records": ["{CAT.hex()}"]}}'})
    with Client(made) as client:
        sign_in(client)
        page = client.get("/suggestions").text
    assert "Catriona Ormsby" in page
    assert "Compared" not in page


@pytest.mark.parametrize(("decision", "action"), [("same", "must_link"), ("different", "cannot_link")])
def test_a_decision_is_audited_with_its_reason_and_then_sent(
    desk: Made, client: Client, decision: str, action: str
) -> None:
    desk.arrives(suggestion())
    sign_in(client)
    for _ in range(2):
        page = client.get("/suggestions").text
        form = {"csrf": token(page), "decision": decision, "reason": "document"}
        assert client.post(f"/suggestions/{ID}", data=form).headers["location"] == "/suggestions"
    (sent,) = desk.responder.sent
    assert (sent["action"], sent["alert_id"], sent["records"], sent["team"]) == (action, ID, [], "mash")
    (line,) = [line for line in entries(desk.config.audit) if line["action"] == action]
    assert (line["user"], line["reason"], line["subjects"]) == ("u-sam", "document", [ID, ANN.hex()])
    assert "Nothing is suggested now" in client.get("/suggestions").text


def test_every_name_read_is_audited(desk: Made, client: Client) -> None:
    desk.arrives(suggestion())
    sign_in(client)
    client.get("/suggestions")
    (line,) = [line for line in entries(desk.config.audit) if line["action"] == "name_suggestions"]
    assert line["subjects"] == [ANN.hex()]


def test_without_reason_decision_or_form_nothing_is_sent(desk: Made, client: Client) -> None:
    desk.arrives(suggestion())
    sign_in(client)
    assert decide(client, reason="").status_code == 400
    assert decide(client, reason="because").status_code == 400
    assert decide(client, decision="maybe").status_code == 400
    assert decide(client, csrf="x" * 43).status_code == 403
    assert client.post("/suggestions/" + "0" * 32, data={"csrf": "x"}).status_code == 403
    assert desk.responder.sent == []


def test_a_decision_that_did_not_arrive_stays_to_be_made(desk: Made, client: Client) -> None:
    desk.arrives(suggestion())
    sign_in(client)
    desk.responder.fails = True
    answer = decide(client)
    assert answer.status_code == 503
    assert "It was not recorded" in answer.text
    assert "Annabel Quillfeather" in answer.text


def test_no_audit_no_decision(desk: Made, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.arrives(suggestion())
    sign_in(client)
    page = client.get("/suggestions").text

    def down(*_: object, **__: object) -> None:
        raise AuditDown("the disk is full")

    monkeypatch.setattr(type(desk.audit), "record", down)
    form = {"csrf": token(page), "decision": "same", "reason": "document"}
    assert client.post(f"/suggestions/{ID}", data=form).status_code == 503
    assert desk.responder.sent == []


def test_a_user_without_a_team_here_sees_none(desk: Made, client: Client) -> None:
    desk.arrives(suggestion())
    assert client.get("/suggestions").headers["location"] == "/sign-in"
    sign_in(client, "tess")
    assert client.get("/suggestions").status_code == 404
    assert client.post(f"/suggestions/{ID}", data={}).status_code == 404
    assert desk.people.asked == []


def test_the_strongest_come_first_and_the_weakest_go(
    desk: Made, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SUGGESTIONS_MAX", 3)
    for number, link in enumerate((2_500, 4_100, 2_100, 3_000)):
        desk.arrives(suggestion(f"{number}" * 32, link_milli=link))
    sign_in(client)
    page = client.get("/suggestions").text
    assert re.findall(r'id="suggestion-(\d)', page) == ["1", "3", "0"]


@pytest.mark.parametrize("rung", range(5))
def test_an_alert_says_why_its_records_are_one_person(make: Callable[..., Made], rung: int) -> None:
    made = make({"sam": rung})
    made.arrives(links())
    made.arrives(links("other", agencies=["schools", "police"]))
    made.arrives(alert(records=[ANN]))
    with Client(made) as client:
        sign_in(client)
        page = client.get("/alerts/" + "a1" * 16).text
    assert ("Why these records are one person" in page) == (rung >= 3)
    assert ("Northmere Children&#39;s Services and Northmere Police" in page) == (rung >= 3)
    assert ("given name: same; street: missing." in page) == (rung >= 3)
    assert ("A person decided so." in page) == (rung >= 3)
    assert ("Catriona Ormsby" in page) == (rung == 4)
    assert (CAT in made.people.asked) == (rung == 4)
    assert "Northmere Schools and" not in page


def test_a_household_that_is_gone_explains_nothing(desk: Made, client: Client) -> None:
    desk.arrives(links())
    desk.arrives({**links(), "body": None})
    desk.arrives(alert())
    sign_in(client)
    assert "Why these records" not in client.get("/alerts/" + "a1" * 16).text
