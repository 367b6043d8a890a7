"""Scores of candidate pairs, kept where they matter.

Decides which pairs are edges (same person) and which are ties (same person or household). All of it is derived: a
record's neighbours are a function of the live records and are worked out when first asked for, so nothing of it is
in the tables, and dropping any of it changes no result.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations
from typing import Final

from streams.linkage.compare import MASK, OFFSET, link_of, packed, scorer
from streams.linkage.identity import Identity, Shape, blocking_keys, shape
from streams.linkage.model import LinkModel
from streams.linkage.postings import Postings

REMEMBERED_MAX: Final = 1 << 17  # records whose integers and neighbours are kept, about 1.1 kB each
NONE: Final[Mapping[bytes, int]] = {}


class Pairs:
    """Edges and ties among the live records."""

    def __init__(self, model: LinkModel, identities: Mapping[bytes, Identity], remembered_max: int) -> None:
        self._remembered_max = remembered_max
        self._edge_packed, self._tie_packed = packed(model.edge, -OFFSET), model.tie + OFFSET
        self._identities = identities
        self._score = scorer(model)
        self._shapes: dict[bytes, Shape] = {}
        self._edges: dict[bytes, dict[bytes, int]] = {}  # a record without edges has no entry
        self._ties: dict[bytes, dict[bytes, int]] = {}  # an entry says that the record's neighbours are known
        self._postings = Postings(model.alone_max, model.posting_max, identities)

    def edges(self, record: bytes) -> Mapping[bytes, int]:
        """Candidates that reach the automatic threshold, with their link score in milli-bits."""
        if record not in self._ties:
            self._work_out(record)
        return self._edges.get(record, NONE)

    def ties(self, record: bytes) -> Mapping[bytes, int]:
        """Candidates of the same person or household, with their weights packed."""
        if record not in self._ties:
            self._work_out(record)
        return self._ties[record]

    def candidates(self, record: bytes) -> set[bytes]:
        """Records that share a live blocking key."""
        return self._postings.candidates(record, blocking_keys(self._identities[record]))

    def ask(self, one: bytes, other: bytes) -> int | None:
        """Link score of any two live records in milli-bits; None where their epochs differ."""
        known: int | None = self._ties.get(one, NONE).get(other)
        if known is not None:
            return link_of(known)
        first, second = self._shape(one), self._shape(other)
        return link_of(self._score(first, second)) if first[0] == second[0] else None

    def trim(self) -> None:
        """Drop what was worked out, once it is too much; only between two changes."""
        self._postings.pack_if_due()
        if len(self._ties) > self._remembered_max:
            self._ties.clear()
            self._edges.clear()
        if len(self._shapes) > self._remembered_max:
            self._shapes.clear()

    def enter(self, record: bytes, touched: set[bytes]) -> None:
        """Take in a record that is new in the identities.

        Args:
            record: Record.
            touched: Receives the ends of every edge or tie that changes, here and in the methods below.
        """
        found: set[bytes] = set()
        passed = self._postings.enter(record, blocking_keys(self._identities[record]), found)
        self._learn(record, found)
        touched.add(record)
        for key in passed:
            self._recheck(key, touched)

    def leave(self, record: bytes, touched: set[bytes]) -> None:
        """Let go of a record that is still in the identities."""
        self.forget(record, touched)
        for key in self._postings.leave(record, blocking_keys(self._identities[record])):
            self._recheck(key, touched)

    def forget(self, record: bytes, touched: set[bytes]) -> None:
        """Drop what is known of a record, before its encodings change."""
        for other in self.ties(record):  # an edge is always a tie, because tie <= edge
            self._drop(other, record)
            touched.add(other)
        del self._ties[record]
        self._edges.pop(record, None)
        self._shapes.pop(record, None)

    def change(self, record: bytes, old: Identity, touched: set[bytes]) -> None:
        """Take in a record's new encodings after `forget` under the old ones."""
        before, after = blocking_keys(old), blocking_keys(self._identities[record])
        crossed = self._postings.leave(record, before - after)
        crossed += self._postings.enter(record, after - before, set())
        for key in crossed:
            self._recheck(key, touched)
        self._learn(record, self._postings.candidates(record, after))
        touched.add(record)

    def _shape(self, record: bytes) -> Shape:
        found = self._shapes.get(record)
        if found is None:
            found = self._shapes[record] = shape(self._identities[record])
        return found

    def _work_out(self, record: bytes) -> None:
        """Score a record against its candidates."""
        self._compare(record, self.candidates(record))

    def _learn(self, record: bytes, candidates: Collection[bytes]) -> None:
        self._compare(record, candidates)
        for other, weighed in self._ties[record].items():
            ties = self._ties.get(other)
            if ties is not None:
                ties[record] = weighed
                if weighed >= self._edge_packed:
                    self._edges.setdefault(other, {})[record] = link_of(weighed)

    def _compare(self, record: bytes, candidates: Collection[bytes]) -> None:
        ties: dict[bytes, int] = {}
        self._ties[record] = ties
        if not candidates:
            return
        shapes, score, edge, tie = self._shapes, self._score, self._edge_packed, self._tie_packed
        edges: dict[bytes, int] = {}
        mine = self._shape(record)
        epoch = mine[0]
        for other in candidates:
            theirs = shapes.get(other) or self._shape(other)
            if theirs[0] == epoch:
                weighed = score(mine, theirs)
                if weighed & MASK >= tie:
                    ties[other] = weighed
                    if weighed >= edge:
                        edges[other] = link_of(weighed)
        if edges:
            self._edges[record] = edges

    def _drop(self, record: bytes, other: bytes) -> None:
        """Remove one neighbour of a record, if its neighbours are known."""
        ties = self._ties.get(record)
        if ties is None:
            return
        del ties[other]
        edges = self._edges.get(record)
        if edges is not None and other in edges:
            del edges[other]
            if not edges:
                del self._edges[record]

    def _recheck(self, key: int, touched: set[bytes]) -> None:
        """A key has crossed a limit: pairs of its records may have become candidates, or are none any more."""
        members = list(self._postings.members(key))
        keys = [blocking_keys(self._identities[member]) for member in members]
        for (one, some), (other, others) in combinations(zip(members, keys, strict=True), 2):
            mine, theirs = self._ties.get(one), self._ties.get(other)
            tied = (mine is not None and other in mine) or (theirs is not None and one in theirs)
            joined = self._postings.join(some & others)
            if tied and not joined:
                self._drop(one, other)
                self._drop(other, one)
                touched.update((one, other))
            elif not tied and (joined or (mine is None and theirs is None)):  # nobody remembers: it may have been
                self._join(one, other, touched)

    def _join(self, one: bytes, other: bytes, touched: set[bytes]) -> None:
        """Score a pair; where it is a tie, tell and remember it."""
        first, second = self._shape(one), self._shape(other)
        if first[0] != second[0]:
            return
        weighed = self._score(first, second)
        if weighed & MASK < self._tie_packed:
            return
        touched.update((one, other))
        for mine, theirs in ((one, other), (other, one)):
            if mine in self._ties:
                self._ties[mine][theirs] = weighed
                if weighed >= self._edge_packed:
                    self._edges.setdefault(mine, {})[theirs] = link_of(weighed)
