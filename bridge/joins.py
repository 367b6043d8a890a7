"""From a changed row to the records and events it takes part in, and from one of those to all its rows.

Decides how foreign keys are followed, both ways, over the rows that the store keeps, and which of several joined
rows counts. Does not know what the columns mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridge.mapping import Choose, Join, SourceMap, Where, code
from bridge.mapping_check import side_of
from bridge.store import Key, Store
from bridge.vault import Row

Rows = dict[str, Row]
"""One row a table: the record's or event's own and the joined ones that were found."""


def values(row: Mapping[str, Any], columns: Sequence[str]) -> Key | None:
    """Values of columns as text, or None where one is missing."""
    found = [row.get(column) for column in columns]
    return None if None in found else tuple(code(value) for value in found)


def holds(where: Where, row: Mapping[str, Any]) -> bool:
    """Whether every named column has one of its codes."""
    return all(code(row.get(column)) in codes for column, codes in where.items())


def pick(rows: Sequence[Row], choose: Choose | None, key: Sequence[str]) -> Row | None:
    """The row that counts among several, the same whatever order they come in."""
    if choose is not None:
        rows = [row for row in rows if holds(choose.where, row)]
    if not rows:
        return None

    def rank(row: Row) -> tuple[Any, ...]:
        newest = row.get(choose.newest) if choose and choose.newest else None
        is_open = choose is None or choose.ended is None or row.get(choose.ended) is None
        return is_open, newest is not None, newest if newest is not None else 0, values(row, key) or ()

    return max(rows, key=rank)


class Table:
    """Rows of one source's tables, by key and by reference."""

    def __init__(self, name: str, source: SourceMap, store: Store) -> None:
        self.name, self.source, self.store = name, source, store
        self.indexes: dict[str, set[tuple[str, ...]]] = {}

    def index(self, table: str, columns: tuple[str, ...]) -> None:
        """Have rows of a table found by these columns."""
        self.indexes.setdefault(table, set()).add(columns)

    def refs(self, table: str, row: Row) -> list[bytes]:
        """References that a row holds."""
        return [
            self._ref(table, columns, found)
            for columns in sorted(self.indexes.get(table, ()))
            if (found := values(row, columns)) is not None
        ]

    def row(self, table: str, key: Key) -> Row | None:
        """A row by its key."""
        return self.store.row(self.store.place(self.name, table, key))

    def find(self, table: str, columns: tuple[str, ...], wanted: Key) -> list[Row]:
        """Rows whose columns have these values."""
        places = self.store.referring(self._ref(table, columns, wanted))
        return [row for place in places if (row := self.store.row(place)) is not None]

    def key(self, table: str, row: Row) -> Key | None:
        """Key of a row."""
        return values(row, self.source.tables[table].key)

    def _ref(self, table: str, columns: tuple[str, ...], wanted: Key) -> bytes:
        return self.store.blind("ref", self.name, table, *columns, "=", *wanted)


class Shape:
    """A table and those joined to it: what a record or an event is made from.

    Args:
        tables: The source's rows.
        table: The record's or event's own table.
        joins: Joins in the order of the mapping, checked.
        by: Columns that make the id where it is not the table's key.
        choose: Which row counts where several have one id.
        where: Which rows count at all.
    """

    def __init__(  # noqa: PLR0913, PLR0917  (the parts of the mapping that both kinds share)
        self,
        tables: Table,
        table: str,
        joins: Sequence[Join],
        where: Where,
        by: tuple[str, ...] | None = None,
        choose: Choose | None = None,
    ) -> None:
        self.tables, self.table, self.where = tables, table, where
        self.by, self.choose = by, choose
        self.joins = {join.table: join for join in joins}
        self._right: dict[str, bool] = {}
        if by:
            tables.index(table, by)
        for join in joins:
            left = join.from_ or table
            self._right[join.table] = side_of(tables.source, join, left) == "right"
            tables.index(join.table if self._right[join.table] else left, join.on)

    def id_of(self, row: Row) -> Key | None:
        """Id of the record or event that a row of the own table belongs to."""
        return values(row, self.by) if self.by else self.tables.key(self.table, row)

    def touched(self, table: str, row: Row) -> Iterator[Key]:
        """Ids of what a row takes part in, as far as its present values and the stored rows tell."""
        if table == self.table and (own := self.id_of(row)) is not None:
            yield own
        if table in self.joins:
            yield from self._back(self.joins[table], row)

    def gather(self, wanted: Key) -> Rows | None:
        """All rows of a record or event; None where there is no own row that counts."""
        own = self._own(wanted)
        if own is None:
            return None
        rows: Rows = {self.table: own}
        for join in self.joins.values():
            found = self._joined(join, rows, wanted)
            if found is not None:
                rows[join.table] = found
        return rows

    def _own(self, wanted: Key) -> Row | None:
        if self.by:
            rows = [row for row in self.tables.find(self.table, self.by, wanted) if holds(self.where, row)]
            return pick(rows, self.choose, self.tables.source.tables[self.table].key)
        row = self.tables.row(self.table, wanted)
        return row if row is not None and holds(self.where, row) else None

    def _joined(self, join: Join, rows: Rows, wanted: Key) -> Row | None:
        left = join.from_ or self.table
        if left not in rows:
            return None
        if self._right[join.table]:
            key = wanted if left == self.table else self.tables.key(left, rows[left])
            found = self.tables.find(join.table, join.on, key) if key is not None else []
            return pick(found, join.choose, self.tables.source.tables[join.table].key)
        link = values(rows[left], join.on)
        return self.tables.row(join.table, link) if link is not None else None

    def _back(self, join: Join, row: Row) -> Iterator[Key]:
        left = join.from_ or self.table
        if self._right[join.table]:
            link = values(row, join.on)
            if link is None:
                return
            if left == self.table:
                yield link
                return
            above = self.tables.row(left, link)
            rows = [above] if above is not None else []
        else:
            key = self.tables.key(join.table, row)
            rows = self.tables.find(left, join.on, key) if key is not None else []
        for found in rows:
            if left == self.table:
                if (own := self.id_of(found)) is not None:
                    yield own
            else:
                yield from self._back(self.joins[left], found)
