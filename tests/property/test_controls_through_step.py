"""Controls through `step`: a bad one is refused with a reason and the old one stays; one ahead waits for its time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import topology
from schemas import codec
from streams.alerting.notice import Notice
from streams.controls import AHEAD_MAX_MS, AHEAD_MAX_PER_NAME, REASON_MAX_CHARS
from streams.outbox import AlertOut, RowOut, make_cut
from streams.state import Out, Outcome
from streams.step import make_machine
from tests.smalltown import AGENCIES, DAY_MS, MARY, NAME, START_MS, Smalltown, entry, fold, tick

MINUTE_MS = 60_000
OLD = 0.037
"""`raise_at` of the rules in force: three grave incidents reach it."""
REFUSED = {("", "dead_letter"): 1, ("", "control_refused"): 1}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Smalltown:
    return Smalltown(tmp_path_factory.mktemp("town") / "keys")


class Street:
    """A live partnership under rules with the line at `OLD`."""

    def __init__(self, town: Smalltown) -> None:
        self.town, self.now = town, START_MS
        self.machine = make_machine(0, town.keyring)
        opening = town.opening()
        opening[1] = self.rules(1)
        self.machine.step([*opening, town.identity("council", "m", MARY), town.profile("council", "m"),
                           *(town.live(agency, START_MS) for agency in AGENCIES)])  # fmt: skip
        while self.machine.partnerships[NAME].watch.phase != "live":
            self.now += MINUTE_MS
            self.step(tick(self.now))

    def step(self, *entries: bytes) -> Outcome:
        return self.machine.step(entries)

    def rules(self, version: int, at: int | None = None, effective_at: int | None = None, **changes: Any) -> bytes:
        body = self.town.rules(**{"raise_at": OLD, "clear_ratio": 0.95, **changes})
        return self.town.control("rules", body, version, at=self.now if at is None else at, effective_at=effective_at)

    def trouble(self, count: int = 3) -> list[Notice]:
        """So many grave incidents, and what the teams are told."""
        factors = [{"family": "violence", "severity": 4, "origin": "structured"}]
        said: list[Notice] = []
        for number in range(count):
            event = self.town.event("council", "m", f"e{self.now}-{number}", self.now, factors=factors)
            said += alerts(self.step(event).outbox)
        return said

    @property
    def told(self) -> dict[str, Any]:
        """What every agency is told of the rules."""
        return json.loads(self.machine.partnerships[NAME].tables["told"]["control:rules"])


@pytest.fixture
def street(town: Smalltown) -> Street:
    return Street(town)


def alerts(outbox: Sequence[Out]) -> list[Notice]:
    return [msgspec.msgpack.decode(out.body, type=AlertOut).notice for out in outbox if out.kind == "alert"]


def rows(outbox: Sequence[Out], key: str) -> list[tuple[str, dict[str, Any]]]:
    """(agency, body) of the rows of every agency's view under a key."""
    found = [(out.to, msgspec.msgpack.decode(out.body, type=RowOut)) for out in outbox if out.kind == "view"]
    return [(to, json.loads(row.body)) for to, row in found if row.key == key]


def rewritten(control: bytes, at: int, **changes: Any) -> bytes:
    """A signed control whose fields were changed on the way."""
    _, message = codec.decode(codec.decode(control, frozenset({"journal"}))[1]["body"], frozenset({"control"}))
    return entry(topology.CONTROLS.name, codec.encode("control", {**message, **changes}), at)


def approvals(control: bytes) -> list[dict[str, Any]]:
    _, message = codec.decode(codec.decode(control, frozenset({"journal"}))[1]["body"], frozenset({"control"}))
    found: list[dict[str, Any]] = message["approvals"]
    return found


def test_every_agency_is_told_the_body_of_the_rules_in_force_as_it_was_signed_and_of_no_other_control(
    street: Street,
) -> None:
    control = street.rules(2, raise_at=0.5)
    _, signed = codec.decode(codec.decode(control, frozenset({"journal"}))[1]["body"], frozenset({"control"}))
    told = rows(street.step(control).outbox, "control:rules")
    assert [(agency, body["in_force"]["version"], body["body"]) for agency, body in told] == [
        (agency, 2, signed["body"]) for agency in sorted(AGENCIES)
    ]
    waiting = street.step(street.rules(3, effective_at=street.now + DAY_MS, raise_at=0.6))
    assert {body["body"] for _, body in rows(waiting.outbox, "control:rules")} == {signed["body"]}
    register = json.loads(street.machine.partnerships[NAME].tables["told"]["control:register"])
    assert "body" not in register


def test_a_body_that_is_too_long_to_tell_is_left_out_and_in_force_all_the_same(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.controls.BODY_TOLD_MAX_BYTES", 64)
    told = rows(street.step(street.rules(2)).outbox, "control:rules")
    assert [(body["in_force"]["version"], body["body"]) for _, body in told] == [(2, None)] * len(AGENCIES)


DESK = {"name": "desk", "agency": "police"}
BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    ({"clear_ratio": 1.2}, "clear_ratio must be from .05 to .95"),
    ({"step_down_ratio": 0.95}, "step_down_ratio must be from .01 to .9 clear_ratio"),
    ({"teams": [{"name": "mash", "agency": "council"}, {"name": "owls", "agency": "council"}]},
     "team owls is not in the register"),
    ({"teams": [{"name": "mash", "agency": "police"}]}, "team mash is of another agency in the register"),
    ({"front_door": "owls"}, "the front door is not one of the teams"),
    ({"teams": [{"name": "mash", "agency": "council", "out_of_hours": "owls"}]},
     "out_of_hours and escalate_to must be one of the teams"),
    ({"teams": [{"name": "mash", "agency": "council", "escalate_to": "mash"}]},
     "out_of_hours and escalate_to must be another team"),
    ({"teams": [{"name": "mash", "agency": "council", "day_starts": 900, "day_ends": 800}]},
     "working hours must begin before they end"),
    ({"budget_per_1000_month": 101}, "budget_per_1000_month must be above 0 and at most 100"),
    ({"horizon_days": 0}, "horizon_days"),
    ({"horizon_days": -180}, "horizon_days"),
    ({"outcome": "happiness"}, "outcome"),
    ({"raise_at": "high"}, "$.raise_at"),
    ({"surprise": 1}, "surprise"),
    ({"holidays": [], "holidays_until": ""}, "holidays_until must be 2026-01-06 or later, got none"),
    ({"holidays": ["2030-01-01"], "holidays_until": "2029-01-01"}, "a holiday is later than holidays_until"),
    ({"holidays": [], "holidays_until": "soon"}, "holidays_until must be an ISO date"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "reason"), BAD_BODIES)
def test_rules_that_make_no_sense_are_refused_with_the_reason_and_the_old_ones_decide(
    street: Street, changes: dict[str, Any], reason: str
) -> None:
    refused_and_old_ones_decide(street, street.rules(2, **{"raise_at": 0.9, **changes}), reason)


def refused_and_old_ones_decide(street: Street, control: bytes, reason: str) -> None:
    outcome = street.step(control)
    assert outcome.counts == REFUSED
    told = rows(outcome.outbox, "control:rules")
    assert [agency for agency, _ in told] == sorted(AGENCIES)
    assert all(reason in body["refused"][-1]["reason"] for _, body in told), told[0][1]
    assert told[0][1]["in_force"]["version"] == 1
    street.machine = fold(street.machine, street.town)
    (raised,) = street.trouble()
    assert (raised.state, raised.rule_version, raised.threshold_ppm) == ("raised", 1, round(OLD * 1e6))


def test_what_is_not_signed_as_it_must_be_is_refused_with_the_reason(town: Smalltown) -> None:
    street = Street(town)
    good = street.rules(2, raise_at=0.9)
    ann, bob = approvals(good)
    for changes, reason in [
        ({"approvals": []}, "expected 2 different approvers, got 0"),
        ({"approvals": [ann]}, "expected 2 different approvers, got 1"),
        ({"approvals": [ann, ann]}, "the same approver signed twice"),
        ({"approvals": [ann, {**bob, "approver": "stranger"}]}, "approver 2 of 2 is not known to this platform"),
        ({"approvals": [ann, {**bob, "signature": ann["signature"]}]}, "the signature of approver 2 of 2 is wrong"),
        ({"body": "{}"}, "the signature of approver 1 of 2 is wrong"),
        ({"partnership": "elsewhere"}, "it is signed for another partnership"),
        ({"version": 3}, "the signature of approver 1 of 2 is wrong"),
    ]:
        refused_and_old_ones_decide(street := Street(town), rewritten(good, street.now, **changes), reason)


def test_a_version_is_only_ever_newer(street: Street) -> None:
    refused_and_old_ones_decide(street, street.rules(1, raise_at=0.9), "version 1 is not newer than 1")


def test_what_nothing_acts_on_is_refused(street: Street) -> None:
    outcome = street.step(street.town.control("excused", {}, at=street.now))
    ((_, body), *_) = rows(outcome.outbox, "control:excused")
    assert body["in_force"] is None
    assert "nothing acts on a control of this name" in body["refused"][0]["reason"]


def test_rules_before_a_register_are_refused_and_told_once_there_is_one(town: Smalltown) -> None:
    machine = make_machine(0, town.keyring)
    outcome = machine.step([town.control("rules", town.rules())])
    assert outcome.counts == REFUSED
    assert not outcome.outbox
    ((_, body), *_) = rows(machine.step([town.control("register", town.register())]).outbox, "control:rules")
    assert body["refused"][0]["reason"] == "there is no register yet: it comes first"


def test_the_same_control_again_is_a_duplicate_in_force_and_while_it_waits(street: Street) -> None:
    ahead = street.rules(2, effective_at=street.now + DAY_MS)
    assert street.step(ahead, ahead).counts == {("", "applied"): 1, ("", "duplicate"): 1}
    street.now += DAY_MS
    street.step(tick(street.now))
    assert street.step(ahead).counts == {("", "duplicate"): 1}


def test_a_reason_is_short_and_of_what_was_wrong_only(street: Street) -> None:
    outcome = street.step(street.rules(2, **{"x" * 5000: "Mary Quillfeather"}))
    ((_, body), *_) = rows(outcome.outbox, "control:rules")
    assert len(body["refused"][0]["reason"]) <= REASON_MAX_CHARS
    assert "Mary" not in str(outcome.outbox)


def test_a_row_about_a_control_reaches_the_desk(street: Street) -> None:
    outcome = street.step(street.rules(2, clear_ratio=2))
    cut = make_cut(street.town.keyring)
    out = next(out for out in outcome.outbox if out.kind == "view")
    (message,) = cut(out)
    _, row = codec.decode(message.value, frozenset({"view"}))
    assert (message.topic, row["kind"], row["key"]) == (
        topology.VIEWS.name.format(agency=out.to), "control", "control:rules",
    )  # fmt: skip


def test_every_agency_is_told_until_when_holidays_are_known_and_when_that_is_not_long(street: Street) -> None:
    until = START_MS + 400 * DAY_MS
    day = datetime.fromtimestamp(until / 1000, UTC).date().isoformat()
    street.step(street.rules(2, holidays=[], holidays_until=day))
    ((_, body), *_) = rows(street.step(tick(street.now + MINUTE_MS)).outbox, "freshness:holidays")
    assert body == {"until": day, "short": False}
    ((_, body), *_) = rows(street.step(tick(until - 59 * DAY_MS)).outbox, "freshness:holidays")
    assert body == {"until": day, "short": True}


# Enrichment

TEXT = {"factors": [{"family": "violence", "severity": 4, "origin": "text"}]}


def test_without_its_approval_what_an_agencys_text_says_counts_no_more_for_what_comes(street: Street) -> None:
    """What came while it was approved stays: a kept contribution does not say where a factor was found."""
    town, p = street.town, street.machine.partnerships[NAME]
    rid = town.rid("council", "m")
    street.step(town.event("council", "m", "before", street.now, **TEXT))
    agencies = {name: {**one, "enrich": name != "council"} for name, one in town.register()["agencies"].items()}
    at = street.now + DAY_MS
    street.step(town.control("register", town.register(agencies=agencies), 2, at=street.now, effective_at=at))
    street.step(town.event("council", "m", "meanwhile", street.now, **TEXT))
    assert len([one for one in p.contributions(rid) if one.factors]) == 2
    street.now = at
    street.step(
        town.event("council", "m", "after", at, **TEXT), town.event("council", "m", "before", at - 1, at, **TEXT)
    )
    kept = {one.occurred_at: one.factors for one in p.contributions(rid)}
    assert kept[at] == ()
    assert kept[at - 1] == (), "sent again, an event is taken by what is approved now"
    assert len([one for one in kept.values() if one]) == 1


# Ahead


def test_a_control_ahead_waits_and_decides_from_its_time_on(street: Street) -> None:
    at = street.now + DAY_MS
    street.step(street.rules(2, effective_at=at, raise_at=0.9))
    assert street.told["waiting"] == [{"version": 2, "effective_at": at}]
    street.machine = fold(street.machine, street.town)
    street.step(tick(at - 1))
    assert street.told["in_force"]["version"] == 1
    outcome = street.step(tick(at))
    assert {body["in_force"]["version"] for _, body in rows(outcome.outbox, "control:rules")} == {2}
    assert street.told["waiting"] == []
    street.now = at
    assert street.trouble() == []


def test_a_message_at_its_time_is_decided_by_it_without_a_tick(street: Street) -> None:
    at = street.now + DAY_MS
    street.step(street.rules(2, effective_at=at, raise_at=0.9))
    street.now = at
    assert street.trouble() == []


def test_a_newer_version_that_comes_earlier_replaces_one_that_waits(street: Street) -> None:
    start = street.now
    street.step(street.rules(2, effective_at=start + 9 * DAY_MS, raise_at=0.9))
    street.step(street.rules(3, effective_at=start + DAY_MS, raise_at=0.5))
    street.step(tick(start + 9 * DAY_MS))
    assert (street.told["in_force"]["version"], street.told["waiting"]) == (3, [])
    assert not street.machine.partnerships[NAME].tables["controls_ahead"]


def test_what_waits_too_far_ahead_or_too_often_is_refused(street: Street) -> None:
    street.step(street.rules(2, effective_at=street.now + AHEAD_MAX_MS + 1))
    assert street.told["refused"][-1]["reason"] == "effective_at is more than 366 days ahead"
    for number in range(AHEAD_MAX_PER_NAME + 1):
        street.step(street.rules(2 + number, effective_at=street.now + (number + 1) * DAY_MS))
    assert street.told["refused"][-1]["reason"] == f"{AHEAD_MAX_PER_NAME} versions wait already"
    assert len(street.told["waiting"]) == AHEAD_MAX_PER_NAME


def test_rules_ahead_are_judged_by_the_register_that_will_be_in_force(street: Street) -> None:
    start, town = street.now, street.town
    owls = {"owls": {"agency": "council"}, **town.register()["teams"]}
    teams = [*town.rules()["teams"], {"name": "owls", "agency": "council"}]
    street.step(town.control("register", town.register(teams=owls), 2, at=start, effective_at=start + DAY_MS))
    street.step(street.rules(2, effective_at=start + DAY_MS - 1, teams=teams))
    assert street.told["refused"][-1]["reason"] == "team owls is not in the register"
    outcome = street.step(street.rules(2, effective_at=start + DAY_MS, teams=teams), tick(start + DAY_MS))
    assert outcome.counts == {("", "applied"): 1, ("", "tick"): 1}
    assert street.told["in_force"]["version"] == 2


def test_rules_whose_team_has_left_meanwhile_are_refused_when_their_time_comes(street: Street) -> None:
    start, town = street.now, street.town
    street.step(street.rules(2, effective_at=start + 2 * DAY_MS, raise_at=0.9))
    fewer = {"mash": {"agency": "council", "front_door": True}}
    agencies = {name: {**one, "presence_team": "mash"} for name, one in town.register()["agencies"].items()}
    street.step(town.control("register", town.register(teams=fewer, agencies=agencies), 2, at=start))
    outcome = street.step(tick(start + 2 * DAY_MS))
    assert outcome.counts == {("", "tick"): 1, ("", "control_refused"): 1}
    assert street.told["refused"][-1]["reason"] == "team desk is not in the register"
    assert (street.told["in_force"]["version"], street.told["waiting"]) == (1, [])


sent = st.lists(st.tuples(st.integers(1, 6), st.integers(-5, 30), st.integers(0, 9), st.booleans()), max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=sent, cuts=st.lists(st.integers(1, 5), min_size=1, max_size=20))
def test_what_is_in_force_is_the_highest_version_whose_time_has_come_however_the_journal_is_cut(
    town: Smalltown, sent: list[tuple[int, int, int, bool]], cuts: list[int]
) -> None:
    """Compared with a list of what was signed, kept beside the machine."""
    entries, now, signed, known = [*town.opening()], START_MS, [(START_MS, 1)], {1}
    for version, ahead, later, again in sent:
        now += later * DAY_MS
        effective_at = now + ahead * DAY_MS
        in_force = max(v for at, v in signed if at <= now)
        if version > in_force and version not in known:
            signed.append((max(now, effective_at), version))
            known.add(version)
        body = town.rules(raise_at=0.1 + version / 100)
        entries.append(town.control("rules", body, version, at=now, effective_at=effective_at))
        entries += [tick(now)] * again
    now += 5 * DAY_MS
    entries.append(tick(now))
    expected = max(v for at, v in signed if at <= now)
    whole, parts, at = make_machine(0, town.keyring), make_machine(0, town.keyring), 0
    outbox, piecewise = whole.step(entries).outbox, []
    for size in [*cuts, len(entries)]:
        piecewise += parts.step(entries[at : at + size]).outbox
        parts, at = fold(parts, town), at + size
    assert whole.partnerships[NAME].tables["controls"]["rules"].version == expected
    deciding = json.loads(whole.partnerships[NAME].tables["alert_rules"][b"now"].body)
    assert deciding.get("raise_at", 0.11) == 0.1 + expected / 100
    assert tuple(piecewise) == outbox
    assert parts.digest() == whole.digest()


def test_approvers_of_another_town_do_not_sign_for_this_one(tmp_path: Path) -> None:
    other, here = Smalltown(tmp_path / "other"), Smalltown(tmp_path / "here")
    machine = make_machine(0, here.keyring)
    assert machine.step([other.control("register", here.register())]).counts == REFUSED
