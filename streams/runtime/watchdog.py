"""A thread that ends the process when its event loop stands still.

Decides when a process is stuck: its loop has not turned for `STUCK_S` while the thread itself ran. A pause of the
whole process is something else, and harmless: the chain rule refuses whatever a sleeper still writes. It is
counted, and the process goes on to be fenced by the log.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Final

from streams.runtime import logs, metrics
from streams.runtime.exits import Exit, leave

BEAT_S: Final = 0.5
STUCK_S: Final = 10.0  # RELIABILITY 4.4
_log = logs.get("watchdog")


class Watch:
    """Counts beats without a turn of the loop; time is given, so that tests need no clock."""

    def __init__(self, pause_s: float) -> None:
        self.pause_s = pause_s
        self._still_s = 0.0
        self._last: float | None = None
        self._turns = -1

    def beat(self, now: float, turns: int) -> str:
        """One look.

        Args:
            now: Monotonic seconds.
            turns: Turns of the loop so far.

        Returns:
            `ok`, `paused` (the whole process stood still) or `stuck`.
        """
        passed = 0.0 if self._last is None else now - self._last
        self._last = now
        if passed > self.pause_s:
            self._still_s, self._turns = 0.0, turns
            return "paused"
        self._still_s = 0.0 if turns != self._turns else self._still_s + passed
        self._turns = turns
        return "stuck" if self._still_s >= STUCK_S else "ok"


class Watchdog(threading.Thread):
    """Watches one event loop from a thread of its own."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, session_s: float, end: Callable[[], None] | None = None
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._loop = loop
        self._watch = Watch(session_s / 2)
        self._turns = 0
        self._turned_at = time.monotonic()
        self._end = end or (lambda: leave(Exit.STUCK))
        self._over = threading.Event()

    def run(self) -> None:
        """Look every `BEAT_S` until stopped."""
        while not self._over.wait(BEAT_S):
            try:
                self._loop.call_soon_threadsafe(self._turn)
            except RuntimeError:
                return  # the loop is closed
            now = time.monotonic()
            metrics.LOOP_DELAY.set(now - self._turned_at)
            seen = self._watch.beat(now, self._turns)
            if seen == "paused":
                metrics.PAUSES.inc()
                _log.warning("the whole process stood still")
            elif seen == "stuck":
                self._end()

    def stop(self) -> None:
        """End the thread."""
        self._over.set()

    def _turn(self) -> None:
        self._turns += 1
        self._turned_at = time.monotonic()
