"""Two desks: what one asks, what the other decides, what both audits say of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import topology
from bridge.desk.audit import AuditDown
from bridge.desk.exchange.answer import SharedPerson
from bridge.desk.exchange.holder import Undecided
from bridge.desk.exchange.kept import Kept
from bridge.desk.exchange.rows import OUTGOING, Outgoing
from bridge.desk.send import NotSent
from schemas import codec, crypto
from schemas.dead_letter import SEAL_INFO
from tests.unit.bridge.desk.exchange.support import (
    DAY_MS,
    GUARDED,
    NOW,
    OTHER,
    PAIRS,
    RECORD,
    Side,
    Wire,
    deliver,
    view,
    wish,
)

REQUEST = {"agency": "council", "team": "mash", "user": "u-9", "kind": "identity", "purpose": "identify", "basis": "duty",
           "requested_at": NOW, "expires_at": NOW + DAY_MS, "records": [RECORD.hex()]}  # fmt: skip


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def council(tmp_path: Path, wire: Wire) -> Side:
    return Side(tmp_path, "council", wire)


@pytest.fixture
def police(tmp_path: Path, wire: Wire) -> Side:
    return Side(tmp_path, "police", wire)


@pytest.fixture
def hospital(tmp_path: Path, wire: Wire) -> Side:
    return Side(tmp_path, "hospital", wire)


def test_a_child_not_known_to_us_is_named_by_the_protocol_alone_and_both_audits_agree(
    wire: Wire, council: Side, police: Side
) -> None:
    request_id = council.asker.ask("u-1", "mash", wish())
    deliver(wire, council, police)
    police.beat()
    deliver(wire, council, police)
    row = council.asker.find(request_id)
    assert row and row.content
    assert row.state == "answered"
    assert row.content.people == (SharedPerson(given="Wilhelmina", surname="Ashdown", dob="2015-01-02", key=("P1",)),)
    assert row.content.call == {"agency": "police", "name": "Police", "office_number": "01632 960111"}
    (disclosed,), (received,) = police.lines("disclose"), council.lines("received")
    assert disclosed["subjects"] == [request_id, RECORD.hex()]
    assert received["subjects"] == [request_id]
    assert disclosed["sha256"] == received["sha256"] == row.sha256
    assert (disclosed["protocol"], disclosed["rung"], disclosed["to"]) == ("who-is-this", 4, "council")
    (asked,) = council.lines("ask")
    assert asked["subjects"] == [request_id, "a" * 32]


def test_a_record_waits_for_a_named_person_who_answers_under_the_protocol(
    wire: Wire, council: Side, police: Side
) -> None:
    request_id = council.asker.ask("u-1", "mash", wish(kind="record", purpose="protect"))
    deliver(wire, council, police)
    police.beat()
    deliver(wire, council, police)
    row = council.asker.find(request_id)
    assert row and row.state == "open"
    assert not police.lines("disclose")
    police.holder.answer(request_id, "p-7")
    deliver(wire, council, police)
    row = council.asker.find(request_id)
    assert row and row.content
    assert row.content.people[0].events[0].texts == ("neighbour heard shouting",)
    (disclosed,) = police.lines("disclose")
    assert (disclosed["user"], disclosed["protocol"]) == ("p-7", "strategy")
    assert disclosed["sha256"] == row.sha256


def test_without_a_protocol_a_person_answers_only_with_reason_and_basis(
    wire: Wire, council: Side, police: Side
) -> None:
    request_id = council.asker.ask("u-1", "mash", wish(kind="record"))
    deliver(wire, council, police)
    for note, basis in (
        ("", ""),
        ("they are at risk", ""),
        ("", "consent"),
        ("they are at risk", "none"),
        (" ", "duty"),
    ):
        with pytest.raises(Undecided):
            police.holder.answer(request_id, "p-7", note, basis)
    assert not police.lines("disclose")
    police.holder.answer(request_id, "p-7", "they are at risk", "consent")
    (disclosed,) = police.lines("disclose")
    assert (disclosed["protocol"], disclosed["basis"]) == ("none", "consent")
    assert "at risk" not in (police.folder / "audit.jsonl").read_text(), "what a person wrote is kept sealed"
    row = police.holder.find(request_id)
    assert row and row.note == "they are at risk"
    deliver(wire, council, police)
    answered = council.asker.find(request_id)
    assert answered and answered.state == "answered"


def test_a_refusal_says_why_and_holds_nothing_of_the_child(wire: Wire, council: Side, police: Side) -> None:
    request_id = council.asker.ask("u-1", "mash", wish(kind="record"))
    deliver(wire, council, police)
    with pytest.raises(Undecided):
        police.holder.refuse(request_id, "p-7", "because")
    police.holder.refuse(request_id, "p-7", "not_needed")
    deliver(wire, council, police)
    row = council.asker.find(request_id)
    assert row
    assert (row.state, row.reason, row.content) == ("refused", "not_needed", None)
    assert police.lines("refuse_request")[0]["sha256"] == council.lines("received")[0]["sha256"]


def test_a_restricted_record_never_answers_by_itself(wire: Wire, council: Side, police: Side) -> None:
    request_id = council.asker.ask("u-1", "mash", wish())
    deliver(wire, council, police, records=(RECORD, GUARDED))
    police.beat()
    assert not police.lines("disclose")
    row = police.holder.find(request_id)
    assert row
    verdict = police.holder.verdict(row)
    assert verdict.protocol and verdict.protocol.id == "who-is-this"
    assert not verdict.automatic


def test_an_answer_is_received_once_and_a_second_is_refused(wire: Wire, council: Side, police: Side) -> None:
    request_id = council.asker.ask("u-1", "mash", wish())
    deliver(wire, council, police)
    police.beat()
    sent = [message for message in wire.take() if b"police" in message[1]]
    wire.sent = sent * 2
    deliver(wire, council, police)
    assert [line["reason"] for line in council.lines("letter_refused")] == ["replayed"]
    assert len(council.lines("received")) == 1
    row = council.asker.find(request_id)
    assert row and row.state == "answered"


def test_an_answer_that_nobody_asked_for_is_refused(wire: Wire, council: Side, police: Side) -> None:
    police.asked()
    police.beat()
    deliver(wire, council, police)
    assert [line["reason"] for line in council.lines("letter_refused")] == ["replayed"]
    assert not council.asker.recent(("mash",), 10)


def test_a_letter_on_another_agencys_topic_is_forged(wire: Wire, council: Side, police: Side) -> None:
    council.asker.ask("u-1", "mash", wish())
    deliver(wire, council, police)
    police.beat()
    for _, value in wire.take():
        _, message = codec.decode(value, frozenset({"disclosure"}))
        council.takes("disclosure", message, topology.DISCLOSURES.name.format(agency="hospital"))
    assert {line["reason"] for line in council.lines("letter_refused")} == {"forged"}


def test_a_third_desk_takes_nothing_that_is_for_another(
    wire: Wire, council: Side, police: Side, hospital: Side
) -> None:
    council.asker.ask("u-1", "mash", wish())
    deliver(wire, council, police, hospital)
    police.beat()
    deliver(wire, council, police, hospital)
    assert not hospital.lines("received") + hospital.lines("letter_refused")


def test_what_is_answered_after_it_expired_is_refused_on_both_sides(wire: Wire, council: Side, police: Side) -> None:
    request_id = council.asker.ask("u-1", "mash", wish(kind="record", purpose="protect"))
    deliver(wire, council, police)
    police.holder.answer(request_id, "p-7")
    council.now += 3 * DAY_MS
    deliver(wire, council, police)
    assert [line["reason"] for line in council.lines("letter_refused")] == ["expired"]
    late = council.asker.ask("u-1", "mash", wish(kind="record", purpose="protect"))
    deliver(wire, council, police)
    police.now += 9 * DAY_MS
    with pytest.raises(Undecided):
        police.holder.answer(late, "p-7")
    assert len(police.lines("disclose")) == 1


def test_what_the_platform_takes_back_cannot_be_answered(police: Side) -> None:
    request_id = police.asked(kind="record", purpose="protect")
    police.takes("view", view(request_id, None), "views/0")
    with pytest.raises(Undecided):
        police.holder.answer(request_id, "p-7")
    row = police.holder.find(request_id)
    assert row and row.state == "withdrawn"


def test_a_row_that_comes_again_is_not_answered_again(wire: Wire, police: Side) -> None:
    request_id = police.asked()
    police.beat()
    police.takes("view", view(request_id, REQUEST), "views/0")
    police.beat()
    assert len(police.lines("disclose")) == 1


def test_no_audit_no_answer(wire: Wire, police: Side) -> None:
    request_id = police.asked(kind="record", purpose="protect")

    def down(*_: object, **__: object) -> None:
        raise AuditDown("disk full")

    police.audit.record = down  # type: ignore[method-assign]
    with pytest.raises(AuditDown):
        police.holder.answer(request_id, "p-7")
    assert not wire.sent
    row = police.holder.find(request_id)
    assert row and row.state == "open"


def test_no_audit_nothing_received(wire: Wire, council: Side, police: Side) -> None:
    request_id = council.asker.ask("u-1", "mash", wish())
    deliver(wire, council, police)
    police.beat()
    record = council.audit.record

    def down(*_: object, **__: object) -> None:
        raise AuditDown("disk full")

    sent, wire.sent = wire.sent, []
    council.audit.record = down  # type: ignore[method-assign]
    wire.sent = list(sent)
    with pytest.raises(Exception, match="AuditDown"):
        deliver(wire, council, police)
    row = council.asker.find(request_id)
    assert row and row.state == "open"
    council.audit.record = record  # type: ignore[method-assign]
    wire.sent = list(sent)
    deliver(wire, council, police)
    row = council.asker.find(request_id)
    assert row and row.state == "answered"


def test_a_decision_that_did_not_arrive_is_sent_again_as_it_was_and_audited_once(
    wire: Wire, council: Side, police: Side
) -> None:
    request_id = council.asker.ask("u-1", "mash", wish(kind="record", purpose="protect"))
    deliver(wire, council, police)
    police.beat()
    wire.take()
    wire.down = True
    with pytest.raises(NotSent):
        police.holder.answer(request_id, "p-7")
    police.beat()
    wire.down = False
    police.kept.close()
    police.open()
    police.beat()
    deliver(wire, council, police)
    (disclosed,), (received,) = police.lines("disclose"), council.lines("received")
    assert disclosed["sha256"] == received["sha256"]


def test_a_lost_desk_finds_its_requests_and_answers_again(wire: Wire, council: Side, police: Side) -> None:
    request_id = council.asker.ask("u-1", "mash", wish())
    council.kept.close()
    council.open()
    deliver(wire, council, police)
    police.beat()
    deliver(wire, council, police)
    council.kept.close()
    council.open()
    row = council.asker.find(request_id)
    assert row and row.content
    assert council.taker.offsets("exchange")


def test_what_is_kept_is_sealed(wire: Wire, council: Side, police: Side) -> None:
    council.asker.ask("u-1", "mash", wish())
    deliver(wire, council, police)
    police.beat()
    deliver(wire, council, police)
    for side in (council, police):
        side.kept.close()
        data = b"".join(path.read_bytes() for path in side.folder.glob("kept.sqlite*"))
        assert b"Wilhelmina" not in data
        assert b"who-is-this" not in data
    with pytest.raises(crypto.Broken):
        Kept(council.folder / "kept.sqlite", bytes(32)).newest(OUTGOING, Outgoing, 1)


def test_what_the_platform_returns_ends_the_request_with_its_reason(wire: Wire, council: Side) -> None:
    request_id = council.asker.ask("u-1", "mash", wish())
    ((topic, value),) = wire.take()
    letter = {"agency": "council", "origin": topic, "reason": "request_nothing", "stage": "step", "received_at": NOW,
              "size_bytes": len(value), "sha256": b"", "sealed": crypto.hpke_seal(PAIRS["council"][1][1], value, SEAL_INFO)}  # fmt: skip
    council.takes("dead_letter", {**letter, "origin": "identities"}, "dead")
    row = council.asker.find(request_id)
    assert row and row.state == "open", "what a bridge sent is none of ours"
    council.takes("dead_letter", letter, "dead")
    row = council.asker.find(request_id)
    assert row
    assert (row.state, row.reason) == ("returned", "request_nothing")


def test_a_request_that_was_not_sent_says_so(wire: Wire, council: Side) -> None:
    wire.down = True
    with pytest.raises(NotSent):
        council.asker.ask("u-1", "mash", wish())
    (row,) = council.asker.recent(("mash",), 10)
    assert (row.state, row.reason) == ("returned", "not_sent")


def test_requests_are_shown_to_the_team_that_asked(council: Side) -> None:
    council.asker.ask("u-1", "mash", wish())
    assert len(council.asker.recent(("mash", "x"), 10)) == 1
    assert not council.asker.recent(("duty-east",), 10)


def test_heads_are_exchanged_once_a_day_and_the_first_of_a_day_stands(
    wire: Wire, council: Side, police: Side
) -> None:
    police.beat()
    assert not wire.sent, "an empty audit has no head"
    police.audit.record("p-7", "alert", ("x",))
    for _ in range(3):
        police.beat()
    assert len(wire.sent) == 1
    deliver(wire, council, police)
    first = council.asker.heads("police")
    assert [(head.number, head.hash) for head in first] == [(1, police.audit.head)]
    police.kept.close()
    (police.folder / "kept.sqlite").unlink()
    police.open()
    police.audit.record("p-7", "alert", ("y",))
    police.beat()
    deliver(wire, council, police)
    assert council.asker.heads("police") == first
    police.wall += DAY_MS
    council.wall += DAY_MS
    police.beat()
    deliver(wire, council, police)
    assert [head.number for head in council.asker.heads("police")] == [2, 1]


def test_after_its_time_nothing_is_kept_of_an_answer(wire: Wire, council: Side, police: Side) -> None:
    request_id = council.asker.ask("u-1", "mash", wish())
    deliver(wire, council, police)
    police.beat()
    deliver(wire, council, police)
    council.wall += 366 * DAY_MS
    council.beat()
    assert council.asker.find(request_id) is None


@pytest.mark.parametrize(
    ("request_id", "body"),
    [
        ("0" * 32, []), ("0" * 32, {"agency": "council"}), ("0" * 32, {**REQUEST, "kind": "everything"}),
        ("0" * 32, {**REQUEST, "basis": "none of ours"}), ("0" * 32, {**REQUEST, "records": ["no hexadecimal"]}),
        ("0" * 32, {**REQUEST, "records": [""]}), ("0" * 30, REQUEST), ("x" * 32, REQUEST),
    ],
)  # fmt: skip
def test_a_row_that_is_no_request_stops_nothing(police: Side, request_id: str, body: object) -> None:
    police.takes("view", view(request_id, body), "views/0")
    assert not police.holder.recent(10)
    police.beat()
    assert police.holder.find(police.asked(records=[OTHER.hex()]))


def test_the_platform_says_who_asks_and_nothing_of_what_was_decided(wire: Wire, police: Side) -> None:
    request_id = "7" * 32
    false = {"state": "sending", "letter": "AAAA", "protocol": "who-is-this", "user_here": "p-7", "note": "agreed",
             "automatic": True, "sha256": "00", "request_id": "8" * 32}  # fmt: skip
    police.takes("view", view(request_id, {**REQUEST, "kind": "record", **false}), "views/0")
    row = police.holder.find(request_id)
    assert row
    assert (row.request_id, row.state, row.letter, row.protocol, row.note) == (request_id, "open", b"", "", "")
    police.beat()
    assert not [topic for topic, value in wire.sent if request_id.encode() in value]
    assert not police.lines("disclose")
