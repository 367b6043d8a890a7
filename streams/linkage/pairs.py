"""Scores of candidate pairs, kept where they matter.

Decides which pairs are edges (same person) and which are ties (same person or household). A record's ties are a
function of the live records; they are kept in a table all the same, packed, because working them out again takes a
millisecond a household, which after a recovery or in a large partnership is every message's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, MutableMapping, Sequence
from itertools import combinations
from typing import Final

import msgspec
import numpy as np

from schemas.identity import FIELD_BYTES, FIELDS, TOKEN_BYTES, TOKENS
from streams.linkage import kernels
from streams.linkage.compare import link_of, packed, weighing
from streams.linkage.identity import BITS_BYTES, Identity, blocking_keys, whole_bits
from streams.linkage.kernels import INCOMPARABLE, OFFSET
from streams.linkage.model import LinkModel
from streams.linkage.postings import Postings

REMEMBERED_MAX: Final = 1 << 15  # records whose ties are kept unpacked, about 1 kB each

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[bytes, int]).decode
_WORD, _SHORT = np.dtype("<u8"), np.dtype("<u2")
_BITS, _TOKENS = len(FIELDS) * FIELD_BYTES // 8, len(TOKENS) * TOKEN_BYTES // 8


class Pairs:
    """Edges and ties among the live records.

    Args:
        model: Weights and thresholds.
        identities: The live records.
        rows: For each record with ties, msgpack of {other: weights packed}, in order of the other.
        remembered_max: Records whose ties are kept unpacked; it changes no result.
    """

    def __init__(
        self,
        model: LinkModel,
        identities: Mapping[bytes, Identity],
        rows: MutableMapping[bytes, bytes],
        remembered_max: int,
    ) -> None:
        self._remembered_max = remembered_max
        self._edge, self._tie = packed(model.edge, -OFFSET), model.tie
        self._identities = identities
        self._rows = rows
        self._weighing = weighing(model)
        self._ties: dict[bytes, dict[bytes, int]] = {}
        self._rows_found, self._weights = np.empty(1024, np.int64), np.empty(1024, np.int64)
        self._postings = Postings(model.alone_max, model.posting_max, identities)

    def edges(self, record: bytes) -> dict[bytes, int]:
        """Candidates that reach the automatic threshold, with their link score in milli-bits."""
        edge = self._edge
        return {other: link_of(weighed) for other, weighed in self.ties(record).items() if weighed >= edge}

    def linked(self, record: bytes) -> list[bytes]:
        """The records of `edges`."""
        edge = self._edge
        return [other for other, weighed in self.ties(record).items() if weighed >= edge]

    def ties(self, record: bytes) -> dict[bytes, int]:
        """Candidates of the same person or household, with their weights packed, in order; not to be changed."""
        found = self._ties.get(record)
        if found is None:
            row = self._rows.get(record)
            found = self._ties[record] = {} if row is None else _decode(row)
        return found

    def candidates(self, record: bytes) -> list[bytes]:
        """Records that share enough live blocking keys."""
        return self._postings.candidates(record, blocking_keys(self._identities[record]))

    def strangers(self, identity: Identity) -> dict[bytes, int]:
        """Records that would be edges of an identity that is no record, with their link score in milli-bits.

        Nothing is entered, kept or remembered; as many are compared as for a record.
        """
        found = self._weigh(identity, self._postings.strangers(blocking_keys(identity)), self._tie)
        return {other: link_of(weighed) for other, weighed in found.items() if weighed >= self._edge}

    def ask(self, one: bytes, other: bytes) -> int | None:
        """Link score of any two live records in milli-bits; None where their epochs differ."""
        weighed = self.ties(one).get(other)
        if weighed is None:
            weighed = self._weigh(self._identities[one], (other,), -OFFSET).get(other)
        return None if weighed is None else link_of(weighed)

    def trim(self) -> None:
        """Drop what can be worked out again, once it is too much; only between two changes."""
        if len(self._ties) > self._remembered_max:
            self._ties.clear()

    def enter(self, record: bytes, touched: set[bytes]) -> None:
        """Take in a record that is new in the identities.

        Args:
            record: Record.
            touched: Receives the ends of every edge or tie that changes, here and in the methods below.
        """
        found, passed = self._postings.enter(record, blocking_keys(self._identities[record]))
        self._learn(record, found)
        touched.add(record)
        self._part(passed, touched)

    def leave(self, record: bytes, touched: set[bytes]) -> None:
        """Let go of a record that is still in the identities."""
        self.forget(record, touched)
        self._rejoin(self._postings.leave(record, blocking_keys(self._identities[record])), touched)

    def forget(self, record: bytes, touched: set[bytes]) -> None:
        """Drop what is known of a record, before its encodings change."""
        for other in self.ties(record):  # an edge is always a tie, because tie <= edge
            self._keep(other, {one: weighed for one, weighed in self.ties(other).items() if one != record})
            touched.add(other)
        self._keep(record, {})

    def change(self, record: bytes, old: Identity, touched: set[bytes]) -> None:
        """Take in a record's new encodings after `forget` under the old ones."""
        after = blocking_keys(self._identities[record])
        before, now = set(blocking_keys(old).tolist()), set(after.tolist())
        left, came = (np.fromiter(keys, np.uint64) for keys in (before - now, now - before))
        back = self._postings.leave(record, left, gone=False)
        _, passed = self._postings.enter(record, came)
        self._part(passed, touched)
        self._rejoin(back, touched)
        self._learn(record, self._postings.candidates(record, after))
        touched.add(record)

    def _keep(self, record: bytes, ties: dict[bytes, int]) -> None:
        """Store a record's ties, given in order."""
        if ties:
            self._ties[record] = ties
            self._rows[record] = _encode(ties)
        else:
            self._ties.pop(record, None)
            if record in self._rows:
                del self._rows[record]

    def _learn(self, record: bytes, candidates: Sequence[bytes]) -> None:
        """Score a record against its candidates."""
        ties = dict(sorted(self._weigh(self._identities[record], candidates, self._tie).items()))
        self._keep(record, ties)
        for other, weighed in ties.items():
            self._keep(other, _with(self.ties(other), record, weighed))

    def _weigh(self, mine: Identity, others: Sequence[bytes], least: int) -> dict[bytes, int]:
        """Weights packed of an identity with records of its epochs, where the tie is `least` or more."""
        if not others:
            return {}
        known = self._identities
        schema, key, agency = mine.schema_epoch, mine.key_epoch, mine.agency
        rows = [known[other] for other in others]
        marks = [
            2 * row.nulls + (row.agency == agency)
            if row.key_epoch == key and row.schema_epoch == schema
            else INCOMPARABLE
            for row in rows
        ]
        if len(rows) > len(self._weights):
            self._rows_found, self._weights = np.empty(2 * len(rows), np.int64), np.empty(2 * len(rows), np.int64)
        count = kernels.weigh(
            np.frombuffer(whole_bits(mine), _WORD), mine.nulls, np.frombuffer(mine.tokens, _WORD),
            np.frombuffer(b"".join([row.bits.ljust(BITS_BYTES, b"\0") for row in rows]), _WORD).reshape(-1, _BITS),
            np.array(marks, _SHORT),
            np.frombuffer(b"".join([row.tokens for row in rows]), _WORD).reshape(-1, _TOKENS),
            *self._weighing, least, self._rows_found, self._weights,
        )  # fmt: skip
        found = zip(self._rows_found[:count].tolist(), self._weights[:count].tolist(), strict=True)
        return {others[row]: weighed for row, weighed in found}

    def _part(self, keys: Iterable[int], touched: set[bytes]) -> None:
        """Keys have passed a limit: pairs of their records may be candidates no more."""
        tied: set[tuple[bytes, bytes]] = set()
        for key in keys:
            members = set(self._postings.members(key))
            for one in members:
                tied.update((one, other) for other in members.intersection(self.ties(one)) if one < other)
        gone: dict[bytes, set[bytes]] = {}
        for one, other in self._select(tied, joined=False):
            gone.setdefault(one, set()).add(other)
            gone.setdefault(other, set()).add(one)
        for one, others in gone.items():
            self._keep(one, {record: weighed for record, weighed in self.ties(one).items() if record not in others})
        touched.update(gone)

    def _rejoin(self, keys: Iterable[int], touched: set[bytes]) -> None:
        """Keys have come back to a limit: pairs of their records may be candidates again, each weighed once."""
        apart: set[tuple[bytes, bytes]] = set()
        for key in keys:
            members = sorted(self._postings.members(key))
            apart.update((one, other) for one, other in combinations(members, 2) if other not in self.ties(one))
        near: dict[bytes, list[bytes]] = {}
        for one, other in self._select(apart, joined=True):
            near.setdefault(one, []).append(other)
        found: dict[bytes, dict[bytes, int]] = {}
        for one, others in near.items():
            for other, weighed in self._weigh(self._identities[one], others, self._tie).items():
                found.setdefault(one, {})[other] = found.setdefault(other, {})[one] = weighed
        for one, ties in found.items():
            self._keep(one, dict(sorted({**self.ties(one), **ties}.items())))
        touched.update(found)

    def _select(self, pairs: Collection[tuple[bytes, bytes]], *, joined: bool) -> list[tuple[bytes, bytes]]:
        """Those of the pairs that are candidates, or those that are not."""
        if not pairs:
            return []
        numbers: dict[bytes, int] = {}
        flat = [numbers.setdefault(record, len(numbers)) for pair in pairs for record in pair]
        answers = self._postings.join([blocking_keys(self._identities[record]) for record in numbers], flat)
        return [pair for pair, answer in zip(pairs, answers, strict=True) if answer is joined]


def _with(ties: dict[bytes, int], record: bytes, weighed: int) -> dict[bytes, int]:
    """Ties with one more, in order."""
    more = {**ties, record: weighed}
    return more if not ties or record > next(reversed(ties)) else dict(sorted(more.items()))
