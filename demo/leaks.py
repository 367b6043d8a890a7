"""Looks for planted identifiers in everything that the platform holds.

Decides in which disguises an identifier is sought and how a byte string is searched for tens of thousands of them at
once. What is searched (topics, state, snapshots, logs, metrics) is gathered by demo/evidence.py.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

SHORTEST_CHARS: Final = 8  # shorter strings are met by chance
PREFIX_BYTES: Final = 8  # every disguise is at least as long; eight bytes are one machine word
FILTER_BITS: Final = 26  # 64 MiB: a million patterns let one position in seventy through to the exact look-up
SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing
HEX: Final = frozenset(b"0123456789abcdefABCDEF")
HEX_SURE_CHARS: Final = 16  # eight digits occur by chance in a gigabyte of hexadecimal text, sixteen never
HEX_RUN_CHARS: Final = 13  # a time in ms, the shortest run that holds others by chance
BLOCK_BYTES: Final = 4 * 1024 * 1024


def disguises(identifier: str) -> Iterator[bytes]:
    """Byte strings under which an identifier would be readable, or guessable without a key.

    Args:
        identifier: At least `SHORTEST_CHARS` characters.

    Yields:
        As it is, in upper and lower case, without spaces, in UTF-16, base64 (three alignments), hex, and hashed
        without a key (MD5, SHA-1, SHA-256; raw, hex, base64).

    Raises:
        ValueError: The identifier is too short to be told from chance.
    """
    if len(identifier) < SHORTEST_CHARS:
        raise ValueError(f"identifier: expected at least {SHORTEST_CHARS} characters, got {len(identifier)}")
    spellings = {identifier, identifier.upper(), identifier.lower(), identifier.replace(" ", "")}
    for spelling in sorted(text for text in spellings if len(text) >= SHORTEST_CHARS):
        raw = spelling.encode()
        yield raw
        yield spelling.encode("utf-16-le")
        yield spelling.encode("utf-16-be")
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        for shift in range(3):
            # Characters that depend on a neighbouring byte are cut off: what is left is the same in any text.
            coded = base64.b64encode(b"\0" * shift + raw)
            start, end = (0, 2, 3)[shift], len(raw) + shift
            yield coded[start : end // 3 * 4]
        for name in ("md5", "sha1", "sha256"):
            hashed = hashlib.new(name, raw, usedforsecurity=False).digest()
            yield hashed
            yield hashed.hex().encode()
            yield base64.b64encode(hashed).rstrip(b"=")


def birth_dates(born: str) -> tuple[str, ...]:
    """How a birth date (ISO) is written: each is an identifier to look for.

    Example:
        >>> birth_dates("2009-12-20")
        ('2009-12-20', '20/12/2009', '20091220')
    """
    year, month, day = born.split("-")
    return born, f"{day}/{month}/{year}", f"{year}{month}{day}"


def on_a_birthday(changes: Iterable[tuple[date, date]]) -> int:
    """How many changes of age band tell a birth date: they came on the very day, or the day after.

    Args:
        changes: (day on which a profile with another band arrived, birth date of whom it is about). Those in the
            first month of a quarter are not counted: that is when all bands change.
    """
    return sum((day - _birthday(born, day.year)).days in {0, 1} for day, born in changes if day.month % 3 != 1)


def _birthday(born: date, year: int) -> date:
    return date(year, 3, 1) if (born.month, born.day) == (2, 29) else born.replace(year=year)


class Scanner:
    """Searches bytes for all disguises of many identifiers.

    Args:
        identifiers: What must not be found.
    """

    def __init__(self, identifiers: Iterable[str]) -> None:
        self._patterns: dict[int, list[bytes]] = {}
        for identifier in sorted(set(identifiers)):
            for pattern in disguises(identifier):
                self._patterns.setdefault(int.from_bytes(pattern[:PREFIX_BYTES], "little"), []).append(pattern)
        self._prefixes = np.array(sorted(self._patterns), np.uint64)
        self._filter: NDArray[np.bool_] = np.zeros(1 << FILTER_BITS, dtype=np.bool_)
        self._filter[_slots(self._prefixes)] = True
        self.count = sum(map(len, self._patterns.values()))

    def hits(self, data: bytes) -> int:
        """How many of the disguises occur in the data, counted once an occurrence."""
        return sum(self._block(data, start) for start in range(0, len(data), BLOCK_BYTES))

    def _block(self, data: bytes, start: int) -> int:
        """Occurrences that begin in one block."""
        found = 0
        end = min(start + BLOCK_BYTES, len(data) - PREFIX_BYTES + 1)
        for at in range(start, min(start + PREFIX_BYTES, end)):
            words = np.frombuffer(data, "<u8", (end - 1 - at) // PREFIX_BYTES + 1, at)
            likely = np.flatnonzero(self._filter[_slots(words)])
            near = np.minimum(np.searchsorted(self._prefixes, words[likely]), len(self._prefixes) - 1)
            for place in likely[self._prefixes[near] == words[likely]].tolist():
                begin = at + place * PREFIX_BYTES
                patterns = self._patterns[int(words[place])]
                found += any(data.startswith(pattern, begin) and not _by_chance(data, begin, pattern)
                             for pattern in patterns)  # fmt: skip
        return found


def _by_chance(data: bytes, begin: int, pattern: bytes) -> bool:
    """Whether a short string of hexadecimal digits is part of a long run: of a pseudonym, digest or time."""
    if len(pattern) >= HEX_SURE_CHARS or not HEX.issuperset(pattern):
        return False
    first, end = begin, begin + len(pattern)
    while first and begin - first < HEX_RUN_CHARS and data[first - 1] in HEX:
        first -= 1
    while end < len(data) and end - first < HEX_RUN_CHARS and data[end] in HEX:
        end += 1
    return len(pattern) < end - first >= HEX_RUN_CHARS


def _slots(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return (words * SPREAD) >> np.uint64(64 - FILTER_BITS)


def scan(scanner: Scanner, evidence: Iterable[tuple[str, bytes]]) -> tuple[Counter[str], int]:
    """Search all evidence.

    Args:
        scanner: Made from the planted identifiers.
        evidence: (place, bytes): a topic, the state, a log, a metrics page.

    Returns:
        Hits by place (only places with hits), and how many bytes were searched.
    """
    hits: Counter[str] = Counter()
    size = 0
    for place, data in evidence:
        size += len(data)
        if found := scanner.hits(data):
            hits[place] += found
    return hits, size
