"""Extracts as files: CSV with a header line, or JSON Lines; whole tables or what changed.

Decides how a file becomes changes. A full extract is a snapshot of its table: rows that it does not show are gone.
An increment changes only the rows it holds. A file counts once it bears its name: write it under another one and
rename it.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from bridge.sources import Change

CSV_FIELD_MAX_CHARS: Final = 1_048_576
SURPLUS: Final = "\0surplus"


class Extract(NamedTuple):
    """What is known of one extract.

    Attributes:
        source: Source in the mapping.
        table: Table in the mapping.
        run: What names this extract; the same for the same file.
        position: Later extracts have a greater one, such as the file's time in ms.
        committed_at: When it was made (ms since 1970-01-01 UTC).
        full: It shows the whole table.
        deleted: Column and codes that mark a deleted row of an increment; the column needs no place in the mapping.
    """

    source: str
    table: str
    run: str
    position: int
    committed_at: int
    full: bool
    deleted: tuple[str, tuple[str, ...]] | None = None


def extract_of(path: Path, source: str, table: str, *, full: bool) -> Extract:
    """Describe a file by its name, size and time."""
    facts = path.stat()
    ms = facts.st_mtime_ns // 1_000_000
    named = f"{path.name}\n{facts.st_size}\n{facts.st_mtime_ns}".encode()
    return Extract(source, table, hashlib.sha256(named).hexdigest()[:16], ms, ms, full)


def read(path: Path, delimiter: str = ",", encoding: str = "utf-8-sig") -> Iterator[dict[str, Any] | str]:
    """Rows of a file.

    Args:
        path: `.csv`, `.jsonl` or `.ndjson`.
        delimiter: Of CSV.
        encoding: Of the text.

    Yields:
        Row by column, empty text of CSV as None; or the raw line where it is no row.
    """
    with path.open(encoding=encoding, newline="", errors="replace") as file:
        if path.suffix.lower() == ".csv":
            csv.field_size_limit(CSV_FIELD_MAX_CHARS)
            for row in csv.DictReader(file, delimiter=delimiter, restkey=SURPLUS, restval=SURPLUS, strict=True):
                whole = SURPLUS not in row and SURPLUS not in row.values()
                yield {name: value or None for name, value in row.items()} if whole else repr(row)
            return
        for line in file:
            if line.strip():
                yield _json_row(line)


def _json_row(line: str) -> dict[str, Any] | str:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return line
    return row if isinstance(row, dict) else line


def rows(extract: Extract, found: Iterable[Mapping[str, Any] | str]) -> Iterator[Change]:
    """Changes of an extract.

    Args:
        extract: What is known of it.
        found: Its rows, or raw lines that are none.

    Yields:
        One change a row; for a full extract then `end` for its table.
    """
    lane = f"{extract.table}:{extract.run}"
    for number, row in enumerate(found):
        yield _change(extract, lane, number, row)
    if extract.full:
        yield Change(
            extract.source, extract.table, "end", position=extract.position, committed_at=extract.committed_at,
            run=extract.run, tables=(extract.table,),
        )  # fmt: skip


def _change(extract: Extract, lane: str, number: int, row: Mapping[str, Any] | str) -> Change:
    if isinstance(row, str):
        raw = {"raw": base64.b64encode(row.encode()).decode()}
        return Change(extract.source, extract.table, "bad", after=raw, lane=lane, offset=number, run=extract.run)
    values, gone = dict(row), False
    if extract.deleted is not None:
        column, codes = extract.deleted
        gone = str(values.pop(column, None)) in codes
    return Change(
        source=extract.source,
        table=extract.table,
        op="delete" if gone else "read" if extract.full else "update",
        before=values if gone else None,
        after=None if gone else values,
        position=extract.position,
        sequence=0 if extract.full else number,
        committed_at=extract.committed_at,
        snapshot="true" if extract.full else "",
        run=extract.run,
        lane=lane,
        offset=number,
    )


def whole(source: str, position: int, committed_at: int) -> Change:
    """The end of a source's history: every table has been read once."""
    return Change(source, "", "end", position=position, committed_at=committed_at)
