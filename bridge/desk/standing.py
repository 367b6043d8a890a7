"""How the partnership's controls stand, for those who sign them, in words.

Decides wording only. Takes rows of the agency's views, which hold no body of a control and nobody's name. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from bridge.desk import words

NAMES: Final = {
    "register": "Register: agencies, teams and feeds",
    "rules": "Rules: when an alert is raised, and for whom",
    "linkage": "Linkage: when records are one person",
}
"""Controls that something acts on, in the order in which they are shown; others only where one was refused."""

MEND: Final = "Sign rules that name later ones."


@dataclass(frozen=True)
class Standing:
    """One control; `waiting` and `refused` a line each, the refused newest first."""

    name: str
    title: str
    in_force: str
    waiting: tuple[str, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True)
class Holidays:
    """Until when bank holidays are known, and whether that must be mended."""

    text: str
    short: bool


def standings(rows: Iterable[Mapping[str, Any]], now: int) -> tuple[Standing, ...]:
    """Controls in the order of `NAMES`, then by name.

    Args:
        rows: Bodies of rows `control:<name>`.
        now: Partnership time, ms.
    """
    order = list(NAMES)
    known = sorted(
        rows, key=lambda row: (order.index(row["name"]) if row["name"] in NAMES else len(order), row["name"])
    )
    return tuple(_standing(row, now) for row in known)


def holidays(row: Mapping[str, Any] | None, now: int) -> Holidays | None:
    """What the row `freshness:holidays` says; None where nothing has been said.

    Args:
        row: Its body.
        now: Partnership time, ms.
    """
    if row is None:
        return None
    if not row["until"]:
        return Holidays(f"Bank holidays are not known: each counts as a working day. {MEND}", True)
    until = date.fromisoformat(row["until"])
    left = (until - datetime.fromtimestamp(now / 1000, words.LONDON).date()).days
    text = f"Bank holidays are known until {until.day} {until:%B %Y}"
    if left < 0:
        return Holidays(f"{text}: since then each has counted as a working day. {MEND}", True)
    if row["short"]:
        days = "1 day" if left == 1 else f"{left} days"
        return Holidays(f"{text}, {days} from now: after that each counts as a working day. {MEND}", True)
    return Holidays(f"{text}.", False)


def _standing(row: Mapping[str, Any], now: int) -> Standing:
    held = row["in_force"]
    in_force = "None is in force yet"
    if held is not None:
        in_force = f"Version {held['version']}, since {words.moment(held['effective_at'], now)}"
    return Standing(
        row["name"],
        NAMES.get(row["name"], row["name"]),
        in_force,
        tuple(f"Version {one['version']} comes into force {words.moment(one['effective_at'], now)}"
              for one in row["waiting"]),
        tuple(f"Version {one['version']}, {words.moment(one['at'], now)}: {one['reason']}"
              for one in reversed(row["refused"])),
    )  # fmt: skip
