"""Suggestions through `step`: who sees what of them, who may decide, and what follows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from bridge.normalise import Person
from schemas import codec
from streams import reviewing
from streams.linkage.compare import link_of
from streams.linkage.review import SUGGEST
from streams.outbox import RefusedOut, make_cut
from streams.partnership import Partnership
from streams.state import Outcome, RawState, pack_delta
from streams.step import State, make_machine
from tests.smalltown import DAY_MS, MARY, NAME, START_MS, Smalltown, person, tick

MISTYPED = Person(given="Mary", surname="Quillfeather", dob="2014-03-19", number="12", street="Larkspur Way",
                  postcode="ZE1 9XX")  # fmt: skip
"""Mary with another day of birth: enough for a suggestion, too little for a link."""
CLANS = ("Abbott", "Oyelaran", "Finch", "Kovacs", "Muir", "Zielinski", "Pugh", "Thwaite", "Desai", "Rook", "Yilmaz",
         "Cobb")  # fmt: skip
HOUR_MS = DAY_MS // 24


class Village:
    """A live partnership, its views and what it refused.

    Args:
        town: Keys.
        rung: Rung of every agency.
        first: What came before it went live.
        rules: Changes of the rules.
    """

    def __init__(self, town: Smalltown, rung: int = 3, first: Iterable[bytes] = (), **rules: Any) -> None:
        self.town = town
        register = town.register()
        for agency in register["agencies"].values():
            agency["rung"] = rung
        self.machine, self.raw = make_machine(0, town.keyring), RawState()
        self.cut = make_cut(town.keyring)
        self.views: dict[str, dict[str, Any]] = {"council": {}, "police": {}}
        self.refused: list[str] = []
        self.now = START_MS
        opening = town.opening()
        opening[:2] = [town.control("register", register), town.control("rules", town.rules(**rules))]
        self.step(*opening, *first, *(town.live(agency, self.now) for agency in ("council", "police")))
        for _ in range(50):
            if self.p.watch.phase != "live":
                self.tick()
        assert self.p.watch.phase == "live"

    @property
    def p(self) -> Partnership:
        return self.machine.partnerships[NAME]

    def step(self, *entries: bytes) -> Outcome:
        outcome = self.machine.step(list(entries))
        self.raw.apply(outcome.delta)
        for out in outcome.outbox:
            if out.kind == "dead_letter":
                self.refused.append(msgspec.msgpack.decode(out.body, type=RefusedOut).reason)
                continue
            for message in self.cut(out):
                agency = message.topic.removeprefix("views-")
                if agency != message.topic:
                    _, row = codec.decode(message.value, frozenset({"view"}))
                    if row["body"] is None:
                        self.views[agency].pop(row["key"], None)
                    else:
                        self.views[agency][row["key"]] = row
        return outcome

    def tick(self, hours: int = 1) -> None:
        self.now += hours * HOUR_MS
        self.step(tick(self.now))

    def suggested(self, agency: str) -> dict[str, dict[str, Any]]:
        """Bodies of the suggestions that an agency sees, by id."""
        rows = [row for row in self.views[agency].values() if row["kind"] == "suggestion"]
        return {row["key"].removeprefix("suggestion:"): json.loads(row["body"]) for row in rows}

    def two(self, **profile: Any) -> None:
        """Mary at the council and, mistyped, at the police."""
        self.step(
            self.town.identity("council", "m", MARY, self.now), self.town.profile("council", "m", self.now, **profile),
            self.town.identity("police", "q", MISTYPED, self.now),
        )  # fmt: skip

    def joins(self, agency: str) -> list[list[dict[str, Any]]]:
        """What this agency is told of the one household whose links were explained to it."""
        rows = [row for row in self.views[agency].values() if row["kind"] == "link"]
        return json.loads(rows[0]["body"])["people"] if rows else []

    def decide(self, agency: str, action: str, suggestion_id: str) -> None:
        self.step(self.town.response(agency, action, self.now, alert_id=suggestion_id))

    def together(self) -> bool:
        graph = self.p.graph
        return graph.cluster(self.town.rid("council", "m")) == graph.cluster(self.town.rid("police", "q"))


def only(rows: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    ((suggestion_id, body),) = rows.items()
    return suggestion_id, body


def test_both_agencies_see_a_suggestion_by_their_own_record(town: Smalltown) -> None:
    village = Village(town)
    village.two()
    ours, theirs = only(village.suggested("council")), only(village.suggested("police"))
    assert ours[0] == theirs[0]
    assert ours[1]["records"] == [town.rid("council", "m").hex()]
    assert theirs[1]["records"] == [town.rid("police", "q").hex()]
    assert ours[1]["agencies"] == ["council", "police"]
    assert SUGGEST <= ours[1]["link_milli"] < village.p.graph.model.edge
    assert ours[1]["why"] == "below_edge"
    assert {line["name"]: line["level"] for line in ours[1]["evidence"]}["given"] == 7
    assert sum(line["person_milli"] - line["rival_milli"] for line in ours[1]["evidence"]) == (
        ours[1]["link_milli"] + village.p.graph.model.margin * (ours[1]["rival"] != "other")
    )
    assert not village.together()


@pytest.mark.parametrize(
    ("rung", "fields"),
    [
        (0, {"records"}),
        (1, {"records", "agencies"}),
        (2, {"records", "agencies"}),
        (3, {"records", "agencies", "link_milli", "why", "rival", "evidence"}),
        (4, {"records", "agencies", "link_milli", "why", "rival", "evidence"}),
    ],
)
def test_a_rung_shows_its_fields_and_no_others(town: Smalltown, rung: int, fields: set[str]) -> None:
    village = Village(town, rung)
    village.two()
    assert only(village.suggested("council"))[1].keys() == fields


@pytest.mark.parametrize("agency", ["council", "police"])
def test_either_agency_makes_one_person_of_it(town: Smalltown, agency: str) -> None:
    village = Village(town)
    village.two(group="A")
    village.decide(agency, "must_link", only(village.suggested(agency))[0])
    assert village.together()
    assert village.suggested("council") == village.suggested("police") == {}
    assert village.p.tables["link_quality"]["A"].found == 1
    village.step(town.identity("police", "q", MARY, village.now))
    village.step(town.identity("police", "q", MISTYPED, village.now))
    assert village.together()
    assert village.suggested("council") == {}


def test_what_was_denied_stays_away(town: Smalltown) -> None:
    village = Village(town)
    village.two(group="A")
    village.decide("police", "cannot_link", only(village.suggested("police"))[0])
    assert village.suggested("council") == village.suggested("police") == {}
    assert village.p.tables["link_quality"]["A"].apart == 1
    village.step(town.identity("police", "q", MARY, village.now))
    assert not village.together(), "now every field agrees, and the decision holds"
    assert village.suggested("council") == {}


def test_an_automatic_link_that_a_person_takes_apart_was_false(town: Smalltown) -> None:
    village = Village(town)
    village.step(
        town.identity("council", "a", MARY),
        town.profile("council", "a", group="A"),
        town.identity("council", "b", MARY),
    )
    records = [town.rid("council", "a"), town.rid("council", "b")]
    village.step(town.response("council", "cannot_link", village.now, records=records))
    village.step(town.response("council", "cannot_link", village.now, records=records))
    assert village.p.graph.cluster(records[0]) != village.p.graph.cluster(records[1])
    assert village.p.tables["link_quality"]["A"].undone == 1


def test_whoever_holds_neither_record_decides_nothing(town: Smalltown) -> None:
    village = Village(town)
    village.two()
    suggestion_id, _ = only(village.suggested("council"))
    assert reviewing.pair(village.p, "police", suggestion_id)
    with pytest.raises(ValueError, match="bad_response"):
        reviewing.pair(village.p, "schools", suggestion_id)


def test_what_stands_no_more_cannot_be_decided(town: Smalltown) -> None:
    village = Village(town)
    village.two()
    suggestion_id, _ = only(village.suggested("council"))
    village.decide("council", "must_link", "0" * 32)
    village.step(town.response("council", "must_link", village.now))
    assert village.refused == ["bad_response"] * 2
    assert not village.together()
    village.decide("council", "must_link", suggestion_id)
    village.decide("police", "cannot_link", suggestion_id)
    assert village.refused == ["bad_response"] * 3, "it was decided already"
    assert village.together()


def test_nothing_is_suggested_about_adults(town: Smalltown) -> None:
    village = Village(town)
    village.two(age_band="adult", to_18=False)
    assert village.suggested("council") == {}
    village.step(town.profile("police", "q", village.now, age_band="unborn", to_18=False))
    assert len(village.suggested("council")) == 1
    village.step(town.profile("police", "q", village.now, op="delete"))
    assert village.suggested("council") == village.suggested("police") == {}


def test_nothing_is_suggested_about_restricted_people(town: Smalltown) -> None:
    village = Village(town)
    village.two()
    village.step(town.profile("police", "q", village.now, restricted=True))
    assert village.suggested("council") == village.suggested("police") == {}
    village.step(town.profile("police", "q", village.now))
    assert len(village.suggested("council")) == 1
    hidden = Person(given="Mary", surname="Quillfeather", dob="2014-03-09", restricted=True)
    village.step(town.identity("council", "also", hidden, village.now))
    assert village.suggested("council") == village.suggested("police") == {}


def test_a_suggestion_goes_with_its_record(town: Smalltown) -> None:
    village = Village(town)
    village.two()
    village.step(town.identity("police", "q", None, village.now))
    assert village.suggested("council") == village.suggested("police") == {}
    assert not village.p.tables["suggestions"]


def test_the_history_is_looked_at_once_the_partnership_is_live(town: Smalltown) -> None:
    first = [
        town.identity("council", "m", MARY),
        town.profile("council", "m"),
        town.identity("police", "q", MISTYPED),
    ]
    village = Village(town, first=first)
    village.tick()
    assert len(village.suggested("council")) == 1
    assert not village.p.tables["review_pass"][b""].under_way


def test_a_recovered_machine_goes_on_the_same(town: Smalltown) -> None:
    strangers = [town.identity("council", f"s{n}", person(f"Abe{n}", f"Larch{n}", "2001-01-01")) for n in range(130)]
    village = Village(town, first=strangers)
    village.two()
    assert village.p.tables["review_pass"][b""].under_way
    other = State(town.keyring, village.p.model)
    other.load(pack_delta(village.machine.rows()))
    other.ready()
    rest = [
        tick(village.now + HOUR_MS), town.identity("council", "s1", None, village.now),
        town.identity("council", "z", MISTYPED, village.now), tick(village.now + 2 * HOUR_MS),
        *(tick(village.now + (3 + n) * HOUR_MS) for n in range(9)),
        town.response("council", "must_link", village.now, alert_id=only(village.suggested("council"))[0]),
    ]  # fmt: skip
    outcome = village.step(*rest)
    assert outcome.outbox == other.step(rest).outbox
    assert village.machine.digest() == other.digest() == village.raw.digest()
    assert not village.p.tables["review_pass"][b""].under_way


def test_quality_by_group_is_published_weekly_and_small_groups_are_not(town: Smalltown) -> None:
    village = Village(town)
    for number, clan in enumerate(CLANS):
        who = person("Ada", clan, f"{2008 + number}-03-{2 * number + 1:02d}", postcode=f"ZE{number} 7ZZ")
        group = "A" if number < 9 else "B"
        for agency in ("council", "police"):
            village.step(town.identity(agency, f"c{number}", who), town.profile(agency, f"c{number}", group=group))
    for _ in range(9):
        village.tick(24)
    table = json.loads(village.views["council"]["insight:links"]["body"])
    rows = {row["group"]: row for row in table["rows"]}
    assert rows.keys() == {"A", "B", "total"}
    assert rows["B"]["withheld"]
    assert set(rows["B"]["cells"].values()) == {None}
    assert sum(row["withheld"] for row in rows.values()) >= 2, "or the rest would give it away"
    sums = village.p.tables["link_quality"]
    assert (sums["A"].links, sums["B"].links) == (18, 6)
    assert all(0 < row.false_ppm < 24_000 for row in sums.values())


def test_what_is_kept_says_how_strong_it_is(town: Smalltown) -> None:
    village = Village(town)
    village.two()
    (row,) = village.p.tables["suggestions"].values()
    assert link_of(row.weighed) == only(village.suggested("police"))[1]["link_milli"]


def alarmed(town: Smalltown, rung: int = 3) -> Village:
    """A child known to both agencies, and twice to the council by what it said, over a low line."""
    village = Village(town, rung, raise_at=0.005, budget_per_1000_month=100)
    village.step(
        town.identity("council", "m", MARY), town.profile("council", "m"), town.identity("police", "p", MARY),
        town.identity("council", "z", MISTYPED),
    )  # fmt: skip
    records = [town.rid("council", "m"), town.rid("council", "z")]
    village.step(town.response("council", "must_link", village.now, records=records))
    for number in range(4):
        village.step(town.event("police", "p", f"e{number}", village.now))
    village.tick()
    return village


def test_an_alert_comes_with_what_makes_its_records_one_person(town: Smalltown) -> None:
    village = alarmed(town)
    (ours,), (theirs,) = village.joins("council"), village.joins("police")
    assert [(pair["agencies"], pair["why"]) for pair in ours] == [
        (["council", "council"], "asserted"), (ours[1]["agencies"], "linked"),
    ]  # fmt: skip
    assert ours[0]["records"] == sorted((town.rid("council", "m").hex(), town.rid("council", "z").hex()))
    assert ours[0]["evidence"] == []
    assert sorted(ours[1]["agencies"]) == ["council", "police"]
    assert ours[1]["records"] == [town.rid("council", "m").hex()]
    assert theirs[1]["records"] == [town.rid("police", "p").hex()]
    assert theirs[0]["records"] == []
    assert {line["name"]: line["level"] for line in ours[1]["evidence"]}["surname"] == 7
    household = next(row["key"] for row in village.views["council"].values() if row["kind"] == "household")
    assert household.replace("household:", "link:") in village.views["council"], "an alert names its household so"


@pytest.mark.parametrize("rung", range(3))
def test_below_the_summary_there_is_no_evidence(town: Smalltown, rung: int) -> None:
    village = alarmed(town, rung)
    assert [row for row in village.views["council"].values() if row["kind"] == "household"]
    assert village.joins("council") == []


def test_what_was_said_of_a_household_follows_it(town: Smalltown) -> None:
    village = alarmed(town)
    village.step(town.identity("police", "p", None, village.now))
    assert [pair["why"] for pair in village.joins("council")[0]] == ["asserted"]
    assert village.joins("police") == []
    village.step(town.identity("council", "z", None, village.now), town.identity("council", "m", None, village.now))
    assert village.joins("council") == []
    assert not village.p.tables["joined"]
