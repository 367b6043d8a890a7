"""What hosting `step` costs: a worker on one core over a preloaded journal, beside the same step without Kafka.

    python -m benchmarks.engine            # BENCH_QUICK=1 stays under a minute

The machine is the bare count (streams/tools/tally.py), so that what is measured is fetch, decode, delta, seal,
commit and acknowledgement, not linkage. Medians of several runs; CPU is that of the worker process. The last line
is JSON.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import confluent_kafka as ck

from benchmarks.bare import make_machine
from demo.stack import PLATFORM, Stack
from schemas import codec
from tests.chaos.fleet import Fleet
from topology import JOURNAL_PARTITIONS

QUICK = os.environ.get("BENCH_QUICK") == "1"
EVENTS = 100_000 if QUICK else 300_000
RUNS = 1 if QUICK else 3
KEYS = 5000
CHUNK = 1000
CORE = (os.cpu_count() or 1) - 1
TICKS_A_S = os.sysconf("SC_CLK_TCK")


def entries(number: int, seed: int = 1) -> list[bytes]:
    """Journal entries with bodies of 100 bytes; the first of them the key."""
    rng = random.Random(seed)
    return [
        codec.encode("journal", {
            "kind": "message", "received_at": at, "partnership": "bare", "origin": "events-police",
            "body": (b"%08d" % rng.randrange(KEYS)).ljust(100, b"."),
        })
        for at in range(number)
    ]  # fmt: skip


def plain_loop(journal: list[bytes]) -> tuple[float, float]:
    """The same step, no Kafka.

    Returns:
        Events a second; CPU µs an event.
    """
    machine = make_machine(0, None)
    began, cpu = time.perf_counter(), time.process_time()
    for first in range(0, len(journal), CHUNK):
        machine.step(journal[first : first + CHUNK])
    return len(journal) / (time.perf_counter() - began), 1e6 * (time.process_time() - cpu) / len(journal)


def raw_loop(stack: Stack) -> float:
    """The floor: a plain consumer that counts in a dict and can recover nothing; events a second."""
    conf = {"group.id": "admin.raw", "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "queued.min.messages": 100_000, "fetch.queue.backoff.ms": 2}  # fmt: skip
    consumer = ck.Consumer(stack.kafka("admin") | conf)
    consumer.assign([ck.TopicPartition("journal", number, 0) for number in range(JOURNAL_PARTITIONS)])
    counts: dict[bytes, int] = {}
    seen, began = 0, 0.0
    while seen < EVENTS:
        for message in consumer.consume(1, 5) + consumer.consume(10_000, 0):
            began = began or time.perf_counter()
            key = message.value()[-100:]
            counts[key] = counts.get(key, 0) + 1
            seen += 1
    consumer.close()
    return seen / (time.perf_counter() - began)


def preload(stack: Stack, journal: list[bytes]) -> None:
    """Fill the journal, evenly."""
    producer = ck.Producer(stack.kafka("intake") | {"linger.ms": 20, "compression.type": "lz4"})
    for number, entry in enumerate(journal):
        producer.produce("journal", entry, partition=number % JOURNAL_PARTITIONS)
        if number % 2000 == 0:
            producer.poll(0)
    if producer.flush(60):
        raise RuntimeError("journal not preloaded")


def worker(fleet: Fleet, port: int) -> tuple[float, float]:
    """One worker, pinned, from its first commit to the end of the journal.

    Returns:
        Events a second; CPU µs an event.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.runtime.worker", "--config", str(fleet.settings("worker")),
         "--metrics-port", str(port)],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.sched_setaffinity(process.pid, {CORE})
    try:
        first, last = _watch(process, port)
    finally:
        process.terminate()
        process.wait(30)
    events = last[0] - first[0]
    return events / (last[1] - first[1]), 1e6 * (last[2] - first[2]) / events


def _watch(process: subprocess.Popen[bytes], port: int) -> tuple[tuple[float, float, float], ...]:
    first, end = None, time.monotonic() + 300
    while time.monotonic() < end:
        done = applied(port)
        now = (done, time.perf_counter(), _cpu(process.pid))
        if done and first is None:
            first = now
        if done >= EVENTS and first is not None:
            return first, now
        time.sleep(0.02)
    raise TimeoutError("the worker did not come to the end of the journal")


def applied(port: int) -> float:
    """Events the worker has applied, by its own metrics."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0.0
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("sightline_events_total{"))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_S


def medians(run: Callable[[int], tuple[float, ...]]) -> list[float]:
    """Each figure's median over the runs."""
    return [statistics.median(figures) for figures in zip(*(run(number) for number in range(RUNS)), strict=True)]


def main() -> int:
    """Measure and print."""
    journal = entries(EVENTS)
    loop_eps, loop_us = medians(lambda _: plain_loop(journal))
    found: list[Any] = []

    def once(number: int) -> tuple[float, ...]:
        with tempfile.TemporaryDirectory(prefix="sightline-bench-") as folder:
            where = Path(folder)
            with Stack(where / "stack", ("police",), ("mash",), "northmere", parts={PLATFORM}) as stack:
                preload(stack, journal)
                floor = raw_loop(stack)
                fleet = Fleet(stack, where / "fleet", ("police",), machine="make_machine")
                found.append(number)
                return (*worker(fleet, 20_000 + os.getpid() % 20_000), floor)

    eps, cpu_us, floor = medians(once)
    rows = [
        ("plain consumer, a dict, no recovery", floor, None),
        ("the same step, no Kafka", loop_eps, loop_us),
        ("worker: commit record a chunk, acknowledged", eps, cpu_us),
    ]
    for name, rate, cost in rows:
        print(f"{name:48} {rate:12,.0f} events/s" + (f" {cost:8.1f} us CPU" if cost is not None else ""))
    print(json.dumps({
        "events": EVENTS, "runs": RUNS, "bare_eps": round(eps), "plain_loop_eps": round(loop_eps),
        "raw_consumer_eps": round(floor), "cpu_us": round(cpu_us, 2), "hosting_us": round(cpu_us - loop_us, 2),
    }))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
