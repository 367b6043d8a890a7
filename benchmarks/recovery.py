"""How long a worker takes from its start to its first new commit, over a partition of a million records.

    python -m benchmarks.recovery          # BENCH_QUICK=1 stays under a minute, with 10,000 records

Everything is real: the broker, the commits of the whole history, a snapshot as the snapshotter writes it, a tail of
commits after it, and a worker with its imports, connections and group join. `recovery_s` is with the snapshot,
`cold_s` without: the fold of every commit from the beginning. The last line is JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from itertools import repeat
from pathlib import Path

import confluent_kafka as ck

from benchmarks.partition import Partition
from benchmarks.prepare import prepare
from demo.settings import kafka
from demo.stack import PLATFORM, Stack
from schemas.crypto import NONCE_BYTES, Aead
from streams.runtime import commits
from streams.runtime.commits import Body, Chain, Place
from streams.state import Outcome
from streams.step import BEHAVIOUR
from topology import COMMIT_TOPIC_MAX_BYTES

QUICK = os.environ.get("BENCH_QUICK") == "1"
RECORDS = 10_000 if QUICK else 1_000_000
TAIL = 5_000 if QUICK else 100_000  # messages after the snapshot
WAIT_S = 600


class Writer:
    """Writes the chain as a worker would have."""

    def __init__(self, stack: Stack) -> None:
        self.chain = Chain(0)
        self._producer = ck.Producer(
            stack.kafka("worker") | {"enable.idempotence": True, "message.max.bytes": COMMIT_TOPIC_MAX_BYTES}
        )

    def __call__(self, cipher: Aead, entries: int, outcome: Outcome) -> Place:
        """Append one chunk; see Committed."""
        place = self.chain.place
        body = Body(outcome.delta, outcome.outbox)
        made = commits.make(
            cipher, 0, place, place.next + entries, body, "bench", BEHAVIOUR, lambda: os.urandom(NONCE_BYTES)
        )
        for number, record in enumerate(made):
            self._producer.produce("commits", commits.frame(record), partition=0)
            self.chain.offer(place.end + number, record)
        self._producer.flush(60)
        return self.chain.place


def journal(stack: Stack, values: Iterable[bytes]) -> None:
    """Append to the journal."""
    producer = ck.Producer(stack.kafka("intake") | {"linger.ms": 50, "compression.type": "lz4"})
    for number, value in enumerate(values):
        producer.produce("journal", value, partition=0)
        if number % 10_000 == 0:
            producer.poll(0.1)
    if producer.flush(120):
        raise RuntimeError("journal not filled")


def first_commit(stack: Stack, settings: Path) -> float:
    """Start a worker; seconds until the next commit is in the log."""
    consumer = ck.Consumer(stack.kafka("admin") | {"group.id": "admin.bench", "enable.auto.commit": False})
    commit = ck.TopicPartition("commits", 0)
    _, end = consumer.get_watermark_offsets(commit, timeout=30)
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.runtime.worker", "--config", str(settings)], stderr=subprocess.DEVNULL
    )
    try:
        while time.monotonic() < began + WAIT_S and process.poll() is None:
            if consumer.get_watermark_offsets(commit, timeout=30)[1] > end:
                return time.monotonic() - began
            time.sleep(0.02)
        raise TimeoutError(f"no commit within {WAIT_S} s; the worker's exit code is {process.poll()}")
    finally:
        process.terminate()
        process.wait(60)
        consumer.close()


def worker_settings(stack: Stack, made: Partition, snapshots: str) -> Path:
    """Settings of a worker."""
    file = made.folder / "worker.json"
    file.write_text(json.dumps({"kafka": kafka(stack, "worker"), "keys": str(made.keys), "snapshots": snapshots}))
    return file


def main() -> int:
    """Measure and print."""
    figures: dict[str, float] = {"records": RECORDS, "tail": TAIL}
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as folder:
        where = Path(folder)
        with Stack(where / "stack", ("police",), ("mash",), "northmere", parts={PLATFORM}) as stack:
            writer = Writer(stack)
            made = prepare(where / "county", RECORDS, 2, writer, TAIL)
            following = made.following()
            # what the state has seen is gone from a journal by then: only its offsets matter
            journal(stack, repeat(b"\0", writer.chain.place.next))
            for name, snapshots in (("recovery_s", str(made.snapshots)), ("cold_s", "")):
                journal(stack, [following.pop(0)])
                figures[name] = round(first_commit(stack, worker_settings(stack, made, snapshots)), 2)
                print(f"{name:12} {figures[name]:8.2f} s", flush=True)
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
