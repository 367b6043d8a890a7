"""The chunk transport: order, holes, positions, acknowledgement of a whole range, and what Faust may not do to it.

The fetch and the seek are faked, all else is Faust's and ours.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from streams.runtime.transport import HOLES_MAX, Consumer, Forget

A, B = TP("journal", 0), TP("journal", 1)


class Thread:
    """The consumer thread: says what is assigned, and takes seeks."""

    def __init__(self) -> None:
        self.sought: list[dict[TP, int]] = []

    async def seek_wait(self, places: dict[TP, int]) -> None:
        self.sought.append(dict(places))


class Positions:
    def __init__(self, **starts: int) -> None:
        self.starts = {A: 0, B: 0, **starts}

    async def start(self, tp: TP) -> int:
        return self.starts[tp]

    def done(self) -> dict[TP, int]:
        return dict(self.starts)


class Fetching(Consumer):
    """The transport's consumer without a broker."""

    def __init__(self) -> None:
        self._read_offset = Forget()
        self.expect, self.holes = {}, {}
        self._thread: Any = Thread()
        self.mine = {A, B}
        self.batches: list[dict[TP, list[Any]]] = []
        self.flow_active = True
        self._unacked_messages: Any = set()
        self._waiting_for_ack = None
        self._committed_offset: Any = {A: None, B: 5}
        self.app = SimpleNamespace(
            positions=Positions(), consumer_generation_id=1, tables=SimpleNamespace(changelog_topics=set()),
            monitor=SimpleNamespace(track_tp_end_offset=lambda tp, offset: None),
        )  # fmt: skip

    should_stop = False

    def assignment(self) -> set[TP]:
        return self.mine

    def highwater(self, tp: TP) -> int:
        return 0

    async def _wait_next_records(self, timeout: float) -> tuple[Any, None]:
        return self.batches.pop(0), None

    async def fetch(self, **batch: list[Any]) -> list[tuple[TP, Any]]:
        self.batches.append({{"a": A, "b": B}[name]: run for name, run in batch.items()})
        return [found async for found in self.getmany(1.0)]


def run(*offsets: int, headers: Any = ()) -> list[Any]:
    return [
        SimpleNamespace(topic="journal", partition=0, offset=offset, timestamp=1000, timestamp_type=1, value=b"v",
                        key=None, headers=headers)
        for offset in offsets
    ]  # fmt: skip


def offsets(found: list[tuple[TP, Any]]) -> list[list[int]]:
    return [[record.offset for record in message.value] for _, message in found]


@pytest.fixture
async def consumer() -> Fetching:
    fetching = Fetching()
    await fetching.perform_seek()
    return fetching


async def test_a_run_of_records_is_one_event_with_the_last_offset_and_the_generation(consumer: Fetching) -> None:
    ((tp, message),) = await consumer.fetch(a=run(0, 1, 2))
    assert (tp, message.offset, message.generation_id) == (A, 2, 1)
    assert offsets([(tp, message)]) == [[0, 1, 2]]


async def test_after_a_rebalance_reading_begins_where_the_state_is_whatever_was_committed() -> None:
    consumer = Fetching()
    consumer.app.positions.starts = {A: 50, B: 7}
    await consumer.perform_seek()
    assert consumer._thread.sought == [{A: 50, B: 7}]
    assert offsets(await consumer.fetch(a=run(48, 49, 50, 51))) == [[50, 51]]


async def test_what_is_not_assigned_is_not_delivered(consumer: Fetching) -> None:
    consumer.mine = {A}
    await consumer.perform_seek()
    assert await consumer.fetch(b=run(0)) == []


async def test_what_was_delivered_before_is_dropped(consumer: Fetching) -> None:
    await consumer.fetch(a=run(0, 1))
    assert await consumer.fetch(a=run(0, 1)) == []
    assert offsets(await consumer.fetch(a=run(1, 2))) == [[2]]


async def test_a_hole_is_sought_back_and_nothing_behind_it_is_delivered(consumer: Fetching) -> None:
    await consumer.fetch(a=run(0))
    assert await consumer.fetch(a=run(5, 6)) == []
    assert consumer._thread.sought[-1] == {A: 1}
    assert offsets(await consumer.fetch(a=run(1, 2))) == [[1, 2]]


async def test_a_hole_that_stays_is_delivered_so_that_the_agent_decides(consumer: Fetching) -> None:
    for _ in range(HOLES_MAX):
        assert await consumer.fetch(a=run(5)) == []
    assert offsets(await consumer.fetch(a=run(5))) == [[5]]


async def test_one_partition_does_not_disturb_another(consumer: Fetching) -> None:
    found = await consumer.fetch(a=run(3), b=run(0, 1))
    assert offsets(found) == [[0, 1]]


async def test_an_empty_run_is_nothing(consumer: Fetching) -> None:
    assert await consumer.fetch(a=[]) == []
    assert await consumer.fetch() == []


async def test_a_huge_chunk_goes_through_whole(consumer: Fetching) -> None:
    found = await consumer.fetch(a=run(*range(100_000)))
    assert found[0][1].offset == 99_999


async def test_headers_stay_with_their_record(consumer: Fetching) -> None:
    ((_, message),) = await consumer.fetch(a=run(0, headers=(("k", b"v"),)))
    assert message.value[0].headers == (("k", b"v"),)


async def test_a_new_generation_stops_the_delivery_and_the_rest_comes_again(consumer: Fetching) -> None:
    consumer.batches.append({A: run(0, 1), B: run(0)})
    stream = consumer.getmany(1.0)
    await anext(stream)
    consumer.app.consumer_generation_id = 2
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert offsets(await consumer.fetch(b=run(0))) == [[0]]


async def test_paused_flow_delivers_nothing_and_loses_nothing(consumer: Fetching) -> None:
    consumer.flow_active = False
    assert await consumer.fetch(a=run(0, 1)) == []
    consumer.flow_active = True
    assert await consumer.fetch(a=run(2)) == []
    assert consumer._thread.sought[-1] == {A: 0}


async def test_an_ack_releases_the_whole_range_once(consumer: Fetching) -> None:
    ((_, message),) = await consumer.fetch(a=run(0, 1, 2))
    consumer._unacked_messages.add(message)
    assert consumer.ack(message)
    assert not consumer.ack(message)
    assert not consumer._unacked_messages
    await consumer._add_gap(A, 0, 10**9)  # must cost nothing


async def test_what_is_committed_is_the_states_position_and_only_forward(consumer: Fetching) -> None:
    consumer.app.positions.starts = {A: 3, B: 5}
    assert consumer._filter_committable_offsets([]) == {A: 3}
    consumer.mine = {B}
    assert consumer._filter_committable_offsets([]) == {}


def test_faust_finds_the_transport_by_its_url_and_by_the_entry_point() -> None:
    import tomllib

    from faust.transport.drivers import TRANSPORTS

    import streams.runtime.worker  # noqa: F401  (a checkout that is not installed has no entry points)
    from streams.runtime.transport import Transport

    assert TRANSPORTS.by_url("sightline://127.0.0.1:9092") is Transport
    project = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())
    points = project["project"]["entry-points"]["faust.transports"]
    assert points == {"sightline": "streams.runtime.transport:Transport"}


def test_the_drain_loops_own_filter_is_off() -> None:
    forget = Forget()
    forget[A] = 5
    forget.update({A: 5})
    assert forget[A] is None
    assert asyncio.iscoroutinefunction(Consumer._add_gap)


async def test_the_end_of_a_partition_that_was_just_taken_away_is_unknown_and_no_error(consumer: Fetching) -> None:
    def highwater(tp: TP) -> int:
        assert tp == A, "as aiokafka's: Partition is not assigned"
        return 7

    consumer._thread.highwater = highwater
    assert [Consumer.highwater(consumer, tp) for tp in (A, B)] == [7, 0]


@pytest.mark.parametrize("name", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_topics_can_be_read(name: str) -> None:
    from aiokafka import codec

    packed = getattr(codec, f"{name}_encode")(b"a chunk of records" * 100)
    assert getattr(codec, f"has_{name}")()
    assert getattr(codec, f"{name}_decode")(packed) == b"a chunk of records" * 100
