"""What the attacker works out from a register is what encodings show, or the attack is no attack."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.attacks import similar
from benchmarks.attacks.dictionary import KEY
from bridge.encode import Encoder
from bridge.normalise import Person, normalise
from schemas.identity import FIELDS

NAMES = ("smith", "smyth", "smithson", "jones", "johnson", "jonson", "brown", "browne")
PEOPLE = [
    normalise(Person(given=name, surname=NAMES[place // 2], dob=f"201{place}-03-0{1 + place}", street="High St"))
    for place, name in enumerate(NAMES)
]


@pytest.mark.parametrize("field", ["given", "surname", "dob"])
def test_differing_bits_estimate_common_tokens(field: str) -> None:
    sent = Encoder(KEY, 1).identities(PEOPLE)
    clear, seen = (one[FIELDS.index(field)] for one in (
        similar.of_register(PEOPLE, "default"), similar.of_encodings(sent, "default")
    ))  # fmt: skip
    assert np.abs(clear - seen).max() < 0.3  # five deviations of 256 bits
    assert np.abs(clear - seen).mean() < 0.06
    assert np.corrcoef(clear.ravel(), seen.ravel())[0, 1] > 0.95


def test_equality_shows_exactly_in_the_strict_profile_and_nothing_else() -> None:
    sent = Encoder(KEY, 1, "strict").identities(PEOPLE)
    for clear, seen in zip(similar.of_register(PEOPLE, "strict"), similar.of_encodings(sent, "strict"), strict=True):
        assert np.array_equal(clear, seen)


def test_shared_matchkeys_show_exactly() -> None:
    sent = Encoder(KEY, 1).identities(PEOPLE)
    assert np.allclose(similar.of_matchkeys(PEOPLE), similar.of_blocks(sent))


def test_what_few_have_in_common_counts_for_more() -> None:
    shared = np.zeros((8, 8), np.float32)
    shared[:6, :6] = 1  # six have one thing in common, two another
    shared[6:, 6:] = 1
    counted = similar.weighed(shared)
    assert counted[6, 7] > counted[0, 1] > 0 == counted[0, 7]


def test_a_field_that_one_side_lacks_is_left_out_on_both() -> None:
    one, none = np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32)
    mine, theirs = similar.used([one, one, none], [one, none, none])
    assert len(mine) == len(theirs) == 1
