"""`make chaos`: half an hour of faults on the real broker, then quiet, then judgement. `CHAOS_SECONDS=n` for less.

kill -9 at random and at each numbered point, sleep past the session time-out with a record in hand or without, join
and leave, broker stop and restart, snapshots damaged and deleted. The last line is JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

from demo.stack import PLATFORM, Stack
from tests.chaos.fleet import SESSION_S, Fleet
from tests.chaos.load import Sender, Verdict, judge, quiet

AGENCIES = ("council", "police", "hospital")
WHOLE_S = 1800
PLAN = {  # over the whole time; a shorter run gets its share, at least one of each
    "kill": 36, "kill_at": 26, "pause": 20, "freeze": 14, "join_leave": 22, "broker": 6, "snapshot": 8,
}  # fmt: skip
RATE = 120  # messages a second: 100,000 need 15 minutes, and a laptop's two cores carry everything
CRASH_POINTS = {
    "worker-1": ("taken", "stepped", "sealed", "acknowledged", "applied"),
    "intake": ("polled", "appended", "intake_committed"),
    "publisher": ("begun", "produced", "published"),
    "snapshotter": ("snapshot_written", "manifest_written"),
}
ALL_POINTS = [(name, point) for name, points in CRASH_POINTS.items() for point in points]
QUIET_S = 180


class Chaos:
    """Faults, one after the other; sleepers wake while the next ones go on."""

    def __init__(self, stack: Stack, fleet: Fleet, seconds: float, seed: int) -> None:
        self._stack, self._fleet, self._seconds = stack, fleet, seconds
        self._random = random.Random(seed)
        self.done: Counter[str] = Counter()
        self._sleepers: list[tuple[float, Popen[bytes]]] = []
        self._points = ALL_POINTS * 3

    def run(self) -> None:
        """All of the plan, spread over the time."""
        share = min(1.0, self._seconds / WHOLE_S)
        plan = [name for name, number in PLAN.items() for _ in range(max(1, round(number * share)))]
        self._random.shuffle(plan)
        began = time.monotonic()
        for number, name in enumerate(plan):
            self._until(began + self._seconds * number / len(plan))
            fault: Callable[[], bool] = getattr(self, f"_{name}")
            if fault():
                self.done[name] += 1
            sys.stdout.write(f"{time.monotonic() - began:7.1f} s  {name}\n")
            sys.stdout.flush()
        self._until(began + self._seconds)
        while self._sleepers:
            self._until(time.monotonic() + 1)

    def _until(self, at: float) -> None:
        while True:
            for sleeper in list(self._sleepers):
                if time.monotonic() > sleeper[0]:
                    self._fleet.wake(sleeper[1])
                    self._sleepers.remove(sleeper)
            if time.monotonic() >= at:
                return
            time.sleep(0.1)

    def _kill(self) -> bool:
        return self._fleet.kill(self._random.choice(self._fleet.names()))

    def _kill_at(self) -> bool:
        """One life that ends at a numbered point, then an ordinary one."""
        name, point = self._points.pop(self._random.randrange(len(self._points))) if self._points else ALL_POINTS[0]
        times = 1 if name == "snapshotter" else self._random.randrange(2, 30)
        self._fleet.start_anew(name, SIGHTLINE_CRASH_AT=f"{point}:{times}")
        return True

    def _pause(self) -> bool:
        return self._sleep(self._random.choice(self._fleet.names()), signal.SIGSTOP)

    def _freeze(self) -> bool:
        """A worker stops itself with a sealed record in hand, and sends it long after it was replaced."""
        return self._sleep(self._random.choice(["worker-1", "worker-2"]), signal.SIGWINCH)

    def _sleep(self, name: str, number: int) -> bool:
        process = self._fleet.signal(name, number)
        if process is None:
            return False
        self._sleepers.append((time.monotonic() + SESSION_S * self._random.uniform(1.5, 3), process))
        return True

    def _join_leave(self) -> bool:
        if "worker-3" in self._fleet.names():
            threading.Thread(target=self._fleet.stop, args=("worker-3",)).start()
        else:
            self._fleet.start("worker-3")
        return True

    def _broker(self) -> bool:
        self._stack.kill("platform-broker")
        time.sleep(self._random.uniform(1, 8))
        self._stack.restart("platform-broker")
        return True

    def _snapshot(self) -> bool:
        files = sorted(self._fleet.folder.glob("snapshots/*/*"))
        if not files:
            return False
        file = self._random.choice(files)
        try:
            if self._random.random() < 0.5:
                file.unlink()
            else:
                data = file.read_bytes()
                file.write_bytes(data[: len(data) // 2] + os.urandom(8))
        except OSError:
            return False  # pruned meanwhile
        return True


def run(seconds: float, seed: int, folder: Path) -> tuple[Verdict, Counter[str], Fleet]:
    """One run.

    Returns:
        What the checker says, the faults that happened, and the fleet for its exits.
    """
    teams = ("mash",)
    with Stack(folder / "stack", AGENCIES, teams, "northmere", parts={PLATFORM}) as stack:
        fleet = Fleet(stack, folder / "fleet", AGENCIES)
        try:
            fleet.start("intake", "publisher", "snapshotter")
            fleet.start("worker-1", "worker-2", SIGHTLINE_FREEZE="sealed")
            fleet.wait_for("worker-1", "folded")
            sender = Sender(stack, AGENCIES, RATE, seed)
            sender.start()
            chaos = Chaos(stack, fleet, seconds, seed)
            chaos.run()
            sender.end()
            return judge(stack, AGENCIES, quiet(stack, AGENCIES, QUIET_S)), chaos.done, fleet
        finally:
            fleet.close()


def main() -> int:
    """Run and print."""
    seconds = float(os.environ.get("CHAOS_SECONDS", WHOLE_S))
    seed = int(os.environ.get("CHAOS_SEED", "1"))
    with tempfile.TemporaryDirectory(prefix="sightline-chaos-") as folder:
        verdict, done, fleet = run(seconds, seed, Path(folder))
        for name in sorted(fleet.starts):
            left = [line for line in fleet.log(name).splitlines() if '"event": "leaving"' in line or "Error" in line]
            sys.stdout.writelines(f"{name}: {line}\n" for line in left)
    sys.stdout.write(f"faults {dict(done)}; seed {seed}; exits nobody asked for {dict(fleet.exits)}\n")
    if verdict.unfinished:
        sys.stdout.write(f"unfinished after {QUIET_S} s: {verdict.unfinished}\n")
    line = {
        "lost": verdict.lost, "duplicated": verdict.duplicated, "wrong": verdict.wrong,
        "reordered": verdict.reordered, "events": verdict.events, "kills": done["kill"] + done["kill_at"],
        "pauses": done["pause"] + done["freeze"], "rebalances": done["join_leave"],
        "broker_restarts": done["broker"], "zombies_rejected": verdict.zombies_rejected,
    }  # fmt: skip
    sys.stdout.write(json.dumps(line) + "\n")
    bad = any(verdict[:4]) or verdict.unfinished or not verdict.zombies_rejected
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
