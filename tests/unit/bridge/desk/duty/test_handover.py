"""What one shift leaves to the next: all that happened, all that is open, and who has taken over."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest

from bridge.desk.access.bases import TEXT_MAX
from bridge.desk.audit import entries
from bridge.desk.duty import shift
from bridge.desk.duty.deeds import Deed, Standing
from tests.unit.bridge.desk.duty.test_actions import Room
from tests.unit.bridge.desk.duty.test_challenges import account
from tests.unit.bridge.desk.support import ANN, BEN, CAT, HOUR_MS, NOW, Made, alert

PAGE = "/handover/mash"


@pytest.fixture
def room(make: Callable[..., Made]) -> Iterator[Room]:
    made = Room(make({"sam": 4, "alex": 4, "kit": 1}, more=[account("eve", "nurse", 4, ("duty-east",))]))
    with made.client:
        yield made


def post(room: Room, what: str, **data: str) -> int:
    return int(room.client.post(f"{PAGE}/{what}", data={"csrf": room.csrf, **data}).status_code)


def last_note(room: Room) -> str:
    found = re.search(r'name="read" value="([0-9a-f]+)"', room.client.get(PAGE).text)
    assert found
    return found[1]


def section(page: str, title: str) -> str:
    return re.sub(r"\s+", " ", page.partition(f">{title}</h2>")[2].partition("</section>")[0])


def test_a_shift_holds_what_happened_in_it_and_all_that_is_open() -> None:
    old, new = alert("old", raised_at=NOW - 30 * HOUR_MS, respond_by_at=NOW), alert("new", raised_at=NOW - HOUR_MS)
    came = alert(
        "came", raised_at=NOW - 30 * HOUR_MS, correction="moved to another team", changed_at=NOW, opening=True
    )
    gone = alert("gone", raised_at=NOW - 30 * HOUR_MS, state="cleared", changed_at=NOW)
    done = alert("done", raised_at=NOW - 30 * HOUR_MS)
    deeds = [Deed(n, at, "u", action, id_) for n, (at, action, id_) in enumerate(
        [(NOW - 20 * HOUR_MS, "acknowledge", "old"), (NOW - HOUR_MS, "acknowledge", "new"), (NOW, "act", "new"),
         (NOW, "close", "done"), (NOW, "snooze", "old"), (NOW, "assign", "old"), (NOW, "dispute_score", "new")])]  # fmt: skip
    standings = {"old": Standing("u"), "new": Standing("u"), "done": Standing("u", closed=deeds[3])}
    made = shift.of([done, gone, came, new, old], standings, reversed(deeds), NOW - 8 * HOUR_MS)
    assert [one["alert_id"] for one in made.raised] == ["came", "new"]
    assert [deed.n for deed in made.taken] == [1, 5]
    assert [deed.n for deed in made.acted] == [2, 4, 6]
    assert [deed.n for deed in made.closed] == [3]
    assert [one["alert_id"] for one in made.ended] == ["gone"]
    assert [one["alert_id"] for one in made.left] == ["came", "old", "new"], "nobody's first"
    assert set(made.concerned) == {"old", "new", "came", "gone", "done"}


def test_the_page_says_it_in_words_with_names_and_due_times(room: Room) -> None:
    room.made.arrives(alert("2" * 32, records=[CAT], respond_by_at=NOW - HOUR_MS))
    room.made.arrives(
        {"kind": "freshness", "key": "freshness:feeds", "as_of_at": NOW, "body": json.dumps({"behind": ["police"]})}
    )
    room.do("acknowledge")
    room.do("act", did="visit")
    room.do("close")
    page = room.client.get(PAGE).text
    assert "Was due</span>" not in page
    left = section(page, "Left open")
    assert "Catriona Ormsby" in left
    assert "Was due today 15:00" in left
    assert "Nobody yet" in left
    assert "Quillfeather" not in left
    assert "Sam Duty noted: visited" in section(page, "Acted on")
    assert "Sam Duty closed it: assessment" in section(page, "Closed")
    assert "Sam Duty took it" in section(page, "Acknowledged or given")
    assert section(page, "Raised").count("<li>") == 2
    assert "Northmere Police" in page.partition("Feeds behind:")[2][:60]
    for hours, status in (("8", 200), ("12", 200), ("9", 404), ("x", 404)):
        assert room.client.get(f"{PAGE}?hours={hours}").status_code == status


def test_names_are_in_the_audit_before_they_are_read_and_cut_by_reach(room: Room) -> None:
    room.client.get(PAGE)
    lines = [line for line in entries(room.made.config.audit) if "handover" in line["action"]]
    assert [line["action"] for line in lines] == ["handover", "name_handover"]
    assert lines[1]["subjects"] == [ANN.hex(), BEN.hex()]
    room.enter("kit")
    page = room.client.get(PAGE).text
    assert "Quillfeather" not in page
    assert "A pattern has crossed" in page


def test_a_note_is_kept_sealed_and_signed_for_by_who_takes_over(room: Room) -> None:
    assert post(room, "taken-over", read="") == 400, "there is none yet"
    assert post(room, "note", text="a1a1a1a1: school rings back at nine") == 303
    assert "Nobody has taken over yet" in room.client.get(PAGE).text
    assert "rings back" not in room.made.config.audit.read_text()
    room.enter("alex")
    assert post(room, "taken-over", read=last_note(room)) == 303
    page = room.client.get(PAGE).text
    assert "rings back at nine" in page
    assert "Taken over: Alex Duty, today 16:00." in page
    lines = [
        (line["user"], line["action"])
        for line in entries(room.made.config.audit)
        if line["action"].startswith("handover_")
    ]
    assert lines == [("u-sam", "handover_note"), ("u-alex", "handover_taken")]


def test_nobody_signs_for_a_note_that_they_have_not_read(room: Room) -> None:
    post(room, "note", text="one")
    read = last_note(room)
    post(room, "note", text="two")
    assert post(room, "taken-over", read=read) == 400
    assert post(room, "taken-over", read="") == 400
    assert "Taken over:" not in room.client.get(PAGE).text
    assert post(room, "taken-over", read=last_note(room)) == 303


def test_a_note_has_words_and_a_bound_and_comes_from_our_own_page(room: Room) -> None:
    for text in ("", "  ", "x" * (TEXT_MAX + 1)):
        assert post(room, "note", text=text) == 400
    room.csrf = "x" * 43
    assert post(room, "note", text="words") == 403
    assert "No note was written yet" in room.client.get(PAGE).text


def test_another_teams_handover_is_not_there(room: Room) -> None:
    missing = room.client.get("/handover/none")
    room.enter("eve", "duty-east")
    for answer in (room.client.get(PAGE), room.client.post(f"{PAGE}/note", data={"csrf": room.csrf, "text": "x"})):
        assert (answer.status_code, answer.text) == (404, missing.text)


def test_a_note_of_one_team_is_not_anothers(room: Room) -> None:
    post(room, "note", text="for mash")
    assert "for mash" not in room.client.get("/handover/duty-east").text
