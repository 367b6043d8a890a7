"""Chunk transport: one Faust event for a run of Kafka records, and the application owns every position.

Faust costs 60 to 200 µs a message, one event a chunk under 3 (ENGINE.md). Decides what is delivered and from
where; does not look into a record. The app must have `positions`: `await start(tp)` gives the offset that reading
begins at, `done()` the offsets that are safe, which are committed as a hint for lag tools and rest on nothing else.

Registered under the entry point group `faust.transports`; the broker URL `sightline://host:port` names it. Written
against faust-streaming 0.15.3, which pyproject pins; line numbers are of that version.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final

from faust import Topic
from faust.events import Event
from faust.transport.drivers import aiokafka as base
from faust.types import TP, ConsumerMessage
from mode.utils.futures import notify

from streams.runtime import logs, metrics

FETCH_WAIT_MS: Final = 20  # aiokafka asks a broker once at a time: a silent partition's wait holds up the others
HOLES_MAX: Final = 50  # seeks in a row without progress; then the hole is delivered and the agent decides
_log = logs.get("transport")


class Forget(dict[TP, int]):
    """Switches off the drain loop's own filter: it drops what lies below its mark (consumer.py:1207-1230)."""

    def __getitem__(self, tp: TP) -> None:  # type: ignore[override]
        return None

    def __setitem__(self, tp: TP, offset: int) -> None:
        pass

    def update(self, *_: object, **__: object) -> None:
        """Remember nothing."""


class ConsumerThread(base.AIOKafkaConsumerThread):
    """Fetches for the consumer, in a thread of its own."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001  (Faust fixes it at 1,500, aiokafka.py:615)
        return consumer


class Consumer(base.Consumer):
    """Delivers chunks in order, without a hole, from where the application says."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = Forget()
        self.expect: dict[TP, int] = {}  # first offset that the next chunk must have
        self.holes: dict[TP, int] = {}

    def highwater(self, tp: TP) -> int:
        """End of a partition as last heard; 0 where it has just been taken away."""
        try:
            return int(super().highwater(tp) or 0)
        except AssertionError:  # aiokafka's own check; a chunk in hand outlives the assignment
            return 0

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Go to where the state is, whatever was committed; after each rebalance."""
        mine = [tp for tp in self.assignment() if not self._is_changelog_tp(tp)]
        self.expect.clear()
        await self.rewind({tp: await self.app.positions.start(tp) for tp in mine})

    async def rewind(self, places: Mapping[TP, int]) -> None:
        """Read on from these offsets."""
        self.expect.update(places)
        if places:
            await self._thread.seek_wait(places)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Fetch once and yield one message a partition, its value the list of raw records."""
        records, _ = await self._wait_next_records(timeout)
        if not records or self.should_stop:
            return
        generation = self.app.consumer_generation_id
        for tp, run in records.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return  # what is in hand is dropped; the hole below brings it back
            chunk = await self._chunk(tp, run)
            if chunk:
                self.expect[tp] = chunk[-1].offset + 1
                self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                # without the generation the stream skips and acks it (streams.py:1287)
                last = chunk[-1]
                yield tp, ConsumerMessage(
                    last.topic, last.partition, last.offset, last.timestamp / 1000.0, last.timestamp_type,
                    [], None, chunk, None, 0, 0, tp, generation_id=generation,
                )  # fmt: skip

    async def _chunk(self, tp: TP, run: list[Any]) -> list[Any]:
        want = self.expect.get(tp)
        if want is None or not run or run[-1].offset < want:
            return []  # not ours yet, or delivered before
        first = run[0].offset
        if first > want and self.holes.get(tp, 0) < HOLES_MAX:
            self.holes[tp] = self.holes.get(tp, 0) + 1  # fetched and thrown away around a rebalance
            metrics.SKIPS.labels("transport").inc()
            _log.warning("hole", extra={"partition": tp.partition, "expected": want, "got": first})
            await self.rewind({tp: want})
            return []
        if first <= want:
            self.holes.pop(tp, None)
        return [record for record in run if record.offset >= want] if first < want else run

    def on_buffer_full(self, tp: TP) -> None:
        """Do nothing: with no active partition the fetch loop sleeps 1 s (consumer.py:808); a full queue waits."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Do nothing, as above."""

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: offsets between two chunks are no gap."""

    def ack(self, message: ConsumerMessage) -> bool:
        """Release the message; there is nothing to keep."""
        if message.acked and message not in self._unacked_messages:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)
        return True

    def _filter_committable_offsets(self, tps: Iterable[TP]) -> dict[TP, int]:
        del tps
        mine = self.assignment()
        return {
            tp: offset
            for tp, offset in self.app.positions.done().items()
            if tp in mine and offset > (self._committed_offset[tp] or 0)
        }


class Transport(base.Transport):
    """The transport behind `sightline://`."""

    Consumer = Consumer


class ChunkTopic(Topic):
    """A topic whose events carry chunks undecoded: decoding and its guards are `step`'s."""

    async def decode(self, message: Any, *, propagate: bool = False) -> Event:
        """Wrap the chunk as it is."""
        del propagate
        return Event(self.app, None, message.value, {}, message)
