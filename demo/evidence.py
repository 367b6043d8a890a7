"""Gathers what a run left behind: topics to their end, the opened state, logs, metrics.

Decides how each is read; judges nothing (demo/judge.py, demo/leaks.py).
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import confluent_kafka
import msgspec
from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from schemas import codec, crypto
from schemas.envelope import Envelope, associated_data
from streams.keys import Keyring
from streams.outbox import make_cut
from streams.runtime import commits
from streams.step import make_machine

READ_TIMEOUT_S = 30.0  # the broker is on this machine: longer silence is an error
QUIET = {"log_level": 0}  # the broker is stopped under its readers at the end: nothing to report
CHUNK = 500  # journal entries a replayed step; any other gives the same


class Read(NamedTuple):
    """One record of a topic."""

    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: bytes
    at_ms: int


def topics(settings: Mapping[str, Any]) -> list[str]:
    """Every topic on a broker, its own ones included, sorted.

    Args:
        settings: confluent-kafka client settings of a principal that may see all.
    """
    return sorted(AdminClient({**settings, **QUIET}).list_topics(timeout=READ_TIMEOUT_S).topics)


def make_topic(settings: Mapping[str, Any], topic: str) -> None:
    """Make a topic of one partition, and wait until it is there."""
    admin = AdminClient({**settings, **QUIET})  # held: its futures fail when it goes
    for made in admin.create_topics([NewTopic(topic, 1, 1)]).values():
        made.result(READ_TIMEOUT_S)


def read(settings: Mapping[str, Any], topic: str, isolation: str = "read_committed") -> list[Read]:
    """A topic from its beginning to its end.

    Args:
        settings: confluent-kafka client settings of a principal that may read it.
        topic: The topic.
        isolation: `read_committed` as subscribers do, or `read_uncommitted` to see all bytes.

    Raises:
        confluent_kafka.KafkaException: The broker refused or fell silent.
    """
    consumer = Consumer({
        **settings, **QUIET, "group.id": f"{settings['sasl.username']}.evidence", "enable.auto.commit": False,
        "isolation.level": isolation, "enable.partition.eof": True, "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 20,
    })  # fmt: skip
    try:
        partitions = consumer.list_topics(topic, timeout=READ_TIMEOUT_S).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, confluent_kafka.OFFSET_BEGINNING) for number in partitions])
        found: list[Read] = []
        open_ends = set(partitions)
        while open_ends:
            message = consumer.poll(READ_TIMEOUT_S)
            if message is None:
                raise confluent_kafka.KafkaException(f"{topic}: silent for {READ_TIMEOUT_S} s")
            if (error := message.error()) is None:
                headers = b"".join(name.encode() + (value or b"") for name, value in message.headers() or ())
                found.append(Read(message.partition() or 0, message.offset() or 0, message.key() or b"",
                                  message.value() or b"", headers, message.timestamp()[1]))  # fmt: skip
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  (the client's public name for it)
                open_ends.discard(message.partition())
            else:
                raise confluent_kafka.KafkaException(error)
        return sorted(found)
    finally:
        consumer.close()


class Replayed(NamedTuple):
    """What a single-threaded replay of a journal partition gives.

    Attributes:
        topics: Topic -> (key, value) in order.
        notices: The uncut outputs of kind alert, in order, packed (streams.outbox.AlertOut).
        digest: Of the final state.
        state: The machine itself, for looking at.
    """

    topics: dict[str, list[tuple[bytes, bytes]]]
    notices: list[bytes]
    digest: bytes
    state: Any


def replay(journal: list[Read], keyring: Keyring, partition: int = 0) -> Replayed:
    """Run one partition of the journal through `step`, in one thread, from nothing."""
    machine, cut = make_machine(partition, keyring), make_cut(keyring)
    sent: dict[str, list[tuple[bytes, bytes]]] = {}
    notices: list[bytes] = []
    entries = [record.value for record in journal if record.partition == partition]
    for start in range(0, len(entries), CHUNK):
        for out in machine.step(entries[start : start + CHUNK]).outbox:
            if out.kind == "alert":
                notices.append(out.body)
            for message in cut(out):
                sent.setdefault(message.topic, []).append((message.key, message.value))
    return Replayed(sent, notices, machine.digest(), machine)


def opened_commits(records: list[Read], state_key: bytes, partition: int = 0) -> Iterator[commits.Body]:
    """What the commits of one partition hide, opened, in order: what a thief of the state key would read."""
    cipher = crypto.Aead(state_key)
    log = ((record.offset, record.value) for record in records if record.partition == partition)
    for accepted in commits.follow(commits.Chain(partition), log):
        yield commits.open_set(cipher, accepted)


def band_changes(journal: list[Read], machine: Any) -> Iterator[tuple[bytes, int]]:
    """Each profile in the journal that has another age band than the one before it.

    Args:
        journal: The journal.
        machine: The machine that replayed it: it holds the payload keys.

    Yields:
        (subject, received_at in ms).
    """
    bands: dict[bytes, str] = {}
    for record in journal:
        entry = codec.decode(record.value, frozenset({"journal"}))[1]
        town = machine.partnerships.get(entry["partnership"])
        try:
            envelope = cast(Envelope, codec.decode(entry["body"], frozenset({"envelope"}))[1])
        except codec.Rejected:
            continue  # a tick, a control, or what a broken bridge sent
        if envelope["lane"] != "profile" or (cipher := town.ciphers.get(envelope["key_id"])) is None:
            continue
        body = cipher.open(envelope["nonce"], envelope["body"], associated_data(entry["origin"], envelope))
        band = codec.decode(body, frozenset({"profile"}))[1]["age_band"]
        before = bands.get(envelope["subject"], band)
        bands[envelope["subject"]] = band
        if before != band:
            yield envelope["subject"], entry["received_at"]


def state_rows(machine: Any) -> bytes:
    """All rows of a state, packed, values included."""
    return msgspec.msgpack.encode(machine.rows())


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, as (name below it, bytes)."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def page(port: int) -> bytes:
    """A process's metrics page."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        body: bytes = answer.read()
        return body
