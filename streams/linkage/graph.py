"""The link graph: records in, people and households out, the same whatever the order of arrival.

Decides which components a change touches and what changed in them. The tables hold the live identities, the
assertions, and the people and households of two or more records; each is a pure function of identities, assertions
and model, and so are the ties between records. Everything else here is derived and can be dropped at any time.

Why it is exact: a change of edges leaves every part of an old component reachable from an end of a changed edge. So
it is enough to walk from those ends and to decide each component found afresh.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from itertools import chain
from typing import Any, Final, Literal, NamedTuple

import msgspec

from streams.linkage.cluster import Rules, connected, partition
from streams.linkage.compare import tie_of
from streams.linkage.explain import Explanation, Standing, explain
from streams.linkage.groups import Group, Groups
from streams.linkage.households import split
from streams.linkage.identity import Identity, shape, share
from streams.linkage.model import LinkModel
from streams.linkage.pairs import REMEMBERED_MAX, Pairs
from streams.state import Spec

Kind = Literal["must", "cannot", "none"]


class Assertion(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a person decided about two records; `one` is the smaller."""

    one: bytes
    other: bytes
    kind: Kind


SPECS: Final = (
    Spec("identities", Identity, share),
    Spec("clusters", Group),
    Spec("households", Group),
    Spec("assertions", Assertion),
    Spec("ties", bytes),
    Spec("crowded", bool),  # records that are tied to more than one household holds
)


class LinkDelta(NamedTuple):
    """Groups that changed, each as its sorted records, in order; all empty where nothing did."""

    clusters_before: tuple[Group, ...] = ()
    clusters_after: tuple[Group, ...] = ()
    households_before: tuple[Group, ...] = ()
    households_after: tuple[Group, ...] = ()


NOTHING: Final = LinkDelta()
NOTHING_SAID: Final[Mapping[bytes, str]] = {}


class LinkGraph:
    """Links of one partnership.

    Args:
        model: Weights and thresholds.
        tables: The tables of `SPECS` by name; changed only by setting and deleting rows.
        remembered_max: Records of which integers are kept; it changes no result.
    """

    def __init__(
        self,
        model: LinkModel,
        tables: Mapping[str, MutableMapping[Any, Any]],
        *,
        remembered_max: int = REMEMBERED_MAX,
    ) -> None:
        self.model = model
        self._identities: MutableMapping[bytes, Identity] = tables["identities"]
        self._assertions: MutableMapping[bytes, Assertion] = tables["assertions"]
        self._people = Groups(tables["clusters"])
        self._homes = Groups(tables["households"])
        self._crowded: MutableMapping[bytes, bool] = tables["crowded"]
        self._pairs = Pairs(model, self._identities, tables["ties"], remembered_max)
        self._said: dict[bytes, dict[bytes, str]] = {}
        for row in self._assertions.values():
            self._note(row)
        self._rules = Rules(self._pairs.edges, self._pairs.ask, self._said, model)
        self._moved: set[bytes] = set()
        self._closed: set[bytes] = set()  # records of people with any restricted record: they have no ties
        for record, identity in self._identities.items():
            if identity.restricted:
                self._closed.update(self._people.of(record))

    def upsert(self, record: bytes, identity: Identity) -> LinkDelta:
        """Take a record's newest encodings."""
        old = self._identities.get(record)
        if old == identity:
            return NOTHING
        touched: set[bytes] = set()
        if old is None:
            self._identities[record] = identity
            self._pairs.enter(record, touched)
            return self._settle(touched, born=record)
        if old.restricted != identity.restricted:
            touched |= self._surroundings(record)
        self._pairs.forget(record, touched)
        self._identities[record] = identity
        self._pairs.change(record, old, touched)
        return self._settle(touched)

    def delete(self, record: bytes) -> LinkDelta:
        """Forget a record; its assertions stay, in case it returns. Nothing happens if it is not known."""
        old = self._identities.get(record)
        if old is None:
            return NOTHING
        touched = set(self._said.get(record, ()))
        if old.restricted:
            touched |= self._surroundings(record)
        self._pairs.leave(record, touched)
        del self._identities[record]
        return self._settle(touched, died=record)

    def assert_pair(self, a: bytes, b: bytes, kind: Kind) -> LinkDelta:
        """Decide that two records are one person, are not, or leave it to the model again.

        A `must` that would join records held apart by a `cannot` has no effect; of two such, the smaller pair wins.
        Either record may be unknown as yet.
        """
        if a == b:
            return NOTHING
        row = Assertion(min(a, b), max(a, b), kind)
        key = len(row.one).to_bytes(2, "big") + row.one + row.other
        if kind != "none":
            self._assertions[key] = row
        elif key in self._assertions:
            del self._assertions[key]
        self._note(row)
        return self._settle({a, b})

    @property
    def identities(self) -> Mapping[bytes, Identity]:
        """The live records."""
        return self._identities

    @property
    def assertions(self) -> MutableMapping[bytes, Assertion]:
        """What people decided about pairs."""
        return self._assertions

    def people(self) -> set[Group]:
        """People of two records or more."""
        return self._people.all()

    def homes(self) -> set[Group]:
        """Households of two records or more."""
        return self._homes.all()

    def cluster(self, record: bytes) -> bytes:
        """Person of a record: the smallest record of it."""
        return self._people.of(record)[0]

    def members(self, cluster: bytes) -> Group:
        """Records of a person, sorted."""
        return self._people.of(cluster)

    def household(self, record: bytes) -> bytes:
        """Household of a record: the smallest record of it."""
        return self._homes.of(record)[0]

    def household_records(self, household: bytes) -> Group:
        """Records of a household, sorted."""
        return self._homes.of(household)

    def edges(self, record: bytes) -> Mapping[bytes, int]:
        """Live candidates of a record that reach the automatic threshold alone: link score in milli-bits."""
        return self._pairs.edges(record)

    def ties(self, record: bytes) -> Mapping[bytes, int]:
        """Ties of a record that count, with their weights packed: none of a restricted person or held apart."""
        return self._tied(record)

    def neighbours(self, record: bytes) -> Iterable[bytes]:
        """Records that a record is tied to, whether it counts or not."""
        return self._pairs.ties(record)

    def said(self, record: bytes) -> Mapping[bytes, str]:
        """What was asserted of a record, by the other one: `must` or `cannot`."""
        return self._said.get(record, NOTHING_SAID)

    def take_moved(self) -> set[bytes]:
        """An end of every tie that the last change changed, or whose counting it did; each change is given once.

        Some of the records may be gone.
        """
        moved, self._moved = self._moved, set()
        return moved

    def suggestions(self, record: bytes) -> list[tuple[bytes, int]]:
        """Records of other people that may be the same one: link score in milli-bits from 0, best first."""
        if record not in self._identities:
            return []
        person, said = self._people.of(record), self._said.get(record, {})
        found = []
        for other in self._pairs.candidates(record):
            if other not in person and other not in said:
                weight = self._pairs.ask(record, other)
                if weight is not None and weight >= 0:
                    found.append((other, weight))
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))

    def strangers(self, identity: Identity) -> Mapping[bytes, int]:
        """Records that an identity which is none would be linked with: link score in milli-bits, in no order.

        It does not enter the graph, and the graph is as it was.
        """
        return self._pairs.strangers(identity)

    def explain(self, a: bytes, b: bytes) -> Explanation | None:
        """Why two records are one person or not; None if either is not known."""
        one, other = self._identities.get(a), self._identities.get(b)
        if one is None or other is None:
            return None
        return explain(
            self.model,
            shape(one),
            shape(other),
            Standing(
                said=self._said.get(a, {}).get(b, ""),
                candidate=b in self._pairs.candidates(a),
                together=self.cluster(a) == self.cluster(b),
            ),
        )

    def _note(self, row: Assertion) -> None:
        for mine, theirs in ((row.one, row.other), (row.other, row.one)):
            if row.kind != "none":
                self._said.setdefault(mine, {})[theirs] = row.kind
            elif mine in self._said:
                self._said[mine].pop(theirs, None)
                if not self._said[mine]:
                    del self._said[mine]

    def _linked(self, record: bytes) -> Iterable[bytes]:
        """Neighbours of a record in the graph of people."""
        linked = self._pairs.linked(record)
        said = self._said.get(record)
        if not said:
            return linked
        linked = [other for other in linked if said.get(other) != "cannot"]
        return linked + [other for other, kind in said.items() if kind == "must" and other in self._identities]

    def _tied(self, record: bytes) -> Mapping[bytes, int]:
        """Ties of a record that count, with their weights packed."""
        if record in self._closed:
            return {}
        ties = self._pairs.ties(record)
        said = self._said.get(record, NOTHING_SAID)
        if not said and self._closed.isdisjoint(ties):
            return ties
        return {
            other: weight
            for other, weight in ties.items()
            if other not in self._closed and said.get(other) != "cannot"
        }

    def _tie_weights(self, record: bytes) -> Mapping[bytes, int]:
        return {other: tie_of(weighed) for other, weighed in self._tied(record).items()}

    def _housed(self, record: bytes) -> Iterable[bytes]:
        """Neighbours of a record in the graph of households."""
        person = self._people.of(record)
        return self._tied(record) if len(person) == 1 else chain(person, self._tied(record))

    def _surroundings(self, record: bytes) -> set[bytes]:
        """Everyone whose ties depend on whether this record's person has any."""
        person = self._people.of(record)
        return {*person, *(other for member in person for other in self._pairs.ties(member))}

    def _settle(self, touched: set[bytes], born: bytes | None = None, died: bytes | None = None) -> LinkDelta:
        """Decide afresh every component that holds a touched record."""
        known = self._identities
        self._moved = touched
        if born is not None and len(touched) == 1 and self._is_stranger(born):
            self._pairs.trim()
            alone = ((born,),)
            return LinkDelta((), alone, (), alone)
        roots = {record for record in touched if record in known}
        before: set[Group] = set()
        after: set[Group] = set()
        for component in connected(roots, self._linked):
            before.update(map(self._people.of, component))
            after.update(partition(component, self._rules))
        people_before, people_after = self._people.exchange(before, after, born, died)
        if born is not None and len(touched) == 1 and (grown := self._grown(born, people_after)) is not None:
            self._pairs.trim()
            return LinkDelta(people_before, people_after, *self._homes.exchange(*grown, born, died))
        for group in people_before:
            roots.update(record for record in group if record in known)
        for group in people_after:
            roots.update(group)
        if self._closed or any(known[record].restricted for record in roots):
            self._mark_closed(people_before, people_after, roots)
        before, after = set(), set()
        for component in connected(roots, self._housed):
            before.update(map(self._homes.of, component))
            after.update(split(component, self._tie_weights, self._people.of, self.model))
            self._mark_crowded(component)
        if died is not None and died in self._crowded:
            del self._crowded[died]
        self._pairs.trim()
        return LinkDelta(people_before, people_after, *self._homes.exchange(before, after, born, died))

    def _grown(self, born: bytes, people: Iterable[Group]) -> tuple[set[Group], set[Group]] | None:
        """Households before and after a record came, where it only joins whole ones: the most usual change.

        None where that is not sure: what a person said or restricted, a household of more than the limit, or a
        changed person (one of `people`) who reaches beyond them. It saves the walk over all records of all of them.
        """
        tied = self._pairs.ties(born)
        if born in self._said or self._identities[born].restricted or not self._closed.isdisjoint(tied):
            return None
        if self._crowded and not self._crowded.keys().isdisjoint(tied):
            return None
        before = {self._homes.of(record) for record in tied}
        if 1 + sum(map(len, before)) > self.model.household_max:
            return None
        home = {born, *(record for group in before for record in group)}
        if not all(home.issuperset(person) for person in people):
            return None
        return before, {tuple(sorted(home))}

    def _mark_crowded(self, component: list[bytes]) -> None:
        if len(component) > self.model.household_max:
            for record in component:
                if record not in self._crowded:
                    self._crowded[record] = True
        elif self._crowded:
            for record in self._crowded.keys() & set(component):
                del self._crowded[record]

    def _is_stranger(self, record: bytes) -> bool:
        """Whether a new record is surely alone: the most usual case."""
        return not (self._pairs.ties(record) or record in self._said or self._identities[record].restricted)

    def _mark_closed(self, before: Iterable[Group], after: Iterable[Group], roots: set[bytes]) -> None:
        """Follow which people have a restricted record; whose ties that changes is added to `roots`."""
        known = self._identities
        groups = {*after, *(self._people.of(record) for record in roots)}
        was = {record for group in (*before, *groups) for record in group if record in self._closed}
        now = {record for group in groups if any(known[member].restricted for member in group) for record in group}
        if not was and not now:
            return
        self._closed -= was
        self._closed |= now
        for record in was ^ now:
            if record in known:
                roots.add(record)
                roots.update(self._pairs.ties(record))
