"""Sends one message to the platform's broker and waits until it is there.

Decides that something counts as sent once the broker has it. Does not know what it is.
"""

from __future__ import annotations

import threading
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from bridge.config import Kafka

DELIVERY_S: Final = 8.0  # a user waits no longer for "recorded"


class NotSent(RuntimeError):
    """The message did not reach the broker."""


class Sender:
    """Sends with one principal's credentials; used from any thread."""

    def __init__(self, kafka: Kafka) -> None:
        settings: dict[str, Any] = {
            **kafka.client(),
            "enable.idempotence": True,
            "delivery.timeout.ms": int(DELIVERY_S * 1000),
            "linger.ms": 0,
            "log_level": 3,
        }
        self._producer = Producer(settings)
        self._lock = threading.Lock()

    def send(self, topic: str, key: bytes, value: bytes) -> None:
        """Send one message and wait for the broker.

        Raises:
            NotSent: It was not delivered in time, or refused.
        """
        reports: list[KafkaError | None] = []

        def reported(error: KafkaError | None, _: Message) -> None:
            reports.append(error)

        with self._lock:
            try:
                self._producer.produce(topic, value, key, on_delivery=reported)
                self._producer.flush(DELIVERY_S + 1)
            except (KafkaException, BufferError) as error:
                raise NotSent(type(error).__name__) from None
        if reports != [None]:
            raise NotSent(reports[0].name() if reports and reports[0] is not None else "no report")
