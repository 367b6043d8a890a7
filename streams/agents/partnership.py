"""The partnership agent: hands each chunk of the journal to its host.

In: chunks of `journal`. Out: one commit a chunk, by the host.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from faust import StreamT


def partnership(handle: Callable[[Any, list[Any]], Awaitable[int]]) -> Callable[[StreamT], AsyncIterator[int]]:
    """The agent over `handle`, which takes (topic partition, raw records) and lets nothing escape."""

    async def agent(stream: StreamT) -> AsyncIterator[int]:
        async for chunk in stream.events():
            yield await handle(chunk.message.tp, chunk.value)

    return agent
