"""The publisher: each output on its readers' topics once.

Decides when an output counts as sent: outputs and the publisher's place in `commits` are one Kafka transaction, so
a reader of committed records sees each once, whatever dies. A publisher that was replaced is fenced by its
transactional id. What a reader may see of an output is decided by `cut`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import confluent_kafka as ck
import msgspec

import topology
from schemas.crypto import Aead
from streams.runtime import commits, faults, kafka, logs, metrics, settings, signals
from streams.runtime.commits import Chain, Damaged, Place
from streams.runtime.exits import Exit, leave
from streams.runtime.program import launch
from streams.state import Out

WAIT_MAX_S: Final = 0.25
CURSOR_EVERY_S: Final = 5.0  # without outputs; bounds what a restart reads again
APART_S: Final = 0.005  # the broker ends a transaction 1 to 3 ms after it said so; one that begins before waits 20
MESSAGES_MAX: Final = 5000  # a transaction at most: bounds what readers wait for
TRANSACTION_TIMEOUT_MS: Final = 30_000
COMMIT_TIMEOUT_S: Final = 40.0
_log = logs.get("publisher")

Cut = Callable[[Out], Sequence[tuple[str, bytes, bytes]]]


class Cursor(msgspec.Struct, frozen=True):
    """A place in `commits`, as kept on `publisher-cursor`."""

    next: int
    hash: str
    end: int
    tip: int

    @classmethod
    def of(cls, place: Place) -> Cursor:
        """The cursor of a place."""
        return cls(place.next, place.hash.hex(), place.end, place.tip)

    def place(self) -> Place:
        """The place of a cursor."""
        return Place(self.next, bytes.fromhex(self.hash), self.end, self.tip)


class Publisher:
    """One turn: read commits, cut, send, move the cursor, commit."""

    def __init__(self, config: settings.Publisher, cipher: Aead, cut: Cut) -> None:
        self._config, self._cipher, self._cut = config, cipher, cut
        self._partitions = config.partitions or tuple(range(topology.JOURNAL_PARTITIONS))
        whole = len(self._partitions) == topology.JOURNAL_PARTITIONS
        suffix = "" if whole else "." + "-".join(map(str, self._partitions))
        self._producer = kafka.producer(
            config.kafka, transactional_id=config.transactional_id + suffix,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS, message_timeout_ms=TRANSACTION_TIMEOUT_MS,
            linger_ms=0, queue_buffering_max_messages=200_000,
        )  # fmt: skip
        self._reader = kafka.reader(config.kafka, config.group)
        self._chains: dict[int, Chain] = {}
        self._kept_at = time.monotonic()
        self._moved: set[int] = set()

    def open(self) -> None:
        """Fence whoever was here before, then read on from where it stood.

        Raises:
            kafka.BrokerError: The broker did not answer, or commits before the cursor are gone.
        """
        self._producer.init_transactions(kafka.READ_TIMEOUT_S)
        cursors = self._cursors()
        places = []
        for partition in self._partitions:
            place = cursors.get(partition, Place())
            low, high = kafka.bounds(self._reader, topology.COMMITS.name, partition)
            if not low <= place.end <= high:
                raise kafka.BrokerError(f"commits/{partition}: cursor at {place.end}, kept are {low} to {high}")
            self._chains[partition] = Chain(partition, place)
            places.append(ck.TopicPartition(topology.COMMITS.name, partition, place.end))
        self._reader.assign(places)

    def turn(self) -> int:
        """Publish what is there.

        Returns:
            Commit records read.
        """
        time.sleep(max(0.0, self._kept_at + APART_S - time.monotonic()))
        batch = kafka.batch(self._reader, self._config.batch_max, WAIT_MAX_S)
        outputs: list[tuple[str, str, bytes, bytes]] = []
        oldest = 0
        for message in batch:
            if message.error():
                self._trouble(message.error())
                continue
            found = self._outputs(message)
            if found and not outputs:
                oldest = message.timestamp()[1]
            outputs += found
            if len(outputs) >= MESSAGES_MAX:
                self._send(outputs, oldest)
                outputs = []
        self._tell()
        idle = bool(self._moved) and time.monotonic() - self._kept_at > CURSOR_EVERY_S
        if outputs or idle:
            self._send(outputs, oldest)
        return len(batch)

    def close(self) -> None:
        """Leave in order."""
        if self._moved:
            self._send([], 0)
        self._reader.close()

    def _outputs(self, message: Any) -> list[tuple[str, str, bytes, bytes]]:
        partition = message.partition()
        chain = self._chains[partition]
        before = chain.rejected
        accepted = chain.offer(message.offset(), commits.parse(message.value() or b""))
        if chain.rejected > before:
            metrics.REJECTED.labels(str(partition)).inc()
        if not accepted:
            return []
        self._moved.add(partition)
        metrics.LAG_SECONDS.labels(topology.COMMITS.name, str(partition)).set(
            max(0.0, time.time() - message.timestamp()[1] / 1000)
        )
        body = commits.open_set(self._cipher, accepted)
        return [(out.kind, *piece) for out in body.outbox for piece in self._cut(out)]

    def _send(self, outputs: Sequence[tuple[str, str, bytes, bytes]], oldest_ms: int) -> None:
        began = time.perf_counter()
        try:
            self._producer.begin_transaction()
            faults.reach("begun")
            for _, topic, key, value in outputs:
                self._produce(topic, key, value)
            for partition in sorted(self._moved):
                cursor = msgspec.json.encode(Cursor.of(self._resume(partition)))
                self._produce(topology.PUBLISHER_CURSOR.name, str(partition).encode(), cursor)
            faults.reach("produced")
            self._commit()
        except ck.KafkaException as error:
            _end(error)
        faults.reach("published")
        self._kept_at = time.monotonic()
        self._moved.clear()
        metrics.TRANSACTION_SECONDS.observe(time.perf_counter() - began)
        for kind, topic, _, _ in outputs:
            metrics.PUBLISHED.labels(kind).inc()
            if kind == "alert":
                metrics.ALERTS.labels(topic).inc()
        if oldest_ms:
            metrics.EVENT_TO_ALERT.observe(max(0.0, time.time() - oldest_ms / 1000))

    def _tell(self) -> None:
        for partition, chain in self._chains.items():
            place = ck.TopicPartition(topology.COMMITS.name, partition)
            _, high = self._reader.get_watermark_offsets(place, cached=True)
            if high >= 0:
                metrics.RELAY_BACKLOG.labels(str(partition)).set(max(0, high - chain.place.end))

    def _resume(self, partition: int) -> Place:
        """Where a successor must begin: while parts of a chunk are in hand, after the last chunk that counted."""
        chain = self._chains[partition]
        return chain.place._replace(end=chain.place.tip + 1) if chain.waiting else chain.place

    def _produce(self, topic: str, key: bytes, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(topic, value=value, key=key)
            except BufferError:
                self._producer.poll(0.05)
            else:
                return

    def _commit(self) -> None:
        while True:
            try:
                self._producer.commit_transaction(COMMIT_TIMEOUT_S)
            except ck.KafkaException as error:
                if not error.args[0].retriable():
                    raise
            else:
                return

    def _cursors(self) -> dict[int, Place]:
        topic = topology.PUBLISHER_CURSOR.name
        low, high = kafka.bounds(self._reader, topic, 0)
        if low == high:
            return {}
        consumer = kafka.reader(
            self._config.kafka, self._config.group, isolation_level="read_committed", enable_partition_eof=True
        )
        found: dict[int, Place] = {}
        deadline = time.monotonic() + kafka.READ_TIMEOUT_S * 2
        try:
            consumer.assign([ck.TopicPartition(topic, 0, low)])
            while time.monotonic() < deadline:
                for message in consumer.consume(1000, 0.2):
                    if not message.error():
                        cursor = msgspec.json.decode(message.value(), type=Cursor)
                        found[int(message.key())] = cursor.place()
                    elif message.error().code() == ck.KafkaError._PARTITION_EOF and message.offset() >= high:  # noqa: SLF001  (the client's public name for it)
                        return found
        finally:
            consumer.close()
        raise kafka.BrokerError(f"{topic}: not read to its end; another publisher's transaction is open")

    @staticmethod
    def _trouble(error: Any) -> None:
        if error.fatal() or error.code() == ck.KafkaError.OFFSET_OUT_OF_RANGE:
            leave(Exit.LOAD, error.name())
        _log.warning("broker", extra={"broker_error": error.name()})


def _end(error: ck.KafkaException) -> None:
    """A transaction that did not commit: the process ends, the cursor knows how far it came."""
    broker = error.args[0]
    fenced = {ck.KafkaError.PRODUCER_FENCED, ck.KafkaError.INVALID_PRODUCER_EPOCH, ck.KafkaError._FENCED}  # noqa: SLF001
    leave(Exit.FENCED if broker.code() in fenced else Exit.UNKNOWN_OUTCOME, broker.name())


def run(config: settings.Publisher, metrics_port: int) -> int:
    """Run until SIGTERM.

    Returns:
        Exit code, 0 for a clean stop.
    """
    metrics.serve(metrics_port)
    keyring = settings.plugin(config.keyring)(Path(config.keys))
    cut = settings.plugin(config.cut)(keyring)
    stop = signals.stop_event()
    publisher = Publisher(config, Aead(keyring.state_key), cut)
    publisher.open()
    _log.info("ready")
    try:
        while not stop.is_set():
            publisher.turn()
    except Damaged as error:
        leave(Exit.CHAIN, error.reason)
    publisher.close()
    return 0


def main(argv: list[str]) -> int:
    """`sightline publisher`."""
    parser = argparse.ArgumentParser(prog="sightline publisher", description="Sends alerts, presence and views once.")
    return launch(
        argv, parser, lambda args: run(settings.load(args.config, settings.Publisher), args.metrics_port), _log
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
