"""Encodings: sizes, nulls, what compares with what, and what does not."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from bridge import matchkeys, minhash, tokens
from bridge.encode import BANDS, Encoder
from bridge.normalise import Person, normalise
from schemas.identity import (
    BANDS_MAX,
    BLOCK_BYTES,
    FIELD_BYTES,
    FIELDS,
    MATCHKEYS_MAX,
    SCHEMA_EPOCH,
    TOKEN_BYTES,
    TOKENS,
    Identity,
)

KEY = bytes(range(32))
ENCODER, STRICT = Encoder(KEY, 1, bands=True), Encoder(KEY, 1, "strict", bands=True)
ANNA = Person(
    "Anna", "Jane", "Robertson", "2015-03-09", "12", "High Street", "AB1 2CD", "Northmere", "anna.r@example.org",
    "07700 900123", "9434765919", "4010232137", "B801200005001", "100023336956",
)  # fmt: skip


def bits(identity: Identity, field: str) -> int:
    at = FIELDS.index(field) * FIELD_BYTES
    return int.from_bytes(identity["bits"][at : at + FIELD_BYTES], "big")


def apart(one: Identity, other: Identity, field: str, other_field: str | None = None) -> int:
    return (bits(one, field) ^ bits(other, other_field or field)).bit_count()


def blocks(data: bytes) -> list[bytes]:
    return [data[at : at + BLOCK_BYTES] for at in range(0, len(data), BLOCK_BYTES)]


@pytest.mark.parametrize("encoder", [ENCODER, STRICT])
def test_an_identity_has_the_sizes_of_the_contract(encoder: Encoder) -> None:
    made = encoder.identity(ANNA)
    assert (made["op"], made["schema_epoch"], made["key_epoch"], made["nulls"]) == ("upsert", SCHEMA_EPOCH, 1, 0)
    assert len(made["bits"]) == len(FIELDS) * FIELD_BYTES
    assert len(made["tokens"]) == len(TOKENS) * TOKEN_BYTES
    keys = blocks(made["matchkeys"])
    assert keys == sorted(set(keys))
    assert len(keys) == len(matchkeys.NAMES) <= MATCHKEYS_MAX
    bands = blocks(made["bands"])
    assert bands == sorted(set(bands))
    assert len(bands) == (BANDS if encoder is ENCODER else 0) <= BANDS_MAX


@pytest.mark.parametrize("encoder", [ENCODER, STRICT])
def test_a_missing_field_is_zeros_and_its_bit_is_set(encoder: Encoder) -> None:
    for place, field in enumerate(FIELDS):
        made = encoder.identity(replace(ANNA, **{field: None}))
        assert made["nulls"] == 1 << place
        assert bits(made, field) == 0
        assert all(bits(made, other) for other in FIELDS if other != field)


@pytest.mark.parametrize("encoder", [ENCODER, STRICT])
def test_a_person_of_whom_nothing_is_known_encodes_to_nothing(encoder: Encoder) -> None:
    made = encoder.identity(Person())
    assert made["nulls"] == 2 ** len(FIELDS) - 1
    assert not any(made["bits"] + made["tokens"])
    assert (made["matchkeys"], made["bands"]) == (b"", b"")


def test_tokens_are_zeros_without_a_valid_identifier() -> None:
    made = ENCODER.identity(replace(ANNA, nhs="9434765918"))["tokens"]
    assert made[:TOKEN_BYTES] == bytes(TOKEN_BYTES)
    assert made[TOKEN_BYTES : 2 * TOKEN_BYTES] != bytes(TOKEN_BYTES)
    assert made[TOKEN_BYTES:] == ENCODER.identity(ANNA)["tokens"][TOKEN_BYTES:]


def test_a_superseded_number_is_encoded_as_the_number_it_was() -> None:
    before = ENCODER.identity(replace(ANNA, nhs="4010232137", nhs_former=None))["tokens"]
    assert ENCODER.identity(ANNA)["tokens"][TOKEN_BYTES : 2 * TOKEN_BYTES] == before[:TOKEN_BYTES]


def test_about_half_the_bits_are_set_whatever_the_length() -> None:
    for given in ("Al", "Anna", "Wolfeschlegelsteinhausen"):
        assert 90 <= bits(ENCODER.identity(replace(ANNA, given=given)), "given").bit_count() <= 166


def test_a_slip_of_the_pen_moves_few_bits_and_another_value_half_of_them() -> None:
    anna = ENCODER.identity(ANNA)
    near = ENCODER.identity(replace(ANNA, surname="Robertsen", dob="2015-09-03", postcode="AB1 2DC"))
    far = ENCODER.identity(Person("Oluwaseun", "Q", "Vyxhlifk", "1987-12-24", "305", "Quay Walk", "ZY98 7XW"))
    for field in ("surname", "dob", "postcode"):
        assert 0 < apart(anna, near, field) < 90
        assert 90 < apart(anna, far, field) < 166
    assert apart(anna, near, "given") == 0


def test_swapped_names_compare_across_and_other_fields_do_not() -> None:
    anna, swapped = ENCODER.identity(ANNA), ENCODER.identity(replace(ANNA, given="Robertson", surname="Anna"))
    assert apart(anna, swapped, "given", "surname") == 0
    assert apart(anna, swapped, "surname", "given") == 0
    same_text = ENCODER.identity(Person(given="Ab", street="Ab", number="Ab"))
    assert apart(same_text, same_text, "given", "street") > 80
    assert apart(same_text, same_text, "number", "street") > 80


def test_of_middle_names_the_first_letter_counts() -> None:
    for encoder in (ENCODER, STRICT):
        anna = encoder.identity(ANNA)
        assert apart(anna, encoder.identity(replace(ANNA, middle="J")), "middle") == 0
        assert apart(anna, encoder.identity(replace(ANNA, middle="K")), "middle") > 80


def test_the_strict_profile_says_equal_or_not_and_nothing_between() -> None:
    anna = STRICT.identity(ANNA)
    near = STRICT.identity(replace(ANNA, surname="Robertsen"))
    swapped = STRICT.identity(replace(ANNA, given="Robertson", surname="Anna"))
    assert 90 < apart(anna, near, "surname") < 166
    assert apart(anna, near, "given") == 0
    assert apart(anna, swapped, "given", "surname") == 0


@pytest.mark.parametrize("other", [Encoder(bytes(32), 1, bands=True), Encoder(KEY, 2, bands=True)])
def test_another_key_or_epoch_gives_encodings_that_have_nothing_in_common(other: Encoder) -> None:
    ours, theirs = ENCODER.identity(ANNA), other.identity(ANNA)
    for field in FIELDS:
        assert apart(ours, theirs, field) > 80
    for name in ("matchkeys", "bands"):
        assert not set(blocks(ours[name])) & set(blocks(theirs[name]))  # type: ignore[literal-required]
    assert ours["tokens"] != theirs["tokens"]


def test_profiles_have_bits_of_their_own_and_share_blocks() -> None:
    default, strict = ENCODER.identity(ANNA), STRICT.identity(ANNA)
    assert apart(default, strict, "surname") > 80
    assert default["matchkeys"] == strict["matchkeys"]


def test_one_by_one_or_together_is_the_same() -> None:
    people = [replace(ANNA, given=given, street=None if given < "d" else "Low Rd") for given in "abcdefgh" * 20]
    assert ENCODER.identities(people) == [ENCODER.identity(person) for person in people]
    assert ENCODER.identities([]) == []


def test_encoding_normalises_first() -> None:
    assert ENCODER.identity(ANNA) == ENCODER.identity(normalise(ANNA))


def test_similar_people_share_bands_and_strangers_none() -> None:
    anna = set(blocks(ENCODER.identity(ANNA)["bands"]))
    near = set(blocks(ENCODER.identity(replace(ANNA, given="Ann", postcode=None))["bands"]))
    far = set(
        blocks(ENCODER.identity(Person("Oluwaseun", "Q", "Vyxhlifk", "1987-12-24", "305", "Quay Walk"))["bands"])
    )
    assert anna & near
    assert not anna & far


def test_a_deletion_carries_nothing() -> None:
    made = ENCODER.deletion()
    assert made["op"] == "delete"
    assert made["bits"] + made["tokens"] + made["matchkeys"] + made["bands"] == b""


def test_flags_travel_and_the_address_does_not() -> None:
    made = ENCODER.identity(replace(ANNA, restricted=True))
    assert made["restricted"]
    assert made["nulls"] == sum(1 << FIELDS.index(field) for field in ("number", "street", "postcode", "place"))
    assert made["tokens"][-TOKEN_BYTES:] == bytes(TOKEN_BYTES)  # the UPRN
    address = ("number", "street", "postcode", "place")
    address_keys = sum(any(part in name for part in address) for name in matchkeys.NAMES)
    assert len(blocks(made["matchkeys"])) == len(matchkeys.NAMES) - address_keys


def test_only_a_name_a_date_and_what_few_share_is_a_matchkey_alone() -> None:
    for field in FIELDS:
        alone = normalise(Person(**{field: getattr(ANNA, field)}))
        assert any(matchkeys.of_person(alone)) == (field in {"given", "surname", "dob", "email", "code"}), field


def test_matchkeys_find_who_has_one_field_damaged() -> None:
    anna = set(blocks(ENCODER.identity(ANNA)["matchkeys"]))
    for damage in ({"given": "Zed"}, {"surname": "Zed"}, {"dob": "1987-12-24"}, {"number": "99", "street": "Zed Way"},
                   {"dob": None}, {"given": "Robertson", "surname": "Anna"}):  # fmt: skip
        assert anna & set(blocks(ENCODER.identity(replace(ANNA, **damage))["matchkeys"])), damage  # type: ignore[arg-type]


def test_an_equal_value_under_two_matchkeys_gives_two_blocks() -> None:
    """Each matchkey has its own subkey: else number+postcode could meet dob+number."""
    person = Person(number="20150309", street="20150309", postcode="20150309", dob="2015-03-09", code="20150309")
    values = [value for value in matchkeys.of_person(normalise(person)) if value]
    assert len(set(values)) < len(values)
    assert len(blocks(ENCODER.identity(person)["matchkeys"])) == len(values)


@pytest.mark.parametrize(("name", "code"), [
    ("robert", "r163"), ("rupert", "r163"), ("rubin", "r150"), ("ashcraft", "a261"), ("ashcroft", "a261"),
    ("tymczak", "t522"), ("pfister", "p236"), ("honeyman", "h555"), ("lee", "l000"), ("jackson", "j250"), ("", ""),
    ("van der berg", "v536"), ("2nd", "n300"), ("42", ""),
])  # fmt: skip
def test_soundex_is_the_national_archives_one(name: str, code: str) -> None:
    assert matchkeys.soundex(name) == code


def plain_tokens(field: str, value: str) -> set[int]:
    return {int(number) for runs in tokens.of_column(field, [value]) for number in runs.numbers}


def test_tokens_of_a_group_stay_within_it() -> None:
    values = {
        "given": "anna z",
        "middle": "z",
        "dob": "20993199",
        "number": "9 zz",
        "street": "9th zz",
        "postcode": "zz99zz9",
        "place": "9 zz",
        "email": "zz@9 zz",
        "code": "zz99zz9",
    }
    seen: set[int] = set()
    for field, value in values.items():
        made = plain_tokens(field, value)
        assert made
        assert min(made) >= 0
        assert max(made) < tokens.TOTAL
        assert not made & seen
        seen |= made


def test_a_date_read_the_other_way_round_keeps_its_unordered_day_and_month() -> None:
    one, other = plain_tokens("dob", "20150309"), plain_tokens("dob", "20150903")
    assert len(one & other) >= 8
    assert len(plain_tokens("dob", "99999999")) == 8 + 2, "a year out of range counts by its digits alone"


def test_minima_are_the_smallest_hash_of_each_column() -> None:
    rows = minhash.keyed_rows(lambda group: group.encode(), 8)
    columns: list[list[str | None]] = [["anna", None, "bo"], ["5", "12 rose", None]]
    fast = minhash.minima(rows, tokens.of_batch(["given", "number"], columns), 6)
    for place, (field, column) in enumerate(zip(["given", "number"], columns, strict=True)):
        for number, value in enumerate(column):
            slow = rows[sorted(plain_tokens(field, value))].min(axis=0) if value else np.full(8, 65535)
            assert (fast[number * 2 + place] == slow).all()


def test_a_table_of_rows_is_keyed_by_group() -> None:
    one, other = (minhash.keyed_rows(lambda group, key=key: key + group.encode(), 4) for key in (b"a", b"b"))
    assert (one == other).mean() < 0.001
    assert one.shape == (tokens.TOTAL, 4)


def test_encoding_keeps_up_with_a_backfill() -> None:
    """About 14,000 records a second on a core that others use too [benchmarks/encoding.py]; far more than it takes."""
    people = [replace(ANNA, given=f"Anna{chr(97 + number % 26)}", number=str(number)) for number in range(2000)]
    encoder = Encoder(KEY, 1)
    start = time.process_time()
    encoder.identities(people)
    rate = len(people) / (time.process_time() - start)
    assert rate > 2_000
