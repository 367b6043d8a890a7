"""Governance sees how the desk is used and reviews what was looked at in an emergency; nobody else sees that page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.desk.access import bases
from bridge.desk.accounts import Account
from bridge.desk.audit import Audit, Break, newest, verify
from bridge.desk.exchange.room import BY_ITSELF
from tests.unit.bridge.desk.support import _HASH, ANN, HOUR_MS, NOW, Client, Made, alert, sign_in, token
from tests.unit.bridge.desk.surface import fill

WHY = "The child is at the address now with the alleged offender."


@pytest.fixture
def made(make: Callable[..., Made]) -> Made:
    return make({"sam": 4}, more=[Account("u-gale", "gale", "Gale Governance", _HASH, (), ("governance",), ())])


@pytest.fixture
def gale(made: Made) -> Client:
    client = Client(made)
    sign_in(client, "gale")
    return client


def test_a_lead_without_a_team_begins_at_governance_and_reads_no_child(made: Made, gale: Client) -> None:
    made.arrives(alert())
    assert gale.get("/").headers["location"] == "/governance"
    page = gale.get("/governance").text
    assert "Everything to rung 4" in page
    assert "Assigned to Sam Duty and Tess Tenancy" in page
    assert "Encoded identities" in page
    assert "The chain of the audit holds" in page
    for path in ("/inbox/mash", "/alerts/" + "a1" * 16, f"/basis/record/{ANN.hex()}"):
        assert gale.get(path).status_code == 404
    assert not made.people.asked
    gale.__exit__()


def test_nobody_else_sees_it_nor_learns_that_it_is_there(made: Made) -> None:
    with Client(made) as sam:
        sign_in(sam)
        never = sam.get("/never")
        for path in ("/governance", "/governance/log"):
            assert (sam.get(path).status_code, sam.get(path).text) == (404, never.text)
        form = token(sam.get("/inbox/mash").text)
        assert sam.post("/governance/glasses/0", data={"csrf": form, "finding": "justified"}).status_code == 404
        assert "Governance" not in sam.get("/inbox/mash").text


def test_an_emergency_is_reviewed_once_by_another_and_overdue_is_said(made: Made, gale: Client) -> None:
    glass = made.desk.records.append(
        "break_glass", (f"record:{ANN.hex()}",), "u-sam", bases.plain(bases.glass(WHY, NOW))
    )
    page = gale.get("/governance").text
    assert WHY in page
    assert "Review due 27 November 2025" in page
    made.wall += 96 * HOUR_MS
    sign_in(gale, "gale")
    assert "Review was due 27 November 2025" in gale.get("/governance").text
    form = token(gale.get("/governance").text)
    send = {"csrf": form, "finding": "training", "note": "Call first."}
    assert gale.post("/governance/glasses/" + "0" * 16, data=send).status_code == 404
    assert gale.post(f"/governance/glasses/{glass.id}", data={**send, "finding": "odd"}).status_code == 303
    assert not made.desk.records.of(bases.REVIEW)
    assert gale.post(f"/governance/glasses/{glass.id}", data=send).status_code == 303
    page = gale.get("/governance").text
    assert "Justified, with something to learn" in page
    assert "was due" not in page
    assert "Call first" not in made.config.audit.read_text()
    own = made.desk.records.append("break_glass", ("record:aa",), "u-gale", bases.plain(bases.glass(WHY, NOW)))
    assert gale.post(f"/governance/glasses/{own.id}", data=send).status_code == 404, "nobody reviews themselves"
    gale.__exit__()


def test_consents_being_sought_are_shown_until_they_are_decided(made: Made, gale: Client) -> None:
    sought = {"state": "sought", "purpose": "safeguarding", "agencies": ["police"], "owner": "u-sam",
              "due_at": NOW + HOUR_MS}  # fmt: skip
    made.desk.records.append("consent", ("record:aa",), "u-sam", bases.plain(bases.consent(sought, NOW)))
    assert "being sought, sought by Sam Duty" in gale.get("/governance").text
    refused = {**sought, "state": "refused", "owner": ""}
    made.desk.records.append("consent", ("record:aa",), "u-sam", bases.plain(bases.consent(refused, NOW)))
    assert "sought by Sam Duty" not in gale.get("/governance").text
    gale.__exit__()


def test_a_determination_waits_for_a_second_person_until_one_has_agreed(made: Made, gale: Client) -> None:
    body = {"why": WHY, "agencies": ["police"], "author": "u-sam", "until_at": NOW + 24 * HOUR_MS}
    draft = made.desk.records.append("determination_draft", ("record:aa",), "u-sam", body)
    assert "waits for a second person" in gale.get("/governance").text
    agreed = {**body, "draft": draft.id, "reviewed_by": "u-alex"}
    made.desk.records.append("determination", ("record:aa",), "u-alex", agreed)
    page = gale.get("/governance").text
    assert WHY in page
    assert "waits for a second person" not in page
    gale.__exit__()


def said(page: str) -> str:
    """The words of a page, without its marks."""
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page))


def test_requests_between_agencies_are_listed_with_who_decided_and_not_about_whom(made: Made) -> None:
    fill(made)
    gale = Client(made)
    sign_in(gale, "gale")
    page = gale.get("/governance").text
    asked = said(page[page.index('id="asked"') : page.index('id="protocols"')])
    assert "Northmere Police Who this is, to know who the child is; basis claimed: a duty to share Open" in asked
    assert "nobody yet" in asked
    assert "Sam Duty" in asked
    assert ANN.hex() not in page
    (row,) = made.desk.exchange.holder.recent(9)
    made.desk.exchange.holder.refuse(row.request_id, "u-sam", "no_basis")
    assert "Refused Sam Duty" in said(gale.get("/governance").text)
    gale.__exit__()


def test_the_access_log_is_read_newest_first_and_its_reading_is_in_it(made: Made, gale: Client) -> None:
    for number in range(250):
        made.audit.record("u-sam" if number % 2 else "u-kit", "alert", (f"subject-{number}",), team="mash")
    page = gale.get("/governance/log?user=u-kit").text
    assert page.count("Alert read") == 100
    assert page.index("subject-248") < page.index("subject-246")
    assert "subject-247" not in page
    older = page[page.index("/governance/log?before=") :].split('"')[0].replace("&amp;", "&")
    more = gale.get(older).text
    assert more.count("Alert read") == 25
    assert "Access log read" in gale.get("/governance/log").text
    assert "subject-7<" in gale.get("/governance/log?subject=subject-7").text
    gale.__exit__()


def test_the_access_log_tells_what_the_desk_did_by_itself_from_somebody_who_has_left(
    made: Made, gale: Client
) -> None:
    made.audit.record(BY_ITSELF, "received", ("a-request",), agency="police")
    made.audit.record("u-gone", "alert", ("an-alert",), team="mash")
    for subject, name in (("a-request", "The desk, by itself"), ("an-alert", "somebody who has left")):
        page = gale.get(f"/governance/log?subject={subject}").text
        assert re.findall("The desk, by itself|somebody who has left", page) == [name]
    gale.__exit__()


def test_pages_from_the_end_are_the_file_backwards_whatever_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = Audit(tmp_path / "a.jsonl", lambda: NOW)
    for number in range(57):
        audit.record("u", "x" * (1 + number * 7 % 50), (str(number),))
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    for block in (1, 7, 64, 10_000):
        monkeypatch.setattr("bridge.desk.audit.BLOCK_BYTES", block)
        found, before = [], 0
        while True:
            page = newest(tmp_path / "a.jsonl", lambda _: True, 5, before)
            found += page.entries
            before = page.before
            if not before:
                break
        assert found == lines[::-1], block


def test_the_desk_walks_its_chain_on_and_finds_what_was_changed_since(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    audit = Audit(path, lambda: NOW)
    for number in range(5):
        audit.record("u", "alert", (str(number),))
    assert audit.broken() is None
    audit.record("u", "alert", ("late",))
    path.write_text(path.read_text().replace('"late"', '"lake"'))
    assert audit.broken() == verify(path) == Break(6, "was changed")
