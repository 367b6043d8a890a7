"""Worlds of chance to publish from: few children, much movement, everything small. And the demo's own.

Decides what is counted in them; the tables are made by the product, or, to see the attack succeed, as nobody should.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import msgspec

from benchmarks.tables.attack import OWNER, Body, Cell
from demo.offline import Offline
from demo.world import World
from schemas.event import AGENCY_KINDS
from schemas.profile import LEVELS
from streams import insights
from streams.figures import KEY as FIGURES
from streams.insights.alertquality import Answered
from streams.insights.flows import SPAN_WEEKS
from streams.insights.suppress import small
from streams.insights.week import MONDAY_MS, WEEK_MS, week_of
from streams.keys import Keyring
from streams.linkage.fairness import Sums
from streams.outbox import RowOut
from streams.risk.quality import Case, judge
from streams.step import State, make_machine

FIRST_WEEK = 2_900
TEAMS = ("east", "mash", "west")
GROUPS = ("A1", "B2", "C3", "D4", "E5")
CHUNK = 200  # entries a step


@dataclass
class Counts:
    """What is true in one week: the counts of every table."""

    load: dict[tuple[str, str], int]
    flows: dict[tuple[str, str], int]
    alerts: dict[str, Answered]
    links: dict[str, Sums]
    demand: dict[str, dict[str, list[int]]]
    figures: list[Case]


@dataclass
class Town:
    """Children of chance over some weeks: nobody comes or leaves, statuses come from social care only."""

    seed: int
    weeks: int = 8
    history: list[Counts] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Live through the weeks."""
        chance = Random(self.seed)
        children = [_Child(chance) for _ in range(chance.choice((20, 60, 150, 400)))]
        for _ in range(SPAN_WEEKS):
            for child in children:
                child.move(chance)
        alerts: dict[str, list[tuple[int, bool, str]]] = {team: [] for team in TEAMS}
        decided = {group: [0, 0, 0] for group in GROUPS}
        calls = {kind: {team: [] for team in TEAMS} for kind in ("episodes", "alerts")}
        rates = {team: chance.choice((0, 0.3, 1, 4, 12)) for team in TEAMS}
        sizes = {group: chance.choice((0, 2, 5, 9, 40, 200)) for group in GROUPS}
        cases: list[Case] = []
        for week in range(self.weeks):
            for child in children:
                child.move(chance)
            for team, rate in rates.items():
                new = sum(chance.random() < rate / 20 for _ in range(20))
                alerts[team] += [
                    (week, chance.random() < 0.8, chance.choice(("", "true_positive", "false_positive")))
                    for _ in range(new)
                ]
                calls["alerts"][team].append(new)
                calls["episodes"][team].append(sum(chance.random() < rate / 20 for _ in range(20)))
            for group in GROUPS:
                sizes[group] = max(0, sizes[group] + chance.choice((-1, 0, 0, 0, 1)))
                decided[group] = [count + (chance.random() < 0.2) for count in decided[group]]
            cases += [
                Case(chance.random() < 0.2, chance.randrange(-3_000_000, 1_000_000), 0, chance.choice(GROUPS))
                for _ in range(chance.choice((3, 30)))
            ]
            self.history.append(Counts(
                load=dict(Counter((kind, child.now) for child in children for kind in child.kinds)),
                flows=dict(Counter((child.before, child.now) for child in children)),
                alerts={team: _answered(rows) for team, rows in alerts.items()},
                links={group: Sums(people, people, 3 * people, 0, 0, *decided[group])
                       for group, people in sizes.items()},
                demand={kind: {team: list(line) for team, line in of.items()} for kind, of in calls.items()},
                figures=list(cases),
            ))  # fmt: skip

    def truth(self, cell: Cell) -> int | None:
        """The count in a cell; None where it is not one of children or alerts."""
        table, week, *place = cell
        counts = self.history[int(str(week))]
        if table == "caseload":
            return counts.load.get((str(place[0]), str(place[1])), 0)
        if table == "flows":
            return counts.flows.get((str(place[0]), str(place[1])), 0)
        if table == "alerts":
            names = ("raised", "answered", "true_positive", "false_positive")
            return counts.alerts[str(place[0])].counts[names.index(str(place[1]))]
        if table == "links":
            return int(getattr(counts.links[str(place[0])], str(place[1])))
        if table == "figures":
            mine = [case for case in counts.figures if case.group == place[2]]
            return len(mine) if place[3] == "n" else sum(case.positive for case in mine)
        return None


class _Child:
    """One child: who knows it, and its level over the last weeks."""

    def __init__(self, chance: Random) -> None:
        known = [kind for kind in AGENCY_KINDS if chance.random() < 0.4] or ["education"]
        self.kinds = sorted(known)
        self._levels = [chance.choice(LEVELS) if OWNER in known else "none"]

    def move(self, chance: Random) -> None:
        """A week goes by."""
        moves = OWNER in self.kinds and chance.random() < 0.05
        self._levels.append(chance.choice(LEVELS) if moves else self._levels[-1])

    @property
    def now(self) -> str:
        """Its level."""
        return self._levels[-1]

    @property
    def before(self) -> str:
        """Its level as many weeks ago as flows look back."""
        return self._levels[-1 - SPAN_WEEKS]


def _answered(rows: list[tuple[int, bool, str]]) -> Answered:
    seen = [verdict for _, answered, verdict in rows if answered]
    return Answered(len(rows), (60,) * len(seen), seen.count("true_positive"), seen.count("false_positive"))


def published(town: Town) -> list[dict[str, Body]]:
    """The tables of a town as the product publishes them, week by week."""
    load = flows = alerts = links = demand = None
    found = []
    for number, counts in enumerate(town.history):
        now = MONDAY_MS + (FIRST_WEEK + number) * WEEK_MS
        load = insights.publish(load, counts.load, now)
        flows = insights.publish_flows(flows, counts.flows, now)
        alerts = insights.publish_alerts(alerts, counts.alerts, now)
        links = insights.publish_links(links, counts.links, now)
        demand = insights.publish_demand(demand, counts.demand, now)
        texts = {
            "caseload": insights.body(load), "flows": insights.flows_body(flows),
            "alerts": insights.alerts_body(alerts), "links": insights.links_body(links),
            "demand": insights.demand_body(demand),
        }  # fmt: skip
        judged = judge(counts.figures, 0)
        of_groups = [
            {"group": group.group, "n": group.n, "positives": group.positives} for group in judged.groups
        ]  # fmt: skip
        events = {"n": judged.n, "positives": judged.positives, "groups": of_groups}
        none = {"n": 0, "positives": 0, "groups": []}
        target = {"outcome": "need_or_plan", "events": events, "ticks": none}
        found.append({**{name: json.loads(text) for name, text in texts.items()}, "figures": {"targets": [target]}})
    return found


def naive(town: Town) -> list[dict[str, Body]]:
    """Caseload and flows as they must not be published: small counts left out, all else exact, totals beside it."""
    found: list[dict[str, Body]] = []
    for counts in town.history:
        load = [{"agency_kind": kind, "cells": _line({level: counts.load.get((kind, level), 0) for level in LEVELS})}
                for kind in AGENCY_KINDS]  # fmt: skip
        flows = [{"from": before, "cells": {after: _plain(counts.flows.get((before, after), 0))
                                            for after in LEVELS if after != before}}
                 for before in LEVELS]  # fmt: skip
        found.append({"caseload": {"rows": load}, "flows": {"rows": flows, "span_weeks": SPAN_WEEKS}})
    return found


def _line(cells: Mapping[str, int]) -> dict[str, int | None]:
    return {name: _plain(count) for name, count in {**cells, "total": sum(cells.values())}.items()}


def _plain(count: int) -> int | None:
    return None if small(count) else count


def demo(weeks: int, seed: int = 7, families: int = 300) -> list[dict[str, Body]]:
    """What the real `step` told the agencies of the demo's world, from the first table on, week by week."""
    found: dict[int, dict[str, Body]] = {}
    with tempfile.TemporaryDirectory() as folder:
        run = Offline(World(seed, families), Path(folder) / "run")
        for row in _told(make_machine(0, Keyring.load(run.made.keys / "platform")), run.journal()):
            week = week_of(row.as_of_at)
            if week not in found and len(found) == weeks:
                break
            name = "figures" if row.key == FIGURES else row.key.partition(":")[2]
            found.setdefault(week, {})[name] = json.loads(row.body)
    return [found[week] for week in sorted(found)]


def _told(state: State, journal: Iterator[bytes]) -> Iterator[RowOut]:
    """Tables and figures, in order; each agency is told the same, so of one of them."""
    chunk: list[bytes] = []
    for entry in journal:
        chunk.append(entry)
        if len(chunk) < CHUNK:
            continue
        for out in state.step(chunk).outbox:
            if out.kind == "view" and out.to == "council":
                row = msgspec.msgpack.decode(out.body, type=RowOut)
                if row.kind == "insight" or row.key == FIGURES:
                    yield row
        chunk = []
