"""What a team's own program would do: subscribe to its topics and take what comes.

Decides nothing but when a message was readable. Each team reads with its own name and password.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer

import topology
from schemas import codec


class Heard(NamedTuple):
    """One message as its reader got it.

    Attributes:
        topic: Where.
        readable_ms: Wall time at which the reader had it, ms.
        message: Decoded.
        raw: (key, value).
    """

    topic: str
    readable_ms: int
    message: dict[str, Any]
    raw: tuple[bytes, bytes]


class Listener:
    """Subscribers in threads of their own, one a principal.

    Args:
        kafka: Principal -> client settings.
        teams: Teams whose alerts and presence notices to read.
        desk: Agency whose views to read: it tells the phase of the model.
    """

    def __init__(self, kafka: Callable[[str], Mapping[str, Any]], teams: Sequence[str], desk: str) -> None:
        self.alerts: list[Heard] = []
        self.presence: list[Heard] = []
        self.views: dict[str, Any] = {}
        self.failed: list[str] = []
        self._stopping = threading.Event()
        reads = {
            f"team-{team}": [topology.ALERTS.name.format(team=team), topology.PRESENCE.name.format(team=team)]
            for team in teams
        } | {f"desk-{desk}": [topology.VIEWS.name.format(agency=desk)]}
        self._threads = [
            threading.Thread(target=self._read, args=(principal, dict(kafka(principal)), topics), daemon=True)
            for principal, topics in reads.items()
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, principal: str, settings: dict[str, Any], topics: list[str]) -> None:
        consumer = Consumer({
            **settings, "log_level": 0, "group.id": f"{principal}.demo", "auto.offset.reset": "earliest",
            "isolation.level": "read_committed", "fetch.wait.max.ms": 500, "enable.auto.commit": False,
        })  # fmt: skip
        consumer.subscribe(topics)
        while not self._stopping.is_set():
            message = consumer.poll(0.2)
            if message is None:
                continue
            if message.error():
                if not message.error().retriable():
                    self.failed.append(f"{principal}: {message.error()}")
                continue
            self._take(message.topic() or "", message.key() or b"", message.value() or b"")
        consumer.close()

    def _take(self, topic: str, key: bytes, value: bytes) -> None:
        readable_ms = time.time_ns() // 1_000_000
        name, message = codec.decode(value, frozenset({"alert", "presence", "view"}))
        heard = Heard(topic, readable_ms, message, (key, value))
        if name == "alert":
            self.alerts.append(heard)
        elif name == "presence":
            self.presence.append(heard)
        else:
            self.views[message["key"]] = message["body"] and json.loads(message["body"])

    @property
    def phase(self) -> str:
        """Phase of the partnership as the desk was told: backfill until the first word."""
        return str((self.views.get("model:score") or {}).get("phase", "backfill"))

    def stop(self) -> None:
        """End all readers."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(5)


class Clock:
    """The partnership clock of the demo, published as a file: time = start + rate x (wall - begun)."""

    def __init__(self, path: Any, start_ms: int) -> None:
        self._path = path
        self.turn(start_ms, 1.0)

    def turn(self, start_ms: int, rate: float) -> None:
        """From now on run from `start_ms` at `rate`; the file is replaced in one step."""
        self._wall_ms, self._start_ms, self._rate = time.time_ns() // 1_000_000, start_ms, rate
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps({"wall_ms": self._wall_ms, "start_ms": start_ms, "rate": rate}))
        fresh.replace(self._path)

    def now(self) -> int:
        """Partnership time, ms."""
        return int(self._start_ms + self._rate * (time.time_ns() / 1_000_000 - self._wall_ms))
