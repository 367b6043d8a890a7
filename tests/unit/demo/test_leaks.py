"""The leak scan finds what is planted, in every disguise, and nothing in noise."""

from __future__ import annotations

import base64
import hashlib
from datetime import date

import numpy as np
import pytest

from demo import leaks

NAME = "Araminta Quillfeather"


@pytest.fixture(scope="module")
def scanner() -> leaks.Scanner:
    return leaks.Scanner([NAME, "12 Larkspur Crescent", "999 123 4567"])


@pytest.mark.parametrize("shift", range(5))
def test_base64_is_found_in_any_alignment(scanner: leaks.Scanner, shift: int) -> None:
    assert scanner.hits(base64.b64encode(b"x" * shift + NAME.encode() + b"tail")) >= 1


@pytest.mark.parametrize(
    "leak",
    [
        NAME.encode(), NAME.upper().encode(), NAME.encode("utf-16"), NAME.encode().hex().encode(),
        hashlib.sha256(NAME.encode()).digest(), hashlib.md5(NAME.encode()).hexdigest().encode(), b"9991234567",
    ],
)  # fmt: skip
def test_each_disguise_is_found_wherever_it_stands(scanner: leaks.Scanner, leak: bytes) -> None:
    for before in (0, 1, 7, 1000):
        assert scanner.hits(b"\0" * before + leak + b"\0" * 3) >= 1


def test_a_leak_across_two_blocks_is_found(scanner: leaks.Scanner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "BLOCK_BYTES", 64)
    for start in range(40, 80):
        assert scanner.hits(b"." * start + NAME.encode() + b"." * 100) == 1


def test_noise_has_no_hits(scanner: leaks.Scanner) -> None:
    assert scanner.hits(np.random.default_rng(7).bytes(4_000_000)) == 0


def test_an_identifier_that_chance_would_meet_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 8"):
        list(leaks.disguises("Ann Lee"))


def test_a_short_number_inside_a_longer_one_is_chance_and_alone_is_a_leak() -> None:
    scanner = leaks.Scanner(["CF106085"])
    assert scanner.hits(b'"07172049a46331cf106085a730c887"') == 0
    assert scanner.hits(b'{"file": "CF106085"}') == 1
    assert scanner.hits(b"recordCF106085") == 1
    assert leaks.Scanner(["A123456789012"]).hits(b'"A123456789012"') == 1
    assert leaks.Scanner(["20091220"]).hits(b"1720091220123") == 0


def test_a_band_that_changes_on_a_birthday_is_counted_and_on_a_quarter_is_not() -> None:
    born = date(2009, 5, 20)
    days = [date(2025, 5, 20), date(2025, 5, 21), date(2025, 5, 22), date(2025, 7, 1)]
    assert [leaks.on_a_birthday([(day, born)]) for day in days] == [1, 1, 0, 0]
    assert leaks.on_a_birthday([(date(2025, 4, 1), date(2009, 4, 1))]) == 0
    assert leaks.on_a_birthday([(date(2025, 3, 1), date(2008, 2, 29))]) == 1
