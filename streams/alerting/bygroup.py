"""What rules would have said, by coded group: small numbers withheld, also against the exact totals beside them.

Decides which groups have a line and which of its cells are shown. Does not count (reckoning.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec

from streams.alerting.reckoning import Family, Reckoned, Window, with_outcome
from streams.insights.suppress import cells

MEASURES: Final = ("alerts", "known", "true", "caught")


class Group(msgspec.Struct, frozen=True):
    """One coded group, rounded to the nearest 5; None is withheld. Pairs are today's and the changed rules'.

    Attributes:
        group: Its code; empty where none is recorded.
        children: Children.
        outcomes: Families with an outcome in the window, by the group of the first child who had one.
        alerts, known, true: As in `Column`, by the group of the child whom the alert is about.
        caught: As in `Column`, by the group as for `outcomes`.
    """

    group: str
    children: int | None
    outcomes: int | None
    alerts: tuple[int | None, int | None]
    known: tuple[int | None, int | None]
    true: tuple[int | None, int | None]
    caught: tuple[int | None, int | None]


def by_group(known: Mapping[bytes, Family], window: Window, both: tuple[Reckoned, Reckoned]) -> tuple[Group, ...]:
    """The lines of the coded groups, small numbers withheld; none where no group is recorded."""
    children = Counter(group for family in known.values() for group in family.groups.values())
    outcomes = Counter(with_outcome(known, window).values())
    groups = sorted(children)
    if groups in ([], [""]):
        return ()
    heads = [children[group] for group in groups]
    few = [shown is None for shown in cells(heads)]
    cut = {name: [cells([one.by_group[name, group] for group in groups], few) for one in both] for name in MEASURES}
    lines = zip(groups, cells(heads), cells([outcomes[group] for group in groups], few), strict=True)
    return tuple(
        Group(group, head, ends, **{name: (cut[name][0][place], cut[name][1][place]) for name in MEASURES})
        for place, (group, head, ends) in enumerate(lines)
    )
