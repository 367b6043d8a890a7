"""Bad input for linkage: bounded work, a clear outcome, nothing lost.

Work is counted, not timed: pairs weighed, slots and links of the table of keys. Values no bridge would send are
forged, sealed by an agency's own key: the platform cannot know better.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.encode import Encoder
from bridge.normalise import Person
from schemas import codec
from schemas.identity import BANDS_MAX, FIELD_BYTES, FIELDS, MATCHKEYS_MAX, TOKEN_BYTES, TOKENS
from streams.linkage.graph import SPECS, LinkGraph
from streams.linkage.identity import Identity, from_wire
from streams.linkage.model import LinkModel, shipped_model
from streams.outbox import RefusedOut, make_cut
from streams.state import Tables
from streams.step import make_machine
from tests.property.linkage_world import World, history, models, people, records
from tests.smalltown import JOHN, MARY, NAME, START_MS, Smalltown, person

CROWD = 100_000
MODEL = shipped_model()
BITS, TOKEN_SIZE = len(FIELDS) * FIELD_BYTES, len(TOKENS) * TOKEN_BYTES
POSTCODE = FIELDS.index("postcode") * FIELD_BYTES
DUMMY = bytes(range(1, TOKEN_BYTES + 1)).ljust(TOKEN_SIZE, b"\0")
LAST = Person(given="Mary", surname="Quillfeather", dob="2014-03-09")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Smalltown:
    return Smalltown(tmp_path_factory.mktemp("town") / "keys")


class Counted:
    """A graph, and how many pairs each call weighed."""

    def __init__(self) -> None:
        self.tables = Tables("p", SPECS)
        self.graph = LinkGraph(MODEL, self.tables)
        self.weighed = self.most = 0
        weigh = self.graph._pairs._weigh

        def counted(record: bytes, others: Sequence[bytes], least: int) -> dict[bytes, int]:
            self.weighed += len(others)
            self.most = max(self.most, len(others))
            return weigh(record, others, least)

        self.graph._pairs._weigh = counted  # type: ignore[method-assign]

    def take(self) -> int:
        """Pairs weighed since the last call."""
        weighed, self.weighed = self.weighed, 0
        return weighed

    def table_bytes(self) -> int:
        """Memory of the table of keys, and of what it keeps of keys that many hold."""
        table = self.graph._pairs._postings
        arrays = (table._slots, table._values, table._chains, table._links, table._marks)
        return sum(array.nbytes for array in arrays) + sum(map(sys.getsizeof, table._retired.values()))


def strangers(
    count: int, seed: int, *, own: int = 3, matchkeys: bytes = b"", tokens: bytes = DUMMY
) -> Iterator[Identity]:
    """Records alike in nothing but one postcode, one dummy number and what else is given."""
    chance = np.random.default_rng(seed)
    bits = chance.integers(0, 256, (count, BITS), np.uint8)
    bits[:, POSTCODE : POSTCODE + FIELD_BYTES] = np.arange(FIELD_BYTES)
    keys = chance.integers(0, 256, (count, 8 * own), np.uint8)
    for row, mine in zip(bits, keys, strict=True):
        yield Identity("council", 1, 1, 0, row.tobytes(), tokens, mine.tobytes() + matchkeys, b"", False, False)


def test_a_value_that_a_hundred_thousand_share_costs_no_more_than_one_that_a_hundred_do() -> None:
    made = Counted()
    for number, one in enumerate(strangers(CROWD, 1, matchkeys=b"postcode")):
        made.graph.upsert(b"%064d" % number, one)
    assert made.take() <= MODEL.posting_max**2 / 2, "only the first hundred met"
    assert made.most <= MODEL.posting_max
    assert made.table_bytes() / CROWD < 300
    assert not made.tables["clusters"]
    assert not made.tables["households"]
    for number, one in enumerate(strangers(1_000, 2, matchkeys=b"postcode")):
        made.graph.upsert(b"%064d" % (number * 97), one)
        made.graph.delete(b"%064d" % (number * 89))
    assert made.take() == 0, "nobody meets by a key that many hold"
    few = {record: made.tables["identities"][record] for record in list(made.tables["identities"])[:60]}
    for record in list(made.tables["identities"])[60:]:
        made.graph.delete(record)
    assert made.take() <= 2 * MODEL.posting_max**2 / 2, "the keys come back once, together with the second of them"
    fresh = Counted()
    for record, one in few.items():
        fresh.graph.upsert(record, one)
    assert fresh.tables == made.tables
    assert all(set(fresh.graph._pairs.candidates(one)) == set(few) - {one} for one in few)
    assert all(set(made.graph._pairs.candidates(one)) == set(few) - {one} for one in few), "nothing was lost"


@pytest.mark.parametrize("keys", [1, MATCHKEYS_MAX - 3])
def test_keys_at_their_limit_that_come_and_go_weigh_each_pair_once(keys: int) -> None:
    """As many records as count share one key or all of them, and one more comes and goes."""
    made = Counted()
    crowd = list(strangers(MODEL.posting_max, 3, matchkeys=np.random.default_rng(3).bytes(8 * keys)))
    for number, one in enumerate(crowd):
        made.graph.upsert(b"%064d" % number, one)
    for _ in range(3):
        made.take()
        made.graph.upsert(b"x" * 64, crowd[0])
        assert made.take() <= 1, "that one's own pair"
        made.graph.delete(b"x" * 64)
        assert made.take() <= MODEL.posting_max**2 / 2


def test_a_record_changed_a_thousand_times_is_its_last_version_and_the_tables_do_not_grow() -> None:
    made = Counted()
    for number, one in enumerate(strangers(50, 4)):
        made.graph.upsert(b"%064d" % number, one)
    sizes, used = [], []
    for turn, one in enumerate(strangers(1_000, 5, own=MATCHKEYS_MAX)):
        made.graph.upsert(b"x" * 64, one)
        if turn % 50 == 49:
            table = made.graph._pairs._postings
            sizes.append(len(table._slots))
            used.append((*table._meta[1:5].tolist(), len(table._records)))
    assert max(sizes) < 1.1 * min(sizes), sizes
    assert used[1] == used[-1], "chains, links, places"
    fresh = Counted()
    for number, last in enumerate(strangers(50, 4)):
        fresh.graph.upsert(b"%064d" % number, last)
    fresh.graph.upsert(b"x" * 64, one)
    assert fresh.tables == made.tables


def test_keys_that_come_and_go_a_million_times_leave_a_small_table() -> None:
    made = Counted()
    for one in strangers(20_000, 6, own=MATCHKEYS_MAX, tokens=bytes(TOKEN_SIZE)):
        made.graph.upsert(b"x" * 64, one)
    assert made.table_bytes() < 400_000


def test_through_step_a_thousand_versions_leave_what_the_last_one_alone_does(town: Smalltown) -> None:
    pool = (MARY, JOHN, person("Jane", "Oddfellow", "2009-01-02"), LAST)
    versions = [town.identity("council", "m", pool[turn % 4]) for turn in range(1_000)]
    others = [*town.opening(), town.identity("police", "q", MARY), town.identity("police", "j", JOHN)]
    many, one = make_machine(0, town.keyring), make_machine(0, town.keyring)
    assert many.step([*others, *versions]).counts["council", "applied"] == 1_001
    one.step([*others, versions[-1]])
    assert many.digest() == one.digest()


def test_records_without_any_value_are_alone_and_never_compared(town: Smalltown) -> None:
    machine = make_machine(0, town.keyring)
    nobodies = [("council", f"n{number}") for number in range(20)]
    outcome = machine.step([*town.opening(), town.identity("council", "m", MARY),
                            *(town.identity(*who, Person()) for who in nobodies), town.identity("police", "q", MARY)])  # fmt: skip
    assert outcome.counts["council", "applied"] == 22
    graph = machine.partnership(NAME).graph
    for who in nobodies:
        rid = town.rid(*who)
        assert graph.members(graph.cluster(rid)) == graph.household_records(graph.household(rid)) == (rid,)
        assert graph._pairs.candidates(rid) == []
    assert graph.cluster(town.rid("council", "m")) == graph.cluster(town.rid("police", "q"))


def test_two_key_epochs_are_never_linked_across_and_each_is_complete(town: Smalltown) -> None:
    """The police's bridge is under the next key already: its records are one person and household with each other."""
    later = Encoder(bytes(32), 2)
    sister = person(
        "Ida", "Quillfeather", "2016-05-05", number=MARY.number, street=MARY.street, postcode=MARY.postcode
    )
    who = {"m": MARY, "m2": MARY, "i": sister}
    machine = make_machine(0, town.keyring)
    machine.step([
        *town.opening(), *(town.identity("council", name, one) for name, one in who.items()),
        *(town.send("police", "identity", town.rid("police", name), later.identity(one), START_MS) for name, one in who.items()),
    ])  # fmt: skip
    graph = machine.partnership(NAME).graph
    for agency in ("council", "police"):
        mary = tuple(sorted(town.rid(agency, name) for name in ("m", "m2")))
        assert graph.members(graph.cluster(mary[0])) == mary
        home = tuple(sorted(town.rid(agency, name) for name in who))
        assert graph.household_records(graph.household(mary[0])) == home


@settings(max_examples=60, deadline=None)
@given(models, st.dictionaries(records, people, min_size=2), st.integers(0, 1 << 32), st.sampled_from([1, 2]))
def test_equal_keys_under_two_epochs_do_not_link(
    chosen: LinkModel, final: dict[bytes, Identity], seed: int, later: int
) -> None:
    """Forged: encodings of one epoch that say they are of another, so that every key meets."""
    chance = random.Random(seed)
    mixed = {
        record: msgspec.structs.replace(one, key_epoch=chance.choice([1, later])) for record, one in final.items()
    }
    world = World(chosen)
    for fact in history(chance, mixed, {}):
        world.step(fact)
    batch = world.batch()
    assert (world.people, world.households) == (batch.people, batch.households)
    for group in world.people | world.households:
        assert len({mixed[record].key_epoch for record in group}) == 1


def forged() -> list[tuple[str, dict[str, Any]]]:
    """Identities of wrong sizes or bounds: the reason, and what is changed in a good one."""
    sizes = {
        "bits": (BITS, 1),
        "tokens": (TOKEN_SIZE, 1),
        "matchkeys": (MATCHKEYS_MAX * 8, 8),
        "bands": (BANDS_MAX * 8, 8),
    }
    made = [
        ("bad_size", {part: bytes(size)})
        for part, (right, step) in sizes.items()
        for size in (right - 1, right + 1, right + 8, 7, 100_000, *([0, 8, right - 8] if step == 1 else [9]))
    ]
    bounds = [{"nulls": -1}, {"nulls": 1 << len(FIELDS)}, {"key_epoch": -1}, {"schema_epoch": -1}]
    return made + [("bad_bounds", change) for change in bounds]


@pytest.mark.parametrize(
    ("reason", "change"), forged(),
    ids=lambda value: value if isinstance(value, str) else ",".join(
        f"{name}={len(one) if isinstance(one, bytes) else one}" for name, one in value.items()),
)  # fmt: skip
def test_a_part_of_another_length_is_given_back_and_changes_nothing(
    town: Smalltown, reason: str, change: dict[str, Any]
) -> None:
    machine = make_machine(0, town.keyring)
    machine.step([*town.opening(), town.identity("council", "m", MARY), town.identity("police", "q", MARY)])
    before = machine.digest()
    message = Encoder(bytes(32), 1).identity(JOHN) | change
    forgery = town.send("council", "identity", town.rid("council", "m"), message, START_MS)
    outcome = machine.step([forgery])
    assert outcome.counts == {("council", "dead_letter"): 1}
    (out,) = outcome.outbox
    assert msgspec.msgpack.decode(out.body, type=RefusedOut).reason == reason
    (letter,) = make_cut(town.keyring)(out)
    assert codec.decode(letter.value, frozenset({"dead_letter"}))[1]["reason"] == reason
    assert machine.digest() == before
    assert machine.step([town.identity("council", "j", JOHN)]).counts == {("council", "applied"): 1}


def repeated(one: Identity, zeros: int) -> Identity:
    """Its keys twice in matchkeys and again in bands, and keys of zeros."""
    twice = (one.matchkeys * 2 + bytes(8 * zeros))[: 8 * MATCHKEYS_MAX]
    return msgspec.structs.replace(one, matchkeys=twice, bands=(one.matchkeys + bytes(8))[: 8 * BANDS_MAX])


def once(one: Identity) -> Identity:
    """As a bridge would have sent it: each key once."""
    packed = one.matchkeys + one.bands
    keys = {packed[at : at + 8] for at in range(0, len(packed), 8)}
    return msgspec.structs.replace(one, matchkeys=b"".join(sorted(keys)), bands=b"")


@settings(max_examples=80, deadline=None)
@given(models, st.dictionaries(records, people, min_size=1), st.integers(0, 1 << 32))
def test_keys_that_are_repeated_count_once(chosen: LinkModel, final: dict[bytes, Identity], seed: int) -> None:
    chance = random.Random(seed)
    many = {
        record: repeated(one, chance.randrange(4)) if chance.random() < 0.7 else one for record, one in final.items()
    }
    forgeries, plain = World(chosen), World(chosen)
    for fact in history(random.Random(seed), many, {}):
        forgeries.step(fact)
        plain.step((*fact[:2], once(fact[2])) if fact[0] == "upsert" else fact)
    batch = forgeries.batch()
    assert (forgeries.people, forgeries.households) == (batch.people, batch.households)
    for name in ("clusters", "households", "ties", "crowded"):
        assert forgeries.tables[name] == plain.tables[name]


@pytest.mark.parametrize("holders", [50, 150])
def test_a_number_that_different_people_have_by_mistake_links_nobody(holders: int) -> None:
    """One valid NHS number, typed for everybody who had none; the last of them have nothing else."""
    chance = random.Random(7)
    letters = "abcdefghijklmnoprstuvwy"

    def name() -> str:
        return "".join(chance.choices(letters, k=8))

    everyone = [
        Person(given=name(), surname=name(), dob=f"{chance.randrange(1940, 2020)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 28):02}",
               number=str(chance.randrange(1, 200)), street=f"{name()} road", postcode=f"ZE{chance.randrange(1, 9)} {chance.randrange(1, 9)}AB",
               nhs="9434765919")
        for _ in range(holders)
    ]  # fmt: skip
    everyone += [Person(given=name(), nhs="9434765919"), Person(surname=name(), nhs="9434765919")]
    everyone += [Person(nhs="9434765919"), Person(nhs="9434765919")]
    made = Counted()
    for number, one in enumerate(Encoder(bytes(32), 1).identities(everyone)):
        made.graph.upsert(b"%064d" % number, from_wire(one, ("council", "police")[number % 2]))
    assert made.tables["identities"][bytes(b"%064d" % 0)].tokens != bytes(TOKEN_SIZE)
    assert not made.tables["clusters"]
    assert not made.tables["households"]
