"""Whatever bytes come, each ends counted with a reason, nothing of it is applied, and the next message is none the worse.

Through intake's guard and through `step` alike: what a broken intake journaled may not hurt the worker.
"""

from __future__ import annotations

import json
import random
import secrets

import pytest

import topology
from bridge.normalise import Person
from schemas import codec
from schemas.dead_letter import REASONS
from streams import registers
from streams.outbox import Cutter
from streams.runtime import guard
from streams.runtime.guard import Origin
from streams.state import pack_delta
from streams.step import State, make_machine
from tests.smalltown import JOHN, MARY, NAME, START_MS, Smalltown, entry

MUTATIONS = 1000
REFUSED = ("council", "dead_letter")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Smalltown:
    return Smalltown(tmp_path_factory.mktemp("keys") / "town")


@pytest.fixture
def machine(town: Smalltown) -> State:
    """Live records of two agencies, with an event each."""
    made = make_machine(0, town.keyring)
    made.step([
        *town.opening(), town.identity("council", "m", MARY), town.profile("council", "m"),
        town.identity("police", "j", JOHN), town.event("police", "j", "e", START_MS - 1),
    ])  # fmt: skip
    return made


def envelope_of(journaled: bytes) -> tuple[str, bytes]:
    """Origin and framed envelope of a journal entry."""
    _, message = codec.decode(journaled, frozenset({"journal"}))
    return message["origin"], message["body"]


def with_string(envelope: bytes, raw: bytes) -> bytes:
    """A valid envelope whose source is these bytes, whatever they are in UTF-8."""
    _, fields = codec.decode(envelope, frozenset({"envelope"}))
    marker = "?" * len(raw)
    return codec.encode("envelope", {**fields, "source": marker}).replace(marker.encode(), raw, 1)


def hostile(good: bytes) -> dict[str, bytes]:
    """Inputs of RELIABILITY section 5 that reach the platform as bytes."""
    magic = good[:5]
    made = {
        "empty": b"", "one byte": b"\0", "wrong magic": b"\1" + good[1:], "unknown schema": b"\0\xff\xff\xff\xff",
        "trailing bytes": good + b"\0", "an array bomb": magic + b"\xfe\xff\xff\xff\x0f", "recursion": magic + b"\2" * 200_000,
        "two megabytes": magic + bytes(2_000_000), "not UTF-8": with_string(good, b"\xff\xfe"),
        "a lone surrogate": with_string(good, b"\xed\xa0\x80"), "a negative length": magic + b"\x01" * 40,
    }  # fmt: skip
    return made | {f"cut at {length}": good[:length] for length in range(len(good))}


def test_hostile_bytes_are_refused_by_intake_and_by_step(town: Smalltown, machine: State) -> None:
    origin, good = envelope_of(town.event("council", "m", "e2", START_MS - 1))
    where = Origin(topology.EVENTS.name, "council")
    register = {NAME: registers.parse_register(json.dumps(town.register()))}
    assert guard.route(where, good, register)
    before = machine.digest()
    for what, data in hostile(good).items():
        with pytest.raises(codec.Rejected) as refused:
            guard.route(where, data, register)
        assert refused.value.reason in REASONS, what
        try:
            journaled = entry(origin, data, START_MS)
        except codec.Unencodable:
            continue
        outcome = machine.step([journaled])
        # an entry that is itself too large is refused as a whole, and then nobody knows whose it was
        assert outcome.counts in ({REFUSED: 1}, {("", "dead_letter"): 1}), what
        assert machine.digest() == before, what
    assert machine.step([entry(origin, good, START_MS)]).counts == {("council", "applied"): 1}


def mutated(draw: random.Random, data: bytes) -> bytes:
    """A few bytes changed, dropped, doubled, or put in."""
    made = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        at = draw.randrange(len(made) or 1)
        what = draw.randrange(4)
        if what == 0 and made:
            made[at] ^= 1 << draw.randrange(8)
        elif what == 1:
            del made[at : at + draw.randrange(1, 9)]
        elif what == 2:
            made[at:at] = draw.randbytes(draw.randrange(1, 9))
        else:
            made[at:at] = made[at : at + draw.randrange(1, 33)]
    return bytes(made)


def test_a_thousand_mutations_are_counted_and_never_applied(town: Smalltown, machine: State) -> None:
    seed = secrets.randbits(32)
    draw = random.Random(seed)
    valid = [
        town.identity("council", "m", JOHN), town.identity("council", "m", None), town.profile("council", "m"),
        town.event("council", "m", "e3", START_MS - 1, outcome="need_or_plan"), town.heartbeat("council", START_MS),
        town.live("council", START_MS), town.request("council", "police", START_MS, records=[town.rid("council", "m")]),
        town.lookup("council", Person(given=MARY.given, surname=MARY.surname, dob=MARY.dob), START_MS),
    ]  # fmt: skip
    before, cut = machine.digest(), Cutter(town.keyring.entity_key)
    for number in range(MUTATIONS):
        origin, good = envelope_of(draw.choice(valid))
        data = mutated(draw, good)
        if data == good:
            continue
        outcome = machine.step([entry(origin, data, START_MS)])
        assert sum(outcome.counts.values()) == 1, (seed, number)
        assert set(outcome.counts) == {REFUSED}, (seed, number, outcome.counts)
        (refusal,) = outcome.outbox
        (letter,) = cut(refusal)
        _, told = codec.decode(letter.value, frozenset({"dead_letter"}))
        assert told["reason"] in REASONS, (seed, number)
        assert machine.digest() == before, (seed, number)
    assert machine.step(valid[3:4]).counts == {("council", "applied"): 1}, seed


def test_a_machine_that_took_them_all_still_folds(town: Smalltown, machine: State) -> None:
    origin, good = envelope_of(town.identity("council", "m", MARY))
    machine.step([entry(origin, good[:length], START_MS) for length in range(0, len(good), 7)])
    fresh = make_machine(0, town.keyring)
    fresh.load(pack_delta(machine.rows()))
    fresh.ready()
    assert fresh.digest() == machine.digest()
