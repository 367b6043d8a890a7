"""The audit: every read of a name and every decision, written before it is answered.

Decides that a line cannot be changed, dropped or reordered without the chain showing it. Holds pseudonyms and user
ids, never a name. Whoever cannot write it does not answer.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

ZERO = "0" * 64
SCAN_MAX = 50_000  # lines looked at for one page
BLOCK_BYTES = 256 * 1024
TAIL_BYTES = 1024 * 1024  # the last line is sought in so many bytes at the end; a line is far shorter


class AuditDown(RuntimeError):
    """The audit cannot be written: nothing may be read."""


class Break(NamedTuple):
    """The first place where the chain does not hold."""

    line: int
    reason: str


class Audit:
    """Appends to one file, on disk before `record` returns. One process writes it.

    Args:
        path: JSON Lines file; made where it is absent.
        clock: Wall time, ms since 1970-01-01 UTC.

    Raises:
        AuditDown: It cannot be opened, its last line is broken, or another process writes it.
    """

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        self._clock, self._path = clock, path
        self._walked = START
        self._lock = threading.Lock()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._number, self._head = _tail(self._file)
        except (OSError, ValueError, KeyError) as error:
            message = f"{path}: the audit cannot be opened ({type(error).__name__})"
            raise AuditDown(message) from None

    @property
    def head(self) -> str:
        """Hash of the last line."""
        return self._head

    def mark(self) -> tuple[int, str]:
        """How many lines there are, and the hash of the last."""
        with self._lock:
            return self._number, self._head

    def record(self, user: str, action: str, subjects: tuple[str, ...], **facts: str | int) -> int:
        """Append one line and wait until it is on disk.

        Args:
            user: Pseudonymous user id.
            action: What is about to happen, a closed word.
            subjects: Record pseudonyms (hex) or alert ids concerned.
            facts: More closed words, such as the team.

        Returns:
            Number of the line.

        Raises:
            AuditDown: It could not be written; then nothing may be answered.
        """
        with self._lock:
            entry = {"n": self._number + 1, "at": self._clock(), "user": user, "action": action,
                     "subjects": list(subjects), **facts, "prev": self._head}  # fmt: skip
            digest = _hash(entry)
            line = (_canonical({**entry, "hash": digest}) + "\n").encode()
            size = os.fstat(self._file).st_size
            try:
                if os.write(self._file, line) != len(line):
                    raise OSError
                os.fsync(self._file)
            except OSError:
                os.ftruncate(self._file, size)  # or the next line would follow half a line
                message = "the audit cannot be written"
                raise AuditDown(message) from None
            self._number, self._head = self._number + 1, digest
            return self._number

    def broken(self) -> Break | None:
        """The first break of the chain, walked on from where the last call of this process ended."""
        found, self._walked = _walk(self._path, self._walked)
        return found

    def close(self) -> None:
        """Let another process write."""
        os.close(self._file)


def entries(path: Path) -> Iterator[dict[str, Any]]:
    """Lines of an audit file that can be read, in order."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:
                return


def mentions(path: Path, subjects: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Lines of an audit file that speak of any of some subjects, in order; one pass that keeps no other line.

    Args:
        path: Audit file.
        subjects: Record pseudonyms (hex), alert ids or household ids.
    """
    sought = frozenset(subjects)
    if not sought or not path.exists():
        return
    said = re.compile(b"|".join(re.escape(json.dumps(one).encode()) for one in sorted(sought)))
    with path.open("rb") as file:
        for line in file:
            if said.search(line) is None:  # decoding every line would take ten times as long
                continue
            try:
                entry = json.loads(line)
            except ValueError:
                return
            if sought & {*entry["subjects"], entry.get("household", "")}:
                yield entry


class Page(NamedTuple):
    """Some lines of an audit, newest first, and where older ones begin: 0 where there are none."""

    entries: tuple[dict[str, Any], ...]
    before: int


def newest(path: Path, wanted: Callable[[dict[str, Any]], bool], limit: int, before: int = 0) -> Page:
    """The newest lines that are wanted, read from the end.

    Args:
        path: Audit file.
        wanted: Which lines.
        limit: At most so many.
        before: Only lines that begin before this byte; 0 is the end of the file.

    Returns:
        Lines; `SCAN_MAX` are looked at, so a page may have fewer than there are, with older ones to go on to.
    """
    found: list[dict[str, Any]] = []
    place = looked = 0
    for place, line in _backwards(path, before):
        looked += 1
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if wanted(entry):
            found.append(entry)
        if len(found) == limit or looked == SCAN_MAX:
            return Page(tuple(found), place)
    return Page(tuple(found), 0)


def _backwards(path: Path, before: int) -> Iterator[tuple[int, bytes]]:
    """Lines from the end, each with the byte at which it begins."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        end = min(before or end, end)
        rest = b""
        while end > 0:
            start = max(0, end - BLOCK_BYTES)
            file.seek(start)
            parts = (file.read(end - start) + rest).split(b"\n")
            place = start + len(b"\n".join(parts))
            for part in reversed(parts[1:]):
                place -= len(part)
                if part:
                    yield place, part
                place -= 1
            rest, end = parts[0], start
        if rest:
            yield 0, rest


class Place(NamedTuple):
    """How far a chain was walked: bytes, lines, and the hash of the last."""

    byte: int
    number: int
    head: str


START = Place(0, 0, ZERO)
NO_HEADS: Mapping[int, str] = MappingProxyType({})


def verify(path: Path, heads: Mapping[int, str] = NO_HEADS) -> Break | None:
    """The first break of the chain, or None where it holds from the first line to the last.

    Args:
        path: Audit file.
        heads: Hashes by number of line as they were known outside this file: who writes all of it anew makes a
            chain that holds, and cannot make it end in these.
    """
    found, place = _walk(path, START, heads)
    beyond = min((line for line in heads if line > place.number), default=0)
    return found or (Break(beyond, "was handed out and is gone") if beyond else None)


def _walk(path: Path, place: Place, heads: Mapping[int, str] = NO_HEADS) -> tuple[Break | None, Place]:
    """Walk on from a place; the first break, and where the walk ended."""
    byte, number, head = place
    with path.open("rb") as file:
        file.seek(byte)
        for line in file:
            number += 1
            try:
                entry = json.loads(line)
                digest = entry.pop("hash")
            except (ValueError, KeyError, AttributeError):
                return Break(number, "not a line of an audit"), place
            if entry.get("prev") != head or entry.get("n") != number:
                return Break(number, "does not follow the line before it"), place
            if _hash(entry) != digest:
                return Break(number, "was changed"), place
            if heads.get(number, digest) != digest:
                return Break(number, "is not the line whose hash was handed out"), place
            byte, head = byte + len(line), digest
            place = Place(byte, number, head)
    return None, place


def _canonical(entry: dict[str, Any]) -> str:
    return json.dumps(entry, sort_keys=True, separators=(",", ":"))


def _hash(entry: dict[str, Any]) -> str:
    return hashlib.sha256(_canonical(entry).encode()).hexdigest()


def _tail(file: int) -> tuple[int, str]:
    """Number and hash of the last line; half a line at the end, which nothing was answered on, is taken off."""
    size = os.fstat(file).st_size
    start = max(0, size - TAIL_BYTES)
    end = os.pread(file, TAIL_BYTES, start)
    whole = end[: end.rfind(b"\n") + 1]
    if len(whole) < len(end):
        os.ftruncate(file, start + len(whole))
    if not whole and start == 0:
        return 0, ZERO
    last = json.loads(whole.rstrip(b"\n").rsplit(b"\n", 1)[-1])
    return int(last["n"]), str(last["hash"])
