"""Which records share a blocking key.

Decides candidates: records that share a key held by at most `alone_max` records, or two keys held by at most
`posting_max` each. A key held by more is retired and counts for nothing. That is a function of the live records
alone, and it keeps candidates few however many records there are: chance gives two records one common key far sooner
than two (on the agencies set .0003 of pair F1 and .0009 of household F1 less than one key of any size).

A record has some fifty keys and most keys have one record, so a dictionary of them would be most of a partition's
recovery and memory. They are in a table of kernels.py, made anew from the live records at every start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Final

import numpy as np

from schemas.identity import BANDS_MAX, BLOCK_BYTES, MATCHKEYS_MAX, TOKEN_BYTES, TOKENS
from streams.linkage import kernels
from streams.linkage.identity import Identity, blocking_keys
from streams.linkage.kernels import CHAINS, FREE_CHAIN, FREE_LINK, LINKS, META, USED, Keys, Places

KEYS_MAX: Final = MATCHKEYS_MAX + BANDS_MAX + len(TOKENS) * TOKEN_BYTES // BLOCK_BYTES  # of one record
FULL: Final = 0.8  # share of used slots at which the table grows
GROWTH: Final = 1.3
BATCH: Final = 1 << 20  # keys entered at a time at the start
SPARE: Final = 4096  # keys that fit between two looks at the room left


class Postings:
    """Blocking key -> records.

    Args:
        alone: Records up to which a key makes candidates alone.
        most: Records up to which it does with another.
        identities: The live records; what is added to or taken from them is entered or left here too.
    """

    def __init__(self, alone: int, most: int, identities: Mapping[bytes, Identity]) -> None:
        self._alone, self._most = alone, most
        # keys are hashes; as in a dict, who forges some shall not choose where they fall. It changes no answer
        self._multiplier = np.uint64(hash(b"postings") & (1 << 64) - 1 | 1)
        self._records: list[bytes] = []
        self._place: dict[bytes, int] = {}
        self._vacant: list[int] = []
        self._retired: dict[int, set[int]] = {}
        self._slots, self._values = np.zeros(0, np.uint64), np.zeros(0, np.int32)
        self._chains, self._links = np.empty((0, 2), np.int32), np.empty((0, 2), np.int32)
        self._marks = np.zeros(1024, np.int64)
        self._meta = np.zeros(META, np.int64)
        self._meta[[FREE_CHAIN, FREE_LINK]] = -1
        self._found = np.empty(KEYS_MAX * most, np.int32)
        self._special = np.empty((3, KEYS_MAX), np.uint64)
        self._room = 0
        self._fill(identities)

    def enter(self, record: bytes, keys: Keys) -> tuple[list[bytes], list[int]]:
        """Add a record under keys it is not under yet.

        Args:
            record: Record.
            keys: Its keys.

        Returns:
            Its candidates, as far as these keys tell, and the keys that have passed a limit by it.
        """
        place = self._place.get(record)
        if place is None:
            place = self._new_place(record)
        self._room -= len(keys)
        if self._room < 0:
            self._make_room(SPARE)
        found, passed, full, retired = kernels.enter(
            keys, place, self._multiplier, self._slots, self._values, self._chains, self._links, self._marks,
            self._meta, self._alone, self._most, self._found, self._special,
        )  # fmt: skip
        records = self._records
        candidates = [records[other] for other in self._found[:found].tolist()]
        crossed: list[int] = self._special[0, :passed].tolist() if passed else []
        if full:
            for key in dict.fromkeys(self._special[1, :full].tolist()):
                self._retired[key] = {place, *self._drain(key)}
                crossed.append(key)
        if retired:
            for key in self._special[2, :retired].tolist():
                self._retired[key].add(place)
        return candidates, crossed

    def leave(self, record: bytes, keys: Keys, *, gone: bool = True) -> list[int]:
        """Take a record away from keys it is under; returns the keys that have come back to a limit by it.

        Args:
            record: Record.
            keys: Its keys.
            gone: It is under no other key now.
        """
        place = self._place[record]
        passed, retired = kernels.leave(
            keys, place, self._multiplier, self._slots, self._values, self._chains, self._links, self._meta,
            self._alone, self._special,
        )  # fmt: skip
        back: list[int] = self._special[0, :passed].tolist()
        for key in dict.fromkeys(self._special[2, :retired].tolist()):
            held = self._retired[key]
            held.discard(place)
            if len(held) == self._most:
                self._revive(key, self._retired.pop(key))
                back.append(key)
        if gone:
            del self._place[record]
            self._vacant.append(place)
        return back

    def candidates(self, record: bytes, keys: Keys) -> list[bytes]:
        """Candidates of a record that is under these keys."""
        found = kernels.candidates(
            keys, self._place[record], self._multiplier, self._slots, self._values, self._chains, self._links,
            self._marks, self._meta, self._alone, self._found,
        )  # fmt: skip
        return [self._records[other] for other in self._found[:found].tolist()]

    def strangers(self, keys: Keys) -> list[bytes]:
        """Candidates of somebody who is no record and does not become one, under the limits as they are."""
        place = len(self._records)  # nobody's: only the mark of having been seen is written there
        self._make_marks(place)
        found = kernels.candidates(
            keys, place, self._multiplier, self._slots, self._values, self._chains, self._links,
            self._marks, self._meta, self._alone, self._found,
        )  # fmt: skip
        return [self._records[other] for other in self._found[:found].tolist()]

    def members(self, key: int) -> list[bytes]:
        """All records of one key, live or retired; none where it has fewer than two."""
        places: Iterable[int] | None = self._retired.get(key)
        if places is None:
            places = kernels.members(
                np.uint64(key), self._multiplier, self._slots, self._values, self._chains, self._links
            ).tolist()
        return [self._records[place] for place in places]

    def join(self, keys: Sequence[Keys], pairs: Sequence[int]) -> list[bool]:
        """Whether keys make candidates of records.

        Args:
            keys: All keys of some records.
            pairs: Numbers of records, two and two.

        Returns:
            An answer for each pair.
        """
        starts = np.fromiter(accumulate(map(len, keys), initial=0), np.int64, len(keys) + 1)
        joined: list[bool] = kernels.join(
            np.concatenate(keys), starts, np.array(pairs, np.int64), self._multiplier, self._slots, self._values,
            self._chains, self._alone,
        ).tolist()  # fmt: skip
        return joined

    def _new_place(self, record: bytes) -> int:
        if self._vacant:
            place = self._vacant.pop()
            self._records[place] = record
        else:
            place = len(self._records)
            self._records.append(record)
            self._make_marks(place)
        self._place[record] = place
        return place

    def _make_marks(self, place: int) -> None:
        if place == len(self._marks):
            self._marks = np.concatenate([self._marks, np.zeros(len(self._marks) // 3, np.int64)])

    def _drain(self, key: int) -> list[int]:
        places: list[int] = kernels.drain(
            np.uint64(key), self._multiplier, self._slots, self._values, self._chains, self._links, self._meta
        ).tolist()
        return places

    def _revive(self, key: int, held: set[int]) -> None:
        self._room -= len(held)
        if self._room < 0:
            self._make_room(SPARE)
        kernels.revive(
            np.uint64(key), np.fromiter(held, np.int32), self._multiplier, self._slots, self._values, self._chains,
            self._links, self._meta,
        )  # fmt: skip

    def _make_room(self, keys: int) -> None:
        """Grow what has not room for so many more keys."""
        meta = self._meta
        if meta[USED] + keys > FULL * len(self._slots):
            left = np.count_nonzero(self._values == kernels.NOBODY)  # else keys that come and go would make it grow
            size = int(GROWTH * (meta[USED] - left + keys) / FULL)
            slots, values = np.zeros(size, np.uint64), np.full(size, kernels.FREE, np.int32)
            meta[USED] = kernels.rehash(self._slots, self._values, self._multiplier, slots, values)
            self._slots, self._values = slots, values
        self._chains = _grown(self._chains, int(meta[CHAINS]) + keys)
        self._links = _grown(self._links, int(meta[LINKS]) + 2 * keys)
        self._room = keys

    def _fill(self, identities: Mapping[bytes, Identity]) -> None:
        """Enter all records at once; changes nothing that can be asked."""
        rows = [blocking_keys(one) for one in identities.values()]
        self._records = list(identities)
        self._place = {record: place for place, record in enumerate(self._records)}
        self._marks = np.zeros(max(1024, len(rows)), np.int64)
        keys = np.concatenate(rows) if rows else np.zeros(0, np.uint64)
        owners = np.repeat(np.arange(len(rows), dtype=np.int32), [len(row) for row in rows])
        for start in range(0, len(keys), BATCH):
            some = slice(start, start + BATCH)
            self._make_room(min(BATCH, len(keys)))
            kernels.enter_all(
                keys[some], owners[some], self._multiplier, self._slots, self._values, self._chains, self._links,
                self._meta, self._most,
            )  # fmt: skip
        self._room = 0
        retired = self._slots[self._values == kernels.RETIRED]
        self._retired = {key: set() for key in retired.tolist()}
        held = np.isin(keys, retired)
        for key, owner in zip(keys[held].tolist(), owners[held].tolist(), strict=True):
            self._retired[key].add(owner)


def _grown(rows: Places, size: int) -> Places:
    """The rows with room for so many, and some more where it has to be made."""
    if size <= len(rows):
        return rows
    return np.concatenate([rows, np.empty((int(GROWTH * size) - len(rows), 2), np.int32)])
