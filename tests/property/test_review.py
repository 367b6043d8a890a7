"""Suggestions and the sums of link quality are those of a recount over all pairs, after any history."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from streams.linkage.compare import link_of
from streams.linkage.fairness import MILLION, NONE, Fairness, Share, Sums, probability_ppm
from streams.linkage.graph import LinkDelta
from streams.linkage.identity import Identity
from streams.linkage.model import LinkModel
from streams.linkage.review import SUGGEST, About, Suggestion, Suggestions
from tests.property.linkage_oracle import Batch
from tests.property.linkage_world import (
    BIRTHS,
    NAMES,
    STREETS,
    SURNAMES,
    Fact,
    World,
    histories,
    history,
    models,
    records,
)
from tests.unit.streams.linkage.people import identity, model

GROUPS = ("", "A", "B", None)
profiles = st.dictionaries(
    records, st.tuples(st.booleans(), st.booleans(), st.sampled_from(GROUPS)), min_size=8
)  # fmt: skip
KEY = bytes(32)
strict = st.builds(
    lambda chosen, edge: msgspec.structs.replace(chosen, edge=edge), models, st.sampled_from([4_250, 9_000, 30_000])
)
"""Models that leave much to review."""


class Reviewed(World):
    """A world with suggestions and sums beside its graph, and profiles that change."""

    def __init__(self, chosen: LinkModel, about: dict[bytes, tuple[bool, bool, str | None]]) -> None:
        self.about = about
        self.suggested: dict[str, Suggestion] = {}
        self.shares: dict[bytes, Share] = {}
        self.sums: dict[str, Sums] = {}
        super().__init__(chosen)
        self.told: dict[str, Suggestion] = {}

    def of(self, record: bytes) -> tuple[bool, bool, str | None]:
        return self.about.get(record, (False, False, None))

    def restart(self) -> None:
        super().restart()
        about = About(lambda record: self.of(record)[0], lambda record: self.of(record)[1])
        self.suggestions = Suggestions(KEY, self.suggested, about)
        self.fairness = Fairness(self.shares, self.sums, lambda record: self.of(record)[2])

    def read(self, delta: LinkDelta) -> None:
        super().read(delta)
        graph, moved = self.graph, self.graph.take_moved()
        for group in (*delta.clusters_before, *delta.clusters_after):
            moved.update(group)
        here = moved & graph.identities.keys()
        self.look({graph.cluster(one) for one in here} | {group[0] for group in delta.clusters_before})
        for record in here:
            moved.update(graph.neighbours(record))
        self.fairness.look(graph, moved)

    def look(self, people: set[bytes]) -> None:
        """As a reader who knows nothing but what he is told."""
        for change in self.suggestions.look(self.graph, people):
            assert change.before == self.told.pop(change.suggestion_id, None)
            assert change.before != change.after
            if change.after is not None:
                self.told[change.suggestion_id] = change.after

    def profile(self, record: bytes, about: tuple[bool, bool, str | None]) -> None:
        self.about[record] = about
        if record in self.graph.identities:
            self.look({self.graph.cluster(record)})
            self.fairness.look(self.graph, (record,))


def plain_suggestions(world: Reviewed, batch: Batch) -> set[tuple[bytes, bytes, int]]:
    """The best pair of each two people, from all pairs of records."""
    person = {record: group for group in batch.people for record in group}
    closed = {record for record in batch.records if any(batch.records[r].restricted for r in person[record])}
    best: dict[tuple[Any, Any], tuple[int, bytes, bytes]] = {}
    for one, other in batch.ties:
        scored = batch.score(one, other)
        assert scored is not None
        pair, two = (-scored[0], one, other), (person[one], person[other])
        both = two[0] + two[1]
        if scored[0] < SUGGEST or two[0] == two[1] or {one, other} & closed:
            continue
        if not any(world.of(r)[0] for r in both) or any(world.of(r)[1] for r in both):
            continue
        if any((min(a, b), max(a, b)) in batch.said for a in two[0] for b in two[1]):
            continue
        ordered = (min(two), max(two))
        best[ordered] = min(best.get(ordered, pair), pair)
    return {(one, other, -lead) for lead, one, other in best.values()}


def plain_sums(world: Reviewed, batch: Batch) -> dict[str, Sums]:
    """Sums of each group, from all pairs of records."""
    person = {record: group for group in batch.people for record in group}
    closed = {record for record in batch.records if any(batch.records[r].restricted for r in person[record])}
    found: dict[bytes, list[int]] = {record: [0, 0, 0] for record in batch.records}
    for pair in batch.ties:
        scored = batch.score(*pair)
        assert scored is not None
        if set(pair) & closed or pair in batch.said:
            continue
        for record in pair:
            if person[pair[0]] != person[pair[1]]:
                found[record][2] += probability_ppm(scored[0])
            elif scored[0] >= world.model.edge:
                found[record][0] += 1
                found[record][1] += MILLION - probability_ppm(scored[0])
    sums: dict[str, Sums] = {}
    for record, (links, false_ppm, missed_ppm) in found.items():
        group = world.of(record)[2]
        if group is not None and (links or missed_ppm):
            old = sums.get(group, NONE)
            sums[group] = Sums(
                old.records + 1, old.people + (person[record][0] == record), old.links + links,
                old.false_ppm + false_ppm, old.missed_ppm + missed_ppm,
            )  # fmt: skip
    return sums


def compare(world: Reviewed) -> int:
    """Assert that what is kept is what a recount gives; how many suggestions there are."""
    batch = world.batch()
    kept = {(row.one, row.other, link_of(row.weighed)) for row in world.suggested.values()}
    assert kept == plain_suggestions(world, batch)
    assert world.told == world.suggested
    for suggestion_id, row in world.suggested.items():
        assert suggestion_id == world.suggestions.id_of(row.people)
        assert row.people == tuple(sorted((world.graph.cluster(row.one), world.graph.cluster(row.other))))
    assert world.sums == plain_sums(world, batch)
    return len(kept)


@settings(max_examples=150, deadline=None)
@given(strict, histories, profiles, st.lists(st.tuples(st.integers(0, 40), records, profiles), max_size=6))
def test_what_is_kept_equals_a_recount(
    chosen: LinkModel, facts: list[Fact], about: dict[bytes, Any], changes: list[tuple[Any, ...]]
) -> None:
    world = Reviewed(chosen, dict(about))
    for number, step in enumerate(facts):
        world.step(step)
        for at, record, new in changes:
            if at == number:
                world.profile(record, new.get(record, (True, False, "A")))
    event(f"suggestions: {min(compare(world), 3)}, groups: {len(world.sums)}")


@pytest.mark.parametrize("seed", range(12))
def test_so_it_is_in_larger_populations(seed: int) -> None:
    order = random.Random(seed)

    def someone() -> Identity:
        number, street = order.choice(STREETS[:3])
        values = {"given": order.choice(NAMES), "surname": order.choice(SURNAMES[:3]), "dob": order.choice(BIRTHS),
                  "number": number, "street": street}  # fmt: skip
        return identity(values, agency=order.choice(["council", "police"]), restricted=order.random() < 0.05)

    final = {bytes([number]) * 64: someone() for number in range(30)}
    pairs = {tuple(sorted(order.sample(sorted(final), 2))): order.choice(["must", "cannot"]) for _ in range(4)}
    about = {record: (order.random() < 0.5, order.random() < 0.05, order.choice(GROUPS)) for record in final}
    chosen = model(edge=order.choice([4_250, 9_000, 15_000]), alone_max=6, posting_max=order.choice([6, 12]))
    world, most = Reviewed(chosen, about), 0
    for number, fact in enumerate(history(order, final, pairs)):  # type: ignore[arg-type]
        world.step(fact)
        if order.random() < 0.2:
            world.profile(order.choice(list(final)), (order.random() < 0.5, False, order.choice(GROUPS)))
        most = max(most, compare(world) if number % 4 == 0 else 0)
    compare(world)
    assert most, f"seed {seed} had nothing to suggest"


@settings(max_examples=30, deadline=None)
@given(strict, histories, profiles)
def test_a_pass_over_all_makes_the_same_from_nothing(
    chosen: LinkModel, facts: list[Fact], about: dict[bytes, Any]
) -> None:
    world = Reviewed(chosen, dict(about))
    for step in facts:
        world.step(step)
    fresh: dict[str, Suggestion] = {}
    suggestions = Suggestions(KEY, fresh, About(lambda r: world.of(r)[0], lambda r: world.of(r)[1]))
    fairness = Fairness({}, sums := {}, lambda r: world.of(r)[2])
    for record in sorted(world.graph.identities):
        suggestions.look(world.graph, (record,))
        fairness.look(world.graph, (record,))
    assert fresh == world.suggested
    assert sums == world.sums


@settings(max_examples=30, deadline=None)
@given(strict, histories, profiles)
def test_a_group_changes_no_link(chosen: LinkModel, facts: list[Fact], about: dict[bytes, Any]) -> None:
    one = Reviewed(chosen, dict(about))
    other = Reviewed(chosen, {record: (child, hidden, "Z") for record, (child, hidden, _) in about.items()})
    for step in facts:
        one.step(step)
        other.step(step)
    assert one.tables == other.tables
    assert one.suggested == other.suggested


def test_no_field_of_an_encoding_could_hold_a_group() -> None:
    assert "group" not in Identity.__struct_fields__
