"""Every message ends counted, forgeries go back with a reason, neighbours are unaffected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from schemas import codec, crypto
from schemas.dead_letter import REASONS, SEAL_INFO
from streams.outbox import RefusedOut, make_cut
from streams.state import Outcome
from streams.step import State, make_machine
from tests import smalltown
from tests.smalltown import DAY_MS, JOHN, MARY, START_MS, Smalltown, entry, tick


def run(town: Smalltown, entries: Sequence[bytes], *, opening: bool = True) -> tuple[State, Outcome]:
    """A fresh machine after the opening, and what it makes of the entries."""
    machine = make_machine(0, town.keyring)
    if opening:
        machine.step(town.opening())
    return machine, machine.step(entries)


def refusals(outcome: Outcome) -> list[str]:
    return [
        msgspec.msgpack.decode(out.body, type=RefusedOut).reason
        for out in outcome.outbox
        if out.kind == "dead_letter"
    ]


def clusters(machine: State) -> list[tuple[bytes, ...]]:
    graph = machine.partnerships[smalltown.NAME].graph
    identities = machine.partnerships[smalltown.NAME].tables["identities"]
    return sorted(graph.members(rid) for rid in identities if graph.cluster(rid) == rid)


def test_records_of_one_person_at_two_agencies_become_one(town: Smalltown) -> None:
    machine, outcome = run(town, [town.identity("council", "m", MARY), town.identity("police", "q", MARY),
                                  town.identity("police", "j", JOHN)])  # fmt: skip
    mary = tuple(sorted((town.rid("council", "m"), town.rid("police", "q"))))
    assert set(clusters(machine)) == {mary, (town.rid("police", "j"),)}
    assert outcome.counts == {("council", "applied"): 1, ("police", "applied"): 2}


def test_a_repeat_is_a_duplicate_and_an_older_version_too(town: Smalltown) -> None:
    old = town.identity("council", "m", MARY, version=(1, 5, 0))
    new = town.identity("council", "m", JOHN, version=(1, 6, 0))
    machine, outcome = run(town, [new, old, new])
    assert outcome.counts == {("council", "applied"): 1, ("council", "duplicate"): 2}
    again, _ = run(town, [new])
    assert machine.digest() == again.digest()


def test_one_version_with_two_contents_is_an_alarm_not_a_guess(town: Smalltown) -> None:
    _, outcome = run(town, [town.identity("council", "m", MARY, version=(1, 5, 0)),
                            town.identity("council", "m", JOHN, version=(1, 5, 0))])  # fmt: skip
    assert refusals(outcome) == ["conflicting_version"]


def test_an_event_may_come_before_its_record(town: Smalltown) -> None:
    identity, event = town.identity("council", "m", MARY), town.event("council", "m", "e1", START_MS)
    for order in ([identity, event], [event, identity]):
        machine, outcome = run(town, order)
        p = machine.partnerships[smalltown.NAME]
        assert outcome.counts == {("council", "applied"): 2}
        assert [c.occurred_at for c in p.contributions(town.rid("council", "m"))] == [START_MS]


def test_an_event_whose_record_never_comes_is_an_orphan_after_28_days(town: Smalltown) -> None:
    machine, _ = run(town, [town.event("council", "m", "e1", START_MS)])
    before = machine.step([tick(START_MS + 27 * DAY_MS)])
    after = machine.step([tick(START_MS + 28 * DAY_MS)])
    assert ("council", "orphan") not in before.counts
    assert after.counts["council", "orphan"] == 1
    assert not machine.partnerships[smalltown.NAME].tables["events"]


def test_an_event_of_a_deleted_record_is_an_orphan_and_nothing_of_it_is_kept(town: Smalltown) -> None:
    machine, outcome = run(town, [
        town.identity("council", "m", MARY), town.event("council", "m", "e1", START_MS),
        town.identity("council", "m", None), town.event("council", "m", "e2", START_MS),
    ])  # fmt: skip
    assert outcome.counts == {("council", "applied"): 3, ("council", "orphan"): 1}
    assert not machine.partnerships[smalltown.NAME].tables["events"]


def test_a_deleted_event_leaves_no_contribution_and_does_not_come_back(town: Smalltown) -> None:
    event = town.event("council", "m", "e1", START_MS, version=(1, 50, 0))
    machine, outcome = run(town, [
        town.identity("council", "m", MARY), event,
        town.event("council", "m", "e1", START_MS, version=(1, 51, 0), op="delete"), event,
    ])  # fmt: skip
    assert outcome.counts == {("council", "applied"): 3, ("council", "duplicate"): 1}
    assert machine.partnerships[smalltown.NAME].contributions(town.rid("council", "m")) == []


def _forged(town: Smalltown, **changes: Any) -> bytes:
    """A council identity whose envelope was tampered with on the way."""
    _, message = codec.decode(town.identity("council", "m", MARY), frozenset({"journal"}))
    _, envelope = codec.decode(message["body"], frozenset({"envelope"}))
    return entry(message["origin"], codec.encode("envelope", {**envelope, **changes}), START_MS)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"agency": "police"}, "wrong_agency"),
        ({"subject": b"another record"}, "seal_broken"),
        ({"position": 10**9}, "seal_broken"),
        ({"lane": "profile"}, "seal_broken"),
        ({"body": b"clear text of a name"}, "seal_broken"),
        ({"key_id": bytes(16)}, "key_unknown"),
        ({"source": "another"}, "seal_broken"),
    ],
)
def test_a_forged_envelope_goes_back_with_its_reason(town: Smalltown, changes: dict[str, Any], reason: str) -> None:
    good = town.identity("police", "j", JOHN)
    machine, outcome = run(town, [_forged(town, **changes), good])
    assert refusals(outcome) == [reason]
    assert clusters(machine) == [(town.rid("police", "j"),)]


def test_an_agency_cannot_write_as_another(town: Smalltown) -> None:
    """A valid council message, replayed on the topic of the police."""
    _, message = codec.decode(town.identity("council", "m", MARY), frozenset({"journal"}))
    _, outcome = run(town, [entry(town.topic("police", "identity"), message["body"], START_MS)])
    assert refusals(outcome) == ["wrong_agency"]


def test_an_agency_cannot_add_to_another_agencys_record(town: Smalltown) -> None:
    stolen = town.rid("council", "m")
    message = {"op": "upsert", "event": b"x" * 32, "kind": "incident", "occurred_at": START_MS, "factors": [],
               "contact": False, "outcome": ""}  # fmt: skip
    _, outcome = run(
        town, [town.identity("council", "m", MARY), town.send("police", "event", stolen, message, START_MS)]
    )
    assert refusals(outcome) == ["wrong_agency"]


@pytest.mark.parametrize("signers", [(), ("ann",), ("ann", "ann"), ("ann", "stranger")])
def test_a_control_needs_two_different_approvers(town: Smalltown, signers: tuple[str, ...]) -> None:
    held = [signer for signer in signers if signer != "stranger"]
    message = town.control("register", town.register(feed_limit_s=1), 2, held)
    machine, outcome = run(town, [message])
    register = machine.partnerships[smalltown.NAME].registered()
    assert outcome.counts == {("", "dead_letter"): 1, ("", "control_refused"): 1}
    assert register.feed_limit_s == 14 * 86400


@pytest.mark.parametrize(
    "body",
    [{}, {"partition": 0, "agencies": {}, "teams": {}}, {"partition": 0, "agencies": {}, "teams": {"x": {"agency": "nobody"}}}],
)  # fmt: skip
def test_a_control_that_cannot_take_effect_leaves_the_old_one_in_force(town: Smalltown, body: dict[str, Any]) -> None:
    machine, outcome = run(town, [town.control("register", body, 2)])
    assert outcome.counts == {("", "dead_letter"): 1, ("", "control_refused"): 1}
    assert set(machine.partnerships[smalltown.NAME].registered().agencies) == set(smalltown.AGENCIES)


@pytest.mark.parametrize("occurred_at", [0, START_MS + 2 * DAY_MS, 2**62, -(2**62)])
def test_a_date_out_of_range_is_refused(town: Smalltown, occurred_at: int) -> None:
    _, outcome = run(
        town, [town.identity("council", "m", MARY), town.event("council", "m", "e", occurred_at, START_MS)]
    )
    assert refusals(outcome) == ["date_out_of_range"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"factors": [{"family": "witchcraft", "severity": 1, "origin": "text"}]}, "unknown_code"),
        ({"factors": [{"family": "violence", "severity": 1, "origin": "text"}] * 33}, "bad_bounds"),
        ({"outcome": "promoted"}, "unknown_code"),
    ],
)
def test_unknown_codes_are_refused(town: Smalltown, change: dict[str, Any], reason: str) -> None:
    _, outcome = run(town, [town.identity("council", "m", MARY), town.event("council", "m", "e", START_MS, **change)])
    assert refusals(outcome) == [reason]


def test_before_the_register_nothing_is_believed(town: Smalltown) -> None:
    machine, outcome = run(town, [town.identity("council", "m", MARY)], opening=False)
    assert sum(outcome.counts.values()) == 1
    assert not machine.partnerships[smalltown.NAME].tables["identities"]


def test_a_refused_message_comes_back_sealed_to_its_agency_alone(town: Smalltown) -> None:
    _, outcome = run(town, [_forged(town, body=b"clear text of a name")])
    (message,) = make_cut(town.keyring)(outcome.outbox[0])
    _, letter = codec.decode(message.value, frozenset({"dead_letter"}))
    assert letter["reason"] in REASONS
    assert b"clear text" not in message.value
    assert b"clear text" in crypto.hpke_open(town.keys["council"].seal_private, letter["sealed"], SEAL_INFO)
    with pytest.raises(crypto.Broken):
        crypto.hpke_open(town.keys["police"].seal_private, letter["sealed"], SEAL_INFO)


def test_two_agencies_know_one_household_by_different_ids(town: Smalltown) -> None:
    cut = make_cut(town.keyring)
    assert cut.entity_id("council", b"household") != cut.entity_id("police", b"household")


def test_every_message_is_counted_once(town: Smalltown) -> None:
    entries = [town.identity("council", "m", MARY), tick(START_MS), b"", b"\0\0\0\0\x08nonsense",
               _forged(town, body=b"x"), town.event("council", "m", "e", START_MS), town.heartbeat("police", START_MS)]  # fmt: skip
    _, outcome = run(town, entries)
    assert Counter(outcome.counts).total() == len(entries)
