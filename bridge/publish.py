"""Sends sealed messages to the platform, and says when the broker has them.

Decides how nothing gets lost between store and broker: an idempotent producer, every delivery report awaited, the
outbox emptied only then. What was sent before a crash is sent again byte for byte, which is a duplicate downstream.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from confluent_kafka import KafkaError, Message, Producer

from bridge.store import Store

BATCH_MAX: Final = 2_000  # messages in flight before their reports are awaited
DELIVERY_MAX_S: Final = 120.0  # then the process gives up and is started again; the outbox stays


class NotDelivered(RuntimeError):
    """The broker did not take a message; holds its own word for why."""


class Sender(Protocol):
    """What takes messages; a broker's producer, or a list in a test."""

    def send(self, messages: list[tuple[int, str, bytes, bytes]]) -> None:
        """Deliver all, or raise `NotDelivered`."""


class Publisher:
    """A producer of the platform's broker.

    Args:
        client: Settings of the client: bootstrap, security.
    """

    def __init__(self, client: Mapping[str, Any]) -> None:
        self._producer = Producer({
            "enable.idempotence": True, "acks": "all", "linger.ms": 2, "compression.type": "none",
            "message.timeout.ms": int(DELIVERY_MAX_S * 1000), "queue.buffering.max.messages": 10 * BATCH_MAX,
            **client,
        })  # fmt: skip
        self._failed: KafkaError | None = None
        self._delivered = 0

    def send(self, messages: list[tuple[int, str, bytes, bytes]]) -> None:
        """Deliver messages in order and await every report.

        Args:
            messages: (id, topic, key, value).

        Raises:
            NotDelivered: A report says so, or did not come in `DELIVERY_MAX_S`.
        """
        self._failed, self._delivered = None, 0
        for _, topic, key, value in messages:
            self._producer.produce(topic, value, key, on_delivery=self._report)
            self._producer.poll(0)
        self._producer.flush(DELIVERY_MAX_S)
        if self._failed is not None:
            raise NotDelivered(self._failed.name())
        if self._delivered != len(messages):
            error = f"{len(messages) - self._delivered} of {len(messages)} messages without a delivery report"
            raise NotDelivered(error)

    def _report(self, error: KafkaError | None, message: Message) -> None:
        del message
        if error is None:
            self._delivered += 1
        elif self._failed is None:
            self._failed = error


def drain(store: Store, sender: Sender) -> int:
    """Send all that waits in the outbox.

    Returns:
        How many were delivered.

    Raises:
        NotDelivered: What was not delivered waits on.
    """
    sent = 0
    while messages := store.outbox(BATCH_MAX):
        sender.send(messages)
        store.delivered(messages[-1][0])
        sent += len(messages)
    return sent
