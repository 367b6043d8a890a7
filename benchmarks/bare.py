"""Plugins that host the bare count instead of the real machine: see streams/tools/tally.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from streams.state import Out
from streams.tools.tally import Count, Subjects

_decode = msgspec.msgpack.Decoder(tuple[bytes, int, int]).decode


@dataclass(frozen=True)
class Keys:
    """A keyring of one key."""

    state_key: bytes


def load_keyring(folder: Path) -> Keys:
    """The state key of a folder."""
    return Keys(bytes.fromhex((folder / "state.key").read_text().strip()))


def make_machine(partition: int, keyring: object) -> Count:
    """Plugin: bodies as keys."""
    del partition, keyring
    return Count()


def make_subjects(partition: int, keyring: object) -> Subjects:
    """Plugin: envelopes by subject."""
    del partition, keyring
    return Subjects()


def cut(out: Out) -> list[tuple[str, bytes, bytes]]:
    """Outputs go to their team as they are."""
    key, _, _ = _decode(out.body)
    return [(f"alerts-{out.to}", key, out.body)]


def make_cut(keyring: object) -> Callable[[Out], list[tuple[str, bytes, bytes]]]:
    """Plugin: `cut`."""
    del keyring
    return cut
