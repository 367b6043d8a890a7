"""Families as they come, in the bridge's own encodings and under the shipped model: who is one person, who lives together.

Everybody is known to two agencies, so that each of these could go wrong between agencies and within one.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from bridge.encode import Encoder
from bridge.normalise import Person
from streams.linkage.graph import SPECS, LinkGraph
from streams.linkage.identity import from_wire
from streams.linkage.model import shipped_model
from streams.state import Tables

ENCODER = Encoder(bytes(range(32)), 1)
AGENCIES = ("council", "police")
LARKSPUR: dict[str, Any] = {"number": "12", "street": "Larkspur Way", "postcode": "ZE1 9XX"}
TANSY: dict[str, Any] = {"number": "7", "street": "Tansy Close", "postcode": "ZE2 8YY"}
Groups = set[frozenset[str]]


def someone(given: str, surname: str, dob: str, home: dict[str, Any] = LARKSPUR, **more: Any) -> Person:
    return Person(given=given, surname=surname, dob=dob, **home, **more)


class Families:
    """A graph of people by name, each known to both agencies unless told otherwise."""

    def __init__(self, **people: Person) -> None:
        self.graph = LinkGraph(shipped_model(), Tables("p", SPECS))
        self.names: dict[bytes, str] = {}
        for name, one in people.items():
            for agency in AGENCIES:
                self.put(name, agency, one)

    def put(self, name: str, agency: str, one: Person) -> None:
        record = self.record(name, agency)
        self.names[record] = name
        self.graph.upsert(record, from_wire(ENCODER.identity(one), agency))

    def record(self, name: str, agency: str) -> bytes:
        return f"{name}@{agency}".encode().ljust(64, b"\0")

    def people(self) -> Groups:
        return {self._named(self.graph.members(self.graph.cluster(record))) for record in self.names}

    def homes(self) -> Groups:
        return {self._named(self.graph.household_records(self.graph.household(record))) for record in self.names}

    def _named(self, records: tuple[bytes, ...]) -> frozenset[str]:
        return frozenset(self.names[record] for record in records)


def each(*names: str) -> Groups:
    return {frozenset([name]) for name in names}


TWINS = [("Mary", "John"), ("Mary", "Maria"), ("Jayden", "Kayden"), ("Olivia", "Amelia")]


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_twins_at_one_address_are_two_people_of_one_household(one: str, other: str) -> None:
    found = Families(one=someone(one, "Quill", "2014-03-09"), other=someone(other, "Quill", "2014-03-09"))
    assert found.people() == each("one", "other")
    assert found.homes() == {frozenset({"one", "other"})}


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_twins_that_two_agencies_know_one_of_each_are_two_people(one: str, other: str) -> None:
    found = Families()
    found.put("one", "council", someone(one, "Quill", "2014-03-09"))
    found.put("other", "police", someone(other, "Quill", "2014-03-09"))
    assert found.people() == each("one", "other")


def test_siblings_are_as_many_people_and_one_household() -> None:
    found = Families(mary=someone("Mary", "Quill", "2014-03-09"), john=someone("John", "Quill", "2011-07-21"),
                     anne=someone("Anne", "Quill", "2009-01-30"))  # fmt: skip
    assert found.people() == each("mary", "john", "anne")
    assert found.homes() == {frozenset({"mary", "john", "anne"})}


def test_a_step_family_is_one_household_by_a_child_of_both_surnames() -> None:
    found = Families(
        susan=someone("Susan", "Quill", "1985-04-04"), mary=someone("Mary", "Quill", "2014-03-09"),
        peter=someone("Peter", "Okafor", "1980-10-11"), ben=someone("Ben", "Quill Okafor", "2018-02-02"),
    )  # fmt: skip
    assert found.people() == each("susan", "mary", "peter", "ben")
    assert found.homes() == {frozenset({"susan", "mary", "peter", "ben"})}


def test_half_siblings_in_two_homes_are_of_two_households() -> None:
    found = Families(mary=someone("Mary", "Quill", "2014-03-09"), ben=someone("Ben", "Okafor", "2012-02-02", TANSY))
    assert found.people() == found.homes() == each("mary", "ben")


@pytest.mark.parametrize(("born", "middle"), [("1980-03-09", None), ("1980-07-21", None), ("1980-03-09", "Edward")])
def test_father_and_son_of_one_name_are_two_people_of_one_household(born: str, middle: str | None) -> None:
    found = Families(father=someone("John", "Quill", born, middle=middle),
                     son=someone("John", "Quill", "2011-07-21", middle=middle))  # fmt: skip
    assert found.people() == each("father", "son")
    assert found.homes() == {frozenset({"father", "son"})}


@pytest.mark.parametrize(("one", "other"), [("2010-01-01", "2012-05-17"), (None, None)])
def test_people_who_share_a_name_and_nothing_else_are_apart(one: str | None, other: str | None) -> None:
    found = Families(one=Person(given="Mohammed", surname="Ali", dob=one, **LARKSPUR),
                     other=Person(given="Mohammed", surname="Ali", dob=other, **TANSY))  # fmt: skip
    assert found.people() == found.homes() == each("one", "other")


def test_people_of_a_communal_home_are_no_household() -> None:
    """Not by its address, nor by its UPRN, nor where two of them share a surname."""
    residents = {
        name: replace(someone(given, surname, dob, uprn="100012345678"), communal=True)
        for name, given, surname, dob in (
            ("ann", "Ann", "Smith", "2008-01-01"), ("ben", "Ben", "Jones", "2009-02-02"),
            ("cal", "Cal", "Patel", "2010-03-03"), ("dee", "Dee", "Smith", "2011-11-11"),
        )
    }  # fmt: skip
    found = Families(**residents)
    assert found.people() == found.homes() == each(*residents)
    warden = Families(**residents, warden=someone("Ida", "Smith", "1970-01-01", uprn="100012345678"))
    assert warden.homes() == each(*residents, "warden"), "nor with one whose record does not say that it is communal"


def test_an_adopted_childs_old_and_new_identity_stay_apart_whenever_their_records_come() -> None:
    """The worst case: everything but the surname is the same, the address too, and nobody marked it restricted."""
    old = someone("Mary", "Quill", "2014-03-09", nhs="9434765919")
    new = someone("Mary", "Quill-Okafor", "2014-03-09", nhs="9434765919")
    apart = [(a, b) for a in AGENCIES for b in AGENCIES]
    for order in permutations([("old", old), ("new", new)]):
        found = Families(**dict(order))
        assert found.people() == {frozenset({"old", "new"})}, "the test is worth something"
        for a, b in apart:
            found.graph.assert_pair(found.record("old", a), found.record("new", b), "cannot")
        assert found.people() == each("old", "new")
        for name, one in (*order, *order[::-1]):
            for agency in AGENCIES:
                found.graph.delete(found.record(name, agency))
            for agency in AGENCIES:
                found.put(name, agency, replace(one, middle="Ann"))
                assert found.people() <= each("old", "new"), "not for a moment"
        assert found.people() == each("old", "new")


def test_an_adopted_child_under_a_restricted_new_identity_is_not_found_at_the_old_home() -> None:
    found = Families(old=someone("Mary", "Quill", "2014-03-09"), mother=someone("Susan", "Quill", "1985-04-04"))
    for agency in AGENCIES:
        found.put("new", agency, replace(someone("Mary", "Okafor", "2014-03-09", TANSY), restricted=True))
        found.put("parent", agency, someone("Ada", "Okafor", "1979-05-05", TANSY))
    assert found.people() == each("old", "mother", "new", "parent")
    assert found.homes() == {frozenset({"old", "mother"}), frozenset({"new"}), frozenset({"parent"})}
