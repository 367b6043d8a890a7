"""A recoverable count in an ordinary Faust table, for comparison: run by benchmarks/engine.py.

    python -m benchmarks.peers.faust_table '{"topic": ..., "events": ...}'

Memory store, uvloop, at least once: the fastest of Faust's own ways that can recover (ENGINE.md measured them all).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from typing import Any

import faust
import uvloop


def main(settings: dict[str, Any]) -> None:
    """Count a preloaded topic and print the rate."""
    uvloop.install()
    kafka = settings["kafka"]
    began: list[float] = []
    done = [0]
    with tempfile.TemporaryDirectory(prefix="sightline-faust-") as folder:
        app = faust.App(
            settings["group"], broker=f"kafka://{kafka['bootstrap.servers']}", store="memory://", datadir=folder,
            broker_credentials=faust.SASLCredentials(
                username=kafka["sasl.username"], password=kafka["sasl.password"], mechanism="SCRAM-SHA-256"
            ),
            web_enabled=False, topic_partitions=settings["partitions"], topic_disable_leader=True,
            consumer_auto_offset_reset="earliest", key_serializer="raw", value_serializer="raw",
        )  # fmt: skip
        source = app.topic(settings["topic"], key_type=bytes, value_type=bytes)
        counts = app.Table(
            settings["topic"] + "-counts", default=int, key_type=bytes, partitions=settings["partitions"]
        )

        @app.agent(source)
        async def count(stream: Any) -> None:
            async for key, _ in stream.items():
                if not began:
                    began.extend((time.perf_counter(), time.process_time()))
                counts[key] += 1
                done[0] += 1
                if done[0] == settings["events"]:
                    wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
                    figures = {"eps": done[0] / wall, "cpu_us": 1e6 * cpu / done[0]}
                    sys.stdout.write(json.dumps(figures) + "\n")
                    sys.stdout.flush()
                    os._exit(0)  # an agent that stops its own app waits for itself

        faust.Worker(app, loglevel="ERROR", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
