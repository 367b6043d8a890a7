"""The incremental graph equals a batch recompute, after any history."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.linkage.graph import LinkDelta
from streams.linkage.identity import Identity
from tests.property.linkage_oracle import Batch
from tests.property.linkage_world import (
    BIRTHS,
    NAMES,
    STREETS,
    SURNAMES,
    World,
    histories,
    models,
    people,
)
from tests.unit.streams.linkage.people import identity, model


@settings(max_examples=150, deadline=None)
@given(models, histories, st.sampled_from([0, 3, 1 << 17]))
@example(model(alone_max=2, posting_max=2), [], 0)
def test_any_history_equals_batch_on_the_survivors(
    chosen: Any, history: list[tuple[Any, ...]], remembered_max: int
) -> None:
    world = World(chosen, remembered_max)
    for step in history:
        world.step(step)
    batch = world.batch()
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
