"""Who has an alert, through `step`: out of hours, unread, moved, snoozed; the same however the journal is cut."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.alert import MOVED, OUT_OF_HOURS, TAKEN_OVER, UNREAD
from schemas.event import FAMILIES
from streams.alerting.notice import Notice
from streams.outbox import AlertOut, RefusedOut
from streams.state import Out
from streams.step import make_machine
from tests.smalltown import AGENCIES, DAY_MS, JOHN, MARY, NAME, START_MS, Smalltown, fold, tick

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
TEAMS = ("mash", "east", "night", "boss", "desk")
GRAVE = [{"family": "violence", "severity": 4, "origin": "structured"}]


def london(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/London")).timestamp() * 1000)


MONDAY = london("2025-01-13T09:00")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Smalltown:
    return Smalltown(tmp_path_factory.mktemp("town") / "keys")


def opening(town: Smalltown, allocation: str = "east") -> list[bytes]:
    """A partnership of five teams: east has a night team and a boss; the police desk stands for nothing here."""
    council = {name: {"agency": "council"} for name in ("east", "night", "boss")}
    teams = [
        {"name": "mash", "agency": "council"},
        {"name": "east", "agency": "council", "out_of_hours": "night", "escalate_to": "boss"},
        {"name": "night", "agency": "council", "always": True, "respond_hours": 2},
        {"name": "boss", "agency": "council"}, {"name": "desk", "agency": "police"},
    ]  # fmt: skip
    entries = town.opening()
    entries[0] = town.control("register", town.register(teams={**town.register()["teams"], **council}))
    entries[1] = town.control("rules", town.rules(teams=teams, raise_at=0.037, clear_ratio=0.95))
    entries += [town.identity("council", "m", MARY), town.profile("council", "m", allocation=allocation),
                town.identity("council", "j", JOHN), town.profile("council", "j")]  # fmt: skip
    entries += [town.live(agency, START_MS) for agency in AGENCIES]
    return entries + [tick(START_MS + minute * MINUTE_MS) for minute in range(1, 10)]


def alerts(outbox: Sequence[Out]) -> list[tuple[str, Notice]]:
    return [(out.to, msgspec.msgpack.decode(out.body, type=AlertOut).notice) for out in outbox if out.kind == "alert"]


class Street:
    """Steps one commit at a time, each by a machine that was folded anew."""

    def __init__(self, town: Smalltown, now: int = MONDAY, allocation: str = "east") -> None:
        self.town, self.now = town, now
        self.machine = make_machine(0, town.keyring)
        self.machine.step(opening(town, allocation))
        assert self.machine.partnerships[NAME].watch.phase == "live"
        self._events = 0

    def step(self, *entries: bytes) -> list[tuple[str, str, str]]:
        """(team, state, correction) of what is told."""
        self.machine = fold(self.machine, self.town)
        self.outcome = self.machine.step(entries)
        self.told = alerts(self.outcome.outbox)
        return [(team, notice.state, notice.correction) for team, notice in self.told]

    def ticks(self, until: int) -> list[tuple[int, str, str, str]]:
        """A tick an hour, the last at `until`; what is told, and when."""
        said = []
        while self.now < until:
            self.now = min(until, self.now + HOUR_MS)
            said += [(self.now, *one) for one in self.step(tick(self.now))]
        return said

    def trouble(self, *families: str, of: tuple[str, str] = ("council", "m")) -> list[tuple[str, str, str]]:
        """A grave event of each family; three of violence reach the line."""
        said = []
        for family in families or ("violence",) * 3:
            self._events += 1
            factors = [{"family": family, "severity": 4, "origin": "structured"}]
            said += self.step(self.town.event(*of, f"e{self._events}", self.now, factors=factors))
        return said

    def respond(self, action: str, team: str, **more: Any) -> list[tuple[str, str, str]]:
        return self.step(self.town.response("council", action, self.now, alert_id=self.alert_id, team=team, **more))

    @property
    def alert_id(self) -> str:
        (alert_id,) = self.machine.partnerships[NAME].tables["alerts"]
        return str(alert_id)


RAISED, WORSE = ("east", "raised", ""), ("east", "updated", "")
COPIED, BACK = ("night", "updated", OUT_OF_HOURS), ("night", "cleared", TAKEN_OVER)


# Unread


def test_what_nobody_answers_is_escalated_once_at_the_very_moment_it_was_due(town: Smalltown) -> None:
    street = Street(town)
    assert street.trouble() == [RAISED]
    due = MONDAY + 4 * HOUR_MS
    street.step(tick(due - 1))
    assert street.told == []
    said = street.step(tick(due))
    assert said == [("east", "updated", UNREAD), ("boss", "updated", UNREAD)]
    assert street.outcome.counts["council", "unread"] == 1
    assert [notice.version for _, notice in street.told] == [2, 3]
    street.now = due
    assert street.ticks(due + 3 * DAY_MS) == []


@pytest.mark.parametrize("action", ["acknowledge", "assign", "act", "close", "snooze"])
def test_what_somebody_answered_is_not_escalated(town: Smalltown, action: str) -> None:
    street = Street(town)
    street.trouble()
    until = street.now + 20 * DAY_MS if action == "snooze" else None
    street.respond(action, "east", until_at=until)
    assert street.ticks(MONDAY + 2 * DAY_MS) == []


def test_a_dispute_is_no_answer(town: Smalltown) -> None:
    street = Street(town)
    street.trouble()
    street.respond("dispute_score", "east")
    assert UNREAD in {one[-1] for one in street.ticks(MONDAY + 5 * HOUR_MS)}


def test_an_answer_after_it_was_escalated_takes_it_back(town: Smalltown) -> None:
    street = Street(town)
    street.trouble()
    street.ticks(MONDAY + 5 * HOUR_MS)
    assert street.respond("acknowledge", "east") == [("boss", "cleared", TAKEN_OVER)]
    assert not street.machine.partnerships[NAME].tables["alerts"][street.alert_id].ended


def test_the_team_it_was_escalated_to_may_answer(town: Smalltown) -> None:
    street = Street(town)
    street.trouble()
    street.ticks(MONDAY + 5 * HOUR_MS)
    assert street.respond("act", "boss") == []
    assert street.outcome.counts == {("council", "applied"): 1}
    assert street.respond("act", "mash") == []
    assert street.outcome.counts == {("council", "dead_letter"): 1}, "who does not have it decides nothing"


def test_without_a_team_for_it_the_front_door_gets_what_is_unread_and_itself_once(town: Smalltown) -> None:
    street = Street(town, allocation="")
    assert street.trouble() == [("mash", "raised", "")]
    assert street.ticks(MONDAY + 5 * HOUR_MS) == [(MONDAY + 4 * HOUR_MS, "mash", "updated", UNREAD)]


# Out of hours


def test_an_alert_at_night_is_copied_to_the_team_on_duty_until_work_begins(town: Smalltown) -> None:
    street = Street(town, london("2025-01-10T22:00"))  # a Friday
    assert street.trouble() == [RAISED, COPIED]
    assert street.outcome.counts == {("council", "applied"): 1, ("council", "copied"): 1}
    (_, raised), (_, copy) = street.told[-2:]
    assert raised.respond_by_at == london("2025-01-13T13:00")
    assert copy.respond_by_at == street.now + 2 * HOUR_MS
    assert copy.alert_id == raised.alert_id
    assert street.ticks(MONDAY + HOUR_MS) == [(MONDAY, *BACK)]
    assert (MONDAY + 4 * HOUR_MS, "boss", "updated", UNREAD) in street.ticks(MONDAY + 5 * HOUR_MS)


def test_it_is_withdrawn_when_its_own_team_answers(town: Smalltown) -> None:
    street = Street(town, london("2025-01-10T22:00"))
    street.trouble()
    assert street.respond("acknowledge", "east") == [BACK]
    assert street.ticks(MONDAY + 9 * HOUR_MS) == []


def test_an_answer_at_night_does_not_stand_for_the_teams_own(town: Smalltown) -> None:
    street = Street(town, london("2025-01-10T22:00"))
    street.trouble()
    assert street.respond("acknowledge", "night") == []
    said = street.ticks(MONDAY + 5 * HOUR_MS)
    assert said == [(MONDAY, *BACK), (MONDAY + 4 * HOUR_MS, "east", "updated", UNREAD),
                    (MONDAY + 4 * HOUR_MS, "boss", "updated", UNREAD)]  # fmt: skip


@pytest.mark.parametrize("action", ["close", "snooze"])
def test_who_has_it_for_the_night_does_not_silence_it(town: Smalltown, action: str) -> None:
    street = Street(town, london("2025-01-10T22:00"))
    street.trouble()
    street.respond(action, "night", until_at=street.now + DAY_MS if action == "snooze" else None)
    assert street.outcome.counts == {("council", "dead_letter"): 1}


def test_by_day_the_night_team_is_not_troubled(town: Smalltown) -> None:
    assert Street(town).trouble() == [RAISED]


def test_what_gets_worse_at_night_is_copied_too_also_while_it_is_snoozed(town: Smalltown) -> None:
    street = Street(town)
    street.trouble()
    street.respond("snooze", "east", until_at=street.now + 30 * DAY_MS)
    street.ticks(london("2025-01-13T23:00"))
    street.step(street.town.identity("police", "q", MARY, street.now))
    said = street.trouble(*FAMILIES[:6], *FAMILIES[:6], of=("police", "q"))
    told = [one for one in said if "links" not in one[2]]
    assert told[:2] == [WORSE, COPIED]
    assert set(told) <= {WORSE, COPIED, ("night", "updated", "")}


# Moved


def moved_to(street: Street, team: str) -> list[tuple[str, str, str]]:
    return street.step(street.town.profile("council", "m", street.now, allocation=team))


def test_a_child_who_moves_to_another_team_takes_the_alert_along(town: Smalltown) -> None:
    street = Street(town)
    street.trouble()
    street.ticks(MONDAY + 2 * HOUR_MS)
    assert moved_to(street, "") == [("mash", "updated", MOVED), ("east", "cleared", MOVED)]
    assert street.outcome.counts == {("council", "applied"): 1, ("council", "moved"): 1}
    assert street.told[0][1].respond_by_at == MONDAY + 6 * HOUR_MS, "it has not read it yet"
    assert street.respond("act", "east") == []
    assert street.outcome.counts == {("council", "dead_letter"): 1}
    street.respond("act", "mash")
    assert street.outcome.counts == {("council", "applied"): 1}
    assert moved_to(street, "unknown team") == [], "both are the front door's"


def test_a_move_to_the_team_it_was_escalated_to_tells_it_once_and_takes_nothing_from_it(town: Smalltown) -> None:
    street = Street(town)
    street.trouble()
    street.ticks(MONDAY + 5 * HOUR_MS)
    assert moved_to(street, "boss") == [("boss", "updated", MOVED), ("east", "cleared", MOVED)]


def test_what_somebody_closed_does_not_move(town: Smalltown) -> None:
    street = Street(town)
    street.trouble()
    street.respond("close", "east")
    assert moved_to(street, "") == []


def test_rules_with_another_front_door_move_what_is_nobodys_by_sweep(town: Smalltown) -> None:
    street = Street(town, allocation="")
    street.trouble()
    teams = [{"name": name, "agency": "council"} for name in ("mash", "boss")]
    rules = street.town.rules(front_door="boss", teams=teams, raise_at=0.037, clear_ratio=0.95)
    street.step(street.town.control("rules", rules, 2, at=street.now))
    said = street.told or alerts(street.machine.step([tick(street.now)]).outbox)
    assert [(team, notice.state, notice.correction) for team, notice in said] == [
        ("boss", "updated", MOVED), ("mash", "cleared", MOVED),
    ]  # fmt: skip


# All of it


def test_every_team_that_has_it_hears_of_its_end(town: Smalltown) -> None:
    street = Street(town)
    street.trouble()
    street.ticks(MONDAY + 5 * HOUR_MS)
    said = street.step(street.town.identity("council", "m", None, street.now))
    assert [(team, state) for team, state, _ in said] == [("east", "retracted"), ("boss", "retracted")]


def test_a_copy_for_a_team_that_is_gone_from_the_register_goes_nowhere(town: Smalltown) -> None:
    street = Street(town)
    street.trouble()
    street.ticks(MONDAY + 5 * HOUR_MS)
    register = street.town.register(teams={**street.town.register()["teams"], "east": {"agency": "council"}})
    street.step(street.town.control("register", register, 2, at=street.now))
    assert street.step(street.town.identity("council", "m", None, street.now))[0][:2] == ("east", "retracted")
    assert len(street.told) == 1


moves = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 30), st.sampled_from(TEAMS)), max_size=25)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=moves, cuts=st.lists(st.integers(1, 6), min_size=1, max_size=30))
def test_whatever_happens_the_teams_are_told_a_story_that_holds_together(
    town: Smalltown, moves: list[tuple[int, int, str]], cuts: list[int]
) -> None:
    """Of each alert: raised once and first; a version once; no team loses what it does not have or keeps an ended one."""
    probe = make_machine(0, town.keyring)
    probe.step(begin := opening(town))
    entries, now = list(begin), MONDAY - 3 * DAY_MS
    for number, (kind, hours, team) in enumerate(moves):
        now += hours * HOUR_MS
        known = sorted(probe.partnerships[NAME].tables["alerts"])
        if kind <= 2:
            new = [town.event("council", "mj"[kind % 2], f"e{number}-{n}", now, factors=GRAVE) for n in range(3)]
        elif kind == 3:
            new = [town.profile("council", "m", now, allocation=team)]
        elif kind == 4 and known:
            new = [town.response("council", "acknowledge", now, alert_id=known[hours % len(known)], team=team)]
        elif kind == 5:
            new = [town.event("council", "m", f"e{number - 1}-{n}", now, op="delete") for n in range(3)]
        else:
            new = [tick(now)]
        probe.step(new)
        entries += new
    entries += [tick(now + hours * HOUR_MS) for hours in range(0, 200, 7)]
    whole, parts, at = make_machine(0, town.keyring), make_machine(0, town.keyring), 0
    outbox, piecewise = whole.step(entries).outbox, []
    for size in [*cuts, len(entries)]:
        piecewise += parts.step(entries[at : at + size]).outbox
        parts, at = fold(parts, town), at + size
    assert tuple(piecewise) == outbox
    assert parts.digest() == whole.digest()
    told: dict[str, list[tuple[str, Notice]]] = {}
    for team, notice in alerts(outbox):
        told.setdefault(notice.alert_id, []).append((team, notice))
    for story in told.values():
        holds_together(story)


def holds_together(story: list[tuple[str, Notice]]) -> None:
    assert [notice.version for _, notice in story] == list(range(1, len(story) + 1))
    assert [notice.state == "raised" for _, notice in story] == [True] + [False] * (len(story) - 1)
    having: set[str] = set()
    ended = False
    for team, notice in story:
        if notice.state in {"cleared", "retracted"}:
            assert team in having
            having.discard(team)
            ended |= notice.correction not in {MOVED, TAKEN_OVER}
        else:
            assert not ended
            having.add(team)
    assert not (ended and having)


def test_the_story_test_would_notice(town: Smalltown) -> None:
    street = Street(town)
    street.trouble()
    ((_, raised),) = street.told
    for bad in ([("east", raised), ("east", raised)],
                [("east", raised), ("boss", msgspec.structs.replace(raised, version=2, state="cleared"))]):  # fmt: skip
        with pytest.raises(AssertionError):
            holds_together(bad)


# Decisions


@pytest.mark.parametrize(
    "action", ["acknowledge", "assign", "act", "close", "snooze", "dispute_score", "dispute_link"]
)
def test_every_decision_that_a_desk_sends_is_applied_once_and_none_is_refused(town: Smalltown, action: str) -> None:
    street = Street(town)
    street.trouble()
    until = street.now + DAY_MS if action == "snooze" else None
    sent = town.response("council", action, street.now, alert_id=street.alert_id, team="east", until_at=until)
    street.step(sent)
    assert (street.outcome.counts["council", "applied"], refusals(street)) == (1, [])
    before = street.machine.partnerships[NAME].tables["alerts"][street.alert_id]
    street.step(sent)
    assert (street.outcome.counts["council", "duplicate"], refusals(street)) == (1, [])
    assert street.machine.partnerships[NAME].tables["alerts"][street.alert_id] == before


def test_a_disputed_link_names_the_agencys_own_records_and_changes_no_link(town: Smalltown) -> None:
    street = Street(town)
    street.trouble()
    before = {name: dict(table) for name, table in street.machine.partnerships[NAME].tables.items()}
    assert street.respond("dispute_link", "east", records=[town.rid("council", "m")]) == []
    assert refusals(street) == []
    after = street.machine.partnerships[NAME].tables
    assert [name for name, table in before.items() if dict(after[name]) != table] == ["responses"]


@pytest.mark.parametrize("records", [[("police", "p")], [("council", "nobody")], [("council", "m")] * 3])
def test_a_disputed_link_of_another_agencys_record_is_refused(
    town: Smalltown, records: list[tuple[str, str]]
) -> None:
    street = Street(town)
    street.trouble()
    street.step(town.identity("police", "p", JOHN))
    street.respond("dispute_link", "east", records=[town.rid(*name) for name in records])
    assert refusals(street) == ["bad_response"]


def test_what_was_snoozed_and_taken_up_again_is_told_of_like_any_other(town: Smalltown) -> None:
    street = Street(town)
    street.trouble()
    street.respond("snooze", "east", until_at=street.now + 20 * DAY_MS)
    street.respond("acknowledge", "east")
    assert street.machine.partnerships[NAME].tables["alerts"][street.alert_id].snoozed_until == 0


def refusals(street: Street) -> list[str]:
    """Why entries of the last step were refused."""
    refused = [out for out in street.outcome.outbox if out.kind == "dead_letter"]
    return [msgspec.msgpack.decode(out.body, type=RefusedOut).reason for out in refused]
