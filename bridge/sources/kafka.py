"""Reads a connector's topics from the agency's own broker.

Decides what is read from where, and when a snapshot has been read whole. Partitions are assigned by hand and start
at the place the bridge's own store names, so that a crash repeats or skips nothing; the broker's committed offsets
follow for monitoring, and only after what they caused was delivered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from bridge.sources import Change
from bridge.sources.debezium import Record, decode

TOPICS_EVERY_MS: Final = 1_000  # how often new topics are looked for until the source is live
TOPICS_LIVE_EVERY_MS: Final = 10_000
SETTLE_MS: Final = 500  # between a snapshot's last row and the look at how far the other partitions reach
ANSWER_MAX_S: Final = 10.0
MARKS: Final = ".transaction"  # transaction marks change no row


class Barrier:
    """When every row of a snapshot has been read.

    The snapshot's last row says only that its own partition is through. So when it shows (or, where it fell to an
    empty table, the first streamed row), the ends of all partitions are noted after `SETTLE_MS`, and the snapshot has
    ended when each was reached.

    Args:
        waiting: A snapshot is open, or the source has not sent its history.
        shown: The last row was read before a restart.
    """

    def __init__(self, *, waiting: bool, shown: bool) -> None:
        self._waiting = waiting
        self._armed_ms: int | None = 0 if waiting and shown else None
        self._ends: dict[str, int] | None = None

    def note(self, change: Change, now_ms: int) -> None:
        """Look at a change that was read."""
        if change.whole_snapshot:
            self._waiting = True
        if self._waiting and self._armed_ms is None and change.op != "bad" and change.snapshot in {"last", ""}:
            self._armed_ms = now_ms

    def reached(self, positions: Mapping[str, int], ends: Callable[[], dict[str, int]], now_ms: int) -> bool:
        """Whether the snapshot has ended; True once.

        Args:
            positions: Next offset by lane.
            ends: Finds the end offsets of all lanes.
            now_ms: Wall time.
        """
        if self._armed_ms is None or now_ms < self._armed_ms + SETTLE_MS:
            return False
        if self._ends is None:
            self._ends = ends()
        if any(positions.get(lane, 0) < end for lane, end in self._ends.items()):
            return False
        self._waiting, self._armed_ms, self._ends = False, None, None
        return True


def batch(consumer: Consumer, most: int, wait_s: float) -> list[Message]:
    """What there is: waits for the first message, never for more.

    Args:
        consumer: With partitions assigned.
        most: Messages at most.
        wait_s: Seconds to wait for the first.
    """
    found: list[Message] = consumer.consume(1, wait_s)
    return found + consumer.consume(most - 1, 0) if found else found


class KafkaSource:
    """One connector's topics.

    Args:
        name: Source in the mapping.
        prefix: `topic.prefix` of the connector.
        client: Settings of the client: bootstrap, security, `group.id`.
        offsets: Last offset taken, by lane `topic/partition`.
        barrier: Tells when the snapshot has been read.
        wall: Wall time, ms.
    """

    def __init__(  # noqa: PLR0913, PLR0917  (wired in one place)
        self,
        name: str,
        prefix: str,
        client: Mapping[str, Any],
        offsets: Mapping[str, int],
        barrier: Barrier,
        wall: Callable[[], int],
    ) -> None:
        self.name, self._prefix, self._wall, self._barrier = name, prefix, wall, barrier
        self._next = {lane: offset + 1 for lane, offset in offsets.items()}
        self._assigned: set[tuple[str, int]] = set()
        self._looked_ms = 0
        self._consumer = Consumer({
            "auto.offset.reset": "earliest", "enable.auto.commit": False, "enable.auto.offset.store": False,
            "isolation.level": "read_committed", "fetch.wait.max.ms": 250, "fetch.error.backoff.ms": 100,
            "topic.metadata.refresh.interval.ms": 10_000, **client,
        })  # fmt: skip

    def poll(self, count: int, timeout_s: float, *, live: bool) -> list[Change]:
        """Read what there is.

        Args:
            count: Records at most.
            timeout_s: Seconds to wait for the first; for that many, until the source is live.
            live: The source has sent its history, so new topics are rare.

        Returns:
            Changes in the order of each lane; `end` last, where a snapshot ended.

        Raises:
            KafkaException: The broker refuses: credentials, permissions.
        """
        now_ms = self._wall()
        if now_ms >= self._looked_ms + (TOPICS_LIVE_EVERY_MS if live else TOPICS_EVERY_MS):
            self._looked_ms = now_ms
            self._assign()
        changes: list[Change] = []
        for message in self._read(count, timeout_s, live=live):
            change = self._take(message)
            if change is not None:
                self._barrier.note(change, now_ms)
                changes.append(change)
        if self._assigned and self._barrier.reached(self._next, self._ends, self._wall()):
            newest = max((change.position for change in changes), default=0)
            changes.append(Change(self.name, "", "end", position=newest, committed_at=now_ms))
        return changes

    def _read(self, count: int, timeout_s: float, *, live: bool) -> list[Message]:
        if not self._assigned:
            time.sleep(timeout_s)  # nothing to wait for at the broker
            return []
        if not live:  # a record's rows come from several tables: wait for as many as can be had
            return list(self._consumer.consume(count, timeout_s))
        return batch(self._consumer, count, timeout_s)

    def commit(self) -> None:
        """Tell the broker how far this bridge is; its own store is what counts."""
        offsets = [
            TopicPartition(topic, partition, self._next[lane])
            for topic, partition in self._assigned
            if (lane := f"{topic}/{partition}") in self._next
        ]
        if offsets:
            self._consumer.commit(offsets=offsets, asynchronous=True)

    def lag(self) -> int:
        """Records that were written and not read yet, as far as the client knows."""
        behind = 0
        for topic, partition in self._assigned:
            _, high = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
            behind += max(0, high - self._next.get(f"{topic}/{partition}", 0))
        return behind

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def _take(self, message: Message) -> Change | None:
        error = message.error()
        if error is not None:
            if error.fatal() or error.code() in {
                KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.SASL_AUTHENTICATION_FAILED,
            }:  # fmt: skip
                raise KafkaException(error)
            return None  # the client goes on by itself
        topic, partition, offset = str(message.topic()), int(message.partition()), int(message.offset())
        self._next[f"{topic}/{partition}"] = offset + 1
        headers = [(name, value or b"") for name, value in message.headers() or ()]
        return decode(self.name, Record(topic, partition, offset, message.key(), message.value(), headers))

    def _assign(self) -> None:
        found = self._consumer.list_topics(timeout=ANSWER_MAX_S).topics
        wanted = {
            (name, partition)
            for name, topic in found.items()
            if name.startswith(f"{self._prefix}.") and not name.endswith(MARKS)
            for partition in topic.partitions
        }
        new = wanted - self._assigned
        if new:
            places = [
                TopicPartition(topic, partition, self._next.get(f"{topic}/{partition}", OFFSET_BEGINNING))
                for topic, partition in sorted(new)
            ]
            self._consumer.incremental_assign(places)
            self._assigned |= new

    def _ends(self) -> dict[str, int]:
        self._assign()
        return {
            f"{topic}/{partition}": self._consumer.get_watermark_offsets(
                TopicPartition(topic, partition), timeout=ANSWER_MAX_S
            )[1]
            for topic, partition in self._assigned
        }
