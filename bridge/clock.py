"""The clocks of the bridge: wall time, and the partnership's where it runs apart from it.

Decides nothing else; every other module takes time as an argument.
"""

from __future__ import annotations

import json
import time
from pathlib import Path


def wall_ms() -> int:
    """Wall time, ms since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


class PartnershipClock:
    """start + rate * elapsed wall time, as published in a file that is read again when it changes.

    Args:
        file: JSON `{"wall_ms": .., "start_ms": .., "rate": ..}`; while it is not there, wall time.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._changed_ns = -1
        self._terms = (0, 0, 1.0)

    def __call__(self) -> int:
        """Partnership time, ms since 1970-01-01 UTC."""
        try:
            changed_ns = self._file.stat().st_mtime_ns
            if changed_ns != self._changed_ns:
                terms = json.loads(self._file.read_text(encoding="utf-8"))
                self._terms = int(terms["wall_ms"]), int(terms["start_ms"]), float(terms["rate"])
                self._changed_ns = changed_ns
        except (OSError, ValueError, KeyError):
            pass  # absent or half written: what was read last goes on
        began_ms, start_ms, rate = self._terms
        return wall_ms() if self._changed_ns < 0 else start_ms + int(rate * (wall_ms() - began_ms))
