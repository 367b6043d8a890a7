"""The same jobs on Quix Streams, with its changelog: run by benchmarks/engine.py in the peers' own environment.

    python -m benchmarks.peers.quix '{"job": "count", ...}'

Settings are its documented best for throughput: at least once, a checkpoint every 5 s, state as bytes. `count` keeps
a number a key and puts every tenth on a topic, as streams/tools/tally.py does. `step` runs the platform's own step on
one message at a time, with the state loaded from the same snapshot; every changed row goes to Quix's state (and so to
its changelog) and every output to a topic. It is given rows and outputs before they are packed into a commit, so that
it packs each once, as the worker does.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from quixstreams import Application, State  # type: ignore[import-not-found]
from quixstreams.kafka.configuration import ConnectionConfig  # type: ignore[import-not-found]

EVERY = 10


def counting() -> Callable[[bytes, State], Iterator[bytes]]:
    """A recoverable count."""

    def count(value: bytes, state: State) -> Iterator[bytes]:
        number = state.get("n", 0) + 1
        state.set("n", number)
        if number % EVERY == 0:
            yield value

    return count


def stepping(folder: Path) -> Callable[[bytes, State], Iterator[bytes]]:
    """The platform's step."""
    from benchmarks.partition import Partition  # noqa: PLC0415  (the bare count needs nothing of ours)
    from streams.step import apply  # noqa: PLC0415

    machine = Partition(folder).load()

    def step(value: bytes, state: State) -> Iterator[bytes]:
        changes, outbox, _ = apply(machine, [value])
        for _, table, key, row in changes:
            name = f"{table}/{key.hex() if isinstance(key, bytes) else key}"
            if row is None:
                state.delete(name)
            else:
                state.set_bytes(name, bytes(row))
        for out in outbox:
            yield out.body

    return step


def main(settings: dict[str, Any]) -> None:
    """Run one job over a preloaded topic and print its rate."""
    made = stepping(Path(settings["folder"])) if settings["job"] == "step" else counting()
    began: list[float] = []
    left = [settings["events"]]

    def job(value: bytes, state: State) -> list[bytes]:
        if not began:
            began.extend((time.perf_counter(), time.process_time()))
        return list(made(value, state))

    def processed(topic: str, partition: int, offset: int) -> None:
        del topic, partition, offset
        left[0] -= 1
        if not left[0]:
            app.stop()  # with a last checkpoint

    with tempfile.TemporaryDirectory(prefix="sightline-quix-") as folder:
        app = Application(
            broker_address=ConnectionConfig.from_librdkafka_dict(settings["kafka"]), state_dir=folder,
            consumer_group=settings["group"], auto_offset_reset="earliest", loglevel="ERROR",
            producer_extra_config={"linger.ms": 20, "compression.type": "lz4"},
            consumer_extra_config={"queued.min.messages": 100_000, "fetch.queue.backoff.ms": 2},
            on_message_processed=processed,
        )  # fmt: skip
        source = app.topic(settings["topic"], key_deserializer="bytes", value_deserializer="bytes")
        outputs = app.topic(settings["outputs"], key_serializer="bytes", value_serializer="bytes")
        frame = app.dataframe(source)
        frame.apply(job, stateful=True, expand=True).to_topic(outputs)
        app.run()
    wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
    print(json.dumps({"eps": settings["events"] / wall, "cpu_us": 1e6 * cpu / settings["events"]}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
