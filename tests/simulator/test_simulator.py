"""Whatever the seed: nothing lost, duplicated, wrong or reordered. And what is broken on purpose is noticed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

import pytest

from streams.runtime.commits import Chain, Place
from streams.runtime.lane import Lane
from streams.state import Enough, Outcome, never
from streams.tools.simulator import World, count
from streams.tools.tally import Subjects

SECONDS = float(os.environ.get("SIMULATOR_SECONDS", "60"))  # make check-long runs ten thousand seeds


def test_no_seed_loses_repeats_or_reorders_anything(capsys: pytest.CaptureFixture[str]) -> None:
    end, seed, crashes, pauses, rejected = time.monotonic() + SECONDS, 0, 0, 0, 0
    while time.monotonic() < end or seed < 20:
        result = World(seed).run()
        assert not result.failed(), f"seed {seed}: {result}"
        crashes, pauses, rejected = crashes + result.crashes, pauses + result.pauses, rejected + result.rejected
        seed += 1
    with capsys.disabled():
        sys.stdout.write(f" [{seed} seeds] ")
    assert min(crashes, pauses, rejected) > 0, "faults must have happened, else the run proves nothing"


def test_one_seed_always_gives_the_same_run() -> None:
    assert World(7).run() == World(7).run()


class Unfenced(Lane):
    """Believes its commit counts, wherever in the log it came to stand."""

    async def _commit(self, entries: Sequence[bytes], next_: int) -> Outcome | None:
        machine, place = self.machine, self.chain.place
        outcome = await super()._commit(entries, next_)
        if outcome is None and machine is not None:
            self.machine = machine
            self.chain.place = Place(next_, place.hash, place.end + 1, place.tip)
            return Outcome(b"\x90", (), {})
        return outcome


class Keeping(Lane):
    """Keeps memory that `step` changed although nobody knows whether it was committed."""

    async def _commit(self, entries: Sequence[bytes], next_: int) -> Outcome | None:
        machine = self.machine
        try:
            return await super()._commit(entries, next_)
        finally:
            self.machine = machine


class Credulous(Chain):
    """Takes every record."""

    def offer(self, offset, record):  # type: ignore[no-untyped-def]
        self.place = Place(record["prev"], record["prev_hash"], offset, self.place.tip)
        return super().offer(offset, record)


def noticed(world: type[World], seeds: int = 60) -> bool:
    """Whether some seed fails, or breaks down outright."""
    for seed in range(seeds):
        try:
            if world(seed).run().failed():
                return True
        except Exception:
            return True
    return False


def test_a_writer_that_ignores_a_fence_is_noticed() -> None:
    class Broken(World):
        Lane = Unfenced

    assert noticed(Broken)


def test_memory_kept_after_a_doubtful_commit_is_noticed() -> None:
    class Broken(World):
        Lane = Keeping

    assert noticed(Broken)


def test_a_reader_without_the_chain_rule_is_noticed(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("streams.tools.simulator.Chain", Credulous)
    assert noticed(World)


def test_a_step_that_is_not_the_same_twice_is_noticed() -> None:
    class Moody(Subjects):
        made = 0

        def __init__(self) -> None:
            super().__init__()
            Moody.made += 1
            self.mood = Moody.made

        def step(self, entries: Sequence[bytes], enough: Enough = never) -> Outcome:
            self.clock[b"mood"] = self.mood
            return super().step(entries, enough)

    class Broken(World):
        def __init__(self, seed: int) -> None:
            super().__init__(seed, lambda partition: Moody())

    assert noticed(Broken)


def test_the_checker_knows_its_four_words() -> None:
    assert count("abc", "abc") == (0, 0, 0, 0)
    assert count("ab", "abc") == (1, 0, 0, 0)
    assert count("abbc", "abc") == (0, 1, 0, 0)
    assert count("abcx", "abc") == (0, 0, 1, 0)
    assert count("acb", "abc") == (0, 0, 0, 2)
