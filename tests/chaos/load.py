"""Load and judgement: envelopes in at the agencies' topics, and what readers must have seen of them."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import Counter, defaultdict
from typing import Any, NamedTuple

import confluent_kafka as ck
import msgspec

from demo.stack import Stack
from schemas import codec
from streams.runtime import commits
from streams.runtime.commits import Chain
from streams.runtime.kafka import batch
from streams.tools.simulator import count
from streams.tools.tally import TEAM, Subjects
from tests.chaos.fleet import PARTNERSHIPS

SUBJECTS = 75  # a partnership: every tenth message of each is an alert
_unpack = msgspec.msgpack.decode
JOURNAL, ENVELOPE = frozenset({"journal"}), frozenset({"envelope"})


class Sender(threading.Thread):
    """Sends envelopes as bridges do, at a steady rate, until told to end."""

    def __init__(self, stack: Stack, agencies: tuple[str, ...], rate: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.sent = 0
        self._agencies, self._rate = agencies, rate
        self._random = random.Random(seed)
        self._over = threading.Event()
        self._failed: list[str] = []
        safe = {"enable.idempotence": True, "linger.ms": 2, "log_level": 0, "message.timeout.ms": 120_000}
        self._producers = {a: ck.Producer(stack.kafka(f"bridge-{a}") | safe) for a in agencies}

    def run(self) -> None:
        """Send."""
        began = time.monotonic()
        while not self._over.is_set():
            due = int((time.monotonic() - began) * self._rate)
            while self.sent < due:
                self._send()
            time.sleep(0.005)
        for producer in self._producers.values():
            self._failed += ["unsent"] * producer.flush(120)

    def end(self) -> int:
        """Stop sending; gives how many were sent."""
        self._over.set()
        self.join(180)
        assert not self._failed, Counter(self._failed)
        return self.sent

    def _send(self) -> None:
        number, agency = self.sent, self._random.choice(self._agencies)
        partnership = self._random.choice(PARTNERSHIPS)
        envelope = {
            "partnership": partnership, "agency": agency, "source": "s", "lane": "event",
            "subject": f"{partnership}|{self._random.randrange(SUBJECTS)}".encode(), "epoch": 1, "position": number,
            "sequence": 0, "committed_at": time.time_ns() // 1_000_000, "key_id": bytes(16), "nonce": bytes(12),
            "body": bytes(64),
        }  # fmt: skip
        self._producers[agency].produce(
            f"events-{agency}", codec.encode("envelope", envelope), partnership, on_delivery=self._delivered
        )
        self._producers[agency].poll(0)
        self.sent += 1

    def _delivered(self, error: Any, message: Any) -> None:
        del message
        if error is not None:
            self._failed.append(error.name())


class Log:
    """Reads whole topics as an administrator, committed records alone."""

    def __init__(self, stack: Stack, principal: str = "admin") -> None:
        self._conf = stack.kafka(principal) | {
            "group.id": f"{principal}.check", "enable.auto.commit": False, "isolation.level": "read_committed",
            "enable.partition.eof": True, "auto.offset.reset": "error",
        }  # fmt: skip

    def read(self, topic: str, partition: int = 0, start: int = 0) -> list[tuple[int, bytes]]:
        """(offset, value) from `start` to the end."""
        consumer = ck.Consumer(self._conf)
        found: list[tuple[int, bytes]] = []
        try:
            consumer.assign([ck.TopicPartition(topic, partition, start)])
            while True:
                for message in batch(consumer, 2001, 20):
                    if not message.error():
                        found.append((message.offset(), message.value()))
                    elif message.error().code() == ck.KafkaError._PARTITION_EOF:
                        return found
                    else:
                        raise ck.KafkaException(message.error())
        finally:
            consumer.close()


class Verdict(NamedTuple):
    """The checker's four words, and what they were counted over."""

    lost: int
    duplicated: int
    wrong: int
    reordered: int
    events: int
    alerts: int
    zombies_rejected: int
    unfinished: str


def quiet(stack: Stack, agencies: tuple[str, ...], timeout_s: float) -> str:
    """Wait until intake has everything, the chain reaches the end of the journal, and readers have all of it.

    Returns:
        What is still missing at the end of the time, or empty.
    """
    log, end = Log(stack), time.monotonic() + timeout_s
    missing = "not looked"
    while missing and time.monotonic() < end:
        missing = _missing(log, agencies)
        if missing:
            time.sleep(0.5)
    return missing


def _missing(log: Log, agencies: tuple[str, ...]) -> str:
    sent = sum(len(log.read(f"events-{agency}")) for agency in agencies)
    journals = [log.read("journal", partition) for partition in range(len(PARTNERSHIPS))]
    taken = len({body for journal in journals for body in map(_body, journal) if body})
    if taken < sent:
        return f"intake has {taken} of {sent}"
    wanted = 0
    for partition, journal in enumerate(journals):
        next_ = _chain(log, partition).place.next
        messages = [offset for offset, value in journal if _body((offset, value))]
        if messages and next_ <= messages[-1]:
            return f"journal/{partition}: {next_} of {messages[-1] + 1} done"
        wanted += sum(1 for _ in _outputs(partition, [value for _, value in journal]))
    seen = len(log.read(f"alerts-{TEAM}"))
    return "" if seen >= wanted else f"readers have {seen} of {wanted}"


def judge(stack: Stack, agencies: tuple[str, ...], unfinished: str = "") -> Verdict:
    """Compare what readers saw with one thread over the journal, and the journal with what was sent."""
    log = Log(stack)
    seen: dict[str, list[bytes]] = defaultdict(list)
    for _, value in Log(stack, f"team-{TEAM}").read(f"alerts-{TEAM}"):
        seen[_unpack(value)[0].split(b"|")[0].decode()].append(value)
    sent: Counter[bytes] = Counter()
    sources = {agency: [value for _, value in log.read(f"events-{agency}")] for agency in agencies}
    for agency in agencies:
        sent.update(codec.decode(value, ENVELOPE)[1]["subject"] for value in sources[agency])
    total, rejected, alerts = [0, 0, 0, 0], 0, 0
    first: dict[str, list[bytes]] = {agency: [] for agency in agencies}
    for partition, partnership in enumerate(PARTNERSHIPS):
        journal = [value for _, value in log.read("journal", partition)]
        machine = Subjects()
        wanted = [out.body for out in machine.step(journal).outbox]
        alerts += len(wanted)
        total = [a + b for a, b in zip(total, count(seen[partnership], wanted), strict=True)]
        for key, number in ((key, sent[key] - machine.counts.get(key, 0)) for key in sent):
            if key.startswith(partnership.encode()):
                total[0] += max(0, number)
                total[1] += max(0, -number)
        for entry in journal:
            message = codec.decode(entry, JOURNAL)[1]
            if message["kind"] == "message":
                first[message["origin"].removeprefix("events-")].append(message["body"])
        rejected += _chain(log, partition).rejected
        total[3] += _time_runs_backwards(journal)
    for agency in agencies:
        lanes: dict[str, list[bytes]] = defaultdict(list)
        for value in sources[agency]:
            lanes[codec.decode(value, ENVELOPE)[1]["partnership"]].append(value)
        mine: dict[str, list[bytes]] = defaultdict(list)
        for value in dict.fromkeys(first[agency]):
            mine[codec.decode(value, ENVELOPE)[1]["partnership"]].append(value)
        total[3] += sum(lanes[name] != mine[name] for name in lanes)
    return Verdict(*total, sum(sent.values()), alerts, rejected, unfinished)


def _chain(log: Log, partition: int) -> Chain:
    chain = Chain(partition)
    for offset, value in log.read("commits", partition):
        chain.offer(offset, commits.parse(value))
    return chain


def _outputs(partition: int, journal: list[bytes]) -> list[object]:
    del partition
    return list(Subjects().step(journal).outbox)


def _body(record: tuple[int, bytes]) -> bytes:
    return bytes(codec.decode(record[1], JOURNAL)[1]["body"])


def _time_runs_backwards(journal: list[bytes]) -> int:
    """Ticks that are not later than the one before: there must be none."""
    ticks = [m["received_at"] for m in (codec.decode(e, JOURNAL)[1] for e in journal) if m["kind"] == "tick"]
    return sum(later <= earlier for earlier, later in itertools.pairwise(ticks))
