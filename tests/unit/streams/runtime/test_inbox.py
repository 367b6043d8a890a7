"""Chunks of one partition: in order, made one where they follow on, never more than there is room for."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import pytest

from streams.runtime.inbox import Inbox


class Record(NamedTuple):
    offset: int


def chunk(first: int, last: int) -> list[Record]:
    return [Record(offset) for offset in range(first, last + 1)]


class Lane:
    """Takes a chunk when the gate is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Semaphore(0)
        self.taken: list[tuple[int, int]] = []
        self.began = 0

    async def take(self, records: list[Record]) -> None:
        self.began += 1
        await self.gate.acquire()
        self.taken.append((records[0].offset, records[-1].offset))


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_comes_during_a_commit_is_the_next_commit() -> None:
    lane = Lane()
    inbox = Inbox(lane.take, 10)
    await inbox.put(chunk(0, 0))
    await turns()
    for first in (1, 2, 4):
        await inbox.put(chunk(first, 2 * first - 1))
    lane.gate.release()
    lane.gate.release()
    await turns()
    assert lane.taken == [(0, 0), (1, 7)]


@pytest.mark.parametrize(
    ("most", "chunks", "taken"),
    [
        pytest.param(5, [(0, 1), (2, 3), (4, 5)], [(0, 3), (4, 5)], id="never larger than the most"),
        pytest.param(
            10, [(0, 1), (3, 4), (0, 1)], [(0, 1), (3, 4), (0, 1)], id="what does not follow on stays apart"
        ),
    ],
)
async def test_chunks_become_one_as_far_as_they_may(
    most: int, chunks: list[tuple[int, int]], taken: list[tuple[int, int]]
) -> None:
    lane = Lane()
    inbox = Inbox(lane.take, most)
    for first, last in chunks:
        await inbox.put(chunk(first, last))
    for _ in chunks:
        lane.gate.release()
    await turns()
    assert lane.taken == taken


async def test_a_full_inbox_makes_its_writer_wait() -> None:
    lane = Lane()
    inbox = Inbox(lane.take, 2)
    await inbox.put(chunk(0, 1))
    await turns()  # taken: there is room again
    await inbox.put(chunk(2, 3))
    late = asyncio.create_task(inbox.put(chunk(4, 5)))
    await turns()
    assert not late.done()
    lane.gate.release()
    await turns()
    assert late.done()


async def test_what_is_forgotten_is_never_taken_and_makes_room() -> None:
    lane = Lane()
    inbox = Inbox(lane.take, 2)
    await inbox.put(chunk(0, 1))
    await turns()
    await inbox.put(chunk(2, 3))
    late = asyncio.create_task(inbox.put(chunk(8, 9)))
    await turns()
    inbox.clear()
    for _ in range(3):
        lane.gate.release()
    await turns()
    assert late.done()
    assert lane.taken == [(0, 1), (8, 9)]
