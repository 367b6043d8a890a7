"""Whom the tables of the week count, and that all of them are told once a week."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import msgspec

from streams import weekly
from streams.alerting.notice import Alert
from streams.insights.week import MONDAY_MS, WEEK_MS
from streams.outbox import RowOut
from streams.step import make_machine
from tests.smalltown import DAY_MS, START_MS, Smalltown, fold, person, tick

WEEK = 2900
NOW = MONDAY_MS + WEEK * WEEK_MS + 1
HOUR_MS = 3_600_000
SURNAMES = (
    "Abernathy",
    "Bottomley",
    "Crickmore",
    "Dunstable",
    "Entwistle",
    "Fothergill",
    "Grimshaw",
    "Hollingworth",
    "Inglethorpe",
)


def alert(weeks_ago: int, **more: Any) -> Alert:
    first = Alert("escalate", 1, False, "east", b"h", b"c", (b"h",), NOW - weeks_ago * WEEK_MS, 1, 1, False, None)
    return msgspec.structs.replace(first, **more)


def answered(*alerts: Alert) -> dict[str, weekly.Answered]:
    register = SimpleNamespace(teams={"east": None, "mash": None}, front_door=lambda: "mash")
    town = SimpleNamespace(tables={"alerts": dict(enumerate(alerts))}, registered=lambda: register)
    return weekly._answered(town, NOW)  # type: ignore[arg-type]


def test_an_alert_counts_in_the_twelve_weeks_after_its_own_for_the_team_that_has_it() -> None:
    found = answered(*(alert(ago) for ago in (0, 1, 12, 13)), alert(2, team="gone"))
    assert {team: one.raised for team, one in found.items()} == {"east": 2, "mash": 1}


def test_step_downs_and_the_opening_caseload_are_no_alerts_of_the_table() -> None:
    assert answered(alert(1, direction="step_down"), alert(1, opening=True))["east"].raised == 0


def test_an_answer_counts_from_raise_to_answer_and_a_verdict_as_it_was_given() -> None:
    raised_at = NOW - WEEK_MS
    one = answered(
        alert(1, answered_at=raised_at + 90_000, verdict="true_positive"),
        alert(1, answered_at=raised_at + 5_000, verdict="false_positive"),
        alert(1, answered_at=raised_at + 7_000),
        alert(1),
    )["east"]
    assert (one.raised, sorted(one.response_s)) == (4, [5, 7, 90])
    assert (one.true_positive, one.false_positive) == (1, 1)


def journal(town: Smalltown) -> list[bytes]:
    """Nine children in need for three weeks when the partnership goes live, one of them known to the police too."""
    entries = [*town.opening()]
    for number, surname in enumerate(SURNAMES):
        who = person("Ada", surname, f"{2008 + number}-03-{2 * number + 1:02d}", postcode=f"ZE{number} 7ZZ")
        since = {"kind": "in_need", "started_at": START_MS - 21 * DAY_MS, "ended_at": None}
        entries.append(town.identity("council", surname, who))
        entries.append(town.profile("council", surname, statuses=[since]))
    entries.append(town.identity("police", surname, who))
    entries.append(town.profile("police", surname))
    entries += [town.live(agency, START_MS) for agency in ("council", "police")]
    return entries + [tick(START_MS + hour * HOUR_MS) for hour in range(1, 24 * 24, 6)]


def told(outcomes: list[Any]) -> dict[str, list[dict[str, Any]]]:
    """Bodies of the council's rows by key, in order."""
    views: dict[str, list[dict[str, Any]]] = {}
    for out in (out for outcome in outcomes for out in outcome.outbox if out.kind == "view" and out.to == "council"):
        row = msgspec.msgpack.decode(out.body, type=RowOut)
        views.setdefault(row.key, []).append(json.loads(row.body))
    return views


def test_all_tables_are_told_once_a_week_and_a_child_moves_once_from_none_to_its_level(town: Smalltown) -> None:
    views = told([make_machine(0, town.keyring).step(journal(town))])
    for name in ("caseload", "flows", "links", "demand", "alerts"):
        tables = views[f"insight:{name}"]
        dates = [table["published_at"] for table in tables]
        assert dates == sorted(set(dates))
        assert len(dates) == 4
        for table in tables:
            assert table["title"]
            assert table["counts"]
            assert table["withheld"]
    council = [row["cells"] for row in views["insight:caseload"][0]["rows"] if row["agency_kind"] == "social_care"]
    assert (council[0]["in_need"], council[0]["total"]) == (10, 10)
    moved = [{row["from"]: row["cells"] for row in table["rows"]} for table in views["insight:flows"]]
    assert [cells["none"]["in_need"] for cells in moved] == [10, None, None, None]
    assert {value for cells in moved for before in cells.values() for value in before.values()} == {10, None}


def test_the_tables_are_the_same_however_the_journal_is_cut_and_after_a_recovery(town: Smalltown) -> None:
    entries = journal(town)
    whole, cut = make_machine(0, town.keyring), make_machine(0, town.keyring)
    once, pieces = [whole.step(entries)], []
    for start in range(0, len(entries), 13):
        pieces.append(cut.step(entries[start : start + 13]))
        cut = fold(cut, town)
    assert told(once) == told(pieces)
    assert whole.digest() == cut.digest()
