"""The partnership clock never runs backwards, and every tick is due once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.clock import Clock, ClockError, due


class Wall:
    def __init__(self, at: int) -> None:
        self.at = at

    def __call__(self) -> int:
        return self.at


def publish(file: Path, stamp: int, **clock: float) -> str:
    file.write_text(json.dumps(clock))
    os.utime(file, ns=(stamp, stamp))
    return str(file)


def test_without_a_file_it_is_wall_time() -> None:
    assert Clock("", Wall(123)).now() == 123


def test_with_a_file_it_runs_at_its_rate(tmp_path: Path) -> None:
    wall = Wall(1000)
    clock = Clock(publish(tmp_path / "c", 1, wall_ms=1000, start_ms=50, rate=262_800), wall)
    assert clock.now() == 50
    wall.at = 1010
    assert clock.now() == 50 + 2_628_000


def test_it_is_read_anew_when_it_changes_and_never_runs_backwards(tmp_path: Path) -> None:
    wall = Wall(1000)
    clock = Clock(publish(tmp_path / "c", 1, wall_ms=1000, start_ms=5000, rate=0), wall)
    assert clock.now() == 5000
    publish(tmp_path / "c", 2, wall_ms=1000, start_ms=4000, rate=1)
    assert clock.now() == 5000
    wall.at = 3000
    assert clock.now() == 6000


def test_a_file_caught_half_written_changes_nothing(tmp_path: Path) -> None:
    clock = Clock(publish(tmp_path / "c", 1, wall_ms=0, start_ms=7, rate=0), Wall(9))
    (tmp_path / "c").write_text('{"wall_ms": 1')
    assert clock.now() == 7


def test_a_file_that_cannot_be_read_at_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ClockError):
        Clock(str(tmp_path / "none"))


def test_it_begins_at_the_end_of_the_journal() -> None:
    clock = Clock("", Wall(5))
    clock.begin(100)
    assert clock.now() == 100


def test_waiting_is_in_wall_seconds(tmp_path: Path) -> None:
    clock = Clock(publish(tmp_path / "c", 1, wall_ms=0, start_ms=0, rate=1000), Wall(0))
    assert clock.until_s(2_000_000) == 2.0
    assert clock.until_s(-1) == 0.0
    still = Clock(publish(tmp_path / "d", 1, wall_ms=0, start_ms=0, rate=0), Wall(0))
    assert still.until_s(1) == float("inf")


def test_an_empty_journal_gets_the_newest_tick_alone() -> None:
    assert list(due(None, 125, 60)) == [120]


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=30), st.integers(1, 700))
def test_however_time_moves_ticks_rise_without_a_gap(steps: list[int], tick: int) -> None:
    now, last, ticks = 1_000_000, 1_000_000, []
    for step in steps:
        now += step
        found = list(due(last, now, tick))
        ticks += found
        last = max(last, now) if step % 2 else (found or [last])[-1]  # the last entry is a message, or a tick
        assert not found or found[-1] <= now < found[-1] + tick
    assert ticks == list(range(ticks[0], ticks[-1] + 1, tick)) if ticks else True
