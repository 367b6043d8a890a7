"""How a process reaches the broker: settings, and the clients made from them.

Decides which connections are allowed (plain text on loopback alone) and the client settings everything rests on.
Does not decide what is read or written.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import confluent_kafka as ck
import msgspec

from streams.runtime import logs

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
MECHANISM: Final = "SCRAM-SHA-256"
READ_TIMEOUT_S: Final = 30.0  # a broker restart takes about 5 s; longer silence is an outage
READ_MAX: Final = 2000  # messages handed over at once
FETCH_BYTES: Final = 4 * 1024 * 1024  # the largest commit, topology.COMMIT_TOPIC_MAX_BYTES


class BrokerError(RuntimeError):
    """The broker did not answer, or refused."""


class Kafka(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the broker is and who we are.

    Attributes:
        bootstrap: `host:port`, comma separated.
        username: Principal; empty for a broker without authentication (loopback alone).
        password_file: File holding its password.
        ca_file: Certificate authority of the broker; empty on loopback alone.
    """

    bootstrap: str
    username: str = ""
    password_file: str = ""
    ca_file: str = ""

    def check(self) -> None:
        """Refuse to send anything in plain text over a network.

        Raises:
            ValueError: No `ca_file`, and a broker that is not on this machine.
        """
        if not self.ca_file:
            for server in self.bootstrap.split(","):
                host = server.rsplit(":", 1)[0].strip("[] ")
                if host not in LOOPBACK:
                    error = f"kafka.bootstrap: {host} is not this machine, so ca_file is required"
                    raise ValueError(error)

    def password(self) -> str:
        """The password, read anew each time so that it can be rotated."""
        return Path(self.password_file).read_text(encoding="utf-8").strip()

    def client(self, **more: Any) -> dict[str, Any]:
        """Settings of a confluent-kafka client, with `more` (underscores stand for dots) added."""
        self.check()
        conf: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": self._protocol(),
            "socket.keepalive.enable": True,
            "reconnect.backoff.max.ms": 1000,
            "log_level": 3,  # errors; the rest is in our own metrics
            "logger": logging.getLogger(logs.LIBRDKAFKA),
        }
        if self.username:
            conf |= {"sasl.mechanisms": MECHANISM, "sasl.username": self.username, "sasl.password": self.password()}
        if self.ca_file:
            conf["ssl.ca.location"] = self.ca_file
        return conf | {name.replace("_", "."): value for name, value in more.items()}

    def ssl_context(self) -> ssl.SSLContext | None:
        """TLS for clients that take a context; None on loopback."""
        return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else None

    def _protocol(self) -> str:
        if self.ca_file:
            return "SASL_SSL" if self.username else "SSL"
        return "SASL_PLAINTEXT" if self.username else "PLAINTEXT"


def producer(kafka: Kafka, **more: Any) -> ck.Producer:
    """An idempotent producer: never reorders, never writes twice, and says so if it cannot tell."""
    settings = {"enable_idempotence": True, "acks": "all", "linger_ms": 0, "message_timeout_ms": 30_000}
    return ck.Producer(kafka.client(**(settings | more)))


def reader(kafka: Kafka, group: str, **more: Any) -> ck.Consumer:
    """A consumer for assigned partitions: it never commits, and offsets that are gone are an error."""
    settings = {
        "group_id": group, "enable_auto_commit": False, "auto_offset_reset": "error", "fetch_wait_max_ms": 250,
        "fetch_queue_backoff_ms": 2, "fetch_error_backoff_ms": 100, "queued_min_messages": 20_000,
        "max_partition_fetch_bytes": FETCH_BYTES, "isolation_level": "read_uncommitted",
    }  # fmt: skip
    return ck.Consumer(kafka.client(**(settings | more)))


def batch(consumer: ck.Consumer, most: int, wait_s: float) -> list[ck.Message]:
    """What there is: waits for the first message, never for more (`consume(most, wait_s)` would wait for `most`).

    Args:
        consumer: With partitions assigned.
        most: Messages at most; errors are among them.
        wait_s: Seconds to wait for the first.
    """
    found: list[ck.Message] = consumer.consume(1, wait_s)
    return found + consumer.consume(most - 1, 0) if found else found


def bounds(consumer: ck.Consumer, topic: str, partition: int) -> tuple[int, int]:
    """First offset still kept, and the offset after the last.

    Raises:
        BrokerError: The broker did not answer.
    """
    try:
        low, high = consumer.get_watermark_offsets(ck.TopicPartition(topic, partition), timeout=READ_TIMEOUT_S)
    except ck.KafkaException as error:
        raise BrokerError(f"{topic}/{partition}: {error.args[0].name()}") from None
    return low, high


def read(consumer: ck.Consumer, topic: str, partition: int, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Every record of `[start, end)`, in order.

    Returns:
        (offset, value); offsets rise, and skip only what the log itself lacks.

    Raises:
        BrokerError: Nothing came for `READ_TIMEOUT_S`.
    """
    consumer.assign([ck.TopicPartition(topic, partition, start)])
    position, deadline = start, time.monotonic() + READ_TIMEOUT_S
    while position < end:
        for message in batch(consumer, READ_MAX, 1.0):
            if message.error():
                if not message.error().retriable():
                    raise BrokerError(f"{topic}/{partition}: {message.error().name()}")
                continue
            deadline = time.monotonic() + READ_TIMEOUT_S
            position = message.offset() + 1
            if position <= end:
                yield message.offset(), message.value() or b""
        if time.monotonic() > deadline:
            raise BrokerError(f"{topic}/{partition}: nothing read for {READ_TIMEOUT_S:.0f} s at {position} of {end}")
    consumer.unassign()
