"""A model of a partnership's own: fitted from a snapshot, shown, signed by two, in force by a control."""

from __future__ import annotations

import json
import random
from pathlib import Path

import msgspec
import pytest

import topology
from bridge.normalise import Person
from schemas.crypto import Aead
from streams.linkage.model import read_model, shipped_model, write_model
from streams.runtime import snapshots
from streams.runtime.snapshots import Manifest
from streams.step import State, make_machine
from streams.tools import controls, linkage
from tests.smalltown import APPROVERS, NAME, START_MS, Smalltown, entry, person, tick
from tests.unit.streams.runtime.memory import Nonces

GIVEN = ("Ada", "Bram", "Cleo", "Dora", "Emil", "Fern", "Gus", "Hana", "Ivor", "Juno")
SURNAMES = ("Quillfeather", "Oddfellow", "Larkham", "Pettigrove", "Starling", "Winterbourne")


def someone(draw: random.Random) -> Person:
    surname = draw.choice(SURNAMES)
    born = f"20{draw.randrange(10, 20)}-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}"
    return person(draw.choice(GIVEN), surname, born, number=str(draw.randrange(1, 40)))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> tuple[Smalltown, State, Path]:
    """120 children, half of them known to both agencies, and a snapshot of it."""
    root = tmp_path_factory.mktemp("linkage")
    small, draw = Smalltown(root / "keys"), random.Random(5)
    state = make_machine(0, small.keyring)
    state.step(small.opening())
    for number in range(120):
        who = someone(draw)
        state.step([small.identity("council", f"c{number}", who)])
        if number % 2:
            state.step([small.identity("police", f"p{number}", who)])
    store = snapshots.Store(str(root / "snapshots"), Aead(small.keyring.state_key))
    rows = state.rows()
    manifest = Manifest(partition=0, sequence=1, next=1, hash="ab" * 32, end=1, tip=0, rows=len(rows), frames=0,
                        digest=state.digest().hex(), made_at=0, before="")  # fmt: skip
    store.write(manifest, rows, Nonces(1), lambda _point: None)
    return small, state, root


def fit(root: Path, **changes: str) -> tuple[int, Path]:
    options = {"--keys": str(root / "keys" / "platform"), "--snapshots": str(root / "snapshots"), "--partition": "0",
               "--partnership": NAME, "--version": "own-1", "--to": str(root / "own-1.json"), **changes}  # fmt: skip
    return linkage.main(["fit", *(word for pair in options.items() for word in pair)]), root / "own-1.json"


def test_a_model_is_fitted_shown_signed_and_swept_in(town, capsys):
    _, state, root = town
    status, file = fit(root)
    said = capsys.readouterr().out
    assert status == 0
    assert f"{shipped_model().version} -> own-1" in said
    assert "records          180" in said
    model = read_model(file.read_bytes())
    graph = state.partnerships[NAME].graph
    change = linkage.difference(graph, model)
    assert f"people           {change.people[0]:,} -> {change.people[1]:,}" in said

    assert controls.main(["draft", "--partnership", NAME, "--name", "linkage", "--version", "1", "--body", str(file),
                          "--effective-at", str(START_MS)]) == 0  # fmt: skip
    draft = root / "draft.json"
    draft.write_text(capsys.readouterr().out)
    signed = []
    for approver in APPROVERS:
        private = root / "keys" / "governance" / f"{approver}.private"
        own = root / approver
        own.mkdir()
        (own / private.name).write_text(private.read_text())
        assert controls.main(["sign", "--draft", str(draft), "--folder", str(own)]) == 0
        signed.append(root / f"{approver}.json")
        signed[-1].write_text(capsys.readouterr().out)
    value = controls.framed(controls.read_draft(draft), [controls.read_signed(one) for one in signed])

    outcome = state.step([entry(topology.CONTROLS.name, value, START_MS + 1)])
    assert outcome.counts["", "applied"] == 1
    assert state.partnerships[NAME].graph.model.version == shipped_model().version
    changed = 0
    for turn in range(10):
        outbox = state.step([tick(START_MS + 2 + turn)]).outbox
        changed += sum(len(msgspec.msgpack.decode(out.body)[3]) for out in outbox if out.kind == "link")
    graph = state.partnerships[NAME].graph
    assert graph.model.version == "own-1"
    assert len(graph.people()) == 180 - change.people[1] - sum(len(group) - 2 for group in graph.people())
    assert bool(changed) == bool(change.records_moved)


@pytest.mark.parametrize(("changes", "why"), [
    ({"--partnership": "elsewhere"}, "no partnership elsewhere"), ({"--partition": "3"}, "no snapshot"),
    ({"--keys": "/nowhere"}, "No such file"),
])  # fmt: skip
def test_what_there_is_not_is_named(town, capsys, changes, why):
    assert fit(town[2], **changes)[0] == 2
    assert why in capsys.readouterr().err


def test_a_difference_counts_who_would_be_joined_and_parted(town):
    _, state, _ = town
    graph = state.partnerships[NAME].graph
    nobody = msgspec.structs.replace(graph.model, edge=60_000)
    change = linkage.difference(graph, nobody)
    together = sum(len(group) for group in graph.people())
    assert (change.people[1], change.parted, change.joined) == (180, len(graph.people()), 0)
    assert change.records_moved == sum(change.by_agency.values()) == together
    assert linkage.difference(graph, graph.model).records_moved == 0


def test_a_control_needs_two_approvers_and_a_known_name(tmp_path, capsys):
    body = tmp_path / "body.json"
    body.write_text("{}")
    assert (
        controls.main(["draft", "--partnership", NAME, "--name", "weather", "--version", "1", "--body", str(body)])
        == 2
    )
    assert "no control is called weather" in capsys.readouterr().err
    draft = controls.Draft(NAME, "linkage", 1, START_MS, write_model(shipped_model()).decode())
    one = controls.sign(draft, "ann", bytes(range(32)))
    for signed in ([], [one], [one, one]):
        with pytest.raises(controls.NotReady, match="2 different"):
            controls.framed(draft, signed)
    spoilt = tmp_path / "signed.json"
    spoilt.write_text(json.dumps({"approver": "ann", "signature": "no hex"}))
    with pytest.raises(controls.NotReady):
        controls.read_signed(spoilt)
