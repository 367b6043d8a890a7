"""Makes a partition for a measurement: a county's journal through the real `step`, until it is live and at rest.

Decides how a state of so many records comes to be; what is measured on it is the benchmarks'.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.county import County, batches
from benchmarks.partition import CHUNK, Partition
from demo.partnership import PARTNERSHIP
from schemas.crypto import NONCE_BYTES, Aead
from streams.runtime.commits import Place
from streams.runtime.snapshots import Manifest, Store
from streams.state import Outcome
from streams.step import State, make_machine

TICKS: Final = 50  # a chunk while the partnership goes live
Committed = Callable[[Aead, int, Outcome], Place]
"""Told of each chunk: the state key, entries in it and what `step` did; gives the place in the chain after it."""


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
    made.register.write_text(json.dumps(county.register()))
    (folder / "following").write_bytes(msgspec.msgpack.encode(list(county.mix(following))))
    made.now.write_text(str(county.now))
    return made


def settled(state: State) -> bool:
    """Whether the partnership is live and every household has been judged."""
    watch = state.partnerships[PARTNERSHIP].watch
    return watch.phase == "live" and not watch.sweeping
