"""Alerts when links change, through `step`: what merges and what parts is told in the very step that changes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from bridge.normalise import Person
from streams.alerting.keeper import FACTS_CORRECTED, LINKS_CORRECTED
from streams.alerting.notice import Alert, Notice
from streams.outbox import AlertOut
from streams.state import Out, pack_delta
from streams.step import make_machine
from tests.smalltown import AGENCIES, DAY_MS, JOHN, MARY, NAME, START_MS, Smalltown, tick

MINUTE_MS = 60_000
M, J = ("council", "m"), ("council", "j")
LINKS = {"raise_at": 0.037, "clear_ratio": 0.95}  # three violent incidents reach it, two do not


class Street:
    """A live partnership with two children of one agency, in two households."""

    def __init__(self, town: Smalltown, *more: bytes) -> None:
        self.town, self.now = town, START_MS
        self.machine = make_machine(0, town.keyring)
        opening = town.opening()
        opening[1] = town.control("rules", town.rules(**LINKS))
        self.machine.step([*opening, town.identity(*M, MARY), town.profile(*M), town.identity(*J, JOHN), town.profile(*J),
                           *more, *(town.live(agency, START_MS) for agency in AGENCIES)])  # fmt: skip
        while self.machine.partnerships[NAME].watch.phase != "live":
            self.now += MINUTE_MS
            self.machine.step([tick(self.now)])
        self._events = 0

    def step(self, *entries: bytes) -> list[Notice]:
        """One commit of the chain, by a machine that was folded anew; what the teams are told by it."""
        folded = make_machine(0, self.town.keyring)
        folded.load(pack_delta(self.machine.rows()))
        folded.ready()
        self.machine = folded
        said = self.notices(self.machine.step(entries).outbox)
        for notice in said:
            if notice.state == "raised":  # whoever is told of it answers
                self.machine.step([self.town.response("council", "acknowledge", self.now, alert_id=notice.alert_id)])
        return said

    @staticmethod
    def notices(outbox: Sequence[Out]) -> list[Notice]:
        return [msgspec.msgpack.decode(out.body, type=AlertOut).notice for out in outbox if out.kind == "alert"]

    def trouble(self, who: tuple[str, str], count: int = 3, family: str = "violence") -> list[Notice]:
        """So many grave incidents, each a commit."""
        said = []
        for _ in range(count):
            self._events += 1
            factors = [{"family": family, "severity": 4, "origin": "structured"}]
            said += self.step(self.town.event(*who, f"e{self._events}", self.now, factors=factors))
        return said

    def respond(self, agency: str, action: str, **more: Any) -> list[Notice]:
        return self.step(self.town.response(agency, action, self.now, **more))

    def decide(self, action: str) -> list[Notice]:
        """A social worker says of the two records that they are, or are not, one child."""
        return self.respond("council", action, records=[self.town.rid(*M), self.town.rid(*J)])

    def alert(self, notice: Notice) -> Alert:
        return self.machine.partnerships[NAME].tables["alerts"][notice.alert_id]

    def rids(self, *names: tuple[str, str]) -> tuple[bytes, ...]:
        return tuple(sorted(self.town.rid(*name) for name in names))


def spoken(notices: list[Notice]) -> list[tuple[str, str, str]]:
    return [(notice.alert_id, notice.state, notice.correction) for notice in notices]


@pytest.fixture
def street(town: Smalltown) -> Street:
    return Street(town)


@pytest.fixture
def alarmed(street: Street) -> tuple[Street, Notice, Notice]:
    """Both households have an alert; that of m is a day older."""
    (older,) = street.trouble(M)
    street.now += DAY_MS
    (newer,) = street.trouble(J)
    return street, older, newer


def test_two_alerts_merge_by_must_link(alarmed: tuple[Street, Notice, Notice]) -> None:
    street, older, newer = alarmed
    said = street.decide("must_link")
    assert spoken(said) == [(newer.alert_id, "retracted", f"joined {older.alert_id}"),
                            (older.alert_id, "updated", LINKS_CORRECTED)]  # fmt: skip
    assert said[1].records == street.rids(M, J)
    assert said[1].score_ppm > older.score_ppm
    assert street.alert(newer).ended
    assert not street.alert(older).ended


def test_two_alerts_merge_by_a_better_record(alarmed: tuple[Street, Notice, Notice]) -> None:
    """John's record turns out to have been of Mary: the source corrects it."""
    street, older, newer = alarmed
    said = street.step(street.town.identity(*J, MARY, street.now))
    assert spoken(said) == [(newer.alert_id, "retracted", f"joined {older.alert_id}"),
                            (older.alert_id, "updated", LINKS_CORRECTED)]  # fmt: skip


def test_two_alerts_merge_by_a_record_that_links_them(town: Smalltown) -> None:
    """Two half-known records become one household by a third that has all: a sibling at the same address."""
    street = Street(town, town.identity("police", "q", Person(given="Ida", surname="Quillfeather", dob="2010-01-01")))
    (older,) = street.trouble(M)
    street.now += DAY_MS
    moved = street.step(town.identity("police", "q", Person(given="Ida", surname="Quillfeather", dob="2010-01-01",
                        number=MARY.number, street=MARY.street, postcode=MARY.postcode), street.now))  # fmt: skip
    assert spoken(moved) == [(older.alert_id, "updated", LINKS_CORRECTED)]
    assert set(moved[0].records) == set(street.rids(M, ("police", "q")))


@pytest.mark.parametrize(("of_m", "of_j"), [(10, 40), (40, 10), (40, 0), (0, 40)])
def test_the_latest_snooze_wins(alarmed: tuple[Street, Notice, Notice], of_m: int, of_j: int) -> None:
    street, older, newer = alarmed
    for notice, days in ((older, of_m), (newer, of_j)):
        if days:
            street.respond("council", "snooze", alert_id=notice.alert_id, until_at=street.now + days * DAY_MS)
    street.decide("must_link")
    assert street.alert(older).snoozed_until == street.now + 40 * DAY_MS


def test_a_raised_alert_stands_for_a_calm_household_that_joins_it(street: Street) -> None:
    (raised,) = street.trouble(M)
    assert spoken(street.decide("must_link")) == [(raised.alert_id, "updated", LINKS_CORRECTED)]


def test_an_unmerge_retracts_within_its_own_step_what_stood_on_both(street: Street) -> None:
    """Neither of the two children alone would have reached the line."""
    street.decide("must_link")
    assert street.trouble(M, 2) == []
    (raised,) = [notice for notice in street.trouble(J, 2) if notice.state == "raised"]
    assert set(raised.records) == set(street.rids(M, J))
    street.now += DAY_MS
    said = street.decide("cannot_link")
    assert spoken(said) == [(raised.alert_id, "retracted", FACTS_CORRECTED)]
    assert len(said[0].records) == 1, "it names the other child no more"


@pytest.mark.parametrize("snoozed", [False, True])
def test_an_unmerge_narrows_within_its_own_step_what_stands_on_one(street: Street, snoozed: bool) -> None:
    street.decide("must_link")
    (raised,) = street.trouble(M)
    if snoozed:
        street.respond("council", "snooze", alert_id=raised.alert_id, until_at=street.now + 9 * DAY_MS)
    child = (raised.child,)
    said = street.decide("cannot_link")
    standing = [notice for notice in said if notice.alert_id == raised.alert_id]
    if child == street.rids(M):
        assert spoken(said) == [(raised.alert_id, "updated", LINKS_CORRECTED)]
        assert said[0].records == street.rids(M)
    else:  # the person went by j's record: the alert does not go with it, and m is judged afresh
        assert [notice.state for notice in standing] == ["retracted"]
        assert [(notice.state, notice.records) for notice in said if notice not in standing] == [
            ("raised", street.rids(M))
        ]


def test_an_unmerge_by_deletion_retracts_within_its_own_step(street: Street) -> None:
    street.decide("must_link")
    street.trouble(M, 2)
    (raised,) = [notice for notice in street.trouble(J, 2) if notice.state == "raised"]
    said = street.step(street.town.identity(*J, None, street.now))
    assert spoken(said)[-1] == (raised.alert_id, "retracted", FACTS_CORRECTED)
