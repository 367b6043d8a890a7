"""The bridge's SQLite file: batches, sealing, blinding, and small values by name.

Decides how anything is kept: one file (WAL, readable by its owner alone), every value that came from a person sealed
under a key derived from the agency's, every key and reference blinded by a keyed hash. What is kept is store.py's
matter.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from bridge.epochs import Epoch, Epochs, Mark
from schemas.crypto import NONCE_BYTES, Aead, derive

Row = dict[str, Any]
HASH_BYTES: Final = 16
BUSY_MS: Final = 30_000  # how long a second process, such as `bridge quarantine`, waits for the first

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (place BLOB PRIMARY KEY, tab TEXT NOT NULL, epoch INTEGER NOT NULL,
  position INTEGER NOT NULL, sequence INTEGER NOT NULL, digest BLOB NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rows_tab ON rows (tab, epoch);
CREATE TABLE IF NOT EXISTS refs (ref BLOB NOT NULL, place BLOB NOT NULL, PRIMARY KEY (ref, place)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS moved (place BLOB PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS emitted (ident BLOB PRIMARY KEY, lane TEXT NOT NULL, digest BLOB, epoch INTEGER NOT NULL,
  position INTEGER NOT NULL, sequence INTEGER NOT NULL, partnership TEXT NOT NULL, record BLOB NOT NULL,
  sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS emitted_record ON emitted (record);
CREATE INDEX IF NOT EXISTS emitted_lane ON emitted (lane);
CREATE TABLE IF NOT EXISTS named (pseudonym BLOB PRIMARY KEY, record BLOB NOT NULL, sealed BLOB NOT NULL)
  WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS named_record ON named (record);
CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, key BLOB NOT NULL,
  value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS quarantine (id INTEGER PRIMARY KEY AUTOINCREMENT, place BLOB NOT NULL,
  source TEXT NOT NULL, tab TEXT NOT NULL, reason TEXT NOT NULL, field TEXT NOT NULL, fix TEXT NOT NULL,
  at INTEGER NOT NULL, sealed BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS quarantine_place ON quarantine (place);
"""


def connect(path: Path | str, wait_ms: int) -> sqlite3.Connection:
    """A file of one's own: what is written is on disk when a transaction ends, and only its owner reads it.

    Args:
        path: SQLite file, made where it is absent; `:memory:` for none.
        wait_ms: How long to wait for another process that writes.
    """
    if str(path) != ":memory:":
        Path(path).touch(mode=0o600, exist_ok=True)
    found = sqlite3.connect(str(path), isolation_level=None, timeout=wait_ms / 1000, check_same_thread=False)
    found.execute("PRAGMA journal_mode=WAL")
    found.execute("PRAGMA synchronous=FULL")
    return found


class Vault:
    """A sealed file. Used by one thread; a second process may read at any time.

    Args:
        path: SQLite file, or `:memory:`.
        agency_key: 32 bytes; the store's own keys are derived from it.
        first_epoch: Epoch that a source's first snapshot opens. With a new file it has to be greater than any before
            it, or the platform takes what a bridge that lost its file sends for old: minutes since 1970 will do.
        entropy: Random bytes by count; another one only in tests.
    """

    def __init__(
        self,
        path: Path | str,
        agency_key: bytes,
        first_epoch: int = 1,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._aead = Aead(derive(agency_key, "bridge store"))
        self._blind = derive(agency_key, "bridge store blind")
        self._entropy = entropy
        self._db = connect(path, BUSY_MS)
        self._db.execute("PRAGMA cache_size=-65536")  # 64 MiB
        self._db.executescript(_SCHEMA)
        # of the batch in hand, dropped at its end: blinded names, opened rows
        self._blinded: dict[tuple[str, ...], bytes] = {}
        self._opened: dict[bytes, Row] = {}
        if self.meta("first_epoch") is None:
            self.set_meta("first_epoch", first_epoch)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """All or nothing: rows, what was emitted, positions and the outbox change together."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._flush()
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        finally:
            self._forget()

    def _flush(self) -> None:
        """Write what is held back."""

    def _forget(self) -> None:
        """Drop what is held back, and everything plain."""
        self._opened.clear()
        self._blinded.clear()

    # --- blinding and sealing ---

    def blind(self, *parts: str) -> bytes:
        """Keyed hash of a name and values, 16 bytes; parts are length-prefixed, so that no two lists share it."""
        found = self._blinded.get(parts)
        if found is None:
            data = [part.encode() for part in parts]
            whole = b"".join(len(part).to_bytes(4, "big") + part for part in data)
            found = hashlib.blake2b(whole, key=self._blind, digest_size=HASH_BYTES).digest()
            if self._db.in_transaction:
                self._blinded[parts] = found
        return found

    def digest(self, content: object) -> bytes:
        """Keyed hash of any plain content, 16 bytes."""
        return hashlib.blake2b(msgspec.msgpack.encode(content), key=self._blind, digest_size=HASH_BYTES).digest()

    def seal(self, content: object, aad: bytes) -> bytes:
        """Seal plain content for this store."""
        nonce = self._entropy(NONCE_BYTES)
        return nonce + self._aead.seal(nonce, msgspec.msgpack.encode(content), aad)

    def open(self, sealed: bytes, aad: bytes) -> Any:
        """Open what `seal` made.

        Raises:
            schemas.crypto.Broken: Another agency's key, or altered.
        """
        return msgspec.msgpack.decode(self._aead.open(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad))

    # --- small things by name ---

    def meta(self, name: str) -> Any:
        """A small value by name, or None."""
        found = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if found is None else msgspec.msgpack.decode(found[0])

    def set_meta(self, name: str, value: object) -> None:
        """Set a small value; nothing that came from a person, for it is not sealed."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, msgspec.msgpack.encode(value)))

    def epochs(self, source: str) -> Epochs:
        """Epochs and lanes of a source as last saved."""
        known, lanes = self.meta(f"epochs:{source}") or ([], {})
        return Epochs(
            int(self.meta("first_epoch")),
            [Epoch(*epoch) for epoch in known],
            {lane: Mark(*mark) for lane, mark in lanes.items()},
        )

    def save_epochs(self, source: str, epochs: Epochs) -> None:
        """Save them, within the batch that they belong to."""
        self.set_meta(f"epochs:{source}", (epochs.known, epochs.lanes))
