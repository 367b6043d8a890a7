"""Rows into the store, and from there to what they touch.

Decides what a change does to the kept row: placed, merged with large values that did not change, refused, deleted,
reconciled after a snapshot. Every record and event that takes part in the row before or after is noted as touched.
Does not decide what leaves: records.py and events.py do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bridge.epochs import Epochs
from bridge.mapping import Column, TableMap
from bridge.mapping_values import Refused, Row, instant_of, key_of, place
from bridge.outgoing import Cause
from bridge.sources import UNCHANGED, Change
from bridge.store import Key, Version
from bridge.views import Room, SourceView

Touched = dict[tuple[str, str, str, Key], Cause]
"""Cause by (source, `record` or `event`, name, key)."""
UNPLACED_FIX: Final = "place the table in the mapping, or list it under ignored_tables"


class RowKeeper:
    """Keeps rows and remembers what a batch touched.

    Args:
        room: Store, quarantine and outgoing messages.
    """

    def __init__(self, room: Room) -> None:
        self._room, self._store = room, room.store
        self.touched: Touched = {}

    def take(self, view: SourceView, change: Change, version: Version) -> str:
        """Take one change into the store.

        Args:
            view: Its source.
            change: The change, of any kind but `end`.
            version: Its version.

        Returns:
            What became of it: taken, unchanged, deleted, truncated, stale, ignored or heartbeat.

        Raises:
            Refused: It goes to quarantine.
        """
        if change.op == "bad":
            raise Refused(
                "undecodable", change.lane, "no change event of this source: check its topics and converter"
            )
        beat = view.map.heartbeat
        if beat is not None and change.table == beat.table:
            value = (change.after or {}).get(beat.column)
            if value is not None:
                at = instant_of(Column(sensitive="time", zone=beat.zone, unit=beat.unit), value)
                self._room.out.to_all(
                    "heartbeat", view.name, Cause(version, change.committed_at), {"beat_at": at or 0}
                )
            return "heartbeat"
        if change.table in view.map.ignored_tables:
            return "ignored"
        table = view.map.tables.get(change.table)
        if table is None:
            raise Refused("unplaced_table", change.table, UNPLACED_FIX)
        if change.op == "truncate":
            for gone in self._store.places(_tab(view, change.table)):
                self.delete(view, change.table, gone, version, change)
            return "truncated"
        if change.op == "delete":
            self._delete_row(view, table, change, version)
            return "deleted"
        return self._upsert(view, table, change, version)

    def _upsert(self, view: SourceView, table: TableMap, change: Change, version: Version) -> str:
        raw = change.after or {}
        key = key_of(table, {**raw, **(change.key or {})}, change.table)
        spot = self._store.place(view.name, change.table, key)
        row = place(table, raw, change.table)
        if change.key is None and change.before:
            self._drop_former(view, table, change, spot, version)
        state = self._store.row_state(spot)
        if state is not None and version < state[0]:
            return "stale"
        old = self._store.row(spot)
        if UNCHANGED in row.values():
            self._keep_unchanged(view, table, change, row, old, spot)
        self._room.quarantine.resolve(spot)
        digest = self._store.digest(sorted(row.items()))
        if state is not None and state[1] == digest:
            self._store.touch_row(spot, version)
            return "unchanged"
        cause = Cause(version, change.committed_at)
        if old is not None:
            self._touch(view, change.table, old, cause)
            self._store.drop_refs(spot, view.tables.refs(change.table, old))
        refs = view.tables.refs(change.table, row)
        self._store.put_row(spot, _tab(view, change.table), version, digest, row, refs)
        self._touch(view, change.table, row, cause)
        return "taken"

    def _keep_unchanged(  # noqa: PLR0913, PLR0917
        self, view: SourceView, table: TableMap, change: Change, row: Row, old: Row | None, spot: bytes
    ) -> None:
        """Put stored values where the source says that a large column did not change (TOAST)."""
        known = old or self._store.take_moved(spot)
        if known is None and change.old_key is not None:
            former = key_of(table, change.old_key, change.table)
            known = self._store.row(self._store.place(view.name, change.table, former))
        for column, value in row.items():
            if value == UNCHANGED:
                row[column] = (known or {}).get(column)
                if known is None:
                    self._room.out.counts["row", "unchanged_value_unknown"] += 1

    def _drop_former(self, view: SourceView, table: TableMap, change: Change, spot: bytes, version: Version) -> None:
        """Without a primary key a changed key shows only in the row before."""
        before = change.before or {}
        if any(before.get(column) is None for column in table.key):
            return
        former = self._store.place(view.name, change.table, key_of(table, before, change.table))
        if former != spot:
            self.delete(view, change.table, former, version, change)

    def _delete_row(self, view: SourceView, table: TableMap, change: Change, version: Version) -> None:
        # nothing but the key may be read from `before`: the rest of it can be made up (replica identity DEFAULT)
        raw = change.key if change.key is not None else change.before or {}
        key = key_of(table, raw, change.table)
        spot = self._store.place(view.name, change.table, key)
        if change.new_key is not None and (old := self._store.row(spot)) is not None:
            self._hand_over(view, table, change, change.new_key, old)
        self.delete(view, change.table, spot, version, change)

    def _hand_over(
        self, view: SourceView, table: TableMap, change: Change, new_key: Mapping[str, Any], old: Row
    ) -> None:
        """A key change: keep large values for the row's new key, unless that one has come already."""
        target = self._store.place(view.name, change.table, key_of(table, new_key, change.table))
        if self._store.row(target) is None:
            self._store.move(target, old)

    def delete(self, view: SourceView, table: str, spot: bytes, version: Version, change: Change) -> None:
        """Drop a row, unless a newer version of it is kept."""
        self._room.quarantine.resolve(spot)
        old = self._store.row(spot)
        if old is None:
            return
        state = self._store.row_state(spot)
        if state is not None and version < state[0]:
            self._room.out.counts["row", "stale"] += 1
            return
        self._touch(view, table, old, Cause(version, change.committed_at))
        self._store.drop_refs(spot, view.tables.refs(table, old))
        self._store.drop_row(spot)

    def refuse(self, view: SourceView, change: Change, version: Version, refused: Refused) -> None:
        """Keep the row in quarantine; the last version that was taken stands."""
        raw = {**(change.after or change.before or {}), **(change.key or {})}
        table = view.map.tables.get(change.table)
        try:
            key: Key = key_of(table, raw, change.table) if table is not None else ()
        except Refused:
            key = ()
        key = key or (change.lane, str(change.offset), *(str(value) for value in (change.key or {}).values()))
        spot = self._store.place(view.name, change.table, key)
        state = self._store.row_state(spot)
        if state is not None and state[0] < version:
            self._store.touch_row(spot, version)  # it is still there at the source: no snapshot's end may drop it
        self._room.quarantine.add(spot, change, (view.name, change.table), refused, self._room.now())
        view.health.note(ok=False)
        self._room.out.counts["quarantine", refused.reason] += 1

    # --- what a change touches ---

    def _touch(self, view: SourceView, table: str, row: Row, cause: Cause) -> None:
        for kind, shapes in (("record", view.records), ("event", view.events)):
            for name, shape in shapes.items():
                for key in shape.touched(table, row):
                    self._mark((view.name, kind, name, key), cause)
        for name, made in view.map.records.items():
            for spells in made.profile.statuses:
                if spells.table == table and row.get(spells.on) is not None:
                    self._mark((view.name, "record", name, (str(row[spells.on]),)), cause)

    def _mark(self, what: tuple[str, str, str, Key], cause: Cause) -> None:
        known = self.touched.get(what)
        if known is None or known.version < cause.version:
            self.touched[what] = cause

    def reconcile(self, view: SourceView, epochs: Epochs, change: Change) -> Cause:
        """Drop the rows that a complete snapshot did not show.

        Args:
            view: The source.
            epochs: Its epochs.
            change: The snapshot's end.

        Returns:
            The end's own version and commit time.
        """
        epoch = epochs.end()
        if epoch is None:
            newest = epochs.current.number if epochs.current else 0
            return Cause((newest, change.position, change.sequence), change.committed_at)
        seen = self._store.tables_of(epoch.number)
        version = (epoch.number, max(change.position, epoch.position), change.sequence)
        for table in view.map.tables:
            asked = change.tables is None or table in change.tables
            if asked and (epoch.whole or change.tables is not None or _tab(view, table) in seen):
                for spot in self._store.places(_tab(view, table), epoch.number):
                    self.delete(view, table, spot, version, change)
                    self._room.out.counts["row", "reconciled"] += 1
        return Cause(version, change.committed_at)


def _tab(view: SourceView, table: str) -> str:
    return f"{view.name}/{table}"
