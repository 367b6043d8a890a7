"""What one agency asks of another, through `step`: whom it concerns, who is told, and that it ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import topology
from schemas import codec
from schemas.exchange import REQUEST_MAX_MS
from streams.outbox import RefusedOut, RowOut, make_cut
from streams.requests import OPEN_MAX_PER_AGENCY
from streams.state import Out
from streams.step import State, make_machine
from tests.smalltown import AGENCIES, DAY_MS, JOHN, MARY, NAME, START_MS, Smalltown, entry, fold, person, tick

MOTHER = person("Ada", "Quillfeather", "1984-05-17", number="12", street="Larkspur Way", postcode="ZE1 9XX")
BROTHER = person("Tom", "Quillfeather", "2016-08-01", number="12", street="Larkspur Way", postcode="ZE1 9XX")
GRAVE = [{"family": "violence", "severity": 4, "origin": "structured"}]
NOW = START_MS + DAY_MS


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Smalltown:
    return Smalltown(tmp_path_factory.mktemp("town") / "keys")


def opening(town: Smalltown) -> list[bytes]:
    """Mary, her brother and her mother are known to the police alone; John to both; an alert for the front door."""
    entries = town.opening()
    entries[1] = town.control("rules", town.rules(raise_at=0.037, clear_ratio=0.95))
    for name, who, child in (
        ("mary", MARY, True),
        ("tom", BROTHER, True),
        ("ada", MOTHER, False),
        ("john", JOHN, True),
    ):
        band = "5-10" if child else "adult"
        entries += [town.identity("police", name, who), town.profile("police", name, age_band=band, to_18=child)]
    entries += [town.identity("council", "j", JOHN), town.profile("council", "j")]
    entries += [town.live(agency, START_MS) for agency in AGENCIES]
    entries += [tick(START_MS + minute * 60_000) for minute in range(1, 10)]
    return entries + [town.event("police", "mary", f"e{number}", NOW, factors=GRAVE) for number in range(3)]


@cache
def opened(town: Smalltown) -> State:
    """After the opening; nobody steps on from here but by a fold."""
    machine = make_machine(0, town.keyring)
    machine.step(opening(town))
    return machine


class Street:
    """A live partnership, folded anew before each commit."""

    def __init__(self, town: Smalltown) -> None:
        self.town = town
        self.machine = fold(opened(town), town)

    def step(self, *entries: bytes) -> list[tuple[str, str, Any]]:
        """(agency, key, body) of the rows about requests."""
        self.machine = fold(self.machine, self.town)
        self.outcome = self.machine.step(entries)
        return rows(self.outcome.outbox)

    def ask(
        self, agency: str = "council", asked: str = "police", at: int = NOW, **more: Any
    ) -> list[tuple[str, str, Any]]:
        return self.step(self.town.request(agency, asked, at, **more))

    @property
    def reasons(self) -> list[str]:
        return [
            msgspec.msgpack.decode(out.body, type=RefusedOut).reason
            for out in self.outcome.outbox
            if out.kind == "dead_letter"
        ]

    @property
    def alert_id(self) -> str:
        (alert_id,) = self.machine.partnerships[NAME].tables["alerts"]
        return str(alert_id)

    def records(self, *names: str, agency: str = "police") -> list[str]:
        return sorted(self.town.rid(agency, name).hex() for name in names)


def rows(outbox: Sequence[Out]) -> list[tuple[str, str, Any]]:
    found = [(out.to, msgspec.msgpack.decode(out.body, type=RowOut)) for out in outbox if out.kind == "view"]
    return [(to, row.key, row.body and json.loads(row.body)) for to, row in found if row.kind == "request"]


def test_the_holder_of_a_child_not_known_to_us_is_told_of_its_children_alone(town: Smalltown) -> None:
    street = Street(town)
    ((to, key, body),) = street.ask(alert_id=street.alert_id)
    assert (to, key[:8]) == ("police", "request:")
    assert body == {
        "agency": "council", "team": "mash", "user": "u1", "kind": "identity", "purpose": "identify", "basis": "duty",
        "requested_at": NOW, "expires_at": NOW + 3 * DAY_MS, "records": street.records("mary", "tom"),
    }  # fmt: skip
    assert street.outcome.counts == {("council", "applied"): 1}


@pytest.mark.parametrize("kind", ["summary", "record"])
def test_what_is_asked_for_beyond_a_name_concerns_the_whole_household(town: Smalltown, kind: str) -> None:
    street = Street(town)
    ((_, _, body),) = street.ask(alert_id=street.alert_id, kind=kind)
    assert body["records"] == street.records("mary", "tom", "ada")


def test_who_holds_a_record_may_ask_of_it_without_an_alert(town: Smalltown) -> None:
    street = Street(town)
    ((to, _, body),) = street.ask(records=[town.rid("council", "j")], kind="record")
    assert (to, body["records"]) == ("police", street.records("john"))
    ((to, _, body),) = street.ask("police", "council", records=[town.rid("police", "john")], kind="record")
    assert (to, body["records"]) == ("council", street.records("j", agency="council"))


def test_the_row_leaves_for_the_holders_views_and_for_nobody_else(town: Smalltown) -> None:
    street = Street(town)
    street.ask(alert_id=street.alert_id)
    sent = [message for out in street.outcome.outbox for message in make_cut(town.keyring)(out)]
    (row,) = [message for message in sent if message.key.startswith(b"request:")]
    assert row.topic == topology.VIEWS.name.format(agency="police")
    assert codec.decode(row.value, frozenset({"view"}))[1]["kind"] == "request"


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "no such alert": ("request_unfounded", {"alert_id": "f" * 32}),
    "another team's alert": ("bad_request", {"team": "desk"}),
    "no such team": ("bad_request", {"team": "nobody"}),
    "a record of another agency": ("request_unfounded", {"alert_id": "", "records": ["police/mary"]}),
    "a record that nobody holds": ("request_unfounded", {"alert_id": "", "records": ["council/nobody"]}),
    "neither alert nor record": ("request_unfounded", {"alert_id": ""}),
    "itself": ("bad_request", {"asked": "council"}),
    "an agency that is none": ("bad_request", {"asked": "hospital"}),
    "expired": ("request_expired", {"expires_at": NOW}),
    "for too long": ("bad_request", {"expires_at": NOW + REQUEST_MAX_MS + 1}),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_request_without_a_ground_goes_back_with_its_reason_and_tells_nobody(town: Smalltown, what: str) -> None:
    street = Street(town)
    reason, changes = REFUSED[what]
    records = [town.rid(*name.split("/")) for name in changes.get("records", ())]
    before = street.machine.digest()
    assert street.ask(**{"alert_id": street.alert_id, **changes, "records": records}) == []
    assert street.reasons == [reason]
    assert street.machine.digest() == before


def test_nobody_asks_in_another_agencys_name(town: Smalltown) -> None:
    street = Street(town)
    body = codec.decode(
        town.request("police", "council", NOW, records=[town.rid("police", "john")]), frozenset({"journal"})
    )
    assert street.step(entry(topology.REQUESTS.name.format(agency="council"), body[1]["body"], NOW)) == []
    assert street.reasons == ["wrong_agency"]


def test_an_agency_that_holds_nothing_is_not_told_that_it_was_asked(town: Smalltown) -> None:
    street = Street(town)
    street.step(town.identity("police", "john", None, NOW))
    assert street.ask(records=[town.rid("council", "j")]) == []
    assert street.reasons == ["request_nothing"]


@pytest.mark.parametrize("kind", ["identity", "summary", "record"])
@pytest.mark.parametrize("restricted", ["mary", "tom", "ada"])
def test_a_household_with_a_restricted_record_is_as_if_nobody_held_it(
    town: Smalltown, restricted: str, kind: str
) -> None:
    street = Street(town)
    child = restricted != "ada"
    band = "5-10" if child else "adult"
    street.step(town.profile("police", restricted, NOW, restricted=True, age_band=band, to_18=child))
    assert street.ask(alert_id=street.alert_id, kind=kind) == []
    assert street.reasons == ["request_nothing"], "the same words as where nobody holds one"


def test_an_alert_that_has_ended_is_no_ground(town: Smalltown) -> None:
    street = Street(town)
    alert_id = street.alert_id
    street.step(*(town.event("police", "mary", f"e{number}", NOW, op="delete") for number in range(3)))
    assert street.machine.partnerships[NAME].tables["alerts"][alert_id].ended
    assert street.ask(alert_id=alert_id) == []
    assert street.reasons == ["request_unfounded"]


def test_an_agency_that_may_not_learn_who_holds_anything_learns_it_by_asking_neither(town: Smalltown) -> None:
    street = Street(town)
    agencies = town.register()["agencies"]
    low = {**agencies, "council": {**agencies["council"], "rung": 0}}
    street.step(town.control("register", town.register(agencies=low), 2, at=NOW))
    assert street.ask(alert_id=street.alert_id) == []
    assert street.reasons == ["request_unfounded"]


def test_a_repeat_is_a_duplicate_and_tells_nobody_again(town: Smalltown) -> None:
    street = Street(town)
    request = town.request("council", "police", NOW, alert_id=street.alert_id)
    assert len(street.step(request)) == 1
    assert street.step(request) == []
    assert street.outcome.counts == {("council", "duplicate"): 1}


def test_a_request_is_taken_back_when_it_expires_and_a_late_repeat_is_refused(town: Smalltown) -> None:
    street = Street(town)
    request = town.request("council", "police", NOW, alert_id=street.alert_id, expires_at=NOW + DAY_MS)
    ((_, key, _),) = street.step(request)
    assert street.step(tick(NOW + DAY_MS - 1)) == []
    assert street.step(tick(NOW + DAY_MS)) == [("police", key, None)]
    assert not street.machine.partnerships[NAME].tables["requests"]
    assert street.step(entry(topology.REQUESTS.name.format(agency="council"),
                             codec.decode(request, frozenset({"journal"}))[1]["body"], NOW + DAY_MS)) == []  # fmt: skip
    assert street.reasons == ["request_expired"]


def test_open_requests_of_an_agency_are_bounded_and_those_of_another_are_not_touched(town: Smalltown) -> None:
    street = Street(town)
    told = street.step(
        *(town.request("council", "police", NOW, alert_id=street.alert_id) for _ in range(OPEN_MAX_PER_AGENCY))
    )
    assert len(told) == OPEN_MAX_PER_AGENCY
    assert street.ask(alert_id=street.alert_id) == []
    assert street.reasons == ["request_full"]
    assert len(street.ask("police", "council", records=[town.rid("police", "john")])) == 1
    street.step(tick(NOW + 3 * DAY_MS))
    assert len(street.ask(at=NOW + 3 * DAY_MS, records=[town.rid("council", "j")])) == 1


steps = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=25)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=steps, cuts=st.lists(st.integers(1, 4), min_size=1, max_size=20))
def test_cuts_and_recoveries_change_nothing(
    town: Smalltown, moves: list[tuple[int, int, int]], cuts: list[int]
) -> None:
    whole, piecewise = fold(opened(town), town), fold(opened(town), town)
    (alert_id,) = whole.partnerships[NAME].tables["alerts"]
    entries, now = [], NOW
    for kind, who, days in moves:
        now += days * DAY_MS
        name = ("mary", "tom", "ada", "john")[who]
        match kind:
            case 0:
                entries.append(town.request("council", "police", now, alert_id=alert_id, kind="record"))
            case 1:
                entries.append(town.request("council", "police", now, records=[town.rid("council", "j")]))
            case 2:
                entries.append(town.request("police", "council", now, records=[town.rid("police", name)]))
            case 3:
                entries.append(town.profile("police", name, now, restricted=days % 2 == 0))
            case 4:
                entries.append(town.identity("police", name, None if days % 2 else MARY, now))
            case 5 if entries:
                entries.append(entries[who % len(entries)])
            case _:
                entries.append(tick(now))
    outcome = whole.step(entries)
    outbox, at = [], 0
    for size in [*cuts, len(entries)]:
        outbox += piecewise.step(entries[at : at + size]).outbox
        at += size
        piecewise = fold(piecewise, town)
    assert tuple(outbox) == outcome.outbox
    assert piecewise.digest() == whole.digest()
    asked = whole.partnerships[NAME].tables["requests"]
    open_rows = {key: body is not None for _, key, body in rows(outcome.outbox)}
    assert {key for key, is_open in open_rows.items() if is_open} == {f"request:{key.hex()}" for key in asked}
