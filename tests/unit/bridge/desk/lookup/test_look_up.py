"""Looking somebody up at the desk: what leaves, what is kept, who sees the answer, and that it is no oracle."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, get_args

import pytest

import topology
from bridge.desk.access.gate import Subject, reach
from bridge.desk.access.protocols import Purpose
from bridge.desk.access.records import Records
from bridge.desk.accounts import Account
from bridge.desk.audit import AuditDown, entries
from bridge.desk.desk import User
from bridge.desk.lookup.asked import Form, problems
from bridge.desk.lookup.routes import A_DAY_MAX, AN_HOUR_MAX, LATE_MS, PURPOSE_WORDS
from bridge.desk.sessions import Session
from bridge.desk.writer import LOOKUP_KEPT_S
from bridge.encode import Encoder
from bridge.normalise import Person
from schemas import codec, crypto
from schemas.lookup import PURPOSES, VALID_S, seal_info, statement
from tests.unit.bridge.desk.support import (
    _HASH,
    ANN,
    BEN,
    HOUR_MS,
    KEYS,
    NOW,
    PLATFORM,
    SIGN,
    Client,
    Made,
    found,
    household,
    match,
    profile,
    sign_in,
    token,
)

TYPED = {"given": "Zebulon", "surname": "Featherstonehaugh", "day": "7", "month": "11", "year": "2013",
         "nhs": "943 476 5919", "purpose": "safeguarding", "reason": "the school rang about bruises"}  # fmt: skip
SAYS = ("zebulon", "featherstonehaugh", "2013-11-07", "20131107", "7 november 2013", "9434765919", "943 476 5919")
LOOKUP = [{"id": "lookup-only", "title": "Look-ups", "purpose": "safeguarding", "legal_basis": "test", "agencies": ["*"],
           "rung": 3, "relations": ["lookup"]},
          {"id": "no-lookup", "title": "Alerts alone", "purpose": "safeguarding", "legal_basis": "test",
           "agencies": ["*"], "rung": 4, "relations": ["alert", "allocated"]},
          {"id": "overseen", "title": "Supervision", "purpose": "supervision", "legal_basis": "test", "agencies": ["*"],
           "rung": 1, "relations": ["lookup"]}]  # fmt: skip


def account(login: str, *protocols: str) -> Account:
    return Account(f"u-{login}", login, login.title(), _HASH, ("mash",), (), protocols)


@pytest.fixture
def both(make: Callable[..., Made]) -> Iterator[tuple[Made, Client]]:
    made = make({"sam": 4, "alex": 4})
    with Client(made) as client:
        sign_in(client)
        yield made, client


def typed(client: Client, **changes: str) -> Any:
    """Send the form."""
    return client.post("/look-up", data={**TYPED, **changes, "csrf": token(client.get("/look-up").text)})


def ask(client: Client, **changes: str) -> str:
    """Look somebody up; the id."""
    answer = typed(client, **changes)
    assert answer.status_code == 303, answer.text
    where = re.fullmatch("/look-up/([0-9a-f]{32})", answer.headers["location"])
    assert where
    return where[1]


def lines(made: Made, action: str) -> list[dict[str, Any]]:
    return [line for line in entries(made.config.audit) if line["action"] == action]


def main(html: str) -> str:
    """What the page says, without what is of this session or this look-up."""
    part = html[html.index('id="main"') :] if 'id="main"' in html else html
    return re.sub("[0-9a-f]{32}", "ID", re.sub(r'value="[\w-]{43}"', "CSRF", part))


def test_what_leaves_is_the_bridges_own_encoding_sealed_to_the_platform_and_signed(both: tuple[Made, Client]) -> None:
    made, client = both
    lookup_id = ask(client)
    ((topic, value),) = made.sent.take()
    assert topic == topology.REQUESTS.name.format(agency="council")
    _, message = codec.decode(value, frozenset({"lookup"}))
    assert message["lookup_id"].hex() == lookup_id
    clear = ("partnership", "agency", "team", "user", "purpose", "requested_at", "expires_at")
    assert [message[name] for name in clear] == [
        "northmere", "council", "mash", "u-sam", "safeguarding", NOW, NOW + VALID_S * 1000,
    ]  # fmt: skip
    assert crypto.verify(SIGN[1], statement(message), message["signature"])
    plain = crypto.hpke_open(PLATFORM[0], message["sealed"], seal_info(message))
    person = Person(given="zebulon", surname="featherstonehaugh", dob="7/11/2013", nhs="9434765919")
    assert codec.decode(plain, frozenset({"identity"}))[1] == Encoder(KEYS.linkage_key, 1).identity(person)


def test_it_is_in_the_audit_with_its_purpose_before_it_is_sent(
    both: tuple[Made, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, client = both
    seen: list[dict[str, Any]] = []
    send = made.sent.send

    def watched(*message: Any) -> None:
        seen.extend(lines(made, "look_up"))
        send(*message)

    monkeypatch.setattr(made.sent, "send", watched)
    lookup_id = ask(client)
    (line,) = seen
    known = ("n", "at", "prev", "hash")
    assert {name: value for name, value in line.items() if name not in known} == {
        "user": "u-sam", "action": "look_up", "subjects": [lookup_id], "team": "mash", "purpose": "safeguarding",
    }  # fmt: skip


def test_where_the_audit_is_down_nobody_is_looked_up(
    both: tuple[Made, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, client = both
    form = {**TYPED, "csrf": token(client.get("/look-up").text)}

    def down(*_: Any, **__: Any) -> None:
        raise AuditDown("the disk is full")

    monkeypatch.setattr(made.audit, "record", down)
    assert client.post("/look-up", data=form).status_code == 503
    assert made.sent.take() == []


@pytest.mark.parametrize("fails", [False, True])
def test_what_was_typed_is_kept_nowhere(
    make: Callable[..., Made], caplog: pytest.LogCaptureFixture, tmp_path: Any, fails: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    made = make({"sam": 4})
    records = Records(tmp_path / "kept.sqlite", b"a" * 32, lambda: made.wall)
    object.__setattr__(made.desk, "records", records)
    made.sent.down = fails
    with Client(made) as client:
        sign_in(client)
        answer = typed(client)
        assert answer.status_code == (503 if fails else 303)
        headers = str(answer.headers)
        pages = [answer.text]
        if not fails:
            lookup_id = answer.headers["location"].rpartition("/")[2]
            made.arrives(found(lookup_id, match(BEN)))
            pages += [client.get(f"/look-up/{lookup_id}").text, client.get("/look-up").text]
        own = records.of("look_up")[0].body
    records.close()
    assert own["reason"] == TYPED["reason"], "it is kept, sealed"
    kept = "".join(repr(row) for row in sqlite3.connect(tmp_path / "kept.sqlite").iterdump())
    memory = repr([(key, made.redis.type(key), made.redis.dump(key)) for key in made.redis.scan_iter()])
    sent = repr(made.sent.sent)
    places = {"audit": made.config.audit.read_text(), "records": repr(own | {"reason": ""}) + kept, "redis": memory,
              "wire": sent, "log": caplog.text, "headers": headers, "pages": "".join(pages)}  # fmt: skip
    for place, text in places.items():
        assert not [word for word in (*SAYS, TYPED["reason"]) if word in text.lower()], place
    planted = f"{places['audit']} Zebulon"
    assert [word for word in SAYS if word in planted.lower()] == ["zebulon"], "the scan finds what is there"


def test_an_answer_names_own_records_says_who_else_knows_and_ties_the_user_to_them(both: tuple[Made, Client]) -> None:
    made, client = both
    lookup_id = ask(client)
    waiting = client.get(f"/look-up/{lookup_id}").text
    assert 'hx-trigger="every 1s"' in waiting and "Quillfeather" not in waiting
    assert not made.desk.records.of("lookup") and not lines(made, "look_up_answer")
    made.arrives(found(lookup_id, match(ANN)))
    page = client.get(f"/look-up/{lookup_id}/answer").text
    for text in (
        "Annabel Quillfeather",
        "born 3 May 2019",
        "Northmere Police",
        "01632 960111",
        f"/people/{ANN.hex()}",
    ):
        assert text in page
    assert "hx-trigger" not in page, "it waits no longer"
    (entry,) = made.desk.records.of("lookup")
    assert entry.about == (f"look_up:{lookup_id}", f"record:{ANN.hex()}")
    assert entry.user == "u-sam"
    (line,) = lines(made, "look_up_answer")
    assert (line["subjects"], line["purpose"]) == ([lookup_id, ANN.hex()], "safeguarding")
    assert [one["subjects"] for one in lines(made, "name_look_up")] == [[ANN.hex()]]
    client.get(f"/look-up/{lookup_id}")
    assert len(made.desk.records.of("lookup")) == 1
    assert len(lines(made, "look_up_answer")) == 2, "each read"


def test_finding_somebody_opens_what_a_protocol_says_a_look_up_opens_for_a_shift_and_for_this_user(
    make: Callable[..., Made],
) -> None:
    made = make(more=[account("lou", "lookup-only"), account("lia", "lookup-only")], protocols=LOOKUP)

    def top(login: str, subject: Subject) -> int:
        user = User(Session(f"u-{login}", "", NOW), account(login, "lookup-only"))
        return made.runner.run(reach(made.desk, user, subject)).top

    ours, theirs = Subject((ANN,), ("council", "police")), Subject((), ("police",), "beef")
    assert [top("lou", one) for one in (ours, theirs)] == [-1, -1]
    with Client(made) as client:
        sign_in(client, "lou")
        lookup_id = ask(client)
        made.arrives(found(lookup_id, match(ANN), match(household="beef")))
        page = client.get(f"/look-up/{lookup_id}").text
    assert "2 people match" in page and "Known to us" in page and "Not known to us" in page
    assert "Names are not part of what you may see" in page and "Quillfeather" not in page
    assert made.people.asked == []
    assert [top("lou", one) for one in (ours, theirs)] == [3, 3]
    assert top("lia", ours) == -1
    made.wall += 13 * HOUR_MS
    assert top("lou", ours) == -1


@pytest.mark.parametrize(
    ("rung", "shown"),
    [(0, {"Known to us", "Another agency knows them"}), (1, {"Known to us", "Northmere Police"}),
     (3, {"Known to us", "Northmere Police"}), (4, {"Annabel", "Northmere Police"})],
)  # fmt: skip
def test_each_match_is_cut_to_the_rung(make: Callable[..., Made], rung: int, shown: set[str]) -> None:
    made = make({"sam": rung})
    with Client(made) as client:
        sign_in(client)
        lookup_id = ask(client)
        made.arrives(found(lookup_id, match(ANN)))
        page = main(client.get(f"/look-up/{lookup_id}").text)
    every = {"Known to us", "Another agency knows them", "Northmere Police", "Annabel"}
    assert {text for text in every if text in page} == shown
    assert "12,687" not in page and "12687" not in page and "12.6" not in page, "how strong is shown to nobody"


def test_the_purpose_that_was_said_is_the_one_the_policy_is_asked_with(make: Callable[..., Made]) -> None:
    made = make(more=[account("sue", "rung-4", "overseen")], protocols=LOOKUP)
    with Client(made) as client:
        sign_in(client, "sue")
        for purpose, names in (("safeguarding", True), ("supervision", False)):
            lookup_id = ask(client, purpose=purpose)
            made.arrives(found(lookup_id, match(ANN)))
            assert ("Annabel" in client.get(f"/look-up/{lookup_id}").text) == names


def test_it_is_for_those_whose_protocols_a_look_up_opens_and_for_nobody_else(make: Callable[..., Made]) -> None:
    made = make(more=[account("nora", "no-lookup"), account("lou", "lookup-only"), account("none")], protocols=LOOKUP)
    for login, may in (("lou", True), ("nora", False), ("none", False)):
        with Client(made) as client:
            sign_in(client, login)
            assert ('href="/look-up"' in client.get("/demand").text) == may
            assert client.get("/look-up").status_code == (200 if may else 404)
            csrf = token(client.get("/demand").text)
            assert client.post("/look-up", data={**TYPED, "csrf": csrf}).status_code == (303 if may else 404)
    assert len(made.sent.take()) == 1


def test_an_answer_is_for_who_asked_and_for_a_colleague_it_is_as_if_there_were_none(
    both: tuple[Made, Client],
) -> None:
    made, client = both
    lookup_id = ask(client)
    made.arrives(found(lookup_id, match(ANN)))
    with Client(made) as colleague:
        sign_in(colleague, "alex")
        for path in ("", "/answer"):
            theirs = colleague.get(f"/look-up/{lookup_id}{path}")
            missing = colleague.get(f"/look-up/{'0' * 32}{path}")
            assert (theirs.status_code, theirs.text) == (missing.status_code, missing.text)
            assert theirs.status_code == 404
        form = {"csrf": token(colleague.get("/look-up").text), "household": "f00d", "agency": "police"}
        assert colleague.post(f"/look-up/{lookup_id}/request", data=form).status_code == 404
    for wrong in ("0" * 31, "A" * 32, "..%2f..", "x"):
        assert client.get(f"/look-up/{wrong}").status_code == 404
    assert made.people.asked == [] and not made.desk.records.of("lookup")


def test_a_user_who_may_no_longer_look_up_sees_no_answer_any_more(make: Callable[..., Made]) -> None:
    made = make(more=[account("sue", "rung-4", "overseen")], protocols=LOOKUP)
    with Client(made) as client:
        sign_in(client, "sue")
        lookup_id = ask(client, purpose="supervision")
        made.arrives(found(lookup_id, match(ANN)))
        assert client.get(f"/look-up/{lookup_id}").status_code == 200
        held = made.config.accounts.read_text()
        made.config.accounts.write_text(held.replace('"overseen"', '"gone"'))
        assert client.get(f"/look-up/{lookup_id}").status_code == 404


def test_a_restricted_child_and_nobody_are_one_answer_byte_for_byte(both: tuple[Made, Client]) -> None:
    """Should the platform not have heard yet what own systems say, the desk says nothing either."""
    made, client = both
    made.people.profiles[ANN] = {"allocation": "", "restricted": True}
    hidden, nobody = ask(client), ask(client)
    made.arrives(found(hidden, match(ANN)))
    made.arrives(found(nobody))
    for path in ("", "/answer"):
        answers = [client.get(f"/look-up/{lookup_id}{path}") for lookup_id in (hidden, nobody)]
        one, other = (main(answer.text) for answer in answers)
        assert one == other
        assert "Nobody was found" in one
    assert made.people.asked == []
    assert not [line for line in entries(made.config.audit) if ANN.hex() in line["subjects"]]
    del made.people.profiles[ANN]
    assert "Annabel" in client.get(f"/look-up/{hidden}").text, "it was the restriction, and nothing else"


def test_it_waits_says_when_it_is_late_and_ends(both: tuple[Made, Client]) -> None:
    made, client = both
    lookup_id = ask(client)

    def says(text: str) -> bool:
        return text in client.get(f"/look-up/{lookup_id}").text

    assert says("are being compared") and not says("There is no answer yet")
    made.wall += LATE_MS + 1
    assert says("There is no answer yet") and says("are being compared")
    made.arrives(found(lookup_id, match(ANN)))
    assert says("Annabel")
    made.arrives({**found(lookup_id), "body": None})
    made.wall = NOW + VALID_S * 1000
    assert says("This look-up is over") and not says("Annabel")


def test_an_answer_ends_in_redis_by_itself_too(both: tuple[Made, Client]) -> None:
    made, client = both
    lookup_id = ask(client)
    made.arrives(found(lookup_id, match(ANN)))
    (place,) = [key for key in made.redis.scan_iter() if lookup_id.encode() in key]
    assert 0 < made.redis.ttl(place) <= LOOKUP_KEPT_S
    made.arrives({**found(lookup_id), "body": None})
    assert not made.redis.exists(place)


def test_what_the_platform_gave_back_says_why(both: tuple[Made, Client]) -> None:
    made, _ = both
    own, _ = made.join()
    with Client(made) as again:
        sign_in(again)
        lookup_id = ask(again)
        ((topic, value),) = made.sent.take()
        letter = {"agency": "council", "origin": topic, "reason": "lookup_full", "stage": "step", "received_at": NOW,
                  "size_bytes": len(value), "sha256": bytes(32),
                  "sealed": crypto.hpke_seal(crypto.hpke_public(own.own.seal_private), value, b"sightline dead letter")}  # fmt: skip
        own.takes("dead_letter", letter, "dead-letters-council")
        page = again.get(f"/look-up/{lookup_id}").text
    assert "Nobody was looked up" in page and "Too many look-ups of your agency" in page


def test_where_the_platform_is_out_of_reach_the_page_says_so(both: tuple[Made, Client]) -> None:
    made, client = both
    made.sent.down = True
    answer = typed(client)
    assert answer.status_code == 503
    assert "Nobody was looked up" in answer.text
    assert len(lines(made, "look_up")) == 1


@pytest.mark.parametrize(("name", "most"), [("an hour", AN_HOUR_MAX), ("a day", A_DAY_MAX)])
def test_a_user_looks_up_so_often_and_no_oftener(both: tuple[Made, Client], name: str, most: int) -> None:
    made, client = both
    form = {**TYPED, "csrf": token(client.get("/look-up").text)}
    for number in range(most):
        if name == "a day" and number % (AN_HOUR_MAX - 1) == 0:  # as hours go by
            for key in made.redis.scan_iter("*limit:look_up:*"):
                made.redis.delete(key)
            for key in made.redis.scan_iter("*limit:site:*"):
                made.redis.delete(key)
        assert client.post("/look-up", data=form).status_code == 303, number
    if name == "a day":
        for key in made.redis.scan_iter("*limit:look_up:*"):
            made.redis.delete(key)
    answer = client.post("/look-up", data=form)
    assert answer.status_code == 429
    assert len(made.sent.take()) == len(lines(made, "look_up")) == most
    with Client(made) as colleague:
        sign_in(colleague, "alex")
        assert typed(colleague).status_code == 303, "another user has their own"


TODAY = date(2025, 11, 24)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("given", {"given": ""}), ("given", {"given": "Baby"}), ("given", {"given": "Z"}), ("surname", {"surname": " "}),
        ("surname", {"surname": "Unknown"}), ("day", {"day": "31", "month": "2"}), ("day", {"year": "2026"}),
        ("day", {"year": "1899"}), ("day", {"month": "x"}), ("day", {"day": "1", "month": "1", "year": "1970"}),
        ("nhs", {"nhs": "9434765918"}), ("purpose", {"purpose": ""}), ("purpose", {"purpose": "planning"}),
        ("purpose", {"purpose": "curiosity"}),
    ],
)  # fmt: skip
def test_what_cannot_be_looked_up_is_told_at_its_field_and_nothing_is_sent(
    both: tuple[Made, Client], field: str, changes: dict[str, str]
) -> None:
    made, client = both
    assert list(problems(Form.of({**TYPED, **changes}), ("safeguarding",), TODAY)) == [field]
    answer = typed(client, **changes)
    assert answer.status_code == 400
    assert f'id="{field}-error"' in answer.text and f'href="#{field}"' in answer.text
    assert "<title>Error: " in answer.text
    assert made.sent.take() == [] and not lines(made, "look_up")


def test_no_field_carries_more_than_its_length() -> None:
    form = Form.of({name: "x" * 10_000 for name in TYPED})
    assert max(len(value) for value in vars(form).values()) <= 2_000
    assert "Zebulon" not in repr(Form.of(TYPED)) and "Zebulon" not in repr(Form.of(TYPED).person())


def test_the_purposes_are_those_of_protocols() -> None:
    assert set(get_args(Purpose)) == set(PURPOSES) == set(PURPOSE_WORDS)


def test_somebody_of_whom_we_hold_a_record_can_be_asked_about(make: Callable[..., Made]) -> None:
    made = make({"sam": 4, "kit": 1})
    own, _ = made.join()
    asks = {"household": "f00d", "agency": "police", "kind": "record", "purpose": "protect", "basis": "duty"}
    with Client(made) as client:
        sign_in(client)
        lookup_id = ask(client)
        made.arrives(found(lookup_id, match(ANN), match(household="beef")))
        page = client.get(f"/look-up/{lookup_id}").text
        assert page.count(f'action="/look-up/{lookup_id}/request"') == 1, "a request stands on a record of ours"
        form = {**asks, "csrf": token(page)}
        for wrong in ({"household": "beef"}, {"household": "none"}, {"agency": "schools"}, {"agency": "council"},
                      {"kind": "all"}, {"basis": ""}):  # fmt: skip
            assert client.post(f"/look-up/{lookup_id}/request", data=form | wrong).status_code == 404, wrong
        answer = client.post(f"/look-up/{lookup_id}/request", data=form)
        assert answer.status_code == 303
        assert client.get(answer.headers["location"]).status_code == 200
    ((_, value),) = own.wire.take()
    _, request = codec.decode(value, frozenset({"request"}))
    assert (request["asked"], request["records"], request["alert_id"]) == ("police", [ANN], "")
    with Client(made) as client:
        sign_in(client, "kit")
        lookup_id = ask(client)
        made.arrives(found(lookup_id, match(ANN)))
        page = client.get(f"/look-up/{lookup_id}").text
        assert "/request" not in main(page)
        answer = client.post(
            f"/look-up/{lookup_id}/request", data={**asks, "csrf": token(client.get("/look-up").text)}
        )
        assert answer.status_code == 404


def test_every_link_of_an_answer_leads_to_a_page_of_what_was_found_and_of_nothing_else(
    make: Callable[..., Made],
) -> None:
    made = make(more=[account("lou", "lookup-only")], protocols=LOOKUP)
    made.people.profiles[ANN] = profile(ANN)
    made.arrives(household("f00d", records=[ANN.hex()]))
    made.arrives(household("abba", records=[BEN.hex()]))
    with Client(made) as client:
        sign_in(client, "lou")
        pages = [f"/people/{ANN.hex()}", "/households/f00d"]
        assert [client.get(path).status_code for path in pages] == [404, 404], "before"
        lookup_id = ask(client)
        made.arrives(found(lookup_id, match(ANN), match(household="beef")))
        page = main(client.get(f"/look-up/{lookup_id}").text)
        assert re.findall('href="(/(?:people|households)/[^"]*)"', page) == pages, (
            "who is not known to us has no page here"
        )
        assert [client.get(path).status_code for path in pages] == [200, 200]
        assert client.get("/households/abba").status_code == 404
