"""A journal partition with people in it, on disk: keys, a snapshot of its state, and the messages that come next.

Needs nothing but the platform, so that a peer's environment can load it too. Made by benchmarks/prepare.py.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from schemas.crypto import Aead
from streams.keys import Keyring
from streams.runtime.snapshots import Store
from streams.step import State, make_machine

CHUNK: Final = 1000  # entries: what a worker takes at once
_unpack = msgspec.msgpack.Decoder(list[bytes]).decode


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

    @property
    def register(self) -> Path:
        """Body of the register control."""
        return self.folder / "register.json"

    @property
    def now(self) -> Path:
        """Partnership time of the last of what follows (ms)."""
        return self.folder / "now"

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


def feed(machine: Any, entries: list[bytes]) -> None:
    """Put entries through `step`, a chunk at a time."""
    for start in range(0, len(entries), CHUNK):
        machine.step(entries[start : start + CHUNK])
