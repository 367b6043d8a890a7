"""Bridge publish to alert readable by its team, and the same from a row committed in an agency's database.

    python -m benchmarks.latency           # BENCH_QUICK=1 stays under a minute

From publish on, the machine is an echo, so that each message is an alert at once and what is measured is the way,
not the thinking: SCRAM, envelope checks, idempotent appends, sealed commits, transactions, a reader of committed
records. Medians of several runs, after a warm-up: a broker's first thousand requests are interpreted. The sender is
a process of its own, so that it and the reader never wait for each other's interpreter. From the database on, all
is real: see benchmarks/database.py. The last line is JSON.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import msgspec

from benchmarks import database
from demo.stack import PLATFORM, Stack
from schemas import codec
from streams.runtime.kafka import batch
from tests.chaos.fleet import PARTNERSHIPS, Fleet

QUICK = os.environ.get("BENCH_QUICK") == "1"
RATES = (100, 500) if QUICK else (100, 500, 2000)
RUNS = 1 if QUICK else 3
SECONDS = 5.0 if QUICK else 20.0
WARM_UP = (500, 3.0 if QUICK else 10.0)  # events/s, s
LEAD_S = 1.0  # of each run, not counted: a producer's first message takes half a second
WAIT_S = 20.0


class Reader(threading.Thread):
    """A team's consumer: how long ago was sent what it reads."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self.seen: list[tuple[float, float]] = []  # sent at, latency; seconds
        self.over = threading.Event()
        conf = {
            "group.id": "team-mash.latency", "auto.offset.reset": "earliest", "enable.auto.commit": False,
            "isolation.level": "read_committed", "fetch.wait.max.ms": 250, "fetch.queue.backoff.ms": 1,
        }  # fmt: skip
        self._consumer = ck.Consumer(stack.kafka("team-mash") | conf)
        self._consumer.assign([ck.TopicPartition("alerts-mash", 0, 0)])

    def run(self) -> None:
        """Read until told to end."""
        while not self.over.is_set():
            for message in batch(self._consumer, 1001, 0.1):
                now = time.time()
                if not message.error():
                    sent = msgspec.msgpack.decode(message.value())[2] / 1e6
                    self.seen.append((sent, now - sent))
        self._consumer.close()

    def wait_for(self, number: int) -> None:
        """Until that many were read, or `WAIT_S` later."""
        end = time.monotonic() + WAIT_S
        while len(self.seen) < number and time.monotonic() < end:
            time.sleep(0.1)


def send(client: Mapping[str, Any], rate: int, seconds: float, first: int) -> int:
    """Send at a steady rate, as bridge/publish.py does; gives the next position."""
    producer = ck.Producer({**client, "linger.ms": 2, "enable.idempotence": True})
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


class Bench:
    """The platform with an echo, a sender and a reader."""

    def __init__(self, stack: Stack, senders: ProcessPoolExecutor) -> None:
        self._client, self._senders = stack.kafka("bridge-police"), senders
        self.reader = Reader(stack)
        self.reader.start()
        self.sent = 0

    def run(self, rate: int, seconds: float) -> list[float]:
        """One run at a rate; gives the latencies in ms, without those of its first second."""
        began, before = time.time(), len(self.reader.seen)
        self.sent = self._senders.submit(send, self._client, rate, seconds, self.sent).result()
        self.reader.wait_for(self.sent)
        return [1000 * wait for sent, wait in self.reader.seen[before:] if sent > began + LEAD_S]

    def close(self) -> int:
        """End the reader; gives how many never came."""
        self.reader.over.set()
        self.reader.join()
        return self.sent - len(self.reader.seen)


def publish_to_alert(folder: Path) -> dict[str, float]:
    """Latencies by rate, and `missing`."""
    figures: dict[str, float] = {}
    spawn = multiprocessing.get_context("spawn")
    with (
        Stack(folder / "stack", ("police",), ("mash",), "northmere", parts={PLATFORM}) as stack,
        ProcessPoolExecutor(1, spawn) as senders,
    ):
        fleet = Fleet(stack, folder / "fleet", ("police",), machine="make_echo")
        try:
            fleet.start("intake", "worker-1", "publisher")
            for name, event in (("intake", "ready"), ("publisher", "ready"), ("worker-1", "folded")):
                fleet.wait_for(name, event)
            bench = Bench(stack, senders)
            bench.run(*WARM_UP)
            for rate in RATES:
                runs = [bench.run(rate, SECONDS) for _ in range(RUNS)]
                p50, p99 = (
                    statistics.median(database.percentile(run, share) for run in runs) for share in (0.5, 0.99)
                )
                figures |= {f"p50_ms_{rate}": round(p50, 1), f"p99_ms_{rate}": round(p99, 1)}
                count = sum(map(len, runs))
                print(f"publish to alert, {rate:5} events/s   p50 {p50:7.1f} ms   p99 {p99:7.1f} ms   {count} alerts")
            figures["missing"] = bench.close()
        finally:
            fleet.close()
    return figures


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as folder:
        figures = publish_to_alert(Path(folder))
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as folder:
        found = database.measure(Path(folder), QUICK)
    missing = figures.pop("missing") + found.pop("missing")
    print(json.dumps({**figures, **found, "missing": missing}))
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
