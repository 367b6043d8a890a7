"""The table of figures: how a row is written, and where in a page the table stands.

Decides the columns and the markers. Does not measure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

BEGIN: Final = "<!-- figures: bench-attacks -->"
END: Final = "<!-- end -->"
COLUMNS: Final = ("Attack", "The attacker has", "Default", "Strict", "Commonest guess", "Random guess")
NOTHING: Final = "-"
_CELL: Final = re.compile(r"-|[0-9][0-9,]*(\.[0-9]+)?( %| s| bits)")


class Row(NamedTuple):
    """One attack on both profiles.

    Attributes:
        attack: What was tried.
        has: What the attacker has.
        unit: `%` (then figures are shares, 0 to 1), `s` or `bits`.
        default: Figure of the default profile.
        strict: Figure of the strict profile.
        commonest: The figure that always guessing the commonest value gives; None where there is none.
        random: The figure that guessing at random gives; None where there is none.
    """

    attack: str
    has: str
    unit: str
    default: float | None
    strict: float | None
    commonest: float | None = None
    random: float | None = None

    def cells(self) -> list[str]:
        """The row as it is written."""
        figures = (self.default, self.strict, self.commonest, self.random)
        return [self.attack, self.has, *(_cell(figure, self.unit) for figure in figures)]


def markdown(rows: Sequence[Row]) -> str:
    """Rows as a table of Markdown, without a line end."""
    lines = [COLUMNS, ("---", "---", "---:", "---:", "---:", "---:"), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def placed(page: str, table: str) -> str:
    """A page with the table in place of what stood between its markers.

    Raises:
        ValueError: The page does not have each marker once, in their order.
    """
    before, begin, rest = page.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end or BEGIN in old + after:
        raise ValueError(f"expected one block between {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def parsed(page: str) -> list[list[str]]:
    """Cells of the table between the markers, a list a row, without its head.

    Raises:
        ValueError: There is no such block, or it is not a table as `markdown` writes it.
    """
    lines = page.partition(BEGIN)[2].partition(END)[0].strip().splitlines()
    rows = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines]
    if not rows or tuple(rows[0]) != COLUMNS:
        raise ValueError("expected the columns of the table")
    for row in rows[2:]:
        if len(row) != len(COLUMNS) or not all(_CELL.fullmatch(cell) for cell in row[2:]):
            raise ValueError("expected two texts and four figures")
    return rows[2:]


def _cell(figure: float | None, unit: str) -> str:
    if figure is None:
        return NOTHING
    if unit == "%":
        return f"{100 * figure:.1f} %" if figure >= 0.001 or not figure else f"{100 * figure:.4f} %"
    return f"{figure:.1f} {unit}"
