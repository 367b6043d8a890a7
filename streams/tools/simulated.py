"""A broker, a store and a scheduler in memory, all moved by one seed.

Decides how faults look from inside: a process dies at any point, sleeps with a record in hand, hears an
acknowledgement never or twice, is handed chunks again, ahead or half. What runs on it is the product's own code.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Sequence
from typing import Any, Final

from schemas.crypto import NONCE_BYTES
from streams.runtime.commits import Damaged, Place
from streams.runtime.lane import UnknownOutcome

MOVES_MAX: Final = 200_000  # of one seed; more means that nothing makes progress


class Crash(BaseException):
    """A process dies here."""


class Move:
    """What a process awaits to give way to others; `ready` says when it may go on."""

    def __init__(self, ready: Callable[[], bool] | None = None) -> None:
        self.ready = ready

    def __await__(self) -> Generator[Move, None, None]:
        yield self


class Scheduler:
    """Runs processes one move at a time, in an order that the seed decides.

    Attributes:
        rng: The one source of chance.
        quiet: True once faults are over.
        crashes, pauses: Counted.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311  (a seed is the point)
        self.quiet = False
        self.crashes = 0
        self.pauses = 0
        self._makers: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}
        self._running: dict[str, Coroutine[Any, Any, None]] = {}
        self._waits: dict[str, Callable[[], bool] | None] = {}
        self._asleep: dict[str, int] = {}
        self._network = 0
        self.crash_share = self.rng.choice((0.0, 0.002, 0.01))
        self.pause_share = self.rng.choice((0.0, 0.005, 0.02))

    def add(self, name: str, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """A process that is started again whenever it dies."""
        self._makers[name] = make
        self._start(name)

    def send(self, work: Coroutine[Any, Any, None]) -> None:
        """Something under way in the network: it outlives its sender."""
        self._network += 1
        self._running[f"network-{self._network}"] = work

    def reach(self, point: str) -> None:
        """A process passes a numbered point and may die there."""
        del point
        if not self.quiet and self.rng.random() < self.crash_share * 4:
            raise Crash

    def run(self, done: Callable[[], bool], faults: int) -> bool:
        """Move processes until `done`; faults are over after so many moves.

        Returns:
            Whether it was done before `MOVES_MAX`.
        """
        try:
            for move in range(MOVES_MAX):
                if move == faults:
                    self.quiet = True
                    self._asleep.clear()
                if self.quiet and done():
                    return True
                self._move(move)
            return False
        finally:
            for process in self._running.values():
                process.close()

    def nonce(self) -> bytes:
        """12 bytes, never the same twice."""
        return self.rng.randbytes(NONCE_BYTES)

    def _move(self, move: int) -> None:
        able = [
            name
            for name in self._running
            if self._asleep.get(name, 0) <= move and ((ready := self._waits.get(name)) is None or ready())
        ]
        if not able:
            return
        name = self.rng.choice(able)
        process = not name.startswith("network")
        if process and not self.quiet:
            chance = self.rng.random()
            if chance < self.crash_share:
                self._die(name)
                return
            if chance < self.crash_share + self.pause_share:
                self.pauses += 1
                self._asleep[name] = move + self.rng.randrange(20, 400)
                return
        try:
            self._waits[name] = self._running[name].send(None).ready
        except StopIteration:
            del self._running[name]
            self._waits.pop(name, None)
        except (Crash, UnknownOutcome):
            self._die(name)

    def _die(self, name: str) -> None:
        self.crashes += 1
        self._running.pop(name).close()
        self._waits.pop(name, None)
        if name in self._makers:
            self._start(name)

    def _start(self, name: str) -> None:
        self._running[name] = self._makers[name]()
        self._waits[name] = None


class Log:
    """One partition of a topic, and as CommitLog for lanes."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.records: list[bytes] = []
        self._scheduler = scheduler
        self._lost_share = scheduler.rng.choice((0.0, 0.02))

    def bounds(self, partition: int) -> tuple[int, int]:
        """See CommitLog."""
        del partition
        return 0, len(self.records)

    def read(self, partition: int, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """See CommitLog."""
        del partition
        return ((offset, self.records[offset]) for offset in range(start, end))

    async def append(self, partition: int, records: Sequence[bytes]) -> list[int]:
        """See CommitLog. The records travel on even if the sender dies; they, or the answer, may be lost."""
        del partition
        offsets: list[int] = []
        rng = self._scheduler.rng
        lost = not self._scheduler.quiet and rng.random() < self._lost_share
        arrives = rng.randrange(len(records) + 1) if lost else len(records)
        self._scheduler.send(self._travel(records[:arrives], offsets))
        await Move(lambda: len(offsets) == arrives)
        if lost:
            raise UnknownOutcome("lost")
        await Move()
        return offsets

    async def _travel(self, records: Sequence[bytes], offsets: list[int]) -> None:
        for record in records:
            await Move()
            offsets.append(len(self.records))
            self.records.append(record)


class Kept:
    """A snapshot in memory."""

    def __init__(self, place: Place, rows: bytes, damaged: bool) -> None:
        self.place, self._rows, self._damaged = place, rows, damaged

    def changes(self) -> Iterator[bytes]:
        """See Snapshot."""
        if self._damaged:
            raise Damaged("simulated")
        yield self._rows


class Shelf:
    """Snapshots in memory; some are damaged, some vanish."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.kept: list[Kept] = []
        self._rng = scheduler.rng

    def put(self, place: Place, rows: bytes) -> None:
        """Keep one, or not quite."""
        fate = self._rng.random()
        if fate > 0.1:
            self.kept.append(Kept(place, rows, damaged=fate < 0.3))

    def newest_first(self, partition: int) -> Iterable[Kept]:
        """See Snapshots."""
        del partition
        return reversed(self.kept)
