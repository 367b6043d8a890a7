"""Child processes: readiness, failure told with the end of the log, and an end that is an end."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.stack import StackError
from demo.stack.processes import PORTS, Process, Watchdog, free_port, in_parallel

READY = "print('ready', flush=True); import time; time.sleep(60)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + READY


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    guard = Watchdog()
    yield guard
    guard.close()


def process(program: str, folder: Path, watchdog: Watchdog) -> Process:
    return Process([sys.executable, "-c", program], folder / "part.log", watchdog)


def test_it_is_ready_when_it_says_so_and_gone_after_stop(tmp_path: Path, watchdog: Watchdog) -> None:
    part = process(READY, tmp_path, watchdog)
    part.start()
    part.wait_until(lambda: part.logged("ready"), 30)
    pid = part.pid
    part.stop()
    assert part.pid is None
    assert not Path(f"/proc/{pid}").exists()


def test_one_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path, watchdog: Watchdog) -> None:
    part = process(DEAF, tmp_path, watchdog)
    part.start()
    part.wait_until(lambda: part.logged("ready"), 30)
    began_s = time.monotonic()
    part.stop(grace_s=0.2)
    assert part.pid is None
    assert time.monotonic() - began_s >= 0.2


def test_one_that_ends_while_starting_is_told_with_the_end_of_its_log(tmp_path: Path, watchdog: Watchdog) -> None:
    part = process("print('port is taken'); raise SystemExit(1)", tmp_path, watchdog)
    part.start()
    with pytest.raises(StackError, match=r"part ended while starting(.|\n)*port is taken"):
        part.wait_until(lambda: part.logged("ready"), 30)


def test_one_that_is_never_ready_is_told_after_the_time(tmp_path: Path, watchdog: Watchdog) -> None:
    part = process("import time; time.sleep(60)", tmp_path, watchdog)
    part.start()
    with pytest.raises(StackError, match="part was not ready within 0 s"):
        part.wait_until(lambda: part.logged("ready"), 0.1)
    part.kill()


def test_what_an_earlier_start_logged_does_not_count(tmp_path: Path, watchdog: Watchdog) -> None:
    (tmp_path / "part.log").write_text("ready\n")
    part = process("import time; time.sleep(60)", tmp_path, watchdog)
    part.start()
    assert not part.logged("ready")
    part.kill()


def test_a_program_that_is_not_there_is_told_with_what_to_do(tmp_path: Path, watchdog: Watchdog) -> None:
    part = Process([str(tmp_path / "missing")], tmp_path / "part.log", watchdog)
    with pytest.raises(StackError, match=r"part: cannot start .*missing.*make install"):
        part.start()


def test_the_log_is_for_us_alone(tmp_path: Path, watchdog: Watchdog) -> None:
    part = process("pass", tmp_path, watchdog)
    part.start()
    part.stop()
    assert (tmp_path / "part.log").stat().st_mode & 0o077 == 0


def test_the_watchdog_ends_what_it_was_told_and_spares_what_it_was_told_to_forget(tmp_path: Path) -> None:
    guard = Watchdog()
    ended, spared = process(DEAF, tmp_path, guard), Process([sys.executable, "-c", READY], tmp_path / "b.log", guard)
    for part in (ended, spared):
        part.start()
        part.wait_until(lambda part=part: part.logged("ready"), 30)  # type: ignore[misc]
    folder = tmp_path / "data"
    folder.mkdir()
    guard.tell("folder", folder)
    guard.tell("forget", spared.pid)
    guard.close()
    assert ended.pid is None, "ended by SIGKILL, since it is deaf to SIGTERM"
    assert spared.pid is not None
    assert not folder.exists()
    spared.kill()


def test_ports_are_below_the_ephemeral_range_free_and_each_given_once() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    assert set(ports) <= set(PORTS)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", ports[0]))


def test_in_parallel_ends_all_before_it_raises_the_first_error() -> None:
    done: list[str] = []

    def fail() -> None:
        raise StackError("first")

    def work() -> None:
        time.sleep(0.05)
        done.append("work")

    with pytest.raises(StackError, match="first"):
        in_parallel({"fail": fail, "work": work})
    assert done == ["work"]


def test_a_stop_signal_of_its_own_is_used(tmp_path: Path, watchdog: Watchdog) -> None:
    from demo.stack.processes import How

    program = "import signal; signal.signal(signal.SIGINT, lambda *_: (print('int', flush=True), exit(0))); " + READY
    part = Process([sys.executable, "-c", program], tmp_path / "part.log", watchdog, How(stop_signal=signal.SIGINT))
    part.start()
    part.wait_until(lambda: part.logged("ready"), 30)
    part.stop()
    assert part.logged("int")
