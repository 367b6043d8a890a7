"""The attack: from every table of every week, and the rules, bounds on each count that was withheld.

Decides what an outsider knows who has kept all that was published, understands every rule and knows how the tables
hang together: that what is shown is rounded, that cells add up to totals, which counts are part of which, how many
publications a cell stays withheld, and that statuses come from social care. Takes bodies as they were published and
nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from benchmarks.tables.system import MANY, System
from streams.insights.suppress import ROUND_TO, SMALL_MAX, STICKY_WEEKS

Body = Mapping[str, Any]
Week = Mapping[str, Body]
"""Bodies of one week by table."""
Cell = tuple[Hashable, ...]
"""Table, week, and where in the table."""
OWNER = "social_care"  # the kind of agency that statuses come from
INFINITE = float("inf")


@dataclass(frozen=True)
class Rules:
    """How the tables were made, which the attacker knows.

    Attributes:
        rounded: Counts are shown to the nearest 5; else exactly.
        sure: A cell that was shown before and is withheld now is small; else it may be there to hide another.
        sticky: A cell stays withheld for eight publications.
    """

    rounded: bool = True
    sure: bool = True
    sticky: bool = True


class Found(NamedTuple):
    """What the attack found.

    Attributes:
        ranges: Least and greatest value of each withheld cell.
        recovered: Those of which the only value is 1 to 7.
        narrowest: Number of values of the cell that has fewest, of those that may be small.
    """

    ranges: dict[Cell, tuple[int, int]]
    recovered: list[Cell]
    narrowest: int


@dataclass
class _Reading:
    """The tables as one system."""

    weeks: Sequence[Week]
    rules: Rules
    system: System = field(default_factory=System)
    withheld: list[Cell] = field(default_factory=list)

    def table(
        self,
        name: str,
        values: Callable[[Body], Mapping[Cell, int | None]],
        *,
        nought: bool = True,
        vague: Callable[[Cell], bool] = lambda _: False,
    ) -> None:
        """Make every cell of a table an unknown, of every week.

        Args:
            name: Its name.
            values: Of one body: value by place, None where it is withheld; totals are not among them.
            nought: Whether a 0 is shown.
            vague: Whether a cell of this place may be withheld though its count is not small.
        """
        past = [values(week[name]) if name in week else {} for week in self.weeks]
        for number, now in enumerate(past):
            for place, value in now.items():
                cell = (name, number, *place)
                if value is not None:
                    self.system.unknown(cell, *self.shown(value))
                    continue
                self.withheld.append(cell)
                if vague(place):
                    self.system.unknown(cell, 0)
                    continue
                shown = [week.get(place, 0) is not None for week in past]
                self._hidden(cell, number, shown, nought=nought)

    def shown(self, value: int) -> tuple[int, int]:
        """What a count can be that is shown."""
        if not self.rules.rounded or not value:
            return value, value
        return max(SMALL_MAX + 1, value - ROUND_TO // 2), value + ROUND_TO // 2

    def _hidden(self, cell: Cell, week: int, shown: Sequence[bool], *, nought: bool) -> None:
        """What a count can be that is withheld, by the weeks in which it was shown."""
        least = 1 if nought else 0
        new = week == 0 or shown[week - 1]
        again = next((later for later in range(week + 1, len(shown)) if shown[later]), None)
        if not self.rules.sticky or (new and self.rules.sure) or again == week + STICKY_WEEKS:
            self.system.unknown(cell, least, SMALL_MAX if self.rules.sure else MANY)
        elif again is not None and week > again - STICKY_WEEKS and self.rules.sure:  # it was small before, not here
            self.system.unknown(cell, 0 if nought else SMALL_MAX + 1)
            if nought:
                self.system.not_between(cell, 0, SMALL_MAX + 1)
        else:
            self.system.unknown(cell, least if new else 0)

    def sums(self, total: Cell, value: int | None, cells: Iterable[Cell], slack: float = 0) -> None:
        """Cells and their total, which is itself a cell; a withheld total bounds nothing unless it is small."""
        if value is None:
            if self.rules.sticky:
                return
            self.system.unknown(total, 1, SMALL_MAX)
            self.withheld.append(total)
        else:
            self.system.unknown(total, *self.shown(value))
        self.system.row({total: -1, **dict.fromkeys(cells, 1)}, -slack, slack)

    def at_most(self, parts: Iterable[Cell], whole: Cell) -> None:
        """Parts of a whole, where all of them are in the tables."""
        terms = {**dict.fromkeys(parts, 1), whole: -1}
        if all(self.system.known(cell) for cell in terms):
            self.system.row(terms, -INFINITE, 0)


def attack(weeks: Sequence[Week], rules: Rules | None = None, *, closed: bool = False) -> Found:
    """Bound every withheld count.

    Args:
        weeks: Bodies by table of consecutive weeks.
        rules: How they were made; today's unless told otherwise.
        closed: The attacker also knows that in these weeks no child came, left or was recorded late.
    """
    reading = _Reading(weeks, rules or Rules())
    _caseload(reading)
    _flows(reading, closed=closed)
    _alerts(reading)
    _links(reading)
    _demand(reading)
    _figures(reading)
    ranges = {cell: reading.system.range(cell) for cell in reading.withheld}
    small = [(low, high) for low, high in ranges.values() if low <= SMALL_MAX and high > 0]
    recovered = [cell for cell, (low, high) in ranges.items() if low == high and 1 <= low <= SMALL_MAX]
    return Found(ranges, recovered, min((high - low + 1 for low, high in small), default=MANY))


def _caseload(reading: _Reading) -> None:
    def values(body: Body) -> dict[Cell, int | None]:
        return {(row["agency_kind"], level): value for row in body["rows"]
                for level, value in row["cells"].items() if level != "total"}  # fmt: skip

    reading.table("caseload", values)
    for number, week in enumerate(reading.weeks):
        for row in week["caseload"]["rows"] if "caseload" in week else ():
            kind, levels = row["agency_kind"], [level for level in row["cells"] if level != "total"]
            lines = [("caseload", number, kind, level) for level in levels]
            reading.sums(("caseload", number, kind, "total"), row["cells"]["total"], lines)
            for level in levels:
                if level != "none" and kind != OWNER:
                    reading.at_most([("caseload", number, kind, level)], ("caseload", number, OWNER, level))


def _flows(reading: _Reading, *, closed: bool) -> None:
    def values(body: Body) -> dict[Cell, int | None]:
        return {(row["from"], after): value for row in body["rows"] for after, value in row["cells"].items()}

    reading.table("flows", values, nought=any(
        0 in values(week["flows"]).values() for week in reading.weeks if "flows" in week
    ))  # fmt: skip
    for number, week in enumerate(reading.weeks):
        if "flows" not in week:
            continue
        span, cells = week["flows"]["span_weeks"], [("flows", number, *place) for place in values(week["flows"])]
        for level in {level for cell in cells for level in cell[2:]}:
            into = [cell for cell in cells if cell[3] == level]
            out = [cell for cell in cells if cell[2] == level]
            now, before = (("caseload", week_, OWNER, level) for week_ in (number, number - span))
            reading.at_most(into, now)
            if closed and number >= span:
                reading.at_most(out, before)
                reading.system.row({now: 1, before: -1, **dict.fromkeys(into, -1), **dict.fromkeys(out, 1)}, 0, 0)


def _alerts(reading: _Reading) -> None:
    def values(body: Body) -> dict[Cell, int | None]:
        return {(row["team"], name): value for row in body["rows"] if row["team"] != "total"
                for name, value in row["cells"].items()}  # fmt: skip

    reading.table("alerts", values)
    for number, week in enumerate(reading.weeks):
        if "alerts" not in week:
            continue
        *teams, total = week["alerts"]["rows"]
        for name in week["alerts"]["columns"]:
            parts = [("alerts", number, row["team"], name) for row in teams]
            reading.sums(("alerts", number, "total", name), total["cells"][name], parts)
        for row in teams:
            raised, answered, true, false = (
                ("alerts", number, row["team"], name) for name in week["alerts"]["columns"]
            )
            reading.at_most([answered], raised)
            reading.at_most([true, false], answered)


def _links(reading: _Reading) -> None:
    def values(body: Body) -> dict[Cell, int | None]:
        return {(row["group"], name): row["cells"][name] for row in body["rows"] if row["group"] != "total"
                for name in row["cells"] if not name.endswith("_ppm")}  # fmt: skip

    few = {
        row["group"] for week in reading.weeks if "links" in week
        for row in week["links"]["rows"] if row["cells"]["people"] is None
    }  # fmt: skip
    reading.table("links", values, vague=lambda place: place[0] in few and place[1] != "people")
    for number, week in enumerate(reading.weeks):
        if "links" not in week:
            continue
        *groups, total = week["links"]["rows"]
        for column in ("people", "found", "apart", "undone"):
            parts = [("links", number, row["group"], column) for row in groups]
            reading.sums(("links", number, "total", column), total["cells"][column], parts)


def _demand(reading: _Reading) -> None:
    def values(body: Body) -> dict[Cell, int | None]:
        return {(row["team"], kind, place): None if cell is None else cell["expected"]
                for row in body["rows"] if row["team"] != "total"
                for kind, line in row["cells"].items() for place, cell in enumerate(line)}  # fmt: skip

    reading.table("demand", values, vague=lambda _: True)  # one that is not known yet looks the same
    for number, week in enumerate(reading.weeks):
        if "demand" not in week:
            continue
        *teams, total = week["demand"]["rows"]
        for kind, line in total["cells"].items():
            for place, cell in enumerate(line):
                parts = [("demand", number, row["team"], kind, place) for row in teams]
                value = None if cell is None else cell["expected"]
                # each is rounded to a whole number before it is shown, so they add up to within that
                reading.sums(("demand", number, "total", kind, place), value, parts, len(parts) / 2 + 1)


def _figures(reading: _Reading) -> None:
    """Cases and outcomes by group beside exact totals, as every publication of weights tells them."""
    system = reading.system
    for number, week in enumerate(reading.weeks):
        for target in week.get("figures", {}).get("targets", ()):
            for moment in ("events", "ticks"):
                population, at = target[moment], ("figures", number, target["outcome"], moment)
                for row in population["groups"]:
                    for column in ("n", "positives"):
                        cell, value = (*at, row["group"], column), row[column]
                        if value is None:
                            reading.withheld.append(cell)
                            system.unknown(cell, 1 if column == "n" else 0)
                        else:
                            system.unknown(cell, *reading.shown(value))
                    system.row({(*at, row["group"], "positives"): 1, (*at, row["group"], "n"): -1}, -INFINITE, 0)
                if population["groups"]:
                    for column in ("n", "positives"):
                        parts = {(*at, row["group"], column): 1 for row in population["groups"]}
                        system.row(parts, population[column], population[column])
