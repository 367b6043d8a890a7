"""Where a household is heading, and each outcome's probability, leave the platform at the summary, by the reader's own ids, and not below it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.normalise import Person
from schemas import codec
from schemas.event import ADVERSE_FAMILIES
from streams.outbox import RUNG_SUMMARY, Cutter, HouseholdOut, Reader, make_cut
from streams.risk.foresight import Outlook
from streams.risk.targets import FEW, Chance, Foreseen
from streams.risk.trajectory import WEEKS, Line
from streams.state import Out
from streams.step import make_machine
from tests.smalltown import AGENCIES, MARY, NAME, START_MS, Smalltown, tick

HOUSE, CHILD = b"h" * 16, b"c" * 16
LINES = tuple(Line(10_000 * n, 20_000 * n, 5_000 * n, 90_000 * n) for n in range(1, len(WEEKS) + 1))
CUT = Cutter(bytes(32))


def bodies(outlook: Outlook | None, *readers: Reader, outcomes: tuple[Foreseen, ...] = ()) -> list[dict[str, Any]]:
    said = HouseholdOut(HOUSE, 7, readers, 123_000, "4/all", (), outlook=outlook, outcomes=outcomes)
    messages = CUT(Out("household", "", "northmere", msgspec.msgpack.encode(said)))[1:]  # the first is the operators'
    return [json.loads(codec.decode(message.value, frozenset({"view"}))[1]["body"]) for message in messages]


@pytest.mark.parametrize("rung", range(5))
def test_the_lines_go_with_the_score(rung: int) -> None:
    (body,) = bodies(Outlook(123_000, LINES, ((CHILD, LINES),)), Reader("council", rung))
    assert ("trajectory" in body) == ("score_ppm" in body) == (rung >= RUNG_SUMMARY)


def test_each_reader_has_them_by_ids_of_its_own() -> None:
    readers = (Reader("council", 3, people=(CHILD,)), Reader("police", 3, people=(CHILD,)))
    one, other = bodies(Outlook(123_000, LINES, ((CHILD, LINES),)), *readers)
    assert one["trajectory"]["household"] == other["trajectory"]["household"]
    assert one["trajectory"]["household"]["low_ppm"] == [line.low for line in LINES]
    assert set(one["trajectory"]["people"]) == {CUT.entity_id("council", CHILD)}
    assert set(other["trajectory"]["people"]) == {CUT.entity_id("police", CHILD)}
    assert CHILD.hex() not in json.dumps(one)


def test_a_reader_has_the_lines_of_no_child_it_holds_no_record_of() -> None:
    sibling = b"s" * 16
    outlook = Outlook(123_000, LINES, ((CHILD, LINES), (sibling, LINES)))
    one, other, third = bodies(
        outlook,
        Reader("council", 3, people=(CHILD, sibling)),
        Reader("police", 3, people=(sibling,)),
        Reader("school", 4),
    )
    assert set(one["trajectory"]["people"]) == {CUT.entity_id("council", person) for person in (CHILD, sibling)}
    assert set(other["trajectory"]["people"]) == {CUT.entity_id("police", sibling)}
    assert third["trajectory"]["people"] == {}
    assert third["trajectory"]["household"] == one["trajectory"]["household"]


def told(town: Smalltown, *family: bytes) -> dict[str, dict[str, Any]]:
    """What each agency was last told of the household of the council's Mary, once there was trouble in it."""
    machine, cut = make_machine(0, town.keyring), make_cut(town.keyring)
    register = town.register()
    register["agencies"] = {name: {**one, "rung": 3} for name, one in register["agencies"].items()}
    opening = [town.control("register", register), *town.opening()[1:], *family]
    machine.step([*opening, *(town.live(agency, START_MS) for agency in AGENCIES)])
    machine.step([tick(START_MS + minute * 60_000) for minute in range(1, 20)])
    grave = [[{"family": family, "severity": 4, "origin": "structured"}] for family in ADVERSE_FAMILIES]
    at = START_MS + 3_600_000
    outbox = machine.step([
        town.event("council", "m", f"e{n}", at, factors=factors) for n, factors in enumerate(3 * grave)
    ]).outbox  # fmt: skip
    house = machine.partnerships[NAME].graph.household(town.rid("council", "m"))
    found: dict[str, dict[str, Any]] = {}
    for message in (message for out in outbox if out.kind == "household" for message in cut(out)):
        agency = message.topic.removeprefix("views-")
        if message.key.decode() == f"household:{cut.entity_id(agency, house)}":
            found[agency] = json.loads(codec.decode(message.value, frozenset({"view"}))[1]["body"])
    return {agency: body["trajectory"]["people"] for agency, body in found.items()}


SISTER = Person(given="Rosa", surname="Quillfeather", dob="2011-02-01", number="12", street="Larkspur Way",
                postcode="ZE1 9XX")  # fmt: skip


def test_the_police_learn_nothing_of_a_sister_whom_only_the_council_knows(tmp_path: Path) -> None:
    town = Smalltown(tmp_path / "keys")
    people = told(town, town.identity("council", "m", MARY), town.profile("council", "m"),
                  town.identity("council", "s", SISTER), town.profile("council", "s"),
                  town.identity("police", "q", MARY))  # fmt: skip
    assert {agency: len(lines) for agency, lines in people.items()} == {"council": 2, "police": 1}


def test_of_a_restricted_child_nobody_learns_but_who_holds_a_record_of_it(tmp_path: Path) -> None:
    town = Smalltown(tmp_path / "keys")
    hidden = [
        town.identity("council", "m", replace(MARY, restricted=True)),
        town.profile("council", "m", restricted=True),
    ]
    sister = [town.identity("police", "s", SISTER), town.profile("police", "s")]
    assert {agency: len(lines) for agency, lines in told(town, *hidden, *sister).items()} == {"council": 1}


def test_a_household_of_which_nothing_is_said_has_no_lines() -> None:
    (body,) = bodies(None, Reader("council", 4))
    assert body["score_ppm"] == 123_000
    assert "trajectory" not in body


OTHER = b"d" * 16
SAID = (
    Foreseen("need_or_plan", 180, "all", 90_000, (Chance(CHILD, 90_000), Chance(OTHER, 7))),
    Foreseen("early_help", 90, FEW),
)


@pytest.mark.parametrize("rung", range(5))
def test_what_is_foreseen_goes_with_the_score(rung: int) -> None:
    (body,) = bodies(None, Reader("council", rung), outcomes=SAID)
    assert ("outcomes" in body) == ("score_ppm" in body) == (rung >= RUNG_SUMMARY)


def test_of_children_each_reader_has_those_it_holds_a_record_of_by_ids_of_its_own() -> None:
    readers = (Reader("council", 3, people=(CHILD,)), Reader("police", 3, people=(OTHER,)), Reader("school", 3))
    council, police, school = bodies(None, *readers, outcomes=SAID)
    for body in (council, police, school):
        need, help_ = body["outcomes"]
        assert (need["outcome"], need["horizon_days"], need["stage"], need["ppm"]) == (
            "need_or_plan",
            180,
            "all",
            90_000,
        )
        assert help_ == {"outcome": "early_help", "horizon_days": 90, "stage": FEW, "ppm": None, "people": {}}
    assert council["outcomes"][0]["people"] == {CUT.entity_id("council", CHILD): 90_000}
    assert police["outcomes"][0]["people"] == {CUT.entity_id("police", OTHER): 7}
    assert school["outcomes"][0]["people"] == {}
