"""The batch result, written separately from the product and with other means: networkx, fractions, plain sets.

Comparing two records is written anew too, from what streams/linkage/compare.py says it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import combinations
from typing import Any

import networkx as nx

from schemas.identity import FIELDS, TOKENS
from streams.linkage.identity import Identity
from streams.linkage.model import LinkModel

People = set[tuple[bytes, ...]]
Said = Mapping[tuple[bytes, bytes], str]
Ask = Callable[[bytes, bytes], int | None]
Line = tuple[str, int, int, int, int]


def keys_of(one: Identity) -> set[bytes]:
    """Blocking keys: matchkeys, bands, both halves of each token there is."""
    tokens = [one.tokens[at : at + 16] for at in range(0, 16 * len(TOKENS), 16)]
    packed = one.matchkeys + one.bands + b"".join(token for token in tokens if any(token))
    return {packed[at : at + 8] for at in range(0, len(packed), 8)}


def evidence(model: LinkModel, one: Identity, other: Identity) -> list[Line]:
    """Name, level (-1 missing) and three weights of every line of a comparison."""

    def bits(record: Identity, name: str) -> int | None:
        at = FIELDS.index(name)
        return None if record.nulls >> at & 1 else int.from_bytes(record.bits[32 * at : 32 * at + 32], "little")

    def apart(mine: str, theirs: str) -> int | None:
        first, second = bits(one, mine), bits(other, theirs)
        return None if first is None or second is None else f"{first ^ second:b}".count("1")

    def tokens(record: Identity, *names: str) -> set[bytes]:
        places = (16 * TOKENS.index(name) for name in names)
        return {record.tokens[at : at + 16] for at in places} - {bytes(16)}

    def alike(distances: list[int | None]) -> int:
        return sum(max(0, 128 - distance) for distance in distances if distance is not None)

    distance = {name: apart(name, name) for name in FIELDS}
    cross = sorted(d for d in (apart("given", "surname"), apart("surname", "given")) if d is not None)
    swap = 0
    if cross and cross[-1] <= 100 and alike([*cross]) - alike([distance["given"], distance["surname"]]) >= 39:
        swap = 1 if len(cross) == 2 else 2
        distance["given"], distance["surname"] = cross[0], cross[1] if len(cross) == 2 else None
    numbers = {"nhs": ("nhs", "nhs_former"), "upn": ("upn",), "uprn": ("uprn",)}
    if tokens(one, "uprn") and tokens(other, "uprn"):
        distance |= dict.fromkeys(("number", "street", "postcode"))
    level = {
        name: -1 if d is None else sum(d <= cut for cut in model.cuts[at])
        for at, (name, d) in enumerate(distance.items())
    }
    if level["street"] >= 6:
        level["postcode"] = -1
    lines: list[Line] = []
    for at, name in enumerate(FIELDS):
        rows = (model.person[at], model.household[at], model.twin[at])
        person, household, twin = (row[level[name]] if level[name] >= 0 else 0 for row in rows)
        lines.append((name, level[name], person, household, twin))
    same = int(one.agency == other.agency)
    lines += [("swap", swap, *model.swap[swap]), ("agency", same, *model.agency[same])]
    for at, (name, places) in enumerate(numbers.items()):
        mine, theirs = tokens(one, *places), tokens(other, *places)
        equal = int(bool(mine & theirs)) if mine and theirs else -1
        lines.append((name, equal, *(model.numbers[at][equal] if equal >= 0 else (0, 0, 0))))
    return [*lines, ("prior", 0, *model.prior)]


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
    """People and households of a set of records, from nothing.

    Attributes:
        candidates: Pairs that share enough keys.
        cut: Components of people that were too large.
        crowded: Records in components of households that were.
    """

    def __init__(self, model: LinkModel, records: Mapping[bytes, Identity], said: Said) -> None:
        self.model, self.records = model, records
        self.said = {pair: kind for pair, kind in said.items() if set(pair) <= set(records)}
        self._scores: dict[tuple[bytes, bytes], tuple[int, int]] = {}
        self.candidates = self._candidates()
        self.edges, self.ties = self._pairs()
        self.cut, self.crowded = 0, set[bytes]()
        self.people = self._people()
        self.households = self._households()

    def score(self, a: bytes, b: bytes) -> tuple[int, int] | None:
        """Link and tie; None for two epochs."""
        one, other = self.records[a], self.records[b]
        if (one.schema_epoch, one.key_epoch) != (other.schema_epoch, other.key_epoch):
            return None
        if (a, b) not in self._scores:
            self._scores[a, b] = self._summed(evidence(self.model, one, other))
        return self._scores[a, b]

    def explained(self, a: bytes, b: bytes) -> dict[str, Any]:
        """Fields of the explanation of a pair."""
        pair = (min(a, b), max(a, b))
        together = any(a in person and b in person for person in self.people)
        said, candidate, scored = self.said.get(pair, ""), pair in self.candidates, self.score(a, b) is not None
        lines = evidence(self.model, self.records[a], self.records[b]) if scored else []
        link, tie = self._summed(lines)
        strong = link >= self.model.edge
        if together:
            why = "asserted" if said == "must" else "linked" if strong and candidate else "through_others"
        elif said == "cannot":
            why = "held_apart"
        elif not scored:
            why = "other_epoch"
        elif not candidate:
            why = "no_shared_key"
        else:
            why = "split_by_average" if strong else "below_edge"
        return {
            "together": together, "why": why, "link": link, "tie": tie, "evidence": tuple(lines),
            "margin": self.model.margin, "edge": self.model.edge, "model": self.model.version,
            "digest": self.model.digest,
        }  # fmt: skip

    def _summed(self, lines: list[Line]) -> tuple[int, int]:
        person, household, twin = (sum(line[place] for line in lines) for place in (2, 3, 4))
        return person - max(0, household + self.model.margin, twin + self.model.margin), max(person, household, twin)

    def _candidates(self) -> set[tuple[bytes, bytes]]:
        holders: dict[bytes, set[bytes]] = {}
        for record, one in self.records.items():
            for key in keys_of(one):
                holders.setdefault(key, set()).add(record)
        shared = Counter[tuple[bytes, bytes]]()
        for held in holders.values():
            if len(held) <= self.model.posting_max:
                worth = 2 if len(held) <= self.model.alone_max else 1
                shared.update(dict.fromkeys(combinations(sorted(held), 2), worth))
        return {pair for pair, worth in shared.items() if worth > 1}

    def _pairs(self) -> tuple[dict[tuple[bytes, bytes], int], dict[tuple[bytes, bytes], int]]:
        edges, ties = {}, {}
        for pair in self.candidates:
            score = self.score(*pair)
            if score is None or self.said.get(pair) == "cannot":
                continue
            if score[1] >= self.model.tie:
                ties[pair] = score[1]
            if score[0] >= self.model.edge:
                edges[pair] = score[0]
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
                self.cut += len(component) > self.model.component_max
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
            return score[0] if score is not None and scored else None

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
                if len(component) > self.model.household_max:
                    self.crowded |= component
                if len(component) <= self.model.household_max:
                    found.add(tuple(sorted(component)))
                elif tie + 2_000 > 60_000:
                    found.update(person[record] for record in component)
                else:
                    cut(component, tie + 2_000)

        cut(set(self.records), self.model.tie)
        return found
