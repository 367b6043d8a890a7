"""Where reading starts, goes on and starts over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaException

from bridge.desk.feed import KafkaFeed, of_agency, of_team
from bridge.desk.inbox import OWN
from schemas import codec
from tests.unit.bridge.desk.support import Made, alert, suggestion


@pytest.fixture(autouse=True)
async def closed(desk: Made) -> AsyncIterator[None]:
    """Connections belong to the test's own loop and end with it."""
    yield
    await desk.sessions_redis.aclose()


class Partition:
    error = None
    partitions = (0,)


class FakeConsumer:
    """A consumer that was given its messages; it then stops the feed."""

    def __init__(self, feed: KafkaFeed, values: list[bytes]) -> None:
        self._feed, self._values = feed, values
        self.assigned: dict[str, int] = {}

    def list_topics(self, topic: str, timeout: float) -> Any:
        return type("Metadata", (), {"topics": {topic: Partition}})

    def assign(self, places: list[Any]) -> None:
        self.assigned = {place.topic: place.offset for place in places}

    def consume(self, count: int, timeout: float) -> list[Any]:
        self._feed._stopping.set()
        return [FakeMessage(next(iter(self.assigned)), offset, value) for offset, value in enumerate(self._values)]


class FakeMessage:
    def __init__(self, topic: str, offset: int, value: bytes) -> None:
        self._topic, self._offset, self._value = topic, offset, value

    def error(self) -> Any:
        return self._value if isinstance(self._value, KafkaException) else None

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes:
        return self._value


def feed_of(desk: Made, folder: Path) -> KafkaFeed:
    (folder / "0/team.password").write_text("x")
    return KafkaFeed(of_team(desk.config, "mash"), desk.writer, lambda: None)


async def test_it_takes_what_comes_and_goes_on_after_what_cannot_be_read(desk: Made, tmp_path: Path) -> None:
    feed = feed_of(desk, tmp_path)
    consumer = FakeConsumer(
        feed, [codec.encode("alert", alert()), b"\x00junk", codec.encode("alert", alert("b" * 32))]
    )
    feed._follow(consumer)
    assert consumer.assigned == {"alerts-mash": OFFSET_BEGINNING, "presence-mash": OFFSET_BEGINNING}
    assert {row["alert_id"] for row in (await desk.desk.inbox.kept("mash")).alerts} == {"a1" * 16, "b" * 32}
    again = feed_of(desk, tmp_path)
    consumer = FakeConsumer(again, [])
    again._follow(consumer)
    assert consumer.assigned == {"alerts-mash": 3, "presence-mash": OFFSET_BEGINNING}


def test_it_reads_committed_messages_as_its_team(desk: Made, tmp_path: Path) -> None:
    settings = feed_of(desk, tmp_path)._settings
    assert settings["isolation.level"] == "read_committed"
    assert settings["sasl.username"] == "team-mash"
    assert settings["enable.auto.commit"] is False


def test_a_broken_broker_ends_the_reading_and_not_the_feed(desk: Made, tmp_path: Path) -> None:
    feed = feed_of(desk, tmp_path)
    with pytest.raises(KafkaException):
        feed._follow(FakeConsumer(feed, [KafkaException("gone")]))  # type: ignore[list-item]


async def test_the_agencys_own_views_come_by_the_desks_own_credentials(desk: Made, tmp_path: Path) -> None:
    (tmp_path / "0/team.password").write_text("x")
    feed = KafkaFeed(of_agency(desk.config), desk.writer, lambda: None)
    assert feed._settings["sasl.username"] == "desk-council"
    rows = [suggestion("a" * 32), suggestion("b" * 32), {**suggestion("a" * 32), "body": None}]
    rows.append({"kind": "household", "key": "household:x", "as_of_at": 1, "body": "{}"})
    consumer = FakeConsumer(feed, [codec.encode("view", row) for row in rows])
    feed._follow(consumer)
    assert consumer.assigned == {"views-council": OFFSET_BEGINNING}
    assert [row["suggestion_id"] for row in await desk.desk.inbox.suggestions(9)] == ["b" * 32]
    assert await desk.desk.inbox.suggestion_count() == 1
    assert desk.writer.offsets(OWN) == {"views-council/0": 4}
