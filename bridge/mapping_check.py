"""What the form of a mapping file cannot say: that every name in it leads somewhere.

Decides which mappings hang together. Does not read files or turn values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bridge.mapping import (
    KIND,
    NONE,
    REFUSE,
    Choose,
    Codes,
    Column,
    EventMap,
    Join,
    Mapping,
    ProfileMap,
    RecordMap,
    SourceMap,
    TableMap,
)  # fmt: skip

Place = tuple[str | int, ...]
Fault = tuple[Place, str]
FACTORS_MAX_PLACES = 32  # as many as schemas.event.FACTORS_MAX
INSTANT = "instant"


def check(mapping: Mapping) -> Iterator[Fault]:
    """Faults of a well-formed mapping.

    Args:
        mapping: As the form allows it.

    Yields:
        Place in the file, and what was expected there.
    """
    for name, source in mapping.sources.items():
        here: Place = ("sources", name)
        for table, placed in source.tables.items():
            yield from _table((*here, "tables", table), placed, source)
        if source.heartbeat:
            yield from _zone((*here, "heartbeat", "zone"), source.heartbeat.zone)
        for record, made in source.records.items():
            yield from _record((*here, "records", record), made, source)
            if isinstance(mapping.partnership, Codes):
                seen = _Seen(source, made.table, made.join)
                yield from seen.column(("partnership", "column"), mapping.partnership.column, {"sensitive"})
        for event, happening in source.events.items():
            yield from _event((*here, "events", event), happening, source)


def _zone(place: Place, zone: str | None) -> Iterator[Fault]:
    if zone not in {None, INSTANT, "UTC"}:
        try:
            ZoneInfo(str(zone))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield place, "expected instant, UTC or a zone such as Europe/London"


def _table(here: Place, table: TableMap, source: SourceMap) -> Iterator[Fault]:
    for key in table.key:
        if key not in table.columns or not table.columns[key].key:
            yield (*here, "key"), f"column {key} must be placed as key"
    for name, column in table.columns.items():
        place = (*here, "columns", name)
        if column.key and name not in table.key:
            yield place, "placed as key but not in the table's key"
        if column.link is not None and column.link not in source.tables:
            yield place, f"links to table {column.link}, which is not in this source"
        yield from _zone(place, column.zone)


class _Seen:
    """The tables that a record or event can see: its own and those joined so far."""

    def __init__(self, source: SourceMap, table: str, joins: Sequence[Join] = ()) -> None:
        self.source, self.table = source, table
        self.tables = {table, *(join.table for join in joins)}

    def find(self, name: str) -> Column | None:
        table, column = resolve(name, self.table, self.tables)
        placed = self.source.tables.get(table)
        return placed.columns.get(column) if placed else None

    def column(self, place: Place, name: str, kinds: set[str], types: set[str] | None = None) -> Iterator[Fault]:
        found = self.find(name)
        if found is None:
            yield place, f"no column {name} in {' or '.join(sorted(self.tables))}"
        elif found.ignored:
            yield place, f"column {name} is ignored, so it is not stored"
        elif "sensitive" in kinds and found.sensitive is None and not found.key:
            yield place, f"column {name} must be placed as sensitive"
        elif types and found.sensitive not in types:
            yield place, f"column {name} must be placed as sensitive {' or '.join(sorted(types))}"

    def codes(self, place: Place, value: Any) -> Iterator[Fault]:
        if isinstance(value, Codes):
            yield from self.column((*place, "column"), value.column, {"sensitive"})

    def where(self, place: Place, where: dict[str, tuple[str, ...]]) -> Iterator[Fault]:
        for name in where:
            yield from self.column((*place, name), name, {"any"})


def resolve(name: str, own: str, tables: set[str]) -> tuple[str, str]:
    """Table and column of a name: `column` is the own table's, `table.column` a joined one's.

    Example:
        >>> resolve("care.address.postcode", "care.person", {"care.person", "care.address"})
        ('care.address', 'postcode')
    """
    table, dot, column = name.rpartition(".")
    return (table, column) if dot and table in tables else (own, name)


def _choose(place: Place, choose: Choose | None, seen: _Seen) -> Iterator[Fault]:
    if choose is None:
        return
    for field, name in (("newest", choose.newest), ("ended", choose.ended)):
        if name:
            yield from seen.column((*place, "choose", field), name, {"any"})
    yield from seen.where((*place, "choose", "where"), choose.where)


def _joins(here: Place, table: str, joins: Sequence[Join], source: SourceMap) -> Iterator[Fault]:
    reached = {table}
    for number, join in enumerate(joins):
        place: Place = (*here, "join", number)
        left = join.from_ or table
        if join.table not in source.tables:
            yield (*place, "table"), f"no table {join.table} in this source"
        elif left not in reached:
            yield (*place, "from"), f"{left} is not joined before this"
        elif join.table in reached:
            yield (*place, "table"), f"{join.table} is joined twice"
        elif side_of(source, join, left) is None:
            yield (*place, "on"), f"expected a column with a link between {left} and {join.table}"
        else:
            if side_of(source, join, left) == "right" and join.choose is None:
                yield place, "many rows may match: say which with choose"
            yield from _choose(place, join.choose, _Seen(source, join.table))
        reached.add(join.table)


def side_of(source: SourceMap, join: Join, left: str) -> str | None:
    """Where the foreign key of a join stands: `right` (the joined table), `left`, or None where there is none."""
    for side, holder, other in (("right", join.table, left), ("left", left, join.table)):
        columns = source.tables[holder].columns
        if all(name in columns and columns[name].link == other for name in join.on):
            return side
    return None


def _record(here: Place, record: RecordMap, source: SourceMap) -> Iterator[Fault]:
    if record.table not in source.tables:
        yield (*here, "table"), f"no table {record.table} in this source"
        return
    own = _Seen(source, record.table)
    for name in record.by or ():
        yield from own.column((*here, "by"), name, {"any"})
    if record.by and (record.choose is None or record.choose.newest is None):
        yield (*here, "by"), "several rows make one person: say which counts with choose.newest"
    yield from _choose(here, record.choose, own)
    yield from own.where((*here, "where"), record.where)
    yield from _joins(here, record.table, record.join, source)
    yield from _profile((*here, "profile"), record.profile, _Seen(source, record.table, record.join))


def _profile(here: Place, profile: ProfileMap, seen: _Seen) -> Iterator[Fault]:
    for field in ("to_25", "group", "allocation", "unborn"):
        yield from seen.codes((*here, field), getattr(profile, field))
    if profile.unborn_of is not None:
        found = seen.find(profile.unborn_of)
        if found is None or found.link != seen.table:
            yield (*here, "unborn_of"), f"expected a column that links to {seen.table}"
    for number, spells in enumerate(profile.statuses):
        place = (*here, "statuses", number)
        if spells.table not in seen.source.tables:
            yield (*place, "table"), f"no table {spells.table} in this source"
            continue
        own = _Seen(seen.source, spells.table)
        found = own.find(spells.on)
        if found is None or (seen.table not in {found.link, spells.table}):
            yield (*place, "on"), f"expected a column that links to {seen.table}"
        yield from own.codes((*place, "kind"), spells.kind)
        for field, name in (("started", spells.started), ("ended", spells.ended)):
            if name:
                yield from own.column((*place, field), name, {"sensitive"}, {"date", "time"})
        yield from own.where((*place, "where"), spells.where)


def _event(here: Place, event: EventMap, source: SourceMap) -> Iterator[Fault]:
    if event.table not in source.tables:
        yield (*here, "table"), f"no table {event.table} in this source"
        return
    yield from _joins(here, event.table, event.join, source)
    seen = _Seen(source, event.table, event.join)
    ((record, names),) = event.record.items()
    if record not in source.records:
        yield (*here, "record"), f"no record {record} in this source"
    else:
        made = source.records[record]
        width = len(made.by or source.tables[made.table].key if made.table in source.tables else names)
        if len(names) != width:
            yield (*here, "record", record), f"the record's key has {width} columns, not {len(names)}"
    for name in names:
        yield from seen.column((*here, "record", record), name, {"any"})
    yield from seen.column((*here, "occurred_at"), event.occurred_at, {"sensitive"}, {"date", "time"})
    yield from seen.codes((*here, "kind"), event.kind)
    if isinstance(event.kind, Codes) and event.kind.otherwise not in {NONE, REFUSE}:
        yield from _kind((*here, "kind", "otherwise"), event.kind.otherwise)
    for number, factor in enumerate(event.factors):
        yield from seen.codes((*here, "factors", number), factor)
    yield from seen.codes((*here, "outcome"), event.outcome)
    yield from seen.codes((*here, "contact"), event.contact)
    for number, name in enumerate(event.text):
        yield from seen.column((*here, "text", number), name, {"sensitive"}, {"text"})
    yield from seen.where((*here, "where"), event.where)


def _kind(place: Place, kind: str) -> Iterator[Fault]:
    import re  # noqa: PLC0415

    if not re.fullmatch(KIND, kind):
        yield place, f"expected {KIND}"
