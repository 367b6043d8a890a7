from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identity import FIELDS, TOKENS
from streams.linkage.compare import comparable, evidence, link_of, packed, score, scorer, tie_of
from streams.linkage.identity import Shape, shape
from tests.unit.streams.linkage.people import ANNA, BEN, identity, model

values = st.one_of(
    st.sampled_from([0, (1 << 256) - 1, 1 << 255, (1 << 40) - 1, (1 << 100) - 1, (1 << 180) - 1]),
    st.integers(min_value=0, max_value=(1 << 256) - 1),
)
tokens = st.one_of(st.just(()), st.tuples(*[st.sampled_from([b"", b"a" * 16, b"b" * 16])] * len(TOKENS)))
shapes: st.SearchStrategy[Shape] = st.tuples(
    st.just(1),
    st.integers(min_value=0, max_value=127),
    st.tuples(*[values] * len(FIELDS)),
    tokens,
    st.sampled_from("ab"),
)


def lines(a: Shape, b: Shape) -> dict[str, int]:
    return {line.name: line.level for line in evidence(model(), a, b)}


@given(shapes, shapes)
def test_the_fast_score_equals_the_plain_one(a: Shape, b: Shape) -> None:
    chosen = model(prior=(-12_345, -11_111, -14_141))
    plain = score(chosen, a, b)
    weighed = scorer(chosen)(a, b)
    assert weighed == packed(plain.link, plain.tie)
    assert (link_of(weighed), tie_of(weighed)) == (plain.link, plain.tie)


@given(shapes, shapes)
def test_a_score_is_the_same_from_either_side(a: Shape, b: Shape) -> None:
    assert score(model(), a, b) == score(model(), b, a)


def test_the_fast_score_is_written_for_these_fields() -> None:
    assert FIELDS == ("given", "middle", "surname", "dob", "number", "street", "postcode")


def test_names_that_changed_places_are_compared_crosswise() -> None:
    swapped = {**ANNA, "given": "brown", "surname": "anna"}
    found = lines(shape(identity(ANNA)), shape(identity(swapped)))
    assert (found["given"], found["surname"], found["swap"]) == (7, 7, 1)
    assert lines(shape(identity(ANNA)), shape(identity(ANNA)))["swap"] == 0


def test_a_single_name_in_the_wrong_place_counts_once() -> None:
    found = lines(shape(identity({"given": "anna"})), shape(identity({"surname": "anna"})))
    assert (found["given"], found["surname"], found["swap"]) == (7, -1, 1)


def test_what_is_missing_is_no_evidence() -> None:
    empty, full = shape(identity({})), shape(identity({**ANNA, "nhs": "9434765919"}))
    for a, b in product((empty, full), (empty,)):
        agency = model().agency[True]
        assert score(model(), a, b) == tuple(map(sum, zip(model().prior, agency, strict=True)))


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
    numbered = {**ANNA, "nhs": "9434765919", "upn": "A123"}
    swapped = {**numbered, "given": "brown", "surname": "anna", "upn": "B123"}
    for values in (swapped, {**swapped, "surname": ""}, {**swapped, "given": ""}, numbered):
        for a, b in product((numbered, {**numbered, "given": ""}), (values,)):
            one, other = shape(identity(a)), shape(identity(b))
            plain = score(model(), one, other)
            assert scorer(model())(one, other) == scorer(model())(other, one) == packed(plain.link, plain.tie)
