"""The `commits` topic on the real broker, for lanes.

Decides how a commit is appended: idempotently, acknowledged by all replicas, its offset handed back to the event
loop. Does not decide what is in it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import confluent_kafka as ck

import topology
from streams.runtime import kafka as clients
from streams.runtime import metrics
from streams.runtime.kafka import Kafka
from streams.runtime.lane import UnknownOutcome

APPEND_TIMEOUT_MS: Final = 20_000  # under the session time-out, so that an owner knows before it is replaced
OPEN_TIMEOUT_S: Final = 20.0


class KafkaCommits:
    """Appends with one idempotent producer; reads with a consumer of its own each time."""

    def __init__(self, kafka: Kafka, group: str, topic: str = topology.COMMITS.name) -> None:
        self._kafka, self._group, self._topic = kafka, group, topic
        self._producer: ck.Producer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Connect the producer now: its first connection takes half a second."""
        self._loop = loop
        self._producer = clients.producer(
            self._kafka, message_timeout_ms=APPEND_TIMEOUT_MS, message_max_bytes=topology.COMMIT_TOPIC_MAX_BYTES,
            queue_buffering_max_messages=100_000,
        )  # fmt: skip
        try:
            self._producer.list_topics(self._topic, timeout=OPEN_TIMEOUT_S)
        except ck.KafkaException as error:
            raise clients.BrokerError(f"{self._topic}: {error.args[0].name()}") from None
        threading.Thread(target=self._serve, args=(self._producer,), name="commits", daemon=True).start()

    async def append(self, partition: int, records: Sequence[bytes]) -> list[int]:
        """See CommitLog."""
        if self._producer is None or self._loop is None:
            raise AssertionError("append before open")
        began = time.perf_counter()
        futures = [self._send(partition, record) for record in records]
        try:
            offsets = await asyncio.wait_for(asyncio.gather(*futures), APPEND_TIMEOUT_MS / 1000 + 5)
        except (UnknownOutcome, TimeoutError, ck.KafkaException, BufferError) as error:
            raise UnknownOutcome("commit not acknowledged") from error
        metrics.COMMIT_SECONDS.observe(time.perf_counter() - began)
        return offsets

    def bounds(self, partition: int) -> tuple[int, int]:
        """See CommitLog."""
        consumer = clients.reader(self._kafka, self._group)
        try:
            return clients.bounds(consumer, self._topic, partition)
        finally:
            consumer.close()

    def read(self, partition: int, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """See CommitLog."""
        if start >= end:
            return
        consumer = clients.reader(self._kafka, self._group)
        try:
            yield from clients.read(consumer, self._topic, partition, start, end)
        finally:
            consumer.close()

    def _send(self, partition: int, record: bytes) -> asyncio.Future[int]:
        loop, producer = self._loop, self._producer
        if loop is None or producer is None:
            raise AssertionError("append before open")
        future: asyncio.Future[int] = loop.create_future()

        def settle(error: Any, offset: int) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(offset)
            else:
                future.set_exception(UnknownOutcome(error.name()))

        def delivered(error: Any, message: Any) -> None:  # runs in the serving thread
            loop.call_soon_threadsafe(settle, error, -1 if message is None else message.offset())

        producer.produce(self._topic, value=record, partition=partition, on_delivery=delivered)
        return future

    @staticmethod
    def _serve(producer: ck.Producer) -> None:
        while True:
            producer.poll(0.5)
