"""Which source epoch a change belongs to, and whether it was seen before.

Decides when a new epoch opens: with each new snapshot or full extract, and when a lane's position runs backwards
while its commit time runs forward (a database restored from a backup). A position and a commit time that both run
backwards are a redelivery, as after a restart of the connector, and are skipped. Does not reconcile.

Lanes (a topic's partitions, tables) are read in any order relative to one another, so a change older than the newest
snapshot is placed in the epoch it came from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from bridge.sources import Change


class Epoch(NamedTuple):
    """One source epoch.

    Attributes:
        number: Grows by one.
        run: Run of the snapshot that opened it, or of the change that ran backwards.
        position: Position of that snapshot.
        opened_at: Commit time of what opened it (ms since 1970-01-01 UTC).
        snapshot: Whether a snapshot opened it.
        whole: The snapshot shows every table of the source, not only those with a row in it.
        ended: The snapshot is complete and was reconciled.
        shown: Its last row was read; other lanes may still hold earlier ones.
    """

    number: int
    run: str
    position: int
    opened_at: int
    snapshot: bool
    whole: bool
    ended: bool = False
    shown: bool = False


class Mark(NamedTuple):
    """How far a lane was read."""

    offset: int
    epoch: int
    position: int
    sequence: int
    committed_at: int
    run: str


class Placed(NamedTuple):
    """Epoch of a change; `fresh` is False where it was seen before."""

    epoch: int
    fresh: bool


@dataclass
class Epochs:
    """Epochs and lanes of one source.

    Args:
        first: Number of the first epoch to open.
        known: Epochs opened so far, oldest first; at least the newest few.
        lanes: How far each lane was read.
    """

    first: int
    known: list[Epoch] = field(default_factory=list)
    lanes: dict[str, Mark] = field(default_factory=dict)

    @property
    def current(self) -> Epoch | None:
        """The newest epoch, or None before anything was read."""
        return self.known[-1] if self.known else None

    def place(self, change: Change) -> Placed:
        """Place one change and move its lane on.

        Args:
            change: A row's change or a snapshot's end.

        Returns:
            Its epoch, and whether it is new.
        """
        mark = self.lanes.get(change.lane)
        if mark is not None and 0 <= change.offset <= mark.offset:
            return Placed(mark.epoch, fresh=False)
        epoch, fresh = self._epoch(change, mark)
        if not fresh:
            if mark is not None:
                self.lanes[change.lane] = mark._replace(offset=change.offset)
            return Placed(epoch, fresh=False)
        self.lanes[change.lane] = Mark(
            change.offset, epoch, change.position, change.sequence, change.committed_at, change.run
        )
        return Placed(epoch, fresh=True)

    @property
    def open_snapshot(self) -> Epoch | None:
        """The newest snapshot if it has not ended, else None."""
        newest = next((epoch for epoch in reversed(self.known) if epoch.snapshot), None)
        return newest if newest is not None and not newest.ended else None

    def end(self) -> Epoch | None:
        """Mark the newest snapshot as complete.

        Returns:
            Its epoch as it was, or None where no snapshot is open.
        """
        epoch = self.open_snapshot
        if epoch is not None:
            self.known[self.known.index(epoch)] = epoch._replace(ended=True)
        return epoch

    def _snapshot(self, change: Change) -> int:
        for epoch in reversed(self.known):
            if epoch.snapshot and (epoch.run, epoch.position) == (change.run, change.position):
                return epoch.number
        # a run that already streamed was asked for some tables; a run that begins with it shows all of them
        streamed = any(change.run and seen.run == change.run for seen in self.lanes.values())
        return self._open(change, snapshot=True, whole=not streamed)

    def _epoch(self, change: Change, mark: Mark | None) -> Placed:
        if change.whole_snapshot:
            number = self._snapshot(change)
            if change.snapshot == "last":
                self.known = [one._replace(shown=True) if one.number == number else one for one in self.known]
            return Placed(number, fresh=True)
        if not self.known:
            return Placed(self._open(change, snapshot=False, whole=False), fresh=True)
        epoch = self._at(change.committed_at)
        if mark is None or epoch.number > mark.epoch:
            return Placed(epoch.number, fresh=True)
        # the same place again is taken: both halves of a key change have one, and a repeat changes nothing
        if change.snapshot or (change.position, change.sequence) >= (mark.position, mark.sequence):
            return Placed(mark.epoch, fresh=True)
        if change.committed_at > mark.committed_at:
            return Placed(self._open(change, snapshot=False, whole=False), fresh=True)
        return Placed(mark.epoch, fresh=False)

    def _at(self, committed_at: int) -> Epoch:
        """The newest epoch that had been opened when this was committed; the oldest known where none had."""
        for epoch in reversed(self.known):
            if committed_at >= epoch.opened_at:
                return epoch
        return self.known[0]

    def _open(self, change: Change, *, snapshot: bool, whole: bool) -> int:
        number = self.known[-1].number + 1 if self.known else self.first
        self.known.append(Epoch(number, change.run, change.position, change.committed_at, snapshot, whole))
        del self.known[:-16]  # older ones place nothing any more
        return number
