"""What a user does about an alert: recorded before it is sent, done once the platform has it, and never half done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from bridge.desk.access.bases import TEXT_MAX
from bridge.desk.accounts import Account
from bridge.desk.audit import AuditDown, entries
from bridge.desk.duty.wishes import READERS
from bridge.desk.evidence import pair_id
from bridge.desk.serve import remember
from schemas.control import SNOOZE_MAX_MS
from streams.alerting.notice import Alert
from streams.alerting.responses import answer
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
    links,
    sign_in,
    token,
)  # fmt: skip

ALERT = "a1" * 16
DAY_MS = 24 * HOUR_MS
SECRET = "Annabel's aunt Wilhelmina rang"
PAIRS = [
    {"agencies": ["council", "police"], "records": [CAT.hex()], "why": "linked", "link_milli": 9, "evidence": []},
    {"agencies": ["council", "council"], "records": [ANN.hex(), BEN.hex()], "why": "linked", "link_milli": 9,
     "evidence": []},
]  # fmt: skip
POLICE_PAIR, OWN_PAIR = (pair_id(pair) for pair in PAIRS)
FORMS: dict[str, dict[str, str]] = {
    "acknowledge": {},
    "assign": {"to": "u-alex"},
    "snooze": {"days": "3"},
    "act": {"did": "visit"},
    "close": {"outcome": "assessment", "verdict": "true_positive"},
    "dispute_score": {"doubt": "misread"},
    "dispute_link": {"pair": POLICE_PAIR, "reason": "asked_agency"},
}
"""A form of each action that is taken."""
SENDS: dict[str, dict[str, Any]] = {
    "acknowledge": {},
    "assign": {},
    "snooze": {"until_at": NOW + 3 * DAY_MS},
    "act": {},
    "close": {"verdict": "true_positive"},
    "dispute_score": {},
    "dispute_link": {"records": [CAT]},
}
SAYS = {
    "acknowledge": "You took it", "assign": "You gave it to Alex Duty", "snooze": "You snoozed it until Thu 27 Nov, 16:00",
    "act": "You noted: visited", "close": "You closed it: assessment (right to raise)",
    "dispute_score": "You disputed the score: it rests on something that means something else",
    "dispute_link": "You disputed a link: the other agency was asked",
}  # fmt: skip


class Room:
    """A desk with one alert, and one of its users."""

    def __init__(self, made: Made, login: str = "sam", **fields: Any) -> None:
        self.made = made
        made.arrives(alert(**fields))
        made.arrives(links_of(PAIRS))
        self.client = Client(made)
        self.enter(login)

    def enter(self, login: str, team: str = "mash") -> None:
        sign_in(self.client, login)
        self.csrf = token(self.client.get(f"/inbox/{team}").text)

    def do(self, action: str, **data: str) -> Any:
        path = f"/alerts/{ALERT}/{action.replace('_', '-')}"
        return self.client.post(path, data={"csrf": self.csrf, **(data or FORMS[action])})

    def page(self) -> str:
        return str(self.client.get(f"/alerts/{ALERT}").text)

    def group(self, title: str) -> str:
        """What of the inbox stands under a heading."""
        return self.client.get("/inbox/mash").text.partition(f">{title}</h2>")[2].partition("</section>")[0]

    def lines(self) -> list[dict[str, Any]]:
        return [line for line in entries(self.made.config.audit) if not line["action"].startswith(("name_", "sign_"))]


def links_of(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    row = links()
    return {**row, "body": msgspec.json.encode({"people": [pairs]}).decode()}


ANALYST = Account("u-ari", "ari", "Ari Analyst", _HASH, ("mash",), ("analyst",), ("rung-4",))


@pytest.fixture
def room(make: Callable[..., Made]) -> Iterator[Room]:
    made = Room(make({"sam": 4, "alex": 4, "kit": 1, "nil": 0}, more=[ANALYST]))
    with made.client:
        yield made


def test_there_is_a_form_here_for_every_action() -> None:
    assert set(FORMS) == set(SENDS) == set(SAYS) == set(READERS)


@pytest.mark.parametrize("action", FORMS)
def test_an_action_is_recorded_then_sent_then_said_to_be_done(room: Room, action: str) -> None:
    before: list[str] = []
    send = room.made.responder.send
    room.made.responder.send = lambda sent: (before.extend(line["action"] for line in room.lines()), send(sent))[1]
    answer_ = room.do(action, **FORMS[action], note=SECRET)
    assert answer_.status_code == 303
    assert before == [action]
    [sent] = room.made.responder.sent
    wanted = {"action": action, "alert_id": ALERT, "team": "mash", "user": "u-sam", "records": [ANN, BEN],
              "until_at": None, "verdict": "none", **SENDS[action]}  # fmt: skip
    assert {name: sent[name] for name in wanted} == wanted
    asked, done = room.lines()
    assert (asked["action"], done["action"]) == (action, "sent")
    assert asked["response"] == done["response"] == sent["response_id"].hex()
    assert answer_.headers["location"] == f"/alerts/{ALERT}?done={done['n']}"
    page = room.client.get(answer_.headers["location"]).text
    banner = page.partition("govuk-notification-banner__heading")[2].partition("</p>")[0]
    assert SAYS[action] in banner.replace("&#39;", "'")
    assert "Sam Duty" + SAYS[action].removeprefix("You") in page, "its history says so too"
    assert SECRET in page.replace("&#39;", "'")


@pytest.mark.parametrize("action", FORMS)
def test_what_is_typed_stays_at_the_desk(room: Room, action: str) -> None:
    room.do(action, **FORMS[action], note=SECRET)
    assert "Wilhelmina" not in room.made.config.audit.read_text()
    assert b"Wilhelmina" not in msgspec.msgpack.encode(room.made.responder.sent)
    assert not [key for key in room.made.redis.keys("*") if b"Wilhelmina" in (room.made.redis.dump(key) or b"")]


@pytest.mark.parametrize("action", FORMS)
def test_what_did_not_arrive_counts_for_nobody_and_what_was_typed_is_still_there(room: Room, action: str) -> None:
    room.made.responder.fails = True
    inbox = room.client.get("/inbox/mash/rows").text
    answer_ = room.do(action, **FORMS[action], note=SECRET)
    assert answer_.status_code == 503
    assert "It was not recorded: the platform could not be reached" in answer_.text
    assert (SECRET in answer_.text.replace("&#39;", "'")) == (action != "acknowledge")
    assert [line["action"] for line in room.lines()] == [action, "alert"], "that it was tried is known"
    remember(room.made.writer, room.made.config)
    assert "What was done about it" not in room.page()
    assert room.client.get("/inbox/mash/rows").text == inbox
    room.made.responder.fails = False
    assert room.do(action).status_code == 303


@pytest.mark.parametrize("action", FORMS)
def test_without_an_audit_nothing_is_sent(room: Room, action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object, **__: object) -> None:
        raise AuditDown("the disk is full")

    monkeypatch.setattr(type(room.made.audit), "record", down)
    assert room.do(action).status_code == 503
    assert room.made.responder.sent == []


@pytest.mark.parametrize("action", FORMS)
def test_a_form_from_elsewhere_does_nothing(room: Room, action: str) -> None:
    path = f"/alerts/{ALERT}/{action.replace('_', '-')}"
    for csrf in ({}, {"csrf": "x" * 43}):
        assert room.client.post(path, data={**FORMS[action], **csrf}).status_code == 403
    assert (room.made.responder.sent, room.lines()) == ([], [])


@pytest.mark.parametrize("action", FORMS)
def test_another_teams_alert_and_one_that_may_not_be_seen_are_not_there(room: Room, action: str) -> None:
    path = f"/alerts/{'0' * 32}/{action.replace('_', '-')}"
    missing = room.client.post(path, data={"csrf": room.csrf, **FORMS[action]})
    room.made.arrives(alert("b" * 32), team="tenancy")
    answers = [room.client.post(path.replace("0" * 32, "b" * 32), data={"csrf": room.csrf, **FORMS[action]})]
    room.enter("nil")
    answers.append(room.do(action))
    assert [(one.status_code, one.text) for one in answers] == [(404, missing.text)] * 2
    assert room.made.responder.sent == []


@pytest.mark.parametrize("action", FORMS)
def test_who_does_no_duty_work_is_offered_none_and_none_is_taken(room: Room, action: str) -> None:
    room.enter("ari")
    assert "I have this" not in room.client.get("/inbox/mash").text
    assert "desk-act" not in room.page()
    assert room.do(action).status_code == 404
    assert room.made.responder.sent == []


@pytest.mark.parametrize("action", FORMS)
def test_who_is_told_whom_to_call_may_act_and_only_who_sees_a_score_may_doubt_it(room: Room, action: str) -> None:
    room.enter("kit")
    assert room.do(action).status_code == (404 if action.startswith("dispute") else 303)


@pytest.mark.parametrize(
    ("action", "data", "says"),
    [
        ("assign", {"to": "u-nobody"}, "Choose a colleague of this team"),
        ("assign", {"to": "u-tess"}, "Choose a colleague of this team"),
        ("assign", {"to": "u-nil"}, "They may not see this alert"),
        ("snooze", {"days": "2"}, "Choose a day from tomorrow on, at most 92 days"),
        ("snooze", {"days": "-1"}, "Choose a day"),
        ("snooze", {"date": "2025-11-24"}, "Choose a day"),
        ("snooze", {"date": "2026-03-01"}, "Choose a day"),
        ("snooze", {"date": "soon"}, "Choose a day"),
        ("act", {"did": "magic"}, "Choose what was done"),
        ("act", {"did": "visit", "note": "x" * (TEXT_MAX + 1)}, "Write at most 2000 characters; these are 2001"),
        ("close", {"outcome": "magic", "verdict": "none"}, "Choose what came of it"),
        ("close", {"outcome": "assessment"}, "Say whether it was right to raise it"),
        ("close", {"outcome": "step_down", "verdict": "none"}, "only for an alert that suggests a step down"),
        ("dispute_score", {"doubt": "magic"}, "Choose what is wrong"),
        ("dispute_link", {"pair": "0" * 16, "reason": "document"}, "has changed meanwhile"),
        ("dispute_link", {"pair": POLICE_PAIR, "reason": "magic"}, "Choose how you know"),
    ],
)
def test_what_cannot_be_taken_is_said_beside_the_form_and_not_done(
    room: Room, action: str, data: dict[str, str], says: str
) -> None:
    answer_ = room.do(action, **data)
    assert answer_.status_code == 400
    assert "Not recorded" in answer_.text
    assert says in answer_.text
    assert (room.made.responder.sent, [line["action"] for line in room.lines()]) == ([], ["alert"])


def test_the_inbox_says_whose_it_is_and_what_comes_back_when(room: Room) -> None:
    assert "I have this" in room.group("To take")
    room.do("acknowledge")
    assert ALERT in room.group("Mine")
    room.do("assign")
    assert "Alex Duty has it" in room.group("Colleagues’")
    room.do("snooze", days="1")
    assert "until tomorrow 16:00" in room.group("Snoozed")
    room.made.wall += DAY_MS
    room.enter("sam")
    assert ALERT in room.group("Colleagues’"), "its time has come"
    room.do("close")
    assert "Sam Duty closed it today 16:00: assessment (right to raise)" in room.group("Closed, cleared or withdrawn")
    room.enter("alex")
    assert ALERT in room.group("Closed, cleared or withdrawn")


def test_a_snooze_ends_when_the_platform_speaks_again_or_somebody_takes_it_up(room: Room) -> None:
    room.do("snooze", days="7")
    assert ALERT in room.group("Snoozed")
    room.do("acknowledge")
    assert ALERT in room.group("Mine")
    room.do("snooze", date="2025-12-01")
    assert "Mon 1 Dec, 08:00" in room.group("Snoozed")
    room.made.arrives(alert(version=2, state="updated"))
    assert ALERT in room.group("Mine")


def test_who_took_it_before_its_clock_began_anew_does_not_have_it_now(room: Room) -> None:
    room.do("acknowledge")
    again = alert(version=4, state="updated", correction="moved to another team", respond_by_at=NOW + 9 * HOUR_MS)
    room.made.arrives(again)
    assert ALERT in room.group("To take")
    room.do("acknowledge")
    room.made.arrives(alert(**{**again, "version": 5, "correction": ""}))
    assert ALERT in room.group("Mine")


@pytest.mark.parametrize("action", FORMS)
def test_nothing_is_done_about_what_is_closed(room: Room, action: str) -> None:
    room.do("close")
    answer_ = room.do(action)
    assert answer_.status_code == (303 if action == "acknowledge" else 409)
    assert ("It was closed meanwhile" in answer_.text) == (action != "acknowledge")
    assert [sent["action"] for sent in room.made.responder.sent] == ["close"]


@pytest.mark.parametrize("action", FORMS)
@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ({"state": "retracted"}, set()),
        ({"state": "cleared", "correction": "moved to another team"}, set()),
        ({"state": "cleared"}, {"act", "close", "dispute_score", "dispute_link"}),
        ({"state": "updated", "correction": "out of hours"}, set(FORMS) - {"snooze", "close"}),
    ],
)
def test_what_the_platform_would_refuse_is_not_sent(
    make: Callable[..., Made], action: str, fields: dict[str, Any], taken: set[str]
) -> None:
    room = Room(make({"sam": 4, "alex": 4}), **fields)
    with room.client:
        offered = f"/alerts/{ALERT}/{action.replace('_', '-')}" in room.page()
        room.do(action)
        assert ([sent["action"] for sent in room.made.responder.sent] == [action]) == (action in taken) == offered


@pytest.mark.parametrize("action", FORMS)
def test_the_platform_takes_what_the_desk_sends(room: Room, action: str) -> None:
    room.do(action)
    raised = Alert("escalate", 1, False, "mash", b"h", b"c", (), NOW, 1, 1, False, NOW)
    assert answer({ALERT: raised}, room.made.responder.sent[0], NOW + 1_000) is None


def test_the_longest_snooze_of_the_desk_is_the_longest_of_the_platform(room: Room) -> None:
    room.do("snooze", date="2026-02-24")
    [sent] = room.made.responder.sent
    assert sent["until_at"] is not None
    assert sent["until_at"] <= NOW + SNOOZE_MAX_MS < sent["until_at"] + DAY_MS


def test_two_own_records_are_parted_by_who_sees_both(room: Room) -> None:
    room.do("dispute_link", pair=OWN_PAIR, reason="own_record", note=SECRET)
    [sent] = room.made.responder.sent
    assert (sent["action"], sent["records"], sent["alert_id"]) == ("cannot_link", [ANN, BEN], ALERT)
    assert room.lines()[0]["subjects"] == [ALERT, ANN.hex(), BEN.hex()]
    assert "Sam Duty said that two of our records are two people: our own record shows it" in room.page()


def test_a_disputed_score_says_so_beside_it_to_who_sees_it(room: Room) -> None:
    room.do("dispute_score")
    room.enter("alex")
    assert "<strong>Disputed.</strong> Sam Duty disputed the score" in room.page()
    room.enter("kit")
    assert "<strong>Disputed.</strong>" not in room.page()


def test_two_who_take_it_at_once_are_told_who_has_it(room: Room) -> None:
    room.do("acknowledge")
    room.enter("alex")
    answer_ = room.do("acknowledge")
    assert (answer_.status_code, answer_.headers["location"]) == (303, f"/alerts/{ALERT}")
    assert "Sam Duty has this. Speak to them before you act." in room.page()
    assert len(room.made.responder.sent) == 1


def test_a_colleague_takes_over(room: Room) -> None:
    room.do("acknowledge")
    room.enter("alex")
    answer_ = room.do("assign", to="u-alex")
    page = room.client.get(answer_.headers["location"]).text
    assert "You took it over" in page
    assert "You have it now." in page


def test_a_note_is_read_by_who_wrote_it_and_who_may_see_names(room: Room) -> None:
    room.do("act", did="visit", note="seen by sam")
    room.enter("kit")
    room.do("act", did="visit", note="seen by kit")
    page = room.page()
    assert "seen by kit" in page
    assert "seen by sam" not in page
    assert "There is a note that you may not read" in page
    room.enter("alex")
    assert all(text in room.page() for text in ("seen by kit", "seen by sam"))


def test_a_confirmation_is_for_who_did_it(room: Room) -> None:
    where = room.do("acknowledge").headers["location"]
    assert "You took it" in room.client.get(where).text
    room.enter("alex")
    assert "govuk-notification-banner" not in room.client.get(where).text
    for odd in ("0", "x", "9" * 30):
        assert room.client.get(f"/alerts/{ALERT}?done={odd}").status_code == 200


def test_a_lost_redis_changes_nothing_of_what_people_did(room: Room) -> None:
    for action in ("acknowledge", "act", "assign", "dispute_score", "snooze", "dispute_link"):
        room.do(action)
    before = room.page(), room.client.get("/inbox/mash/rows").text
    cookie = {key: room.made.redis.dump(key) for key in room.made.redis.keys("*session*")}
    room.made.redis.flushall()
    for key, value in cookie.items():
        room.made.redis.restore(key, 0, value or b"")
    remember(room.made.writer, room.made.config)
    room.made.arrives(alert())
    room.made.arrives(links_of(PAIRS))
    assert (room.page(), room.client.get("/inbox/mash/rows").text) == before


def test_a_step_down_may_end_in_one(make: Callable[..., Made]) -> None:
    room = Room(make(), direction="step_down")
    with room.client:
        assert room.do("close", outcome="step_down", verdict="none").status_code == 303
        assert "step down done" in room.page()


def test_nobody_is_offered_who_has_no_protocol(make: Callable[..., Made]) -> None:
    idle = Account("u-idle", "idle", "Ida Idle", "x", ("mash",))
    room = Room(make({"sam": 4, "alex": 4}, more=[idle]))
    with room.client:
        page = room.page()
        assert "Alex Duty" in page
        assert "Ida Idle" not in page
        assert room.do("assign", to="u-idle").status_code == 400
