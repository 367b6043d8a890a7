"""The link graph in force, and the one that is built beside it when a new model or key epoch is to take its place.

Decides when a graph takes over: when every live record is in it. Until then it decides nothing, and the old one goes
on as before. Under a new model the records are handed over a few at each message; under a new key epoch they come
from the bridges, encoded anew. What the change of graph changes is one delta, as of any other cause.

The tables of the two graphs have names of their own, and rows of the one that was left go a few at each message too.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, Literal, NamedTuple

import msgspec

from streams.linkage.graph import SPECS as GRAPH_SPECS
from streams.linkage.graph import Kind, LinkDelta, LinkGraph
from streams.linkage.groups import Group
from streams.linkage.identity import Identity
from streams.linkage.model import LinkModel, read_model
from streams.state import Spec

Cause = Literal["model", "epoch"]
SWEEP_PER_CALL: Final = 50  # records handed over, or rows dropped, in one call: about 5 ms
OWN: Final = tuple(spec for spec in GRAPH_SPECS if spec.name != "assertions")  # what people said is of no model


class InForce(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The graph in force.

    Attributes:
        generation: Which tables are its own: 0 or 1.
        key_epoch: Epoch of the linkage key that it links by; 0 before the first record.
        model: Its model as JSON; empty for the one that is shipped.
        leaving: Whether rows of the other generation are still there, to be dropped.
    """

    generation: int = 0
    key_epoch: int = 0
    model: str = ""
    leaving: bool = False


class Building(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The graph that is built beside it.

    Attributes:
        cause: `model`, or `epoch` where bridges have begun to send encodings of a later key epoch.
        key_epoch: That epoch.
        model: As in `InForce`.
        reached: Record handed over last; those after it, in order, are still to come.
    """

    cause: Cause
    key_epoch: int
    model: str
    reached: bytes = b""


SPECS: Final = (
    *GRAPH_SPECS,
    *(Spec(f"{spec.name} beside", spec.value, spec.share) for spec in OWN),
    Spec("linkage", InForce),
    Spec("linkage beside", Building),
)
ONLY: Final = b""  # key of a table's only row


class Takeover(NamedTuple):
    """A graph has taken over: why, and what changed."""

    cause: Cause
    delta: LinkDelta


class Links:
    """The graphs of one partnership.

    Args:
        shipped: The model until a control names another.
        tables: The tables of `SPECS` by name.
    """

    def __init__(self, shipped: LinkModel, tables: Mapping[str, MutableMapping[Any, Any]]) -> None:
        self._shipped = shipped
        self._tables = tables
        self._rows: MutableMapping[bytes, InForce] = tables["linkage"]
        self._building: MutableMapping[bytes, Building] = tables["linkage beside"]
        self.graph = self._graph(self.in_force.generation, self.in_force.model)
        self.beside: LinkGraph | None = None
        self._order: list[bytes] = []
        self._missing = 0
        self._dropping: list[tuple[MutableMapping[Any, Any], bytes]] = []
        if self.in_force.leaving:
            self._dropping = self._left()
        if self.building is not None:
            self._resume(self.building)

    @property
    def in_force(self) -> InForce:
        """What links are made by."""
        return self._rows.get(ONLY) or InForce()

    @property
    def building(self) -> Building | None:
        """What they will be made by, if anything is being built."""
        return self._building.get(ONLY)

    def upsert(self, record: bytes, identity: Identity) -> LinkDelta:
        """Take a record's newest encodings, of whichever key epoch."""
        epoch, now = identity.key_epoch, self.in_force
        if not now.key_epoch:
            self._rows[ONLY] = msgspec.structs.replace(now, key_epoch=epoch)
        elif epoch > now.key_epoch:
            return self._upsert_later(record, identity)
        new = record not in self.graph.identities
        delta = self.graph.upsert(record, identity)
        building = self.building
        if building is None or self.beside is None:
            return delta
        if building.cause == "model" and (new or record in self.beside.identities):
            self.beside.upsert(record, identity)
        elif new and record not in self.beside.identities:
            self._missing += 1
        return delta

    def _upsert_later(self, record: bytes, identity: Identity) -> LinkDelta:
        """Encodings of a later epoch: for the graph that is built; for the one in force where it has no other."""
        building = self.building
        if building is None or building.cause == "model":
            model = self.in_force.model if building is None else building.model
            self._drop_beside()
            self._begin(Building("epoch", identity.key_epoch, model))
        elif identity.key_epoch > building.key_epoch:
            self._building[ONLY] = msgspec.structs.replace(building, key_epoch=identity.key_epoch)
        known = self.graph.identities.get(record)
        if known is not None and self.beside is not None and record not in self.beside.identities:
            self._missing -= 1
        if self.beside is not None:
            self.beside.upsert(record, identity)
        own = known is None or known.key_epoch > self.in_force.key_epoch
        return self.graph.upsert(record, identity) if own else LinkDelta()

    def cluster(self, record: bytes) -> bytes:
        """Person of a record, as the graph in force has it."""
        return self.graph.cluster(record)

    def members(self, cluster: bytes) -> Group:
        """Records of a person, sorted."""
        return self.graph.members(cluster)

    def strangers(self, identity: Identity) -> Mapping[bytes, int]:
        """Records that an identity which is none would be linked with, and their link scores in milli-bits.

        Of a key epoch that is still coming in, those that have come.
        """
        later = self.beside is not None and identity.key_epoch > self.in_force.key_epoch
        graph = self.beside if later and self.beside is not None else self.graph
        return graph.strangers(identity)

    def latest(self, record: bytes) -> Identity | None:
        """The newest encodings of a record; None where it is not live."""
        beside = None if self.beside is None else self.beside.identities.get(record)
        return beside or self.graph.identities.get(record)

    def delete(self, record: bytes) -> LinkDelta:
        """Forget a record, in both."""
        if self.beside is not None:
            if record in self.beside.identities:
                self.beside.delete(record)
            elif record in self.graph.identities:
                self._missing -= 1
        return self.graph.delete(record)

    def assert_pair(self, a: bytes, b: bytes, kind: Kind) -> LinkDelta:
        """What a person decided holds under every model."""
        if self.beside is not None:
            self.beside.assert_pair(a, b, kind)
        return self.graph.assert_pair(a, b, kind)

    def check_model(self, body: str) -> None:
        """Judge the JSON of another model.

        Raises:
            ValueError: It is no well-formed model or is of other fields.
        """
        try:
            model = read_model(body.encode())
        except msgspec.MsgspecError as error:
            raise ValueError(f"linkage: {error}") from error
        if model.schema_epoch != self.graph.model.schema_epoch:
            raise ValueError(f"linkage: fitted for schema epoch {model.schema_epoch}")

    def replace_model(self, body: str) -> None:
        """Begin to build a graph under another model.

        Args:
            body: Its JSON.

        Raises:
            ValueError: As `check_model`, or a new key epoch is coming in.
        """
        self.check_model(body)
        building = self.building
        if building is not None and building.cause == "epoch":
            raise ValueError("linkage: a new key epoch is coming in; try again when all records are under it")
        self._drop_beside()
        self._begin(Building("model", self.in_force.key_epoch, body))

    def advance(self) -> Takeover | None:
        """Hand over some records, or drop some rows; at every message. What changed, where a graph took over."""
        if self.in_force.leaving:
            self._drop_some()
            return None
        building = self.building
        if building is None or self.beside is None:
            return None
        if building.cause == "model":
            self._hand_over(building, self.beside)
        if self._missing:
            return None
        return self._take_over(building, self.beside)

    def _graph(self, generation: int, model: str) -> LinkGraph:
        suffix = " beside" if generation else ""
        tables = {spec.name: self._tables[spec.name + suffix] for spec in OWN}
        made = read_model(model.encode()) if model else self._shipped
        return LinkGraph(made, {**tables, "assertions": self._tables["assertions"]})

    def _begin(self, building: Building) -> None:
        self._building[ONLY] = building
        self._resume(building)

    def _resume(self, building: Building) -> None:
        """Make what is derived: the graph, what it lacks, and in which order that comes."""
        self.beside = self._graph(1 - self.in_force.generation, building.model)
        live, there = self.graph.identities, self.beside.identities
        self._missing = sum(record not in there for record in live)
        self._order = sorted(live) if building.cause == "model" else []

    def _hand_over(self, building: Building, beside: LinkGraph) -> None:
        """Some records after the one reached last, in order; those that came meanwhile are there already."""
        place, handed, reached = bisect_right(self._order, building.reached), 0, building.reached
        while place < len(self._order) and handed < SWEEP_PER_CALL:
            record = self._order[place]
            place += 1
            identity = self.graph.identities.get(record)
            if identity is not None and record not in beside.identities:
                beside.upsert(record, identity)
                self._missing -= 1
                handed, reached = handed + 1, record
        if handed:
            self._building[ONLY] = msgspec.structs.replace(building, reached=reached)

    def _take_over(self, building: Building, beside: LinkGraph) -> Takeover:
        before, self.graph, self.beside, self._order = self.graph, beside, None, []
        generation = 1 - self.in_force.generation
        self._rows[ONLY] = InForce(generation, building.key_epoch, building.model, leaving=True)
        del self._building[ONLY]
        self._dropping = self._left()
        return Takeover(building.cause, between(before, beside))

    def _drop_some(self) -> None:
        """Some rows of the generation that was left."""
        for table, key in self._dropping[-SWEEP_PER_CALL:]:
            del table[key]
        del self._dropping[-SWEEP_PER_CALL:]
        if not self._dropping:
            self._rows[ONLY] = msgspec.structs.replace(self.in_force, leaving=False)

    def _drop_beside(self) -> None:
        """All rows of the other generation, at once: what was being built is given up, or must be gone by now."""
        for table, key in self._left():
            del table[key]
        self._dropping = []
        if self.in_force.leaving:
            self._rows[ONLY] = msgspec.structs.replace(self.in_force, leaving=False)

    def _left(self) -> list[tuple[MutableMapping[Any, Any], bytes]]:
        """Rows of the other generation, in an order that does not depend on how they came."""
        suffix = "" if self.in_force.generation else " beside"
        tables = [self._tables[spec.name + suffix] for spec in OWN]
        return [(table, key) for table in tables for key in sorted(table)]


def between(before: LinkGraph, after: LinkGraph) -> LinkDelta:
    """What is another group in the one than in the other, where both have the same records."""
    people = _exchanged(before.people(), after.people())
    return LinkDelta(*people, *_exchanged(before.homes(), after.homes()))


def _exchanged(before: set[Group], after: set[Group]) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
    gone, new = before - after, after - before
    left = {record for group in gone for record in group}
    joined = {record for group in new for record in group}
    gone |= {(record,) for record in joined - left}
    new |= {(record,) for record in left - joined}
    return tuple(sorted(gone)), tuple(sorted(new))
