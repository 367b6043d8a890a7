"""Sightline's own processes in the demo: started as an operator's supervisor would, and started again when they end.

Decides which command runs with which file and how a lost process comes back. What runs inside is the product's.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from demo.stack.processes import Process, StackError, Watchdog, free_port

ROOT: Final = Path(__file__).parents[1]
WATCH_EVERY_S: Final = 0.1
START_GRACE_S: Final = 15.0


class Crew:
    """Processes of the product by name.

    Args:
        folder: For settings and logs.
        watchdog: Ends them if the demo itself is killed.
    """

    def __init__(self, folder: Path, watchdog: Watchdog) -> None:
        self._folder, self._watchdog = folder, watchdog
        self._processes: dict[str, Process] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self.ports: dict[str, int] = {}
        self.restarts: Counter[str] = Counter()
        self._watcher = threading.Thread(target=self._watch, name="crew", daemon=True)
        (folder / "settings").mkdir(parents=True, exist_ok=True)
        (folder / "logs").mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: tuple[str, ...], settings: dict[str, Any]) -> None:
        """Start one process: `sightline COMMAND --config FILE --metrics-port PORT`.

        Raises:
            StackError: It cannot be executed.
        """
        file = self._folder / "settings" / f"{name}.json"
        file.write_text(json.dumps(settings, indent=1))
        self.ports[name] = free_port()
        process = Process(
            [sys.executable, str(ROOT / "cli.py"), *command, "--config", str(file), "--metrics-port",
             str(self.ports[name])],
            self._folder / "logs" / f"{name}.log", self._watchdog,
        )  # fmt: skip
        process.start()
        with self._lock:
            self._processes[name] = process
        if not self._watcher.is_alive():
            self._watcher.start()

    def kill(self, name: str) -> None:
        """SIGKILL, as a machine that loses power; the watch starts it again."""
        pid = self._processes[name].pid
        if pid is not None:
            os.kill(pid, 9)

    def pids(self) -> dict[str, int]:
        """Process ids of those that run."""
        return {name: pid for name, process in self._processes.items() if (pid := process.pid) is not None}

    def stop(self, *names: str) -> None:
        """End these, or all, in reverse order of their start."""
        if not names:
            self._stopping.set()
            if self._watcher.is_alive():
                self._watcher.join()
        with self._lock:
            ending = [name for name in reversed(self._processes) if not names or name in names]
            for name in ending:
                self._processes.pop(name).stop()

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_EVERY_S):
            with self._lock:
                for name, process in self._processes.items():
                    if process.pid is None:
                        self.restarts[name] += 1
                        process.start()

    def check(self, most_restarts: int) -> None:
        """Say so when a process keeps ending.

        Raises:
            StackError: One was started again more often than that; the text holds the end of its log.
        """
        for name, number in self.restarts.items():
            if number > most_restarts:
                log = self._folder / "logs" / f"{name}.log"
                tail = "\n  ".join(log.read_text(errors="replace").splitlines()[-12:])
                raise StackError(f"{name} ended {number} times; end of {log}:\n  {tail}")


def wait_for(what: str, ready: Any, timeout_s: float, crew: Crew, most_restarts: int = 3) -> None:
    """Wait until `ready()`.

    Raises:
        StackError: The time ran out, or a process keeps ending.
    """
    deadline = time.monotonic() + timeout_s
    while not ready():
        crew.check(most_restarts)
        if time.monotonic() > deadline:
            raise StackError(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(0.05)
