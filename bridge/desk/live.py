"""What wakes open inboxes: one reader a team, however many of its inboxes are open.

Decides how a change in Redis reaches everybody who waits for it. A connection for each open inbox would use up what a
server gives long before a team is large.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import redis
import redis.asyncio

from bridge import logs

BLOCK_MS: Final = 3_000  # longest wait of the one reader; redis-py gives an answer up after 5 s
RETRY_S: Final = 1.0
CONNECTIONS_MAX: Final = 64  # one a team for its stream; the others are free again after a millisecond
WAIT_S: Final = 10.0

log = logs.get("desk")


class Stream:
    """The newest change of one team's stream, and everybody who waits for a newer one.

    Args:
        connection: Redis, asynchronous.
        key: The stream.
    """

    def __init__(self, connection: Any, key: str) -> None:
        self._redis, self._key = connection, key
        self._newest = "0-0"
        self._moved = asyncio.Condition()
        self._reading: asyncio.Task[None] | None = None
        self._waiting = 0

    async def after(self, last_id: str, wait_ms: int) -> str:
        """The newest change, as soon as it is another than `last_id`, or after `wait_ms`; `last_id` if none came."""
        self._waiting += 1
        if self._reading is None:
            self._newest = await newest(self._redis, self._key)
            self._reading = self._reading or asyncio.create_task(self._read())
        try:
            async with asyncio.timeout(wait_ms / 1000), self._moved:
                await self._moved.wait_for(lambda: self._newest != last_id)
        except TimeoutError:
            return last_id
        finally:
            self._waiting -= 1
        return self._newest

    async def _read(self) -> None:
        """Follow the stream until nobody has waited for a while."""
        try:
            while self._waiting:
                try:
                    found = await self._redis.xread({self._key: self._newest}, block=BLOCK_MS)
                    last = await newest(self._redis, self._key) if found or self._newest != "0-0" else self._newest
                except redis.RedisError as error:
                    log.warning("changes interrupted", extra={"cause": type(error).__name__})
                    await asyncio.sleep(RETRY_S)
                    continue
                if last != self._newest:
                    async with self._moved:
                        self._newest = last
                        self._moved.notify_all()
        finally:
            self._reading = None


def connected(url: str) -> redis.asyncio.Redis:
    """Redis for the pages of a desk: who finds all connections taken waits for one, and is not told that it is down.

    Args:
        url: Where it is.
    """
    pool = redis.asyncio.BlockingConnectionPool.from_url(url, max_connections=CONNECTIONS_MAX, timeout=WAIT_S)
    return redis.asyncio.Redis.from_pool(pool)


async def newest(connection: Any, key: str) -> str:
    """Id of a stream's last entry; `0-0` where it has none."""
    found = await connection.xrevrange(key, count=1)
    return found[0][0].decode() if found else "0-0"
