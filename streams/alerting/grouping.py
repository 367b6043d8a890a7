"""What becomes of alerts when households merge and split.

Decides which household goes on with which history. One alert stands for all children of a household. On a merge the
highest state wins and the other alert is retracted in favour of it; on a split the history goes with the child it is
about, and every other part is judged afresh.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from streams.alerting.machine import Watched

Members = tuple[bytes, ...]


class Regrouped(NamedTuple):
    """Outcome of a change of households.

    Attributes:
        rows: Where each new household stands; those without history are absent.
        joined: (alert that ends, alert that goes on or empty) of households that became one.
        lost: Alerts whose every record is gone.
    """

    rows: dict[bytes, Watched]
    joined: tuple[tuple[str, str], ...]
    lost: tuple[str, ...]


def parted(before: Iterable[Members], after: Iterable[Members]) -> bool:
    """Whether any group's members are no longer all in one group."""
    wholes = [set(members) for members in after]
    return any(not any(whole.issuperset(members) for whole in wholes) for members in before)


def regroup(before: Iterable[Members], after: Iterable[Members], rows: Mapping[bytes, Watched]) -> Regrouped:
    """Carry histories from old households to new ones.

    Args:
        before: Members of the old households, each sorted.
        after: Members of the new ones; a household's id is its smallest member.
        rows: Where the old ones stood, by id.

    Returns:
        The new rows and what ends.
    """
    home = {record: members[0] for members in after for record in members}
    gathered: dict[bytes, list[tuple[bytes, Watched]]] = {}
    lost: list[str] = []
    for members in sorted(before):
        row = rows.get(members[0])
        if row is None:
            continue
        heirs = [home[r] for r in (row.child, *members) if r in home]
        if heirs:
            gathered.setdefault(heirs[0], []).append((members[0], row))
        else:
            lost += [alert for alert in (row.alert, row.step_down) if alert]
    joined: list[tuple[str, str]] = []
    kept = {household: _merge(rows_, joined) for household, rows_ in gathered.items()}
    for members in before:
        if (row := rows.get(members[0])) is not None and row.answered:
            for household in {home[record] for record in members if record in home}:
                kept[household] = kept.get(household, Watched()).with_answers(row.answered)
    return Regrouped(kept, tuple(joined), tuple(lost))


def _merge(rows: list[tuple[bytes, Watched]], joined: list[tuple[str, str]]) -> Watched:
    first, *others = (row for _, row in sorted(rows, key=lambda one: (-one[1].state, one[1].since, one[0])))
    for other in others:
        joined += [(alert, kept) for alert, kept in ((other.alert, first.alert),) if alert]
        if other.step_down:
            if first.step_down or first.alert:
                joined.append((other.step_down, first.step_down or first.alert))
            else:
                first = msgspec.structs.replace(first, step_down=other.step_down)
        first = msgspec.structs.replace(
            first,
            armed_at=max(first.armed_at, other.armed_at),
            stepped_at=max(first.stepped_at, other.stepped_at),
            sampled_at=max(first.sampled_at, other.sampled_at),
            also_sampled_at=max(first.also_sampled_at, other.also_sampled_at),
            child=first.child or other.child,
            low_at=0,  # calm of one part is not calm of the whole
        )
    return first
