"""A journal partition with a county in it, on disk: keys, a snapshot of its state, and the messages that come next.

Decides how a state of so many records is made for a measurement: from the county's journal through the real `step`,
until the partnership is live and nothing is left to do; then as a snapshot that a worker loads.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.county import County, batches
from demo.partnership import PARTNERSHIP
from schemas.crypto import NONCE_BYTES, Aead
from streams.keys import Keyring
from streams.runtime.commits import Place
from streams.runtime.snapshots import Manifest, Store
from streams.state import Outcome
from streams.step import State, make_machine

CHUNK: Final = 1000  # entries: what a worker takes at once
TICKS: Final = 50  # a chunk while the partnership goes live
_unpack = msgspec.msgpack.Decoder(list[bytes]).decode

Committed = Callable[[Aead, int, Outcome], Place]
"""Told of each chunk: the state key, entries in it and what `step` did; gives the place in the chain after it."""


@dataclass(frozen=True, slots=True)
class Partition:
    """What `prepare` left in a folder."""

    folder: Path

    @property
    def keys(self) -> Path:
        """The platform's keys."""
        return self.folder / "keys" / "platform"

    @property
    def snapshots(self) -> Path:
        """The store of snapshots."""
        return self.folder / "snapshots"

    def load(self) -> State:
        """The state, as a worker recovers it from the newest snapshot."""
        keyring = Keyring.load(self.keys)
        state = make_machine(0, keyring)
        newest = next(iter(Store(str(self.snapshots), Aead(keyring.state_key)).newest_first(0)))
        gc.disable()
        for changes in newest.changes():
            state.load(changes)
        state.ready()
        gc.freeze()
        gc.enable()
        return state

    def following(self) -> list[bytes]:
        """Live messages that come after the snapshot, in the mix of county.MIX."""
        return _unpack((self.folder / "following").read_bytes())


def at_the_beginning(cipher: Aead, entries: int, outcome: Outcome) -> Place:
    """A snapshot before the first offset: the journal begins with what follows."""
    del cipher, entries, outcome
    return Place()


def prepare(
    folder: Path, records: int, following: int, committed: Committed = at_the_beginning, tail: int = 0
) -> Partition:
    """Make a partition.

    Args:
        folder: New folder.
        records: In its state.
        following: Messages that come next.
        committed: Told of every chunk.
        tail: Messages after the snapshot and before those that come next; told to `committed` alone.
    """
    folder.mkdir(parents=True)
    county, made = County(folder), Partition(folder)
    keyring = county.keyring()
    state, cipher = make_machine(0, keyring), Aead(keyring.state_key)
    place = Place()
    for chunk in batches(chain(county.opening(), county.history(records), county.live()), CHUNK):
        place = committed(cipher, len(chunk), state.step(chunk))
    while not settled(state):
        place = committed(cipher, TICKS, state.step([county.tick() for _ in range(TICKS)]))
    rows = state.rows()
    manifest = Manifest(
        partition=0, sequence=1, next=place.next, hash=place.hash.hex(), end=place.end, tip=place.tip, rows=len(rows),
        frames=0, digest=state.digest().hex(), made_at=0, before="",
    )  # fmt: skip
    Store(str(made.snapshots), cipher).write(manifest, rows, lambda: os.urandom(NONCE_BYTES), lambda _: None)
    for chunk in batches(county.mix(tail), CHUNK):
        committed(cipher, len(chunk), state.step(chunk))
    (folder / "following").write_bytes(msgspec.msgpack.encode(list(county.mix(following))))
    return made


def settled(state: State) -> bool:
    """Whether the partnership is live and every household has been judged."""
    watch = state.partnerships[PARTNERSHIP].watch
    return watch.phase == "live" and not watch.sweeping
