"""Everything after the live year: has all arrived, what do the figures say, did anything leak.

Decides what is compared with what. The counting itself is in demo/judge.py and demo/leaks.py.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition

import topology
from bridge.keys import AgencyKeys
from bridge.pseudonym import Pseudonymiser
from demo import books, evidence, judge, leaks, partnership
from demo.crew import Crew
from demo.listen import Heard, Listener
from demo.stack import Stack
from demo.world import World
from schemas import codec
from streams.keys import Keyring
from streams.outbox import AlertOut

ADMIN: Final = "admin"
READERS: Final = ("alert", "presence", "view")
BROKEN_BY: Final = ("leak_hits", "band_changes_on_a_birthday", "lost", "duplicated", "wrong", "reordered")
PLANT_TOPIC: Final = "leak-plant"
EARLIEST: Final = "2023-01-01"  # the run's own dates are later: an earlier one in it is somebody's birth date
BROKEN: Final = "Bartholomew Clearwater-Test, 31 Unsealed Street"  # nobody of the world; what a broken bridge sends


def send_controls(stack: Stack, made: partnership.Made) -> None:
    """Hand the signed controls to the platform, and wait until the broker has them."""
    producer = Producer({**stack.kafka("governance"), **evidence.QUIET, "enable.idempotence": True})
    for key, value in made.controls:
        producer.produce(topology.CONTROLS.name, value, key)
    if producer.flush(30):
        raise RuntimeError("the broker did not take the controls within 30 s")


def send_broken(stack: Stack) -> bool:
    """Send what a broken bridge would: a name in clear, bare and inside an envelope that nothing seals.

    Returns:
        True, when the broker has them.
    """
    agency = "council"
    producer = Producer({**stack.kafka(f"bridge-{agency}"), **evidence.QUIET})
    envelope = {
        "partnership": partnership.PARTNERSHIP, "agency": agency, "source": partnership.SOURCES[agency],
        "lane": "identity", "subject": b"broken", "epoch": 1, "position": 1, "sequence": 0, "committed_at": 0,
        "key_id": bytes(16), "nonce": bytes(12), "body": BROKEN.encode(),
    }  # fmt: skip
    topic = topology.IDENTITIES.name.format(agency=agency)
    row = json.dumps({"name_and_address": BROKEN}).encode()
    for value in (row, codec.encode("envelope", envelope)):
        producer.produce(topic, value, partnership.PARTNERSHIP.encode())
    return bool(producer.flush(30) == 0)


class Drained:
    """Whether nothing is on its way any more: no topic of the platform has grown for a while.

    Args:
        stack: The running stack.
        settled_s: Seconds without growth.
    """

    def __init__(self, stack: Stack, settled_s: float) -> None:
        self._consumer = Consumer({**stack.kafka(ADMIN), **evidence.QUIET, "group.id": "admin.drained"})
        self._settled_s = settled_s
        self._ends: dict[tuple[str, int], int] = {}
        self._since_s = time.monotonic()

    def __call__(self) -> bool:
        """Look once."""
        ends = {
            (name, number): self._consumer.get_watermark_offsets(TopicPartition(name, number), 10)[1]
            for name, topic in self._consumer.list_topics(timeout=30).topics.items()
            for number in topic.partitions
            if not name.startswith("__")
        }
        if ends != self._ends:
            self._ends, self._since_s = ends, time.monotonic()
        return time.monotonic() - self._since_s > self._settled_s

    def close(self) -> None:
        """Let the broker go."""
        self._consumer.close()


class Resolver:
    """Turns record pseudonyms into the truth's records: what only the agencies together could do."""

    def __init__(self, made: partnership.Made, truth: Mapping[str, Any]) -> None:
        self._pseudonymisers = {
            agency: Pseudonymiser(AgencyKeys.load(made.keys / agency).agency_key) for agency in partnership.AGENCIES
        }
        self._truth = {(record["agency"], *map(str, record["key"].values())): record for record in truth["records"]}

    def record(self, pseudonym: bytes) -> Mapping[str, Any] | None:
        """The record a pseudonym stands for; None where no agency made it or truth has none."""
        for agency, pseudonymiser in self._pseudonymisers.items():
            try:
                _, _, (_, *key) = pseudonymiser.resolve(pseudonym)  # the mapping's name of the record, then its key
            except ValueError:
                continue
            return self._truth.get((agency, *key))
        return None


def judge_run(  # noqa: PLR0913, PLR0917  (what a run leaves behind)
    stack: Stack, world: World, made: partnership.Made, folder: Path, listener: Listener, crew: Crew
) -> dict[str, Any]:
    """All figures of DEMO_JSON but those of the run itself."""
    truth = world.truth()
    admin = stack.kafka(ADMIN)
    keyring = Keyring.load(made.keys / "platform")
    journal = evidence.read(admin, topology.JOURNAL.name)
    replayed = evidence.replay(journal, keyring)
    resolver = Resolver(made, truth)
    subscribed = _subscribed(admin)
    expected = {topic: replayed.topics.get(topic, []) for topic in subscribed}
    compared = judge.compare(expected, subscribed)
    if expected != subscribed:
        (folder / "differences.json").write_bytes(msgspec.json.encode(judge.differences(expected, subscribed)))
    told = _told(listener.alerts, replayed.notices, resolver)
    latencies = [alert.latency_s for alert in told if alert.latency_s is not None and not alert.opening]
    state = replayed.state.partnerships[partnership.PARTNERSHIP]
    missing = books.unaccounted(stack, folder, state)
    people = {rid: record["person"] for rid in state.graph.identities
              if (record := resolver.record(rid)) is not None}  # fmt: skip
    clusters = [state.graph.members(rid) for rid in people if state.graph.cluster(rid) == rid]
    return {
        "records": len(state.graph.identities),
        "people": len(clusters),
        "households": sum(state.graph.household(rid) == rid for rid in people),
        "messages": sum(entry.partition == 0 for entry in journal),
        "outputs": sum(map(len, subscribed.values())),
        **judge.alert_figures(truth, told),
        **judge.link_figures(clusters, people),
        "latency_p50_s": judge.percentile(latencies, 0.50),
        "latency_p99_s": judge.percentile(latencies, 0.99),
        **_leaks(admin, truth, _Scene(folder, replayed, crew, keyring)),
        **_birthdays(evidence.band_changes(journal, replayed.state), resolver, truth),
        **compared._asdict(),
        "lost": compared.lost + sum(map(abs, missing.values())),
        "unaccounted": missing,
    }


def _subscribed(admin: Mapping[str, Any]) -> dict[str, list[tuple[bytes, bytes]]]:
    """What subscribers get, topic by topic, without deduplication."""
    families = (topology.ALERTS, topology.PRESENCE, topology.VIEWS, topology.LINKS, topology.SCORES)
    agencies, teams = tuple(partnership.AGENCIES), tuple(partnership.TEAMS)
    names = [name for topic in families for name in topology.expand(topic.name, agencies, teams)]
    return {name: [(record.key, record.value) for record in evidence.read(admin, name)] for name in names}


def _told(alerts: list[Heard], notices: list[bytes], resolver: Resolver) -> list[judge.Told]:
    """Alert versions as heard, with the true household of the child they are about."""
    about = {(out.notice.alert_id, out.notice.version): out.notice.child
             for out in (msgspec.msgpack.decode(packed, type=AlertOut) for packed in notices)}  # fmt: skip
    told = []
    for heard in sorted(alerts, key=lambda heard: (heard.message["changed_at"], heard.message["alert_id"])):
        message, committed_at = heard.message, heard.message["committed_at"]
        child = about.get((message["alert_id"], message["version"]))
        record = resolver.record(child) if child is not None else None
        told.append(judge.Told(
            message["alert_id"], message["state"], message["direction"],
            record["household"] if record is not None else -1, message["changed_at"], message["opening"],
            None if committed_at is None else (heard.readable_ms - committed_at) / 1000, bool(message["records"]),
        ))  # fmt: skip
    return told


class _Scene(NamedTuple):
    """Where a name could have gone besides the topics."""

    folder: Path
    replayed: evidence.Replayed
    crew: Crew
    keyring: Keyring


def _leaks(admin: Mapping[str, Any], truth: Mapping[str, Any], scene: _Scene) -> dict[str, Any]:
    """Plant one leak, find it, then look everywhere else."""
    plant = truth["canaries"][0]
    births = (born for born in truth["birth_dates"] if born < EARLIEST)
    canaries = [*truth["canaries"], *(text for born in births for text in leaks.birth_dates(born))]
    evidence.make_topic(admin, PLANT_TOPIC)
    producer = Producer({**admin, **evidence.QUIET})
    producer.produce(PLANT_TOPIC, f"a name where none may be: {plant}".encode())
    producer.flush(30)
    scanner, broken = leaks.Scanner(canaries), leaks.Scanner([BROKEN])
    reached: Counter[str] = Counter()

    def places() -> Iterator[tuple[str, bytes]]:
        for topic in evidence.topics(admin):
            records = evidence.read(admin, topic, "read_uncommitted")
            yield topic, b"\0".join(part for record in records for part in (record.key, record.value, record.headers))
            if topic == topology.COMMITS.name:
                for body in evidence.opened_commits(records, scene.keyring.state_key):
                    yield "commits, opened", body.delta + b"".join(out.body for out in body.outbox)
        yield "state", evidence.state_rows(scene.replayed.state)
        yield from evidence.files(scene.folder / "snapshots")
        yield from evidence.files(scene.folder / "logs")
        for name, port in scene.crew.ports.items():
            if name in scene.crew.pids() and not name.startswith("desk"):  # a desk serves names, on its own side
                yield f"metrics of {name}", evidence.page(port)

    def watched() -> Iterator[tuple[str, bytes]]:
        for place, data in places():
            if found := broken.hits(data):
                reached[place] += found
            yield place, data

    hits, size = leaks.scan(scanner, watched())
    planted = hits.pop(PLANT_TOPIC, 0)
    return {
        "leak_canaries": len(set(canaries)), "leak_plant_found": planted > 0, "leak_hits": sum(hits.values()),
        "leak_places": dict(hits), "leak_scanned_bytes": size, "broken_bridge_readable_in": sorted(reached),
    }  # fmt: skip


def _birthdays(changes: Iterable[tuple[bytes, int]], resolver: Resolver, truth: Mapping[str, Any]) -> dict[str, int]:
    """Whether the day on which an age band changes tells a birth date."""
    days = [
        (datetime.fromtimestamp(at / 1000, UTC).date(), date.fromisoformat(truth["born"][record["person"]]))
        for subject, at in changes
        if (record := resolver.record(subject)) is not None
    ]
    return {"band_changes": len(days), "band_changes_on_a_birthday": leaks.on_a_birthday(days)}


def sound(figures: Mapping[str, Any]) -> bool:
    """Whether the run kept what must hold on every run, whatever the world: nothing leaked, lost or doubled."""
    return bool(figures["leak_plant_found"] and not any(figures[name] for name in BROKEN_BY))


def summary(figures: Mapping[str, Any]) -> str:
    """The figures as a paragraph of lines."""
    return "\n".join(f"  {name:<34} {value}" for name, value in figures.items())
