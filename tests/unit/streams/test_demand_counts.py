"""Whose a new episode and an alert are counted as, and in which week."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from streams import demand
from streams.alerting.notice import Alert
from streams.insights.week import MONDAY_MS, WEEK_MS
from tests.unit.streams.risk.families import event, profile

WEEK = 2900
NOW = MONDAY_MS + WEEK * WEEK_MS + 1
LONG_AGO = 40  # weeks; all of it is known by now


def alert(team: str, weeks_ago: int, direction: str = "escalate", opening: bool = False) -> Alert:
    return Alert(direction, 1, False, team, b"h", b"c", (b"h",), NOW - weeks_ago * WEEK_MS, 1, 1, opening, None)


class Town(SimpleNamespace):
    """As much of a partnership as counting asks for: one record a person unless `people` says otherwise."""

    def __init__(self, live_weeks: int = 52) -> None:
        tables: dict[str, dict[Any, Any]] = {"events": {}, "alerts": {}, "records": {}, "demand_insight": {}}
        super().__init__(
            tables=tables,
            people={},
            graph=SimpleNamespace(cluster=lambda rid: rid, members=lambda rid: self.people.get(rid, (rid,))),
            watch=SimpleNamespace(phase="live", live_at=NOW - live_weeks * WEEK_MS),
        )

    def registered(self) -> Any:
        return SimpleNamespace(teams={"east": None, "mash": None}, front_door=lambda: "mash")

    def record(self, rid: bytes, allocation: str = "", live: bool = True, profiled: bool = True) -> None:
        of = profile(allocation=allocation) if profiled else None
        self.tables["records"][rid] = SimpleNamespace(live=live, profile=of)

    def onset(self, rid: bytes, weeks_ago: int) -> None:
        key = b"%s%d" % (rid, len(self.tables["events"]))
        self.tables["events"][key] = event(rid, NOW - weeks_ago * WEEK_MS, outcome="need")

    def counted(self) -> dict[str, dict[str, list[int]]]:
        return demand._counts(self, NOW)  # type: ignore[arg-type]


def test_an_episode_is_of_the_team_the_child_is_allocated_to_or_of_the_front_door() -> None:
    town = Town()
    for rid, team in ((b"a", "east"), (b"b", ""), (b"c", "not-registered")):
        town.record(rid, team)
        town.onset(rid, LONG_AGO)
    town.record(b"d", profiled=False)
    town.people[b"d"] = (b"a", b"d")  # another agency's record of the child that east has
    town.onset(b"d", LONG_AGO)
    episodes = town.counted()["episodes"]
    assert {team: sum(weeks) for team, weeks in episodes.items()} == {"east": 2, "mash": 2}


def test_weeks_are_counted_where_they_are_and_this_one_is_not_over() -> None:
    town = Town()
    town.record(b"a", "east")
    for weeks_ago in (0, 1, 1, 3, 104, 105):
        town.onset(b"a", weeks_ago)
    weeks = town.counted()["episodes"]["east"]
    assert len(weeks) == 104
    assert {len(weeks) - place: count for place, count in enumerate(weeks) if count} == {1: 2, 3: 1, 104: 1}


def test_what_is_no_outcome_and_whose_record_waits_is_not_counted() -> None:
    town = Town()
    town.record(b"a", "east")
    town.record(b"b", "east", live=False)
    town.onset(b"b", LONG_AGO)
    town.tables["events"][b"other"] = event(b"a", NOW - 2 * WEEK_MS)
    assert sum(town.counted()["episodes"]["east"]) == 0


def test_alerts_are_counted_since_going_live_and_without_the_opening_caseload() -> None:
    town = Town(live_weeks=6)
    raised = (alert("east", 2), alert("gone", 2), alert("east", 3, opening=True), alert("east", 3, "step_down"))
    town.tables["alerts"] = dict(enumerate(raised))
    assert town.counted()["alerts"] == {"east": [0, 0, 0, 0, 1, 0], "mash": [0, 0, 0, 0, 1, 0]}


def test_the_table_is_told_once_a_week_and_not_before_going_live() -> None:
    town = Town()
    town.record(b"a", "east")
    for _ in range(600):
        town.onset(b"a", LONG_AGO)
    town.watch.phase = "backfill"
    assert demand.table(town, NOW) is None  # type: ignore[arg-type]
    town.watch.phase = "live"
    told = demand.table(town, NOW)  # type: ignore[arg-type]
    assert told is not None
    assert [row["team"] for row in json.loads(told)["rows"]] == ["east", "mash", "total"]
    assert demand.table(town, NOW + 1) is None  # type: ignore[arg-type]
    assert demand.table(town, NOW + WEEK_MS) is not None  # type: ignore[arg-type]
