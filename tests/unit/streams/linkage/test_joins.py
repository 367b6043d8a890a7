"""What holds a person together: enough pairs and no more, what people said first."""

from __future__ import annotations

from hypothesis import given, settings

from streams.linkage.joins import joins
from streams.linkage.model import LinkModel
from tests.property.linkage_world import Fact, World, histories, models
from tests.unit.streams.linkage.people import ANNA, CARA, identity, model

A, B, C = (letter.encode() * 64 for letter in "abc")


def world(**records: dict[str, str]) -> World:
    made = World(model())
    for name, values in records.items():
        made.step(("upsert", name.encode() * 64, identity(values)))
    return made


def test_the_strongest_pair_joins_each_record() -> None:
    made = world(a=ANNA, b={**ANNA, "given": "ana"}, c=ANNA)
    found = joins(made.graph, A)
    assert [(join.one, join.other) for join in found] == [(A, C), (A, B)]
    assert found[0].link is not None
    assert found[1].link is not None
    assert found[0].link > found[1].link


def test_what_a_person_said_comes_first() -> None:
    made = world(a=ANNA, b=ANNA, c=ANNA)
    made.step(("assert", B, C, "must"))
    assert [(join.one, join.other, join.link is None) for join in joins(made.graph, A)] == [
        (B, C, True), (A, B, False),
    ]  # fmt: skip
    assert joins(made.graph, C) == joins(made.graph, A)


def test_nothing_is_said_of_a_restricted_person_or_one_record() -> None:
    made = world(a=ANNA, c=CARA)
    made.step(("upsert", B, identity(ANNA, restricted=True)))
    assert made.graph.members(A) == (A, B)
    assert joins(made.graph, A) == []
    assert joins(made.graph, C) == []


@settings(max_examples=60, deadline=None)
@given(models, histories)
def test_pairs_are_within_one_person_and_none_is_redundant(chosen: LinkModel, facts: list[Fact]) -> None:
    made = World(chosen)
    for fact in facts:
        made.step(fact)
    for person in made.people:
        found = joins(made.graph, person[0])
        assert len(found) <= len(person) - 1
        assert {record for join in found for record in join[:2]} <= set(person)
        assert len({frozenset(join[:2]) for join in found}) == len(found)
