"""One component of linked records into people.

Decides the partition of one connected component, as a pure function of its records, their scores and the assertions
among them: average linkage in integers, ties to the smallest record. Does not find components (graph.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from streams.linkage.model import LinkModel

RAISE_STEP: Final = (
    2_000  # milli-bits by which a threshold is raised where a component is too large, LINKAGE section 7
)
SURE: Final = 60_000  # milli-bits; what is still too large here is taken apart altogether: at most 30 steps

Weights = Callable[[bytes], Mapping[bytes, int]]
"""The neighbours of a record with the weight of each in milli-bits; symmetric."""
Ask = Callable[[bytes, bytes], int | None]
"""Link score of any two records in milli-bits, None where they cannot be compared."""
Assertions = Mapping[bytes, Mapping[bytes, str]]
"""For each record the records asserted about, `must` or `cannot`; symmetric."""
Members = tuple[bytes, ...]
"""Sorted records of one person."""
Mean = tuple[int, int, int]
"""Sum of clipped scores between two groups, count of them, and the partner's index."""


def connected(nodes: Iterable[bytes], neighbours: Callable[[bytes], Iterable[bytes]]) -> list[list[bytes]]:
    """Connected components that hold the nodes given, each sorted."""
    seen: set[bytes] = set()
    components = []
    for start in nodes:
        if start in seen:
            continue
        seen.add(start)
        component = [start]
        for node in component:  # grows while it is walked
            for other in neighbours(node):
                if other not in seen:
                    seen.add(other)
                    component.append(other)
        component.sort()
        components.append(component)
    return components


class Rules(NamedTuple):
    """What decides a component besides its records.

    Attributes:
        links: At least the edges of the component.
        ask: Scores any pair of it.
        assertions: At least those among its records.
        model: Thresholds.
    """

    links: Weights
    ask: Ask
    assertions: Assertions
    model: LinkModel


def partition(component: Sequence[bytes], rules: Rules) -> list[Members]:
    """People in one component.

    A component above `component_max` is first cut at a raised edge threshold, again and again: bounded work, and
    still a function of the component alone.

    Args:
        component: Its records, sorted.
        rules: What decides.

    Returns:
        Sorted members of each person, in the order of the smallest member.
    """
    return sorted(_partition(component, rules.model.edge, rules))


def _partition(component: Sequence[bytes], edge: int, rules: Rules) -> list[Members]:
    if len(component) == 1:
        return [(component[0],)]
    if len(component) <= rules.model.component_max:
        return _merge(component, rules)
    edge = raised(component, edge, rules.links)
    if edge > SURE:  # held together by assertions alone
        return _merge(component, rules._replace(ask=_never))
    return _cut(component, edge, rules)


def raised(component: Sequence[bytes], threshold: int, weights: Weights) -> int:
    """The next step above a threshold at which some pair inside a component falls away; above `SURE` if none does."""
    inside = set(component)
    heavier = (
        weight
        for node in component
        for other, weight in weights(node).items()
        if other in inside and weight >= threshold
    )
    lowest = min(heavier, default=SURE + RAISE_STEP)
    return threshold + RAISE_STEP * ((lowest - threshold) // RAISE_STEP + 1)


def _never(_one: bytes, _other: bytes) -> None:
    """Score where none is to count."""


def _cut(component: Sequence[bytes], edge: int, rules: Rules) -> list[Members]:
    inside = set(component)

    def neighbours(node: bytes) -> list[bytes]:
        said = rules.assertions.get(node, {})
        linked = [o for o, weight in rules.links(node).items() if weight >= edge and said.get(o) != "cannot"]
        linked += [other for other, kind in said.items() if kind == "must"]
        return [other for other in linked if other in inside]

    people: list[Members] = []
    for part in connected(component, neighbours):
        people += _partition(part, edge, rules)
    return people


class _Groups:
    """Groups of one component by index of their smallest member, with sums of clipped scores between them.

    Means are never formed: sums and counts are compared crosswise, in integers.
    """

    def __init__(self, nodes: Sequence[bytes], assertions: Assertions) -> None:
        self.members = {index: [index] for index in range(len(nodes))}
        place = {node: index for index, node in enumerate(nodes)}
        self.barred: dict[int, set[int]] = {index: set() for index in self.members}
        self.must: list[tuple[int, int]] = []
        for index, node in enumerate(nodes):
            for other, kind in assertions.get(node, {}).items():
                if other in place:
                    if kind == "cannot":
                        self.barred[index].add(place[other])
                    elif index < place[other]:
                        self.must.append((index, place[other]))
        self.group = list(range(len(nodes)))
        self.sums: dict[int, dict[int, tuple[int, int]]] = {index: {} for index in self.members}

    def force(self) -> None:
        """Merge what must be one, smallest pair first; a pair that would join two barred records is left out."""
        for one, other in sorted(self.must):
            first, second = sorted((self.group[one], self.group[other]))
            if first != second and second not in self.barred[first]:
                self.merge(first, second)

    def fill(self, nodes: Sequence[bytes], ask: Ask, clip: int) -> None:
        """Score every pair of different groups that may be merged."""
        for one in range(len(nodes)):
            for other in range(one + 1, len(nodes)):
                first, second = self.group[one], self.group[other]
                if first == second or second in self.barred[first]:
                    continue
                weight = ask(nodes[one], nodes[other])
                if weight is not None:
                    total, count = self.sums[first].get(second, (0, 0))
                    now = (total + max(-clip, min(clip, weight)), count + 1)
                    self.sums[first][second] = self.sums[second][first] = now

    def best(self, index: int) -> Mean | None:
        """Partner of a group with the highest mean, ties to the smallest partner."""
        found: Mean | None = None
        for other, (total, count) in self.sums[index].items():
            mean = (total, count, other)
            if found is None or _ahead(mean, found):
                found = mean
        return found

    def merge(self, keep: int, gone: int) -> set[int]:
        """Join two groups under the smaller index; returns the groups whose sums changed."""
        for member in self.members[gone]:
            self.group[member] = keep
        self.members[keep] += self.members.pop(gone)
        for other in self.barred.pop(gone):
            self.barred[other].discard(gone)
            self.barred[other].add(keep)
            self.barred[keep].add(other)
        mine, theirs = self.sums[keep], self.sums.pop(gone)
        mine.pop(gone, None)
        theirs.pop(keep, None)
        touched = set(mine) | set(theirs)
        for other in touched:
            row = self.sums[other]
            row.pop(gone, None)
            if other in self.barred[keep]:
                row.pop(keep, None)
                mine.pop(other, None)
                continue
            one, two = mine.get(other, (0, 0)), theirs.get(other, (0, 0))
            mine[other] = row[keep] = (one[0] + two[0], one[1] + two[1])
        return touched


def _merge(nodes: Sequence[bytes], rules: Rules) -> list[Members]:
    _, ask, assertions, model = rules
    if not any(node in assertions for node in nodes) and _all_alike(nodes, ask, model):
        return [tuple(nodes)]
    groups = _Groups(nodes, assertions)
    groups.force()
    groups.fill(nodes, ask, model.clip)
    best = {index: groups.best(index) for index in groups.members}
    while True:
        top: Mean | None = None
        keep = gone = -1
        for index in sorted(best):
            found = best[index]
            if found is not None and (top is None or found[0] * top[1] > top[0] * found[1]):
                top, keep, gone = found, *sorted((index, found[2]))
        if top is None or top[0] < model.merge * top[1]:
            return [tuple(nodes[index] for index in sorted(members)) for members in groups.members.values()]
        touched = groups.merge(keep, gone)
        del best[gone]
        best[keep] = groups.best(keep)
        for index in touched:
            now, entry = best[index], groups.sums[index].get(keep)
            if now is None or entry is None or now[2] in {keep, gone}:
                best[index] = groups.best(index)
            elif _ahead((*entry, keep), now):
                best[index] = (*entry, keep)


def _all_alike(nodes: Sequence[bytes], ask: Ask, model: LinkModel) -> bool:
    """Whether every pair reaches `merge`: then so does every mean, and all are one person. The usual case."""
    if model.merge > model.clip:
        return False
    for index, one in enumerate(nodes):
        for other in nodes[index + 1 :]:
            weight = ask(one, other)
            if weight is None or weight < model.merge:
                return False
    return True


def _ahead(one: Mean, other: Mean) -> bool:
    """Whether one mean is higher than another, or equal with a smaller partner."""
    lead = one[0] * other[1] - other[0] * one[1]
    return lead > 0 or (lead == 0 and one[2] < other[2])
