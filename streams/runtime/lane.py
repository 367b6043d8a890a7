"""One partition in one worker: memory, its place in the chain, and the commit protocol.

Decides when memory may be trusted. Memory is always a fold of a prefix of the log: never wrong, only behind. `step`
changes it in place before the commit is acknowledged, so from the first change until the acknowledgement it belongs
to nobody, and whatever happens in between drops it. Knows nothing of Faust or Kafka: the simulator runs this same
code over a log in memory.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.crypto import Aead
from streams.runtime import commits
from streams.runtime.commits import Body, Chain, Damaged, Place
from streams.state import Enough, Outcome, never


class Machine(Protocol):
    """What is hosted: a fold over the journal."""

    def load(self, changes: bytes) -> None:
        """Fold one delta, or some rows of a snapshot."""

    def ready(self) -> None:
        """Folding is over for now: build what is derived. May be called again after further loads."""

    def step(self, entries: Sequence[bytes], enough: Enough = never) -> Outcome:
        """Apply journal entries, the first at least, until it is enough; never raises on bad input."""

    def digest(self) -> bytes:
        """Digest of the state, as streams.state.digest over its rows in canonical order."""


class CommitLog(Protocol):
    """The `commits` topic."""

    def bounds(self, partition: int) -> tuple[int, int]:
        """First offset kept, offset after the last."""

    def read(self, partition: int, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Records of [start, end)."""

    async def append(self, partition: int, records: Sequence[bytes]) -> list[int]:
        """Append in order and wait for acknowledgement.

        Raises:
            UnknownOutcome: Some record was neither acknowledged nor surely refused.
        """


class Snapshot(Protocol):
    """A dated state."""

    place: Place

    def changes(self) -> Iterator[bytes]:
        """Deltas that make the state from nothing.

        Raises:
            Damaged: The snapshot does not hold what its manifest says.
        """


class Snapshots(Protocol):
    """Where snapshots are kept."""

    def newest_first(self, partition: int) -> Iterable[Snapshot]:
        """Snapshots whose manifests verify."""


class UnknownOutcome(RuntimeError):
    """A commit was sent; whether it is in the log, only the log knows."""


class Unloadable(RuntimeError):
    """No snapshot and no log from which the state can be folded."""


class Taken(enum.Enum):
    """What became of a chunk."""

    DONE = enum.auto()
    BEHIND = enum.auto()  # the chunk begins after what the state needs next


@dataclass(frozen=True, slots=True)
class Setting:
    """What every lane of a process shares.

    Attributes:
        log: The `commits` topic.
        snapshots: Where to begin a fold.
        make: A new machine for a partition.
        cipher: Under the state key.
        writer: This process, for operators.
        behaviour: Version of behaviour.
        nonce: Gives 12 bytes, never the same twice.
        aside: Runs blocking work so that the event loop goes on.
        reach: Told of each numbered point, for faults in tests.
        seen: Told of each event that counts: what, number.
    """

    log: CommitLog
    snapshots: Snapshots
    make: Callable[[int], Machine]
    cipher: Aead
    writer: str
    nonce: Callable[[], bytes]
    aside: Callable[[Callable[[], None]], Awaitable[None]]
    behaviour: str = "1"
    reach: Callable[[str], None] = lambda point: None
    seen: Callable[[str, int, int], None] = lambda what, partition, number: None
    max_bytes: int = commits.BODY_MAX_BYTES


class Lane:
    """See the module. Not for concurrent calls: the caller holds a lock."""

    def __init__(self, partition: int, setting: Setting) -> None:
        self.partition = partition
        self.setting = setting
        self.chain = Chain(partition)
        self.machine: Machine | None = None

    @property
    def next(self) -> int:
        """Journal offset needed next."""
        return self.chain.place.next

    def catch_up(self) -> None:
        """Bring memory to the end of the log. Start, rebalance and fence are this one call. Blocks.

        Raises:
            Unloadable: Nothing to fold from.
            Damaged: A commit record is damaged.
        """
        low, high = self.setting.log.bounds(self.partition)
        machine = self.machine
        if machine is not None and low <= self.chain.place.end <= high:
            if self.chain.place.end == high:
                return  # nobody wrote since: memory is kept
            self.machine = None
            self._fold(machine, high)
        else:
            machine = self._from_snapshot(low, high)
            self._fold(machine, high)
        machine.ready()
        self.machine = machine

    async def take(self, first: int, entries: Sequence[bytes]) -> tuple[Taken, list[Outcome]]:
        """Put one chunk through `step` and into the log.

        Args:
            first: Journal offset of the first entry; the rest follow without a hole.
            entries: Framed journal messages.

        Returns:
            What became of it, and what `step` did.

        Raises:
            UnknownOutcome: The process must end; the log decides.
            Unloadable, Damaged: As `catch_up`.
        """
        setting, outcomes = self.setting, list[Outcome]()
        while True:
            if self.machine is None:
                await setting.aside(self.catch_up)
            done = self.next - first
            if done >= len(entries):
                return Taken.DONE, outcomes
            if done < 0:
                return Taken.BEHIND, outcomes
            outcome = await self._commit(entries[done:] if done else entries, first + len(entries))
            if outcome is not None:
                outcomes.append(outcome)
            else:
                setting.seen("fenced", self.partition, 1)

    async def _commit(self, entries: Sequence[bytes], next_: int) -> Outcome | None:
        setting, place = self.setting, self.chain.place
        machine, self.machine = self.machine, None  # from here on memory is ahead of the log: nobody may use it
        if machine is None:
            raise AssertionError("no memory")
        setting.reach("taken")
        outcome = machine.step(entries)
        setting.reach("stepped")
        records = commits.make(
            setting.cipher, self.partition, place, next_ - outcome.left, Body(outcome.delta, outcome.outbox),
            setting.writer, setting.behaviour, setting.nonce, setting.max_bytes,
        )  # fmt: skip
        frames = [commits.frame(record) for record in records]
        setting.reach("sealed")
        offsets = await setting.log.append(self.partition, frames)
        setting.reach("acknowledged")
        if offsets != list(range(place.end, place.end + len(records))):
            return None  # another writer's record is before ours: only the log knows which counts
        for offset, record in zip(offsets, records, strict=True):
            self.chain.offer(offset, record)
        setting.seen("committed", self.partition, len(records))
        self.machine = machine
        setting.reach("applied")
        return outcome

    def _from_snapshot(self, low: int, high: int) -> Machine:
        for snapshot in self.setting.snapshots.newest_first(self.partition):
            if not low <= snapshot.place.end <= high:
                self.setting.seen("snapshot_unfit", self.partition, snapshot.place.end)
                continue
            machine = self.setting.make(self.partition)
            try:
                for changes in snapshot.changes():
                    machine.load(changes)
            except Damaged:
                self.setting.seen("snapshot_damaged", self.partition, snapshot.place.end)
                continue
            self.chain = Chain(self.partition, snapshot.place)
            return machine
        if low > 0:
            raise Unloadable(f"commits/{self.partition} begins at {low} and no snapshot reaches it")
        self.chain = Chain(self.partition)
        return self.setting.make(self.partition)

    def _fold(self, machine: Machine, high: int) -> None:
        chain, cipher = self.chain, self.setting.cipher
        before = chain.rejected
        for accepted in commits.follow(chain, self.setting.log.read(self.partition, chain.place.end, high)):
            machine.load(commits.open_set(cipher, accepted).delta)
        if chain.place.end != high:
            raise Damaged("gap")
        self.setting.seen("rejected", self.partition, chain.rejected - before)
        self.setting.seen("folded", self.partition, high)
