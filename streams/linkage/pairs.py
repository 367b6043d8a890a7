"""Scores of candidate pairs, kept where they matter.

Decides which pairs are edges (same person) and which are ties (same person or household). A record's ties are a
function of the live records; they are kept in a table all the same, packed, because working them out again takes a
millisecond a household, which after a recovery or in a large partnership is every message's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableMapping
from itertools import combinations
from typing import Final

import msgspec

from streams.linkage.compare import MASK, OFFSET, link_of, packed, scorer
from streams.linkage.identity import Identity, Shape, blocking_keys, shape
from streams.linkage.model import LinkModel
from streams.linkage.postings import Postings

REMEMBERED_MAX: Final = 1 << 17  # records whose integers are kept, about .6 kB each

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[bytes, int]).decode


class Pairs:
    """Edges and ties among the live records.

    Args:
        model: Weights and thresholds.
        identities: The live records.
        rows: For each record with ties, msgpack of {other: weights packed}, in order of the other.
        remembered_max: Records whose integers are kept; it changes no result.
    """

    def __init__(
        self,
        model: LinkModel,
        identities: Mapping[bytes, Identity],
        rows: MutableMapping[bytes, bytes],
        remembered_max: int,
    ) -> None:
        self._remembered_max = remembered_max
        self._edge_packed, self._tie_packed = packed(model.edge, -OFFSET), model.tie + OFFSET
        self._identities = identities
        self._rows = rows
        self._score = scorer(model)
        self._shapes: dict[bytes, Shape] = {}
        self._postings = Postings(model.alone_max, model.posting_max, identities)

    def edges(self, record: bytes) -> dict[bytes, int]:
        """Candidates that reach the automatic threshold, with their link score in milli-bits."""
        edge = self._edge_packed
        return {other: link_of(weighed) for other, weighed in self.ties(record).items() if weighed >= edge}

    def ties(self, record: bytes) -> dict[bytes, int]:
        """Candidates of the same person or household, with their weights packed."""
        row = self._rows.get(record)
        return {} if row is None else _decode(row)

    def candidates(self, record: bytes) -> set[bytes]:
        """Records that share enough live blocking keys."""
        return self._postings.candidates(record, blocking_keys(self._identities[record]))

    def ask(self, one: bytes, other: bytes) -> int | None:
        """Link score of any two live records in milli-bits; None where their epochs differ."""
        first, second = self._shape(one), self._shape(other)
        return link_of(self._score(first, second)) if first[0] == second[0] else None

    def trim(self) -> None:
        """Drop what can be worked out again, once it is too much; only between two changes."""
        self._postings.pack_if_due()
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
            theirs = self.ties(other)
            del theirs[record]
            self._keep(other, theirs)
            touched.add(other)
        self._keep(record, {})
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

    def _keep(self, record: bytes, ties: dict[bytes, int]) -> None:
        if ties:
            self._rows[record] = _encode(dict(sorted(ties.items())))
        elif record in self._rows:
            del self._rows[record]

    def _learn(self, record: bytes, candidates: Collection[bytes]) -> None:
        """Score a record against its candidates."""
        shapes, score, tie = self._shapes, self._score, self._tie_packed
        mine = self._shape(record)
        epoch = mine[0]
        ties: dict[bytes, int] = {}
        for other in candidates:
            theirs = shapes.get(other) or self._shape(other)
            if theirs[0] == epoch:
                weighed = score(mine, theirs)
                if weighed & MASK >= tie:
                    ties[other] = weighed
        self._keep(record, ties)
        for other, weighed in ties.items():
            self._keep(other, {**self.ties(other), record: weighed})

    def _recheck(self, key: int, touched: set[bytes]) -> None:
        """A key has crossed a limit: pairs of its records may have become candidates, or are none any more."""
        members = [(member, blocking_keys(self._identities[member])) for member in self._postings.members(key)]
        ties = {member: self.ties(member) for member, _ in members}
        changed: set[bytes] = set()
        for (one, some), (other, others) in combinations(members, 2):
            before, weighed = ties[one].get(other), None
            if self._postings.join(some & others):
                weighed = before or self._tie(one, other)
            if weighed == before:
                continue
            changed.update((one, other))
            for mine, theirs in ((one, other), (other, one)):
                if weighed is None:
                    del ties[mine][theirs]
                else:
                    ties[mine][theirs] = weighed
        for member in sorted(changed):
            self._keep(member, ties[member])
        touched |= changed

    def _tie(self, one: bytes, other: bytes) -> int | None:
        """Weights of a pair packed, if it is a tie."""
        first, second = self._shape(one), self._shape(other)
        if first[0] != second[0]:
            return None
        weighed = self._score(first, second)
        return weighed if weighed & MASK >= self._tie_packed else None
