"""Small fictional people with real encodings, a hand-written model, and tables: material for the linkage tests."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from schemas.identity import FIELDS, TOKENS
from streams.linkage.graph import SPECS
from streams.linkage.identity import ADDRESS, Identity
from streams.linkage.model import NUMBERS, LinkModel

CUTS = (123, 104, 91, 76, 59, 38, 0)
LIKELY = (-5_000, -4_000, -3_000, -1_000, 2_000, 4_000, 6_000, 8_000)
NEUTRAL = (0,) * 8
TWINS = (*(0,) * 7, 5_000)
SHARED = (-3_000, -2_500, -2_000, -1_000, 1_500, 3_500, 5_500, 7_500)


def model(**changes: Any) -> LinkModel:
    """A plausible model: names and birth date tell people apart, surname and address households."""
    shared = {"surname", "number", "street", "postcode"}
    settings: dict[str, Any] = {
        "version": "test",
        "schema_epoch": 1,
        "cuts": (CUTS,) * len(FIELDS),
        "person": (LIKELY,) * len(FIELDS),
        "household": tuple(SHARED if name in shared else TWINS if name == "dob" else NEUTRAL for name in FIELDS),
        "twin": tuple(SHARED if name in shared else LIKELY if name == "dob" else NEUTRAL for name in FIELDS),
        "swap": ((0, 0, 0), (-2_000, 0, 0), (-1_000, 0, 0)),
        "agency": ((300, 0, 0), (-2_000, 0, 500)),
        "numbers": (((-4_000, 0, 0), (5_000, 3_000, 3_000)),) * len(NUMBERS),
        "prior": (-12_000, -11_000, -15_000),
        "margin": 0,
        "tie": 0,
    }
    return LinkModel(**{**settings, **changes})


def tables() -> dict[str, dict[Any, Any]]:
    return {spec.name: {} for spec in SPECS}


@lru_cache(maxsize=4096)
def _row(token: str) -> tuple[int, ...]:
    stream = b"".join(hashlib.blake2b(f"{part}|{token}".encode()).digest() for part in range(8))
    return tuple(int.from_bytes(stream[at : at + 2], "big") for at in range(0, 512, 2))


@lru_cache(maxsize=4096)
def encode(value: str) -> bytes:
    """1-bit MinHash over bigrams, 32 bytes."""
    padded = f"_{value}_"
    rows = [_row(padded[at : at + 2]) for at in range(len(padded) - 1)]
    return sum((min(column) & 1) << bit for bit, column in enumerate(zip(*rows, strict=True))).to_bytes(32, "little")


def _token(value: str) -> bytes:
    return hashlib.blake2b(value.encode(), digest_size=16).digest() if value else bytes(16)


def _key(*parts: str) -> bytes:
    return hashlib.blake2b("|".join(parts).encode(), digest_size=8).digest()


KEYS = (("dob",), ("given", "surname"), ("given", "dob"), ("number", "street"), ("surname", "postcode"))


def identity(
    values: dict[str, str],
    *,
    agency: str = "council",
    epoch: int = 1,
    restricted: bool = False,
    communal: bool = False,
) -> Identity:
    """Encode a person given by the names of FIELDS and TOKENS; what is not given is missing."""
    have = {name: value for name, value in values.items() if value}
    nulls = sum(1 << index for index, name in enumerate(FIELDS) if name not in have)
    if restricted or communal:
        nulls |= ADDRESS
        have = {
            name: value
            for name, value in have.items()
            if name not in {"number", "street", "postcode", "place", "uprn"}
        }
    keys = {_key("/".join(names), *(have[name] for name in names)) for names in KEYS if set(names) <= set(have)}
    return Identity(
        agency=agency,
        schema_epoch=1,
        key_epoch=epoch,
        nulls=nulls,
        bits=b"".join(encode(have[name]) if name in have else bytes(32) for name in FIELDS),
        tokens=b"".join(_token(have.get(name, "")) for name in TOKENS),
        matchkeys=b"".join(sorted(keys)),
        bands=b"",
        restricted=restricted,
        communal=communal,
    )


ANNA = {"given": "anna", "surname": "brown", "dob": "20150301", "number": "12", "street": "mill lane"}
BEN = {**ANNA, "given": "benjamin", "dob": "20120811"}
CARA = {"given": "cara", "surname": "okafor", "dob": "20090519", "number": "7", "street": "church road"}
