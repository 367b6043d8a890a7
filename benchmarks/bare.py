"""Plugins that host the bare count instead of the real machine: see streams/tools/tally.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from schemas import codec
from streams.state import Enough, Given, Out, Outcome, never, pack_delta
from streams.tools.tally import PARTNERSHIP, TEAM, Count, Subjects

BODY_BYTES = 100
KEY_BYTES = 8
_encode = msgspec.msgpack.Encoder().encode
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


class Raw(Count):
    """Counts by the first bytes of the body, undecoded: what peers that are given the key have to do."""

    def step(self, entries: Sequence[bytes], enough: Enough = never) -> Outcome:
        """See Machine."""
        outbox: list[Out] = []
        given = Given(entries, enough)
        for entry in given:
            self.add(entry[-BODY_BYTES : KEY_BYTES - BODY_BYTES], 0, outbox)
        return Outcome(
            pack_delta(self.tables.take_delta()), tuple(outbox), {("", "applied"): len(entries)}, left=given.left
        )


def make_raw(partition: int, keyring: object) -> Raw:
    """Plugin: bodies undecoded."""
    del partition, keyring
    return Raw()


def make_subjects(partition: int, keyring: object) -> Subjects:
    """Plugin: envelopes by subject."""
    del partition, keyring
    return Subjects()


def cut(out: Out) -> list[tuple[str, bytes, bytes]]:
    """Outputs go to their team as they are."""
    key, _, _ = _decode(out.body)
    return [(f"alerts-{out.to}", key, out.body)]


class Echo(Subjects):
    """Every message is an output at once, with what its body says as the number: for latency."""

    def apply(self, message: dict[str, Any], outbox: list[Out]) -> str:
        """See Count."""
        _, envelope = codec.decode(message["body"], frozenset({"envelope"}))
        sent_us = int.from_bytes(envelope["body"], "big")
        self.counts[envelope["subject"]] = envelope["position"]
        outbox.append(Out("alert", TEAM, PARTNERSHIP, _encode((envelope["subject"], envelope["position"], sent_us))))
        return "applied"


def make_echo(partition: int, keyring: object) -> Echo:
    """Plugin: what comes in goes out."""
    del partition, keyring
    return Echo()


def make_cut(keyring: object) -> Callable[[Out], list[tuple[str, bytes, bytes]]]:
    """Plugin: `cut`."""
    del keyring
    return cut
