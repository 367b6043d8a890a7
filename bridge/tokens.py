"""Cuts normalised values into the tokens that MinHash compares, as numbers in one small closed set.

Decides what makes two values similar: pairs of letters for names, streets, places and e-mail addresses; digits at
their places, year, month, day and the unordered day and month for dates; characters at their places and pairs for
numbers and postcodes; the first letter for middle names (LINKAGE sections 3 and 5). Does not hash: bridge/encode.py
turns a token's number into a keyed row.

Works on columns of many values at once: one by one, cutting would take as long as all the rest of encoding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

GROUP: Final = {
    "given": "name", "middle": "middle", "surname": "name", "dob": "dob", "number": "number", "street": "street",
    "postcode": "postcode", "place": "place", "email": "email", "code": "code",
}  # fmt: skip
"""Key group of each field: fields of one group can be compared with each other."""

_NAME_LETTERS: Final = 27  # space and a-z
_TEXT_LETTERS: Final = 37  # space, a-z, 0-9
_PLACES: Final = 16  # of a house number or postcode; later characters share the last place
_YEAR_FIRST: Final = 1900
_YEARS: Final = 200  # a year outside is a typing error: its digits still count
_DATE_PARTS: Final = np.cumsum([0, 8 * 10, _YEARS, 100, 100])  # digits, year, month, day, day and month
SIZES: Final = {
    "name": _NAME_LETTERS**2,
    "middle": 26,
    "dob": int(_DATE_PARTS[-1]) + 32 * 32,
    "number": _PLACES * _TEXT_LETTERS + _TEXT_LETTERS**2,
    "street": _TEXT_LETTERS**2,
    "postcode": _PLACES * _TEXT_LETTERS + _TEXT_LETTERS**2,
    "place": _TEXT_LETTERS**2,
    "email": _TEXT_LETTERS**2,
    "code": _PLACES * _TEXT_LETTERS + _TEXT_LETTERS**2,
}
"""How many different tokens a group has."""
TOTAL: Final = sum(SIZES.values())
_BASE: Final = {group: sum(list(SIZES.values())[:place]) for place, group in enumerate(SIZES)}
_NUMBERED: Final = bytes.maketrans(b" abcdefghijklmnopqrstuvwxyz0123456789", bytes(range(_TEXT_LETTERS)))


class Runs(NamedTuple):
    """Tokens of many values, one value's run after the other.

    Attributes:
        numbers: Token numbers, 0 to `TOTAL` - 1.
        lengths: Tokens of each run, at least 1.
        owners: Which of the values each run is of; none twice.
    """

    numbers: Numbers
    lengths: Numbers
    owners: Numbers


def of_column(field: str, values: Sequence[str]) -> tuple[Runs, ...]:
    """Tokens of values of one field.

    Args:
        field: One of `schemas.identity.FIELDS`.
        values: Normalised, none empty; at least one.

    Returns:
        One or two lots of runs: a value's tokens are those of its runs in all lots.
    """
    group = GROUP[field]
    if group == "name":
        return (_padded_pairs(_BASE[group], _NAME_LETTERS, values),)
    if group in {"street", "place"}:
        return (_padded_pairs(_BASE[group], _TEXT_LETTERS, values),)
    if group == "email":
        return (_padded_pairs(_BASE[group], _TEXT_LETTERS, [value.replace("@", " ") for value in values]),)
    if group == "dob":
        return (_dates(_BASE[group], values),)
    if group == "middle":
        return (_first_letters(_BASE[group], values),)
    return _codes(_BASE[group], values)


def exact(field: str, value: str) -> bytes:
    """What the strict profile compares for equality: all of the value, but of middle names the first letter."""
    return value[:1].encode() if field == "middle" else value.encode()


def _numbered(values: Sequence[str]) -> Numbers:
    """Codes of all characters, a 0 before, between and after the values; a space is a 0 too."""
    text = "\0".join(values).encode().translate(_NUMBERED)
    return np.frombuffer(b"\0" + text + b"\0", np.uint8).astype(np.int64)


def _lengths(values: Sequence[str]) -> Numbers:
    return np.fromiter(map(len, values), np.int64, len(values))


def _padded_pairs(base: int, letters: int, values: Sequence[str]) -> Runs:
    codes = _numbered(values)
    return Runs(base + codes[:-1] * letters + codes[1:], _lengths(values) + 1, np.arange(len(values)))


def _first_letters(base: int, values: Sequence[str]) -> Runs:
    first = np.frombuffer("".join(value[0] for value in values).encode(), np.uint8).astype(np.int64)
    return Runs(base + first - ord("a"), np.ones(len(values), np.int64), np.arange(len(values)))


def _dates(base: int, values: Sequence[str]) -> Runs:
    digits = np.frombuffer("".join(values).encode(), np.uint8).astype(np.int64).reshape(-1, 8) - ord("0")
    year = digits[:, :4] @ (1000, 100, 10, 1) - _YEAR_FIRST
    month, day = digits[:, 4:6] @ (10, 1), digits[:, 6:] @ (10, 1)
    low, high = np.minimum(month, day), np.maximum(month, day)
    tokens = np.empty((len(values), 12), np.int64)
    tokens[:, :8] = digits + np.arange(8) * 10
    # out of range: the first digit once more, which changes nothing
    tokens[:, 8] = np.where((year >= 0) & (year < _YEARS), _DATE_PARTS[1] + year, tokens[:, 0])
    tokens[:, 9], tokens[:, 10] = _DATE_PARTS[2] + month, _DATE_PARTS[3] + day
    tokens[:, 11] = np.where(high < 32, _DATE_PARTS[4] + low * 32 + high, tokens[:, 0])
    return Runs(base + tokens.ravel(), np.full(len(values), 12, np.int64), np.arange(len(values)))


def _codes(base: int, values: Sequence[str]) -> tuple[Runs, ...]:
    compact = [value.replace(" ", "") for value in values]
    codes, lengths, owners = _numbered(compact), _lengths(compact), np.arange(len(values))
    inside = codes[codes > 0]
    place = np.arange(len(inside)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    at_places = base + np.minimum(place, _PLACES - 1) * _TEXT_LETTERS + inside
    first, second = codes[:-1], codes[1:]
    pairs = (base + _PLACES * _TEXT_LETTERS + first * _TEXT_LETTERS + second)[(first > 0) & (second > 0)]
    several = lengths > 1
    if not several.any():
        return (Runs(at_places, lengths, owners),)
    return Runs(at_places, lengths, owners), Runs(pairs, lengths[several] - 1, owners[several])


def of_batch(fields: Sequence[str], columns: Sequence[Sequence[str | None]]) -> list[Runs]:
    """Tokens of all values of many records.

    Args:
        fields: Names of the fields.
        columns: Values of each field, one a record; None where missing.

    Returns:
        Lots of runs, as few as can be; an owner is record x fields + field.
    """
    lots: list[list[Runs]] = [[], []]
    for place, (field, column) in enumerate(zip(fields, columns, strict=True)):
        there = [number for number, value in enumerate(column) if value is not None]
        if there:
            owners = np.array(there) * len(fields) + place
            for lot, runs in enumerate(of_column(field, [value for value in column if value is not None])):
                lots[lot].append(runs._replace(owners=owners[runs.owners]))
    return [Runs(*(np.concatenate(parts) for parts in zip(*lot, strict=True))) for lot in lots if lot]
