"""From changes of rows to sealed messages: the bridge without its edges.

Decides the order of things: place a change in its epoch, keep the row, find the records and events it takes part in,
reconcile after a snapshot, and let the emitter send what changed. All of a batch is one transaction of the store,
messages included, so that a crash at any point repeats nothing half. Reads no source and publishes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from bridge.clock import wall_ms
from bridge.epochs import Epochs
from bridge.events import send_event
from bridge.keys import AgencyKeys
from bridge.mapping import Column, TableMap
from bridge.mapping import Mapping as MappingFile
from bridge.mapping_values import Refused, Row, instant_of, key_of, place
from bridge.outgoing import Cause, Leaving, Message, Outgoing
from bridge.pseudonym import Pseudonymiser
from bridge.quarantine import Health, Quarantine
from bridge.records import send_profile, send_record
from bridge.sources import UNCHANGED, Change
from bridge.split import FindFactors, quarter_of
from bridge.store import Key, Store, Version
from bridge.views import One, Room, SourceView

Touched = dict[tuple[str, str, str, Key], Cause]
"""Cause by (source, `record` or `event`, name, key)."""
UNPLACED_FIX: Final = "place the table in the mapping, or list it under ignored_tables"


class Pipeline:
    """A bridge in memory: changes in, messages out.

    Args:
        mapping: The mapping.
        keys: The agency's keys; by partnership where it serves several.
        store: The local store; `Store(":memory:", keys.agency_key)` for a run that leaves nothing.
        now: Clock that dates are judged by and age bands follow, ms; the partnership's where it has one.
        wall: Wall time, ms, for payload keys.
        find: Finds factors in text; None where enrichment is not approved.
        outbox: Also keep messages in the store until `Store.delivered`, as a bridge that publishes has to.

    Example:
        `Pipeline(load(path), AgencyKeys.load(folder), Store(":memory:", key)).feed(changes)`
    """

    def __init__(  # noqa: PLR0913  (wired in one place)
        self,
        mapping: MappingFile,
        keys: AgencyKeys | Mapping[str, AgencyKeys],
        store: Store,
        *,
        now: Callable[[], int] = wall_ms,
        wall: Callable[[], int] = wall_ms,
        find: FindFactors | None = None,
        outbox: bool = False,
    ) -> None:
        wings = {keys.partnership: keys} if isinstance(keys, AgencyKeys) else keys
        self.store, self._now, self._keep = store, now, outbox
        self.quarantine = Quarantine(store)
        self._out = Outgoing(mapping.agency, wings, wall)
        names = Pseudonymiser(next(iter(wings.values())).agency_key)
        self._room = Room(mapping, store, self.quarantine, names, self._out, now, find)
        self.views = {name: SourceView(name, mapping, store) for name in mapping.sources}
        self._epochs = {name: store.epochs(name) for name in mapping.sources}
        self._paused: dict[str, str | None] = {name: store.meta(f"paused:{name}") for name in mapping.sources}
        self._touched: Touched = {}
        self.leaving: list[Leaving] = []

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        """(lane, outcome) -> how many since the start; lanes of messages, `row` and `quarantine`."""
        return self._out.counts

    def feed(self, changes: Iterable[Change]) -> list[Message]:
        """Take changes and make the messages they cause.

        A source that turns out to be mostly bad is paused: the rest of its changes are left unread, see `paused`.

        Args:
            changes: In the order of each lane.

        Returns:
            (topic, key, framed envelope), payload keys first and `live` last.
        """
        try:
            with self.store.batch():
                return self._batch(changes)
        except BaseException:
            self._forget()
            raise

    def _batch(self, changes: Iterable[Change]) -> list[Message]:
        self._reload()
        ended: list[tuple[str, Cause]] = []
        for change in changes:
            if self._paused[change.source] is None:
                self._take(change, ended)
        self._emit()
        self._refresh()
        for source, cause in ended:
            self._live(source, cause)
        for source, epochs in self._epochs.items():
            self.store.save_epochs(source, epochs)
            self._judge(source)
        return self._leave()

    def _forget(self) -> None:
        """The batch was rolled back: nothing of it may stay in memory."""
        self._touched = {}
        self._out.drop()
        self._epochs = {name: self.store.epochs(name) for name in self._epochs}

    def refresh(self) -> list[Message]:
        """Send the profiles that a new quarter changes; cheap where none began since the last call."""
        with self.store.batch():
            self._refresh()
            return self._leave()

    def paused(self, source: str) -> str | None:
        """Why a source is paused, or None. `resume` lets it go on."""
        return self._paused[source]

    def resume(self, source: str) -> None:
        """Let a paused source go on, judged afresh."""
        self.store.set_meta(f"paused:{source}", None)
        self._paused[source] = None
        self.views[source].health = Health()

    def offsets(self, source: str) -> dict[str, int]:
        """Last offset taken, by lane: where reading goes on."""
        return {lane: mark.offset for lane, mark in self._epochs[source].lanes.items()}

    def is_live(self, source: str) -> bool:
        """Whether the source has sent its history."""
        return bool(self.store.meta(f"live:{source}"))

    def _reload(self) -> None:
        """Look again at what another process may have changed since the last batch: quarantine, pauses."""
        self.quarantine.reload()
        for source in self._paused:
            reason: str | None = self.store.meta(f"paused:{source}")
            if reason is None and self._paused[source] is not None:
                self.views[source].health = Health()
            self._paused[source] = reason

    # --- taking a change ---

    def _take(self, change: Change, ended: list[tuple[str, Cause]]) -> None:
        view, epochs = self.views[change.source], self._epochs[change.source]
        if change.op == "end":
            cause = self._end(view, epochs, change)
            ended.append((change.source, cause))
            return
        placed = epochs.place(change)
        if not placed.fresh:
            self.counts["row", "duplicate"] += 1
            return
        version = (placed.epoch, change.position, change.sequence)
        try:
            outcome = self._row(view, change, version)
        except Refused as refused:
            self._refuse(view, change, version, refused)
            outcome = "refused"
        else:
            view.health.note(ok=True)
        self.counts["row", outcome] += 1
        if view.health.verdict() is not None:
            self._judge(change.source)

    def _row(self, view: SourceView, change: Change, version: Version) -> str:
        if change.op == "bad":
            raise Refused(
                "undecodable", change.lane, "no change event of this source: check its topics and converter"
            )
        beat = view.map.heartbeat
        if beat is not None and change.table == beat.table:
            value = (change.after or {}).get(beat.column)
            if value is not None:
                at = instant_of(Column(sensitive="time", zone=beat.zone, unit=beat.unit), value)
                self._out.to_all("heartbeat", view.name, Cause(version, change.committed_at), {"beat_at": at or 0})
            return "heartbeat"
        if change.table in view.map.ignored_tables:
            return "ignored"
        table = view.map.tables.get(change.table)
        if table is None:
            raise Refused("unplaced_table", change.table, UNPLACED_FIX)
        if change.op == "truncate":
            for gone in self.store.places(_tab(view, change.table)):
                self._delete(view, change.table, gone, version, change)
            return "truncated"
        if change.op == "delete":
            self._delete_row(view, table, change, version)
            return "deleted"
        return self._upsert(view, table, change, version)

    def _upsert(self, view: SourceView, table: TableMap, change: Change, version: Version) -> str:
        raw = change.after or {}
        key = key_of(table, {**raw, **(change.key or {})}, change.table)
        spot = self.store.place(view.name, change.table, key)
        row = place(table, raw, change.table)
        if change.key is None and change.before:
            self._drop_former(view, table, change, spot, version)
        state = self.store.row_state(spot)
        if state is not None and version < state[0]:
            return "stale"
        old = self.store.row(spot)
        if UNCHANGED in row.values():
            self._keep_unchanged(view, table, change, row, old, spot)
        self.quarantine.resolve(spot)
        digest = self.store.digest(sorted(row.items()))
        if state is not None and state[1] == digest:
            self.store.touch_row(spot, version)
            return "unchanged"
        cause = Cause(version, change.committed_at)
        if old is not None:
            self._touch(view, change.table, old, cause)
            self.store.drop_refs(spot, view.tables.refs(change.table, old))
        refs = view.tables.refs(change.table, row)
        self.store.put_row(spot, _tab(view, change.table), version, digest, row, refs)
        self._touch(view, change.table, row, cause)
        return "taken"

    def _keep_unchanged(  # noqa: PLR0913, PLR0917
        self, view: SourceView, table: TableMap, change: Change, row: Row, old: Row | None, spot: bytes
    ) -> None:
        """Put stored values where the source says that a large column did not change (TOAST)."""
        known = old or self.store.take_moved(spot)
        if known is None and change.old_key is not None:
            former = key_of(table, change.old_key, change.table)
            known = self.store.row(self.store.place(view.name, change.table, former))
        for column, value in row.items():
            if value == UNCHANGED:
                row[column] = (known or {}).get(column)
                if known is None:
                    self.counts["row", "unchanged_value_unknown"] += 1

    def _drop_former(self, view: SourceView, table: TableMap, change: Change, spot: bytes, version: Version) -> None:
        """Without a primary key a changed key shows only in the row before."""
        before = change.before or {}
        if any(before.get(column) is None for column in table.key):
            return
        former = self.store.place(view.name, change.table, key_of(table, before, change.table))
        if former != spot:
            self._delete(view, change.table, former, version, change)

    def _delete_row(self, view: SourceView, table: TableMap, change: Change, version: Version) -> None:
        # nothing but the key may be read from `before`: the rest of it can be made up (replica identity DEFAULT)
        raw = change.key if change.key is not None else change.before or {}
        key = key_of(table, raw, change.table)
        spot = self.store.place(view.name, change.table, key)
        if change.new_key is not None and (old := self.store.row(spot)) is not None:
            self._hand_over(view, table, change, change.new_key, old)
        self._delete(view, change.table, spot, version, change)

    def _hand_over(
        self, view: SourceView, table: TableMap, change: Change, new_key: Mapping[str, Any], old: Row
    ) -> None:
        """A key change: keep large values for the row's new key, unless that one has come already."""
        target = self.store.place(view.name, change.table, key_of(table, new_key, change.table))
        if self.store.row(target) is None:
            self.store.move(target, old)

    def _delete(self, view: SourceView, table: str, spot: bytes, version: Version, change: Change) -> None:
        self.quarantine.resolve(spot)
        old = self.store.row(spot)
        if old is None:
            return
        state = self.store.row_state(spot)
        if state is not None and version < state[0]:
            self.counts["row", "stale"] += 1
            return
        self._touch(view, table, old, Cause(version, change.committed_at))
        self.store.drop_refs(spot, view.tables.refs(table, old))
        self.store.drop_row(spot)

    def _refuse(self, view: SourceView, change: Change, version: Version, refused: Refused) -> None:
        """Keep the row in quarantine; the last version that was taken stands."""
        raw = {**(change.after or change.before or {}), **(change.key or {})}
        table = view.map.tables.get(change.table)
        try:
            key: Key = key_of(table, raw, change.table) if table is not None else ()
        except Refused:
            key = ()
        key = key or (change.lane, str(change.offset), *(str(value) for value in (change.key or {}).values()))
        spot = self.store.place(view.name, change.table, key)
        state = self.store.row_state(spot)
        if state is not None and state[0] < version:
            self.store.touch_row(spot, version)  # it is still there at the source: no snapshot's end may drop it
        self.quarantine.add(spot, change, (view.name, change.table), refused, self._now())
        view.health.note(ok=False)
        self.counts["quarantine", refused.reason] += 1

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
        known = self._touched.get(what)
        if known is None or known.version < cause.version:
            self._touched[what] = cause

    # --- the end of a batch ---

    def _emit(self) -> None:
        quarter = self._quarter()
        touched, self._touched = self._touched, {}
        for (source, kind, name, key), cause in touched.items():
            if kind == "record":
                for event in send_record(self._room, One(self.views[source], name, key), cause, quarter):
                    touched_event = (source, "event", event[0], tuple(event[1:]))
                    if touched_event not in touched:
                        self._touched[touched_event] = cause
        touched.update(self._touched)
        self._touched = {}
        for (source, kind, name, key), cause in touched.items():
            if kind == "event":
                send_event(self._room, One(self.views[source], name, key), cause)

    def _end(self, view: SourceView, epochs: Epochs, change: Change) -> Cause:
        """Rows that a complete snapshot did not show are gone."""
        epoch = epochs.end()
        if epoch is None:
            newest = epochs.current.number if epochs.current else 0
            return Cause((newest, change.position, change.sequence), change.committed_at)
        seen = self.store.tables_of(epoch.number)
        version = (epoch.number, max(change.position, epoch.position), change.sequence)
        for table in view.map.tables:
            asked = change.tables is None or table in change.tables
            if asked and (epoch.whole or change.tables is not None or _tab(view, table) in seen):
                for spot in self.store.places(_tab(view, table), epoch.number):
                    self._delete(view, table, spot, version, change)
                    self.counts["row", "reconciled"] += 1
        return Cause(version, change.committed_at)

    def _live(self, source: str, cause: Cause) -> None:
        if not self.is_live(source):
            self.store.set_meta(f"live:{source}", value=True)
            counts = {"records": self.store.count_emitted("identity"), "events": self.store.count_emitted("event")}
            self._out.to_all("live", source, cause, counts)

    def _quarter(self) -> date:
        """First day of the quarter that age bands were last sent for."""
        known = self.store.meta("quarter")
        if known is None:
            quarter = quarter_of(self._today())
            self.store.set_meta("quarter", quarter.isoformat())
            return quarter
        return date.fromisoformat(known)

    def _refresh(self) -> None:
        quarter = quarter_of(self._today())
        if quarter <= self._quarter():
            return
        self.store.set_meta("quarter", quarter.isoformat())
        for sent in self.store.emitted_in("profile"):
            view = self.views.get(sent.about["source"])
            name, *key = sent.about["key"]
            if view is not None and name in view.records:
                cause = Cause(sent.version, self._now())
                send_profile(self._room, One(view, name, tuple(key)), cause, quarter)

    def _today(self) -> date:
        return datetime.fromtimestamp(self._now() / 1000, UTC).date()

    def _judge(self, source: str) -> None:
        verdict = self.views[source].health.verdict()
        if verdict is not None and self._paused[source] is None:
            self.store.set_meta(f"paused:{source}", verdict)
            self._paused[source] = verdict

    def _leave(self) -> list[Message]:
        self.leaving, messages = self._out.take()
        if self._keep:
            self.store.post(messages)
        return messages


def _tab(view: SourceView, table: str) -> str:
    return f"{view.name}/{table}"
