"""What the engine does a second, and what hosting `step` costs, beside other engines doing the same.

    make bench-engine                      # BENCH_QUICK=1 stays under a minute: small, once, figures only indicative

Two jobs. `bare` is a recoverable count (streams/tools/tally.py), so that what is measured is fetch, decode, delta,
seal, commit and acknowledgement. The other is the real `step` on a county (benchmarks/partition.py): live, sealed,
opened and committed, 100,000 people in state, the mix of benchmarks/county.py. Each on a worker pinned to one core
over a preloaded journal, in a plain loop without Kafka, and on Quix Streams with its changelog
(benchmarks/peers/quix.py, which says its settings); the bare one also in an ordinary Faust table and in a consumer
that can recover nothing. Medians of several runs; CPU is that of the process. The last line is JSON.
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
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks import encoding
from benchmarks.bare import BODY_BYTES, KEY_BYTES, make_raw
from benchmarks.county import AGENCIES
from benchmarks.partition import CHUNK, Partition, feed
from benchmarks.peers import PYTHON as PEERS
from benchmarks.prepare import prepare
from benchmarks.recovery import worker_settings
from demo.partnership import PARTNERSHIP
from demo.settings import kafka
from demo.stack import PLATFORM, Stack
from schemas import codec
from streams.runtime.kafka import batch
from tests.chaos.fleet import Fleet
from topology import JOURNAL_PARTITIONS

QUICK = os.environ.get("BENCH_QUICK") == "1"
BARE = 60_000 if QUICK else 300_000  # events
FAUST = 5_000 if QUICK else 30_000
RECORDS = 3_000 if QUICK else 220_000  # 100,000 people
EVENTS = 3_000 if QUICK else 60_000
RUNS = 1 if QUICK else 3
KEYS = 5000
BEFORE = 2 * CHUNK  # events that are not measured
CORE = (os.cpu_count() or 1) - 1
TICKS_A_S = os.sysconf("SC_CLK_TCK")


class Rate(NamedTuple):
    """Events a second, and CPU µs an event."""

    eps: float
    cpu_us: float


def entries(number: int, seed: int = 1) -> list[tuple[bytes, bytes]]:
    """Key and journal entry; its last `BODY_BYTES` begin with the key."""
    rng = random.Random(seed)
    made = []
    for at in range(number):
        key = b"%0*d" % (KEY_BYTES, rng.randrange(KEYS))
        message = {"kind": "message", "received_at": at, "partnership": "bare", "origin": "events-police",
                   "body": key.ljust(BODY_BYTES, b".")}  # fmt: skip
        made.append((key, codec.encode("journal", message)))
    return made


def plain_loop(machine: Any, journal: list[bytes]) -> Rate:
    """The same step, no Kafka; the first chunks apart, as the worker's first commits are."""
    feed(machine, journal[:BEFORE])
    journal = journal[BEFORE:]
    began, cpu = time.perf_counter(), time.process_time()
    feed(machine, journal)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Rate(len(journal) / wall, 1e6 * cpu / len(journal))


def raw_loop(stack: Stack) -> float:
    """The floor: a plain consumer that counts in a dict and can recover nothing; events a second."""
    conf = {"group.id": "admin.raw", "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "queued.min.messages": 100_000, "fetch.queue.backoff.ms": 2}  # fmt: skip
    consumer = ck.Consumer(stack.kafka("admin") | conf)
    consumer.assign([ck.TopicPartition("journal", number, 0) for number in range(JOURNAL_PARTITIONS)])
    counts: dict[bytes, int] = {}
    seen, began = 0, 0.0
    while seen < BARE:
        for message in batch(consumer, 10_000, 5):
            began = began or time.perf_counter()
            key = message.value()[-BODY_BYTES:]
            counts[key] = counts.get(key, 0) + 1
            seen += 1
    consumer.close()
    return seen / (time.perf_counter() - began)


def fill(
    stack: Stack, topic: str, values: Iterable[tuple[bytes | None, bytes]], partition: int | None = None
) -> None:
    """Preload a topic: by key, one partition, or evenly."""
    producer = ck.Producer(stack.kafka("admin") | {"linger.ms": 20, "compression.type": "lz4", "log_level": 0})
    for number, (key, value) in enumerate(values):
        if partition is not None or key is None:
            at = number % JOURNAL_PARTITIONS if partition is None else partition
            producer.produce(topic, value, key, partition=at)
        else:
            producer.produce(topic, value, key)
        if number % 2000 == 0:
            producer.poll(0.01)
    if producer.flush(60):
        raise RuntimeError(f"{topic} not preloaded")


def create(stack: Stack, *topics: str) -> None:
    """Topics of the peers."""
    admin = AdminClient(stack.kafka("admin"))
    made = admin.create_topics([NewTopic(topic, JOURNAL_PARTITIONS, 1) for topic in topics])
    for future in made.values():
        future.result(30)


def worker(settings: Path, events: int, port: int, look_s: float) -> Rate:
    """One worker, pinned, from its first commit to the end of the journal.

    It is looked at every `look_s`: a look at its metrics costs it two milliseconds, which are not the engine's.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.runtime.worker", "--config", str(settings), "--metrics-port", str(port)],
        stderr=subprocess.DEVNULL,
    )
    os.sched_setaffinity(process.pid, {CORE})
    try:
        first, last = _watch(process, port, events, look_s)
    finally:
        process.terminate()
        process.wait(60)
    done = last[0] - first[0]
    return Rate(done / (last[1] - first[1]), 1e6 * (last[2] - first[2]) / done)


def _watch(
    process: subprocess.Popen[bytes], port: int, events: int, look_s: float
) -> tuple[tuple[float, float, float], ...]:
    first, end = None, time.monotonic() + 600
    while time.monotonic() < end:
        done = applied(port)
        now = (done, time.perf_counter(), _cpu(process.pid))
        if done and first is None:
            first = now
        if done >= events and first is not None:
            return first, now
        time.sleep(look_s)
    raise TimeoutError("the worker did not come to the end of the journal")


def applied(port: int) -> float:
    """Events the worker has applied, by its own metrics."""
    return metric(port, "sightline_events_total")


def metric(port: int, name: str) -> float:
    """Sum of a metric over its labels."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0.0
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + "{"))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_S


def peer(python: str | Path, module: str, settings: dict[str, Any]) -> Rate:
    """One run of a peer, pinned as the worker is."""
    process = subprocess.Popen(
        [str(python), "-m", f"benchmarks.peers.{module}", json.dumps(settings)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    os.sched_setaffinity(process.pid, {CORE})
    out, _ = process.communicate(timeout=900)
    if process.returncode or not out.strip():
        raise RuntimeError(f"{module} ended with {process.returncode}")
    return Rate(**json.loads(out.strip().splitlines()[-1]))


def bare(port: int) -> dict[str, float]:
    """One run of the bare count on every engine."""
    made = entries(BARE)
    loop = plain_loop(make_raw(0, None), [value for _, value in made])
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as folder:
        where = Path(folder)
        with Stack(where / "stack", ("police",), ("mash",), "northmere", parts={PLATFORM}) as stack:
            fill(stack, "journal", ((None, value) for _, value in made))
            create(stack, "bare-in", "bare-out")
            fill(stack, "bare-in", made)
            floor = raw_loop(stack)
            fleet = Fleet(stack, where / "fleet", ("police",), machine="make_raw")
            ours = worker(fleet.settings("worker"), BARE, port, 0.02)
            common = {"kafka": stack.kafka("admin"), "topic": "bare-in", "partitions": JOURNAL_PARTITIONS}
            quix = peer(PEERS, "quix", {**common, "job": "count", "group": "bare-quix", "outputs": "bare-out",
                                        "events": BARE})  # fmt: skip
            table = peer(sys.executable, "faust_table", {**common, "group": "bare-faust", "events": FAUST})
    return {
        "bare_eps": ours.eps, "bare_quix_eps": quix.eps, "bare_ratio_quix": ours.eps / quix.eps,
        "bare_faust_tables_eps": table.eps, "raw_consumer_eps": floor, "bare_loop_eps": loop.eps,
        "bare_cpu_us": ours.cpu_us, "bare_quix_cpu_us": quix.cpu_us, "bare_hosting_us": ours.cpu_us - loop.cpu_us,
    }  # fmt: skip


def whole(made: Partition, journal: list[bytes], port: int) -> dict[str, float]:
    """One run of the real step on every engine."""
    loop = _alone(made)
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as folder:
        where = Path(folder)
        with Stack(where / "stack", ("police",), ("mash",), "northmere", parts={PLATFORM}) as stack:
            fill(stack, "journal", ((None, value) for value in journal), partition=0)
            create(stack, "step-in", "step-out")
            fill(stack, "step-in", ((b"northmere", value) for value in journal), partition=0)
            settings = worker_settings(stack, made, str(made.snapshots))
            ours = worker(settings, len(journal), port, 0.5)
            quix = peer(PEERS, "quix", {"kafka": stack.kafka("admin"), "topic": "step-in", "outputs": "step-out",
                                        "job": "step", "group": "step-quix", "events": len(journal),
                                        "folder": str(made.folder)})  # fmt: skip
    return {
        "pipeline_eps": ours.eps, "plain_loop_eps": loop.eps, "hosting_us": ours.cpu_us - loop.cpu_us,
        "quix_eps": quix.eps, "ratio_quix": ours.eps / quix.eps, "pipeline_cpu_us": ours.cpu_us,
        "plain_loop_cpu_us": loop.cpu_us, "quix_cpu_us": quix.cpu_us,
    }  # fmt: skip


def end_to_end(made: Partition, journal: list[bytes], port: int) -> dict[str, float]:
    """From the agencies' topics to the readers': intake, worker and publisher beside each other on all cores."""
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as folder:
        where = Path(folder)
        with Stack(where / "stack", tuple(AGENCIES), ("mash",), PARTNERSHIP, parts={PLATFORM}) as stack:
            for topic, values in _by_topic(journal).items():
                fill(stack, topic, ((PARTNERSHIP.encode(), value) for value in values), partition=0)
            clock = {"wall_ms": int(time.time() * 1000), "start_ms": int(made.now.read_text()), "rate": 1.0}
            (where / "clock.json").write_text(json.dumps(clock))
            keys = {"keys": str(made.keys)}
            every: dict[str, dict[str, Any]] = {
                "worker": {**keys, "snapshots": str(made.snapshots)}, "publisher": keys,
                "intake": {"registers": {PARTNERSHIP: str(made.register)}, "clock": str(where / "clock.json")},
            }  # fmt: skip
            started = []
            try:
                for number, (name, more) in enumerate(every.items()):
                    settings = where / f"{name}.json"
                    settings.write_text(json.dumps({"kafka": kafka(stack, name), **more}))
                    started.append(subprocess.Popen(
                        [sys.executable, "-m", f"streams.runtime.{name}", "--config", str(settings),
                         "--metrics-port", str(port + number)], stderr=subprocess.DEVNULL,
                    ))  # fmt: skip
                return {"end_to_end_eps": _through(port, len(journal))}
            finally:
                for process in started:
                    process.terminate()
                for process in started:
                    process.wait(60)


def _by_topic(journal: list[bytes]) -> dict[str, list[bytes]]:
    """What bridges put on their topics, in order."""
    topics: dict[str, list[bytes]] = {}
    for entry in journal:
        _, message = codec.decode(entry, frozenset({"journal"}))
        topics.setdefault(message["origin"], []).append(message["body"])
    return topics


def _through(port: int, events: int) -> float:
    """Events a second, from the first applied until the last is published; the publisher's port is the next."""
    first, end = None, time.monotonic() + 600
    while time.monotonic() < end:
        done, now = applied(port), time.perf_counter()
        if done and first is None:
            first = (done, now)
        if first is not None and done >= events and metric(port + 1, "sightline_relay_backlog") == 0:
            return (done - first[0]) / (time.perf_counter() - first[1])
        time.sleep(0.05)
    raise TimeoutError("not everything was published")


def _alone(made: Partition) -> Rate:
    """The plain loop in a process of its own, so that this one stays small; pinned too."""
    code = (
        "import json, sys; from pathlib import Path; from benchmarks.engine import plain_loop;"
        "from benchmarks.partition import Partition; made = Partition(Path(sys.argv[1]));"
        "print(json.dumps(plain_loop(made.load(), made.following())._asdict()))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(made.folder)], stdout=subprocess.PIPE, text=True)
    os.sched_setaffinity(process.pid, {CORE})
    out, _ = process.communicate(timeout=900)
    return Rate(**json.loads(out))


def medians(run: Callable[[int], dict[str, float]]) -> dict[str, float]:
    """Each figure's median over the runs."""
    runs = [run(20_000 + (os.getpid() + 7 * number) % 20_000) for number in range(RUNS)]
    return {name: statistics.median(one[name] for one in runs) for name in runs[0]}


def main() -> int:
    """Measure and print."""
    figures = medians(bare)
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as folder:
        made = prepare(Path(folder) / "county", RECORDS, EVENTS)
        journal = made.following()
        figures |= medians(lambda port: whole(made, journal, port))
        figures |= medians(lambda port: end_to_end(made, journal, port))
    figures["encode_rps"] = encoding.rate(
        2000, lambda: encoding.Encoder(bytes(32), 1).identities(encoding.people(2000))
    )
    for name, value in figures.items():
        print(f"{name:24} {value:14,.2f}")
    sizes = {"bare_events": BARE, "events": EVENTS, "records": RECORDS, "runs": RUNS}
    print(json.dumps({name: round(value, 2) for name, value in figures.items()} | sizes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
