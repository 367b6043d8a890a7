"""Which cells of a table are withheld.

Decides that no published table, nor two of them side by side, gives back a count from 1 to 7. Does not know what
is counted.
"""

from __future__ import annotations

from collections.abc import Sequence

SMALL_MAX = 7  # counts of 1 to 7 are withheld; NHS disclosure control for hospital episode statistics
ROUND_TO = 5  # what is shown is rounded to the nearest 5, ditto
VALUES_MIN = 3  # that a withheld cell could have, as far as its line tells
STICKY_WEEKS = 8  # a cell once withheld stays so for this many publications, against differencing over weeks


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


def withhold(counts: Sequence[int], held: Sequence[int]) -> tuple[int, ...]:
    """How long each cell of one line is still withheld, this publication included.

    A line is its cells and, last, their total. A small count is withheld. Were it the only one in its line, the total
    less the others would give it back: so a second is withheld, by preference one that was withheld before, then the
    smallest that is not 0, then the total. The total goes too where it leaves a withheld cell fewer than
    `VALUES_MIN` values: [1, 1, 1, 1, 63] of 67 shows 65 of 65, which says that the four are 1 each.

    Args:
        counts: True counts, the total last.
        held: For each, how many publications it is still withheld, as the last one left it.

    Returns:
        For each, publications still to withhold; 0 is shown.
    """
    now = [STICKY_WEEKS if small(count) else max(0, left - 1) for count, left in zip(counts, held, strict=True)]
    if sum(1 for left in now if left) == 1:
        only = next(place for place, left in enumerate(now) if left)
        partner = _partner(counts, held, only)
        now[partner] = STICKY_WEEKS if small(counts[only]) else now[only]
    if not now[-1] and any(now) and _room(counts, now) < VALUES_MIN:
        now[-1] = STICKY_WEEKS
    return tuple(now)


def cells(counts: Sequence[int], few: Sequence[bool] = ()) -> tuple[int | None, ...]:
    """The counts of one line of groups as they may be shown beside their exact total.

    Args:
        counts: One a group.
        few: Groups withheld with all they have.

    Returns:
        Rounded to the nearest 5; None where withheld. All are where what is left would give one back.

    Example:
        >>> cells([100, 3, 40]), cells([2, 1, 0]), cells([12, 0, 33])
        ((100, None, None), (None, None, None), (10, 0, 35))
    """
    gone = few or [False] * len(counts)
    line = [max(1, min(SMALL_MAX, count)) if hide else count for count, hide in zip(counts, gone, strict=True)]
    *left, total = withhold([*line, sum(counts)], [0] * (len(line) + 1))
    shown = [None if wait or hide else rounded(count) for count, wait, hide in zip(counts, left, gone, strict=True)]
    hidden = shown.count(None)
    others = sum(max(SMALL_MAX + 1, value - ROUND_TO // 2) for value in shown if value)
    room = sum(counts) - others - (hidden - 1)  # values one withheld count may have, if each of the others is 1
    return (None,) * len(shown) if total or (hidden and room < VALUES_MIN) else tuple(shown)


def _room(counts: Sequence[int], now: Sequence[int]) -> int:
    """How many values one withheld cell may have by what is shown, if each of the others is 1."""
    shown = [rounded(count) for count, left in zip(counts, now, strict=True) if not left]
    most = shown.pop() + ROUND_TO // 2 - sum(value - ROUND_TO // 2 for value in shown if value)
    return most - sum(1 for left in now if left) + 1


def _partner(counts: Sequence[int], held: Sequence[int], only: int) -> int:
    """The second place to withhold in a line, so that the first cannot be computed."""
    total = len(counts) - 1
    others = [place for place in range(total) if place != only and counts[place] > 0]
    if not others:
        return total
    return min(others, key=lambda place: (held[place] == 0, counts[place], place))
