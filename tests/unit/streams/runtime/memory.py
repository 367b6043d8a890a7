"""A log and snapshots in memory for lanes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from schemas import codec
from schemas.crypto import Aead
from streams.runtime.lane import Lane, Setting, UnknownOutcome
from streams.tools.tally import Count


class Log:
    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.low = 0
        self.before: list[bytes] = []  # foreign records that get in first, once
        self.answer = True

    def bounds(self, partition: int) -> tuple[int, int]:
        return self.low, len(self.records)

    def read(self, partition: int, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        return ((offset, self.records[offset]) for offset in range(start, end))

    async def append(self, partition: int, records: Sequence[bytes]) -> list[int]:
        self.records += self.before
        self.before = []
        first = len(self.records)
        self.records += records
        if not self.answer:
            raise UnknownOutcome("no answer")
        return list(range(first, len(self.records)))


class Shelf:
    def __init__(self) -> None:
        self.kept: list = []

    def newest_first(self, partition: int) -> list:
        return self.kept[::-1]


async def aside(work: Callable[[], None]) -> None:
    work()


class Nonces:
    def __init__(self, start: int = 0) -> None:
        self.number = start

    def __call__(self) -> bytes:
        self.number += 1
        return self.number.to_bytes(12, "big")


def lane(log: Log, shelf: Shelf | None = None, **more) -> Lane:
    setting = Setting(
        log=log, snapshots=shelf or Shelf(), make=lambda partition: Count(), cipher=Aead(bytes(32)), writer="t",
        nonce=Nonces(more.pop("nonces", 0)), aside=aside, **more,
    )  # fmt: skip
    return Lane(0, setting)


def entry(key: str, at: int = 0) -> bytes:
    return codec.encode("journal", {
        "kind": "message", "received_at": at, "partnership": "bare", "origin": "x", "body": key.encode(),
    })  # fmt: skip
