"""Which records share a blocking key.

Decides candidates: records that share a key held by at most `alone_max` records, or two keys held by at most
`posting_max` each. A key held by more is retired and counts for nothing. That is a function of the live records
alone, and it keeps candidates few however many records there are: chance gives two records one common key far sooner
than two (on the agencies set .0003 of pair F1 and .0009 of household F1 less than one key of any size).

A record has some twenty keys and most keys have one record, so a dictionary of them would be most of a partition's
recovery and a good part of its memory. They are kept packed instead, sorted, 13 bytes a key; what changed since they
were packed is in a dictionary that goes before them, and now and then all is packed anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.identity import BLOCK_BYTES, TOKEN_BYTES, TOKENS
from streams.linkage.identity import Identity

Posting = bytes | tuple[bytes, ...] | set[bytes]
"""Records of one key: one, up to the limit (or none), or more than it. Three forms, because most keys have one."""
HALVES: Final = TOKEN_BYTES // BLOCK_BYTES  # keys of one token
CHANGED_MIN: Final = 1 << 20  # keys; below, packing anew gains nothing


class Postings:
    """Blocking key -> records.

    Args:
        alone: Records up to which a key makes candidates alone.
        most: Records up to which it does with another.
        identities: The live records; what is added to or taken from them is entered or left here too.
    """

    def __init__(self, alone: int, most: int, identities: Mapping[bytes, Identity]) -> None:
        self._alone, self._most = alone, most
        self._identities = identities
        self.pack()

    def pack(self) -> None:
        """Pack the keys of the live records; changes no answer."""
        self._changed: dict[int, Posting] = {}
        self._records = list(self._identities)
        keys, owners = _packed(self._identities.values())
        self._shift = 64 - max(1, (len(keys) >> 2).bit_length())  # two to four keys a bucket, for keys are hashes
        buckets = np.bincount((keys >> np.uint64(self._shift)).astype(np.int64), minlength=1 << 64 - self._shift)
        starts = np.concatenate(([0], np.cumsum(buckets))).astype(np.uint32)
        # plain integers out of a memoryview come four times faster than out of an array
        self._keys, self._owners, self._starts = keys.data, owners.data, starts.data

    def pack_if_due(self) -> None:
        """Pack anew where half as many keys have changed as are packed."""
        if len(self._changed) > max(CHANGED_MIN, len(self._keys) // 2):
            self.pack()

    def enter(self, record: bytes, keys: Iterable[int], candidates: set[bytes]) -> list[int]:
        """Add a record under keys it is not under yet.

        Args:
            record: Record.
            keys: Its keys.
            candidates: Receives its candidates, as far as these keys tell.

        Returns:
            The keys that have passed a limit by it.
        """
        changed, alone, most = self._changed, self._alone, self._most
        once: set[bytes] = set()
        passed = []
        for key in keys:
            held = changed.get(key)
            if held is None:
                held = self._packed_posting(key)
            if type(held) is bytes:
                changed[key] = (held, record)
                candidates.add(held)
            elif type(held) is tuple:
                if len(held) < most:
                    changed[key] = (*held, record) if held else record
                    if len(held) < alone:
                        candidates.update(held)
                    else:
                        candidates.update(once.intersection(held))
                        once.update(held)
                        if len(held) == alone:
                            passed.append(key)
                else:
                    changed[key] = {*held, record}
                    passed.append(key)
            elif type(held) is set:
                held.add(record)
                changed[key] = held
        return passed

    def leave(self, record: bytes, keys: Iterable[int]) -> list[int]:
        """Take a record away from keys it is under; returns the keys that have come back to a limit by it."""
        changed, alone, most = self._changed, self._alone, self._most
        back = []
        for key in keys:
            held = self._posting(key)
            if type(held) is bytes:
                changed[key] = ()
            elif type(held) is tuple:
                rest = tuple([other for other in held if other != record])
                changed[key] = rest[0] if len(rest) == 1 else rest
                if len(rest) == alone:
                    back.append(key)
            elif type(held) is set:
                held.discard(record)
                changed[key] = held
                if len(held) == most:
                    changed[key] = tuple(sorted(held))
                    back.append(key)
        return back

    def candidates(self, record: bytes, keys: Iterable[int]) -> set[bytes]:
        """Candidates of a record that is under these keys."""
        found: set[bytes] = set()
        once: set[bytes] = set()
        changed, alone = self._changed, self._alone
        for key in keys:
            held = changed.get(key)
            if held is None:
                held = self._packed_posting(key)
            if type(held) is tuple:
                if len(held) <= alone:
                    found.update(held)
                else:
                    found.update(once.intersection(held))
                    once.update(held)
        found.discard(record)
        return found

    def members(self, key: int) -> Iterable[bytes]:
        """All records of one key, live or retired."""
        held = self._posting(key)
        return (held,) if type(held) is bytes else held  # type: ignore[return-value]

    def join(self, shared: Iterable[int]) -> bool:
        """Whether keys that two records share make them candidates."""
        live = 0
        for key in shared:
            held = self._posting(key)
            if type(held) is tuple:
                if len(held) <= self._alone or live:
                    return True
                live = 1
        return False

    def _posting(self, key: int) -> Posting:
        held = self._changed.get(key)
        return self._packed_posting(key) if held is None else held

    def _packed_posting(self, key: int) -> Posting:
        """What is packed under a key."""
        keys, bucket = self._keys, key >> self._shift
        first, end = self._starts[bucket], self._starts[bucket + 1]
        while first < end and keys[first] < key:
            first += 1
        last = first
        while last < end and keys[last] == key:
            last += 1
        if last == first:
            return ()
        if last - first == 1:
            return self._records[self._owners[first]]
        held = [self._records[owner] for owner in self._owners[first:last]]
        return tuple(held) if len(held) <= self._most else set(held)


def _packed(identities: Iterable[Identity]) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """Every key with the place of its record, sorted by key: those of identity.blocking_keys, each once a record.

    Returns:
        (keys, u8; places, u4).
    """
    rows = list(identities)
    places = np.arange(len(rows), dtype=np.uint32)
    parts = []
    for blocks in ([row.matchkeys for row in rows], [row.bands for row in rows]):
        counts = np.fromiter(map(len, blocks), np.int64, len(rows)) // BLOCK_BYTES
        parts.append((np.frombuffer(b"".join(blocks), "<u8"), np.repeat(places, counts)))
    tokens = np.frombuffer(b"".join([row.tokens for row in rows]), "<u8").reshape(len(rows), len(TOKENS), HALVES)
    row_at, token_at = np.nonzero(tokens.any(axis=2))
    parts.append((tokens[row_at, token_at].ravel(), np.repeat(places[row_at], HALVES)))
    keys = np.concatenate([keys for keys, _ in parts]).astype(np.uint64)
    owners = np.concatenate([owners for _, owners in parts])
    order = np.lexsort((owners, keys))
    keys, owners = keys[order], owners[order]
    again = np.zeros(len(keys), bool)
    again[1:] = (keys[1:] == keys[:-1]) & (owners[1:] == owners[:-1])
    return np.ascontiguousarray(keys[~again]), np.ascontiguousarray(owners[~again])
