"""The snapshotter: folds `commits` as a third party, verifies every record, and writes dated states.

Decides when a snapshot is written and which are kept. It is a standby of the state and a continuous verifier at
once: it holds rows packed, so it needs no version of behaviour, and a record that is damaged or out of the chain
stops it before it can reach a snapshot.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Final

import confluent_kafka as ck

import topology
from schemas.crypto import NONCE_BYTES, Aead
from streams.runtime import commits, faults, kafka, logs, metrics, settings, signals
from streams.runtime.clock import wall_ms
from streams.runtime.commits import Chain, Damaged
from streams.runtime.exits import Exit, leave
from streams.runtime.program import launch
from streams.runtime.snapshots import Manifest, Store
from streams.state import RawState

WAIT_MAX_S: Final = 0.5
BATCH_MAX: Final = 1000  # records folded between two looks at what is due
_log = logs.get("snapshotter")


class Fold:
    """One partition's rows and place, as read from `commits`."""

    def __init__(self, partition: int, store: Store, cipher: Aead) -> None:
        self.partition = partition
        self.state = RawState()
        self.chain = Chain(partition)
        self.newest: Manifest | None = None
        self.records = 0  # since the last snapshot
        self._store, self._cipher = store, cipher

    def recover(self, low: int, high: int) -> None:
        """Begin at the newest snapshot that opens and gives the digest it promised.

        Raises:
            kafka.BrokerError: None does, and the beginning of the log is gone.
        """
        manifests = self._store.manifests(self.partition)
        self.newest = manifests[0] if manifests else None
        for manifest in manifests:
            if low <= manifest.end <= high and self._load(manifest):
                return
            _log.error("snapshot unusable", extra={"partition": self.partition, "sequence": manifest.sequence})
        if low > 0:
            raise kafka.BrokerError(f"commits/{self.partition} begins at {low} and no snapshot reaches it")

    def take(self, offset: int, value: bytes) -> None:
        """Fold one record.

        Raises:
            Damaged: It is damaged, or the log has a hole.
        """
        accepted = self.chain.offer(offset, commits.parse(value))
        if accepted:
            self.state.apply(commits.open_set(self._cipher, accepted).delta)
            self.records += len(accepted)

    def write(self) -> Manifest:
        """Write a snapshot of what is folded."""
        place, before = self.chain.place, self.newest
        self.newest = self._store.write(
            Manifest(
                partition=self.partition, sequence=before.sequence + 1 if before else 1, next=place.next,
                hash=place.hash.hex(), end=place.end, tip=place.tip, rows=len(self.state.rows), frames=0,
                digest=self.state.digest().hex(), made_at=wall_ms(), before=before.this if before else "",
            ),
            self.state.changes(), lambda: os.urandom(NONCE_BYTES), faults.reach,
        )  # fmt: skip
        self.records = 0
        return self.newest

    def prune(self, keep: int) -> None:
        """Drop all but the newest, and whatever is older than any log may be."""
        oldest = wall_ms() - topology.RETENTION_S * 1000
        for number, manifest in enumerate(self._store.manifests(self.partition)):
            if number and (number >= keep or manifest.made_at < oldest):
                self._store.drop(manifest)

    def _load(self, manifest: Manifest) -> bool:
        state = RawState()
        try:
            for changes in self._store.frames(manifest):
                state.apply(changes)
        except Damaged:
            return False
        if state.digest().hex() != manifest.digest:
            return False
        self.state, self.chain = state, Chain(self.partition, manifest.place())
        return True


class Snapshotter:
    """All partitions of `commits`, folded in one loop."""

    def __init__(self, config: settings.Snapshotter, cipher: Aead) -> None:
        self._config = config
        store = Store(config.snapshots, cipher)
        self._folds = {number: Fold(number, store, cipher) for number in range(topology.JOURNAL_PARTITIONS)}
        self._written_at = dict.fromkeys(self._folds, time.monotonic())
        self._reader = kafka.reader(config.kafka, config.group)

    def open(self) -> None:
        """Recover every partition and read on.

        Raises:
            kafka.BrokerError: The broker did not answer, or state cannot be recovered.
        """
        places = []
        for partition, fold in self._folds.items():
            fold.recover(*kafka.bounds(self._reader, topology.COMMITS.name, partition))
            places.append(ck.TopicPartition(topology.COMMITS.name, partition, fold.chain.place.end))
        self._reader.assign(places)

    def turn(self) -> None:
        """Fold what is there; write what is due."""
        for message in kafka.batch(self._reader, BATCH_MAX, WAIT_MAX_S):
            if message.error():
                _log.warning("broker", extra={"broker_error": message.error().name()})
                continue
            try:
                self._folds[message.partition()].take(message.offset(), message.value() or b"")
            except Damaged as error:
                _log.critical(
                    "chain broken",
                    extra={"partition": message.partition(), "offset": message.offset(), "reason": error.reason},
                )
                leave(Exit.CHAIN, error.reason)
        for partition, fold in self._folds.items():
            self._tell(partition, fold)
            waited = time.monotonic() - self._written_at[partition]
            due = fold.records and not fold.chain.waiting  # a place between the parts of a chunk is none
            if due and (waited >= self._config.every_s or fold.records >= self._config.every_records):
                self._write(partition, fold)

    def close(self) -> None:
        """Write what changed and leave."""
        for partition, fold in self._folds.items():
            if fold.records and not fold.chain.waiting:
                self._write(partition, fold)
        self._reader.close()

    def _write(self, partition: int, fold: Fold) -> None:
        manifest = fold.write()
        fold.prune(self._config.keep)
        self._written_at[partition] = time.monotonic()
        metrics.SNAPSHOTS.labels(str(partition)).inc()
        _log.info("snapshot", extra={
            "partition": partition, "sequence": manifest.sequence, "next": manifest.next, "end": manifest.end,
            "count": manifest.rows,
        })  # fmt: skip

    @staticmethod
    def _tell(partition: int, fold: Fold) -> None:
        label = str(partition)
        metrics.CHAIN_VERIFIED.labels(label).set(fold.chain.place.end)
        metrics.STATE_KEYS.labels(label).set(len(fold.state.rows))
        if fold.newest is not None:
            metrics.SNAPSHOT_AGE.labels(label).set((wall_ms() - fold.newest.made_at) / 1000)


def run(config: settings.Snapshotter, metrics_port: int) -> int:
    """Run until SIGTERM.

    Returns:
        Exit code, 0 for a clean stop.
    """
    metrics.serve(metrics_port)
    stop = signals.stop_event()
    snapshotter = Snapshotter(config, Aead(settings.plugin(config.keyring)(Path(config.keys)).state_key))
    snapshotter.open()
    _log.info("ready")
    while not stop.is_set():
        snapshotter.turn()
    snapshotter.close()
    return 0


def main(argv: list[str]) -> int:
    """`sightline snapshotter`."""
    parser = argparse.ArgumentParser(prog="sightline snapshotter", description="Verifies commits, writes snapshots.")
    return launch(
        argv, parser, lambda args: run(settings.load(args.config, settings.Snapshotter), args.metrics_port), _log
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
