"""An agency's database as rows in time: what it holds when live begins, and each change after that.

Decides how writes at moments become an initial state and ordered live changes. Knows tables only by their SQL file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from demo.world.base import END_MS, T0_MS

SQL_FOLDER: Final = Path(__file__).parent / "sql"
_TABLE: Final = re.compile(r"CREATE TABLE (\w+\.\w+) \((.*?)\n\);", re.DOTALL)
Values = dict[str, Any]


class Row(NamedTuple):
    """One row as it is after a write. `values` is the whole row, empty for a delete (`op` "d")."""

    at_ms: int
    table: str
    op: str
    key: Values
    values: Values


class Change(NamedTuple):
    """A live write, ready for psycopg."""

    at_ms: int
    agency: str
    sql: str
    params: tuple[Any, ...]
    row: Row


class Shape(NamedTuple):
    """Columns of a table in order, and the columns that identify a row."""

    columns: tuple[str, ...]
    key: tuple[str, ...]


def ddl(agency: str) -> str:
    """The agency's database schema.

    Args:
        agency: Its id.

    Returns:
        SQL statements.
    """
    return (SQL_FOLDER / f"{agency}.sql").read_text(encoding="utf-8")


def shapes(sql: str) -> dict[str, Shape]:
    """Columns and keys of the tables that a file of ours creates: one definition, not two.

    Args:
        sql: One column a line; the key in a PRIMARY KEY clause or, without one, in a `-- rows by a, b` comment.

    Returns:
        Shape by `schema.table`.
    """
    found: dict[str, Shape] = {}
    for name, body in _TABLE.findall(sql):
        lines = [line.strip() for line in body.strip().splitlines()]
        columns = [line.split()[0] for line in lines if not line.startswith(("PRIMARY", "--"))]
        key = re.search(r"(?:PRIMARY KEY \(|-- rows by )([\w, ]+)", body)
        one = [line.split()[0] for line in lines if " PRIMARY KEY" in line and not line.startswith("PRIMARY")]
        found[name] = Shape(
            tuple(columns), tuple(one or (part.strip() for part in (key[1] if key else "").split(",")))
        )
    return found


class Book:
    """Writes of one agency, in any order; `initial` and `changes` are the same for the same writes."""

    def __init__(self, agency: str) -> None:
        self.agency = agency
        self.shapes = shapes(ddl(agency))
        self._writes: list[tuple[int, int, str, str, Values]] = []
        self._folded: tuple[dict[str, dict[tuple[Any, ...], Values]], list[Change]] | None = None

    def put(self, at_ms: int, table: str, values: Mapping[str, Any]) -> None:
        """Insert a row, or change the columns given of the row with that key.

        Args:
            at_ms: When it is written.
            table: `schema.table`.
            values: The key columns and any others; columns never given are null.
        """
        self._writes.append((at_ms, len(self._writes), table, "put", dict(values)))

    def remove(self, at_ms: int, table: str, key: Mapping[str, Any]) -> None:
        """Delete a row.

        Args:
            at_ms: When.
            table: `schema.table`.
            key: Its key columns.
        """
        self._writes.append((at_ms, len(self._writes), table, "remove", dict(key)))

    def initial(self) -> Iterator[tuple[str, Values]]:
        """Rows when live begins, by table and then in order of writing.

        Yields:
            (table, row).
        """
        for table, rows in self._fold()[0].items():
            for row in rows.values():
                yield table, row

    def changes(self) -> list[Change]:
        """Writes of the live phase.

        Returns:
            In order of time.
        """
        return self._fold()[1]

    def rows(self) -> Iterator[Row]:
        """Initial rows, then live ones.

        Yields:
            Rows; initial ones at one millisecond before live.
        """
        for table, values in self.initial():
            yield Row(T0_MS - 1, table, "c", self._key(table, values), values)
        yield from (change.row for change in self.changes())

    def _key(self, table: str, values: Values) -> Values:
        return {column: values[column] for column in self.shapes[table].key}

    def _fold(self) -> tuple[dict[str, dict[tuple[Any, ...], Values]], list[Change]]:
        if self._folded is None:
            state: dict[str, dict[tuple[Any, ...], Values]] = {table: {} for table in self.shapes}
            initial: dict[str, dict[tuple[Any, ...], Values]] | None = None
            changes: list[Change] = []
            for at_ms, _, table, op, values in sorted(self._writes, key=lambda write: write[:2]):
                if at_ms >= END_MS:
                    break
                if at_ms >= T0_MS and initial is None:
                    initial = {name: dict(rows) for name, rows in state.items()}
                change = self._apply(state[table], at_ms, table, op, values)
                if change and at_ms >= T0_MS:
                    changes.append(change)
            self._folded = (state if initial is None else initial, changes)
        return self._folded

    def _apply(
        self, rows: dict[tuple[Any, ...], Values], at_ms: int, table: str, op: str, values: Values
    ) -> Change | None:
        shape = self.shapes[table]
        key = tuple(values[column] for column in shape.key)
        named = dict(zip(shape.key, key, strict=True))
        where = " AND ".join(f"{column} = %s" for column in shape.key)
        old = rows.get(key)
        if op == "remove":
            if rows.pop(key, None) is None:
                return None
            row = Row(at_ms, table, "d", named, {})
            return Change(at_ms, self.agency, f"DELETE FROM {table} WHERE {where}", key, row)
        unknown = set(values) - set(shape.columns)
        if unknown:
            raise KeyError(f"{table} has no column {', '.join(sorted(unknown))}")
        new = {column: values.get(column, old[column] if old else None) for column in shape.columns}
        if new == old:
            return None
        rows[key] = new
        row = Row(at_ms, table, "u" if old else "c", named, new)
        if old:
            changed = [column for column in shape.columns if new[column] != old[column]]
            sql = f"UPDATE {table} SET {', '.join(f'{c} = %s' for c in changed)} WHERE {where}"
            return Change(at_ms, self.agency, sql, tuple(new[c] for c in changed) + key, row)
        marks = ", ".join(["%s"] * len(shape.columns))
        sql = f"INSERT INTO {table} ({', '.join(shape.columns)}) VALUES ({marks})"
        return Change(at_ms, self.agency, sql, tuple(new[c] for c in shape.columns), row)
