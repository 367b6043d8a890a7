"""A letter counts once, for whom it was sealed, from whom it says, as it was signed; whatever is changed is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.desk.exchange import letters
from bridge.desk.exchange.letters import Due, Own, Partner, Refused, Reply
from schemas import codec, crypto
from schemas.exchange import Disclosure, seal_info, statement

NOW, EXPIRES = 1_764_000_000_000, 1_764_100_000_000
AGENCIES = ("council", "police", "hospital")
PAIRS = {agency: (crypto.sign_keypair(), crypto.hpke_keypair()) for agency in AGENCIES}
OWN = {agency: Own("northmere", agency, sign[0], seal[0]) for agency, (sign, seal) in PAIRS.items()}
PARTNERS = {agency: Partner(agency, sign[1], seal[1]) for agency, (sign, seal) in PAIRS.items()}
REQUEST = b"r" * 16
DUE = Due("police", EXPIRES)
SAID = {"kind": "identity", "people": [{"given": "Wilhelmina"}]}


def known_to(agency: str) -> dict[str, Partner]:
    return {name: partner for name, partner in PARTNERS.items() if name != agency}


def letter(
    sender: str = "police", to: str = "council", said: Any = SAID, request: bytes = REQUEST, expires_at: int = EXPIRES
) -> Disclosure:
    return letters.answer(OWN[sender], Reply(PARTNERS[to], request, expires_at, "answer"), said, NOW)


def read(found: Disclosure, due: Due | None = DUE, reader: str = "council", now: int = NOW) -> dict[str, Any]:
    """As it comes from the topic."""
    _, decoded = codec.decode(letters.encoded(found), frozenset({"disclosure"}))
    return letters.opened(OWN[reader], decoded, due, known_to(reader), now)  # type: ignore[arg-type]


def refused(found: Disclosure, **more: Any) -> str:
    with pytest.raises(Refused) as error:
        read(found, **more)
    return error.value.reason


def signed(sender: str, found: Disclosure) -> Disclosure:
    return {**found, "signature": crypto.sign(OWN[sender].sign_private, statement(found))}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(said=st.dictionaries(st.text(), json_values, max_size=5))
def test_what_was_sealed_is_what_is_read(said: dict[str, Any]) -> None:
    assert read(letter(said=said)) == said


CHANGES: dict[str, Any] = {
    "request_id": b"s" * 16, "partnership": "southmere", "agency": "hospital", "to": "hospital", "kind": "refusal",
    "head_number": 1, "head_hash": "0", "answered_at": NOW + 1, "expires_at": EXPIRES + 1, "sealed": b"", "signature": b"",
}  # fmt: skip


def test_every_field_is_tried() -> None:
    assert set(CHANGES) == {field["name"] for field in codec.raw_schema("disclosure")["fields"]}


@pytest.mark.parametrize("field", CHANGES)
def test_a_letter_changed_in_any_field_is_refused(field: str) -> None:
    changed: Disclosure = {**letter(), field: CHANGES[field]}  # type: ignore[misc]
    expected = {"partnership": "misdirected", "to": "misdirected"}.get(field, "tampered")
    assert refused(changed) == expected


@settings(max_examples=200, deadline=None)
@given(field=st.sampled_from(("sealed", "signature", "request_id")), at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_letter_with_one_bit_turned_is_refused(field: str, at: int, bit: int) -> None:
    good = letter()
    data = bytearray(good[field])  # type: ignore[literal-required]
    data[at % len(data)] ^= 1 << bit
    assert refused({**good, field: bytes(data)}) == "tampered"  # type: ignore[misc]


@settings(max_examples=200, deadline=None)
@given(noise=st.binary(min_size=1, max_size=64), at=st.integers(0, 10_000))
def test_bytes_put_into_a_letter_on_its_way_never_make_another_that_counts(noise: bytes, at: int) -> None:
    data = letters.encoded(letter())
    place = at % len(data)
    changed = data[:place] + noise + data[place + len(noise) :]
    if changed == data:
        return
    try:
        _, decoded = codec.decode(changed, frozenset({"disclosure"}))
    except codec.Rejected:
        return
    with pytest.raises(Refused):
        letters.opened(OWN["council"], decoded, DUE, known_to("council"), NOW)  # type: ignore[arg-type]


def test_a_letter_is_read_once() -> None:
    found = letter()
    assert read(found) == SAID
    assert refused(found, due=None) == "replayed", "once it is answered, nothing of ours is open for it"


def test_another_desk_cannot_read_it_however_it_is_addressed() -> None:
    found = letter()
    assert refused(found, reader="hospital") == "misdirected"
    for relabelled in ({**found, "to": "hospital"}, signed("police", {**found, "to": "hospital"})):
        with pytest.raises(Refused):
            read(relabelled, reader="hospital")
    with pytest.raises(crypto.Broken):
        crypto.hpke_open(OWN["hospital"].seal_private, found["sealed"], seal_info(found))


def test_a_letter_sealed_to_another_key_is_misdirected() -> None:
    to_hospital = letter(to="hospital")
    assert refused(signed("police", {**to_hospital, "to": "council"})) == "misdirected"


@pytest.mark.parametrize(
    "field", ["request_id", "kind", "expires_at"]
)  # fmt: skip
def test_what_was_sealed_for_one_thing_opens_for_no_other_though_it_is_signed_anew(field: str) -> None:
    moved = signed("police", {**letter(), field: CHANGES[field]})  # type: ignore[misc]
    due = Due("police", moved["expires_at"])
    assert refused(moved, due=due) == "misdirected"


def test_an_answer_that_comes_too_late_is_expired() -> None:
    assert read(letter(), now=EXPIRES - 1) == SAID
    assert refused(letter(), now=EXPIRES) == "expired"


def test_the_one_who_answers_cannot_give_himself_more_time() -> None:
    assert refused(letter(expires_at=EXPIRES + 1)) == "expired"


def test_a_letter_signed_by_another_agency_than_it_says_is_forged() -> None:
    assert refused(signed("hospital", letter())) == "forged"


def test_a_letter_of_a_stranger_is_forged() -> None:
    stranger = Own("northmere", "nobody", *(pair[0] for pair in (crypto.sign_keypair(), crypto.hpke_keypair())))
    found = letters.answer(stranger, Reply(PARTNERS["council"], REQUEST, EXPIRES, "answer"), SAID, NOW)
    assert refused(found, due=Due("nobody", EXPIRES)) == "forged"


def test_an_agency_that_was_not_asked_does_not_answer() -> None:
    assert refused(letter(sender="hospital")) == "wrong_sender"


def test_a_head_counts_as_no_answer_and_an_answer_as_no_head() -> None:
    head = letters.head(OWN["police"], 7, "ab" * 32, NOW)
    letters.check_head(OWN["council"], head, known_to("council"), NOW)
    assert refused({**head, "to": "council"}) == "misdirected"
    with pytest.raises(Refused, match="misdirected"):
        letters.check_head(OWN["council"], letter(), known_to("council"), NOW)


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"head_number": 8}, "tampered"), ({"head_hash": "cd" * 32}, "tampered"), ({"answered_at": NOW + 1}, "tampered"),
     ({"agency": "hospital"}, "tampered"), ({"partnership": "southmere"}, "misdirected")],
)  # fmt: skip
def test_a_head_that_was_changed_is_refused(change: dict[str, Any], reason: str) -> None:
    head: Disclosure = {**letters.head(OWN["police"], 7, "ab" * 32, NOW), **change}  # type: ignore[typeddict-item]
    with pytest.raises(Refused, match=reason):
        letters.check_head(OWN["council"], head, known_to("council"), NOW)


def test_an_old_head_and_one_of_tomorrows_tomorrow_do_not_count() -> None:
    for at in (NOW - letters.HEAD_LATE_MS - 1, NOW + letters.DAY_MS + 1):
        with pytest.raises(Refused, match="expired"):
            letters.check_head(
                OWN["council"], letters.head(OWN["police"], 7, "ab" * 32, at), known_to("council"), NOW
            )


def test_more_than_a_message_may_hold_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="at most"):
        letter(said={"text": "x" * letters.CONTENT_MAX_BYTES})
    whole = letters.encoded(letter(said={"text": "x" * (letters.CONTENT_MAX_BYTES - len('{"text":""}'))}))
    assert codec.decode(whole, frozenset({"disclosure"}))
