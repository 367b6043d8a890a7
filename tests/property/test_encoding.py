"""Normalising twice is once; other keys and purposes give other outputs; no input is left in any output."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import tokens
from bridge.encode import Encoder
from bridge.normalise import Person, normalise
from bridge.pseudonym import Pseudonymiser
from schemas.identity import FIELD_BYTES, FIELDS, TOKENS, Identity

KEY = bytes(range(32))
ENCODER, OTHER_KEY, OTHER_EPOCH = Encoder(KEY, 1), Encoder(bytes(32), 1), Encoder(KEY, 2)
WRITTEN = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.text("abcxyz '-ÉßøŁ.0129", max_size=20),
    st.sampled_from(
        ["Mr Mr Baby", "flat fl at 1", "st st", "Dr Dr Dr", "SMITH jr JR", "no no", "unknown", "n-a", "ﬂat 2"]
    ),
    st.dates().map(str),
)
PEOPLE = st.builds(Person, *[WRITTEN] * (len(FIELDS) + len(TOKENS)), st.booleans(), st.booleans())
LETTERS = "abcdefghijklmnopqrstuvwxyz"
NAMES = st.text(LETTERS, min_size=6, max_size=12)


def bits(identity: Identity, field: str) -> int:
    at = FIELDS.index(field) * FIELD_BYTES
    return int.from_bytes(identity["bits"][at : at + FIELD_BYTES], "big")


@given(PEOPLE)
def test_normalising_twice_is_once(person: Person) -> None:
    once = normalise(person)
    assert normalise(once) == once


@given(PEOPLE)
def test_whatever_was_written_can_be_encoded(person: Person) -> None:
    made = ENCODER.identity(person)
    assert len(made["bits"]) == len(FIELDS) * FIELD_BYTES
    once = normalise(person)
    for place, field in enumerate(FIELDS):
        assert bool(made["nulls"] >> place & 1) == (getattr(once, field) is None) == (bits(made, field) == 0)


@given(st.sampled_from(FIELDS), PEOPLE)
def test_a_tokens_number_is_of_its_own_group(field: str, person: Person) -> None:
    value = getattr(normalise(person), field)
    if value is not None:
        for runs in tokens.of_column(field, [value, value]):
            assert runs.numbers.min() >= 0
            assert runs.numbers.max() < tokens.TOTAL
            assert runs.lengths.sum() == len(runs.numbers)
            half = len(runs.numbers) // 2
            assert (runs.numbers[:half] == runs.numbers[half:]).all()


@given(NAMES, NAMES)
def test_the_same_value_gives_the_same_bits_and_another_key_or_epoch_unrelated_ones(
    given_: str, surname: str
) -> None:
    person = Person(given=given_, surname=surname)
    made = normalise(person)
    ours = ENCODER.identity(person)
    assert ENCODER.identity(made) == ours
    for other in (OTHER_KEY, OTHER_EPOCH):
        theirs = other.identity(person)
        for field in ("given", "surname"):
            if getattr(made, field) is not None:
                # 256 fair coins: fewer than 64 heads has a chance below 1e-15
                assert 64 < (bits(ours, field) ^ bits(theirs, field)).bit_count() < 192


def test_similar_names_give_close_bits_and_unrelated_ones_differ_in_about_half() -> None:
    source = random.Random(20240229)
    names = ["".join(source.choices(LETTERS, k=source.randint(6, 10))) for _ in range(400)]
    slips = [name[:place] + source.choice(LETTERS) + name[place + 1 :]
             for name in names for place in [source.randrange(len(name))]]  # fmt: skip
    made = ENCODER.identities([Person(surname=name) for name in names])
    near = ENCODER.identities([Person(surname=name) for name in slips])
    apart_near = [(bits(a, "surname") ^ bits(b, "surname")).bit_count() for a, b in zip(made, near, strict=True)]
    apart_far = [(bits(a, "surname") ^ bits(b, "surname")).bit_count() for a, b in pairwise(made)]
    assert 118 < sum(apart_far) / len(apart_far) < 130
    assert sum(apart_near) / len(apart_near) < 65
    assert max(apart_near) < min(sorted(apart_far)[20:]), "all but the closest 5 % of strangers are farther"


@settings(max_examples=50)
@given(st.text(LETTERS, min_size=8, max_size=16), st.text("0123456789", min_size=8, max_size=8))
def test_no_input_is_left_in_any_output(name: str, digits: str) -> None:
    person = Person(name, name, name, digits, digits, name, digits, "9434765919", "B801200005001")
    made = ENCODER.identity(person)
    pseudonyms = Pseudonymiser(KEY)
    output = b"".join(value for value in made.values() if isinstance(value, bytes))
    output += pseudonyms.record(name, (digits,)) + pseudonyms.event(name, (digits,))
    for secret in (name.encode(), digits.encode(), b"9434765919", b"801200005001"):
        assert secret not in output


@given(st.text(max_size=12), st.text(max_size=12).filter(lambda text: "\ud800" not in text))
def test_another_key_or_purpose_gives_another_pseudonym(source: str, value: str) -> None:
    ours, theirs = Pseudonymiser(KEY), Pseudonymiser(bytes(32))
    made = {ours.record(source, (value,)), ours.event(source, (value,)), theirs.record(source, (value,))}
    assert len(made) == 3
    assert ours.resolve(ours.record(source, (value,))) == ("record", source, (value,))


def test_ten_thousand_keys_have_ten_thousand_pseudonyms() -> None:
    pseudonyms = Pseudonymiser(KEY)
    assert len({pseudonyms.record("cms", (str(number),)) for number in range(10_000)}) == 10_000
