"""Links through `step`, on real envelopes: either lane first, two workers, and a reader of `links` beside them.

However the two lanes arrive and wherever one worker takes over from the other, people, households, their ids and
explanations are the same and are the batch's; and who reads nothing but `links` always has the platform's clusters.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from bridge.encode import Encoder
from bridge.normalise import Person
from schemas import codec
from streams.linkage.identity import Identity
from streams.linkage.model import LinkModel, shipped_model, write_model
from streams.outbox import OPERATORS, Cutter
from streams.state import Out
from streams.step import State
from tests.property.linkage_oracle import Batch
from tests.smalltown import AGENCIES, JOHN, MARY, NAME, START_MS, Smalltown, person, tick

HOME = {"number": "7", "street": "Tansy Close", "postcode": "ZE2 8YY"}
PEOPLE = (
    MARY, JOHN,
    person("Jon", "Oddfellow", "2011-11-30", **HOME),
    person("Jane", "Oddfellow", "2009-01-02", **HOME),
    person("Janet", "Oddfellow", "2009-01-02", **HOME),
    person("Mary", "Quillfeather", "2014-03-09", number="3", street="Elder Row", postcode="ZE1 2AB"),
    person("Quillfeather", "Mary", "2014-03-09"),
    Person(given="Mary", surname="Quillfeather", dob="2014-03-09", restricted=True),
    Person(given="John", surname="Oddfellow", dob="2011-11-30", communal=True, **HOME),
    Person(),
)  # fmt: skip
RECORDS = [(agency, f"r{number}") for agency in AGENCIES for number in range(6)]
LOW = {"alone_max": 2, "posting_max": 5, "component_max": 3, "household_max": 3}
CAUSES = {"upsert", "delete", "assertion", "model", "epoch"}


class Told(NamedTuple):
    """One message and the record it is about, if it is about one."""

    entry: bytes
    record: tuple[str, str] | None


class Lives(NamedTuple):
    """What happens to the records: each one's versions in their order, its events, and what people say."""

    versions: dict[tuple[str, str], list[int | None]]
    events: list[tuple[str, str]]
    said: dict[tuple[tuple[str, str], tuple[str, str]], str]


def _lives(versions: dict[Any, Any], events: list[Any], said: dict[Any, str]) -> Lives:
    known = {pair: kind for pair, kind in said.items() if set(pair) <= set(versions)}
    return Lives(versions, events, known)


of_one_agency = st.sampled_from([pair for pair in combinations(RECORDS, 2) if pair[0][0] == pair[1][0]])
lives = st.builds(
    _lives,
    st.dictionaries(
        st.sampled_from(RECORDS),
        st.lists(st.one_of(st.none(), *[st.integers(0, len(PEOPLE) - 1)] * 3), min_size=1, max_size=4), min_size=1,
    ),
    st.lists(st.sampled_from(RECORDS), max_size=8),
    st.dictionaries(of_one_agency, st.sampled_from(["must_link", "cannot_link"]), max_size=3),
)  # fmt: skip


class Reader:
    """Has what `links` said, and nothing else."""

    def __init__(self, town: Smalltown) -> None:
        self._cut = Cutter(town.keyring.entity_key)
        self.model = shipped_model().version
        self.causes: set[str] = set()
        self.clusters: dict[bytes, tuple[bytes, ...]] = {}

    def read(self, outbox: Iterable[Out]) -> None:
        for out in outbox:
            if out.kind != "link":
                continue
            (message,) = self._cut(out)
            assert (message.topic, message.key) == ("links", NAME.encode())
            _, told = codec.decode(message.value, frozenset({"link_change"}))
            assert told["partnership"] == NAME
            assert told["cause"] in CAUSES
            assert told["model"] == self.model
            self.causes.add(told["cause"])
            for cluster in told["before"]:
                assert self.clusters.pop(cluster[0]) == tuple(cluster)
            for cluster in told["after"]:
                assert cluster[0] not in self.clusters
                self.clusters[cluster[0]] = tuple(cluster)


class Workers:
    """Two workers of one partition: whoever takes over has what the other committed, and nothing else of it."""

    def __init__(self, town: Smalltown, model: LinkModel) -> None:
        self._town, self._model = town, model
        self.commits: list[bytes] = []
        self._read = [0, 0]
        self._machines = [State(town.keyring, model) for _ in range(2)]
        self.reader = Reader(town)
        self.outbox: list[Out] = []

    def take_over(self, who: int, *, cold: bool) -> State:
        """Worker `who` goes on: from what it followed of the other's commits, or all of them anew."""
        if cold:
            self._machines[who], self._read[who] = State(self._town.keyring, self._model), 0
        for delta in self.commits[self._read[who] :]:
            self._machines[who].load(delta)
        self._machines[who].ready()
        return self._machines[who]

    def run(self, entries: Sequence[bytes], cuts: random.Random) -> State:
        """All entries in chunks, by one worker and then the other."""
        machine, who, at = self._machines[0], 0, 0
        while at < len(entries):
            size = cuts.choice([1, 1, 2, 5, 9])
            outcome = machine.step(entries[at : at + size])
            at += size
            self.commits.append(outcome.delta)
            self._read[who] = len(self.commits)
            self.outbox += outcome.outbox
            self.reader.read(outcome.outbox)
            assert set(self.reader.clusters.values()) == clusters(machine)
            if cuts.random() < 0.3:
                who = 1 - who
                machine = self.take_over(who, cold=cuts.random() < 0.5)
        return machine


def clusters(machine: State) -> set[tuple[bytes, ...]]:
    """People as the platform has them."""
    p = machine.partnership(NAME)
    return {p.graph.members(rid) for rid in p.graph.identities if p.graph.cluster(rid) == rid}


def messages(town: Smalltown, told: Lives) -> tuple[list[list[Told]], list[Told], list[Told]]:
    """Identities by record in their order, events and profiles, and what people decided."""
    identities = [
        [Told(town.identity(*record, None if one is None else PEOPLE[one]), record) for one in versions]
        for record, versions in told.versions.items()
    ]
    events = [
        Told(town.event(*record, f"e{number}", START_MS - 1, START_MS), record)
        for number, record in enumerate(told.events)
    ]
    events += [Told(town.profile(*record), record) for record in told.events[::2]]
    said = [
        Told(town.response(one[0], kind, START_MS, records=[town.rid(*one), town.rid(*other)]), one)
        for (one, other), kind in told.said.items()
    ]
    return identities, events, said


def arranged(order: random.Random, town: Smalltown, told: Lives, lane: str) -> list[bytes]:
    """One order of arrival: a lane first, or both mixed; in that one versions too come in any order."""
    identities, events, said = messages(town, told)
    turns = [one for one in identities for _ in one]
    order.shuffle(turns)
    rest = {id(one): iter(one) for one in identities}
    first = [next(rest[id(one)]) for one in turns]
    order.shuffle(events)
    sequence = {"identity": first + events, "event": events + first, "mixed": first + events}[lane]
    if lane == "mixed":
        order.shuffle(sequence)
    for (one, other), decision in zip(told.said, said, strict=True):  # a decision is about records that are known
        seen = [place for place, message in enumerate(sequence) if message.record in {one, other}]
        known = max(next(place for place in seen if sequence[place].record == who) for who in (one, other))
        sequence.insert(order.randint(known + 1, len(sequence)), Told(decision.entry, None))
    return [message.entry for message in sequence]


def surviving(town: Smalltown, machine: State, told: Lives) -> Batch:
    """The batch result on the records as they were last told; the platform has just those."""
    p = machine.partnership(NAME)
    live = {town.rid(*record) for record, versions in told.versions.items() if versions[-1] is not None}
    assert set(p.tables["identities"]) == live
    identities: dict[bytes, Identity] = dict(p.tables["identities"])
    said = {}
    for pair, kind in told.said.items():
        one, other = sorted(town.rid(*record) for record in pair)
        said[one, other] = kind.removesuffix("_link")
    return Batch(p.model, identities, said)


def picture(town: Smalltown, machine: State) -> dict[bytes, tuple[Any, ...]]:
    """Of every record: its person and household as the platform, each agency and the operators know them."""
    graph, cut = machine.partnership(NAME).graph, Cutter(town.keyring.entity_key)
    return {
        rid: (graph.members(graph.cluster(rid)), graph.household_records(graph.household(rid)),
              *(cut.entity_id(reader, graph.cluster(rid)) for reader in (*AGENCIES, OPERATORS)),
              *(cut.entity_id(reader, graph.household(rid)) for reader in (*AGENCIES, OPERATORS)))
        for rid in sorted(machine.partnership(NAME).tables["identities"])
    }  # fmt: skip


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Smalltown:
    return Smalltown(tmp_path_factory.mktemp("town") / "keys")


def lived(town: Smalltown, told: Lives, seed: int, *, low: bool) -> Batch:
    """Live through it in three orders, check, and give the batch result."""
    model = msgspec.structs.replace(shipped_model(), **(LOW if low else {}))
    machines = []
    for lane in ("identity", "event", "mixed"):
        order = random.Random(f"{seed}/{lane}")
        entries = [*town.opening(), *arranged(order, town, told, lane)]
        workers = Workers(town, model)
        machine = workers.run(entries, order)
        whole = State(town.keyring, model)
        assert tuple(workers.outbox) == whole.step(entries).outbox, "one worker alone says the same"
        assert machine.digest() == whole.digest()
        machines.append(machine)
    batch = surviving(town, machines[0], told)
    assert clusters(machines[0]) == batch.people
    pairs = list(combinations(sorted(batch.records), 2))
    wanted = [batch.explained(*pair) for pair in pairs]
    for machine in machines:
        p = machine.partnership(NAME)
        assert picture(town, machine) == picture(town, machines[0])
        assert {p.graph.household_records(p.graph.household(rid)) for rid in batch.records} == batch.households
        assert set(p.tables["crowded"]) == batch.crowded
        assert [msgspec.structs.asdict(p.graph.explain(*pair)) for pair in pairs] == wanted
        for name in ("identities", "clusters", "households", "assertions", "ties"):
            assert p.tables[name] == machines[0].partnership(NAME).tables[name], name
    return batch


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=lives, seed=st.integers(0, 1 << 32), low=st.booleans())
def test_either_lane_first_and_two_workers_give_one_picture_the_batchs(
    town: Smalltown, told: Lives, seed: int, low: bool
) -> None:
    batch = lived(town, told, seed, low=low)
    event("cut" if batch.cut else "no component cut")
    event("crowded" if batch.crowded else "nobody crowded")


def test_low_limits_are_crossed_through_step_too(town: Smalltown) -> None:
    cut = crowded = 0
    for seed in range(6):
        chance = random.Random(seed)
        versions = {
            record: [
                *chance.choice([[], [], [], [None], [chance.randrange(len(PEOPLE)), None]]),
                chance.choice([0, 0, 1, 2, 3, 4, 5]),
            ]
            for record in RECORDS
        }
        batch = lived(town, _lives(versions, chance.choices(RECORDS, k=6), {}), seed, low=True)
        cut, crowded = cut + batch.cut, crowded + bool(batch.crowded)
    assert cut
    assert crowded


def test_the_reader_of_links_would_notice_one_message_that_is_missing(town: Smalltown) -> None:
    machine = State(town.keyring, shipped_model())
    out = machine.step([*town.opening(), *(town.identity(*record, MARY) for record in RECORDS[:3])]).outbox
    whole, without = Reader(town), Reader(town)
    whole.read(out)
    assert set(whole.clusters.values()) == clusters(machine)
    with pytest.raises((AssertionError, KeyError)):
        without.read([one for one in out if one.kind == "link"][1:])


def test_the_reader_follows_a_new_model_and_a_new_key_epoch_too(town: Smalltown) -> None:
    """Under a model that takes nobody for one person all part; under the next key they are one again by the old one."""
    chance = random.Random(3)
    who = {record: chance.choice(PEOPLE[:5]) for record in RECORDS}
    reader, machine = Reader(town), State(town.keyring, shipped_model())

    def take(*entries: bytes) -> None:
        for entry in entries:
            reader.read(machine.step([entry]).outbox)
            assert set(reader.clusters.values()) == clusters(machine)

    def control(version: int, model: LinkModel) -> bytes:
        return town.control("linkage", json.loads(write_model(model)), version)

    take(*town.opening(), *(town.identity(*record, one) for record, one in who.items()))
    together = clusters(machine)
    assert any(len(person) > 1 for person in together)
    reader.model = "nobody"
    take(control(1, msgspec.structs.replace(shipped_model(), version="nobody", edge=1 << 20)), tick(START_MS))
    assert clusters(machine) == {(town.rid(*record),) for record in RECORDS}
    reader.model = shipped_model().version
    take(control(2, shipped_model()), tick(START_MS))
    assert clusters(machine) == together
    later = Encoder(bytes(32), max(keys.linkage_epoch for keys in town.keys.values()) + 1)
    sent = {record: later.identity(JOHN) for record in RECORDS}
    take(*(town.send(record[0], "identity", town.rid(*record), one, START_MS) for record, one in sent.items()))
    assert clusters(machine) == {tuple(sorted(town.rid(*record) for record in RECORDS))}
    assert reader.causes == {"upsert", "model", "epoch"}
