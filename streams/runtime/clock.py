"""The partnership clock, and which ticks are due.

Decides what time it is for everything that moves state: wall time, or `start_ms + rate * (wall - wall_ms)` from a
published file (a demonstration's year passes in two minutes). It never runs backwards, across restarts too: intake
begins it at the end of the journal.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec


class Published(msgspec.Struct, frozen=True):
    """A clock file: at wall time `wall_ms` it was `start_ms`, and since then it runs at `rate`."""

    wall_ms: int
    start_ms: int
    rate: float


class ClockError(ValueError):
    """A clock file that cannot be read."""


def wall_ms() -> int:
    """Wall time, ms since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


class Clock:
    """Partnership time in ms.

    Args:
        file: Clock file, read anew when it changes; empty for wall time.
        wall: Wall time in ms.

    Raises:
        ClockError: The file cannot be read at the start; one caught half written later leaves the clock as it was.
    """

    def __init__(self, file: str = "", wall: Callable[[], int] = wall_ms) -> None:
        self._file = Path(file) if file else None
        self._wall = wall
        self._changed = -1
        self._last = 0
        self._published = Published(0, 0, 1.0)
        if self._file is not None and not self._read():
            raise ClockError(f"{file}: expected JSON with wall_ms, start_ms and rate")

    def begin(self, at_least: int) -> None:
        """Never say less than this."""
        self._last = max(self._last, at_least)

    def now(self) -> int:
        """Partnership time, ms; never less than before."""
        if self._file is not None:
            self._read()
        published = self._published
        self._last = max(self._last, published.start_ms + int(published.rate * (self._wall() - published.wall_ms)))
        return self._last

    def until_s(self, at: int) -> float:
        """Wall seconds until the clock says `at`; infinite while it stands still."""
        behind = at - self.now()
        if behind <= 0:
            return 0.0
        return behind / 1000 / self._published.rate if self._published.rate > 0 else float("inf")

    def _read(self) -> bool:
        if self._file is None:
            return False
        try:
            changed = self._file.stat().st_mtime_ns
            if changed != self._changed:
                self._published = msgspec.json.decode(self._file.read_bytes(), type=Published)
                self._changed = changed
        except (OSError, msgspec.DecodeError):
            return self._changed >= 0
        return True


def due(last: int | None, now: int, tick_ms: int) -> range:
    """Ticks to emit.

    Args:
        last: Time of the journal's last entry; None for an empty journal.
        now: Partnership time.
        tick_ms: Partnership ms between two ticks.

    Returns:
        Every multiple of `tick_ms` in (last, now]; for an empty journal the newest one.

    Example:
        >>> list(due(59_000, 180_000, 60_000))
        [60000, 120000, 180000]
    """
    newest = now // tick_ms * tick_ms
    first = newest if last is None else (last // tick_ms + 1) * tick_ms
    return range(first, newest + 1, tick_ms)
