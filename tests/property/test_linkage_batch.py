"""The incremental graph equals a batch recompute, after any history."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.linkage.graph import LinkDelta, LinkGraph
from streams.linkage.identity import Identity
from tests.property.linkage_oracle import Batch
from tests.unit.streams.linkage.people import identity, model, tables

NAMES = ["anna", "anne", "annabel", "ben", ""]
SURNAMES = ["brown", "browne", "okafor", ""]
BIRTHS = ["20150301", "20150310", "20120811", ""]
STREETS = [("12", "mill lane"), ("12", "mil lane"), ("7", "church road"), ("", "")]

people = st.builds(
    lambda name, surname, dob, street, nhs, epoch, restricted: identity(
        {"given": name, "surname": surname, "dob": dob, "number": street[0], "street": street[1], "nhs": nhs},
        epoch=epoch,
        restricted=restricted,
    ),
    st.sampled_from(NAMES), st.sampled_from(SURNAMES), st.sampled_from(BIRTHS), st.sampled_from(STREETS),
    st.sampled_from(["", "", "9434765919", "4505577104"]), st.sampled_from([1, 1, 1, 1, 2]),
    st.sampled_from([False, False, False, False, True]),
)  # fmt: skip
records = st.sampled_from([bytes([number]) * 64 for number in range(14)])
steps = st.one_of(
    st.tuples(st.just("upsert"), records, people),
    st.tuples(st.just("upsert"), records, people),
    st.tuples(st.just("upsert"), records, people),
    st.tuples(st.just("delete"), records),
    st.tuples(st.just("assert"), records, records, st.sampled_from(["must", "cannot", "none"])),
    st.tuples(st.just("restart")),
)
histories = st.lists(steps, max_size=40)
models = st.builds(
    lambda limits, component, household, edge, merge: model(
        alone_max=limits[0], posting_max=limits[1], component_max=component, household_max=household, edge=edge,
        merge=merge,
    ),
    st.sampled_from([(2, 2), (2, 3), (3, 3), (2, 5), (3, 100), (6, 100)]), st.sampled_from([2, 4, 200]), st.sampled_from([2, 5, 40]),
    st.sampled_from([0, 4_250]), st.sampled_from([0, 2_000, 6_000]),
)  # fmt: skip


class World:
    """A graph beside the plain facts it was told, and a reader that knows only the deltas."""

    def __init__(self, chosen: Any, remembered_max: int = 1 << 17) -> None:
        self.model = chosen
        self.tables = tables()
        self.graph = LinkGraph(chosen, self.tables, remembered_max=remembered_max)
        self.records: dict[bytes, Identity] = {}
        self.said: dict[tuple[bytes, bytes], str] = {}
        self.people: set[tuple[bytes, ...]] = set()
        self.households: set[tuple[bytes, ...]] = set()

    def step(self, step: tuple[Any, ...]) -> None:
        if step[0] == "upsert":
            self.records[step[1]] = step[2]
            self.read(self.graph.upsert(step[1], step[2]))
        elif step[0] == "delete":
            self.records.pop(step[1], None)
            self.read(self.graph.delete(step[1]))
        elif step[0] == "assert":
            if step[1] != step[2]:
                self.said[min(step[1:3]), max(step[1:3])] = step[3]
            self.read(self.graph.assert_pair(*step[1:]))
        else:
            self.tables = {name: dict(rows) for name, rows in self.tables.items()}
            self.graph = LinkGraph(self.model, self.tables)

    def read(self, delta: LinkDelta) -> None:
        assert set(delta.clusters_before) <= self.people
        assert set(delta.households_before) <= self.households
        for before, after in (delta[:2], delta[2:]):
            assert not set(before) & set(after)
            assert list(before) == sorted(before)
            assert list(after) == sorted(after)
        self.people = (self.people - set(delta.clusters_before)) | set(delta.clusters_after)
        self.households = (self.households - set(delta.households_before)) | set(delta.households_after)


@settings(max_examples=150, deadline=None)
@given(models, histories, st.sampled_from([0, 3, 1 << 17]))
@example(model(alone_max=2, posting_max=2), [], 0)
def test_any_history_equals_batch_on_the_survivors(
    chosen: Any, history: list[tuple[Any, ...]], remembered_max: int
) -> None:
    world = World(chosen, remembered_max)
    for step in history:
        world.step(step)
    batch = Batch(chosen, world.records, {pair: kind for pair, kind in world.said.items() if kind != "none"})
    assert world.people == batch.people
    assert world.households == batch.households
    for record in world.records:
        assert world.graph.members(world.graph.cluster(record)) in batch.people
        assert world.graph.household_records(world.graph.household(record)) in batch.households
        assert world.graph.cluster(record) in world.graph.household_records(world.graph.household(record))
    for pair, kind in world.said.items():
        if kind == "cannot" and set(pair) <= set(world.records):
            assert world.graph.cluster(pair[0]) != world.graph.cluster(pair[1])


@settings(max_examples=50, deadline=None)
@given(models, histories, st.randoms(use_true_random=False))
def test_tables_are_a_function_of_the_live_records(
    chosen: Any, history: list[tuple[Any, ...]], order: random.Random
) -> None:
    world = World(chosen)
    for step in history:
        world.step(step)
    fresh = World(chosen)
    survivors = list(world.records.items())
    facts = [("upsert", *pair) for pair in survivors] + [("assert", *pair, kind) for pair, kind in world.said.items()]
    order.shuffle(facts)
    for fact in facts:
        fresh.step(fact)
    assert fresh.tables == world.tables


@settings(max_examples=30, deadline=None)
@given(models, histories, people)
def test_insert_then_delete_changes_nothing(chosen: Any, history: list[tuple[Any, ...]], someone: Identity) -> None:
    world = World(chosen)
    for step in history:
        world.step(step)
    before = {name: dict(rows) for name, rows in world.tables.items()}
    there = world.graph.upsert(b"z" * 64, someone)
    again = world.graph.upsert(b"z" * 64, someone)
    back = world.graph.delete(b"z" * 64)
    assert again == LinkDelta()
    assert (back.clusters_before, back.clusters_after) == (there.clusters_after, there.clusters_before)
    assert (back.households_before, back.households_after) == (there.households_after, there.households_before)
    assert world.tables == before


@pytest.mark.parametrize("seed", range(4))
def test_hundred_records_in_any_order_with_restarts(seed: int) -> None:
    order = random.Random(seed)
    pool = [
        identity({"given": order.choice(NAMES), "surname": order.choice(SURNAMES), "dob": order.choice(BIRTHS),
                  "number": str(order.randrange(9)), "street": order.choice(STREETS)[1]}, epoch=order.choice([1, 1, 1, 2]))
        for _ in range(100)
    ]  # fmt: skip
    chosen = model(alone_max=4, posting_max=12, component_max=9, household_max=11)
    facts = [(b"%03d" % number, someone) for number, someone in enumerate(pool)]
    batch = Batch(chosen, dict(facts), {})
    order.shuffle(facts)
    world = World(chosen)
    for number, fact in enumerate(facts):
        world.step(("upsert", *fact))
        if number % 17 == 0:
            world.step(("restart",))
    assert (world.people, world.households) == (batch.people, batch.households), f"seed {seed}"
