"""Decoding what was encoded gives it back; no bytes whatever do more than be refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec, crypto
from schemas.dead_letter import REASONS
from schemas.envelope import Envelope, associated_data

NAMES = sorted(codec.schema_ids())
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXT, "bytes": st.binary(max_size=40), "boolean": st.booleans(), "null": st.none(),
    "long": st.integers(-(2**63), 2**63 - 1), "int": st.integers(-(2**31), 2**31 - 1),
}  # fmt: skip


def values(schema: Any) -> st.SearchStrategy[Any]:
    """Any value of a schema."""
    if isinstance(schema, list):
        return st.one_of(*map(values, schema))
    if isinstance(schema, str):
        return PLAIN[schema]
    if schema["type"] == "enum":
        return st.sampled_from(schema["symbols"])
    if schema["type"] == "array":
        return st.lists(values(schema["items"]), max_size=4)
    return st.fixed_dictionaries({field["name"]: values(field["type"]) for field in schema["fields"]})


MESSAGES = st.sampled_from(NAMES).flatmap(lambda name: st.tuples(st.just(name), values(codec.raw_schema(name))))


@given(MESSAGES)
def test_what_was_encoded_decodes_to_itself(named: tuple[str, Any]) -> None:
    name, message = named
    data = codec.encode(name, message)
    assert codec.decode(data, frozenset(NAMES)) == (name, message)
    assert codec.encode(*codec.decode(data, frozenset({name}))) == data


@given(MESSAGES, st.data())
def test_a_message_with_a_byte_changed_or_cut_is_a_message_or_is_refused(
    named: tuple[str, Any], data: st.DataObject
) -> None:
    framed = bytearray(codec.encode(*named))
    for _ in range(data.draw(st.integers(1, 3))):
        framed[data.draw(st.integers(0, len(framed) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(framed[: data.draw(st.integers(0, len(framed)))])
    for changed in (bytes(framed), cut):
        try:
            name, message = codec.decode(changed, frozenset(NAMES))
        except codec.Rejected as rejected:
            assert rejected.reason in REASONS
        else:
            assert set(message) == {field["name"] for field in codec.raw_schema(name)["fields"]}


@given(st.sampled_from([row[-1][1] for row in codec.schema_ids().values()]), st.binary(max_size=200))
def test_any_body_is_a_message_or_is_refused(schema_id: int, body: bytes) -> None:
    try:
        codec.decode(b"\0" + schema_id.to_bytes(4, "big") + body, frozenset(NAMES))
    except codec.Rejected as rejected:
        assert rejected.reason in {"undecodable", "trailing_bytes"}


ENVELOPES = values(codec.raw_schema("envelope"))


@given(ENVELOPES, ENVELOPES, TEXT, TEXT)
def test_associated_data_is_equal_only_for_equal_places(
    one: Envelope, other: Envelope, here: str, there: str
) -> None:
    bound = ("partnership", "agency", "source", "lane", "subject", "epoch", "position", "sequence", "committed_at")
    same = here == there and all(one[name] == other[name] for name in bound)  # type: ignore[literal-required]
    assert (associated_data(here, one) == associated_data(there, other)) == same


@given(ENVELOPES, st.sampled_from(["topic", "subject", "epoch", "position", "sequence", "partnership"]))
def test_a_ciphertext_moved_to_another_topic_record_or_version_does_not_open(envelope: Envelope, moved: str) -> None:
    aead = crypto.Aead(bytes(32))
    sealed = aead.seal(bytes(12), b"body", associated_data("events-a", envelope))
    topic = "events-b" if moved == "topic" else "events-a"
    there: Any = dict(envelope)
    if moved != "topic":
        was = there[moved]
        there[moved] = was + (b"x" if isinstance(was, bytes) else "x" if isinstance(was, str) else 1)
    with pytest.raises(crypto.Broken):
        aead.open(bytes(12), sealed, associated_data(topic, there))
