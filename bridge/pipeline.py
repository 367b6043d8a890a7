"""From changes of rows to sealed messages: the bridge without its edges.

Decides the order of things: place a change in its epoch, keep the row, find the records and events it takes part in,
reconcile after a snapshot, and let the emitter send what changed. All of a batch is one transaction of the store,
messages included, so that a crash at any point repeats nothing half. Reads no source and publishes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final

from bridge.clock import wall_ms
from bridge.encode import Profile
from bridge.epochs import Epochs
from bridge.events import send_event
from bridge.keys import AgencyKeys
from bridge.mapping import Mapping as MappingFile
from bridge.mapping_values import Refused
from bridge.normalise import Person
from bridge.outgoing import Cause, Leaving, Message, Outgoing
from bridge.pseudonym import Pseudonymiser
from bridge.quarantine import Entry, Health, Quarantine
from bridge.records import send_profile, send_record
from bridge.rows import RowKeeper, Touched
from bridge.sources import Change
from bridge.split import FindFactors, quarter_of
from bridge.store import Store
from bridge.views import One, Room, SourceView

REFRESH_MAX: Final = 150  # records looked at in one part of a new quarter: about an eighth of a second


class Pipeline:
    """A bridge in memory: changes in, messages out.

    Args:
        mapping: The mapping.
        keys: The agency's keys; by partnership where it serves several.
        store: The local store; `Store(":memory:", keys.agency_key)` for a run that leaves nothing.
        now: Clock that dates are judged by and age bands follow, ms; the partnership's where it has one.
        wall: Wall time, ms, for payload keys.
        find: Finds factors in text; None where enrichment is not approved.
        profile: Of the encodings; the same at every agency of a partnership.
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
        profile: Profile = "default",
        outbox: bool = False,
    ) -> None:
        wings = {keys.partnership: keys} if isinstance(keys, AgencyKeys) else keys
        self.store, self._now, self._keep = store, now, outbox
        self.quarantine = Quarantine(store)
        self._out = Outgoing(mapping.agency, wings, wall, profile)
        names = Pseudonymiser(next(iter(wings.values())).agency_key)
        self._room = Room(mapping, store, self.quarantine, names, self._out, now, find)
        self.views = {name: SourceView(name, mapping, store) for name in mapping.sources}
        self._epochs = {name: store.epochs(name) for name in mapping.sources}
        self._paused: dict[str, str | None] = {name: store.meta(f"paused:{name}") for name in mapping.sources}
        self._rows = RowKeeper(self._room)
        self.leaving: list[Leaving] = []

    @property
    def people(self) -> dict[bytes, Person]:
        """By record, whom the last batch's identities are about; for the agency's own staff."""
        return self._out.people

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
        for source, cause in ended:
            self._live(source, cause)
        for source, epochs in self._epochs.items():
            self.store.save_epochs(source, epochs)
            self._judge(source)
        return self._leave()

    def _forget(self) -> None:
        """The batch was rolled back: nothing of it may stay in memory."""
        self._rows.touched = {}
        self._out.drop()
        self._epochs = {name: self.store.epochs(name) for name in self._epochs}

    def refresh(self) -> list[Message]:
        """Send a part of what a new quarter or another encoding changes; cheap where nothing is left.

        A part, so that what happens meanwhile does not wait for the whole of it.
        """
        return [*self._new_encodings(), *self._new_bands()]

    def _new_encodings(self) -> list[Message]:
        """Some records anew, under a new linkage key or profile: all leave again though nothing of them changed."""
        now = "/".join(f"{name}|{wing.encoding}" for name, wing in sorted(self._out.wings.items()))
        known = self.store.meta("encodings")
        after = self.store.meta("encoded") if known in {None, now} else b""
        if known is not None and after is None:
            return []
        with self.store.batch():
            self.store.set_meta("encodings", now)
            if known is None:  # a new store: all that leaves is encoded so
                return []
            for one, cause in self._next_records(after, "encoded"):
                send_record(self._room, one, cause, self._quarter())
            return self._leave()

    def _new_bands(self) -> list[Message]:
        quarter, known = quarter_of(self._today()), self._quarter()
        after = b"" if quarter > known else self.store.meta("refreshed")
        if after is None:
            return []
        quarter = max(quarter, known)
        with self.store.batch():
            self.store.set_meta("quarter", quarter.isoformat())
            for one, cause in self._next_records(after, "refreshed"):
                send_profile(self._room, one, cause, quarter)
            return self._leave()

    def _next_records(self, after: bytes, reached: str) -> Iterator[tuple[One, Cause]]:
        """The next part of all records sent, after an ident; how far that comes is kept under a name."""
        part = self.store.emitted_after("profile", after, REFRESH_MAX)
        for _, sent in part:
            view = self.views.get(sent.about["source"])
            name, *key = sent.about["key"]
            if view is not None and name in view.records:
                yield One(view, name, tuple(key)), Cause(sent.version, self._now())
        self.store.set_meta(reached, part[-1][0] if part else None)

    def paused(self, source: str) -> str | None:
        """Why a source is paused, or None. `resume` lets it go on."""
        return self._paused[source]

    def still_paused(self, source: str) -> str | None:
        """As `paused`, but asking the store, where an operator may have resumed it."""
        if self._paused[source] is not None:
            self._reload()
        return self._paused[source]

    def retry(self, entries: Sequence[Entry]) -> int:
        """Take rows out of quarantine again, after the mapping or the source was corrected.

        Args:
            entries: Refused rows, records and events; a row is taken unless a newer version of it is kept.

        Returns:
            How many were taken; the others stay in quarantine.
        """
        with self.store.batch():
            self._reload()
            self.quarantine.drop([entry.id for entry in entries])
            for entry in entries:
                self._again(entry)
            self._emit()
            self._leave()
        return len(entries) - len({entry.id for entry in self.quarantine.entries()} - self._before(entries))

    def _before(self, entries: Sequence[Entry]) -> set[int]:
        """Ids up to the newest of these: what stands above them was refused again."""
        newest = max((entry.id for entry in entries), default=0)
        return {entry.id for entry in self.quarantine.entries() if entry.id <= newest}

    def _again(self, entry: Entry) -> None:
        view, current = self.views[entry.source], self._epochs[entry.source].current
        epoch = current.number if current else 0
        if entry.touched is not None:
            kind, name, key = entry.touched
            self._rows.touched[entry.source, kind, name, key] = Cause((epoch, 0, 0), self._now())
        elif entry.change is not None:
            version = (epoch, entry.change.position, entry.change.sequence)
            try:
                self._rows.take(view, entry.change, version)
            except Refused as refused:
                self._rows.refuse(view, entry.change, version, refused)

    def epochs(self, source: str) -> Epochs:
        """Epochs and lanes of a source."""
        return self._epochs[source]

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
            cause = self._rows.reconcile(view, epochs, change)
            if change.tables is None:  # the end of some tables only is not yet the whole history
                ended.append((change.source, cause))
            return
        placed = epochs.place(change)
        if not placed.fresh:
            self.counts["row", "duplicate"] += 1
            return
        version = (placed.epoch, change.position, change.sequence)
        try:
            outcome = self._rows.take(view, change, version)
        except Refused as refused:
            self._rows.refuse(view, change, version, refused)
            outcome = "refused"
        else:
            view.health.note(ok=True)
        self.counts["row", outcome] += 1
        if view.health.verdict() is not None:
            self._judge(change.source)

    # --- the end of a batch ---

    def _emit(self) -> None:
        quarter = self._quarter()
        touched, self._rows.touched = self._rows.touched, {}
        following: Touched = {}
        for (source, kind, name, key), cause in touched.items():
            if kind == "record":
                for event in send_record(self._room, One(self.views[source], name, key), cause, quarter):
                    touched_event = (source, "event", event[0], tuple(event[1:]))
                    if touched_event not in touched:
                        following[touched_event] = cause
        touched.update(following)
        for (source, kind, name, key), cause in touched.items():
            if kind == "event":
                send_event(self._room, One(self.views[source], name, key), cause)

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

    def _today(self) -> date:
        return datetime.fromtimestamp(self._now() / 1000, UTC).date()

    def _judge(self, source: str) -> None:
        verdict = self.views[source].health.verdict()
        if verdict is not None and self._paused[source] is None:
            self.store.set_meta(f"paused:{source}", verdict)
            self._paused[source] = verdict

    def _leave(self) -> list[Message]:
        self.leaving, messages = self._out.take()
        self._room.recent.clear()
        if self._keep:
            self.store.post(messages)
            self.store.tally(
                self._today().isoformat(), [(one.lane, one.message.get("op", "sent")) for one in self.leaving]
            )
        return messages
