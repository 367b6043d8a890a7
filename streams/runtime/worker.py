"""The worker: a Faust app over the chunk transport, built from the map.

Decides how the parts of one process are put together and how it ends. The protocol is streams/runtime/lane.py.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import shutil
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import faust
import uvloop
from faust.transport import drivers

import topology
from schemas.crypto import NONCE_BYTES, Aead
from streams.agents.partnership import partnership
from streams.runtime import faults, kafka, logs, metrics, settings, snapshots
from streams.runtime.commit_log import KafkaCommits
from streams.runtime.commits import Damaged
from streams.runtime.exits import Exit, leave
from streams.runtime.inbox import Inbox
from streams.runtime.lane import Lane, Machine, Setting, Taken, UnknownOutcome, Unloadable
from streams.runtime.modelled import Modelled
from streams.runtime.positions import Positions
from streams.runtime.program import launch
from streams.runtime.transport import ChunkTopic
from streams.runtime.watchdog import Watchdog
from streams.state import Enough, Outcome, never

REWINDS_MAX: Final = 50  # without progress; the journal then lacks what the state needs
BUFFER_CHUNKS: Final = 16  # Faust counts chunks here
STEP_MAX_S: Final = 2.0  # a tick of a large go-live takes .1 s, and a chunk may hold a thousand
_log = logs.get("worker")

# a checkout that is not installed has no entry points; installed, this changes nothing
drivers.TRANSPORTS.aliases.setdefault("sightline", "streams.runtime.transport:Transport")


class App(faust.App):
    """A Faust app that knows its positions; the transport asks for them."""

    positions: Positions


class Timed:
    """A machine whose steps are measured, and end before anybody takes the process for stuck."""

    def __init__(self, machine: Machine) -> None:
        self.load, self.digest = machine.load, machine.digest
        self._ready, self._step = machine.ready, machine.step
        self._modelled = Modelled(machine)

    def ready(self) -> None:
        """See Machine."""
        self._ready()
        self._modelled.show()

    def step(self, entries: Sequence[bytes], enough: Enough = never) -> Outcome:
        """See Machine."""
        began = time.perf_counter()
        outcome = self._step(entries, lambda: enough() or time.perf_counter() - began >= STEP_MAX_S)
        metrics.STEP_SECONDS.observe(time.perf_counter() - began)
        self._modelled.show()
        return outcome


class Host:
    """Takes chunks for the agent; nothing escapes it but the end of the process."""

    def __init__(self, app: App, chunk_max: int) -> None:
        self._app, self._chunk_max = app, chunk_max
        self._rewinds: Counter[int] = Counter()
        self._inboxes: dict[Any, Inbox[Any]] = {}

    async def handle(self, tp: Any, records: list[Any]) -> int:
        """One chunk of raw records, to be applied when those before it are.

        Returns:
            How many.
        """
        inbox = self._inboxes.get(tp)
        if inbox is None:
            inbox = self._inboxes[tp] = Inbox(partial(self._apply, tp), self._chunk_max)
        await inbox.put(records)
        return len(records)

    async def forget(self, *_: object, **__: object) -> None:
        """Partitions are being taken away: what waits is read again by whoever has them next."""
        for inbox in self._inboxes.values():
            inbox.clear()
        for gauge in (metrics.PENDING, metrics.HOLIDAYS, metrics.BEHIND):
            gauge.clear()  # who has the partnership next says how it stands; what stays here says so with a tick

    async def _apply(self, tp: Any, records: list[Any]) -> None:
        try:
            await self._handle(tp, records)
        except UnknownOutcome as error:
            leave(Exit.UNKNOWN_OUTCOME, error=error)
        except Damaged as error:
            leave(Exit.CHAIN, error.reason)
        except (Unloadable, kafka.BrokerError) as error:
            leave(Exit.LOAD, str(error))
        except Exception as error:
            leave(Exit.BUG, error=error)

    async def reload(self, *_: object, **__: object) -> None:
        """A rebalance is over: load what is ours, before the streams go on."""
        try:
            await self._app.positions.assigned(self._app.consumer.assignment())
        except Damaged as error:
            leave(Exit.CHAIN, error.reason)
        except (Unloadable, kafka.BrokerError) as error:
            leave(Exit.LOAD, str(error))
        except Exception as error:
            leave(Exit.BUG, error=error)

    async def _handle(self, tp: Any, records: list[Any]) -> None:
        first, last = records[0].offset, records[-1].offset
        if last - first + 1 != len(records):
            leave(Exit.NOT_CONTIGUOUS)
        taken, outcomes, next_ = await self._app.positions.take(tp, first, [record.value for record in records])
        if taken is Taken.BEHIND:
            await self._rewind(tp, next_, first)
            return
        self._rewinds.pop(tp.partition, None)
        _measure(outcomes)
        label = str(tp.partition)
        metrics.LAG_SECONDS.labels(tp.topic, label).set(max(0.0, time.time() - records[-1].timestamp / 1000))
        metrics.LAG.labels(tp.topic, label).set(max(0, (self._app.consumer.highwater(tp) or next_) - next_))

    async def _rewind(self, tp: Any, next_: int, got: int) -> None:
        self._inboxes[tp].clear()  # what waits follows the same hole
        self._rewinds[tp.partition] += 1
        metrics.SKIPS.labels("agent").inc()
        _log.warning("behind", extra={"partition": tp.partition, "expected": next_, "got": got})
        if self._rewinds[tp.partition] > REWINDS_MAX:
            leave(Exit.HOLE)
        await self._app.consumer.rewind({tp: next_})


def _measure(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        for (agency, what), number in outcome.counts.items():
            metrics.EVENTS.labels("step", agency, what).inc(number)
        for (partnership_, agency, what), value in outcome.gauges.items():
            if what == "behind_s":
                metrics.BEHIND.labels(partnership_, agency).set(value)
                metrics.EVENTS.labels("step", agency, "unread")  # a series that begins at 1 shows no increase
            elif what == "pending":
                metrics.PENDING.labels(partnership_).set(value)
            else:
                metrics.HOLIDAYS.labels(partnership_).set(value)


def _seen(what: str, partition: int, number: int) -> None:
    label = str(partition)
    if what == "committed":
        metrics.COMMITS.labels(label).inc(number)
    elif what == "fenced":
        metrics.FENCED.labels(label).inc()
        _log.warning("fenced", extra={"partition": partition})
    elif what == "rejected" and number:
        metrics.REJECTED.labels(label).inc(number)
        _log.warning("commits refused by the chain rule", extra={"partition": partition, "rejected": number})
    elif what == "folded":
        _log.info("folded", extra={"partition": partition, "end": number})
    elif what.startswith("snapshot"):
        _log.warning(what.replace("_", " "), extra={"partition": partition, "end": number})


async def _aside(work: Callable[[], None]) -> None:
    """Fold, without the collector: it would walk millions of rows that all stay, then and ever after."""
    began = time.perf_counter()
    gc.disable()
    try:
        await asyncio.get_running_loop().run_in_executor(None, work)
    finally:
        gc.enable()
        gc.freeze()
    metrics.FOLD_SECONDS.observe(time.perf_counter() - began)


def build(config: settings.Worker, keyring: Any, log: KafkaCommits, datadir: str) -> App:
    """The Faust app of a worker; starts nothing.

    Args:
        config: Its settings.
        keyring: The platform's keys.
        log: The commits topic.
        datadir: A folder that Faust may litter.
    """
    make_machine = settings.plugin(config.machine)
    cipher = Aead(keyring.state_key)
    setting = Setting(
        log=log, snapshots=snapshots.open_store(config.snapshots, cipher),
        make=lambda partition: Timed(make_machine(partition, keyring)),
        cipher=cipher, writer=f"{socket.gethostname()}-{os.getpid()}", nonce=lambda: os.urandom(NONCE_BYTES),
        aside=_aside, behaviour=config.behaviour, reach=faults.reach, seen=_seen,
    )  # fmt: skip
    app = App(
        config.group, broker=f"sightline://{config.kafka.bootstrap}", broker_credentials=_credentials(config),
        web_enabled=False, topic_allow_declare=False, topic_disable_leader=True, autodiscover=False,
        consumer_auto_offset_reset="earliest", broker_max_poll_records=config.chunk_max,
        consumer_group_instance_id=config.instance or None, consumer_max_fetch_size=kafka.FETCH_BYTES,
        stream_buffer_maxsize=BUFFER_CHUNKS, stream_wait_empty=False, table_standby_replicas=0,
        broker_session_timeout=config.session_timeout_s, broker_heartbeat_interval=config.session_timeout_s / 6,
        broker_request_timeout=max(40.0, config.session_timeout_s + 10), key_serializer="raw",
        value_serializer="raw", datadir=datadir, worker_redirect_stdouts=False, reply_create_topic=False,
    )  # fmt: skip
    app.positions = Positions(lambda partition: Lane(partition, setting), _aside)
    app.conf.Topic = ChunkTopic
    host = Host(app, config.chunk_max)
    app.agent(app.topic(topology.JOURNAL.name, key_type=bytes, value_type=bytes), name="partnership")(
        partnership(host.handle)
    )
    app.on_partitions_revoked.connect(host.forget)
    app.on_rebalance_complete.connect(host.reload)
    return app


def _credentials(config: settings.Worker) -> Any:
    if not config.kafka.username:
        return None
    return faust.SASLCredentials(
        mechanism=kafka.MECHANISM, username=config.kafka.username, password=config.kafka.password(),
        ssl_context=config.kafka.ssl_context(),
    )  # fmt: skip


def run(config: settings.Worker, metrics_port: int) -> int:
    """Run a worker until SIGTERM.

    Returns:
        Exit code, 0 for a clean stop.
    """
    keyring = settings.plugin(config.keyring)(Path(config.keys))
    metrics.serve(metrics_port)
    metrics.EVENTS.labels("step", "", "control_refused")
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # for the consumer's thread too
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    log = KafkaCommits(config.kafka, config.group)
    log.open(loop)
    datadir = tempfile.mkdtemp(prefix="sightline-worker-")
    try:
        app = build(config, keyring, log, datadir)
        worker = faust.Worker(
            app, loop=loop, quiet=True, override_logging=False, redirect_stdouts=False, loglevel="WARN"
        )
        worker.spinner = None
        Watchdog(loop, config.session_timeout_s).start()
        worker.execute_from_commandline()
    except SystemExit as stop:
        return int(stop.code or 0)
    else:
        return 0
    finally:
        shutil.rmtree(datadir, ignore_errors=True)


def main(argv: list[str]) -> int:
    """`sightline worker`."""
    parser = argparse.ArgumentParser(prog="sightline worker", description="Runs the partnership agent.")
    return launch(
        argv, parser, lambda args: run(settings.load(args.config, settings.Worker), args.metrics_port), _log
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
