"""`sightline bridge run`: sources into the pipeline, its outbox to the platform, until told to stop.

Decides the order in which things become durable: rows, positions and messages in one transaction of the store; then
the messages to the broker; then the broker's offsets. A crash between any two repeats the later ones alone. The only
module of the bridge's pipeline with a loop, a clock and a signal.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, Protocol

from bridge import logs
from bridge.clock import PartnershipClock, wall_ms
from bridge.config import Config, DebeziumSource, FileSource
from bridge.keys import AgencyKeys
from bridge.mapping import load as load_mapping
from bridge.metrics import Metrics
from bridge.pipeline import Pipeline
from bridge.publish import Publisher, Sender, drain
from bridge.sources import Change
from bridge.sources.folder import FolderSource
from bridge.sources.kafka import Barrier, KafkaSource
from bridge.split import FindFactors
from bridge.store import Store

POLL_S: Final = 0.2  # longest wait for a silent source before the next has its turn
REFRESH_EVERY_S: Final = 0.25  # between two parts of what a new quarter changes: live rows come first
BACKFILL_BATCHES: Final = 8  # batches taken as one while a source sends its history
REPORT_EVERY_S: Final = 2.0
MINUTE_MS: Final = 60_000


class Source(Protocol):
    """What the loop needs of a source."""

    name: str

    def poll(self, count: int, timeout_s: float, *, live: bool) -> list[Change]:
        """Read what there is."""

    def commit(self) -> None:
        """What was read so far is delivered."""

    def lag(self) -> int:
        """Records not read yet."""

    def close(self) -> None:
        """Release it."""


class Runner:
    """One bridge.

    Args:
        config: Its settings.
        wall: Wall time, ms.

    Raises:
        ConfigError, MappingError, KeyFault: What it needs is missing or wrong.
    """

    def __init__(self, config: Config, wall: Callable[[], int] = wall_ms) -> None:
        self.config, self._wall = config, wall
        self._log = logs.get("bridge")
        self.metrics = Metrics(config.agency)
        self.pipeline = open_pipeline(config, wall=wall)
        self.sender = self._sender()
        self.sources: list[Source] = [self._source(source) for source in config.sources]
        self._stopping = False
        self._newest_ms: dict[str, int] = {}
        self._told: dict[str, str | None] = {}

    def stop(self) -> None:
        """Stop after the batch in hand."""
        self._stopping = True

    def run(self) -> None:
        """Until `stop`."""
        reported_s = refreshed_s = 0.0
        drain(self.pipeline.store, self.sender)  # what a crash left behind goes first
        while not self._stopping:
            for source in self.sources:
                self.turn(source)
            if time.monotonic() - refreshed_s > REFRESH_EVERY_S:
                refreshed_s = time.monotonic()
                self.pipeline.refresh()
            self._publish()
            if time.monotonic() - reported_s > REPORT_EVERY_S:
                reported_s = time.monotonic()
                self._report()
        self._report()

    def turn(self, source: Source) -> int:
        """One batch of one source, delivered.

        Returns:
            Changes read.
        """
        name = source.name
        if self.pipeline.still_paused(name) is not None:
            time.sleep(POLL_S)  # its changes wait at the source until an operator resumes it
            return 0
        live = self.pipeline.is_live(name)
        # a record's rows come from several tables: the larger the batch, the fewer records are sent in halves
        count = self.config.batch_max if live else self.config.batch_max * BACKFILL_BATCHES
        changes = source.poll(count, POLL_S, live=live)
        if not changes:
            return 0
        began_s = time.perf_counter()
        self.pipeline.feed(changes)
        self.metrics.encode.labels(self.config.agency).observe(time.perf_counter() - began_s)
        self._publish()
        if self.pipeline.paused(name) is not None:
            self._stop_reading(source)
            return len(changes)
        source.commit()
        self.metrics.lag.labels(self.config.agency, name).set(
            max(0, self._wall() - max(change.committed_at for change in changes)) / 1000
        )
        return len(changes)

    def close(self) -> None:
        """Release sources and store."""
        for source in self.sources:
            source.close()
        self.pipeline.store.close()

    def _publish(self) -> None:
        began_s = time.perf_counter()
        if drain(self.pipeline.store, self.sender):
            self.metrics.publish.labels(self.config.agency).observe(time.perf_counter() - began_s)

    def _stop_reading(self, source: Source) -> None:
        """Start the source again where the store stands: what was read beyond the pause was not taken."""
        source.close()
        place = self.sources.index(source)
        self.sources[place] = self._source(self.config.sources[place])

    def _sender(self) -> Sender:
        return Publisher(self.config.kafka.client())

    def _source(self, source: DebeziumSource | FileSource) -> Source:
        name = source.name
        if isinstance(source, FileSource):
            return FolderSource(source, self.pipeline.store, self._wall)
        snapshot = self.pipeline.epochs(name).open_snapshot
        waiting = snapshot is not None or not self.pipeline.is_live(name)
        barrier = Barrier(waiting=waiting, shown=snapshot is not None and snapshot.shown)
        client = source.kafka.client()
        client["group.id"] = source.kafka.group or source.kafka.username or f"bridge-{self.config.agency}"
        return KafkaSource(name, source.prefix, client, self.pipeline.offsets(name), barrier, self._wall)

    def _report(self) -> None:
        agency = self.config.agency
        self.metrics.count(self.pipeline.counts)
        self.metrics.kept.labels(agency).set(self.pipeline.store.count_quarantined())
        for source in self.sources:
            reason = self.pipeline.paused(source.name)
            self.metrics.paused.labels(agency, source.name).set(reason is not None)
            self.metrics.live.labels(agency, source.name).set(self.pipeline.is_live(source.name))
            self.metrics.backlog.labels(agency, source.name).set(source.lag())
            if reason != self._told.get(source.name):
                self._told[source.name] = reason
                event = "source resumed" if reason is None else "source paused: see `sightline bridge quarantine`"
                self._log.warning(event, extra={"agency": agency, "source": source.name, "reason": reason})


def open_pipeline(config: Config, *, wall: Callable[[], int] = wall_ms) -> Pipeline:
    """The pipeline that a configuration describes, with its store.

    Raises:
        MappingError, KeyFault, ConfigError, LexiconFault: What it needs is missing or wrong.
    """
    mapping = load_mapping(config.mapping)
    folders = config.keys if isinstance(config.keys, dict) else {config.partnership: config.keys}
    keys = {name: AgencyKeys.load(folder) for name, folder in folders.items()}
    agency_key = keys[config.partnership].agency_key
    store = Store(config.store, agency_key, first_epoch=wall() // MINUTE_MS)
    now = PartnershipClock(config.clock) if config.clock is not None else wall
    return Pipeline(
        mapping, keys, store, now=now, wall=wall, find=finder(config), profile=config.profile, outbox=True
    )


def finder(config: Config) -> FindFactors | None:
    """Finds factors in text, where the agency's enrichment is approved.

    Raises:
        LexiconFault: Its lexicon cannot be used.
    """
    if not config.enrichment:
        return None
    # loads a language library: seconds that a bridge without enrichment does not pay
    from bridge import text  # noqa: PLC0415

    lexicon = text.load(config.lexicon) if config.lexicon is not None else text.standard()
    return lambda note: text.factors(note, lexicon)


@contextmanager
def alone(store: Path) -> Iterator[None]:
    """Hold the store for one process: two bridges on one would send everything twice.

    Raises:
        BlockingIOError: Another bridge runs on this store.
    """
    file = os.open(f"{store}.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(file)


def run(config: Config, metrics_port: int) -> int:
    """Run until SIGTERM or SIGINT.

    Args:
        config: Settings.
        metrics_port: 0 = off.

    Returns:
        Exit status: 0 after a clean stop, 5 where another bridge holds the store.
    """
    logs.setup()
    log = logs.get("bridge")
    try:
        with alone(config.store):
            runner = Runner(config)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, _stopper(runner))
            runner.metrics.serve(metrics_port)
            log.info("bridge runs", extra={"agency": config.agency, "port": metrics_port})
            try:
                runner.run()
            finally:
                runner.close()
    except BlockingIOError:
        log.error("another bridge runs on this store", extra={"agency": config.agency})
        return 5
    log.info("bridge stopped", extra={"agency": config.agency})
    return 0


def _stopper(runner: Runner) -> Callable[[int, FrameType | None], None]:
    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        runner.stop()

    return stop
