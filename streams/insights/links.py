"""Link quality by coded group: expected false and missed links, and what people decided.

Decides the table, its week and what is withheld: a group of 1 to 7 people, and as much more as would give it away.
The sums are given (streams/linkage/fairness.py). They rest on the model's own probabilities: where the model is wrong
about a group they are too, and only the decisions beside them can show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from streams.insights.suppress import SMALL_MAX, WITHHELD, rounded, small, withhold
from streams.insights.told import RULE, text
from streams.insights.week import begin
from streams.linkage.fairness import MILLION, NONE, Sums
from streams.state import Spec

GROUPS_MAX: Final = 24  # the largest are shown; the rest are counted together
REST: Final = "*"
RATE_STEP_PPM: Final = 1_000  # rates are shown to a tenth of a per cent
COUNTS: Final = ("people", "found", "apart", "undone")
RATES: Final = ("false_ppm", "missed_ppm")


class PublishedLinks(msgspec.Struct, frozen=True, array_like=True):
    """One week's table.

    Attributes:
        week: Weeks since 1970-01-05; one publication a week.
        groups: Coded groups, in order; a last line after theirs is the total.
        shown: A line a group and the total: COUNTS, then RATES; -1 is withheld, None where there is nothing to rate.
        held: For each of their COUNTS, publications that it is still withheld.
    """

    week: int
    groups: tuple[str, ...]
    shown: tuple[tuple[int | None, ...], ...]
    held: tuple[tuple[int, ...], ...]


LINK_SPECS: Final = (Spec("link_insight", PublishedLinks),)


def publish_links(previous: PublishedLinks | None, sums: Mapping[str, Sums], now: int) -> PublishedLinks:
    """The table of the week.

    Args:
        previous: The last one published.
        sums: Sums by group.
        now: Partnership time, ms.

    Raises:
        ValueError: This week has its table.
    """
    week = begin(previous, now)
    held = {} if previous is None else dict(zip((*previous.groups, None), previous.held, strict=True))
    rows = _rows(sums, [group for group in held if group is not None and any(held[group])])
    groups = tuple(sorted(rows))
    lines = [*(rows[group] for group in groups), _total(rows.values())]
    left = _withheld([[_count(row, name) for name in COUNTS] for row in lines],
                     [held.get(group, (0,) * len(COUNTS)) for group in (*groups, None)])  # fmt: skip
    shown = tuple(
        _shown(row, wait, total=number == len(groups))
        for number, (row, wait) in enumerate(zip(lines, left, strict=True))
    )
    return PublishedLinks(week, groups, shown, left)


def links_body(published: PublishedLinks) -> str:
    """Body of a view of kind `insight`: canonical JSON, a withheld cell is null."""
    rows = [
        {"group": group, "withheld": line[0] == WITHHELD,
         "cells": {name: None if value == WITHHELD else value
                   for name, value in zip(COUNTS + RATES, line, strict=True)}}
        for group, line in zip((*published.groups, "total"), published.shown, strict=True)
    ]  # fmt: skip
    return text(
        "links",
        "Link quality by group",
        "People of each coded group whose records are linked, decisions about their links, and the share of links "
        "that are expected to be false or missed.",
        published,
        withheld=f"groups of 1 to {SMALL_MAX} people with all they have; {RULE}",
        columns=[*COUNTS, *RATES],
        rows=rows,
    )


def _rows(sums: Mapping[str, Sums], withheld: list[str]) -> dict[str, Sums]:
    """Sums of the groups that have a line of their own, and of the rest together."""
    known = {**dict.fromkeys(withheld, NONE), **sums}
    order = sorted(known, key=lambda group: (-known[group].people, group))
    rows = {group: known[group] for group in order[:GROUPS_MAX]}
    if rest := [known[group] for group in order[GROUPS_MAX:]]:
        rows[REST] = _total([*rest, rows.get(REST, NONE)])
    return rows


def _total(rows: Iterable[Sums]) -> Sums:
    columns = zip(*map(msgspec.structs.astuple, rows), strict=True)
    return Sums(*map(sum, columns))


def _count(row: Sums, name: str) -> int:
    """A count; a group of which only records of other groups' people are known counts as one of few."""
    if name == "people" and not row.people and row.records:
        return 1
    value: int = getattr(row, name)
    return value


def _withheld(counts: list[list[int]], held: list[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """For each line and count how long it is still withheld; a group withheld is so in every column."""
    people, *others = (
        withhold([row[number] for row in counts], [row[number] for row in held]) for number in range(len(COUNTS))
    )
    return tuple(tuple(max(wait, line[0]) for wait in line) for line in zip(people, *others, strict=True))


def _shown(row: Sums, left: tuple[int, ...], *, total: bool) -> tuple[int | None, ...]:
    """A line as published; the rates of all groups together say nothing about one, and stand by themselves."""
    if left[0] and (not total or small(_count(row, "people"))):
        return (WITHHELD,) * (len(COUNTS) + len(RATES))
    counts = [WITHHELD if wait else rounded(_count(row, name)) for name, wait in zip(COUNTS, left, strict=True)]
    made = row.links * MILLION
    return (*counts, _rate(row.false_ppm, made), _rate(row.missed_ppm, made - row.false_ppm + row.missed_ppm))


def _rate(part: int, whole: int) -> int | None:
    return (part * MILLION // whole + RATE_STEP_PPM // 2) // RATE_STEP_PPM * RATE_STEP_PPM if whole else None
