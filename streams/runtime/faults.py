"""Numbered points at which tests let a process die or stand still.

Does nothing unless `SIGHTLINE_CRASH_AT=point:n` (kill -9 of itself the n-th time) or `SIGHTLINE_FREEZE=point` (stop
at that point after a SIGWINCH, with whatever is in hand) was set when the process started.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Final

POINTS: Final = (
    "taken", "stepped", "sealed", "acknowledged", "applied",  # worker, streams/runtime/lane.py
    "polled", "appended", "intake_committed",  # intake
    "begun", "produced", "published",  # publisher
    "snapshot_written", "manifest_written",  # snapshotter
)  # fmt: skip

_passed: Counter[str] = Counter()
_point, _, _times = os.environ.get("SIGHTLINE_CRASH_AT", "").partition(":")
_freeze_at = os.environ.get("SIGHTLINE_FREEZE", "")
_frozen: list[int] = []

if _freeze_at:
    signal.signal(signal.SIGWINCH, lambda *_: _frozen.append(1))


def reach(point: str) -> None:
    """A process passes a numbered point."""
    if point == _point:
        _passed[point] += 1
        if _passed[point] == int(_times or 1):
            os.kill(os.getpid(), signal.SIGKILL)
    if point == _freeze_at and _frozen:
        _frozen.clear()
        os.kill(os.getpid(), signal.SIGSTOP)
