from __future__ import annotations

from typing import Any

import pytest

from schemas.identity import FIELDS, MATCHKEYS_MAX
from streams.linkage.identity import ADDRESS, blocking_keys, from_wire, shape, whole_bits
from tests.unit.streams.linkage.people import ANNA, identity


def wire(who: dict[str, str] | None = None, **changes: Any) -> Any:
    one = identity(who or {**ANNA, "nhs": "9434765919"})
    return {
        "op": "upsert", "schema_epoch": 1, "key_epoch": 1, "nulls": one.nulls, "bits": one.bits, "tokens": one.tokens,
        "matchkeys": one.matchkeys, "bands": one.bands, "restricted": False, "communal": False, **changes,
    }  # fmt: skip


def test_a_well_formed_identity_passes_as_it_is() -> None:
    full = {**ANNA, "nhs": "9434765919", "code": "07700900123"}
    assert from_wire(wire(full), "council") == identity(full)


@pytest.mark.parametrize("changes", [
    {"bits": bytes(223)}, {"bits": bytes(256)}, {"tokens": bytes(16)}, {"matchkeys": bytes(9)},
    {"matchkeys": bytes(8 * (MATCHKEYS_MAX + 1))}, {"bands": bytes(4)}, {"bits": b""},
])  # fmt: skip
def test_a_forged_length_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^bad_size$"):
        from_wire(wire(**changes), "council")


@pytest.mark.parametrize(
    "changes", [{"nulls": -1}, {"nulls": 1 << len(FIELDS)}, {"key_epoch": -1}, {"schema_epoch": -1}]
)
def test_numbers_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^bad_bounds$"):
        from_wire(wire(**changes), "council")


@pytest.mark.parametrize("flag", ["restricted", "communal"])
def test_an_address_that_should_not_have_come_is_not_looked_at(flag: str) -> None:
    made = from_wire(wire(**{flag: True, "tokens": bytes(range(1, 65))}), "council")
    assert made.nulls & ADDRESS == ADDRESS
    assert (made.tokens[:48], made.tokens[48:]) == (bytes(range(1, 49)), bytes(16))


def test_a_shape_has_an_integer_a_field_and_the_tokens_there_are() -> None:
    one = identity({**ANNA, "nhs": "9434765919"})
    epoch, nulls, bits, tokens, agency = shape(one)
    assert (epoch, agency) == (1 << 32 | 1, "council")
    assert nulls == one.nulls
    assert b"".join(field.to_bytes(32, "little") for field in bits) == one.bits
    assert tokens == (one.tokens[:16], b"", b"", b"")
    assert shape(identity(ANNA))[3] == ()


def test_blocking_keys_are_matchkeys_bands_and_the_tokens_there_are() -> None:
    one = identity({**ANNA, "nhs": "9434765919"})
    expected = [one.matchkeys[at : at + 8] for at in range(0, len(one.matchkeys), 8)] + [
        one.tokens[:8], one.tokens[8:16],
    ]  # fmt: skip
    assert blocking_keys(one).tolist() == [int.from_bytes(key, "little") for key in expected]
    assert not blocking_keys(identity({})).size


def test_bits_are_kept_up_to_the_last_field_that_is_there() -> None:
    some = from_wire(wire(), "council")  # name, birth date, number and street
    assert len(some.bits) == 6 * 32
    assert whole_bits(some) == identity(ANNA).bits
    assert shape(some)[2] == shape(identity(ANNA))[2]
    assert from_wire(wire(nulls=(1 << len(FIELDS)) - 1), "council").bits == b""
