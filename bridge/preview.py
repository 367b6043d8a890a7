"""`sightline bridge preview`: for real rows, exactly what would leave beside what stays.

Decides how that is shown. It runs the same pipeline on a store in memory and prints its messages as they are before
they are sealed. For the agency's own staff, on the agency's own machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from bridge.mapping import Column
from bridge.mapping import Mapping as MappingFile
from bridge.outgoing import Leaving
from bridge.pipeline import Pipeline
from bridge.sources import Change
from bridge.sources.debezium import captured, replay
from bridge.sources.files import Extract, read, rows
from schemas.identity import FIELDS, TOKENS

LEFT_CHARS: Final = 58
RIGHT_CHARS: Final = 70
BYTES_SHOWN: Final = 12


class Unreadable(ValueError):
    """An input file that is neither a capture nor rows."""


def changes_of(path: Path, mapping: MappingFile, source: str | None, table: str | None) -> list[Change]:
    """Changes of an input file.

    Args:
        path: A Debezium capture (`{topic, partition, offset, headers, key, value}`, one as JSON, or one a line), or
            rows as CSV or JSON Lines.
        mapping: The mapping.
        source: Source it belongs to; the mapping's first where absent.
        table: Table, for files of rows; the file's name without its ending where absent.

    Returns:
        Changes, with the end of the snapshot where its last row stands.

    Raises:
        Unreadable: It is neither, or the source is not in the mapping.
    """
    name = source or next(iter(mapping.sources))
    if name not in mapping.sources:
        error = f"no source {name} in the mapping"
        raise Unreadable(error)
    try:
        if path.suffix == ".csv":
            return list(rows(Extract(name, table or path.stem, path.name, 1, 0, full=True), read(path)))
        found = _json(path)
    except (OSError, ValueError) as fault:
        error = f"{path}: cannot be read ({type(fault).__name__})"
        raise Unreadable(error) from None
    if found and all(isinstance(one, dict) and {"topic", "value"} <= set(one) for one in found):
        return list(replay(name, (captured(one) for one in found)))
    return list(rows(Extract(name, table or path.stem, path.name, 1, 0, full=True), found))


def _json(path: Path) -> list[Any]:
    text = path.read_text(encoding="utf-8")
    try:
        whole = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return whole if isinstance(whole, list) else [whole]


def previews(pipeline: Pipeline, mapping: MappingFile, changes: Iterable[Change]) -> Iterator[dict[str, Any]]:
    """What each change makes leave and what stays.

    Args:
        pipeline: A pipeline on a store in memory.
        mapping: The mapping.
        changes: Changes.

    Yields:
        `{table, op, stays: [{column, value, place}], leaves: [..], refused: {reason, field, fix} | None}`.
    """
    for change in changes:
        known = {entry.id for entry in pipeline.quarantine.entries()}
        sealed = pipeline.feed([change])
        refused = [entry for entry in pipeline.quarantine.entries() if entry.id not in known]
        sizes = [len(value) for _, _, value in sealed[len(sealed) - len(pipeline.leaving) :]]
        yield {
            "table": change.table,
            "op": change.op,
            "stays": _stays(mapping, change),
            "leaves": [_leaves(one, size) for one, size in zip(pipeline.leaving, sizes, strict=True)],
            "refused": {"reason": refused[0].reason, "field": refused[0].field, "fix": refused[0].fix}
            if refused
            else None,
        }


def _stays(mapping: MappingFile, change: Change) -> list[dict[str, Any]]:
    table = mapping.sources[change.source].tables.get(change.table)
    row = change.after or change.key or change.before or {}
    return [
        {"column": column, "value": value, "place": _place(table.columns.get(column) if table else None)}
        for column, value in row.items()
    ]


def _place(column: Column | None) -> str:
    if column is None:
        return "no place"
    kinds = ("ignored", "key") if column.ignored or column.key else ()
    words = [word for word in kinds if getattr(column, word)]
    for word in ("personal", "sensitive", "link"):
        if (value := getattr(column, word)) is not None:
            words.append(f"{word} {value}")
    return ", ".join(words)


def _leaves(one: Leaving, size_bytes: int) -> dict[str, Any]:
    epoch, position, sequence = one.version
    return {
        "lane": one.lane,
        "partnership": one.partnership,
        "source": one.source,
        "subject": one.subject.hex(),
        "epoch": epoch,
        "position": position,
        "sequence": sequence,
        "committed_at": one.committed_at,
        "sealed_bytes": size_bytes,
        "message": {name: _plain(value) for name, value in one.message.items()},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return {name: _plain(item) for name, item in value.items()} if isinstance(value, dict) else value


def as_text(preview: dict[str, Any]) -> str:
    """Two columns: what stays at the agency, what leaves sealed."""
    left = [f"{one['column']} = {_short(one['value'])}  [{one['place']}]" for one in preview["stays"]]
    right: list[str] = []
    for one in preview["leaves"]:
        right.append(f"{one['lane']}  ({one['sealed_bytes']} bytes sealed)")
        if one["subject"]:
            right.append(f"  subject {_short_hex(one['subject'])}")
        right.append(f"  version {one['epoch']}.{one['position']}.{one['sequence']}")
        right += [f"  {line}" for line in _message(one["message"])]
    if preview["refused"]:
        refused = preview["refused"]
        right += [f"nothing: refused, {refused['reason']} {refused['field']}", f"  {refused['fix']}"]
    elif not right:
        right.append("nothing")
    lines = [f"{preview['table'] or '-'}  {preview['op']}", f"{'stays at the agency':<{LEFT_CHARS}} | leaves"]
    for number in range(max(len(left), len(right))):
        first = left[number] if number < len(left) else ""
        second = right[number] if number < len(right) else ""
        lines.append(f"{first[:LEFT_CHARS]:<{LEFT_CHARS}} | {second[:RIGHT_CHARS]}".rstrip())
    return "\n".join(lines) + "\n"


def _message(message: dict[str, Any]) -> Iterator[str]:
    for name, value in message.items():
        if name == "bits" and value:
            size = len(value) // len(FIELDS)
            for place, field in enumerate(FIELDS):
                yield f"encoding {field} {_short_hex(value[place * size : (place + 1) * size])}"
        elif name == "tokens" and value:
            size = len(value) // len(TOKENS)
            for place, field in enumerate(TOKENS):
                yield f"token {field} {_short_hex(value[place * size : (place + 1) * size])}"
        elif name in {"matchkeys", "bands"}:
            yield f"{name} {len(value) // 16} of 8 bytes"
        elif name in {"event", "unborn_of"}:
            yield f"{name} {_short_hex(value)}"
        elif name == "factors":
            yield from (f"factor {one['family']} {one['severity']} ({one['origin']})" for one in value)
        elif name == "statuses":
            yield from (f"status {one['kind']} from {one['started_at']} to {one['ended_at']}" for one in value)
        else:
            yield f"{name} {value}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LEFT_CHARS else f"{text[: LEFT_CHARS - 1]}…"


def _short_hex(value: str) -> str:
    shown = value[: 2 * BYTES_SHOWN]
    return shown if shown == value else f"{shown}… ({len(value) // 2} bytes)"
