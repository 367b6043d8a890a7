"""Whole numbers that are known to lie between bounds and to satisfy linear inequalities: what else is known of each?

Decides nothing about tables. Each question is a pair of integer programs over the unknowns that hang together.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

MANY = 100_000  # stands for no bound: no count of a test world comes near


class Contradiction(Exception):
    """What is taken for known cannot all be true."""


class _Part(NamedTuple):
    """Unknowns that hang together."""

    place: dict[Hashable, int]
    bounds: Bounds
    rows: LinearConstraint | None


class System:
    """Unknowns and what is known of them."""

    def __init__(self) -> None:
        self._bounds: dict[Hashable, tuple[int, int]] = {}
        self._rows: list[tuple[dict[Hashable, int], float, float]] = []
        self._parts: dict[Hashable, _Part] | None = None

    def unknown(self, name: Hashable, low: int, high: int = MANY) -> None:
        """A count between bounds, both included."""
        self._bounds[name] = (low, high)

    def known(self, name: Hashable) -> bool:
        """Whether it is one of the unknowns."""
        return name in self._bounds

    def row(self, terms: Mapping[Hashable, int], low: float, high: float) -> None:
        """A weighted sum of counts that lies between bounds; -inf and inf for none."""
        self._rows.append((dict(terms), low, high))

    def not_between(self, name: Hashable, low: int, high: int) -> None:
        """A count that is at most `low` or at least `high`."""
        switch = ("switch", name)
        self.unknown(switch, 0, 1)
        self.row({name: 1, switch: -high}, 0, np.inf)
        self.row({name: 1, switch: -MANY}, -np.inf, low)

    def range(self, name: Hashable) -> tuple[int, int]:
        """The least and the greatest value that a count can have; `MANY` where nothing bounds it.

        Raises:
            Contradiction: No values of the unknowns fit what is known.
        """
        if self._parts is None:
            self._parts = self._divide()
        part = self._parts[name]
        if part.rows is None:
            return self._bounds[name]
        return _best(part, name, 1), _best(part, name, -1)

    def _divide(self) -> dict[Hashable, _Part]:
        root: dict[Hashable, Hashable] = {name: name for name in self._bounds}

        def find(name: Hashable) -> Hashable:
            while root[name] != name:
                root[name] = root[root[name]]
                name = root[name]
            return name

        for terms, _, _ in self._rows:
            first, *others = map(find, terms)
            for other in others:
                root[find(other)] = find(first)
        members: dict[Hashable, list[Hashable]] = {}
        for name in self._bounds:
            members.setdefault(find(name), []).append(name)
        rows: dict[Hashable, list[Any]] = {}
        for row in self._rows:
            rows.setdefault(find(next(iter(row[0]))), []).append(row)
        made = {key: self._part(names, rows.get(key, [])) for key, names in members.items()}
        return {name: made[find(name)] for name in self._bounds}

    def _part(self, names: list[Hashable], rows: list[Any]) -> _Part:
        place = {name: number for number, name in enumerate(names)}
        bounds = Bounds(*np.array([self._bounds[name] for name in names], dtype=float).T)
        if not rows:
            return _Part(place, bounds, None)
        entries = [(number, place[name], by) for number, (terms, *_) in enumerate(rows) for name, by in terms.items()]
        at, columns, values = zip(*entries, strict=True)
        matrix = csr_array((np.array(values, dtype=float), (at, columns)), shape=(len(rows), len(names)))
        return _Part(
            place, bounds, LinearConstraint(matrix, [low for _, low, _ in rows], [high for *_, high in rows])
        )


def _best(part: _Part, name: Hashable, sign: int) -> int:
    aim = np.zeros(len(part.place))
    aim[part.place[name]] = sign
    found = milp(aim, integrality=np.ones(len(aim)), bounds=part.bounds, constraints=part.rows)
    if found.x is None:
        message = f"no values fit around {name}: {found.message}"
        raise Contradiction(message)
    return round(float(found.x[part.place[name]]))
