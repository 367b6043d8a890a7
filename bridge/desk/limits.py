"""How often something may be done, counted in Redis.

Decides whether one more is within a limit. Where Redis does not answer, nothing is within it: the error goes up and
the desk says that it is interrupted.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import redis.asyncio

TAKE: Final = """
local taken = redis.call('INCR', KEYS[1])
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return {taken, redis.call('TTL', KEYS[1])}
"""
"""Count and end of the window in one step: a count without an end would shut somebody out for good."""


class TooMany(Exception):
    """A limit is used up.

    Attributes:
        wait_s: When to try again, in seconds.
    """

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"a limit is used up for {wait_s} s")
        self.wait_s = wait_s


class Limits:
    """Fixed windows: the first of a kind begins one, and what comes after its end begins the next.

    Args:
        connection: Redis, asynchronous.
        prefix: What the names of the desk's keys begin with.
    """

    def __init__(self, connection: redis.asyncio.Redis, prefix: str) -> None:
        self._take: Any = connection.register_script(TAKE)
        self._prefix = prefix

    async def take(self, name: str, who: str, count: int, per_s: int) -> None:
        """Count one more.

        Args:
            name: What is limited.
            who: Whose window it is; only its hash is kept.
            count: How many a window may hold.
            per_s: Length of a window, s.

        Raises:
            TooMany: The window is full.
            redis.RedisError: Redis does not answer: refused as well.
        """
        key = f"{self._prefix}:limit:{name}:{hashlib.sha256(who.encode()).hexdigest()}"
        taken, left_s = await self._take(keys=[key], args=[per_s])
        if taken > count:
            raise TooMany(max(1, int(left_s)))
