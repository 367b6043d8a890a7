"""Presence through `step`: found by link, told to both sides, over birth and to the last day, and never with content."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from bridge.normalise import Person
from schemas import codec
from streams.outbox import PresenceOut, make_cut
from streams.presence.standing import CONTACTS_SHOWN, tail_ends_at
from streams.state import Out, pack_delta
from streams.step import make_machine
from tests.smalltown import AGENCIES, DAY_MS, MARY, NAME, START_MS, Smalltown, tick

BABY = Person(given="Rosa", surname="Quillfeather", dob="2025-02-01", number="12", street="Larkspur Way",
              postcode="ZE1 9XX")  # fmt: skip
MOTHER = Person(given="Ada", surname="Quillfeather", dob="1994-05-17", number="12", street="Larkspur Way",
                postcode="ZE1 9XX")  # fmt: skip
FORMS = {
    "notice_id": r"[0-9a-f]{32}",
    "kind": r"known_call|presented",
    "team": r"[a-z0-9-]{1,64}",
    "partnership": r"[a-z0-9-]{1,64}",
    "person": r"[0-9a-f]{32}",
    "status": r"plan|looked_after|within_12_months|known",
    "presented_to": r"[a-z0-9-]{1,64}",
    "responsible_team": r"[a-z0-9-]{1,64}",
    "office_number": r"\+?[0-9() ]*( ?(ext|x)\.? ?[0-9]+)?",
    "out_of_hours_number": r"\+?[0-9() ]*( ?(ext|x)\.? ?[0-9]+)?",
}
"""What a text in a notice can be: an id, a code or a telephone number."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Smalltown:
    return Smalltown(tmp_path_factory.mktemp("town") / "keys")


class Street:
    """A live partnership, whose council has a child in it."""

    def __init__(self, town: Smalltown, *first: bytes) -> None:
        self.town, self.now = town, START_MS
        self.machine = make_machine(0, town.keyring)
        opening = town.opening()
        teams = {
            "mash": {"agency": "council", "front_door": True, "office_number": "01632 960001",
                     "out_of_hours_number": "01632 960002 ext 4"},
            "desk": {"agency": "police", "office_number": "+44 1632 960003"},
        }  # fmt: skip
        opening[0] = town.control("register", town.register(teams=teams))
        self.machine.step([*opening, *first, *(town.live(agency, START_MS) for agency in AGENCIES)])
        self._contacts = 0

    def step(self, *entries: bytes) -> list[dict[str, Any]]:
        folded = make_machine(0, self.town.keyring)
        folded.load(pack_delta(self.machine.rows()))
        folded.ready()
        self.machine = folded
        outbox = self.machine.step(entries).outbox
        self.outs = [out for out in outbox if out.kind == "presence"]
        return [msgspec.msgpack.decode(out.body, type=PresenceOut).notice for out in self.outs]

    def contact(self, agency: str, name: str, **more: Any) -> list[dict[str, Any]]:
        self._contacts += 1
        return self.step(self.town.event(agency, name, f"c{self._contacts}", self.now, contact=True, **more))

    def person(self, agency: str, name: str) -> bytes:
        return self.machine.partnerships[NAME].graph.cluster(self.town.rid(agency, name))


def on_plan(town: Smalltown, **more: Any) -> list[bytes]:
    status = {"kind": "protection_plan", "started_at": START_MS - DAY_MS, "ended_at": None}
    return [town.identity("council", "m", MARY), town.profile("council", "m", statuses=[{**status, **more}]),
            town.identity("police", "q", MARY)]  # fmt: skip


def told(notices: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {(notice["kind"], notice["team"], notice["status"]) for notice in notices}


BOTH = {("known_call", "desk", "plan"), ("presented", "mash", "plan")}


def test_a_child_is_found_by_link_without_any_number(town: Smalltown) -> None:
    """The police know a name, a birthday and an address; neither side has an NHS number."""
    assert (MARY.nhs, MARY.upn, MARY.uprn) == (None, None, None)
    street = Street(town, *on_plan(town))
    assert told(street.contact("police", "q")) == BOTH


def test_a_contact_before_the_records_are_linked_is_told_when_they_are(town: Smalltown) -> None:
    *plan, q = on_plan(town)
    street = Street(town, *plan)
    assert street.contact("police", "q") == []
    assert told(street.step(q)) == BOTH


def test_the_26th_contact_drops_the_1st(town: Smalltown) -> None:
    street = Street(town, *on_plan(town))
    counted = []
    for _ in range(CONTACTS_SHOWN + 1):
        street.now += 60_000
        counted.append(street.contact("police", "q")[0]["contacts"])
    assert counted == [*range(1, CONTACTS_SHOWN + 1), CONTACTS_SHOWN]
    history = street.machine.partnerships[NAME].notices.history(street.person("police", "q"))
    assert [at for at, _, _ in history] == [street.now - number * 60_000 for number in range(CONTACTS_SHOWN)]
    assert START_MS + 60_000 not in {at for at, _, _ in history}


def test_the_tail_ends_with_its_day_though_nothing_but_time_goes_by(town: Smalltown) -> None:
    over = tail_ends_at(START_MS)
    street = Street(town, *on_plan(town, ended_at=START_MS))
    for at, statuses in ((over - 1, {"within_12_months"}), (over, set())):
        street.now = at
        street.step(tick(at))
        assert {notice["status"] for notice in street.contact("police", "q")} == statuses


@pytest.mark.parametrize(
    ("ended", "last_day"),
    [
        ("2024-06-15", "2025-06-15"),
        ("2024-03-30", "2025-03-30"),  # 23 hours long
        ("2024-10-26", "2025-10-26"),  # 25 hours long
        ("2024-02-29", "2025-03-01"),
        ("2027-02-28", "2028-02-28"),  # a 29th follows, which is a day too late
    ],
)
def test_a_contact_a_minute_before_the_last_midnight_is_told_and_a_minute_after_is_not(
    town: Smalltown, ended: str, last_day: str
) -> None:
    """With nothing but ticks between, and nobody told when it ends."""
    london = ZoneInfo("Europe/London")
    ended_at = int(datetime.fromisoformat(f"{ended}T12:00").replace(tzinfo=london).timestamp()) * 1000
    before = int(datetime.fromisoformat(f"{last_day}T23:59").replace(tzinfo=london).timestamp()) * 1000
    street = Street(town, *on_plan(town, started_at=START_MS - 400 * DAY_MS, ended_at=ended_at))
    street.now = before
    assert street.step(tick(before)) == []
    assert {notice["status"] for notice in street.contact("police", "q")} == {"within_12_months"}
    street.now = before + 120_000
    assert street.step(tick(before + 60_000), tick(street.now)) == []
    assert street.contact("police", "q") == []


def test_an_unborn_child_is_told_of_through_the_mother_and_goes_on_as_itself_at_birth(town: Smalltown) -> None:
    """The plan's record is an unborn's until the council turns it into a child's; the police then have one too."""
    unborn = {"kind": "protection_plan", "started_at": START_MS - DAY_MS, "ended_at": None}
    mother = town.rid("council", "ada")
    street = Street(town, town.identity("council", "ada", MOTHER), town.identity("police", "a", MOTHER),
                    town.profile("council", "ada", age_band="adult", to_18=False),
                    town.profile("council", "bump", age_band="unborn", unborn_of=mother, statuses=[unborn]))  # fmt: skip
    before = street.contact("police", "a")
    assert told(before) == BOTH
    street.now += DAY_MS
    street.step(town.identity("council", "bump", BABY, street.now),
                town.profile("council", "bump", street.now, age_band="0-4", statuses=[unborn]),
                town.identity("police", "b", BABY, street.now))  # fmt: skip
    assert street.contact("police", "a") == [], "after birth the mother is not the child"
    after = street.contact("police", "b")
    assert told(after) == BOTH
    assert after[0]["contacts"] == 2, "the mother's contact before birth is in the child's history"
    history = street.machine.partnerships[NAME].notices.history(street.person("police", "b"))
    assert [at for at, _, _ in history] == [street.now, START_MS]


def strings() -> set[str]:
    return {
        field["name"]
        for field in codec.raw_schema("presence")["fields"]
        if field["type"] == "string" or (isinstance(field["type"], dict) and field["type"]["type"] == "enum")
    }


def as_sent(town: Smalltown, outs: list[Out]) -> list[dict[str, Any]]:
    cut = make_cut(town.keyring)
    return [dict(codec.decode(message.value, frozenset({"presence"}))[1]) for out in outs for message in cut(out)]


def test_no_field_of_a_notice_can_hold_content(town: Smalltown) -> None:
    """Every text has a form; the rest are numbers, times and the reader's own pseudonyms."""
    assert strings() == set(FORMS)
    others = {str(field["type"]) for field in codec.raw_schema("presence")["fields"] if field["name"] not in FORMS}
    assert others == {"long", "int", "['null', 'long']", "{'type': 'array', 'items': 'bytes'}"}
    street = Street(town, *on_plan(town))
    for restricted in (False, True):
        if restricted:
            street.step(town.profile("council", "m", restricted=True, statuses=[
                {"kind": "looked_after", "started_at": START_MS - DAY_MS, "ended_at": None}]))  # fmt: skip
        street.contact("police", "q", factors=[{"family": "violence", "severity": 4, "origin": "text"}])
        sent = as_sent(town, street.outs)
        assert sent
        for notice in sent:
            for name, form in FORMS.items():
                assert re.fullmatch(form, notice[name]), name
            for record in notice["records"]:
                assert record in {town.rid("council", "m"), town.rid("police", "q")}


@pytest.mark.parametrize("number", ["ask for Mary", "01632 960001 Mary Q", "x" * 41, "01632\n960001"])
@pytest.mark.parametrize("field", ["office_number", "out_of_hours_number"])
def test_a_register_has_no_room_for_words_beside_a_number(town: Smalltown, field: str, number: str) -> None:
    street = Street(town)
    teams = {**town.register()["teams"], "mash": {"agency": "council", "front_door": True, field: number}}
    outcome = street.machine.step([town.control("register", town.register(teams=teams), 2)])
    assert outcome.counts == {("", "dead_letter"): 1, ("", "control_refused"): 1}


@pytest.mark.parametrize("team", ["Mary's team", "", "a" * 65, "-east", "EAST"])
def test_a_team_is_called_by_an_id(town: Smalltown, team: str) -> None:
    teams = {**town.register()["teams"], team: {"agency": "council"}}
    outcome = Street(town).machine.step([town.control("register", town.register(teams=teams), 2)])
    assert outcome.counts == {("", "dead_letter"): 1, ("", "control_refused"): 1}
