"""The commit protocol: memory is a fold of a prefix of the log, or nobody's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from streams.runtime import commits
from streams.runtime.commits import Damaged, Place
from streams.runtime.lane import Taken, UnknownOutcome, Unloadable
from streams.state import Enough, Outcome, RawState, never
from streams.tools.tally import Count
from tests.unit.streams.runtime.memory import Log, Shelf, entry, lane

ABC = [entry(key) for key in "abc"]


async def test_a_chunk_is_in_the_log_before_it_is_done() -> None:
    log = Log()
    one = lane(log)
    taken, outcomes = await one.take(0, ABC)
    assert (taken, one.next, len(log.records), len(outcomes)) == (Taken.DONE, 3, 1, 1)


class Hasty(Count):
    """One entry is always enough."""

    def step(self, entries: Sequence[bytes], enough: Enough = never) -> Outcome:
        return super().step(entries, lambda: True)


async def test_what_a_step_leaves_is_a_commit_of_its_own() -> None:
    one, whole = lane(Log()), lane(Log())
    one.setting = replace(one.setting, make=lambda partition: Hasty())
    taken, outcomes = await one.take(0, ABC)
    await whole.take(0, ABC)
    assert (taken, one.next, [outcome.left for outcome in outcomes]) == (Taken.DONE, 3, [2, 1, 0])
    assert one.machine.digest() == whole.machine.digest()


async def test_what_was_done_before_is_dropped_and_the_rest_is_taken() -> None:
    log = Log()
    one = lane(log)
    await one.take(0, ABC)
    assert await one.take(0, ABC) == (Taken.DONE, [])
    await one.take(1, [*ABC[1:], entry("d")])
    assert one.next == 4
    assert one.machine.counts == {b"a": 1, b"b": 1, b"c": 1, b"d": 1}


async def test_a_chunk_that_begins_later_is_not_taken() -> None:
    one = lane(Log())
    assert await one.take(1, ABC) == (Taken.BEHIND, [])
    assert one.next == 0


async def test_a_fenced_writer_drops_its_memory_folds_anew_and_goes_on() -> None:
    log, other = Log(), Log()
    await lane(other, nonces=500).take(0, ABC[:2])
    log.before = other.records
    seen: list[tuple[str, int, int]] = []
    one = lane(log, seen=lambda *what: seen.append(what))
    taken, outcomes = await one.take(0, ABC)
    assert (taken, one.next) == (Taken.DONE, 3)
    assert one.machine.counts == {b"a": 1, b"b": 1, b"c": 1}
    assert ("fenced", 0, 1) in seen
    assert ("rejected", 0, 1) in seen, "its own record lies behind the other's and was refused"
    assert len(outcomes) == 1


async def test_without_an_answer_the_memory_is_nobodys() -> None:
    log = Log()
    log.answer = False
    one = lane(log)
    with pytest.raises(UnknownOutcome):
        await one.take(0, ABC)
    assert one.machine is None
    log.answer = True
    assert await one.take(0, ABC) == (Taken.DONE, [])  # it was in the log: the log decides
    assert one.machine.counts == {b"a": 1, b"b": 1, b"c": 1}


@pytest.mark.parametrize("point", ["taken", "stepped", "sealed", "acknowledged"])
async def test_dying_at_any_point_before_the_end_leaves_no_memory(point: str) -> None:
    class Died(BaseException):
        pass

    def reach(reached: str) -> None:
        if reached == point:
            raise Died

    log = Log()
    one = lane(log, reach=reach)
    with pytest.raises(Died):
        await one.take(0, ABC)
    assert one.machine is None


async def test_memory_is_kept_if_nobody_wrote_and_else_only_the_tail_is_folded() -> None:
    log = Log()
    one, two = lane(log), lane(log, nonces=500)
    await one.take(0, ABC[:1])
    kept = one.machine
    one.catch_up()
    assert one.machine is kept
    await two.take(1, ABC[1:])
    one.catch_up()
    assert one.machine is kept
    assert one.next == 3
    assert one.machine.digest() == two.machine.digest()


async def test_a_delta_over_the_limit_goes_in_parts_and_comes_back_whole() -> None:
    log = Log()
    one = lane(log, max_bytes=50)
    await one.take(0, [entry(f"key-{number}") for number in range(40)])
    assert len(log.records) > 5
    other = lane(log, nonces=9000)
    other.catch_up()
    assert other.machine.digest() == one.machine.digest()
    assert other.next == 40


async def test_a_writer_that_died_between_parts_leaves_nothing_behind() -> None:
    log = Log()
    one = lane(log, max_bytes=50)
    await one.take(0, [entry(f"key-{number}") for number in range(40)])
    log.records = log.records[:3]
    other = lane(log, nonces=9000)
    await other.take(0, ABC)
    assert other.next == 3
    third = lane(log, nonces=20_000)
    third.catch_up()
    assert third.machine.digest() == other.machine.digest()


class Kept:
    def __init__(self, place: Place, rows: bytes | None) -> None:
        self.place, self.rows = place, rows

    def changes(self):
        if self.rows is None:
            raise Damaged("test")
        yield self.rows


async def snapshot(log: Log) -> Kept:
    chain, state = commits.Chain(0), RawState()
    from schemas.crypto import Aead

    for accepted in commits.follow(chain, log.read(0, 0, len(log.records))):
        state.apply(commits.open_set(Aead(bytes(32)), accepted).delta)
    return Kept(chain.place, state.pack())


async def test_recovery_begins_at_the_newest_snapshot_and_passes_over_damaged_ones() -> None:
    log, shelf = Log(), Shelf()
    one = lane(log)
    await one.take(0, ABC)
    shelf.kept.append(await snapshot(log))
    await one.take(3, ABC)
    shelf.kept.append(Kept((await snapshot(log)).place, None))
    reads: list[int] = []
    read = log.read
    log.read = lambda partition, start, end: reads.append(start) or read(partition, start, end)
    other = lane(log, shelf)
    other.catch_up()
    assert reads == [1]
    assert other.machine.digest() == one.machine.digest()


async def test_a_snapshot_of_another_log_is_passed_over() -> None:
    shelf, log = Shelf(), Log()
    shelf.kept.append(Kept(Place(9, b"x" * 32, 99, 98), b"\x90"))
    one = lane(log, shelf)
    one.catch_up()
    assert one.next == 0


def test_a_log_without_its_beginning_and_no_snapshot_cannot_be_loaded() -> None:
    log = Log()
    log.records, log.low = [b""] * 5, 3
    with pytest.raises(Unloadable):
        lane(log).catch_up()


async def test_a_damaged_record_stops_the_fold() -> None:
    log = Log()
    await lane(log).take(0, ABC)
    log.records[0] = log.records[0][:-1] + bytes([log.records[0][-1] ^ 1])
    with pytest.raises(Damaged, match="bad_hash"):
        lane(log).catch_up()
