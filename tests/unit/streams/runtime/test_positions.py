"""Lanes of a worker: kept while they are ours, forgotten when not, one thing at a time."""

from __future__ import annotations

import asyncio

from faust.types import TP

from streams.runtime.lane import Taken
from streams.runtime.positions import Positions
from tests.unit.streams.runtime.memory import Log, aside, entry, lane

A, B = TP("journal", 0), TP("journal", 1)


def positions() -> tuple[Positions, dict[int, Log], list[int]]:
    logs, made = {0: Log(), 1: Log()}, []

    def make(partition: int):
        made.append(partition)
        return lane(logs[partition])

    return Positions(make, aside), logs, made


async def test_reading_begins_where_the_state_is() -> None:
    mine, _, _ = positions()
    await mine.assigned([A])
    await mine.take(A, 0, [entry("a")])
    assert await mine.start(A) == 1
    assert mine.done() == {A: 1}


async def test_memory_survives_a_rebalance_that_changes_nothing_and_only_that() -> None:
    mine, logs, made = positions()
    await mine.assigned([A, B])
    await mine.take(A, 0, [entry("a")])
    await mine.assigned([A, B])
    assert made == [0, 1]
    await mine.assigned([A])
    assert mine.done() == {A: 1}
    await mine.assigned([A, B])
    assert made == [0, 1, 1]
    assert len(logs[0].records) == 1


async def test_what_others_wrote_meanwhile_is_folded_at_a_rebalance() -> None:
    mine, logs, _ = positions()
    await mine.assigned([A])
    await lane(logs[0], nonces=700).take(0, [entry("a")])
    await mine.assigned([A])
    assert await mine.start(A) == 1


async def test_a_rebalance_waits_for_the_chunk_in_hand() -> None:
    mine, logs, _ = positions()
    await mine.assigned([A])
    gate, order = asyncio.Event(), []
    append = logs[0].append

    async def slow(partition, records):
        await gate.wait()
        order.append("appended")
        return await append(partition, records)

    logs[0].append = slow
    chunk = asyncio.create_task(mine.take(A, 0, [entry("a")]))
    await asyncio.sleep(0)
    again = asyncio.create_task(mine.assigned([A]))
    again.add_done_callback(lambda _: order.append("assigned"))
    await asyncio.sleep(0)
    gate.set()
    assert (await chunk)[0] is Taken.DONE
    await again
    await asyncio.sleep(0)
    assert order == ["appended", "assigned"]
