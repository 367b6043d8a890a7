"""Whatever the order, and with deletions, returns, corrections and restarts on the way: one result, the batch's.

Clusters, households, their ids and every field of explanations, between three orders of arrival and against the
oracle; with limits so low that keys retire and come back, components are cut and households crowd.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from itertools import combinations
from pathlib import Path

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from benchmarks.sets import read
from bridge.encode import Encoder
from streams.linkage.identity import Identity, from_wire
from streams.linkage.model import LinkModel, shipped_model
from tests.property.linkage_oracle import Batch
from tests.property.linkage_world import BIRTHS, NAMES, STREETS, SURNAMES, World, history, models, people, records
from tests.unit.streams.linkage.people import identity, model

ORDERS = 3
AGENCIES_SET = Path(__file__).parents[2] / "benchmarks/linkage/agencies.yaml"
SAMPLE = 3_000  # records of the agencies set
LIMITS = {"alone_max": 3, "posting_max": 6, "component_max": 4, "household_max": 5}
asserted = st.dictionaries(
    st.tuples(records, records).filter(lambda pair: pair[0] < pair[1]), st.sampled_from(["must", "cannot", "none"]),
    max_size=5,
)  # fmt: skip


def holds(world: World, batch: Batch) -> None:
    """The world is what the batch says, by its graph, its tables, and what a reader of its deltas has."""
    assert (world.people, world.households) == (batch.people, batch.households)
    assert {group for group in batch.people if len(group) > 1} == set(world.tables["clusters"].values())
    assert {group for group in batch.households if len(group) > 1} == set(world.tables["households"].values())
    assert set(world.tables["crowded"]) == batch.crowded
    for groups, group_id in ((batch.people, world.graph.cluster), (batch.households, world.graph.household)):
        assert {record: group_id(record) for record in world.records} == {
            r: group[0] for group in groups for r in group
        }


def explains(world: World, batch: Batch, pairs: list[tuple[bytes, bytes]]) -> Counter[str]:
    """Every field of the explanations is the batch's; returns how often each reason decided."""
    why = Counter[str]()
    for pair, found in zip(pairs, world.explained(pairs), strict=True):
        assert msgspec.structs.asdict(found) == batch.explained(*pair)
        why[found.why] += 1
    return why


def crossed(world: World) -> int:
    """How often each limit was crossed either way, at least."""
    return min(world.met[what] for what in ("retired", "revived", "crowded", "thinned"))


@settings(max_examples=60, deadline=None)
@given(
    models,
    st.dictionaries(records, people, min_size=1),
    asserted,
    st.integers(0, 1 << 32),
    st.sampled_from([0, 1 << 17]),
)
def test_three_orders_end_in_one_result(
    chosen: LinkModel, final: dict[bytes, Identity], said: dict[tuple[bytes, bytes], str], seed: int, remembered: int
) -> None:
    worlds = []
    for number in range(ORDERS):
        world = World(chosen, remembered)
        for fact in history(random.Random(f"{seed}/{number}"), final, said):
            world.step(fact)
        worlds.append(world)
    batch = worlds[0].batch()
    pairs = list(combinations(final, 2))
    for world in worlds:
        holds(world, batch)
        explains(world, batch, pairs)
        assert world.tables == worlds[0].tables
    for what in +sum((world.met for world in worlds), Counter[str]()):
        event(what)
    event("cut" if batch.cut else "no component cut")


@pytest.mark.parametrize("seed", range(3))
def test_low_limits_are_crossed_both_ways_and_change_nothing(seed: int) -> None:
    """Ninety records of few names: that retirement, revival, cuts and crowds occur is asserted, not hoped."""
    order = random.Random(seed)
    final = {
        b"%03d" % number: identity(
            {"given": order.choice(NAMES), "surname": order.choice(SURNAMES), "dob": order.choice(BIRTHS),
             "number": str(order.randrange(6)), "street": order.choice(STREETS)[1]}, epoch=order.choice([1, 1, 1, 2])
        )
        for number in range(90)
    }  # fmt: skip
    said = {
        (one, other): order.choice(["must", "cannot"])
        for one, other in order.sample(list(combinations(final, 2)), 12)
    }
    chosen = model(**{**LIMITS, "component_max": 2})
    worlds = []
    for _ in range(ORDERS):
        world = World(chosen, order.choice([0, 20, 1 << 17]))
        for fact in history(order, final, said):
            world.step(fact)
        worlds.append(world)
    batch = worlds[0].batch()
    pairs = order.sample(list(combinations(final, 2)), 200)
    for world in worlds:
        holds(world, batch)
        explains(world, batch, pairs)
        assert world.tables == worlds[0].tables, f"seed {seed}"
        assert crossed(world), (seed, world.met)
    assert batch.cut, f"seed {seed}"


@cache
def agencies() -> dict[bytes, Identity]:
    """Whole households of the agencies set, as bridges would encode them."""
    data = read(AGENCIES_SET)
    homes = sorted({home for home in data.household.values()})
    random.Random(1).shuffle(homes)
    rank = {home: place for place, home in enumerate(homes)}
    chosen = set(sorted(data.people, key=lambda record: (rank[data.household[record]], record))[:SAMPLE])
    people = {record: one for record, one in data.people.items() if record in chosen}
    sent = Encoder(bytes(32), 1).identities(list(people.values()))
    return {record: from_wire(one, data.agency[record]) for record, one in zip(people, sent, strict=True)}


@pytest.mark.parametrize("limits", [{}, {**LIMITS, "posting_max": 12}], ids=["shipped limits", "low limits"])
def test_three_thousand_real_encodings_in_three_orders(limits: dict[str, int]) -> None:
    seed = 20260301
    order = random.Random(seed)
    final, chosen = agencies(), msgspec.structs.replace(shipped_model(), **limits)
    said = {
        (min(pair), max(pair)): order.choice(["must", "cannot"])
        for pair in (order.sample(list(final), 2) for _ in range(30))
    }
    worlds = []
    for _ in range(ORDERS):
        world = World(chosen, 500)
        facts = [fact for fact in history(order, final, said) if fact[0] != "restart" or order.random() < 0.01]
        for fact in facts:
            world.step(fact)
        worlds.append(world)
    batch = worlds[0].batch()
    near = order.sample(sorted(batch.candidates), 400) + order.sample(sorted(batch.edges), 200) + sorted(said)
    for world in worlds:
        holds(world, batch)
        why = explains(world, batch, near)
        assert {"linked", "below_edge", "held_apart", "asserted"} <= set(why), f"seed {seed}"
        assert world.tables == worlds[0].tables, f"seed {seed}"
        if limits:
            assert crossed(world) >= 10, (seed, world.met)
    assert not limits or batch.cut >= 2
    assert len(batch.people) < len(final) - 500, "many are known twice"
