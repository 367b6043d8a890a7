"""`replay` tells the same history from another."""

from __future__ import annotations

from streams.state import Out
from streams.tools import replay
from streams.tools.replay import compare, fold, interleaved
from streams.tools.tally import Count
from tests.unit.streams.runtime.memory import Log, entry, lane
from tests.unit.streams.tools.test_verify import CIPHER

JOURNAL = [entry(f"k{number % 3}", number) for number in range(100)]


async def happened(cut: int) -> replay.Happened:
    log = Log()
    one = lane(log)
    for first in range(0, len(JOURNAL), cut):
        await one.take(first, JOURNAL[first : first + cut])
    return fold(0, log.read(0, 0, len(log.records)), CIPHER)


async def test_however_it_was_cut_the_replay_is_the_same() -> None:
    for cut in (1, 7, 100):
        for chunk in (1, 13, 1000):
            assert compare(0, Count(), JOURNAL, await happened(cut), chunk).what == ""


async def test_another_journal_gives_other_outputs() -> None:
    assert compare(0, Count(), [*JOURNAL[:50], entry("k0"), *JOURNAL[51:]], await happened(10)).what == "outputs"


async def test_another_state_is_told_even_where_the_outputs_are_the_same() -> None:
    assert compare(0, Count(), [*JOURNAL[:99], entry("new")], await happened(10)).what == "state"


async def test_a_journal_that_ends_early_is_told() -> None:
    assert compare(0, Count(), JOURNAL[:99], await happened(10)).what == "journal"


async def test_a_journal_that_went_on_is_replayed_only_as_far_as_its_commits() -> None:
    assert compare(0, Count(), [*JOURNAL, entry("more")], await happened(10)).what == ""


def test_readers_see_each_partition_in_its_order() -> None:
    assert interleaved([1, 3, 2, 4], [[1, 2], [3, 4]])
    assert interleaved([1, 1, 2], [[1, 2], [1]])
    assert not interleaved([2, 1], [[1, 2]])
    assert not interleaved([1, 2, 2], [[1, 2]])
    assert not interleaved([1], [[1, 2]])
    assert interleaved([Out("a", "b", "c", b"")], [[], [Out("a", "b", "c", b"")]])
