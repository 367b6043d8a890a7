"""The platform's processes under a supervisor, on a real broker, with ways to hurt them.

Used by the integration tests for half a minute and by drive.py for half an hour. The machine is the bare count of
streams/tools/tally.py: each right value is obvious, so each wrong one shows.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from demo.settings import kafka
from demo.stack import Stack
from schemas import crypto

ROOT = Path(__file__).parents[2]
PARTNERSHIPS = ("northmere", "easting", "westing", "southing")  # one a partition
MODULES = {
    "intake": "streams.runtime.intake",
    "publisher": "streams.runtime.publisher",
    "snapshotter": "streams.tools.snapshotter",
}
SESSION_S = 6.0  # the shortest that Kafka takes by default


class Fleet:
    """Processes by name; whatever dies is started again, as a supervisor would.

    Attributes:
        exits: (name, code) of every end that nobody here asked for.
    """

    def __init__(self, stack: Stack, folder: Path, agencies: tuple[str, ...], machine: str = "make_subjects") -> None:
        self.folder, self.agencies = folder, agencies
        self.exits: Counter[tuple[str, int]] = Counter()
        self.starts: Counter[str] = Counter()
        self._stack, self._machine = stack, machine
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._logs = {}
        self._hurt: set[int] = set()
        self._environment: dict[str, dict[str, str]] = {}
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._write()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)

    def start(self, *names: str, **environment: str) -> None:
        """Start processes; `worker-<n>` is a worker, the others are by their own name."""
        with self._lock:
            for name in names:
                self._environment[name] = {**self._environment.get(name, {}), **environment}
                self._run(name)
            if not self._supervisor.is_alive():
                self._supervisor.start()

    def stop(self, *names: str) -> None:
        """SIGTERM, and wait: a clean stop."""
        with self._lock:
            ended = {name: self._processes.pop(name) for name in names if name in self._processes}
            for process in ended.values():
                self._signal(process, signal.SIGCONT)
                self._signal(process, signal.SIGTERM)
        for name, process in ended.items():
            try:
                code = process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            if code:
                self.exits[name, code] += 1

    def close(self) -> None:
        """Stop everything, whatever state it is in."""
        self._over.set()
        with self._lock:
            names = tuple(self._processes)
        self.stop(*names)
        for log in self._logs.values():
            log.close()

    def kill(self, name: str) -> bool:
        """kill -9; the supervisor starts it again."""
        with self._lock:
            process = self._processes.get(name)
            if process is None or process.poll() is not None:
                return False
            self._hurt.add(process.pid)
            process.kill()
            return True

    def start_anew(self, name: str, **environment: str) -> None:
        """kill -9, and one life with another environment."""
        with self._lock:
            self.kill(name)
            process = self._processes.get(name)
            if process is not None:
                process.wait()
            self.start(name, **environment)

    def signal(self, name: str, number: int) -> subprocess.Popen[bytes] | None:
        """Send a signal; gives the process, to be woken later whatever became of its name."""
        with self._lock:
            process = self._processes.get(name)
            if process is None or process.poll() is not None:
                return None
            self._signal(process, number)
            return process

    def wake(self, process: subprocess.Popen[bytes]) -> None:
        """SIGCONT."""
        self._signal(process, signal.SIGCONT)

    def names(self) -> list[str]:
        """What runs."""
        with self._lock:
            return sorted(self._processes)

    def log(self, name: str) -> str:
        """What a process wrote, over all its lives."""
        file = self.folder / f"{name}.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def wait_for(self, name: str, event: str, timeout_s: float = 60) -> None:
        """Until a process has logged an event."""
        end = time.monotonic() + timeout_s
        while f'"event": "{event}"' not in self.log(name):
            if time.monotonic() > end:
                raise TimeoutError(f"{name} has not logged {event!r}: {self.log(name)[-2000:]}")
            time.sleep(0.1)

    def settings(self, name: str) -> Path:
        """Settings file of a process."""
        return self.folder / f"{name.split('-', maxsplit=1)[0]}.json"

    def _write(self) -> None:
        keys = self.folder / "keys"
        keys.mkdir(parents=True)
        (keys / "state.key").write_text(os.urandom(32).hex())
        _, public = crypto.hpke_keypair()
        registers = {}
        for partition, partnership in enumerate(PARTNERSHIPS):
            agency = {"kind": "police", "sign_public": "00" * 32, "seal_public": public.hex(), "sources": ["s"]}
            register = {
                "partition": partition, "agencies": dict.fromkeys(self.agencies, agency),
                "teams": {"mash": {"agency": self.agencies[0], "front_door": True}},
            }  # fmt: skip
            file = self.folder / f"{partnership}.json"
            file.write_text(json.dumps(register))
            registers[partnership] = str(file)
        plain = {"keys": str(keys), "keyring": "benchmarks.bare:load_keyring"}
        bare = {"machine": f"benchmarks.bare:{self._machine}", "snapshots": str(self.folder / "snapshots")}
        cut = {"cut": "benchmarks.bare:make_cut"}
        every = {
            "intake": {"registers": registers, "tick_s": 1},
            "worker": {**plain, **bare, "session_timeout_s": SESSION_S},
            "publisher": {**plain, **cut},
            "snapshotter": {**plain, "snapshots": bare["snapshots"], "every_s": 3},
            "operator": {**plain, **bare, **cut},
        }
        for name, settings in every.items():
            (self.folder / f"{name}.json").write_text(json.dumps({"kafka": kafka(self._stack, name), **settings}))

    def _run(self, name: str) -> None:
        module = MODULES.get(name, "streams.runtime.worker")
        if name not in self._logs:
            self._logs[name] = (self.folder / f"{name}.log").open("ab")
        self.starts[name] += 1
        self._processes[name] = subprocess.Popen(
            [sys.executable, "-m", module, "--config", str(self.settings(name))], cwd=ROOT,
            stdout=self._logs[name], stderr=self._logs[name],
            env={**os.environ, "PYTHONPATH": str(ROOT), **self._environment[name]},
        )  # fmt: skip

    def _supervise(self) -> None:
        while not self._over.wait(0.2):
            with self._lock:
                for name, process in list(self._processes.items()):
                    code = process.poll()
                    if code is None:
                        continue
                    if process.pid not in self._hurt:
                        self.exits[name, code] += 1
                    self._environment[name].pop("SIGHTLINE_CRASH_AT", None)  # a crash point is for one life
                    self._run(name)

    @staticmethod
    def _signal(process: subprocess.Popen[bytes], number: int) -> None:
        if process.poll() is None:
            process.send_signal(number)
