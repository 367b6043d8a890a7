"""Reads what it guards from standard input; at its end (the parent is gone) ends those processes and folders.

Run as `python -I -S watchdog.py`; lines are `add PID`, `forget PID`, `folder PATH`. A pid that was reused since
(another start time) is left alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

GRACE_S = 3.0


def started(pid: int) -> str | None:
    """When a process started, as the kernel tells it; None if it is gone or cannot be told."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def end(guarded: dict[int, str | None]) -> None:
    """SIGTERM to all, SIGKILL to those that are left after the grace."""
    for signal_number, wait_s in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, 0.5)):
        deadline = time.monotonic() + wait_s
        for pid, since in guarded.items():
            if started(pid) == since:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal_number)
        while time.monotonic() < deadline and any(since and started(pid) == since for pid, since in guarded.items()):
            time.sleep(0.05)


def main() -> None:
    """Listen until the end of input, then clean up what is still on the list."""
    guarded: dict[int, str | None] = {}
    folders: list[str] = []
    for line in sys.stdin:
        word, _, value = line.rstrip("\n").partition(" ")
        if word == "add":
            guarded[int(value)] = started(int(value))
        elif word == "forget":
            guarded.pop(int(value), None)
        elif word == "folder":
            folders.append(value)
    end(guarded)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
