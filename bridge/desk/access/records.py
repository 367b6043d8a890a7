"""What people wrote at the desk: consents, determinations, reasons, challenges. Sealed, appended to, never changed.

Decides how an entry is kept and found: one SQLite file (readable by its owner alone), every text sealed under a key
of the agency's, whom it is about blinded. What an entry means is for whoever writes it.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from bridge.vault import connect
from schemas.crypto import NONCE_BYTES, Aead, derive

ID_BYTES: Final = 8
BUSY_MS: Final = 5_000
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
  at INTEGER NOT NULL, sealed BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS entries_kind ON entries (kind, n);
CREATE TABLE IF NOT EXISTS about (key BLOB NOT NULL, kind TEXT NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY (key, kind, n)) WITHOUT ROWID;
"""


class Entry(msgspec.Struct, frozen=True):
    """One thing that was written.

    Attributes:
        id: Sixteen hexadecimal digits.
        kind: Closed word.
        about: Keys of whom or what it is about, such as `record:<hex>`.
        user: Pseudonymous user id of who wrote it.
        at: Wall time, ms since 1970-01-01 UTC.
        body: What was written.
    """

    id: str
    kind: str
    about: tuple[str, ...]
    user: str
    at: int
    body: dict[str, Any]


class Records:
    """The desk's own store; used from any thread of the one process that writes it.

    Args:
        path: SQLite file, made where it is absent; `:memory:` in tests.
        agency_key: 32 bytes; the file's own keys are derived from it.
        clock: Wall time, ms.
    """

    def __init__(self, path: Path | str, agency_key: bytes, clock: Callable[[], int]) -> None:
        self._aead = Aead(derive(agency_key, "desk records"))
        self._blind = derive(agency_key, "desk records blind")
        self._clock = clock
        self._lock = threading.Lock()
        self._db = connect(path, BUSY_MS)
        self._db.executescript(_SCHEMA)
        self._places: dict[
            tuple[bytes, str], list[int]
        ] = {}  # asked at every row of an inbox: no query where none is
        for key, kind, n in self._db.execute("SELECT key, kind, n FROM about ORDER BY n"):
            self._places.setdefault((key, kind), []).append(n)
        self._keys = {key for key, _ in self._places}

    def append(self, kind: str, about: Sequence[str], user: str, body: dict[str, Any]) -> Entry:
        """Write one entry; it is on disk when this returns."""
        entry = Entry(secrets.token_hex(ID_BYTES), kind, tuple(about), user, self._clock(), body)
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + self._aead.seal(nonce, msgspec.msgpack.encode(entry), entry.id.encode())
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                cursor = self._db.execute(
                    "INSERT INTO entries (id, kind, at, sealed) VALUES (?, ?, ?, ?)",
                    (entry.id, kind, entry.at, sealed),
                )
                rows = [(self._key(key), kind, cursor.lastrowid) for key in dict.fromkeys(about)]
                self._db.executemany("INSERT INTO about VALUES (?, ?, ?)", rows)
                self._db.execute("COMMIT")
                for key, _, n in rows:
                    self._places.setdefault((key, kind), []).append(int(n or 0))
                    self._keys.add(key)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
        return entry

    def about(self, kind: str, key: str) -> list[Entry]:
        """Entries of a kind about somebody or something, oldest first."""
        found = self._places.get((self._key(key), kind), ())
        return [entry for n in found for entry in self._read("SELECT id, sealed FROM entries WHERE n = ?", (n,))]

    def knows(self, keys: Iterable[str]) -> bool:
        """Whether anything was ever written about any of some."""
        return any(self._key(key) in self._keys for key in keys)

    def of(self, kind: str, since: int = 0, limit: int = 500) -> list[Entry]:
        """The newest entries of a kind, oldest first.

        Args:
            kind: Closed word.
            since: Wall time, ms; older ones are left out.
            limit: At most so many.
        """
        sql = "SELECT id, sealed FROM entries WHERE kind = ? AND at >= ? ORDER BY n DESC LIMIT ?"
        return self._read(sql, (kind, since, limit))[::-1]

    def get(self, entry_id: str) -> Entry | None:
        """One entry."""
        found = self._read("SELECT id, sealed FROM entries WHERE id = ?", (entry_id,))
        return found[0] if found else None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _read(self, sql: str, values: tuple[Any, ...]) -> list[Entry]:
        with self._lock:
            rows = self._db.execute(sql, values).fetchall()
        return [self._open(entry_id, sealed) for entry_id, sealed in rows]

    def _open(self, entry_id: str, sealed: bytes) -> Entry:
        plain = self._aead.open(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], entry_id.encode())
        return msgspec.msgpack.decode(plain, type=Entry)

    def _key(self, key: str) -> bytes:
        return hashlib.blake2b(key.encode(), key=self._blind, digest_size=16).digest()
