"""What Cedar says of a request is what the protocols say in plain Python; nothing matching is nothing allowed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.config import ConfigError
from bridge.desk.exchange.decide import RUNG_OF, Agreed, Policy, Protocol, Question, parse, policies
from schemas.exchange import BASES, KINDS, PURPOSES

AGENCIES = ("council", "police", "hospital")


def some(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), min_size=1, unique=True).map(tuple)


@st.composite
def protocols(draw: st.DrawFn) -> list[Protocol]:
    count = draw(st.integers(0, 4))
    return [
        Protocol(
            id=f"p{number}", title="t", legal_basis="l", to=draw(some(AGENCIES)), purposes=draw(some(PURPOSES)),
            kinds=draw(some(KINDS)), rung=draw(st.integers(0, 4)), needs=draw(st.sampled_from(BASES)),
            automatic=draw(st.booleans()),
        )
        for number in range(count)
    ]  # fmt: skip


questions = st.builds(
    Question, st.sampled_from((*AGENCIES, "stranger")), st.sampled_from(KINDS), st.sampled_from(PURPOSES),
    st.sampled_from(BASES), st.booleans(),
)  # fmt: skip


def covers(protocol: Protocol, question: Question) -> bool:
    return (
        question.asking in protocol.to
        and question.kind in protocol.kinds
        and question.purpose in protocol.purposes
        and RUNG_OF[question.kind] <= protocol.rung
        and protocol.needs in {"none", question.basis}
    )


@settings(max_examples=300, deadline=None)
@given(records=protocols(), question=questions)
def test_the_policy_says_what_the_records_say(records: list[Protocol], question: Question) -> None:
    covering = sorted(protocol.id for protocol in records if covers(protocol, question))
    alone = sorted(protocol.id for protocol in records if covers(protocol, question) and protocol.automatic)
    verdict = Policy("police", records).verdict(question)
    if question.restricted or not alone:
        assert (verdict.protocol and verdict.protocol.id) == (covering[0] if covering else None)
        assert not verdict.automatic
    else:
        assert verdict.protocol and verdict.protocol.id == alone[0]
        assert verdict.automatic


def test_with_no_protocol_nothing_is_covered() -> None:
    assert Policy("police", []).verdict(Question("council", "identity", "identify", "duty")).protocol is None


ROW: dict[str, Any] = {"id": "p1", "title": "t", "legal_basis": "l", "to": ["council"], "purposes": ["identify"],
                       "kinds": ["identity"], "rung": 4, "needs": "duty"}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [{"id": 'x")\npermit(principal, action, resource);'}, {"to": ['a", "b']}, {"kinds": ["all"]}, {"purposes": []},
     {"needs": "any"}, {"rung": 5}, {"more": 1}, {"to": []}, {"title": ""}],
)  # fmt: skip
def test_a_record_that_is_not_of_the_closed_words_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="disclosures"):
        parse([{**ROW, **change}])


@pytest.mark.parametrize("ids", [("p1", "p1"), ("restricted",)])
def test_ids_are_the_reasons_hence_different(ids: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="ids must differ"):
        Policy("police", parse([{**ROW, "id": id_} for id_ in ids]))


def test_each_record_is_one_permit_with_its_id() -> None:
    text = policies(parse([ROW, {**ROW, "id": "p2"}]))
    assert text.count("permit (") == 2
    assert '@id("p1")' in text and '@id("p2")' in text


def test_a_newer_document_takes_effect_and_one_that_cannot_be_read_changes_nothing() -> None:
    document: list[tuple[dict[str, Any], ...]] = [()]
    agreed = Agreed("police", lambda: document[0])
    question = Question("council", "identity", "identify", "duty")
    assert agreed.policy().verdict(question).protocol is None
    document[0] = (ROW,)
    first = agreed.policy()
    assert first.verdict(question).protocol
    assert agreed.policy() is first
    document[0] = ({**ROW, "rung": 9},)
    assert agreed.policy() is first
