"""Child processes: started, waited for by what they log, stopped by their own ids, watched over if we are killed."""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PORTS = range(20_000, 32_000)  # below the ephemeral range: no outgoing connection takes one between two starts
LOG_TAIL_LINES = 12
POLL_S = 0.02
CLOSE_S = 20.0  # the watchdog's own grace, and room

_taken: set[int] = set()
_taken_lock = threading.Lock()


class StackError(Exception):
    """A component could not be had, started or stopped; the text says which, why and what to do."""


def free_port() -> int:
    """A loopback port that nobody listens on and that this process has not handed out yet."""
    with _taken_lock:
        first = random.SystemRandom().randrange(len(PORTS))  # runs on one machine start looking at different places
        for step in range(len(PORTS)):
            port = PORTS[(first + step) % len(PORTS)]
            if port in _taken:
                continue
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            _taken.add(port)
            return port
    raise StackError(f"no free port in {PORTS.start} to {PORTS.stop} on 127.0.0.1: stop some programs and try again")


class Watchdog:
    """A tiny process that ends our children and removes their folders if we vanish without a goodbye."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("watchdog.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(script)], stdin=subprocess.PIPE, start_new_session=True
        )
        self._input = self._process.stdin.fileno() if self._process.stdin else -1
        self._lock = threading.Lock()

    def tell(self, word: str, value: object) -> None:
        """`add` or `forget` a pid, `folder` to remove."""
        with self._lock, contextlib.suppress(OSError):
            os.write(self._input, f"{word} {value}\n".encode())

    def close(self) -> None:
        """Let it go; all that it still knows is ended by it."""
        self._process.communicate(timeout=CLOSE_S)


@dataclass(frozen=True, slots=True)
class How:
    """How a process runs: as which user (we are root then), in which folder, stopped by which signal."""

    user: str | None = None
    folder: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM

    @property
    def identity(self) -> dict[str, Any]:
        """Arguments of `subprocess` that make it run as that user, with none of our groups."""
        return {"user": self.user, "group": group_of(self.user), "extra_groups": []} if self.user else {}


class Process:
    """One component's process. `start`, `wait_until`, `stop` or `kill`; may be started again."""

    def __init__(self, command: Sequence[str], log: Path, watchdog: Watchdog, how: How | None = None) -> None:
        self.name, self.command, self.log = log.stem, list(command), log
        self._how, self._watchdog = how or How(), watchdog
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start it; its output is appended to its log.

        Raises:
            StackError: If it cannot be executed.
        """
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
        if "TZ" in os.environ:
            environment["TZ"] = os.environ["TZ"]
        with self.log.open("ab") as output:
            self.log.chmod(0o600)
            try:
                self._process = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
                    cwd=self._how.folder, **self._how.identity,
                    start_new_session=True,  # Ctrl-C reaches us alone; we then stop the parts in order
                )  # fmt: skip
            except OSError as error:
                message = f"{self.name}: cannot start {self.command[0]}: {error}; run `make install` again"
                raise StackError(message) from error
        self._watchdog.tell("add", self._process.pid)

    def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Wait for `ready`.

        Raises:
            StackError: If the process ends or the time runs out first; the text holds the end of its log.
        """
        deadline = time.monotonic() + timeout_s
        while not ready():
            if self.pid is None:
                raise StackError(f"{self.name} ended while starting; {self._tail()}")
            if time.monotonic() > deadline:
                raise StackError(f"{self.name} was not ready within {timeout_s:.0f} s; {self._tail()}")
            time.sleep(POLL_S)

    def logged(self, text: str) -> bool:
        """Whether `text` stands in what it logged since its last start."""
        with self.log.open("rb") as lines:
            lines.seek(self._log_start)
            return text.encode() in lines.read()

    def stop(self, grace_s: float = 10) -> None:
        """End it: its own signal, then SIGKILL after the grace.

        Raises:
            StackError: If it is still there 5 s after SIGKILL.
        """
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(self._how.stop_signal)
            try:
                process.wait(grace_s)
            except subprocess.TimeoutExpired:
                process.kill()
        self._reap(process)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._reap(self._process)

    def _reap(self, process: subprocess.Popen[bytes]) -> None:
        try:
            process.wait(5)
        except subprocess.TimeoutExpired as error:
            message = f"{self.name} (pid {process.pid}) does not end even by SIGKILL: look at it with `ps`"
            raise StackError(message) from error
        self._watchdog.tell("forget", process.pid)

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return f"end of {self.log}:\n  " + "\n  ".join(lines)


def group_of(user: str) -> int:
    """Primary group id of a user."""
    return pwd.getpwnam(user).pw_gid


def remove(folder: Path) -> None:
    """Delete a folder of ours and all in it; a missing one is fine."""
    shutil.rmtree(folder, ignore_errors=True)


def in_parallel(jobs: dict[str, Callable[[], None]]) -> None:
    """Run every job in a thread of its own; when all have ended, raise the first error."""
    errors: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(job,), name=name) for name, job in jobs.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
