"""Intake: puts everything that may change state into one order.

Decides when a message is in the journal: polled, checked, appended by an idempotent producer, its delivery report
awaited, and only then committed. A crash in between repeats messages and loses none; `step` drops repeats by their
source position. One intake writes the journal: it is a static member of its group, so a successor takes its place
at once and fences it, and it leaves when it finds another's entry in the journal.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

import confluent_kafka as ck

import topology
from schemas import codec, crypto
from schemas.dead_letter import SEAL_INFO
from streams.registers import Register
from streams.runtime import faults, guard, kafka, logs, metrics, settings, signals
from streams.runtime.clock import Clock, due
from streams.runtime.exits import Exit, leave
from streams.runtime.program import launch

WAIT_MAX_S: Final = 0.25
FLUSH_TIMEOUT_S: Final = 30.0
COMMIT_EVERY_S: Final = 0.2  # offsets are a hint: what is not committed is repeated and dropped by step
SESSION_TIMEOUT_MS: Final = 30_000
_log = logs.get("intake")
_JOURNAL: Final = frozenset({"journal"})


class Intake:
    """One turn: consume, tick, append, wait, commit."""

    def __init__(self, config: settings.Intake, registers: Mapping[str, Register], clock: Clock) -> None:
        self._config, self._registers, self._clock = config, registers, clock
        self._origins = guard.origins(registers)
        self._seal_keys = {
            name: bytes.fromhex(agency.seal_public)
            for register in registers.values()
            for name, agency in register.agencies.items()
        }
        self._health: dict[str, guard.Health] = defaultdict(guard.Health)
        self._paused: set[str] = set()
        self._journal_end: dict[int, int] = {}
        self._last: dict[int, int | None] = {}
        self._failed: list[str] = []
        self._foreign = False
        self._done: dict[tuple[str, int], int] = {}
        self._committed_at = 0.0
        self._unknown_topics: set[str] = set()
        self._producer = kafka.producer(
            config.kafka, linger_ms=5, compression_type="lz4", queue_buffering_max_messages=1_000_000
        )
        self._consumer = ck.Consumer(config.kafka.client(
            group_id=config.group, group_instance_id=config.group, session_timeout_ms=SESSION_TIMEOUT_MS,
            enable_auto_commit=False, auto_offset_reset="earliest", fetch_wait_max_ms=250, fetch_queue_backoff_ms=2,
            topic_metadata_refresh_interval_ms=30_000, isolation_level="read_committed",
        ))  # fmt: skip

    def open(self) -> None:
        """Find the end of the journal, so that time goes on from there, and subscribe.

        Raises:
            kafka.BrokerError: The journal cannot be read.
        """
        reader = kafka.reader(self._config.kafka, self._config.group)
        try:
            for partition in sorted({register.partition for register in self._registers.values()}):
                self._last[partition] = self._end_of(reader, partition)
        finally:
            reader.close()
        known = [at for at in self._last.values() if at is not None]
        self._clock.begin(max(known, default=0))
        self._producer.list_topics(topology.JOURNAL.name, timeout=kafka.READ_TIMEOUT_S)
        self._consumer.subscribe(sorted(self._origins), on_assign=self._assigned)

    def turn(self) -> int:
        """Take what is there.

        Returns:
            Messages taken.
        """
        batch = kafka.batch(self._consumer, self._config.batch_max, self._wait_s())
        faults.reach("polled")
        now = self._clock.now()
        self._tick(now)
        for message in batch:
            if message.error():
                self._trouble(message)
            else:
                self._take(message, now)
        self._flush()
        faults.reach("appended")
        self._commit()
        return len(batch)

    def close(self) -> None:
        """Leave in order: what was appended is committed."""
        self._committed_at = 0.0
        self._commit(wait=True)
        self._consumer.close()

    def _end_of(self, reader: ck.Consumer, partition: int) -> int | None:
        topic = topology.JOURNAL.name
        low, high = kafka.bounds(reader, topic, partition)
        self._journal_end[partition] = high
        if low == high:
            return None
        for _, value in kafka.read(reader, topic, partition, high - 1, high):
            return int(codec.decode(value, _JOURNAL, max_bytes=topology.COMMIT_TOPIC_MAX_BYTES)[1]["received_at"])
        raise kafka.BrokerError(f"{topic}/{partition}: no entry before {high}")

    def _wait_s(self) -> float:
        tick_ms = self._config.tick_s * 1000
        next_ticks = [((at or 0) // tick_ms + 1) * tick_ms for at in self._last.values()]
        return min(WAIT_MAX_S, self._clock.until_s(min(next_ticks, default=0)))

    def _tick(self, now: int) -> None:
        for partition, last in self._last.items():
            count = 0
            for at in due(last, now, self._config.tick_s * 1000):
                self._append(partition, "tick", at, "", "", b"")
                count += 1
            if count:
                metrics.TICKS.labels(str(partition)).inc(count)

    def _take(self, message: Any, now: int) -> None:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        origin = self._origins[topic]
        if origin.agency in self._paused:
            return
        data = message.value() or b""
        try:
            routed = guard.route(origin, data, self._registers)
        except codec.Rejected as error:
            self._refuse(topic, origin, data, error.reason, now, f"{topic}/{partition}/{offset}")
            good = False
        else:
            for place in routed:
                self._append(place.partition, "message", now, place.partnership, topic, data)
            good = True
            metrics.EVENTS.labels("intake", origin.agency, "journaled").inc()
        metrics.LAG_SECONDS.labels(topic, str(partition)).set(max(0.0, time.time() - message.timestamp()[1] / 1000))
        self._done[topic, partition] = offset + 1
        if self._health[origin.agency].saw(good) and origin.agency:
            self._pause(origin.agency)

    def _append(self, partition: int, kind: str, at: int, partnership: str, origin: str, body: bytes) -> None:  # noqa: PLR0913, PLR0917  (the entry's own fields)
        entry = codec.encode("journal", {
            "kind": kind, "received_at": at, "partnership": partnership, "origin": origin, "body": body,
        })  # fmt: skip
        self._last[partition] = at
        self._produce(topology.JOURNAL.name, entry, partnership.encode(), partition, self._journaled)

    def _refuse(self, topic: str, origin: guard.Origin, data: bytes, reason: str, now: int, place: str) -> None:  # noqa: PLR0913, PLR0917  (all of it is told)
        agency = origin.agency
        metrics.DEAD_LETTERS.labels(agency, reason).inc()
        metrics.EVENTS.labels("intake", agency, "dead_letter").inc()
        if not agency:
            _log.error("refused", extra={"topic": topic, "reason": reason, "bytes": len(data)})
            return
        letter = codec.encode("dead_letter", {
            "agency": agency, "origin": topic, "reason": reason, "stage": "intake", "received_at": now,
            "size_bytes": len(data), "sha256": hashlib.sha256(data).digest(),
            "sealed": crypto.hpke_seal(self._seal_keys[agency], data[: topology.MESSAGE_MAX_BYTES], SEAL_INFO),
        })  # fmt: skip
        target = topology.DEAD_LETTERS_INTAKE.name.format(agency=agency)
        self._produce(target, letter, agency.encode(), -1, self._delivered, {"position": place.encode()})

    def _produce(  # noqa: PLR0913, PLR0917  (the client's own arguments)
        self, topic: str, value: bytes, key: bytes, partition: int, report: Any, headers: Any = None
    ) -> None:
        while True:
            try:
                self._producer.produce(
                    topic, value=value, key=key, partition=partition, on_delivery=report, headers=headers
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _delivered(self, error: Any, message: Any) -> None:
        del message
        if error is not None:
            self._failed.append(error.name())

    def _journaled(self, error: Any, message: Any) -> None:
        if error is not None:
            self._failed.append(error.name())
            return
        partition, offset = message.partition(), message.offset()
        self._foreign |= offset != self._journal_end[partition]
        self._journal_end[partition] = offset + 1

    def _flush(self) -> None:
        left = self._producer.flush(FLUSH_TIMEOUT_S)
        if self._failed or left:
            leave(Exit.UNKNOWN_OUTCOME, self._failed[0] if self._failed else "no delivery report")
        if self._foreign:
            leave(Exit.FENCED, "another intake writes the journal")

    def _commit(self, wait: bool = False) -> None:
        now = time.monotonic()
        if not self._done or now - self._committed_at < COMMIT_EVERY_S:
            return
        self._committed_at = now
        places = [ck.TopicPartition(topic, partition, offset) for (topic, partition), offset in self._done.items()]
        self._done.clear()
        try:
            self._consumer.commit(offsets=places, asynchronous=not wait)
        except ck.KafkaException as error:
            if error.args[0].fatal():
                leave(Exit.FENCED, error.args[0].name())
            _log.warning("commit", extra={"broker_error": error.args[0].name()})
        faults.reach("intake_committed")

    def _pause(self, agency: str) -> None:
        self._paused.add(agency)
        metrics.SOURCE_PAUSED.labels(agency).set(1)
        _log.error("agency paused: mostly bad messages", extra={"agency": agency})
        mine = [tp for tp in self._consumer.assignment() if self._origins[tp.topic].agency == agency]
        self._consumer.pause(mine)

    def _assigned(self, consumer: ck.Consumer, places: list[ck.TopicPartition]) -> None:
        consumer.assign(places)
        paused = [tp for tp in places if self._origins[tp.topic].agency in self._paused]
        if paused:
            consumer.pause(paused)

    def _trouble(self, message: Any) -> None:
        error = message.error()
        if error.fatal():
            leave(Exit.FENCED, error.name())
        if error.code() in {ck.KafkaError.UNKNOWN_TOPIC_OR_PART, ck.KafkaError.TOPIC_AUTHORIZATION_FAILED}:
            topic = message.topic() or ""
            if topic not in self._unknown_topics:
                self._unknown_topics.add(topic)
                _log.error("topic cannot be read", extra={"topic": topic, "broker_error": error.name()})
            return
        _log.warning("broker", extra={"broker_error": error.name()})


def run(config: settings.Intake, metrics_port: int) -> int:
    """Run until SIGTERM.

    Returns:
        Exit code, 0 for a clean stop.
    """
    metrics.serve(metrics_port)
    stop = signals.stop_event()
    intake = Intake(config, settings.registers(config.registers), Clock(config.clock))
    intake.open()
    _log.info("ready")
    while not stop.is_set():
        intake.turn()
    intake.close()
    return 0


def main(argv: list[str]) -> int:
    """`sightline intake`."""
    parser = argparse.ArgumentParser(prog="sightline intake", description="Checks envelopes and writes the journal.")
    parser.add_argument("--clock", default="", help="partnership clock file; overrides the setting")

    def start(args: argparse.Namespace) -> int:
        config = settings.load(args.config, settings.Intake)
        return run(settings.replace(config, clock=args.clock or config.clock), args.metrics_port)

    return launch(argv, parser, start, _log)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
