"""`sightline whatif --follow`: runs drafted rules over the history, for who is asked to sign them second.

Decides how much a draft may cost (one at a time, in a process of its own with a limit on time and memory, so many an
hour) and that each gets an answer, a reason where it cannot be run. What is run is `sightline whatif`; only what
`preview.py` lets through leaves. Nothing is kept here: an answer is known by its draft, and one given twice is the
same.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import confluent_kafka as ck

import topology
from schemas import codec, preview
from schemas.preview import Draft
from streams.runtime import kafka, logs, metrics, settings, signals
from streams.runtime.program import launch
from streams.tools.preview import Answer, judge, unavailable

DRAFT_PARTITION: Final = 0
WAIT_S: Final = 0.5
LOOK_S: Final = 0.1  # how often a run that goes on is looked after
HOUR_S: Final = 3600.0
CACHED: Final = 64
SENT_WITHIN_S: Final = 30.0
MB: Final = 1024 * 1024
_log = logs.get("previewer")

Run = Callable[[Draft, threading.Event], Answer | None]
"""Runs one draft; None where it was told to stop before there was an answer."""


class Allowance:
    """So many runs an hour, and what was answered in this hour to the same draft.

    Args:
        run: Runs one.
        an_hour: How many.
        clock: Monotonic seconds.
    """

    def __init__(self, run: Run, an_hour: int, clock: Callable[[], float]) -> None:
        self._run, self._most, self._clock = run, an_hour, clock
        self._begun: deque[float] = deque()
        self._known: OrderedDict[tuple[Any, ...], tuple[float, Answer]] = OrderedDict()

    def answer(self, draft: Draft, stop: threading.Event) -> Answer | None:
        """The answer to a draft: one of this hour to the same body on the same rules, or a new run."""
        now = self._clock()
        key = (draft["partnership"], draft["name"], draft["base_version"], draft["effective_at"],
               preview.digest(draft["body"]))  # fmt: skip
        if key in self._known and now - self._known[key][0] < HOUR_S:
            return self._known[key][1]
        while self._begun and now - self._begun[0] >= HOUR_S:
            self._begun.popleft()
        if len(self._begun) >= self._most:
            return unavailable(f"{self._most} drafts were run in the last hour, and no more are: ask again later")
        self._begun.append(now)
        found = self._run(draft, stop)
        if found is not None and found.outcome != "unavailable":
            self._known[key] = (now, found)
            while len(self._known) > CACHED:
                self._known.popitem(last=False)
        return found


class Child:
    """Runs a draft in a process of its own: whatever it takes, it ends, and this one goes on.

    Args:
        config: Settings.
        target: Given a pipe, the settings and a draft, sends the answer.
    """

    def __init__(self, config: settings.Previewer, target: Callable[..., None] | None = None) -> None:
        self._config, self._target = config, target or work

    def __call__(self, draft: Draft, stop: threading.Event) -> Answer | None:
        """See `Run`."""
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe(duplex=False)
        child = context.Process(target=self._target, args=(there, self._config, draft), daemon=True)
        began = time.monotonic()
        child.start()
        there.close()
        try:
            while not here.poll(LOOK_S):
                if stop.is_set():
                    return None
                if time.monotonic() - began > self._config.limit_s:
                    return unavailable(f"it took longer than {self._config.limit_s:.0f} s")
            found: Answer = here.recv()
        except EOFError:  # it ended without a word: killed, or out of memory where nothing could be said
            return unavailable(f"it ended before there was an answer; it may take {self._config.memory_mb} MB")
        finally:
            child.kill()
            child.join()
            here.close()
            metrics.PREVIEW_SECONDS.set(time.monotonic() - began)
        return found


def work(pipe: Connection, config: settings.Previewer, draft: Draft) -> None:
    """Judge one draft and say so; the process's whole life."""
    limit = config.memory_mb * MB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        found = judge(config, draft)
    except MemoryError:
        found = unavailable(f"it took more than {config.memory_mb} MB")
    pipe.send(found)


class Previewer:
    """Reads drafts, answers each, then remembers how far it came."""

    def __init__(self, config: settings.Previewer, run: Run) -> None:
        self._config = config
        self._allowance = Allowance(run, config.an_hour, time.monotonic)
        self._reader = kafka.reader(config.kafka, config.group)
        self._producer = kafka.producer(config.kafka)

    def open(self) -> None:
        """Go on where the last answer was given.

        Raises:
            kafka.BrokerError: The broker did not answer.
        """
        low, _ = kafka.bounds(self._reader, topology.DRAFTS.name, DRAFT_PARTITION)
        place = ck.TopicPartition(topology.DRAFTS.name, DRAFT_PARTITION)
        (kept,) = self._reader.committed([place], timeout=kafka.READ_TIMEOUT_S)
        self._reader.assign([ck.TopicPartition(topology.DRAFTS.name, DRAFT_PARTITION, max(low, kept.offset))])

    def turn(self, stop: threading.Event) -> None:
        """Answer the next draft, if there is one.

        Raises:
            kafka.BrokerError: The broker refused, or an answer was not taken.
        """
        for message in kafka.batch(self._reader, 1, WAIT_S):
            if message.error():
                if not message.error().retriable():
                    raise kafka.BrokerError(f"{topology.DRAFTS.name}: {message.error().name()}")
                continue
            if self._take(message.value() or b"", stop):
                self._reader.commit(message=message, asynchronous=False)

    def close(self) -> None:
        """Leave."""
        self._reader.close()

    def _take(self, value: bytes, stop: threading.Event) -> bool:
        """Whether it was answered; a draft that was stopped at is run again after the next start."""
        try:
            _, message = codec.decode(value, frozenset(topology.DRAFTS.schemas))
        except codec.Rejected as rejected:
            _log.error("draft cannot be read", extra={"reason": rejected.reason})
            return True
        draft: Draft = message  # type: ignore[assignment]  # decoded by its schema
        found = self._allowance.answer(draft, stop)
        if found is None:
            return False
        self._send(draft, found)
        metrics.PREVIEWS.labels(found.outcome).inc()
        _log.info("answered", extra={"outcome": found.outcome})
        return True

    def _send(self, draft: Draft, found: Answer) -> None:
        value = codec.encode("preview", {
            "draft_id": draft["draft_id"], "partnership": draft["partnership"],
            "digest": preview.digest(draft["body"]), **found._asdict(),
        })  # fmt: skip
        failed: list[str] = []

        def reported(error: ck.KafkaError | None, _: ck.Message) -> None:
            if error is not None:
                failed.append(error.name())

        self._producer.produce(topology.PREVIEWS.name, value, draft["draft_id"].encode(), on_delivery=reported)
        if self._producer.flush(SENT_WITHIN_S) or failed:
            raise kafka.BrokerError(f"{topology.PREVIEWS.name}: not taken: {failed[0] if failed else 'no answer'}")


def run(config: settings.Previewer, metrics_port: int) -> int:
    """Run until SIGTERM.

    Returns:
        Exit code, 0 for a clean stop.
    """
    metrics.serve(metrics_port)
    settings.plugin(config.keyring)(Path(config.keys))  # a key that is missing is said now, not at the first draft
    stop = signals.stop_event()
    previewer = Previewer(config, Child(config))
    previewer.open()
    _log.info("ready")
    while not stop.is_set():
        previewer.turn(stop)
    previewer.close()
    return 0


def main(argv: list[str]) -> int:
    """`sightline whatif --follow`."""
    parser = argparse.ArgumentParser(prog="sightline whatif --follow", description="Answers the drafts of desks.")
    return launch(
        argv, parser, lambda args: run(settings.load(args.config, settings.Previewer), args.metrics_port), _log
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
