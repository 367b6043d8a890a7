"""A new model or key epoch takes effect by a sweep: nothing changes before, everything is as if it had always been so."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.linkage import SPECS, links
from streams.linkage.graph import LinkDelta, LinkGraph
from streams.linkage.groups import Group
from streams.linkage.identity import Identity
from streams.linkage.links import Links
from streams.linkage.model import LinkModel, write_model
from streams.state import Tables
from tests.unit.streams.linkage.people import ANNA, BEN, CARA, identity, model, tables

SHIPPED = model()
STRICTER = model(version="stricter", edge=20_000)
PEOPLE = (ANNA, {**ANNA, "given": "ana"}, {**ANNA, "surname": "browne"}, BEN, {**BEN, "dob": "20120812"}, CARA)
BODY = write_model(STRICTER).decode()

steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 11), st.sampled_from(PEOPLE), st.sampled_from([1, 1, 2])),
        st.tuples(st.just("drop"), st.integers(0, 11)),
        st.tuples(st.just("say"), st.integers(0, 11), st.integers(0, 11), st.sampled_from(["must", "cannot", "none"])),
        st.tuples(st.just("model")),
        st.tuples(st.just("fold")),
    ),
    max_size=40,
)  # fmt: skip


class Town:
    """Links with its tables as a partnership keeps them, the truth beside it, and a reader of the deltas."""

    def __init__(self) -> None:
        self.tables = Tables("northmere", SPECS)
        self.links = Links(SHIPPED, self.tables)
        self.by_epoch: dict[int, dict[bytes, Identity]] = {1: {}, 2: {}}
        self.said: dict[tuple[bytes, bytes], Any] = {}
        self.people: set[Group] = set()
        self.homes: set[Group] = set()

    def fold(self) -> None:
        """A worker takes over: all there is is what the deltas say."""
        fresh = Tables("northmere", SPECS)
        for _, number, key, packed in self.tables.rows():
            fresh.load(number, key, packed)
        fresh.loaded()
        self.tables = fresh
        self.links = Links(SHIPPED, fresh)

    def take(self, delta: LinkDelta) -> None:
        for held, gone, new in ((self.people, delta.clusters_before, delta.clusters_after),
                                (self.homes, delta.households_before, delta.households_after)):  # fmt: skip
            assert held.issuperset(gone)
            held.difference_update(gone)
            assert held.isdisjoint(new)
            held.update(new)

    def put(self, record: bytes, someone: Identity) -> None:
        self.by_epoch[someone.key_epoch][record] = someone
        self.take(self.links.upsert(record, someone))

    def drop(self, record: bytes) -> None:
        for known in self.by_epoch.values():
            known.pop(record, None)
        self.take(self.links.delete(record))

    def say(self, one: bytes, other: bytes, kind: Any) -> None:
        self.said[one, other] = kind
        self.take(self.links.assert_pair(one, other, kind))

    def turn(self) -> None:
        """What follows every message."""
        takeover = self.links.advance()
        if takeover is not None:
            self.take(takeover.delta)

    def settle(self) -> None:
        for _ in range(300):
            self.turn()

    def afresh(self, chosen: LinkModel, records: dict[bytes, Identity]) -> LinkGraph:
        graph = LinkGraph(chosen, tables())
        for (one, other), kind in self.said.items():
            graph.assert_pair(one, other, kind)
        for record, someone in records.items():
            graph.upsert(record, someone)
        return graph


def groups(graph: LinkGraph) -> tuple[set[Group], set[Group]]:
    records = graph.identities
    people = {graph.members(graph.cluster(record)) for record in records}
    return people, {graph.household_records(graph.household(record)) for record in records}


@pytest.fixture(autouse=True)
def a_slow_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "SWEEP_PER_CALL", 2)


@settings(max_examples=300, deadline=None)
@given(steps)
def test_whatever_happens_meanwhile_links_are_those_of_the_newest_model_and_epoch(history: list[Any]) -> None:
    town, asked = Town(), False
    for step in history:
        if step[0] == "put":
            town.put(bytes([step[1]]), identity(step[2], epoch=step[3]))
        elif step[0] == "drop":
            town.drop(bytes([step[1]]))
        elif step[0] == "say" and step[1] != step[2]:
            town.say(bytes([step[1]]), bytes([step[2]]), step[3])
        elif step[0] == "fold":
            town.fold()
        elif step[0] == "model":
            building = town.links.building
            if building is not None and building.cause == "epoch":
                with pytest.raises(ValueError, match="key epoch"):
                    town.links.replace_model(BODY)
            else:
                town.links.replace_model(BODY)
                asked = True
        town.turn()
        assert groups(town.links.graph) == (town.people, town.homes)
    town.settle()
    live = town.links.graph.identities
    assert set(live) == set(town.by_epoch[1]) | set(town.by_epoch[2])
    assert town.links.building is None or town.links.building.cause == "epoch"
    chosen = STRICTER if asked and (town.links.building is None or town.links.in_force.model) else SHIPPED
    if town.links.building is None:
        assert town.links.graph.model == chosen
        assert not town.links.in_force.leaving
    assert (
        groups(town.links.graph)
        == groups(town.afresh(town.links.graph.model, dict(live)))
        == (town.people, town.homes)
    )
    beside = [name for name in town.tables if name.endswith(" beside") == (town.links.in_force.generation == 0)]
    if town.links.building is None:
        assert not any(
            town.tables[name] for name in beside if name.removesuffix(" beside") in {s.name for s in links.OWN}
        )


def test_until_every_record_is_under_the_new_epoch_the_old_one_links() -> None:
    town = Town()
    for number in range(4):
        town.put(bytes([number]), identity(ANNA))
    for number in range(3):
        town.put(bytes([number]), identity(ANNA, epoch=2))
        town.turn()
        assert town.people == {(b"\0", b"\1", b"\2", b"\3")}
    town.put(b"\4", identity(ANNA, epoch=2))  # new, and only under the new epoch: known at once, linked later
    town.turn()
    assert town.people == {(b"\0", b"\1", b"\2", b"\3"), (b"\4",)}
    town.say(b"\0", b"\1", "cannot")
    town.put(b"\3", identity(ANNA, epoch=2))
    town.turn()
    assert len(town.people) == 2
    assert town.links.in_force.key_epoch == 2
    assert {len(group) for group in town.people} == {1, 4} or {len(group) for group in town.people} == {2, 3}


def test_a_new_model_changes_nothing_until_the_sweep_is_over() -> None:
    town = Town()
    for number in range(6):
        town.put(bytes([number]), identity(PEOPLE[number]))
    before = set(town.people)
    town.links.replace_model(BODY)
    town.turn()
    town.turn()
    assert town.people == before
    assert town.links.building is not None
    assert town.links.building.reached == b"\3"
    town.turn()
    assert town.people != before
    assert town.links.graph.model.version == "stricter"
    assert town.links.in_force.leaving
    town.settle()
    assert not town.links.in_force.leaving


@pytest.mark.parametrize("body", [
    "", "{}", "not JSON", write_model(msgspec.structs.replace(STRICTER, schema_epoch=2)).decode(),
])  # fmt: skip
def test_a_model_that_does_not_fit_is_refused_and_the_old_one_stays(body: str) -> None:
    town = Town()
    town.put(b"\0", identity(ANNA))
    with pytest.raises(ValueError, match="linkage"):
        town.links.replace_model(body)
    assert town.links.building is None
    assert town.links.graph.model == SHIPPED
