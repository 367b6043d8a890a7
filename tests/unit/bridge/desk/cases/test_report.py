"""The subject report: who may make it, what it tells, what somebody decides about first; one pass over the audit."""

from __future__ import annotations

import json
import re
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.desk.access import bases
from bridge.desk.accounts import Account
from bridge.desk.audit import Audit, mentions
from bridge.desk.cases import shares as lines
from tests.unit.bridge.desk.support import (
    _HASH,
    ANN,
    BEN,
    NOW,
    Client,
    Made,
    alert,
    event,
    household,
    profile,
    sign_in,
)

PAGE = f"/report/{ANN.hex()}"
SOL = Account("u-sol", "sol", "Sol Super", _HASH, ("mash",), ("supervisor",), ("rung-4",))
LOW = Account("u-low", "low", "Lou Low", _HASH, ("mash",), ("supervisor",), ("rung-1",))
MID = Account("u-mid", "mid", "Mo Mid", _HASH, ("mash",), ("supervisor",), ("rung-3",))
OUT = Account("u-out", "out", "Oda Out", _HASH, ("duty-east",), ("supervisor",), ("rung-4",))
GALE = Account("u-gale", "gale", "Gale Gov", _HASH, (), ("governance",), ())
WHY = "The father said he would hurt her if he was asked"


@pytest.fixture
def made(make: Callable[..., Made]) -> Made:
    made = make(more=[SOL, LOW, MID, OUT, GALE])
    made.people.profiles[ANN] = profile(ANN)
    made.people.events[ANN] = [event("referral", 3, texts=["A TEXT OF OURS"]), event("referral", 30)]
    made.arrives(household(records=[ANN.hex()]))
    made.arrives(alert(records=[ANN]))
    about = (f"record:{ANN.hex()}",)
    for kind, body in (
        (bases.CONSENT, {"state": "given", "agencies": ["police"], "until_at": NOW + 1, "note": "NOTE OF CONSENT"}),
        (bases.DUTY, {"duty": "ca1989-s47", "agencies": ["*"], "why": WHY, "until_at": NOW + 1}),
        (bases.DETERMINATION, {"agencies": ["police"], "why": WHY, "until_at": NOW + 1}),
        (bases.GLASS, {"why": WHY, "until_at": NOW + 1}),
    ):
        made.desk.records.append(kind, about, "u-sam", body)
    return made


@pytest.fixture
def browser(made: Made) -> Iterator[Client]:
    with Client(made) as client:
        yield client


def test_it_tells_who_read_what_when_and_on_which_basis(made: Made, browser: Client) -> None:
    sign_in(browser, "sam")
    for path in (f"/people/{ANN.hex()}", "/alerts/" + "a1" * 16, "/summary/f00d", "/summary/f00d", "/inbox/mash"):
        assert browser.get(path).status_code == 200
    sign_in(browser, "sol")
    page = browser.get(PAGE).text
    assert "What was shared about Annabel Quillfeather" in page
    for said in (
        "read the page of the person", "opened an alert about the household", "read the case summary, 2 times",
        "read the name", "Northmere Police: the record (Everything to rung 4; test)", "24 Nov 2025",
        "Front door was told of a pattern", "Consent was given", "about information of Northmere Police",
        "Children Act 1989, section 47", "Referral: 2, from 25 Oct 2025 to 21 Nov 2025", "Keyed encodings of name",
    ):  # fmt: skip
        assert said in page, said
    assert "Sam Duty" not in page, "staff are told by role and team"
    assert "A TEXT OF OURS" not in page
    assert WHY not in page
    assert "NOTE OF CONSENT" not in page


def test_making_a_report_adds_no_line_to_it(made: Made, browser: Client) -> None:
    sign_in(browser, "sol")
    shares = re.compile(r'id="shared".*?</section>', re.S)
    first = shares.findall(browser.get(PAGE).text)
    assert "Nobody has." in first[0]
    browser.get(f"{PAGE}/print")
    assert shares.findall(browser.get(PAGE).text) == first


def test_what_could_harm_is_decided_about_before_it_is_printed(made: Made, browser: Client) -> None:
    for action in ("determination_draft", "determination", "lift_draft", "lift"):
        made.audit.record("u-sam", action, (ANN.hex(),), team="mash", agencies="police")
    made.audit.record("u-sam", "disclose", (ANN.hex(),), to="police", kind="record", purpose="protect",
                      protocol="none", basis="determination")  # fmt: skip
    sign_in(browser, "sol")
    page, printed = browser.get(PAGE).text, browser.get(f"{PAGE}/print").text
    assert "It was determined that seeking consent would harm the child" in page
    assert "disclosed to Northmere Police: the record" in printed
    assert "looked at at once, in an emergency" in printed
    assert not re.search(r"determin|would harm|restriction", printed[printed.index("<main") :])
    assert "Contains personal data" in printed
    assert WHY not in page + printed


def test_what_agencies_asked_and_answered_is_told_with_its_purpose(made: Made, browser: Client) -> None:
    made.audit.record("u-sam", "ask", ("beef", "a1" * 16), team="mash", to="schools", kind="summary",
                      purpose="assess_need", basis="consent")  # fmt: skip
    made.audit.record("desk", "disclose", ("beef", ANN.hex()), to="police", kind="identity", purpose="identify",
                      protocol="gone", basis="duty")  # fmt: skip
    made.audit.record("u-sam", "something_new", (ANN.hex(),), team="mash")
    sign_in(browser, "sol")
    page = browser.get(PAGE).text
    for said in ("asked Northmere Schools for: a summary", "To assess need", "Consent",
                 "disclosed to Northmere Police: who this is", "A duty to share", "by a rule that two people signed",
                 "worked with the information"):  # fmt: skip
        assert said in page, said
    assert "something" not in page[page.index("<main") :]


def test_only_a_supervisor_who_may_see_and_governance_may_make_it(made: Made, browser: Client) -> None:
    for login, status, named in (("sam", 404, False), ("out", 404, False), ("low", 404, False), ("mid", 200, False),
                                 ("sol", 200, True), ("gale", 200, False)):  # fmt: skip
        made.people.asked.clear()
        sign_in(browser, login)
        for path in (PAGE, f"{PAGE}/print"):
            answer = browser.get(path)
            assert answer.status_code == status, (login, path)
            assert ("Quillfeather" in answer.text) == named, (login, path)
        assert (ANN in made.people.asked) == named
    missing = browser.get("/report/" + "0" * 8)
    assert (missing.status_code, missing.text) == (404, browser.get("/nowhere").text)


def test_a_report_is_bounded_and_counts_the_rest(
    made: Made, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(lines, "LINES_MAX", 3)
    for _ in range(10):
        made.audit.record("u-sam", "name_inbox", (ANN.hex(),), team="mash")
    sign_in(browser, "sol")
    page = browser.get(PAGE).text
    assert "read the name, 3 times" in page
    assert "7 older lines of the audit" in page


def test_lines_are_found_by_record_alert_and_household_and_by_no_likeness(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = Audit(path, lambda: NOW)
    said = [("a1",), ("b2", "c3"), (), ("d4a1",), ("c3",)]
    for subjects in said:
        audit.record("u", "read", subjects, household="f0" if not subjects else "")
    audit.record("u", "read", (), other="a1")
    audit.close()
    found = {one: [line["n"] for line in mentions(path, (one,))] for one in ("a1", "c3", "f0", "zz")}
    assert found == {"a1": [1], "c3": [2, 5], "f0": [3], "zz": []}
    assert [line["n"] for line in mentions(path, ("a1", "c3"))] == [1, 2, 5]
    assert list(mentions(path, ())) == []
    assert list(mentions(tmp_path / "none", ("a1",))) == []


def test_a_long_audit_is_never_held_in_memory(tmp_path: Path) -> None:
    path, line = tmp_path / "audit.jsonl", {"subjects": ["ffff" * 30], "action": "name_inbox", "user": "u" * 200}
    with path.open("w") as file:
        for number in range(40_000):
            file.write(json.dumps({**line, "n": number, "subjects": ["a1" if number == 39_999 else "b2"]}) + "\n")
    assert path.stat().st_size > 8_000_000
    tracemalloc.start()
    found = [one["n"] for one in mentions(path, ("a1",))]
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == [39_999]
    assert peak_bytes < 500_000


def test_an_entry_about_a_sibling_is_not_told(made: Made, browser: Client) -> None:
    made.desk.records.append(
        bases.CONSENT, (f"record:{BEN.hex()}",), "u-sam", {"state": "refused", "agencies": ["*"]}
    )
    made.audit.record("u-sam", "must_link", (BEN.hex(),), team="mash")
    sign_in(browser, "sol")
    page = browser.get(PAGE).text
    assert "refused" not in page
    assert "two records are one person" not in page
