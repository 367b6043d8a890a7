"""The published tables in words, each with the bars that a picture of it has.

Decides wording and what is drawn. What is withheld was withheld by the platform, and a cell says so; nothing is added
up here that the platform did not publish. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from bridge.desk import words
from bridge.desk.config import Config
from schemas.profile import LEVELS

WITHHELD: Final = "withheld"
UNSAID: Final = "cannot be said"  # withheld, or nothing to make it from
UNREADABLE: Final = "The newest table came in a form that this desk cannot read."
TOTAL: Final = "total"
NAMES: Final = {
    "none": "No plan", "early_help": "Early help", "in_need": "In need", "plan": "Protection plan",
    "looked_after": "Looked after", TOTAL: "All",
    "raised": "Raised", "answered": "Answered", "true_positive": "Called right", "false_positive": "Called wrong",
    "people": "People linked", "found": "Missed links found", "apart": "Suggestions denied", "undone": "Links undone",
    "false_ppm": "Links expected false", "missed_ppm": "Links expected missed",
    "police": "Police", "health": "Health", "education": "Education", "social_care": "Social care",
    "housing": "Housing",
}  # fmt: skip
WHOLE: Final = 1000  # width of a picture

Count = Annotated[int, msgspec.Meta(ge=0)]
Moment = Annotated[int, msgspec.Meta(ge=0, le=250_000_000_000_000)]  # ms; beyond it no calendar goes


class Row(msgspec.Struct, frozen=True, rename={"before": "from"}):
    """One line of any of the tables; a withheld cell is None."""

    cells: dict[str, Count | None]
    agency_kind: str = ""
    before: str = ""
    team: str = ""
    group: str = ""
    precision_percent: Count | None = None
    median_response_s: Count | None = None


class Body(msgspec.Struct, frozen=True):
    """A table as it was published; fields that no page shows are passed over."""

    title: str
    counts: str
    published_at: Moment
    withheld: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Bar:
    """One line of a picture: parts as (number of its colour, start, width), in thousandths of the widest line."""

    name: str
    parts: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Table:
    """One table in words; `problem` in place of lines where there is nothing to show."""

    name: str
    title: str
    counts: str = ""
    published: str = ""
    withheld: str = ""
    head: tuple[str, ...] = ()
    lines: tuple[tuple[str, ...], ...] = ()
    legend: tuple[str, ...] = ()
    bars: tuple[Bar, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Form:
    """How one table is put.

    Attributes:
        title: Where nothing has been published.
        head: Head of the first column.
        names: Name of a line.
        drawn: Columns that the picture shows, side by side.
        more: Heads and cells beside the counts.
    """

    title: str
    head: str
    names: Callable[[Row, Config], str]
    drawn: tuple[str, ...] = ()
    more: tuple[tuple[str, Callable[[Row], str]], ...] = ()


def _team(row: Row, config: Config) -> str:
    return "All teams" if row.team == TOTAL else config.team_name(row.team)


def _group(row: Row, _: Config) -> str:
    return {TOTAL: "All groups", "": "None recorded", "*": "All smaller groups"}.get(row.group, row.group)


def _percent(row: Row) -> str:
    return UNSAID if row.precision_percent is None else f"{row.precision_percent} %"


def _median(row: Row) -> str:
    return UNSAID if row.median_response_s is None else words.duration(row.median_response_s)


FORMS: Final = {
    "caseload": Form(
        "Caseload across agencies", "Known to", lambda row, _: named(row.agency_kind), drawn=LEVELS[1:],
    ),
    "flows": Form("Flows between levels of need", "Four weeks ago", lambda row, _: named(row.before)),
    "alerts": Form(
        "Alert quality", "Team", _team, drawn=("raised",),
        more=(("Right of those called", _percent), ("Half answered within", _median)),
    ),
    "links": Form("Link quality by group", "Group", _group, drawn=("missed_ppm",)),
}  # fmt: skip
"""The fixed list, in its order; demand has a page of its own."""


def named(code: str) -> str:
    """A code of a table in words.

    Example:
        >>> named("in_need"), named("a_new_code")
        ('In need', 'A new code')
    """
    return NAMES.get(code, code.replace("_", " ").capitalize())


def table(name: str, told: Mapping[str, Any] | None, config: Config) -> Table:
    """One table as the page shows it.

    Args:
        name: Of `FORMS`.
        told: As published; None where nothing has been.
        config: Settings, for names of teams.
    """
    form = FORMS[name]
    if told is None:
        return Table(name, form.title, problem="Nothing has been published yet.")
    try:
        body = msgspec.convert(told, Body)
    except msgspec.ValidationError:
        return Table(name, form.title, problem=UNREADABLE)
    drawn = tuple(column for column in form.drawn if column in body.columns)
    bars = _bars([(form.names(row, config), [row.cells.get(column) for column in drawn]) for row in _parts(body)])
    return Table(
        name=name,
        title=body.title,
        counts=body.counts,
        published=words.day(body.published_at),
        withheld=body.withheld,
        head=(form.head, *map(named, body.columns), *(head for head, _ in form.more)),
        lines=tuple(
            (form.names(row, config), *(_cell(row, column) for column in body.columns),
             *(cell(row) for _, cell in form.more))
            for row in body.rows
        ),
        legend=tuple(map(named, drawn)) if bars else (),
        bars=bars,
    )  # fmt: skip


def _parts(body: Body) -> list[Row]:
    """Lines that a picture compares: not the one of all."""
    return [row for row in body.rows if TOTAL not in (row.team, row.group)]


def _cell(row: Row, column: str) -> str:
    if column not in row.cells:
        return "not shown" if column == row.before else ""
    value = row.cells[column]
    if column.endswith("_ppm"):
        return UNSAID if value is None else words.percent(value)
    return WITHHELD if value is None else f"{value:,}"


def _bars(lines: Sequence[tuple[str, Sequence[int | None]]]) -> tuple[Bar, ...]:
    """What is shown, side by side, on one scale; a withheld count has no width. None where there is nothing."""
    longest = max((sum(value or 0 for value in values) for _, values in lines), default=0)
    if not longest:
        return ()
    found = []
    for name, values in lines:
        parts, start = [], 0
        for colour, value in enumerate(values):
            width = WHOLE * (value or 0) // longest
            parts += [(colour, start, width)] if width else []
            start += width
        found.append(Bar(name, tuple(parts)))
    return tuple(found)
