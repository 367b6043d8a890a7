"""What the exchange remembers: requests made and received, their answers, other agencies' audit heads, its places.

Decides how it is kept: one SQLite file, readable by its owner alone, every row sealed under a key derived from the
agency's. A row is changed and, after its time, dropped; place and row change together. What rows mean is for whoever
puts them there.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from bridge.vault import connect
from schemas.crypto import NONCE_BYTES, Aead, derive

BUSY_MS: Final = 5_000
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS kept (kind TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, done INTEGER NOT NULL,
  sealed BLOB NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kept_at ON kept (kind, at);
CREATE INDEX IF NOT EXISTS kept_waiting ON kept (kind, at) WHERE done = 0;
CREATE TABLE IF NOT EXISTS places (place TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;
"""
_T = TypeVar("_T")


class Kept:
    """A sealed file, used from any thread of one process; a second may read at any time.

    Args:
        path: SQLite file, made where it is absent; `:memory:` in tests.
        agency_key: 32 bytes; the file's own key is derived from it.
    """

    def __init__(self, path: Path | str, agency_key: bytes) -> None:
        self._aead = Aead(derive(agency_key, "desk exchange"))
        self._lock = threading.RLock()
        self._db = connect(path, BUSY_MS)
        self._db.executescript(_SCHEMA)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """All or nothing, and nobody else's writes in between; may be nested."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise

    def put(self, kind: str, id_: str, at: int, row: msgspec.Struct, *, done: bool) -> None:
        """Keep a row in place of the one of that id; `at` (ms) orders and ends it, `done`: nobody waits for it."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + self._aead.seal(nonce, msgspec.msgpack.encode(row), f"{kind}:{id_}".encode())
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?)", (kind, id_, at, done, sealed))

    def get(self, kind: str, id_: str, type_: type[_T]) -> _T | None:
        """One row."""
        with self._lock:
            found = self._db.execute("SELECT sealed FROM kept WHERE kind = ? AND id = ?", (kind, id_)).fetchone()
        return None if found is None else self._open(kind, id_, found[0], type_)

    def newest(self, kind: str, type_: type[_T], at_most: int) -> list[_T]:
        """Rows of a kind, the newest first."""
        sql = "SELECT id, sealed FROM kept WHERE kind = ? ORDER BY at DESC, id LIMIT ?"
        return self._rows(sql, kind, type_, at_most)

    def waiting(self, kind: str, type_: type[_T], at_most: int) -> list[_T]:
        """Rows of a kind that are not done, the oldest first."""
        sql = "SELECT id, sealed FROM kept WHERE kind = ? AND done = 0 ORDER BY at, id LIMIT ?"
        return self._rows(sql, kind, type_, at_most)

    def drop(self, kind: str, before_at: int) -> None:
        """Forget rows of a kind older than that (ms)."""
        with self._lock:
            self._db.execute("DELETE FROM kept WHERE kind = ? AND at < ?", (kind, before_at))

    def places(self) -> dict[str, int]:
        """Next offset by `topic/partition`."""
        with self._lock:
            return dict(self._db.execute("SELECT place, next FROM places").fetchall())

    def set_place(self, place: str, next_offset: int) -> None:
        """Note how far a topic was read."""
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO places VALUES (?, ?)", (place, next_offset))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _rows(self, sql: str, kind: str, type_: type[_T], at_most: int) -> list[_T]:
        with self._lock:
            found = self._db.execute(sql, (kind, at_most)).fetchall()
        return [self._open(kind, id_, sealed, type_) for id_, sealed in found]

    def _open(self, kind: str, id_: str, sealed: bytes, type_: type[_T]) -> _T:
        plain = self._aead.open(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], f"{kind}:{id_}".encode())
        return msgspec.msgpack.decode(plain, type=type_)
