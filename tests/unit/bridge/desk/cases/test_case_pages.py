"""A case over HTTP: what each rung and scope shows, and that nothing above it leaves by any page of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bridge.desk.accounts import Account
from bridge.desk.audit import AuditDown, entries
from bridge.desk.cases.history import SITTING_MS
from tests.unit.bridge.desk.support import (
    _HASH,
    ANN,
    BEN,
    CAT,
    HOUR_MS,
    NOW,
    Client,
    Made,
    alert,
    event,
    household,
    outcomes,
    presence,
    profile,
    sign_in,
)

HOME = "f00d"
OF_ALL = (f"/households/{HOME}", f"/people/{ANN.hex()}")
SUMMARIES = tuple(f"/summary/{who}{form}" for who in (HOME, ANN.hex()) for form in ("", "/print", "/export"))
SCOPES = {"all": "", "agency": "?scope=agency", "system": "?scope=system&system=carefile"}
STATUS = {"kind": "qq_status", "started_at": NOW - 90 * 24 * HOUR_MS, "ended_at": None}
FACTORS = [{"family": "xx_family", "weight_milli": 7770, "agency_kind": "police", "age_days": 4321}]

OWN_SHOWS = {"Zz team": 1, "Age 5-10": 2, "Qq status": 2, "Pp event": 3, "Ww family": 3, "A TEXT OF OURS": 4,
             "Quillfeather": 4, "C-1001": 4}  # fmt: skip
"""What is made of the own agency's information, by the rung from which it is shown."""
ALL_SHOWS = {"A pattern has crossed": 0, "01632 960111": 1, "Yy-hospital": 1, "Xx family": 2, "4321 days": 2,
             "On a child protection plan": 2, "+7.77": 3, "98.8 %": 3, "99/secret": 3, "41.2 %": 3, "96.6 %": 3,
             "Put on a child protection plan": 3}  # fmt: skip
"""What is made of other agencies' too: only where the scope is all of them."""


def family(made: Made, **fields: Any) -> None:
    """Two children of one household whose every field can be told from every other."""
    made.people.profiles[ANN] = profile(ANN, allocation="zz-team", statuses=[STATUS], **fields)
    made.people.profiles[BEN] = profile(BEN, allocation="zz-team")
    factors = [{"family": "ww_family", "severity": 1, "origin": "text"}]
    made.people.events[ANN] = [event("pp_event", texts=["A TEXT OF OURS"], factors=factors)]
    made.arrives(household(HOME, records=[ANN.hex(), BEN.hex()], factors=FACTORS, score_ppm=987_600,
                           model="99/secret", outcomes=outcomes()))  # fmt: skip
    made.arrives(alert(household=HOME, score_ppm=965_600, factors=FACTORS))
    made.arrives(presence(records=[ANN], presented_to="yy-hospital"))


def text_of(answer: Any) -> str:
    """What an answer says, without its frame."""
    if answer.headers["content-type"] == "application/json":
        return str(json.dumps(answer.json(), ensure_ascii=False))
    page = answer.text
    return page[page.index("<main") : page.index("</main>")]


@pytest.fixture
def told(make: Callable[..., Made]) -> Iterator[Callable[[int], tuple[Made, Client]]]:
    clients: list[Client] = []

    def open_at(rung: int) -> tuple[Made, Client]:
        made = make({"sam": rung})
        family(made)
        client = Client(made).__enter__()
        clients.append(client)
        sign_in(client)
        return made, client

    yield open_at
    for client in clients:
        client.__exit__()


@pytest.mark.parametrize("rung", range(5))
def test_no_page_of_a_case_shows_a_field_above_the_rung(
    told: Callable[[int], tuple[Made, Client]], rung: int
) -> None:
    made, client = told(rung)
    for path in (*OF_ALL, *(path for path in SUMMARIES)):
        text = text_of(client.get(path))
        for sentinel, least in {**OWN_SHOWS, **ALL_SHOWS}.items():
            if not (sentinel == "96.6 %" and rung >= 3):  # the alert's own score has a place of its own below
                assert (sentinel in text) == (rung >= least), (path, sentinel)
        assert ("96.6 %" in text) == (rung >= 3), path
    assert (ANN in made.people.asked) == (rung == 4), "no name is read where none is shown"


@pytest.mark.parametrize("rung", range(5))
@pytest.mark.parametrize("scope", ["agency", "system"])
def test_a_summary_of_own_records_holds_nothing_of_others(
    told: Callable[[int], tuple[Made, Client]], rung: int, scope: str
) -> None:
    _, client = told(rung)
    for path in SUMMARIES:
        answer = client.get(path + SCOPES[scope])
        text = text_of(answer)
        for sentinel, least in OWN_SHOWS.items():
            assert (sentinel in text) == (rung >= least), (path, sentinel)
        for sentinel in (*ALL_SHOWS, "96.6 %"):
            assert sentinel not in text, (path, sentinel)


def test_a_summary_of_one_system_leaves_the_others_out(desk: Made, client: Client) -> None:
    family(desk)
    desk.people.sources[BEN] = "youthfile"
    sign_in(client)
    page = client.get(f"/summary/{HOME}?scope=system&system=youthfile").text
    assert "Benedict" in page
    assert "Annabel" not in page
    for wrong in ("?scope=system", "?scope=system&system=none", "?scope=agency&system=carefile", "?scope=every"):
        assert client.get(f"/summary/{HOME}{wrong}").status_code == 404, wrong


def test_what_is_not_there_and_what_is_not_yours_are_one_answer(make: Callable[..., Made]) -> None:
    made = make({"sam": 4}, more=[Account("u-eve", "eve", "Eve East", _HASH, ("duty-east",), (), ("rung-4",))])
    family(made)
    with Client(made) as client:
        sign_in(client, "eve")
        missing = client.get("/households/0000")
        assert missing.status_code == 404
        for path in (*OF_ALL, *SUMMARIES, "/people/00", "/people/zz", f"/people/{CAT.hex()}", "/summary/zz",
                     f"/people/{ANN.hex().upper()}", "/summary/0000", "/children/mash", "/children/none",
                     f"/report/{ANN.hex()}", "/report/00"):  # fmt: skip
            answer = client.get(path)
            assert (answer.status_code, answer.text) == (404, missing.text), path
        assert made.people.asked == []


def test_an_allocated_child_has_a_page_without_any_alert(desk: Made, client: Client) -> None:
    desk.people.profiles[CAT] = profile(CAT, allocation="mash")
    sign_in(client)
    assert "Catriona Ormsby" in client.get(f"/people/{CAT.hex()}").text
    desk.people.profiles[CAT] = profile(CAT, allocation="another")
    assert client.get(f"/people/{CAT.hex()}").status_code == 404


FIRST = [
    {"id": "own", "title": "Own", "purpose": "safeguarding", "legal_basis": "law", "agencies": ["council"], "rung": 4},
    {"id": "screen", "title": "Screen", "purpose": "safeguarding", "legal_basis": "law", "agencies": ["*"], "rung": 3},
    {"id": "first", "title": "First", "purpose": "safeguarding", "legal_basis": "law", "agencies": ["police"],
     "rung": 3, "assessment_first": True},
]  # fmt: skip
WREN = Account("u-wren", "wren", "Wren Worker", _HASH, ("mash",), (), ("own", "screen", "first"))


def test_assessment_first_hides_the_police_part_in_alert_summary_and_record_alike(make: Callable[..., Made]) -> None:
    made = make(more=[WREN], protocols=FIRST)
    made.people.profiles[ANN] = profile(ANN)
    factors = alert()["factors"]
    made.arrives(household(HOME, records=[ANN.hex(), BEN.hex()], factors=factors, score_ppm=987_600))
    made.arrives(alert(household=HOME))
    pages = ("/alerts/" + "a1" * 16, *OF_ALL, *SUMMARIES)
    with Client(made) as client:
        sign_in(client, "wren")
        for path in pages:
            text = text_of(client.get(path))
            assert "Northmere Police" in text, path
            assert "School absence" in text, path
            assert not re.search(r"Violence|98\.8 %|14\.3 %|\+0\.91", text), path
            assert "your own assessment comes first" in text, path
        made.people.events[ANN] = [event("assessment", days=0)]
        for path in pages:
            text = text_of(client.get(path))
            assert "Violence" in text, path
            assert re.search(r"98\.8 %|14\.3 %", text), path
            assert "comes first" not in text, path


def test_a_restricted_child_is_not_named_and_takes_its_household_along(desk: Made, client: Client) -> None:
    family(desk, restricted=True)
    sign_in(client)
    for path in (*OF_ALL, *SUMMARIES):
        text = text_of(client.get(path))
        for sentinel, least in {**OWN_SHOWS, **ALL_SHOWS}.items():
            assert (sentinel in text) == (least <= 1), (path, sentinel)
        assert "Restricted" in text
        assert "a child is restricted" in text
    text = text_of(client.get(f"/people/{BEN.hex()}"))
    assert "Benedict" in text
    for sentinel in ("Annabel", "Xx family", "98.8 %", "A TEXT OF OURS"):
        assert sentinel not in text, sentinel


def test_a_mother_and_her_unborn_child_are_told_of_each_other(desk: Made, client: Client) -> None:
    desk.people.profiles[CAT] = profile(CAT, age_band="adult")
    desk.people.profiles[ANN] = profile(ANN, age_band="unborn", unborn_of=CAT)
    desk.arrives(household(HOME, records=[ANN.hex(), CAT.hex()]))
    sign_in(client)
    for one, other, tie in ((ANN, "Catriona Ormsby", "mother of"), (CAT, "Annabel Quillfeather", "unborn child of")):
        section = re.search(r'id="section-relationships".*?</section>', client.get(f"/people/{one.hex()}").text, re.S)
        assert section
        assert other in section[0]
        assert tie in section[0]
        assert "same household" not in section[0]


def test_a_household_not_known_here_says_so_and_whom_to_call(desk: Made, client: Client) -> None:
    desk.arrives(alert(household=HOME, records=[], known_to=["police"]))
    sign_in(client)
    for path in (f"/households/{HOME}", f"/summary/{HOME}"):
        page = client.get(path).text
        assert "Not known to us" in page
        assert "01632 960111" in page
    assert client.get("/alerts/" + "a1" * 16).text.count(f'href="/households/{HOME}"') == 1


def test_a_feed_that_is_behind_makes_a_case_a_lower_bound(desk: Made, client: Client) -> None:
    desk.arrives(alert(household=HOME))
    desk.arrives(household(HOME, records=[ANN.hex()], behind=[{"agency": "police", "behind_s": 3 * 3600}]))
    desk.arrives({"kind": "freshness", "key": "freshness:feeds", "as_of_at": NOW, "body": '{"behind": ["schools"]}'})
    sign_in(client)
    page = client.get(f"/summary/{HOME}").text
    assert "lower bound" in page
    assert "Northmere Police: nothing new for 3 hours; Northmere Schools: behind now" in page


def new_in(page: str) -> list[str]:
    """What a page marks as new, without the section that lists it again."""
    found = re.findall(r"<section.*?</section>", page, re.S)
    rest = "".join(one for one in found if "section-changed" not in one)
    items = re.findall(r'<li class="desk-item desk-item--new">.*?</li>', rest, re.S)
    return [re.findall(r"<strong>(.*?)</strong>", item)[-1] for item in items]


def test_what_changed_since_the_last_reading_is_marked(desk: Made, client: Client) -> None:
    family(desk)
    sign_in(client)
    page = client.get(f"/summary/{HOME}").text
    assert "for the first time" in page
    assert new_in(page) == []
    desk.people.events[ANN].append(event("late_event", days=300))
    desk.wall += SITTING_MS
    for path in (f"/summary/{HOME}", f"/summary/{HOME}/print"):  # the print after the page shows the same
        page = client.get(path).text
        assert new_in(page) == ["Late event"], "old by date, and yet new to the reader"
        assert page.count("Late event") == 2, "once in its place, once under what changed"
    desk.wall += SITTING_MS
    assert new_in(client.get(f"/summary/{HOME}").text) == []
    desk.arrives(alert(household=HOME, version=2, state="updated"))
    desk.wall += SITTING_MS
    assert new_in(client.get(f"/summary/{HOME}").text) == ["A pattern has crossed your team&#39;s line"]


def test_a_reading_is_each_users_own_and_keeps_no_content(make: Callable[..., Made]) -> None:
    made = make({"sam": 4, "kim": 4})
    family(made)
    with Client(made) as client:
        sign_in(client, "sam")
        client.get(f"/summary/{HOME}")
        made.wall += SITTING_MS
        sign_in(client, "kim")
        assert "for the first time" in client.get(f"/summary/{HOME}").text
    kept = made.desk.records.of("read")
    assert [one.user for one in kept] == ["u-sam", "u-kim"]
    assert all(set(one.body) == {"marks"} and all(re.fullmatch("[0-9a-f]{12}", mark) for mark in one.body["marks"])
               for one in kept)  # fmt: skip


def test_every_reading_is_in_the_audit_before_it_is_answered(desk: Made, client: Client) -> None:
    family(desk)
    sign_in(client)
    for path, action in ((f"/households/{HOME}", "household"), (f"/people/{ANN.hex()}", "person"),
                         (f"/summary/{HOME}?scope=agency", "summary"), (f"/summary/{HOME}/print", "print"),
                         (f"/summary/{HOME}/export", "export")):  # fmt: skip
        answer = client.get(path)
        lines = [line for line in entries(desk.config.audit) if line["action"] == action]
        assert len(lines) == 1, path
        assert ANN.hex() in lines[0]["subjects"]
        assert lines[0]["basis"] == "council=4/rung-4,police=4/rung-4,schools=4/rung-4"
        assert lines[0]["scope"] == ("agency" if "agency" in path else "all")
        assert f"line {lines[0]['n']}" in answer.text, "the reference leads to the line"
    text = desk.config.audit.read_text()
    assert "Quillfeather" not in text
    assert "A TEXT OF OURS" not in text


def test_no_audit_no_case(desk: Made, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    family(desk)
    sign_in(client)

    def down(*_: object, **__: object) -> str:
        raise AuditDown("the disk is full")

    monkeypatch.setattr(type(desk.audit), "record", down)
    for path in (*OF_ALL, *SUMMARIES, "/children/mash"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "Quillfeather" not in answer.text
    assert desk.people.asked == []
    assert desk.desk.records.of("read") == []


def test_names_of_a_case_are_in_no_address_and_no_title(desk: Made, client: Client) -> None:
    family(desk)
    sign_in(client)
    for path in (*OF_ALL, *(one for one in SUMMARIES if "export" not in one), "/children/mash"):
        answer = client.get(path)
        places = re.findall(r'<title>.*?</title>|(?:href|action|src)="[^"]*"', answer.text)
        assert places
        assert not [place for place in places if "quillfeather" in place.lower() or "annabel" in place.lower()]
        assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|<style", answer.text), path
    answer = client.get(f"/summary/{HOME}/export")
    assert "quillfeather" not in str(answer.headers).lower()


def test_the_page_of_a_case_that_holds_markup_stays_text(desk: Made, client: Client) -> None:
    family(desk)
    desk.people.events[ANN] = [event("<i>kind", texts=["<script>alert(1)</script>"], source="<b>")]
    sign_in(client)
    for path in (*OF_ALL, f"/summary/{HOME}", f"/summary/{HOME}/print"):
        page = client.get(path).text
        assert "<script>alert" not in page
        assert "<i>kind" not in page


def test_the_print_view_says_who_when_and_what_it_is(desk: Made, client: Client) -> None:
    family(desk)
    sign_in(client)
    page = client.get(f"/summary/{HOME}/print").text
    for said in ("Contains personal data", "Printed by Sam Duty, Northmere Children&#39;s Services",
                 "Mon 24 Nov 2025, 16:00", "Audit reference"):  # fmt: skip
        assert said in page, said
    assert "desk-nav" not in page
