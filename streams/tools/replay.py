"""`sightline replay`: rebuilds from the journal, and compares with what happened.

Decides nothing: one machine, one thread, chunks of its own choosing. State is compared by digest with the fold of
`commits` at the same journal offset, outputs byte for byte with the outboxes, and the topics that people read with
the cut of those outboxes.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import confluent_kafka as ck

import topology
from schemas.crypto import Aead
from streams.runtime import commits, kafka, logs, metrics, settings
from streams.runtime.commits import Chain, Damaged
from streams.runtime.lane import Machine
from streams.state import Out, RawState

CHUNK: Final = 997  # entries a step; prime, so that it never falls together with the worker's own cut
_log = logs.get("replay")


class Happened(NamedTuple):
    """What `commits` says."""

    next: int
    digest: bytes
    outbox: list[Out]


class Difference(NamedTuple):
    """Where replay and history part.

    Attributes:
        partition: Journal partition.
        entries: Journal entries replayed.
        outputs: Outputs of history.
        what: `state`, `outputs`, `topics`, or empty where they are the same.
    """

    partition: int
    entries: int
    outputs: int
    what: str


def fold(partition: int, log: Iterator[tuple[int, bytes]], cipher: Aead) -> Happened:
    """Fold a log of commits from its beginning.

    Raises:
        Damaged: A record is damaged.
    """
    chain, state = Chain(partition), RawState()
    outbox: list[Out] = []
    for accepted in commits.follow(chain, log):
        body = commits.open_set(cipher, accepted)
        state.apply(body.delta)
        outbox += body.outbox
    return Happened(chain.place.next, state.digest(), outbox)


def again(machine: Machine, entries: Iterable[bytes], chunk: int) -> tuple[int, list[Out]]:
    """Step through a journal anew.

    Returns:
        Entries and outputs.
    """
    outbox: list[Out] = []
    source, count = iter(entries), 0
    machine.ready()
    while run := list(itertools.islice(source, chunk)):
        outbox += machine.step(run).outbox
        count += len(run)
    return count, outbox


def compare(
    partition: int, machine: Machine, journal: Iterable[bytes], happened: Happened, chunk: int = CHUNK
) -> Difference:
    """Replay one partition up to where its commits end."""
    count, outbox = again(machine, itertools.islice(journal, happened.next), chunk)
    if count != happened.next:
        return Difference(partition, count, len(happened.outbox), "journal")
    if outbox != happened.outbox:
        return Difference(partition, count, len(happened.outbox), "outputs")
    if machine.digest() != happened.digest:
        return Difference(partition, count, len(happened.outbox), "state")
    return Difference(partition, count, len(happened.outbox), "")


class Readers:
    """What readers see, for comparison with the cut of the outboxes."""

    def __init__(self, conf: settings.Operator, cut: Callable[[Out], Sequence[tuple[str, bytes, bytes]]]) -> None:
        self._config, self._cut = conf, cut

    def differ(self, outboxes: Sequence[Sequence[Out]], topics: Sequence[str]) -> list[str]:
        """Topics whose records are not exactly the cut of the outboxes, each partition's in its order.

        Raises:
            kafka.BrokerError: A topic cannot be read.
        """
        wanted: dict[str, list[list[tuple[bytes, bytes]]]] = {topic: [] for topic in topics}
        for outbox in outboxes:
            mine: dict[str, list[tuple[bytes, bytes]]] = defaultdict(list)
            for topic, key, value in (piece for out in outbox for piece in self._cut(out)):
                mine[topic].append((key, value))
            for topic in topics:
                wanted[topic].append(mine[topic])
        return [topic for topic in topics if not interleaved(self._read(topic), wanted[topic])]

    def _read(self, topic: str) -> list[tuple[bytes, bytes]]:
        consumer = kafka.reader(
            self._config.kafka, self._config.group, isolation_level="read_committed", enable_partition_eof=True
        )
        try:
            low, _ = kafka.bounds(consumer, topic, 0)
            consumer.assign([ck.TopicPartition(topic, 0, low)])
            found: list[tuple[bytes, bytes]] = []
            while True:
                for message in kafka.batch(consumer, kafka.READ_MAX, kafka.READ_TIMEOUT_S):
                    if not message.error():
                        found.append((message.key(), message.value()))
                    elif message.error().code() == ck.KafkaError._PARTITION_EOF:  # noqa: SLF001  (the client's public name)
                        return found
                    else:
                        raise kafka.BrokerError(f"{topic}: {message.error().name()}")
        finally:
            consumer.close()


def interleaved(seen: Sequence[Any], parts: Sequence[Sequence[Any]]) -> bool:
    """Whether `seen` is exactly the parts, each in its own order, in some interleaving.

    Greedy with all candidate positions kept, so that equal records at the head of two parts cannot mislead it.

    Example:
        >>> interleaved([1, 3, 2], [[1, 2], [3]])
        True
        >>> interleaved([2, 1], [[1, 2]])
        False
    """
    if len(seen) != sum(map(len, parts)):
        return False
    places = {tuple(0 for _ in parts)}
    for record in seen:
        places = {
            (*place[:number], place[number] + 1, *place[number + 1 :])
            for place in places
            for number, part in enumerate(parts)
            if place[number] < len(part) and part[place[number]] == record
        }
        if not places:
            return False
    return True


def replay(config: settings.Operator, chunk: int, topics: Sequence[str]) -> list[Difference]:
    """Replay every partition.

    Raises:
        kafka.BrokerError: A log cannot be read, or no longer goes back to its beginning.
        Damaged: A commit record is damaged.
    """
    keyring = settings.plugin(config.keyring)(Path(config.keys))
    make = settings.plugin(config.machine)
    cipher = Aead(keyring.state_key)
    reader = kafka.reader(config.kafka, config.group)
    found, outboxes = [], []
    try:
        for partition in range(topology.JOURNAL_PARTITIONS):
            happened = fold(partition, _whole(reader, topology.COMMITS.name, partition), cipher)
            journal = (value for _, value in _whole(reader, topology.JOURNAL.name, partition))
            found.append(compare(partition, make(partition, keyring), journal, happened, chunk))
            outboxes.append(happened.outbox)
    finally:
        reader.close()
    if topics:
        cut = settings.plugin(config.cut)(keyring)
        differ = Readers(config, cut).differ(outboxes, topics)
        found += [Difference(-1, 0, 0, f"topics: {topic}") for topic in differ]
    for difference in found:
        if difference.what:
            metrics.MISMATCHES.labels(str(difference.partition)).inc()
    return found


def _whole(reader: ck.Consumer, topic: str, partition: int) -> Iterator[tuple[int, bytes]]:
    low, high = kafka.bounds(reader, topic, partition)
    if low > 0:
        raise kafka.BrokerError(f"{topic}/{partition} begins at {low}: history is gone")
    return kafka.read(reader, topic, partition, 0, high) if high else iter(())


def main(argv: list[str]) -> int:
    """`sightline replay`."""
    parser = argparse.ArgumentParser(prog="sightline replay", description="Rebuilds from the journal and compares.")
    parser.add_argument("--config", required=True, help="settings file (JSON)")
    parser.add_argument("--chunk", type=int, default=CHUNK, help="entries a step")
    parser.add_argument("--topic", action="append", default=[], help="also compare this readers' topic")
    args = parser.parse_args(argv)
    logs.setup()
    try:
        found = replay(settings.load(args.config, settings.Operator), args.chunk, args.topic)
    except settings.SettingsError as error:
        _log.error("settings", extra={"cause": str(error)})
        return 2
    except (kafka.BrokerError, ck.KafkaException, Damaged) as error:
        _log.error("cannot replay", extra={"cause": str(error)})
        return 2
    for difference in found:
        where = "readers" if difference.partition < 0 else f"journal/{difference.partition}"
        text = f"DIFFERS in {difference.what}" if difference.what else "the same"
        sys.stdout.write(f"{where}: {difference.entries} entries, {difference.outputs} outputs: {text}\n")
    return 0 if not any(difference.what for difference in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
