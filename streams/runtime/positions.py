"""Every position of a worker: which lanes it has, and from where each is read.

Decides that the state, not Faust and not the broker's committed offsets, knows the next offset. One lock a
partition: a chunk in hand and a rebalance never touch a lane at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol

from streams.runtime.lane import Lane, Taken
from streams.state import Outcome


class TopicPartition(Protocol):
    """As Faust and aiokafka name one."""

    @property
    def topic(self) -> str:
        """Topic."""

    @property
    def partition(self) -> int:
        """Partition."""


class Positions:
    """The lanes of this worker, by partition."""

    def __init__(self, make: Callable[[int], Lane], aside: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
        self._make, self._aside = make, aside
        self._lanes: dict[int, Lane] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._names: dict[int, Any] = {}

    async def assigned(self, mine: Iterable[TopicPartition]) -> None:
        """A rebalance is over: catch up what is ours, forget what is not.

        Memory that is still ours is kept if the end of `commits` is the one it expects.
        """
        names = {tp.partition: tp for tp in mine}
        for partition in set(self._lanes) - set(names):
            async with self._lock(partition):
                self._lanes.pop(partition, None)
                self._names.pop(partition, None)
        for partition, tp in sorted(names.items()):
            await self._lane(partition, tp, anew=True)

    async def start(self, tp: TopicPartition) -> int:
        """Where reading must begin."""
        return (await self._lane(tp.partition, tp)).next

    def done(self) -> dict[Any, int]:
        """Next offset by topic partition: a hint for lag tools."""
        return {tp: self._lanes[partition].next for partition, tp in self._names.items() if partition in self._lanes}

    async def take(
        self, tp: TopicPartition, first: int, entries: Sequence[bytes]
    ) -> tuple[Taken, list[Outcome], int]:
        """One chunk through its lane.

        Returns:
            What became of it, what `step` did, and the offset needed next.
        """
        lane = await self._lane(tp.partition, tp)
        async with self._lock(tp.partition):
            taken, outcomes = await lane.take(first, entries)
            return taken, outcomes, lane.next

    async def _lane(self, partition: int, tp: TopicPartition, anew: bool = False) -> Lane:
        lane = self._lanes.get(partition)
        if lane is not None and not anew:
            return lane
        async with self._lock(partition):
            lane = self._lanes.get(partition)
            if lane is None or anew:
                lane = lane or self._make(partition)
                await self._aside(lane.catch_up)
                self._lanes[partition] = lane
                self._names[partition] = tp
            return lane

    def _lock(self, partition: int) -> asyncio.Lock:
        return self._locks.setdefault(partition, asyncio.Lock())
