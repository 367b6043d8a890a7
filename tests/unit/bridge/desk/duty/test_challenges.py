"""A supervisor asks, whoever has the alert answers, and both are kept for who may read them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from bridge.desk.access.bases import TEXT_MAX
from bridge.desk.accounts import Account
from bridge.desk.audit import entries
from bridge.desk.duty.challenges import ANSWER, CHALLENGE
from tests.unit.bridge.desk.duty.test_actions import ALERT, Room
from tests.unit.bridge.desk.support import _HASH, Made

ASKED, SAID = "What makes you think Wilhelmina is safe?", "Her aunt told me."


def account(login: str, role: str, rung: int, teams: tuple[str, ...] = ("mash",)) -> Account:
    return Account(f"u-{login}", login, f"{login.title()} {role.title()}", _HASH, teams, (role,), (f"rung-{rung}",))


@pytest.fixture
def room(make: Callable[..., Made]) -> Iterator[Room]:
    more = [
        account("sol", "supervisor", 3),
        account("sue", "supervisor", 3),
        account("gale", "governance", 0, ("duty-east",)),
    ]
    made = Room(make({"sam": 3, "alex": 4, "kit": 1}, more=more))
    with made.client:
        yield made


def challenge(room: Room, text: str = ASKED) -> int:
    path = f"/alerts/{ALERT}/challenges"
    return int(room.client.post(path, data={"csrf": room.csrf, "text": text}).status_code)


def answer(room: Room, text: str = SAID, alert: str = ALERT, entry: str = "") -> int:
    if not entry:
        [one] = room.made.desk.records.about(CHALLENGE, f"alert:{ALERT}")
        entry = one.body["id"]
    path = f"/alerts/{alert}/challenges/{entry}"
    return int(room.client.post(path, data={"csrf": room.csrf, "text": text}).status_code)


def asked(room: Room) -> None:
    """Sam has it, and Sol asks why."""
    room.do("acknowledge")
    room.enter("sol")
    assert challenge(room) == 303


def test_a_challenge_waits_in_the_inbox_of_who_has_the_alert_until_it_is_answered(room: Room) -> None:
    asked(room)
    assert "challenge" not in room.client.get("/inbox/mash/rows").text
    room.enter("sam")
    rows = room.client.get("/inbox/mash/rows").text
    assert re.search(r"<strong>1 challenge</strong>\s+waits for your answer", rows)
    assert ASKED in room.page()
    assert answer(room) == 303
    assert "your answer" not in room.client.get("/inbox/mash/rows").text
    room.enter("sol")
    page = room.page()
    assert all(
        text in page for text in (ASKED, SAID, "Sol Supervisor asked Sam Duty, today 16:00", "Sam Duty answered")
    )


def test_both_are_in_the_audit_without_a_word_of_them(room: Room) -> None:
    asked(room)
    room.enter("sam")
    answer(room)
    [one] = room.made.desk.records.about(CHALLENGE, f"alert:{ALERT}")
    lines = [line for line in entries(room.made.config.audit) if line["action"] in (CHALLENGE, ANSWER)]
    assert [(line["user"], line["subjects"], line["challenge"]) for line in lines] == [
        ("u-sol", [ALERT], one.body["id"]), ("u-sam", [ALERT], one.body["id"]),
    ]  # fmt: skip
    assert "Wilhelmina" not in room.made.config.audit.read_text()
    assert len(room.made.responder.sent) == 1, "nothing of it leaves the agency"


def test_only_a_supervisor_asks_and_only_of_somebody_else(room: Room) -> None:
    assert challenge(room) == 404
    room.enter("sol")
    assert challenge(room) == 409, "nobody has it"
    assert "Challenge " not in room.page()
    room.do("acknowledge")
    assert challenge(room) == 409, "they have it themselves"
    room.do("assign", to="u-sam")
    assert "Challenge Sam Duty" in room.page()
    for text in ("", " ", "x" * (TEXT_MAX + 1)):
        assert challenge(room, text) == 400
    assert challenge(room) == 303
    assert len(room.made.desk.records.about(CHALLENGE, f"alert:{ALERT}")) == 1


def test_only_whom_it_was_put_to_or_who_has_it_now_answers(room: Room) -> None:
    asked(room)
    for login in ("sol", "alex", "kit"):
        room.enter(login)
        assert answer(room) == 404, login
    room.enter("alex")
    room.do("assign", to="u-alex")
    for text in ("", "x" * (TEXT_MAX + 1)):
        assert answer(room, text) == 400
    assert answer(room) == 303
    room.enter("sam")
    assert answer(room) == 303, "whom it was put to may add to it"
    assert answer(room, entry="0" * 16) == 404
    assert answer(room, alert="0" * 32) == 404


def test_a_text_is_not_read_by_a_colleague_who_may_not_see_names(room: Room) -> None:
    asked(room)
    for login, reads in (("kit", False), ("sue", False), ("alex", True), ("sam", True), ("sol", True)):
        room.enter(login)
        page = room.page()
        assert (ASKED in page, "Sol Supervisor asked" in page) == (reads, True), login


def test_governance_reads_all_and_a_supervisor_their_own(room: Room) -> None:
    asked(room)
    seen = {}
    for login in ("gale", "sol", "sue", "sam"):
        room.enter(login, "duty-east" if login == "gale" else "mash")
        page = room.client.get("/challenges")
        seen[login] = page.status_code, ASKED in page.text
        assert ("/challenges" in room.client.get("/demand").text) == (login != "sam")
    assert seen == {"gale": (200, True), "sol": (200, True), "sue": (200, False), "sam": (404, False)}
    reads = [line for line in entries(room.made.config.audit) if line["action"] == "challenges"]
    assert [(line["user"], line["subjects"]) for line in reads] == [
        ("u-gale", [ALERT]),
        ("u-sol", [ALERT]),
        ("u-sue", []),
    ]
    room.enter("gale", "duty-east")
    assert room.client.get(f"/alerts/{ALERT}").status_code == 404, "the alert itself is not governance's"


def test_a_challenge_from_elsewhere_is_not_kept(room: Room) -> None:
    room.do("acknowledge")
    room.enter("sol")
    room.csrf = "x" * 43
    assert challenge(room) == 403
    assert room.made.desk.records.about(CHALLENGE, f"alert:{ALERT}") == []
