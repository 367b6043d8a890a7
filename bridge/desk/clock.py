"""The time that alerts are in: wall time, or a demonstration's clock.

Decides nothing else; what is kept or signed by the desk itself is in wall time.
"""

from __future__ import annotations

import json
import time
from pathlib import Path


def wall_ms() -> int:
    """Wall time, ms since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


class Clock:
    """Partnership time.

    Args:
        path: JSON with `wall_ms`, `start_ms` and `rate`, read again when it changes; None for wall time.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._read_at = 0
        self._wall_ms, self._start_ms, self._rate = 0, 0, 1.0

    def __call__(self) -> int:
        """Partnership time now, ms since 1970-01-01 UTC."""
        if self._path is None:
            return wall_ms()
        changed_at = self._path.stat().st_mtime_ns
        if changed_at != self._read_at:
            told = json.loads(self._path.read_text(encoding="utf-8"))
            self._wall_ms, self._start_ms, self._rate = (
                int(told["wall_ms"]),
                int(told["start_ms"]),
                float(told["rate"]),
            )
            self._read_at = changed_at
        return int(self._start_ms + self._rate * (wall_ms() - self._wall_ms))
