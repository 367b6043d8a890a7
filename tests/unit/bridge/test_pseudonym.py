"""The same key has the same pseudonym for ever, and only its agency can turn it back."""

from __future__ import annotations

import pytest

from bridge.pseudonym import Pseudonymiser
from schemas.crypto import Broken
from schemas.envelope import SUBJECT_MAX_BYTES

OURS, THEIRS = Pseudonymiser(b"a" * 32), Pseudonymiser(b"b" * 32)
UUIDS = ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", "9f2504e0-4f89-11d3-9a0c-0305e82c3302")


@pytest.mark.parametrize("key", [
    {"person_id": "1042"}, {"b": "2", "a": "1"}, ("1042",), ("", "x"), ("x", ""), UUIDS, ("\0", "\x80", "\0\0"), ("Ærø",),
    (UUIDS[0].upper(),), ("3f2504e04f8911d39a0c0305e82c3301abcd",),
])  # fmt: skip
def test_what_was_made_can_be_resolved(key: dict[str, str] | tuple[str, ...]) -> None:
    assert OURS.resolve(OURS.record("cms", key)) == ("record", "cms", key)
    assert OURS.resolve(OURS.event("cms", key)) == ("event", "cms", key)


def test_the_same_key_has_the_same_pseudonym_whatever_the_order_of_names() -> None:
    assert OURS.record("cms", {"a": "1", "b": "2"}) == Pseudonymiser(b"a" * 32).record("cms", {"b": "2", "a": "1"})


def test_anything_else_has_another() -> None:
    made = [
        OURS.record("cms", ("1", "2")), OURS.event("cms", ("1", "2")), THEIRS.record("cms", ("1", "2")),
        OURS.record("pas", ("1", "2")), OURS.record("cms", ("12",)), OURS.record("cms", ("2", "1")),
        OURS.record("cms", {"1": "2"}), OURS.record("cms", {"a": "1", "b": "2"}), OURS.record("cms", ("1", "2", "")),
    ]  # fmt: skip
    assert len(set(made)) == len(made)


def test_only_its_agency_resolves_it() -> None:
    with pytest.raises(Broken):
        THEIRS.resolve(OURS.record("cms", ("1042",)))
    with pytest.raises(Broken):
        OURS.resolve(b"")
    altered = bytearray(OURS.record("cms", ("1042",)))
    altered[-1] ^= 1
    with pytest.raises(Broken):
        OURS.resolve(bytes(altered))


def test_its_length_says_little() -> None:
    assert len({len(OURS.record("cms", (str(number),))) for number in (1, 12, 123, 1234567)}) == 1
    sizes = {len(OURS.record("cms", ("x" * size,))) for size in range(60)}
    assert all(size % 16 == 0 for size in sizes)
    assert max(sizes) <= SUBJECT_MAX_BYTES


def test_a_key_that_does_not_fit_is_refused_without_being_quoted() -> None:
    longest = "canary" * 12
    assert len(OURS.record("cms", (longest,))) == SUBJECT_MAX_BYTES
    for key in ((longest + "xxx",), ("canary" * 100,)):
        with pytest.raises(ValueError, match="take") as caught:
            OURS.record("cms", key)
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize("key", [(), {}, "1042"])
def test_a_record_has_a_key(key: dict[str, str] | tuple[str, ...] | str) -> None:
    with pytest.raises(ValueError, match="at least one value"):
        OURS.record("cms", key)
