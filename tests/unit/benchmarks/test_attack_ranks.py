"""Rank alignment, a dictionary and lengths, on inputs whose answer is known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.attacks import dictionary, frequency, wire
from benchmarks.attacks.people import Record, draw
from bridge.normalise import Person


def test_ranks_are_taken_for_ranks() -> None:
    assert frequency.aligned([b"x", b"y", b"z"], ["smith", "jones"]) == {b"x": "smith", b"y": "jones"}


def test_a_share_is_of_records_and_not_of_values() -> None:
    held = [(b"x", "smith"), (b"x", "smith"), (b"x", "smyth"), (b"y", "jones")]
    assert frequency.top_one(held, {b"x": "smith", b"y": "brown"}) == 0.5


def test_guessing_blind_takes_what_the_public_table_has_most_of() -> None:
    commonest, random = frequency.blind(["a", "a", "a", "b"], ["b", "b", "a", "c"])
    assert commonest == 0.25
    assert random == pytest.approx(1 / 3)


def test_distinct_frequencies_of_the_same_people_name_everyone() -> None:
    names = ["anna"] * 8 + ["bert"] * 4 + ["carl"] * 2
    rows = [Record(str(number), "one", Person(given=name)) for number, name in enumerate(names * 10)]
    by_table = {row.has: row for row in frequency.attack(rows, 1)}
    same = by_table["encodings, frequencies of the same people"]
    assert (same.default, same.strict) == (1.0, 1.0)
    assert same.commonest is not None and same.commonest < 0.8


def test_an_equal_encoding_wins_and_else_the_nearest() -> None:
    listed = {"anna": b"\xff" * 32, "bert": bytes(32)}
    near = b"\xff" * 20 + bytes(12)
    assert dictionary.guessed([bytes(32), near], listed) == {bytes(32): "bert", near: "anna"}


def test_a_list_is_made_longer_without_losing_a_name() -> None:
    entries = dictionary.padded(["smith", "jones"], 50, 1)
    assert entries[:2] == ["smith", "jones"]
    assert len(set(entries)) == 50
    assert entries == dictionary.padded(["smith", "jones"], 50, 1)
    assert entries != dictionary.padded(["smith", "jones"], 50, 2)


def test_a_dictionary_needs_the_right_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dictionary, "NAMES", 300)
    monkeypatch.setattr(dictionary, "DAYS", 300)
    people = [Person(surname=name, given=name, dob="19000102") for name in ("smith", "jones", "brown")]
    rows = [row for row in dictionary.attack(people, 1) if row.unit == "%"]
    right, wrong = ([row for row in rows if f"the {key}" in row.has or f"a {key}" in row.has] for key in
                    ("linkage key", "wrong key"))  # fmt: skip
    assert {(row.default, row.strict) for row in right} == {(1.0, 1.0)}
    assert all((row.default or 0) < 1 for row in wrong)
    assert {row.strict for row in wrong if "dob" in row.attack} == {0.0}


@pytest.mark.parametrize(
    ("sizes", "alone", "bits"), [([9, 9, 9, 9], 0.0, 0.0), ([1, 1, 2, 2], 0.0, 1.0), ([1, 2, 3, 4], 1.0, 2.0)]
)
def test_a_length_tells_as_much_as_it_differs(sizes: list[int], alone: float, bits: float) -> None:
    assert wire.told_apart(sizes) == alone
    assert wire.entropy(sizes) == bits


@pytest.mark.parametrize("overlap", [1.0, 0.5, 0.0])
def test_a_draw_has_the_overlap_it_was_asked_for_and_a_true_truth(overlap: float) -> None:
    people = [Person(given=str(number)) for number in range(40)]
    drawn = draw([(person, person) for person in people], 20, overlap, 3)
    both = drawn.truth >= 0
    assert both.sum() == 20 * overlap
    assert all(drawn.register[row] == drawn.encoded[drawn.truth[row]] for row in np.flatnonzero(both))
    held = {person.given for person in drawn.encoded}
    assert not any(drawn.register[row].given in held for row in np.flatnonzero(~both))
