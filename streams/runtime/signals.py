"""SIGTERM and SIGINT as an event: a plain loop ends between two turns."""

from __future__ import annotations

import signal
import threading


def stop_event() -> threading.Event:
    """An event that is set when the process is asked to stop."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
