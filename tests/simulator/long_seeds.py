"""Ten thousand seeds: `make check-long`. About ten minutes."""

from __future__ import annotations

import sys

import pytest

from streams.tools.simulator import World

SEEDS = 10_000


def test_ten_thousand_seeds_lose_repeat_and_reorder_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    failed, crashes, pauses, rejected = [], 0, 0, 0
    for seed in range(SEEDS):
        result = World(seed).run()
        crashes, pauses, rejected = crashes + result.crashes, pauses + result.pauses, rejected + result.rejected
        if result.failed():
            failed.append(seed)
    with capsys.disabled():
        sys.stdout.write(f" [{SEEDS} seeds, {crashes} crashes, {pauses} pauses, {rejected} zombies rejected] ")
    assert not failed, f"seeds {failed[:20]}"
    assert min(crashes, pauses, rejected) > 0
