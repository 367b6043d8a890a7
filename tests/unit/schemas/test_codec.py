"""What is refused before anything looks at it, and why."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import codec
from schemas.dead_letter import REASONS
from topology import MESSAGE_MAX_BYTES

EVENT: dict[str, Any] = {
    "op": "upsert", "event": b"e" * 32, "kind": "domestic_incident", "occurred_at": 1_700_000_000_000,
    "factors": [{"family": "violence", "severity": 3, "origin": "structured"}], "contact": False, "outcome": "",
}  # fmt: skip
FRAMED = codec.encode("event", EVENT)
EVENTS = frozenset({"event"})
BEFORE_FACTORS = FRAMED[:5] + b"\x00" + b"\x00" + b"\x00" + b"\x00"  # upsert, no pseudonym, no kind, at 0


def reason(data: bytes, allowed: frozenset[str] = EVENTS, **limits: int) -> str:
    with pytest.raises(codec.Rejected) as caught:
        codec.decode(data, allowed, **limits)
    assert caught.value.reason in REASONS
    assert str(caught.value) == caught.value.reason, "a refusal says nothing of the content"
    return caught.value.reason


def zigzag(number: int) -> bytes:
    unsigned = ((number << 1) ^ (number >> 63)) & (2**64 - 1)
    out = bytearray()
    while unsigned > 127:
        out.append(unsigned & 127 | 128)
        unsigned >>= 7
    return bytes([*out, unsigned])


def test_a_frame_is_magic_byte_schema_id_and_body() -> None:
    assert FRAMED[0] == 0
    assert int.from_bytes(FRAMED[1:5], "big") == codec.schema_ids()["event"][-1][1]
    assert codec.decode(FRAMED, EVENTS) == ("event", EVENT)


@pytest.mark.parametrize(("data", "expected"), [
    (b"", "empty"),
    (b"\x01", "bad_magic"),
    (b"{}", "bad_magic"),
    (b"\x00", "undecodable"),
    (b"\x00\x00\x00\x00\x63", "unknown_schema"),
    (b"\x00\xff\xff\xff\xff", "unknown_schema"),
    (FRAMED + b"\x00", "trailing_bytes"),
    (FRAMED + FRAMED, "trailing_bytes"),
])  # fmt: skip
def test_bytes_that_are_no_message_are_refused_with_their_reason(data: bytes, expected: str) -> None:
    assert reason(data) == expected


def test_a_message_of_another_schema_is_refused_where_it_may_not_come() -> None:
    assert reason(FRAMED, frozenset({"identity"})) == "wrong_schema"
    assert reason(FRAMED, frozenset()) == "wrong_schema"


def test_a_message_cut_anywhere_is_refused() -> None:
    for size in range(1, len(FRAMED)):
        assert reason(FRAMED[:size]) == "undecodable"


def test_size_is_checked_before_anything_else() -> None:
    assert reason(b"\x01" * (MESSAGE_MAX_BYTES + 1)) == "too_large"
    assert reason(FRAMED, max_bytes=len(FRAMED) - 1) == "too_large"
    assert codec.decode(FRAMED, EVENTS, max_bytes=len(FRAMED)) == ("event", EVENT)
    big = codec.encode("commit", {
        "partition": 0, "prev": 0, "next": 1, "part": 0, "parts": 1, "writer": "", "behaviour": "1",
        "prev_hash": bytes(32), "nonce": bytes(12), "sealed": bytes(MESSAGE_MAX_BYTES), "hash": bytes(32),
    })  # fmt: skip
    assert reason(big, frozenset({"commit"})) == "too_large"
    assert codec.decode(big, frozenset({"commit"}), max_bytes=2 * MESSAGE_MAX_BYTES)[0] == "commit"


@pytest.mark.parametrize("count", [5_000_000, -5_000_000, 2**62, -(2**62), 2**31])
def test_an_array_that_claims_more_items_than_there_are_bytes_is_refused(count: int) -> None:
    assert reason(BEFORE_FACTORS + zigzag(count)) == "undecodable"


@pytest.mark.parametrize("size", [2**40, 2**62, -1, -(2**40)])
def test_a_string_that_claims_more_bytes_than_there_are_is_refused(size: int) -> None:
    assert reason(FRAMED[:5] + b"\x00" + zigzag(size) + b"abc") == "undecodable"


def test_text_that_is_not_utf8_is_refused() -> None:
    assert reason(FRAMED[:5] + b"\x00\x00" + zigzag(2) + b"\xff\xfe" + b"\x00\x00\x00\x00") == "undecodable"
    assert reason(FRAMED[:5] + b"\x00\x00" + zigzag(3) + b"\xed\xa0\x80" + b"\x00\x00\x00\x00") == "undecodable"


def test_a_symbol_outside_the_enum_is_refused() -> None:
    assert reason(FRAMED[:5] + zigzag(7) + FRAMED[6:]) == "undecodable"


@pytest.mark.parametrize("wrong", [
    {"kind": None}, {"kind": b"bytes"}, {"op": "replace"}, {"occurred_at": "canary-7731"}, {"occurred_at": 2**64},
    {"event": "text"}, {"unknown": 1}, {"factors": [{"family": "violence"}]}, {"kind": "\ud800"},
])  # fmt: skip
def test_a_message_that_does_not_fit_its_schema_is_not_framed_and_not_quoted(wrong: dict[str, Any]) -> None:
    with pytest.raises(codec.Unencodable) as caught:
        codec.encode("event", {**EVENT, **wrong})
    assert "event" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_field_is_not_filled_in() -> None:
    with pytest.raises(codec.Unencodable):
        codec.encode("event", {key: value for key, value in EVENT.items() if key != "contact"})


def test_lint_refuses_a_type_that_contains_itself() -> None:
    tree = {"type": "record", "name": "Tree", "fields": [{"name": "sub", "type": {"type": "array", "items": "Tree"}}]}
    with pytest.raises(ValueError, match="contains itself"):
        codec.lint(tree)
    tree["fields"][0]["type"] = ["null", "Tree"]  # type: ignore[index]
    with pytest.raises(ValueError, match="contains itself"):
        codec.lint(tree)


@pytest.mark.parametrize("items", [
    "null",
    {"type": "record", "name": "Empty", "fields": []},
    {"type": "record", "name": "Nulls", "fields": [{"name": "n", "type": "null"}]},
    {"type": "fixed", "name": "None", "size": 0},
])  # fmt: skip
@pytest.mark.parametrize("kind", ["array", "map"])
def test_lint_refuses_items_that_take_no_byte(kind: str, items: Any) -> None:
    many = {"type": kind, "items" if kind == "array" else "values": items}
    with pytest.raises(ValueError, match="take no byte"):
        codec.lint({"type": "record", "name": "R", "fields": [{"name": "many", "type": many}]})


def test_lint_refuses_unknown_types_and_deep_nesting() -> None:
    with pytest.raises(ValueError, match="unknown type Other"):
        codec.lint({"type": "record", "name": "R", "fields": [{"name": "a", "type": "Other"}]})
    deep: Any = "long"
    for _ in range(codec.DEPTH_MAX + 1):
        deep = {"type": "array", "items": deep}
    with pytest.raises(ValueError, match="deeper"):
        codec.lint({"type": "record", "name": "R", "fields": [{"name": "a", "type": deep}]})


def test_lint_allows_a_type_that_is_used_twice() -> None:
    pair = {"type": "record", "name": "P", "namespace": "x", "fields": [{"name": "a", "type": "long"}]}
    codec.lint({"type": "record", "name": "R", "fields": [
        {"name": "one", "type": pair}, {"name": "many", "type": {"type": "array", "items": "x.P"}},
    ]})  # fmt: skip
