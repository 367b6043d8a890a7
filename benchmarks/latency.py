"""Bridge publish to alert readable by its team: intake, journal, worker, commits, publisher, read committed.

    python -m benchmarks.latency           # BENCH_QUICK=1 stays under a minute

The machine is an echo, so that each message is an alert at once and what is measured is the way, not the thinking.
Every hop is real: SCRAM, envelope checks, idempotent appends, sealed commits, transactions. The last line is JSON.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from pathlib import Path

import confluent_kafka as ck
import msgspec

from demo.stack import PLATFORM, Stack
from schemas import codec
from tests.chaos.fleet import PARTNERSHIPS, Fleet

QUICK = os.environ.get("BENCH_QUICK") == "1"
RATES = (100, 500) if QUICK else (100, 500, 2000)
SECONDS = 6.0 if QUICK else 20.0
WARM_UP_S = 2.0  # connections, first transaction
WAIT_S = 20.0


class Reader(threading.Thread):
    """A team's consumer: how long ago was sent what it reads."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self.seen: list[tuple[float, float]] = []  # sent at, latency; seconds
        self.over = threading.Event()
        self.ready = threading.Event()
        conf = {
            "group.id": "team-mash.latency", "auto.offset.reset": "earliest", "enable.auto.commit": False,
            "isolation.level": "read_committed", "fetch.wait.max.ms": 100, "fetch.queue.backoff.ms": 1,
        }  # fmt: skip
        self._consumer = ck.Consumer(stack.kafka("team-mash") | conf)
        self._consumer.assign([ck.TopicPartition("alerts-mash", 0, 0)])

    def run(self) -> None:
        """Read until told to end."""
        while not self.over.is_set():
            for message in self._consumer.consume(1, 0.1) + self._consumer.consume(1000, 0):
                now = time.time()
                if not message.error():
                    sent = msgspec.msgpack.decode(message.value())[2] / 1e6
                    self.seen.append((sent, now - sent))
        self._consumer.close()


def send(stack: Stack, rate: int, seconds: float, first: int) -> int:
    """Send at a steady rate; gives the next position."""
    producer = ck.Producer(stack.kafka("bridge-police") | {"linger.ms": 0, "enable.idempotence": True})
    began, number = time.time(), 0
    while number < rate * seconds:
        wait = began + number / rate - time.time()
        if wait > 0:
            producer.poll(0)
            time.sleep(wait)
        partnership = PARTNERSHIPS[number % len(PARTNERSHIPS)]
        envelope = {
            "partnership": partnership, "agency": "police", "source": "s", "lane": "event",
            "subject": b"%d" % (number % 5000), "epoch": 1, "position": first + number, "sequence": 0,
            "committed_at": int(time.time() * 1000), "key_id": bytes(16), "nonce": bytes(12),
            "body": int(time.time() * 1e6).to_bytes(8, "big"),
        }  # fmt: skip
        producer.produce("events-police", codec.encode("envelope", envelope), partnership)
        number += 1
    producer.flush(30)
    return first + number


def percentile(values: list[float], share: float) -> float:
    """Of a non-empty list."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main() -> int:
    """Measure and print."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as folder:
        where = Path(folder)
        with Stack(where / "stack", ("police",), ("mash",), "northmere", parts={PLATFORM}) as stack:
            fleet = Fleet(stack, where / "fleet", ("police",), machine="make_echo")
            try:
                fleet.start("intake", "worker-1", "publisher")
                for name, event in (("intake", "ready"), ("publisher", "ready"), ("worker-1", "folded")):
                    fleet.wait_for(name, event)
                reader = Reader(stack)
                reader.start()
                position = send(stack, 50, WARM_UP_S, 0)
                for rate in RATES:
                    began, before = time.time(), len(reader.seen)
                    position = send(stack, rate, SECONDS, position)
                    end = time.time() + WAIT_S
                    while len(reader.seen) < position and time.time() < end:
                        time.sleep(0.1)
                    waits = [wait for sent, wait in reader.seen[before:] if sent > began + 1]
                    p50, p99 = 1000 * percentile(waits, 0.5), 1000 * percentile(waits, 0.99)
                    figures |= {f"p50_ms_{rate}": round(p50, 1), f"p99_ms_{rate}": round(p99, 1)}
                    print(f"{rate:6} events/s   p50 {p50:7.1f} ms   p99 {p99:7.1f} ms   {len(waits)} alerts")
                reader.over.set()
                reader.join()
                missing = position - len(reader.seen)
            finally:
                fleet.close()
    print(json.dumps({**figures, "missing": missing}))
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
