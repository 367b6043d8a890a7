"""The batch result, written separately from the product and with other means: networkx, fractions, all pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import combinations

import networkx as nx

from streams.linkage import compare
from streams.linkage.identity import Identity, blocking_keys, shape
from streams.linkage.model import LinkModel

People = set[tuple[bytes, ...]]
Said = Mapping[tuple[bytes, bytes], str]
Ask = Callable[[bytes, bytes], int | None]


def average_linkage(nodes: list[bytes], ask: Ask, said: Said, model: LinkModel) -> People:
    """Merge the two groups with the highest mean, with fractions, until none reaches `merge`."""
    groups = [{node} for node in nodes]
    barred = [pair for pair, kind in said.items() if kind == "cannot"]

    def may(one: set[bytes], other: set[bytes]) -> bool:
        return not any((a in one and b in other) or (b in one and a in other) for a, b in barred)

    for a, b in sorted(pair for pair, kind in said.items() if kind == "must" and set(pair) <= set(nodes)):
        one, other = next(g for g in groups if a in g), next(g for g in groups if b in g)
        if one is not other and may(one, other):
            one |= other
            groups.remove(other)
    while True:
        best = None
        for one, other in combinations(sorted(groups, key=min), 2):
            weights = [weight for a in one for b in other if (weight := ask(a, b)) is not None]
            if weights and may(one, other):
                mean = Fraction(sum(max(-model.clip, min(model.clip, weight)) for weight in weights), len(weights))
                if mean >= model.merge and (best is None or mean > best[0]):
                    best = (mean, one, other)
        if best is None:
            return {tuple(sorted(group)) for group in groups}
        groups.remove(best[2])
        best[1].update(best[2])


class Batch:
    """People and households of a set of records, from nothing."""

    def __init__(self, model: LinkModel, records: Mapping[bytes, Identity], said: Said) -> None:
        self.model, self.records = model, records
        self.said = {pair: kind for pair, kind in said.items() if set(pair) <= set(records)}
        self.edges, self.ties = self._pairs()
        self.people = self._people()
        self.households = self._households()

    def score(self, a: bytes, b: bytes) -> compare.Score | None:
        one, other = shape(self.records[a]), shape(self.records[b])
        return compare.score(self.model, one, other) if compare.comparable(one, other) else None

    def _pairs(self) -> tuple[dict[tuple[bytes, bytes], int], dict[tuple[bytes, bytes], int]]:
        keys = {record: set(blocking_keys(identity).tolist()) for record, identity in self.records.items()}
        sizes = Counter(key for some in keys.values() for key in some)
        edges, ties = {}, {}
        for a, b in combinations(sorted(self.records), 2):
            shared = [sizes[key] for key in keys[a] & keys[b] if sizes[key] <= self.model.posting_max]
            if len(shared) < 2 and not any(size <= self.model.alone_max for size in shared):
                continue
            score = self.score(a, b)
            if score is None or self.said.get((a, b)) == "cannot":
                continue
            if score.tie >= self.model.tie:
                ties[a, b] = score.tie
            if score.link >= self.model.edge:
                edges[a, b] = score.link
        return edges, ties

    def _people(self) -> People:
        must = [pair for pair, kind in self.said.items() if kind == "must"]
        found: People = set()

        def cut(nodes: set[bytes], edge: int) -> None:
            graph = nx.Graph()
            graph.add_nodes_from(nodes)
            graph.add_edges_from(pair for pair, weight in self.edges.items() if weight >= edge and set(pair) <= nodes)
            graph.add_edges_from(pair for pair in must if set(pair) <= nodes)
            for component in nx.connected_components(graph):
                if len(component) <= self.model.component_max:
                    found.update(self._average_linkage(sorted(component), scored=True))
                elif edge + 2_000 > 60_000:
                    found.update(self._average_linkage(sorted(component), scored=False))
                else:
                    cut(component, edge + 2_000)

        cut(set(self.records), self.model.edge)
        return found

    def _average_linkage(self, nodes: list[bytes], *, scored: bool) -> People:
        def ask(a: bytes, b: bytes) -> int | None:
            score = self.score(a, b)
            return score.link if score is not None and scored else None

        return average_linkage(nodes, ask, self.said, self.model)

    def _households(self) -> People:
        person = {record: group for group in self.people for record in group}
        closed = {record for record in self.records if any(self.records[r].restricted for r in person[record])}
        found: People = set()

        def cut(nodes: set[bytes], tie: int) -> None:
            graph = nx.Graph()
            graph.add_nodes_from(nodes)
            graph.add_edges_from((record, other) for record in nodes for other in person[record])
            for pair, weight in self.ties.items():
                if weight >= tie and set(pair) <= nodes and not set(pair) & closed:
                    graph.add_edge(*pair)
            for component in nx.connected_components(graph):
                if len(component) <= self.model.household_max:
                    found.add(tuple(sorted(component)))
                elif tie + 2_000 > 60_000:
                    found.update(person[record] for record in component)
                else:
                    cut(component, tie + 2_000)

        cut(set(self.records), self.model.tie)
        return found
