"""The one function: `step(state, entries) -> delta, outbox`, for all partnerships of one journal partition.

Decides how entries of the journal reach their partnership, one by one: alerts are decided per message, never per
chunk, so however the journal is cut the state and the outputs are the same. Knows no clock: time is in the entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from schemas import codec
from streams import assess, governing, lookups, receive, requests
from streams.gauges import read
from streams.keys import Keyring
from streams.linkage.model import LinkModel, shipped_model
from streams.partnership import Partnership
from streams.state import Change, Enough, Given, Out, Outcome, digest, never, pack_delta, packed_rows

_JOURNAL: Final = frozenset({"journal"})
BEHAVIOUR: Final = "1"
"""Version of what `step` does: it is in every commit; a change of it takes effect by a control, not by a deploy."""


class State:
    """State of one journal partition: partnerships by name."""

    def __init__(self, keyring: Keyring, model: LinkModel) -> None:
        self._keyring = keyring
        self._model = model
        self.partnerships: dict[str, Partnership] = {}

    def partnership(self, name: str) -> Partnership:
        """The partnership, made when its first message comes."""
        found = self.partnerships.get(name)
        if found is None:
            found = self.partnerships[name] = Partnership(name, self._keyring, self._model)
        return found

    def load(self, changes: bytes) -> None:
        """Fold one delta or a snapshot's rows; call `ready` when folding is over."""
        name, load = None, None
        for partnership, number, key, packed in packed_rows(changes):
            if load is None or partnership != name:
                name, load = partnership, self.partnership(partnership).tables.load
            load(number, key, packed)

    def ready(self) -> None:
        """Build what is derived from the tables."""
        for partnership in self.partnerships.values():
            partnership.tables.loaded()
            partnership.ready()

    def rows(self) -> list[Change]:
        """Every row in canonical order: a delta that makes this state from nothing."""
        return [row for name in sorted(self.partnerships) for row in self.partnerships[name].tables.rows()]

    def digest(self) -> bytes:
        """SHA-256 over the canonical rows, 32 bytes."""
        return digest(self.rows())

    def step(self, entries: Sequence[bytes], enough: Enough = never) -> Outcome:
        """Apply entries in order; the state changes, and the outcome carries the change. See `step`."""
        return step(self, entries, enough)


def step(state: State, entries: Sequence[bytes], enough: Enough = never) -> Outcome:
    """Apply a chunk of the journal.

    Args:
        state: Changed in place: it is then ahead of `commits` until the outcome is acknowledged there.
        entries: Framed journal entries in journal order.
        enough: Asked after each entry: whether to leave the rest. Where a chunk is cut changes nothing of what is
            made of the journal, so this may go by the time.

    Returns:
        The delta since the state before, the outputs in order, and how each message ended.
    """
    given = Given(entries, enough)
    changes, outbox, counts = apply(state, given)
    gauges: dict[tuple[str, str, str], int] = {}
    if ("", "tick") in counts:
        for name, partnership in state.partnerships.items():
            gauges |= {(name, *what): value for what, value in read(partnership).items()}
    return Outcome(pack_delta(changes), tuple(outbox), counts, gauges, given.left)


def apply(state: State, entries: Iterable[bytes]) -> tuple[list[Change], list[Out], Mapping[tuple[str, str], int]]:
    """As `step`, with the changes not yet packed."""
    touched: dict[str, Partnership] = {}
    counts: dict[tuple[str, str], int] = {}
    outbox: list[Out] = []
    for entry in entries:
        try:
            _, message = codec.decode(entry, _JOURNAL)
        except codec.Rejected:
            counts["", "dead_letter"] = counts.get(("", "dead_letter"), 0) + 1
            continue
        if message["kind"] == "tick":
            counts["", "tick"] = counts.get(("", "tick"), 0) + 1
            for name in sorted(state.partnerships):
                touched[name] = partnership = state.partnerships[name]
                now = partnership.time(message["received_at"])
                governing.advance(partnership, now)
                assess.advance(partnership, now, tick=True)
                governing.tell_holidays(partnership, now)
                requests.advance(partnership, now)
                lookups.advance(partnership, now)
                outbox += partnership.take_outbox()
            continue
        partnership = touched[message["partnership"]] = state.partnership(message["partnership"])
        if codec.claimed(message["body"]) == "lookup":  # a question: nothing is due sooner because it was asked
            now = lookups.time(partnership, message["received_at"])
            receive.receive(partnership, now, message["origin"], message["body"])
            outbox += partnership.take_outbox()
            continue
        now = partnership.time(message["received_at"])
        governing.advance(partnership, now)
        receive.receive(partnership, now, message["origin"], message["body"])
        assess.advance(partnership, now, tick=False)
        outbox += partnership.take_outbox()
    changes: list[Change] = []
    for name in sorted(touched):
        changes += touched[name].tables.take_delta()
        for ended, number in touched[name].take_counts().items():
            counts[ended] = counts.get(ended, 0) + number
    return changes, outbox, counts


def make_machine(partition: int, keyring: Keyring) -> State:
    """An empty state of one journal partition, under the default linkage model."""
    del partition
    return State(keyring, shipped_model())
