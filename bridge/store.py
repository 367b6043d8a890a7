"""What the bridge remembers: the last version of every mapped row, what was emitted, and whom pseudonyms stand for.

Decides what can be asked of it; vault.py decides how it is kept. The desk reads names from here with `person` and
`event`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from bridge.vault import HASH_BYTES, Row, Vault

LEFT_DAYS: Final = 35  # days for which the desk can say what left
Key = tuple[str, ...]
Version = tuple[int, int, int]
"""Source epoch, position, sequence."""


class Emitted(NamedTuple):
    """The last thing sent about a record or an event.

    Attributes:
        digest: Keyed hash of its content, or None after a delete.
        version: Version it had.
        partnership: Partnership it went to.
        record: Blinded record it is about.
        about: What it was made from, opened: pseudonym and key.
    """

    digest: bytes | None
    version: Version
    partnership: str
    record: bytes
    about: dict[str, Any]


class Store(Vault):
    """The bridge's local memory.

    Within a batch, writes are held back and written together at its end, or before a search that has to see them:
    several times faster than one by one.
    """

    def __init__(
        self,
        path: Path | str,
        agency_key: bytes,
        first_epoch: int = 1,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        super().__init__(path, agency_key, first_epoch, entropy)
        self._rows: dict[bytes, tuple[Any, ...] | None] = {}
        self._refs: dict[tuple[bytes, bytes], bool] = {}
        self._sent: dict[bytes, tuple[Any, ...]] = {}
        self._named: dict[bytes, tuple[Any, ...] | None] = {}

    def _flush(self) -> None:
        self._flush_rows()
        self._flush_refs()
        self._flush_sent()
        many = self._db.executemany
        many("DELETE FROM named WHERE pseudonym = ?", [(one,) for one, row in self._named.items() if row is None])
        many("INSERT OR REPLACE INTO named VALUES (?, ?, ?)", [row for row in self._named.values() if row])
        self._named.clear()

    def _flush_rows(self) -> None:
        if self._rows:
            many = self._db.executemany
            many("DELETE FROM rows WHERE place = ?", [(place,) for place, row in self._rows.items() if row is None])
            kept = [row for row in self._rows.values() if row]
            many("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)", kept)
            self._rows.clear()

    def _flush_refs(self) -> None:
        if self._refs:
            many = self._db.executemany
            many(
                "DELETE FROM refs WHERE ref = ? AND place = ?", [ref for ref, kept in self._refs.items() if not kept]
            )
            many("INSERT OR IGNORE INTO refs VALUES (?, ?)", [ref for ref, kept in self._refs.items() if kept])
            self._refs.clear()

    def _flush_sent(self) -> None:
        if self._sent:
            sql = "INSERT OR REPLACE INTO emitted VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            self._db.executemany(sql, list(self._sent.values()))
            self._sent.clear()

    def _forget(self) -> None:
        super()._forget()
        for held in (self._rows, self._refs, self._sent, self._named):
            held.clear()

    # --- rows ---

    def place(self, source: str, table: str, key: Key) -> bytes:
        """Blinded place of a row."""
        return self.blind("row", source, table, *key)

    def row(self, place: bytes) -> Row | None:
        """A row by its place."""
        row = self._opened.get(place)
        if row is None:
            found = self._row(place)
            if found is None:
                return None
            row = self._opened[place] = self.open(found[6], place)
        return row

    def row_state(self, place: bytes) -> tuple[Version, bytes] | None:
        """Version and content hash of a row, without opening it."""
        found = self._row(place)
        return None if found is None else ((found[2], found[3], found[4]), found[5])

    def _row(self, place: bytes) -> tuple[Any, ...] | None:
        if place in self._rows:
            return self._rows[place]
        found: tuple[Any, ...] | None = self._db.execute("SELECT * FROM rows WHERE place = ?", (place,)).fetchone()
        return found

    def put_row(  # noqa: PLR0913, PLR0917  (the row's own columns)
        self, place: bytes, table: str, version: Version, digest: bytes, row: Row, refs: Iterable[bytes]
    ) -> None:
        """Keep a row and its references; the caller has dropped the old ones."""
        self._opened[place] = row
        self._rows[place] = (place, table, *version, digest, self.seal(row, place))
        self._refs.update(((ref, place), True) for ref in refs)

    def touch_row(self, place: bytes, version: Version) -> None:
        """Note that an unchanged row was seen again."""
        found = self._row(place)
        if found is not None:
            self._rows[place] = (*found[:2], *version, *found[5:])

    def drop_refs(self, place: bytes, refs: Iterable[bytes]) -> None:
        """Forget references of a row."""
        self._refs.update(((ref, place), False) for ref in refs)

    def drop_row(self, place: bytes) -> None:
        """Forget a row; its references are dropped apart."""
        self._opened.pop(place, None)
        self._rows[place] = None

    def referring(self, ref: bytes) -> list[bytes]:
        """Places of the rows that hold a reference, in a stable order."""
        self._flush_refs()
        return [found[0] for found in self._db.execute("SELECT place FROM refs WHERE ref = ? ORDER BY place", (ref,))]

    def places(self, table: str, before_epoch: int | None = None) -> list[bytes]:
        """Places of a table's rows, or of those not seen since an epoch began."""
        self._flush_rows()
        if before_epoch is None:
            return [found[0] for found in self._db.execute("SELECT place FROM rows WHERE tab = ?", (table,))]
        sql = "SELECT place FROM rows WHERE tab = ? AND epoch < ?"
        return [found[0] for found in self._db.execute(sql, (table, before_epoch))]

    def tables_of(self, epoch: int) -> set[str]:
        """Tables that have a row of this epoch or a later one."""
        self._flush_rows()
        return {found[0] for found in self._db.execute("SELECT DISTINCT tab FROM rows WHERE epoch >= ?", (epoch,))}

    def move(self, place: bytes, row: Row) -> None:
        """Keep a row's old values for the key it moves to, whichever half of a key change is read first."""
        self._db.execute("INSERT OR REPLACE INTO moved VALUES (?, ?)", (place, self.seal(row, place)))

    def take_moved(self, place: bytes) -> Row | None:
        """Values kept for a key, once."""
        found = self._db.execute("SELECT sealed FROM moved WHERE place = ?", (place,)).fetchone()
        if found is None:
            return None
        self._db.execute("DELETE FROM moved WHERE place = ?", (place,))
        row: Row = self.open(found[0], place)
        return row

    # --- what was emitted ---

    def emitted(self, ident: bytes) -> Emitted | None:
        """The last thing sent under an identity."""
        found = self._sent.get(ident)
        if found is None:
            found = self._db.execute("SELECT * FROM emitted WHERE ident = ?", (ident,)).fetchone()
        if found is None:
            return None
        _, _, digest, epoch, position, sequence, partnership, record, sealed = found
        return Emitted(digest, (epoch, position, sequence), partnership, record, self.open(sealed, ident))

    def set_emitted(self, ident: bytes, lane: str, sent: Emitted) -> None:
        """Note what was sent."""
        sealed = self.seal(sent.about, ident)
        self._sent[ident] = (ident, lane, sent.digest, *sent.version, sent.partnership, sent.record, sealed)

    def emitted_of(self, record: bytes, lane: str) -> list[Emitted]:
        """What was sent about a record in a lane."""
        self._flush_sent()
        sql = "SELECT ident FROM emitted WHERE record = ? AND lane = ? ORDER BY ident"
        idents = [found[0] for found in self._db.execute(sql, (record, lane))]
        return [sent for ident in idents if (sent := self.emitted(ident)) is not None]

    def emitted_after(self, lane: str, after: bytes, limit: int) -> list[tuple[bytes, Emitted]]:
        """What stands in a lane, sent and not deleted, by ident.

        Args:
            lane: The lane.
            after: Ident of the last one had; empty for the first.
            limit: At most so many.
        """
        self._flush_sent()
        sql = "SELECT ident FROM emitted WHERE lane = ? AND digest IS NOT NULL AND ident > ? ORDER BY ident LIMIT ?"
        idents = [found[0] for found in self._db.execute(sql, (lane, after, limit))]
        return [(ident, sent) for ident in idents if (sent := self.emitted(ident)) is not None]

    def count_emitted(self, lane: str) -> int:
        """How many stand in a lane."""
        self._flush_sent()
        sql = "SELECT count(*) FROM emitted WHERE lane = ? AND digest IS NOT NULL"
        return int(self._db.execute(sql, (lane,)).fetchone()[0])

    # --- for the desk ---

    def set_named(self, pseudonym: bytes, record: bytes, content: object) -> None:
        """Keep what a pseudonym stands for, under its hash."""
        ident = self._ident(pseudonym)
        self._named[ident] = (ident, record, self.seal(content, ident))

    def drop_named(self, pseudonym: bytes) -> None:
        """Forget it."""
        self._named[self._ident(pseudonym)] = None

    def person(self, pseudonym: bytes) -> dict[str, Any] | None:
        """Who a record pseudonym stands for.

        Args:
            pseudonym: As in an alert's `records`.

        Returns:
            `source`, `record`, `key` (list of str), the personal fields of `bridge.split.FIELDS` (absent ones
            None), `restricted`, and `other` (list of [column, value]); None where the record is not held.
        """
        return self._stands_for(pseudonym)

    def event(self, pseudonym: bytes) -> dict[str, Any] | None:
        """What an event pseudonym stands for.

        Returns:
            `source`, `event`, `key`, `kind`, `occurred_at`, `factors`, `outcome`, `texts`, `columns`; None where it
            is not held.
        """
        return self._stands_for(pseudonym)

    def set_profile(self, pseudonym: bytes, profile: Mapping[str, Any]) -> None:
        """Keep what is true of a record now, to be found by the team it is allocated to."""
        team = profile["allocation"]
        group = self.blind("allocation", team) if team else b""
        self.set_named(_profile(pseudonym), group, {**profile, "pseudonym": pseudonym})

    def drop_profile(self, pseudonym: bytes) -> None:
        """Forget it."""
        self.drop_named(_profile(pseudonym))

    def profile(self, pseudonym: bytes) -> dict[str, Any] | None:
        """What is true of a record now: a schemas.profile.Profile and `pseudonym`; None where none was sent."""
        return self._stands_for(_profile(pseudonym))

    def allocated(self, team: str) -> list[dict[str, Any]]:
        """Profiles of the records that are allocated to a team now, in no order."""
        found = self._db.execute(
            "SELECT pseudonym, sealed FROM named WHERE record = ?", (self.blind("allocation", team),)
        )
        return [self.open(sealed, ident) for ident, sealed in found]

    def events_of(self, pseudonym: bytes) -> list[dict[str, Any]]:
        """Events of a record, newest first, each as `event` returns it."""
        record = self.blind("subject", pseudonym.hex())
        found = self._db.execute("SELECT pseudonym, sealed FROM named WHERE record = ?", (record,))
        events = [self.open(sealed, ident) for ident, sealed in found]
        return sorted((one for one in events if "occurred_at" in one), key=lambda one: -int(one["occurred_at"]))

    def _stands_for(self, pseudonym: bytes) -> dict[str, Any] | None:
        ident = self._ident(pseudonym)
        found = self._db.execute("SELECT sealed FROM named WHERE pseudonym = ?", (ident,)).fetchone()
        return None if found is None else self.open(found[0], ident)

    def _ident(self, pseudonym: bytes) -> bytes:
        return hashlib.blake2b(pseudonym, key=self._blind, digest_size=HASH_BYTES).digest()

    # --- outbox ---

    def post(self, messages: Sequence[tuple[str, bytes, bytes]]) -> None:
        """Keep messages until the broker has them: (topic, key, value)."""
        self._db.executemany("INSERT INTO outbox (topic, key, value) VALUES (?, ?, ?)", messages)

    def tally(self, day: str, left: Iterable[tuple[str, str]]) -> None:
        """Count what left on a day, for those who answer for it.

        Args:
            day: ISO date, partnership time.
            left: (lane, op) of each message.
        """
        counts = Counter(f"{lane}/{op}" for lane, op in left)
        if counts:
            days = self.left()
            days[day] = dict(Counter(days.get(day, {})) + counts)
            self.set_meta("left", {kept: days[kept] for kept in sorted(days)[-LEFT_DAYS:]})

    def left(self) -> dict[str, dict[str, int]]:
        """What left, day by day: counts by `lane/op`, for the last `LEFT_DAYS` days on which something did."""
        days: dict[str, dict[str, int]] = self.meta("left") or {}
        return days

    def outbox(self, limit: int) -> list[tuple[int, str, bytes, bytes]]:
        """The oldest messages not yet delivered: (id, topic, key, value)."""
        return self._db.execute("SELECT id, topic, key, value FROM outbox ORDER BY id LIMIT ?", (limit,)).fetchall()

    def delivered(self, last_id: int) -> None:
        """Forget messages up to and including this one."""
        self._db.execute("DELETE FROM outbox WHERE id <= ?", (last_id,))

    # --- quarantine ---

    def add_quarantined(self, place: bytes, about: Sequence[Any], content: object) -> None:
        """Keep a rejected row; one for each place, the newest.

        Args:
            place: Blinded place of the row.
            about: source, table, reason, field, fix, at (ms).
            content: The row, to be sealed.
        """
        self.drop_quarantined(place)
        self._db.execute(
            "INSERT INTO quarantine (place, source, tab, reason, field, fix, at, sealed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (place, *about, self.seal(content, place)),
        )

    def drop_quarantined(self, place: bytes) -> bool:
        """Forget what was rejected at a place; True where there was something."""
        return self._db.execute("DELETE FROM quarantine WHERE place = ?", (place,)).rowcount > 0

    def count_quarantined(self) -> int:
        """How many rows are kept."""
        return int(self._db.execute("SELECT count(*) FROM quarantine").fetchone()[0])

    def quarantined(self) -> list[tuple[Any, ...]]:
        """Rejected rows, oldest first: id, place, source, table, reason, field, fix, at, sealed."""
        return self._db.execute("SELECT * FROM quarantine ORDER BY id").fetchall()


def _profile(pseudonym: bytes) -> bytes:
    """Under what a record's profile is kept: no pseudonym begins so."""
    return b"profile\0" + pseudonym
