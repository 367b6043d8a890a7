"""What waits for one partition: chunks that arrive while a commit is under way become one chunk.

Decides how many records go into a commit: as many as came during the one before. So at any rate an event waits for
two commits at most, and partitions do not wait for each other. Decides nothing about order or positions: the lane
refuses what does not follow on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar


class Placed(Protocol):
    """A record as the client gives it."""

    @property
    def offset(self) -> int:
        """Its offset."""


R = TypeVar("R", bound=Placed)


class Inbox(Generic[R]):
    """Chunks of one partition, worked off in order by a task that lives while there are any.

    Args:
        work: Takes one chunk; must let nothing escape, for nobody would hear of it.
        most: Records a chunk at most, and records that may wait.
    """

    def __init__(self, work: Callable[[list[R]], Awaitable[object]], most: int) -> None:
        self._work, self._most = work, most
        self._chunks: deque[list[R]] = deque()
        self._waiting = 0
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def put(self, chunk: list[R]) -> None:
        """Leave a chunk; waits while there is no room."""
        while self._waiting >= self._most:
            self._room.clear()
            await self._room.wait()
        self._chunks.append(chunk)
        self._waiting += len(chunk)
        if self._task is None:
            self._task = asyncio.create_task(self._drain())

    def clear(self) -> None:
        """Forget what waits: it will be read again."""
        self._chunks.clear()
        self._waiting = 0
        self._room.set()

    async def _drain(self) -> None:
        try:
            while self._chunks:
                await self._work(self._next())
        finally:
            self._task = None

    def _next(self) -> list[R]:
        """The chunks in front that follow on each other, as one."""
        run = list(self._chunks.popleft())
        while self._chunks and self._joins(run, self._chunks[0]):
            run += self._chunks.popleft()
        self._waiting -= len(run)
        self._room.set()
        return run

    def _joins(self, run: list[R], chunk: list[R]) -> bool:
        return chunk[0].offset == run[-1].offset + 1 and len(run) + len(chunk) <= self._most
