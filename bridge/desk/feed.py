"""The feed: a team's alerts and presence notices, and the agency's own views, from Kafka into the inbox.

Decides where reading starts, goes on after a fault and when it starts over. The place in each topic is kept in Redis
with what it brought, in one transaction: a Redis that was lost has no place, and the topics are read from the start.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

import redis
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

import topology
from bridge import logs
from bridge.clock import wall_ms
from bridge.config import Kafka
from bridge.desk.config import Config
from bridge.desk.inbox import OWN
from bridge.sources.kafka import batch
from schemas import codec

BATCH = 200  # messages a poll
POLL_S: Final = 0.1
BEAT_S: Final = 1.0  # how often a living feed says so
RETRY_S: Final = 1.0  # pause after a fault
METADATA_S: Final = 10.0
READS: Final = frozenset({"alert", "presence", "view", "preview"})

log = logs.get("desk")


class Feed(Protocol):
    """Fills the inbox until it is stopped."""

    def start(self) -> None:
        """Begin; returns at once."""

    def stop(self) -> None:
        """End, having written what was read."""


class Taker(Protocol):
    """Takes what a feed reads, and remembers how far it read."""

    def offsets(self, name: str, /) -> dict[str, int]:
        """Next offset by `topic/partition`; empty where nothing is remembered."""

    def alive(self, name: str, at: int, /) -> bool:
        """Say that the feed read at `at` (wall time, ms); False where it has to start over."""

    def take(self, name: str, kind: str, message: Mapping[str, Any], place: str, next_offset: int, /) -> None:
        """Take one message together with the place after it."""

    def skip(self, name: str, place: str, next_offset: int, /) -> None:
        """Pass over a message that could not be read."""


class Interrupted(RuntimeError):
    """What a taker raises where it cannot take now: the feed reads it again later."""


class Source(NamedTuple):
    """What a feed reads: whose it is in the inbox, with whose credentials, from which topics, of which schemas."""

    name: str
    kafka: Kafka
    topics: tuple[str, ...]
    reads: frozenset[str] = READS


def of_team(config: Config, team: str) -> Source:
    """A team's topics, read with that team's credentials."""
    families = (topology.ALERTS, topology.PRESENCE)
    return Source(team, config.teams[team].kafka, tuple(family.name.format(team=team) for family in families))


def of_agency(config: Config) -> Source:
    """The agency's own views, and what drafts of rules would have changed where it drafts any: as the desk."""
    previews = (topology.PREVIEWS.name,) if config.governance else ()
    return Source(OWN, config.kafka, (topology.VIEWS.name.format(agency=config.agency), *previews))


class KafkaFeed:
    """The topics of one source, read committed.

    Args:
        source: Which.
        writer: Inbox, or what else takes what it reads.
        recall: Puts back what is not in the topics; called before each reading.
    """

    def __init__(self, source: Source, writer: Taker, recall: Callable[[], None] = lambda: None) -> None:
        self._settings: dict[str, Any] = {
            **source.kafka.client(),
            "group.id": f"{source.kafka.username}.desk",  # required by the client; no offset is ever committed there
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 500,  # a fetch that waits answers at once when there is something
            "log_level": 3,
        }
        self._name, self._topics, self._reads = source.name, source.topics, source.reads
        self._writer = writer
        self._recall = recall
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"feed-{source.name}", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End, having written what was read."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stopping.is_set():
            consumer = Consumer(self._settings)
            try:
                self._follow(consumer)
            except (KafkaException, redis.RedisError, Interrupted) as error:
                log.warning("feed interrupted", extra={"source": self._name, "cause": type(error).__name__})
                self._stopping.wait(RETRY_S)
            finally:
                consumer.close()

    def _follow(self, consumer: Consumer) -> None:
        self._recall()
        consumer.assign(self._places(consumer))
        self._writer.alive(self._name, wall_ms())
        beat_at = time.monotonic()
        while not self._stopping.is_set():
            for message in batch(consumer, BATCH, POLL_S):
                if message.error() is not None:
                    raise KafkaException(message.error())
                self._take(message.topic(), message.partition(), message.offset(), message.value() or b"")
            if time.monotonic() - beat_at >= BEAT_S:
                beat_at = time.monotonic()
                if not self._writer.alive(self._name, wall_ms()):
                    return  # Redis was lost: start over, from the places it still has, which are none

    def _places(self, consumer: Consumer) -> list[TopicPartition]:
        kept = self._writer.offsets(self._name)
        places = []
        for topic in self._topics:
            found = consumer.list_topics(topic, timeout=METADATA_S).topics[topic]
            if found.error is not None:
                raise KafkaException(found.error)
            for partition in found.partitions:
                offset = kept.get(f"{topic}/{partition}", OFFSET_BEGINNING)
                places.append(TopicPartition(topic, partition, offset))
        return places

    def _take(self, topic: str, partition: int, offset: int, value: bytes) -> None:
        place = f"{topic}/{partition}"
        try:
            name, message = codec.decode(value, self._reads)
        except codec.Rejected as rejected:
            log.error("message cannot be read", extra={"source": topic, "count": offset, "reason": rejected.reason})
            self._writer.skip(self._name, place, offset + 1)
            return
        self._writer.take(self._name, name, message, place, offset + 1)
