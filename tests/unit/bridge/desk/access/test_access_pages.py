"""Who sees what of whom on the pages: assessment first, consent, two people, the broken glass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bridge.desk.access.bases import LONDON
from bridge.desk.accounts import Account
from bridge.desk.audit import entries
from tests.unit.bridge.desk.support import (
    _HASH,
    ANN,
    BEN,
    HOUR_MS,
    NOW,
    PASSWORD,
    Client,
    Made,
    alert,
    sign_in,
    token,
)

ID = "a1" * 16
WHY = "The alleged offender would learn of it and is in the home."
OWN = {"id": "own", "title": "Own records", "purpose": "safeguarding", "legal_basis": "own functions",
       "agencies": ["council"], "rung": 4}  # fmt: skip
ASK = {"id": "ask", "title": "Partners, with a basis", "purpose": "safeguarding", "legal_basis": "s.47", "agencies": ["*"],
       "rung": 4, "free_rung": 1, "bases": ["consent", "determination", "duty"], "step_up_rung": 4}  # fmt: skip
FIRST = {"id": "first", "title": "Assessment first", "purpose": "safeguarding", "legal_basis": "local",
         "agencies": ["police"], "rung": 3, "assessment_first": True}  # fmt: skip
SEE = {
    "id": "see",
    "title": "Screening",
    "purpose": "safeguarding",
    "legal_basis": "s.11",
    "agencies": ["*"],
    "rung": 3,
}


def account(login: str, *protocols: str, roles: tuple[str, ...] = ()) -> Account:
    return Account(f"u-{login}", login, f"{login.title()} Duty", _HASH, ("mash",), roles, protocols)


@pytest.fixture
def made(make: Callable[..., Made]) -> Made:
    made = make(
        None,
        more=[
            account("wren", "own", "see", "first"), account("ari", "own", "ask"),
            account("sol", "own", "see", roles=("supervisor",)), account("nobody"),
            account("gale", roles=("governance",)), account("low", "rung-0"), account("les", "rung-1", roles=("supervisor",)),
        ],
        protocols=[OWN, ASK, FIRST, SEE],
    )  # fmt: skip
    made.arrives(alert())
    return made


def as_user(made: Made, login: str) -> Client:
    client = Client(made)
    sign_in(client, login)
    return client


def send(client: Client, kind: str, of: str = f"alert/{ID}", **fields: Any) -> Any:
    form = token(client.get(f"/basis/{of}").text)
    return client.post(f"/basis/{of}/{kind}", data={"csrf": form, "purpose": "safeguarding", **fields})


def step_up(client: Client) -> None:
    form = token(client.get("/step-up").text)
    assert client.post("/step-up", data={"csrf": form, "password": PASSWORD, "next": "/"}).status_code == 303


POLICE = ("Violence or domestic abuse", "14.3 %", "+0.91")


def test_assessment_first_hides_what_the_police_know_and_then_shows_it(made: Made) -> None:
    with as_user(made, "wren") as wren:
        pages = [wren.get(path).text for path in ("/inbox/mash", "/inbox/mash/rows", f"/alerts/{ID}")]
        for page in pages:
            assert "Northmere Police" in page, "that the police know the family is said"
            assert not [text for text in POLICE if text in page]
            assert "School absence or exclusion" in page, "what the school told is of another protocol"
        assert "because your own assessment comes first" in pages[2]
        assert "It opens when your assessment is filed in your own system" in pages[2]
        with as_user(made, "sol") as sol:
            assert all(text in sol.get(f"/alerts/{ID}").text for text in POLICE), "a supervisor sees, to challenge"
        made.people.events[ANN] = [{"kind": "referral", "occurred_at": NOW - 9 * HOUR_MS}]
        assert not [text for text in POLICE if text in wren.get(f"/alerts/{ID}").text]
        made.people.events[ANN].append({"kind": "assessment", "occurred_at": NOW - 9 * HOUR_MS})
        assert all(text in wren.get(f"/alerts/{ID}").text for text in POLICE)
        made.people.events[ANN].append({"kind": "referral", "occurred_at": NOW + 48 * HOUR_MS})
        made.wall = NOW + 49 * HOUR_MS
        sign_in(wren, "wren")
        assert not [text for text in POLICE if text in wren.get(f"/alerts/{ID}").text], "a new referral begins anew"


def test_a_user_without_a_protocol_does_not_learn_that_there_is_an_alert(made: Made) -> None:
    with as_user(made, "nobody") as nobody:
        there, never = nobody.get(f"/alerts/{ID}"), nobody.get("/alerts/" + "0" * 32)
        assert (there.status_code, there.text) == (never.status_code, never.text) == (404, never.text)
        assert nobody.get(f"/basis/alert/{ID}").text == never.text
        assert ID not in nobody.get("/inbox/mash").text


def test_consent_opens_what_it_names_and_closes_it_when_it_is_withdrawn(made: Made) -> None:
    with as_user(made, "ari") as ari:
        assert not [text for text in POLICE if text in ari.get(f"/alerts/{ID}").text]
        given = {"state": "given", "agencies": ["police", "schools"], "given_by": "mother", "method": "by word",
                 "until": "2025-12-24"}  # fmt: skip
        assert send(ari, "consent", **given).status_code == 303
        page = ari.get(f"/alerts/{ID}").text
        assert all(text in page for text in POLICE)
        assert "With consent" in page
        assert "given, by mother, by word, until 24 December 2025" in ari.get(f"/basis/alert/{ID}").text
        assert send(ari, "consent", **{**given, "state": "withdrawn"}).status_code == 303
        assert not [text for text in POLICE if text in ari.get(f"/alerts/{ID}").text]
    said = [line for line in entries(made.config.audit) if line["action"] == "consent"]
    assert [line["state"] for line in said] == ["given", "withdrawn"]
    assert said[0]["subjects"] == [ANN.hex(), BEN.hex()]
    assert "mother" not in made.config.audit.read_text()


def test_what_a_person_wrote_is_read_by_whoever_wrote_it_and_who_may_see_names(made: Made) -> None:
    given = {
        "state": "refused",
        "agencies": ["police"],
        "given_by": "Aunt Quillfeather",
        "method": "by word",
        "note": WHY,
    }
    with (
        as_user(made, "ari") as ari,
        as_user(made, "sol") as sol,
        as_user(made, "low") as low,
        as_user(made, "les") as les,
    ):
        assert send(ari, "consent", **given).status_code == 303
        assert (
            send(sol, "determination", agencies=["police"], why=f"{WHY} Draft.", until="2026-01-31").status_code
            == 303
        )
        pages = {name: who.get(f"/basis/alert/{ID}").text for name, who in
                 (("ari", ari), ("sol", sol), ("low", low), ("les", les))}  # fmt: skip
    for name, reads, draft, named in (("ari", True, True, True), ("sol", True, True, True), ("low", False, False, False),
                                      ("les", False, True, True)):  # fmt: skip
        page = pages[name]
        assert ("Aunt Quillfeather" in page, f"{WHY}<" in page, f"{WHY} Draft." in page) == (reads, reads, draft), (
            name
        )
        assert ("Information of</span> Northmere Police" in page) == named
        assert ("You may not read what was written" in page) == (not reads)


def test_a_determination_takes_effect_when_a_second_person_agrees(made: Made) -> None:
    fields = {"agencies": ["*"], "why": WHY, "until": "2026-01-31"}
    with as_user(made, "ari") as ari, as_user(made, "sol") as sol, as_user(made, "wren") as wren:
        assert send(ari, "determination", **fields).status_code == 303
        assert not [text for text in POLICE if text in ari.get(f"/alerts/{ID}").text]
        draft = made.desk.records.of("determination_draft")[0].id
        assert send(ari, "agree", draft=draft).status_code == 404, "it is no role of the author's"
        assert send(wren, "agree", draft=draft).status_code == 404
        assert send(sol, "agree", draft="0" * 16).status_code == 404
        assert "I agree" in sol.get(f"/basis/alert/{ID}").text
        assert send(sol, "agree", draft=draft).status_code == 303
        page = ari.get(f"/alerts/{ID}").text
        assert all(text in page for text in POLICE)
        assert "a determination that seeking consent would harm the child" in page
        assert send(sol, "determination", **fields).status_code == 303
        own = made.desk.records.of("determination_draft")[1].id
        assert "Somebody else has to agree" in send(sol, "agree", draft=own).text


def test_breaking_the_glass_needs_a_reason_and_proof_of_who_one_is_and_lasts_an_hour(made: Made) -> None:
    with as_user(made, "ari") as ari:
        answer = send(ari, "break_glass", why=WHY)
        assert (answer.status_code, "/step-up" in answer.headers["location"]) == (303, True)
        assert not made.desk.records.of("break_glass")
        step_up(ari)
        assert "Say in a sentence why this cannot wait" in send(ari, "break_glass", why="now").text
        assert send(ari, "break_glass", why=WHY).status_code == 303
        assert all(text in ari.get(f"/alerts/{ID}").text for text in POLICE)
        (kept,) = made.desk.records.of("break_glass")
        assert kept.body["review_by"] == "2025-11-27"
        made.wall += HOUR_MS
        sign_in(ari, "ari")
        step_up(ari)
        assert not [text for text in POLICE if text in ari.get(f"/alerts/{ID}").text]
    assert [line["action"] for line in entries(made.config.audit)].count("break_glass") == 1


def test_a_restricted_child_is_named_only_after_two_people_lifted_it(made: Made) -> None:
    made.people.profiles[ANN] = {"allocation": "", "restricted": True}
    with as_user(made, "sam") as sam, as_user(made, "sol") as sol:
        page = sam.get(f"/alerts/{ID}").text
        assert "Quillfeather" not in page
        assert "because a child is restricted" in page
        assert send(sam, "lift", why=WHY).status_code == 303
        assert "Quillfeather" not in sam.get(f"/alerts/{ID}").text
        draft = made.desk.records.of("lift_draft")[0].id
        assert send(sol, "agree", draft=draft).status_code == 303
        assert "Quillfeather" in sam.get(f"/alerts/{ID}").text
        assert "Quillfeather" not in sol.get(f"/alerts/{ID}").text, "for the one who asked"
        made.wall += 25 * HOUR_MS
        sign_in(sam, "sam")
        assert "Quillfeather" not in sam.get(f"/alerts/{ID}").text


def test_a_form_that_says_too_little_keeps_nothing_and_says_why(made: Made) -> None:
    with as_user(made, "ari") as ari:
        for kind, fields, says in (
            ("consent", {"state": "given", "agencies": ["police"]}, "Say who gave consent"),
            ("consent", {"state": "sought", "agencies": ["police"]}, "Give a day until which it is sought"),
            ("duty", {"agencies": ["police"], "why": WHY, "until": "2026-01-31"}, "Choose the duty"),
            ("determination", {"agencies": ["police"], "why": "", "until": "2026-01-31"}, "Say in a sentence"),
            ("consent", {"state": "given"}, "Choose whose information"),
        ):
            answer = send(ari, kind, **fields)
            assert (answer.status_code, says in answer.text) == (400, True), (kind, answer.text)
        assert send(ari, "nothing").status_code == 404
        assert not [kind for kind in ("consent", "duty", "determination_draft") if made.desk.records.of(kind)]


def test_an_allocated_child_is_open_to_the_team_and_to_no_other(made: Made) -> None:
    assert str(LONDON) == "Europe/London"
    with as_user(made, "ari") as ari:
        path = f"/basis/record/{ANN.hex()}"
        assert ari.get(path).status_code == 404, "nothing ties the user to the child"
        made.people.profiles[ANN] = {"allocation": "mash", "restricted": False}
        assert ari.get(path).status_code == 200
        made.people.profiles[ANN] = {"allocation": "duty-east", "restricted": False}
        assert ari.get(path).text == ari.get(f"/basis/record/{'00' * 8}").text
