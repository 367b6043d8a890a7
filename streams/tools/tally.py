"""The smallest machine worth hosting: a recoverable count per key, with an output each n-th time.

Used to measure what hosting costs apart from `step`, and to test the engine under faults with outputs whose right
values are obvious. Two forms: `Count` takes any body as its key; `Subjects` takes envelopes, counts by subject and
drops repeats by (source, epoch, position, sequence), as the real machine does. Decides nothing about people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from schemas import codec
from streams.state import Change, Enough, Given, Out, Outcome, Spec, Tables, digest, never, pack_delta, packed_rows

EVERY = 10
TEAM = "mash"
PARTNERSHIP = "bare"
_JOURNAL = frozenset({"journal"})
_ENVELOPE = frozenset({"envelope"})
_encode = msgspec.msgpack.Encoder().encode


class Count:
    """Counts messages by body; every `EVERY`-th of a key is an output (key, count, received_at)."""

    SPECS: tuple[Spec, ...] = (Spec("counts", int), Spec("clock", int))

    def __init__(self) -> None:
        self.tables = Tables(PARTNERSHIP, self.SPECS)
        self.counts = self.tables["counts"]
        self.clock = self.tables["clock"]

    def load(self, changes: bytes) -> None:
        """See Machine."""
        for _, number, key, value in packed_rows(changes):
            self.tables.load(number, key, value)

    def ready(self) -> None:
        """Nothing is derived."""
        self.tables.loaded()

    def step(self, entries: Sequence[bytes], enough: Enough = never) -> Outcome:
        """See Machine."""
        outbox: list[Out] = []
        counts: Counter[tuple[str, str]] = Counter()
        given = Given(entries, enough)
        for entry in given:
            _, message = codec.decode(entry, _JOURNAL)
            if message["kind"] == "tick":
                self.clock[b"at"] = message["received_at"]
                counts["", "tick"] += 1
            else:
                counts["", self.apply(message, outbox)] += 1
        return Outcome(pack_delta(self.tables.take_delta()), tuple(outbox), counts, left=given.left)

    def apply(self, message: dict[str, Any], outbox: list[Out]) -> str:
        """One message; returns what became of it."""
        self.add(message["body"], message["received_at"], outbox)
        return "applied"

    def add(self, key: bytes, at: int, outbox: list[Out]) -> None:
        """One more of a key."""
        count = self.counts.get(key, 0) + 1
        self.counts[key] = count
        if count % EVERY == 0:
            outbox.append(Out("alert", TEAM, PARTNERSHIP, _encode((key, count, at))))

    def digest(self) -> bytes:
        """See Machine."""
        return digest(self.rows())

    def rows(self) -> list[Change]:
        """All rows in canonical order."""
        return list(self.tables.rows())


class Subjects(Count):
    """Counts envelopes by subject; drops repeats."""

    SPECS = (*Count.SPECS, Spec("places", tuple[int, int, int]))

    def __init__(self) -> None:
        super().__init__()
        self.places = self.tables["places"]

    def apply(self, message: dict[str, Any], outbox: list[Out]) -> str:
        """See Count."""
        try:
            _, envelope = codec.decode(message["body"], _ENVELOPE)
        except codec.Rejected:
            return "dead_letter"
        place = (envelope["epoch"], envelope["position"], envelope["sequence"])
        source = f"{envelope['agency']}/{envelope['source']}".encode()
        if place <= self.places.get(source, (-1, -1, -1)):
            return "duplicate"
        self.places[source] = place
        self.add(envelope["subject"], message["received_at"], outbox)
        return "applied"
