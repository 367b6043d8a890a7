"""`sightline verify`: walks the chain of commits and names the first break.

Decides which irregularities are the work of a zombie or a retry, which the chain rule makes harmless, and which are
a break. A writer always stood on a prefix of the chain, so an honest record that was refused links to some record
accepted before; one that links to nothing known means that records were dropped, reordered or made up. Needs no
key; with the state key it opens every seal too. The end of a log that was cut off shows only against a head kept
elsewhere: give `--head`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import confluent_kafka as ck

import topology
from schemas.crypto import Aead
from streams.runtime import commits, kafka, logs, settings
from streams.runtime.commits import Chain, Damaged, Place

_log = logs.get("verify")


class Report(NamedTuple):
    """What a walk found.

    Attributes:
        partition: Journal partition.
        place: Where the chain ends.
        records: Records read.
        rejected: Records the chain rule refused, all of them harmless.
        broken_at: Offset of the first break, or None.
        reason: Why, or empty.
    """

    partition: int
    place: Place
    records: int
    rejected: int
    broken_at: int | None = None
    reason: str = ""


def walk(
    partition: int,
    log: Iterable[tuple[int, bytes]],
    cipher: Aead | None = None,
    start: Place | None = None,
    head: str = "",
) -> Report:
    """Walk one partition.

    Args:
        partition: Journal partition.
        log: (offset, value) from `start` on.
        cipher: Under the state key; None checks the chain alone.
        start: A place that is known to be right, such as a snapshot's; None for the beginning.
        head: Hash, hex, that must be met; empty for none.

    Returns:
        What was found, up to the first break.
    """
    chain = Chain(partition, start or Place())
    linked = {chain.place.hash}  # what an honest writer could have stood on
    seen: set[bytes] = set()
    met = not head or chain.place.hash.hex() == head
    records = 0
    for offset, value in log:
        try:
            record = commits.parse(value)
            before = chain.rejected
            if record["hash"] in seen:
                raise Damaged("repeated")
            if record["prev_hash"] not in linked:
                raise Damaged("unlinked")
            accepted = chain.offer(offset, record)
            if chain.rejected > before and record["prev"] > chain.place.next:
                raise Damaged("ahead")
            if accepted and cipher is not None:
                commits.open_set(cipher, accepted)
        except Damaged as error:
            return Report(partition, chain.place, records, chain.rejected, offset, error.reason)
        records += 1
        seen.add(record["hash"])
        linked.add(record["hash"])
        met = met or record["hash"].hex() == head
    if not met:
        return Report(partition, chain.place, records, chain.rejected, chain.place.end, "head_not_met")
    return Report(partition, chain.place, records, chain.rejected)


def verify(config: settings.Operator, cipher: Aead | None, heads: dict[int, str]) -> list[Report]:
    """Walk every partition of the broker's log.

    Raises:
        kafka.BrokerError: The log cannot be read.
    """
    reader = kafka.reader(config.kafka, config.group)
    reports = []
    try:
        for partition in range(topology.JOURNAL_PARTITIONS):
            low, high = kafka.bounds(reader, topology.COMMITS.name, partition)
            start = _start(config, cipher, partition, low)
            log = kafka.read(reader, topology.COMMITS.name, partition, start.end, high)
            report = walk(partition, log, cipher, start, heads.get(partition, ""))
            if report.broken_at is None and report.place.end < high:
                report = report._replace(broken_at=report.place.end, reason="gap")
            reports.append(report)
    finally:
        reader.close()
    return reports


def _start(config: settings.Operator, cipher: Aead | None, partition: int, low: int) -> Place:
    if low == 0:
        return Place()
    if config.snapshots and cipher is not None:
        from streams.runtime.snapshots import Store  # noqa: PLC0415  (only where the log's beginning is gone)

        manifests = [m for m in Store(config.snapshots, cipher).manifests(partition) if m.end >= low]
        if manifests:
            return manifests[-1].place()
    raise kafka.BrokerError(f"commits/{partition} begins at {low} and no snapshot reaches it")


def main(argv: list[str]) -> int:
    """`sightline verify`."""
    parser = argparse.ArgumentParser(prog="sightline verify", description="Walks the chain; names the first break.")
    parser.add_argument("--config", required=True, help="settings file (JSON)")
    parser.add_argument("--without-key", action="store_true", help="check the chain alone, open no seal")
    parser.add_argument("--head", action="append", default=[], metavar="PARTITION:HASH", help="must be met")
    args = parser.parse_args(argv)
    logs.setup()
    try:
        config = settings.load(args.config, settings.Operator)
        cipher = None if args.without_key else Aead(settings.plugin(config.keyring)(Path(config.keys)).state_key)
        heads = {int(partition): hash_ for partition, _, hash_ in (head.partition(":") for head in args.head)}
        reports = verify(config, cipher, heads)
    except settings.SettingsError as error:
        _log.error("settings", extra={"cause": str(error)})
        return 2
    except (kafka.BrokerError, ck.KafkaException) as error:
        _log.error("broker", extra={"cause": str(error)})
        return 2
    for report in reports:
        found = "whole" if report.broken_at is None else f"BROKEN at offset {report.broken_at}: {report.reason}"
        sys.stdout.write(
            f"commits/{report.partition}: {report.records} records, {report.rejected} refused, journal to "
            f"{report.place.next}, head {report.place.hash.hex()[:16]}: {found}\n"
        )
    return 0 if all(report.broken_at is None for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
