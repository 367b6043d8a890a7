"""Where a household is heading, what its records suggest, and how much work is coming, in words and tables.

Decides wording and rounding only. Takes cut rows (bridge/desk/rungs.py) and published tables. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from bridge.desk import words
from bridge.desk.config import Config

NAMES = {"episodes": "New episodes of need or plan", "alerts": "Alerts raised"}
FEW: Final = "few"  # said in place of a stage where outcomes are too few to say a probability


@dataclass(frozen=True)
class Step:
    """One horizon of one household; the permille are of the axis of its picture."""

    when: str
    quiet: str
    expected: str
    low: str
    high: str
    low_permille: int
    width_permille: int
    expected_permille: int
    quiet_permille: int


@dataclass(frozen=True)
class Heading:
    """Where a household is heading, when that was said, and which feeds were behind then, in words."""

    said: str
    steps: tuple[Step, ...]
    behind: tuple[str, ...] = ()


class Foreseen(msgspec.Struct, frozen=True):
    """What the platform says of a household for one outcome; `ppm` is None where nothing is said."""

    outcome: str
    horizon_days: Annotated[int, msgspec.Meta(ge=1)]
    stage: str
    ppm: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None


@dataclass(frozen=True)
class Suggested:
    """One outcome in words: what, within how long, and of how many of 100 households."""

    outcome: str
    within: str
    of_hundred: str


@dataclass(frozen=True)
class Suggestions:
    """What a household's records suggest, when that was said, and which feeds were behind then, in words."""

    said: str
    lines: tuple[Suggested, ...]
    behind: tuple[str, ...] = ()
    meant: str = words.DECISIONS


@dataclass(frozen=True)
class Demand:
    """One kind of work: a head of horizons, and a line a team with a cell each."""

    name: str
    weeks: tuple[str, ...]
    lines: tuple[tuple[str, tuple[str, ...]], ...]


def heading(cut: Mapping[str, Any], config: Config, now: int) -> Heading | None:
    """Where a household is heading; None where the rung does not reach or nothing is said.

    Args:
        cut: The household's row, cut to the user's rung.
        config: Settings, for names of agencies.
        now: Partnership time, ms.
    """
    told = cut.get("trajectory")
    if not told:
        return None
    lines = [told["household"][f"{name}_ppm"] for name in ("quiet", "expected", "low", "high")]
    scale = max(1, *(value for line in lines for value in line))
    steps = tuple(_step(weeks, row, scale) for weeks, *row in zip(told["weeks"], *lines, strict=True))
    return Heading(words.moment(cut["as_of_at"], now), steps, words.lags(cut.get("behind", ()), config.agency_name))


def _step(weeks: int, row: Sequence[int], scale: int) -> Step:
    quiet, expected, low, high = row
    left, middle, line = (1000 * value // scale for value in (low, expected, quiet))
    width = max(6, 1000 * (high - low) // scale)
    said = [words.percent(value) for value in row]
    return Step(f"in {weeks} weeks", said[0], said[1], said[2], said[3], left, width, middle, line)


def suggested(cut: Mapping[str, Any], config: Config, now: int) -> Suggestions | None:
    """What a household's records suggest, an outcome a line.

    Args:
        cut: The household's row, cut to the user's rung.
        config: Settings, for names of agencies.
        now: Partnership time, ms.

    Returns:
        None where the rung does not reach, nothing is said, or what is said has another form.
    """
    try:
        told = msgspec.convert(cut.get("outcomes", ()), tuple[Foreseen, ...])
    except msgspec.ValidationError:
        return None
    if not told:
        return None
    lines = tuple(
        Suggested(words.outcome(one.outcome), words.duration(one.horizon_days * words.DAY_S), _chance(one))
        for one in told
    )
    behind = words.lags(cut.get("behind", ()), config.agency_name)
    return Suggestions(words.moment(cut["as_of_at"], now), lines, behind)


def _chance(one: Foreseen) -> str:
    if one.stage == FEW:
        return "too few to say"
    return "could not begin now" if one.ppm is None else words.of_hundred(one.ppm)


def demand(table: Mapping[str, Any] | None, config: Config) -> tuple[Demand, ...]:
    """Demand by kind, team and horizon, as published; a withheld cell says so."""
    if table is None:
        return ()
    head = tuple(f"next {weeks} weeks" for weeks in table["weeks"])
    return tuple(
        Demand(NAMES.get(kind, kind), head, tuple(
            ("All teams" if row["team"] == "total" else config.team_name(row["team"]),
             tuple(_cell(cell) for cell in row["cells"][kind]))
            for row in table["rows"]
        ))
        for kind in table["kinds"]
    )  # fmt: skip


def _cell(cell: Mapping[str, int | None] | None) -> str:
    if cell is None:
        return "too few to show"
    band = "too early for a range" if cell["low"] is None else f"{cell['low']} to {cell['high']}"
    return f"{cell['expected']} ({band})"
