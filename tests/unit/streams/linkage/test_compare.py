from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.identity import FIELDS, TOKENS
from streams.linkage.compare import comparable, evidence, link_of, score, tie_of
from streams.linkage.identity import ALL_NULL, Identity, Shape, shape
from streams.linkage.kernels import OFFSET
from streams.linkage.model import LinkModel
from streams.linkage.pairs import Pairs
from tests.unit.streams.linkage.people import ANNA, BEN, identity, model

MINE, OTHER = b"mine", b"other"
PATTERNS = (0, (1 << 256) - 1, 1 << 255, (1 << 40) - 1, (1 << 100) - 1, (1 << 180) - 1)
fields = st.one_of(st.sampled_from(PATTERNS), st.integers(min_value=0, max_value=(1 << 256) - 1))
tokens = st.sampled_from([bytes(16), b"a" * 16, b"b" * 16])
encoded = st.builds(
    Identity,
    agency=st.sampled_from("ab"),
    schema_epoch=st.just(1),
    key_epoch=st.sampled_from([1, 1, 1, 2]),
    nulls=st.one_of(st.just(0), st.integers(min_value=0, max_value=ALL_NULL)),
    bits=st.tuples(*[fields] * len(FIELDS)).map(lambda row: b"".join(one.to_bytes(32, "little") for one in row)),
    tokens=st.tuples(*[tokens] * len(TOKENS)).map(b"".join),
    matchkeys=st.just(b""),
    bands=st.just(b""),
    restricted=st.just(False),
    communal=st.just(False),
)
numbered = {**ANNA, "nhs": "9434765919", "upn": "A123", "uprn": "100"}


def fast(chosen: LinkModel, one: Identity, other: Identity) -> tuple[int, int] | None:
    """Link and tie as the graph scores them."""
    found = Pairs(chosen, {MINE: one, OTHER: other}, {}, 9)._weigh(one, (OTHER,), -OFFSET)
    return (link_of(found[OTHER]), tie_of(found[OTHER])) if found else None


def plain(chosen: LinkModel, one: Identity, other: Identity) -> tuple[int, int] | None:
    if not comparable(shape(one), shape(other)):
        return None
    found = score(chosen, shape(one), shape(other))
    return found.link, found.tie


def lines(a: Shape, b: Shape) -> dict[str, int]:
    return {line.name: line.level for line in evidence(model(), a, b)}


@settings(max_examples=300, deadline=None)
@given(encoded, encoded)
def test_the_fast_score_equals_the_plain_one(one: Identity, other: Identity) -> None:
    chosen = model(prior=(-12_345, -11_111, -14_141), margin=777)
    assert fast(chosen, one, other) == plain(chosen, one, other)


@given(encoded, encoded)
def test_a_score_is_the_same_from_either_side(one: Identity, other: Identity) -> None:
    assert plain(model(), one, other) == plain(model(), other, one)


def test_names_that_changed_places_are_compared_crosswise() -> None:
    swapped = {**ANNA, "given": "brown", "surname": "anna"}
    found = lines(shape(identity(ANNA)), shape(identity(swapped)))
    assert (found["given"], found["surname"], found["swap"]) == (7, 7, 1)
    assert lines(shape(identity(ANNA)), shape(identity(ANNA)))["swap"] == 0


def test_a_single_name_in_the_wrong_place_counts_once() -> None:
    found = lines(shape(identity({"given": "anna"})), shape(identity({"surname": "anna"})))
    assert (found["given"], found["surname"], found["swap"]) == (7, -1, 2)


def test_what_is_missing_is_no_evidence() -> None:
    empty, full = shape(identity({})), shape(identity({**ANNA, "nhs": "9434765919"}))
    for a, b in product((empty, full), (empty,)):
        agency = model().agency[True]
        assert score(model(), a, b)[:3] == tuple(map(sum, zip(model().prior, agency, strict=True)))


def test_a_better_agreement_never_weighs_less() -> None:
    near, far = (
        score(model(), shape(identity(ANNA)), shape(identity({**ANNA, "given": name}))) for name in ("ann", "zo")
    )
    assert near.link > far.link


def test_other_epochs_do_not_compare() -> None:
    a, b = shape(identity(ANNA)), shape(identity(ANNA, epoch=2))
    assert not comparable(a, b)
    with pytest.raises(ValueError, match="epoch"):
        evidence(model(), a, b)


def test_a_sibling_ties_but_does_not_link() -> None:
    found = score(model(), shape(identity(ANNA)), shape(identity(BEN)))
    assert found.tie > 0 > found.link


def test_the_fast_score_follows_swaps_and_numbers() -> None:
    swapped = {**numbered, "given": "brown", "surname": "anna", "upn": "B123"}
    moved = {**numbered, "nhs": "9876543210", "nhs_former": "9434765919", "uprn": "200", "number": "14"}
    for values in (swapped, {**swapped, "surname": ""}, {**swapped, "given": ""}, numbered, moved):
        for mine in (numbered, {**numbered, "given": ""}):
            one, other = identity(mine), identity(values)
            assert fast(model(), one, other) == fast(model(), other, one) == plain(model(), one, other)


def test_a_superseded_number_agrees_with_the_number_it_was() -> None:
    now = shape(identity({"nhs": "9876543210", "nhs_former": "9434765919"}))
    for other in ({"nhs": "9434765919"}, {"nhs_former": "9434765919"}, {"nhs_former": "9876543210"}):
        found = {line.name: line.level for line in evidence(model(), now, shape(identity(other)))}
        assert found["nhs"] == 1
    found = {line.name: line.level for line in evidence(model(), now, shape(identity({"nhs": "4010232137"})))}
    assert found["nhs"] == 0


def test_where_both_have_a_uprn_the_address_counts_once() -> None:
    found = lines(shape(identity(numbered)), shape(identity({**numbered, "street": "another road"})))
    assert (found["number"], found["street"], found["uprn"]) == (-1, -1, 1)
    found = lines(shape(identity(numbered)), shape(identity({**numbered, "uprn": ""})))
    assert (found["number"], found["street"], found["uprn"]) == (7, 7, -1)


def test_a_margin_is_what_a_person_must_lead_a_household_by() -> None:
    one, other = shape(identity(ANNA)), shape(identity({**ANNA, "given": "ann"}))
    without, led = score(model(), one, other), score(model(margin=500), one, other)
    assert max(without.household, without.twin) > 0
    assert (led.link, led.tie) == (without.link - 500, without.tie)
