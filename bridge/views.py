"""What records.py and events.py share: one source's tables and shapes, and the room they work in.

Decides nothing; it names things once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.joins import Shape, Table
from bridge.mapping import Mapping as MappingFile
from bridge.mapping_values import Refused
from bridge.outgoing import Outgoing
from bridge.pseudonym import Pseudonymiser
from bridge.quarantine import Health, Quarantine
from bridge.split import FindFactors, personal_of
from bridge.store import Key, Store


class SourceView:
    """One source: its tables, the shape of each record and event, and how its rows fare."""

    def __init__(self, name: str, mapping: MappingFile, store: Store) -> None:
        self.name, self.map = name, mapping.sources[name]
        self.tables = Table(name, self.map, store)
        self.records = {
            record: Shape(self.tables, made.table, made.join, made.where, made.by, made.choose)
            for record, made in self.map.records.items()
        }
        self.events = {
            event: Shape(self.tables, made.table, made.join, made.where) for event, made in self.map.events.items()
        }
        for made in self.map.records.values():
            for spells in made.profile.statuses:
                self.tables.index(spells.table, (spells.on,))
        self.personal = personal_of(self.map)
        self.health = Health()


@dataclass(frozen=True)
class Room:
    """What making messages needs.

    Attributes:
        mapping: The mapping.
        store: The local store.
        quarantine: Where goes what cannot be made.
        names: Makes pseudonyms.
        out: Takes the messages.
        now: The bridge's clock, ms.
        find: Finds factors in text; None where enrichment is not approved.
        recent: Record pseudonyms of the batch in hand; dropped at its end.
    """

    mapping: MappingFile
    store: Store
    quarantine: Quarantine
    names: Pseudonymiser
    out: Outgoing
    now: Callable[[], int]
    find: FindFactors | None
    recent: dict[tuple[str, str, Key], bytes] = field(default_factory=dict)

    def ident(self, lane: str, one: One) -> bytes:
        """Blinded identity under which the store keeps what was sent."""
        return self.store.blind("emitted", one.view.name, lane, one.name, *one.key)

    def record_name(self, source: str, name: str, key: Key) -> bytes:
        """Record pseudonym.

        Raises:
            Refused: The key does not fit into one.
        """
        known = self.recent.get((source, name, key))
        if known is not None:
            return known
        try:
            made = self.recent[source, name, key] = self.names.record(source, (name, *key))
            return made
        except ValueError:
            raise Refused("key_too_long", name, "shorten the names of source and record in the mapping") from None

    def event_name(self, source: str, name: str, key: Key) -> bytes:
        """Event pseudonym.

        Raises:
            Refused: The key does not fit into one.
        """
        try:
            return self.names.event(source, (name, *key))
        except ValueError:
            raise Refused("key_too_long", name, "shorten the names of source and event in the mapping") from None

    def subject(self, record: bytes) -> bytes:
        """Blinded record pseudonym, by which its events are found."""
        return self.store.blind("subject", record.hex())

    def refuse(self, one: One, kind: str, refused: Refused) -> None:
        """Note that a record or event could not be made; what was sent before stands."""
        what = (kind, one.name, one.key)
        self.quarantine.add(self.place(one, kind), what, (one.view.name, one.name), refused, self.now())
        one.view.health.note(ok=False)
        self.out.counts["quarantine", refused.reason] += 1

    def accept(self, one: One, kind: str) -> None:
        """Note that it could."""
        self.quarantine.resolve(self.place(one, kind))

    def place(self, one: One, kind: str) -> bytes:
        """Blinded place in quarantine."""
        return self.store.blind(kind, one.view.name, one.name, *one.key)


@dataclass(frozen=True, slots=True)
class One:
    """One record or event: its source, its name in the mapping, its key."""

    view: SourceView
    name: str
    key: Key
