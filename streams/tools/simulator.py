"""The simulator: intake, workers, publisher and snapshotter over a log in memory, under seeded faults.

Decides what must hold whatever the seed: after a quiet period the readers' topic, the state and the chain are
exactly those of one thread that read the journal once. Lanes, chain rule, commit records and machine are the
product's own. `python -m streams.tools.simulator --seconds 60` prints how many seeds ran; a failure prints its seed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import topology
from schemas import codec
from schemas.crypto import Aead
from streams.runtime import commits
from streams.runtime.commits import Chain, Place
from streams.runtime.lane import Lane, Machine, Setting
from streams.state import Out, RawState
from streams.tools import verify
from streams.tools.simulated import Log, Move, Scheduler, Shelf
from streams.tools.tally import Subjects

KEY: Final = bytes(range(32))
LANES: Final = 3  # topics that intake merges
EVENTS: Final = (20, 90)  # a lane
FAULTY_MOVES: Final = 1500


class Result(NamedTuple):
    """What one seed gave, in the four words of the checker, and what it went through."""

    lost: int
    duplicated: int
    wrong: int
    reordered: int
    broken: str
    events: int
    crashes: int
    pauses: int
    rejected: int

    def failed(self) -> bool:
        """Whether anything at all is not as it must be."""
        return bool(self.lost or self.duplicated or self.wrong or self.reordered or self.broken)


class World:
    """One seed's partition: source topics, journal, commits, readers' topic."""

    Lane: type[Lane] = Lane  # a test puts a broken one here: the simulator must notice

    def __init__(self, seed: int, make: Callable[[int], Machine] = lambda partition: Subjects()) -> None:
        self.scheduler = scheduler = Scheduler(seed)
        rng = scheduler.rng
        self._make = make
        self.sources = [_lane(lane, rng.randrange(*EVENTS), rng.randrange) for lane in range(LANES)]
        self.taken = [0] * LANES  # intake's committed offsets
        self.journal: list[bytes] = []
        self.log, self.shelf = Log(scheduler), Shelf(scheduler)
        self.read: list[Out] = []  # the readers' topic, committed records alone
        self.cursor = Place()  # kept in the same transaction as what is read
        self.cipher = Aead(KEY)
        self.setting = Setting(
            log=self.log, snapshots=self.shelf, make=make, cipher=self.cipher, writer="simulated",
            nonce=scheduler.nonce, aside=_aside, reach=scheduler.reach, max_bytes=rng.choice((150, 2000, 900_000)),
        )  # fmt: skip

    def run(self) -> Result:
        """Faults, then quiet, then judgement."""
        self.scheduler.add("intake", self._intake)
        for number in range(self.scheduler.rng.randrange(1, 4)):
            self.scheduler.add(f"worker-{number}", self._worker)
        self.scheduler.add("publisher", self._publisher)
        self.scheduler.add("snapshotter", self._snapshotter)
        return self._judge(self.scheduler.run(self._over, FAULTY_MOVES))

    async def _intake(self) -> None:
        rng, reach = self.scheduler.rng, self.scheduler.reach
        position = list(self.taken)
        while True:
            await Move()
            lane = rng.randrange(LANES)
            batch = self.sources[lane][position[lane] : position[lane] + rng.randrange(1, 9)]
            for body in batch:
                now = len(self.journal)
                self.journal.append(_entry(lane, now, body))
                reach("appended")
            position[lane] += len(batch)
            await Move()
            self.taken[lane] = max(self.taken[lane], position[lane])

    async def _worker(self) -> None:
        rng = self.scheduler.rng
        lane = self.Lane(0, self.setting)
        while True:
            await Move()
            if rng.random() < 0.02:
                lane.catch_up()  # a rebalance
            first = lane.next
            if not self.scheduler.quiet and rng.random() < 0.3:
                first = max(0, first + rng.randrange(-9, 9))  # again, or a hole
            entries = self.journal[first : first + rng.randrange(1, 40)]
            if entries:
                await lane.take(first, entries)

    async def _publisher(self) -> None:
        chain = Chain(0, self.cursor)
        reach = self.scheduler.reach
        while True:
            await Move()
            end = min(len(self.log.records), chain.place.end + self.scheduler.rng.randrange(1, 20))
            found: list[Out] = []
            for accepted in commits.follow(chain, self.log.read(0, chain.place.end, end)):
                found += commits.open_set(self.cipher, accepted).outbox
            await Move()
            reach("begun")
            place = chain.place._replace(end=chain.place.tip + 1) if chain.waiting else chain.place
            self.read += found  # one transaction: all of it, or none
            self.cursor = place
            reach("published")

    async def _snapshotter(self) -> None:
        chain, state = Chain(0), RawState()
        while True:
            for _ in range(self.scheduler.rng.randrange(5, 60)):
                await Move()
            for accepted in commits.follow(chain, self.log.read(0, chain.place.end, len(self.log.records))):
                state.apply(commits.open_set(self.cipher, accepted).delta)
            if not chain.waiting:
                self.shelf.put(chain.place, state.pack())

    def _over(self) -> bool:
        if any(taken < len(source) for taken, source in zip(self.taken, self.sources, strict=True)):
            return False
        chain = Chain(0, self.cursor)
        return chain.place.next == len(self.journal) and chain.place.end == len(self.log.records)

    def _judge(self, finished: bool) -> Result:
        report = verify.walk(0, self.log.read(0, 0, len(self.log.records)), self.cipher)
        broken = report.reason or ("" if finished else "no progress")
        machine = self._make(0)
        machine.ready()
        wanted = list(machine.step(self.journal).outbox)
        state = RawState()
        for accepted in commits.follow(Chain(0), self.log.read(0, 0, len(self.log.records))):
            state.apply(commits.open_set(self.cipher, accepted).delta)
        if state.digest() != machine.digest():
            broken = broken or "state differs from the reference"
        for lane, source in enumerate(self.sources):
            if _first_seen(self.journal, lane) != source:
                broken = broken or "intake lost or reordered"
        return Result(
            *count(self.read, wanted), broken, len(self.journal), self.scheduler.crashes, self.scheduler.pauses,
            report.rejected,
        )  # fmt: skip


def count(seen: Sequence[object], wanted: Sequence[object]) -> tuple[int, int, int, int]:
    """The checker's four words.

    Returns:
        Lost, duplicated, wrong (never wanted at all), reordered.

    Example:
        >>> count(["a", "c", "c", "x"], ["a", "b", "c"])
        (1, 1, 1, 0)
    """
    have, want = Counter(seen), Counter(wanted)
    lost = sum((want - have).values())
    wrong = sum(number for record, number in have.items() if record not in want)
    duplicated = sum((have - want).values()) - wrong
    same = not (lost or wrong or duplicated)
    return lost, duplicated, wrong, sum(a != b for a, b in zip(seen, wanted, strict=True)) if same else 0


async def _aside(work: Callable[[], None]) -> None:
    await Move()
    work()


def _lane(lane: int, number: int, below: Callable[[int], int]) -> list[bytes]:
    """Envelopes of one source topic, in its order."""
    return [
        codec.encode("envelope", {
            "partnership": "bare", "agency": f"a{lane}", "source": "s", "lane": "event",
            "subject": b"%d" % below(4), "epoch": 1, "position": position, "sequence": 0, "committed_at": 0,
            "key_id": bytes(16), "nonce": bytes(12), "body": b"",
        })
        for position in range(number)
    ]  # fmt: skip


def _origin(lane: int) -> str:
    return topology.expand(topology.EVENTS.name, (f"a{lane}",), ())[0]


def _entry(lane: int, now: int, body: bytes) -> bytes:
    return codec.encode("journal", {
        "kind": "message", "received_at": now, "partnership": "bare", "origin": _origin(lane), "body": body,
    })  # fmt: skip


def _first_seen(journal: Sequence[bytes], lane: int) -> list[bytes]:
    """Bodies of one lane as the journal first has them: repeats are allowed, loss and disorder are not."""
    origin = _origin(lane)
    found = (codec.decode(entry, frozenset({"journal"}))[1] for entry in journal)
    return list(dict.fromkeys(message["body"] for message in found if message["origin"] == origin))


def main(argv: list[str]) -> int:
    """`python -m streams.tools.simulator`."""
    parser = argparse.ArgumentParser(prog="simulator", description="Runs seeds of the engine under faults.")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long")
    parser.add_argument("--seeds", type=int, default=0, help="how many at most; 0: no bound but time")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    args = parser.parse_args(argv)
    end = time.monotonic() + args.seconds
    seed, bad, total = args.first, 0, Counter[str]()
    while time.monotonic() < end and (not args.seeds or seed < args.first + args.seeds):
        result = World(seed).run()
        if result.failed():
            bad += 1
            sys.stdout.write(f"FAILED seed {seed}: {result}\n")
        total.update({name: getattr(result, name) for name in ("events", "crashes", "pauses", "rejected")})
        seed += 1
    sys.stdout.write(f"{seed - args.first} seeds from {args.first}, {bad} failed; " + ", ".join(
        f"{name} {number}" for name, number in total.items()) + "\n")  # fmt: skip
    return 1 if bad or not total["rejected"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
