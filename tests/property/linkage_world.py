"""Small populations and histories for the tests of the link graph, and a world that lives through one."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from hypothesis import strategies as st

from streams.linkage.graph import SPECS, LinkDelta, LinkGraph
from streams.linkage.identity import Identity
from streams.linkage.model import LinkModel
from streams.state import Tables, pack_delta, packed_rows
from tests.property.linkage_oracle import Batch, keys_of
from tests.unit.streams.linkage.people import identity, model

Fact = tuple[Any, ...]
"""("upsert", record, identity), ("delete", record), ("assert", one, other, kind) or ("restart",)."""

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
    """A graph beside the plain facts it was told, and a reader that knows only the deltas.

    Attributes:
        log: Deltas of the tables so far; a restart knows nothing else.
        met: What happened on the way: keys retired and revived, times the crowded table filled and emptied.
    """

    def __init__(self, chosen: LinkModel, remembered_max: int = 1 << 17) -> None:
        self.model, self._remembered_max = chosen, remembered_max
        self.log: list[bytes] = []
        self.restart()
        self.met = Counter[str]()
        self._sizes = Counter[bytes]()
        self.records: dict[bytes, Identity] = {}
        self.said: dict[tuple[bytes, bytes], str] = {}
        self.people: set[tuple[bytes, ...]] = set()
        self.households: set[tuple[bytes, ...]] = set()

    def step(self, step: Fact) -> None:
        crowded = len(self.tables["crowded"])
        if step[0] == "upsert":
            self._hold(self.records.get(step[1]), step[2])
            self.records[step[1]] = step[2]
            self.read(self.graph.upsert(step[1], step[2]))
        elif step[0] == "delete":
            self._hold(self.records.pop(step[1], None), None)
            self.read(self.graph.delete(step[1]))
        elif step[0] == "assert":
            if step[1] != step[2]:
                self.said[min(step[1:3]), max(step[1:3])] = step[3]
            self.read(self.graph.assert_pair(*step[1:]))
        else:
            self.restart()
        self.log.append(pack_delta(self.tables.take_delta()))
        self.met["crowded"] += len(self.tables["crowded"]) > crowded
        self.met["thinned"] += len(self.tables["crowded"]) < crowded

    def restart(self) -> None:
        """Another process that has only the deltas."""
        self.tables = Tables("p", SPECS)
        for delta in self.log:
            for _, number, key, packed in packed_rows(delta):
                self.tables.load(number, key, packed)
        self.tables.loaded()
        self.graph = LinkGraph(self.model, self.tables, remembered_max=self._remembered_max)

    def batch(self) -> Batch:
        """What should be, recomputed from the facts alone."""
        return Batch(self.model, self.records, {pair: kind for pair, kind in self.said.items() if kind != "none"})

    def explained(self, pairs: Iterable[tuple[bytes, bytes]]) -> list[Any]:
        """Explanations of pairs, every field."""
        return [self.graph.explain(*pair) for pair in pairs]

    def _hold(self, old: Identity | None, new: Identity | None) -> None:
        """Follow how many records hold each key, apart from the product: what crosses the limit, and which way."""
        most = self.model.posting_max
        before, after = (keys_of(one) if one is not None else set() for one in (old, new))
        for key in before - after:
            self._sizes[key] -= 1
            self.met["revived"] += self._sizes[key] == most
        for key in after - before:
            self._sizes[key] += 1
            self.met["retired"] += self._sizes[key] == most + 1

    def read(self, delta: LinkDelta) -> None:
        assert set(delta.clusters_before) <= self.people
        assert set(delta.households_before) <= self.households
        for before, after in (delta[:2], delta[2:]):
            assert not set(before) & set(after)
            assert list(before) == sorted(before)
            assert list(after) == sorted(after)
        self.people.difference_update(delta.clusters_before)
        self.people.update(delta.clusters_after)
        self.households.difference_update(delta.households_before)
        self.households.update(delta.households_after)


def history(
    order: random.Random,
    final: Mapping[bytes, Identity],
    said: Mapping[tuple[bytes, bytes], str],
    *,
    share: float = 0.25,
) -> list[Fact]:
    """One random way to the same end.

    Args:
        order: Chance.
        final: Records as they are at the end.
        said: What is asserted at the end.
        share: Share of records that are deleted and come again; as many come under other encodings first, as many
            others come and go for ever, and as many assertions are first another.

    Returns:
        Facts in a random order that keeps that of each record and pair, with a restart after one in twelve.
    """
    pool = list(final.values())
    lives: list[list[Fact]] = []
    for record, one in final.items():
        life: list[Fact] = [("upsert", record, one)]
        if order.random() < share:
            life = [*life, ("delete", record), *life]
        if order.random() < share:
            life = [("upsert", record, order.choice(pool)), *life]
        if order.random() < share:
            passer = b"passer" + record
            lives.append([("upsert", passer, order.choice(pool)), ("delete", passer)])
        lives.append(life)
    for pair, kind in said.items():
        other = [("assert", *pair, order.choice(["must", "cannot", "none"]))] if order.random() < share else []
        lives.append([*other, ("assert", *pair, kind)])
    turns = [life for life in lives for _ in life]
    order.shuffle(turns)
    rest = {id(life): iter(life) for life in lives}
    facts: list[Fact] = []
    for life in turns:
        facts.append(next(rest[id(life)]))
        if order.random() < 1 / 12:
            facts.append(("restart",))
    return facts
