"""Somebody is looked up, through `step`: who is found, who never is, and that it leaves no trace on anything else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import topology
from bridge.normalise import Person
from schemas import codec
from schemas.lookup import VALID_MAX_MS, VALID_S
from streams import lookups
from streams.linkage.identity import from_wire
from streams.outbox import LookupOut, RefusedOut, RowOut, make_cut
from streams.state import Out
from streams.step import State, make_machine
from tests.smalltown import AGENCIES, DAY_MS, JOHN, MARY, NAME, START_MS, Smalltown, entry, fold, person, tick

NOW = START_MS + DAY_MS
HOUR_MS = 3600 * 1000
TWIN = replace(JOHN, given="Edgar")
NAMESAKE = replace(JOHN, number="90", street="Hawthorn Rise", postcode="ZE9 1AA")
HIDDEN = person("Ottoline", "Marchbanks", "2012-02-17")
MOTHER = person("Ada", "Quillfeather", "1984-05-17", number="12", street="Larkspur Way", postcode="ZE1 9XX")
GRAVE = [{"family": "violence", "severity": 4, "origin": "structured"}]
RECORDS = (
    ("police", "mary", MARY), ("council", "m", replace(MARY, given="Mary", number="7")), ("police", "ada", MOTHER),
    ("police", "john", JOHN), ("police", "edgar", TWIN), ("police", "hidden", replace(HIDDEN, restricted=True)),
    ("council", "h", HIDDEN),
)  # fmt: skip


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Smalltown:
    return Smalltown(tmp_path_factory.mktemp("town") / "keys")


@cache
def opened(town: Smalltown) -> State:
    """Six people of two agencies, one of them restricted at one; nobody steps on from here but by a fold."""
    machine = make_machine(0, town.keyring)
    entries = town.opening()
    for agency, name, who in RECORDS:
        child = name != "ada"
        entries += [
            town.identity(agency, name, who),
            town.profile(agency, name, age_band="5-10" if child else "adult", to_18=child, restricted=who.restricted),
        ]
    entries += [town.live(agency, START_MS) for agency in AGENCIES]
    machine.step([*entries, *(tick(START_MS + minute * 60_000) for minute in range(1, 10))])
    return machine


def asked(who: Person) -> Person:
    """What somebody at a desk types: a name and a birth date."""
    return Person(given=who.given, surname=who.surname, dob=who.dob)


class Street:
    """A live partnership, folded anew before each commit."""

    def __init__(self, town: Smalltown) -> None:
        self.town = town
        self.machine = fold(opened(town), town)

    def step(self, *entries: bytes) -> list[tuple[str, str, Any]]:
        """(agency, key, body) of the rows about look-ups, as they leave."""
        self.machine = fold(self.machine, self.town)
        self.outcome = self.machine.step(entries)
        return rows(self.town, self.outcome.outbox)

    def look_up(self, who: Person, agency: str = "council", at: int = NOW, **more: Any) -> list[dict[str, Any]]:
        """Who is found."""
        ((to, _, body),) = self.step(self.town.lookup(agency, who, at, **more))
        assert to == agency
        found: list[dict[str, Any]] = body["matches"]
        return found

    @property
    def reasons(self) -> list[str]:
        return [
            msgspec.msgpack.decode(out.body, type=RefusedOut).reason
            for out in self.outcome.outbox
            if out.kind == "dead_letter"
        ]

    def records(self, agency: str, *names: str) -> list[str]:
        return sorted(self.town.rid(agency, name).hex() for name in names)

    def household(self, agency: str, name: str, reader: str) -> str:
        graph = self.machine.partnerships[NAME].graph
        return make_cut(self.town.keyring).entity_id(reader, graph.household(self.town.rid(agency, name)))


def rows(town: Smalltown, outbox: Sequence[Out]) -> list[tuple[str, str, Any]]:
    cut = make_cut(town.keyring)
    found = []
    for message in (message for out in outbox if out.kind in {"lookup", "view"} for message in cut(out)):
        _, row = codec.decode(message.value, frozenset({"view"}))
        if row["kind"] == "lookup":
            agency = next(name for name in AGENCIES if message.topic == topology.VIEWS.name.format(agency=name))
            assert message.key.decode() == row["key"]
            found.append((agency, row["key"], row["body"] and json.loads(row["body"])))
    return found


def test_a_person_known_to_both_is_found_by_own_records_and_by_who_else_knows(town: Smalltown) -> None:
    street = Street(town)
    ((to, key, body),) = street.step(town.lookup("council", asked(MARY), NOW))
    assert (to, key[:7], len(key)) == ("council", "lookup:", 39)
    (found,) = body.pop("matches")
    assert body == {"found_at": NOW, "expires_at": NOW + VALID_S * 1000}
    assert found.pop("strength_milli") >= street.machine.partnerships[NAME].graph.model.edge
    assert found == {
        "household": street.household("council", "m", "council"), "records": street.records("council", "m"),
        "agencies": ["council", "police"],
    }  # fmt: skip
    assert street.outcome.counts == {("council", "applied"): 1}


def test_a_person_whom_only_another_agency_knows_is_found_without_a_record(town: Smalltown) -> None:
    (found,) = Street(town).look_up(asked(JOHN))
    assert (found["records"], found["agencies"]) == ([], ["police"])


def test_the_same_person_has_another_household_id_at_another_agency(town: Smalltown) -> None:
    street = Street(town)
    (ours,), (theirs,) = street.look_up(asked(MARY)), street.look_up(asked(MARY), "police")
    assert ours["household"] != theirs["household"]
    assert theirs["household"] == street.household("police", "mary", "police")
    assert theirs["records"] == street.records("police", "mary")


@pytest.mark.parametrize(
    "who",
    [
        replace(asked(MARY), surname="Quilfeather"),
        replace(asked(MARY), given="quillfeather", surname="MARY"),
        replace(asked(MARY), dob="9/3/2014"),
    ],
    ids=["a letter missing", "names swapped", "another way to write the day"],
)
def test_a_slip_in_the_name_still_finds(town: Smalltown, who: Person) -> None:
    assert len(Street(town).look_up(who)) == 1


@pytest.mark.parametrize("dob", ["2014-03-19", "2013-03-09", "2014-09-03", "2012-06-21", "2004-03-09"])
def test_a_name_with_a_wrong_birth_date_finds_nobody(town: Smalltown, dob: str) -> None:
    assert Street(town).look_up(replace(asked(MARY), dob=dob)) == []


@pytest.mark.parametrize(
    "who",
    [
        replace(asked(MARY), given=None),
        replace(asked(MARY), surname="Unknown"),
        replace(asked(MARY), dob="1900-01-01"),
        replace(asked(MARY), postcode=MARY.postcode),
        replace(asked(MARY), street=MARY.street, number=MARY.number),
        replace(asked(MARY), upn="H801200001001"),
        replace(asked(MARY), uprn="10001234567"),
    ],
    ids=["no given name", "no surname", "no date", "a postcode", "an address", "a pupil number", "a property"],
)
def test_by_half_a_name_or_with_an_address_nobody_is_looked_up(town: Smalltown, who: Person) -> None:
    street = Street(town)
    assert street.step(town.lookup("council", who, NOW)) == []
    assert street.reasons == ["bad_lookup"]


@pytest.mark.parametrize("dob", ["2012-06-21", "2009-11-30"])
def test_a_birth_date_that_is_no_slip_finds_nobody_even_with_the_number(town: Smalltown, dob: str) -> None:
    street = Street(town)
    street.step(town.identity("police", "mary", replace(MARY, nhs="9434765919"), NOW))
    assert len(street.look_up(replace(asked(MARY), nhs="9434765919"))) == 1
    assert street.look_up(replace(asked(MARY), dob=dob, nhs="9434765919")) == []


def test_a_first_name_alone_finds_no_brother_and_a_twin_is_not_the_other(town: Smalltown) -> None:
    street = Street(town)
    assert street.look_up(replace(asked(MARY), given="Tobias")) == []
    assert len(street.look_up(asked(TWIN))) == 1
    assert len(street.look_up(asked(JOHN))) == 1
    assert street.look_up(asked(TWIN), "police") != street.look_up(asked(JOHN), "police")


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_all_who_fit_are_told_the_strongest_first_and_never_more_than_three(town: Smalltown, count: int) -> None:
    street = Street(town)
    names = [f"n{number}" for number in range(count)]
    for name in names:
        street.step(town.identity("council", name, NAMESAKE), town.profile("council", name))
    for one, two in combinations(names, 2):
        pair = [town.rid("council", one), town.rid("council", two)]
        street.step(town.response("council", "cannot_link", NOW, records=pair))
    graph = street.machine.partnerships[NAME].graph
    people = {
        graph.cluster(rid) for rid in (*(town.rid("council", name) for name in names), town.rid("police", "john"))
    }
    assert count <= len(people) <= count + 1, "held apart, whoever of them is the one that the police know"
    found = street.look_up(asked(JOHN))
    assert len(found) == min(3, len(people))
    assert len({tuple(one["records"]) for one in found}) == len(found)
    strengths = [one["strength_milli"] for one in found]
    assert strengths == sorted(strengths, reverse=True)


@pytest.mark.parametrize("agency", ["council", "police"])
def test_somebody_restricted_anywhere_is_answered_as_nobody_by_the_same_words(town: Smalltown, agency: str) -> None:
    street = Street(town)
    graph = street.machine.partnerships[NAME].graph
    assert graph.cluster(town.rid("council", "h")) == graph.cluster(town.rid("police", "hidden")), "one person"
    (hidden,) = street.step(town.lookup(agency, asked(HIDDEN), NOW))
    sizes = len(street.outcome.outbox), len(street.outcome.delta)
    (nobody,) = street.step(town.lookup(agency, asked(person("Nobody", "Ofthatname", "2012-02-17")), NOW))
    assert hidden[2] == nobody[2] == {"found_at": NOW, "expires_at": NOW + VALID_S * 1000, "matches": []}
    assert sizes == (len(street.outcome.outbox), len(street.outcome.delta))
    street.step(town.identity("police", "hidden", HIDDEN, NOW), town.profile("police", "hidden", NOW))
    assert len(street.look_up(asked(HIDDEN), agency)) == 1, "it was the restriction, and nothing else"


def test_a_profile_alone_restricts_too(town: Smalltown) -> None:
    street = Street(town)
    street.step(town.profile("police", "mary", NOW, restricted=True))
    assert street.look_up(asked(MARY)) == []


def test_an_agency_that_may_not_learn_who_holds_anything_learns_it_here_neither(town: Smalltown) -> None:
    street = Street(town)
    agencies = town.register()["agencies"]
    for rung, told in ((0, set()), (1, {"agencies"}), (3, {"agencies", "strength_milli"})):
        low = {**agencies, "council": {**agencies["council"], "rung": rung}}
        street.step(town.control("register", town.register(agencies=low), 2 + rung, at=NOW))
        (found,) = street.look_up(asked(MARY))
        assert set(found) - {"household", "records"} == told


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "another team's": ("bad_lookup", {"team": "desk"}),
    "no such team": ("bad_lookup", {"team": "nobody"}),
    "for too long": ("bad_lookup", {"expires_at": NOW + VALID_MAX_MS + 1}),
    "expired": ("lookup_expired", {"expires_at": NOW}),
    "not signed": ("lookup_signature", {"signature": bytes(64)}),
    "not sealed to the platform": ("seal_broken", {"sealed": bytes(80)}),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_goes_back_with_its_reason_and_changes_nothing(town: Smalltown, what: str) -> None:
    street = Street(town)
    reason, changes = REFUSED[what]
    before = street.machine.digest()
    assert street.step(town.lookup("council", asked(MARY), NOW, **changes)) == []
    assert street.reasons == [reason]
    assert street.machine.digest() == before


@pytest.mark.parametrize("field", ["lookup_id", "team", "user", "purpose", "requested_at", "expires_at", "sealed"])
def test_the_signature_is_over_every_field(town: Smalltown, field: str) -> None:
    street = Street(town)
    journaled = codec.decode(town.lookup("council", asked(MARY), NOW), frozenset({"journal"}))[1]
    message = codec.decode(journaled["body"], frozenset({"lookup"}))[1]
    other = {"lookup_id": bytes(16), "purpose": "planning", "sealed": message["sealed"] + b"x", "team": "mash2"}
    value = message[field]
    changed = {**message, field: other.get(field, value + 1 if isinstance(value, int) else f"{value}x")}
    assert street.step(entry(journaled["origin"], codec.encode("lookup", changed), NOW)) == []
    assert street.reasons == ["lookup_signature"]


def test_a_seal_is_of_one_look_up_and_one_agency_and_nobody_asks_in_anothers_name(town: Smalltown) -> None:
    street = Street(town)
    journaled = codec.decode(town.lookup("council", asked(MARY), NOW), frozenset({"journal"}))[1]
    sealed = codec.decode(journaled["body"], frozenset({"lookup"}))[1]["sealed"]
    for agency in AGENCIES:
        assert street.step(town.lookup(agency, asked(MARY), NOW, sealed=sealed)) == []
        assert street.reasons == ["seal_broken"]
    assert street.step(entry(topology.REQUESTS.name.format(agency="police"), journaled["body"], NOW)) == []
    assert street.reasons == ["wrong_agency"]


def test_a_repeat_is_a_duplicate_and_is_answered_once(town: Smalltown) -> None:
    street = Street(town)
    lookup = town.lookup("council", asked(MARY), NOW)
    assert len(street.step(lookup)) == 1
    assert street.step(lookup) == []
    assert street.outcome.counts == {("council", "duplicate"): 1}


def test_the_answer_is_taken_back_when_it_expires_and_a_late_repeat_is_refused(town: Smalltown) -> None:
    street = Street(town)
    lookup = town.lookup("council", asked(MARY), NOW)
    ((_, key, _),) = street.step(lookup)
    end = NOW + VALID_S * 1000
    assert street.step(tick(end - 1)) == []
    assert street.step(tick(end)) == [("council", key, None)]
    assert street.step(tick(end + HOUR_MS)) == []
    assert not street.machine.partnerships[NAME].tables["lookups"]
    body = codec.decode(lookup, frozenset({"journal"}))[1]["body"]
    assert street.step(entry(topology.REQUESTS.name.format(agency="council"), body, end + HOUR_MS)) == []
    assert street.reasons == ["lookup_expired"]


def test_look_ups_of_an_agency_are_bounded_at_once_and_by_the_hour(
    town: Smalltown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "OPEN_MAX_PER_AGENCY", 2)
    monkeypatch.setattr(lookups, "HOUR_MAX_PER_AGENCY", 3)
    street, now = Street(town), NOW
    for _ in range(2):
        street.look_up(asked(MARY), at=now)
    assert street.step(town.lookup("council", asked(MARY), now)) == []
    assert street.reasons == ["lookup_full"]
    assert street.look_up(asked(MARY), "police", now), "another agency has its own"
    now += VALID_S * 1000
    street.step(tick(now))
    street.look_up(asked(MARY), at=now)
    assert street.step(town.lookup("council", asked(MARY), now)) == []
    assert street.reasons == ["lookup_full"], "the third within the hour was the last"
    street.step(tick(NOW + HOUR_MS))
    assert street.look_up(asked(MARY), at=NOW + HOUR_MS)


def test_while_a_new_linkage_key_comes_in_each_look_up_is_compared_with_what_is_under_its_own(
    town: Smalltown,
) -> None:
    street = Street(town)
    encode = street.town._encoders["council"]
    later = {**encode.identity(asked(JOHN)), "key_epoch": 2}
    record = {**encode.identity(JOHN), "key_epoch": 2}
    street.step(town.send("police", "identity", town.rid("police", "john"), record, NOW))
    assert street.machine.partnerships[NAME].links.beside is not None
    assert len(street.look_up(asked(JOHN))) == 1
    assert len(street.machine.partnerships[NAME].links.strangers(from_wire(later, ""))) == 1
    absent = {**encode.identity(asked(MARY)), "key_epoch": 2}
    assert not street.machine.partnerships[NAME].links.strangers(from_wire(absent, ""))


PEOPLE = (MARY, JOHN, TWIN, HIDDEN)
steps = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3), st.integers(0, 40)), min_size=1, max_size=30)


def journal(town: Smalltown, moves: Sequence[tuple[int, int, int]]) -> list[tuple[bool, bytes]]:
    """Entries, and whether each is a look-up; hours go by between them."""
    entries: list[tuple[bool, bytes]] = []
    now = NOW
    for number, (kind, who, hours) in enumerate(moves):
        now += hours * HOUR_MS
        agency, name = ("police", "council")[who % 2], f"p{who}"
        match kind:
            case 0 | 1 | 2:
                entries.append((True, town.lookup(agency, asked(PEOPLE[who]), now)))
            case 3:
                entries.append((False, town.identity(agency, name, PEOPLE[who], now)))
            case 4:
                entries.append((False, town.identity(agency, name, None, now)))
            case 5:
                entries.append((False, town.event("police", "mary", f"e{number}", now, factors=GRAVE)))
            case 6:
                entries.append((False, town.profile(agency, name, now, restricted=hours % 2 == 0)))
            case 7 if entries:
                entries.append(entries[who % len(entries)])
            case _:
                entries.append((False, tick(now)))
    return [*entries, (False, tick(now + HOUR_MS)), (False, tick(now + 40 * DAY_MS))]


def everything_else(outbox: Sequence[Out]) -> list[Out]:
    """All that left but what is about look-ups."""
    return [
        out
        for out in outbox
        if out.kind not in {"lookup", "dead_letter"}
        and not (out.kind == "view" and msgspec.msgpack.decode(out.body, type=RowOut).kind == "lookup")
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=steps)
def test_links_scores_and_alerts_are_the_same_bytes_with_and_without_look_ups(
    town: Smalltown, moves: list[tuple[int, int, int]]
) -> None:
    with_, without = fold(opened(town), town), fold(opened(town), town)
    entries = journal(town, moves)
    told = everything_else(with_.step([one for _, one in entries]).outbox)
    assert told == everything_else(without.step([one for is_lookup, one in entries if not is_lookup]).outbox)
    tables = with_.partnerships[NAME].tables
    assert not tables["lookups"], "forty days on nothing is left of them"
    assert with_.digest() == without.digest()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=steps, cuts=st.lists(st.integers(1, 4), min_size=1, max_size=20))
def test_however_the_journal_is_cut_the_answers_are_the_same(
    town: Smalltown, moves: list[tuple[int, int, int]], cuts: list[int]
) -> None:
    whole, piecewise = fold(opened(town), town), fold(opened(town), town)
    entries = [one for _, one in journal(town, moves)]
    outcome = whole.step(entries)
    outbox, at = [], 0
    for size in [*cuts, len(entries)]:
        outbox += piecewise.step(entries[at : at + size]).outbox
        at += size
        piecewise = fold(piecewise, town)
    assert tuple(outbox) == outcome.outbox
    assert piecewise.digest() == whole.digest()
    answered = [
        msgspec.msgpack.decode(out.body, type=LookupOut).key for out in outcome.outbox if out.kind == "lookup"
    ]
    gone = [key for _, key, body in rows(town, outcome.outbox) if body is None]
    assert sorted(answered) == sorted(gone), "each answer is taken back once"
