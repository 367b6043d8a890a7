"""A list of names, encoded under the leaked linkage key and looked up.

The attacker has the opened encodings, the linkage key, and a public list of `NAMES` names that holds every name of
the set; for birth dates, the calendar. Equal encodings are looked up; what is found nowhere gets the nearest entry.
The same is tried with a wrong key.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.attacks.people import PROFILES, value
from benchmarks.attacks.table import Row
from bridge.encode import Encoder, Profile
from bridge.normalise import Person
from schemas.identity import FIELD_BYTES, FIELDS

NAMES: Final = 160_000  # surnames of a national list, LINKAGE section 4
KEY: Final = hashlib.sha256(b"benchmark linkage key").digest()
WRONG_KEY: Final = hashlib.sha256(b"another linkage key").digest()
NEAREST_MAX: Final = 500  # values for which the nearest of the list is looked for
FIRST_DAY: Final = date(1900, 1, 1)
DAYS: Final = 46_400  # to January 2027
FIELDS_TRIED: Final = ("surname", "given", "dob")
_BLOCK: Final = 10_000  # entries compared at a time
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


def attack(people: Sequence[Person], seed: int) -> list[Row]:
    """Try all fields under the right and a wrong key.

    Args:
        people: Normalised; all of them are encoded.
        seed: Of the made-up names.

    Returns:
        A row a field and key (share of the records whose value was tried), and one of how long the list of surnames
        took.
    """
    rows: list[Row] = []
    seconds: dict[Profile, float] = {}
    for field in FIELDS_TRIED:
        held = [name for person in people if (name := value(person, field))]
        entries = _calendar() if field == "dob" else padded(sorted(set(held)), NAMES, seed)
        commonest = Counter(held).most_common(1)[0][1] / len(held)
        for key, known in ((KEY, "the linkage key"), (WRONG_KEY, "a wrong key")):
            shares: dict[Profile, float] = {}
            for profile in PROFILES:
                seen = _codes(Encoder(KEY, 1, profile), field, sorted(set(held)))
                began = time.process_time()
                listed = _codes(Encoder(key, 1, profile), field, entries)
                if field == "surname":
                    seconds[profile] = time.process_time() - began
                guesses = guessed(list(seen.values()), listed)
                tried = [name for name in held if seen[name] in guesses]
                shares[profile] = sum(guesses[seen[name]] == name for name in tried) / len(tried)
            rows.append(
                Row(f"dictionary, {field}", f"encodings, {known}, a list of {len(entries):,}", "%", shares["default"],
                    shares["strict"], commonest, 1 / len(entries))
            )  # fmt: skip
    rows.append(Row(f"time for a list of {NAMES:,}", "one core", "s", seconds["default"], seconds["strict"]))
    return rows


def padded(names: Sequence[str], size: int, seed: int) -> list[str]:
    """A list of names, made longer by made-up ones.

    Args:
        names: Different names.
        size: Entries wanted.
        seed: Of what is made up.

    Returns:
        At least the names; none twice.
    """
    chance = np.random.default_rng(seed)
    entries = dict.fromkeys(names)
    while len(entries) < size:
        letters = chance.integers(0, len(_LETTERS), chance.integers(4, 11))
        entries["".join(_LETTERS[letter] for letter in letters)] = None
    return list(entries)


def guessed(codes: Sequence[bytes], listed: Mapping[str, bytes]) -> dict[bytes, str]:
    """The entry of the list that each encoding is taken for.

    Args:
        codes: Encodings seen.
        listed: Encoding of each entry.

    Returns:
        The entry with an equal encoding; else, for the first `NEAREST_MAX`, the nearest one.
    """
    by_code = {code: entry for entry, code in listed.items()}
    found = {code: by_code[code] for code in codes if code in by_code}
    lost = [code for code in codes if code not in found][:NEAREST_MAX]
    if lost:
        entries = list(listed)
        nearest = _nearest(_signs(lost), _signs([listed[entry] for entry in entries]))
        found |= {code: entries[place] for code, place in zip(lost, nearest, strict=True)}
    return found


def _codes(encoder: Encoder, field: str, values: Sequence[str]) -> dict[str, bytes]:
    at = FIELDS.index(field) * FIELD_BYTES
    sent = encoder.identities([Person(**{field: one}) for one in values])
    return {one: identity["bits"][at : at + FIELD_BYTES] for one, identity in zip(values, sent, strict=True)}


def _calendar() -> list[str]:
    return [f"{FIRST_DAY + timedelta(days=day):%Y%m%d}" for day in range(DAYS)]


def _signs(codes: Sequence[bytes]) -> NDArray[np.float32]:
    bits = np.unpackbits(np.frombuffer(b"".join(codes), np.uint8).reshape(len(codes), -1), axis=1)
    signs: NDArray[np.float32] = bits.astype(np.float32) * 2 - 1
    return signs


def _nearest(codes: NDArray[np.float32], entries: NDArray[np.float32]) -> list[int]:
    """The entry with the fewest differing bits, of each encoding; the first of those that are equally near."""
    best = np.full(len(codes), -np.inf, np.float32)
    found = np.zeros(len(codes), np.int64)
    for start in range(0, len(entries), _BLOCK):
        agreement = entries[start : start + _BLOCK] @ codes.T
        place = agreement.argmax(axis=0)
        agrees = agreement[place, np.arange(len(codes))]
        nearer = agrees > best
        best[nearer], found[nearer] = agrees[nearer], start + place[nearer]
    nearest: list[int] = found.tolist()
    return nearest
