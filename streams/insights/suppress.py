"""Which cells of a table are withheld.

Decides that no published table, nor any number of them side by side, gives back a count from 1 to 7. Does not know
what is counted.

What is published week after week follows one rule: **a line of which anything is withheld has no total.** So no sum
is known that a withheld count is part of, and what is withheld depends on nothing but which counts are small, so that
neither the rule nor a second table can be turned into an equation. Tables beside an exact total have `cells`.
"""

from __future__ import annotations

from collections.abc import Sequence

SMALL_MAX = 7  # counts of 1 to 7 are withheld; NHS disclosure control for hospital episode statistics
ROUND_TO = 5  # what is shown is rounded to the nearest 5, ditto
VALUES_MIN = 3  # that a withheld cell could have, as far as its line tells
STICKY_WEEKS = 8  # a cell once withheld stays so for this many publications, against differencing over weeks
WITHHELD = -1


def small(count: int) -> bool:
    """Whether a count must not be shown.

    Example:
        >>> [small(count) for count in (0, 1, 7, 8)]
        [False, True, True, False]
    """
    return 1 <= count <= SMALL_MAX


def rounded(count: int) -> int:
    """A count to the nearest 5; 8 and up never round into what is withheld.

    Example:
        >>> [rounded(count) for count in (0, 8, 12, 13)]
        [0, 10, 10, 15]
    """
    return (count + ROUND_TO // 2) // ROUND_TO * ROUND_TO


def left(count: int, held: int, *, nought: bool = True) -> int:
    """Publications that a cell is still withheld, this one included; 0 is shown.

    Args:
        count: True count.
        held: The same as the last publication left it.
        nought: Whether a 0 may be shown; else that a cell is withheld does not even say that there is somebody.
    """
    return STICKY_WEEKS if small(count) or not (count or nought) else max(0, held - 1)


def withhold(counts: Sequence[int], held: Sequence[int]) -> tuple[int, ...]:
    """How long each cell of one line is still withheld, this publication included.

    Args:
        counts: True counts, the total last: it is withheld as long as any of them is.
        held: For each, how many publications it is still withheld, as the last one left it.

    Returns:
        For each, publications still to withhold; 0 is shown.

    Example:
        >>> withhold([100, 3, 0, 103], [0, 0, 2, 0]), withhold([100, 50, 0, 150], [0, 0, 1, 1])
        ((0, 8, 1, 8), (0, 0, 0, 0))
    """
    now = [left(count, was) for count, was in zip(counts[:-1], held[:-1], strict=True)]
    return (*now, max(now, default=0))


def shown(counts: Sequence[int], wait: Sequence[int]) -> tuple[int, ...]:
    """Counts as they are published, rounded, `WITHHELD` where they are withheld still."""
    return tuple(WITHHELD if wait_ else rounded(count) for count, wait_ in zip(counts, wait, strict=True))


def cells(counts: Sequence[int], few: Sequence[bool] = ()) -> tuple[int | None, ...]:
    """The counts of one line of groups as they may be shown beside their exact total.

    A small count is withheld. Were it the only one, the total less the others would give it back: so the smallest of
    the others that is not 0 goes with it. All are withheld where what is left would still give one back.

    Args:
        counts: One a group.
        few: Groups withheld with all they have.

    Returns:
        Rounded to the nearest 5; None where withheld.

    Example:
        >>> cells([100, 3, 40]), cells([2, 1, 0]), cells([12, 0, 33])
        ((100, None, None), (None, None, None), (10, 0, 35))
    """
    gone = [small(count) or hide for count, hide in zip(counts, few or [False] * len(counts), strict=True)]
    if gone.count(True) == 1:
        others = [place for place, count in enumerate(counts) if count and not gone[place]]
        if not others:
            return (None,) * len(counts)
        gone[min(others, key=lambda place: (counts[place], place))] = True
    line = [None if hide else rounded(count) for count, hide in zip(counts, gone, strict=True)]
    others_least = sum(max(SMALL_MAX + 1, value - ROUND_TO // 2) for value in line if value)
    room = sum(counts) - others_least - (gone.count(True) - 1)  # values one may have, if each of the others is 1
    return (None,) * len(line) if any(gone) and room < VALUES_MIN else tuple(line)
