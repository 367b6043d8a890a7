"""Avro on the wire: frame, guards, and the table of schema ids.

Decides how a message becomes bytes and when bytes are refused before anything looks at them. Does not decide what
a message means, nor open a seal.

A frame is the Confluent wire format: magic byte 0, schema id (4 bytes, big endian), Avro body. Ids are never
reused; the checked-in table is avro/ids.json. The newest version of a name is avro/<name>.avsc, an earlier one
avro/<name>.<version>.avsc; a body written with an earlier one is read as the newest.

fastavro bounds an array by the bytes that are left only while every item takes at least one byte, and a type that
contains itself can overflow the C stack (RELIABILITY.md 1.6). `lint` forbids both when the table is loaded, so a
message costs memory in proportion to its own size, which is checked first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from io import BytesIO
from typing import Any, Final, NamedTuple

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from topology import MESSAGE_MAX_BYTES

MAGIC: Final = 0
FRAME_BYTES: Final = 5  # magic byte and schema id, Confluent wire format
DEPTH_MAX: Final = 8  # nesting of types; ours is 3


class Rejected(ValueError):
    """Bytes that are not one of the messages expected; carries the reason and nothing of the content."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unencodable(ValueError):
    """A message that does not fit its schema; names the schema and the kind of fault, never a value."""


class _Known(NamedTuple):
    """One schema id: its name, the schema it was written with, and the newest one where that differs."""

    name: str
    writer: dict[str, Any]
    reader: dict[str, Any] | None


def lint(schema: Mapping[str, Any]) -> None:
    """Check that no message of this schema can cost more than its own size.

    Args:
        schema: An Avro schema as parsed JSON.

    Raises:
        ValueError: A type contains itself, an array or map has items that take no byte, an unknown type is named,
            or types nest deeper than `DEPTH_MAX`.

    Example:
        >>> nulls = {"type": "array", "items": "null"}
        >>> lint({"type": "record", "name": "R", "fields": [{"name": "a", "type": nulls}]})
        Traceback (most recent call last):
        ValueError: R.a: items of an array take no byte
    """
    _least_bytes(schema, "", {}, 0)


_LEAST_BYTES: Final = {
    "null": 0, "boolean": 1, "int": 1, "long": 1, "float": 4, "double": 8, "bytes": 1, "string": 1,
}  # fmt: skip


def _least_bytes(schema: Any, path: str, named: dict[str, int | None], depth: int) -> int:
    """Fewest bytes that a value can take; `named` holds None while a type is still open."""
    if depth > DEPTH_MAX:
        error = f"{path}: types nest deeper than {DEPTH_MAX}"
        raise ValueError(error)
    if isinstance(schema, list):
        return 1 + min((_least_bytes(branch, path, named, depth + 1) for branch in schema), default=0)
    if isinstance(schema, str):
        return _LEAST_BYTES[schema] if schema in _LEAST_BYTES else _known_bytes(schema, path, named)
    kind = schema["type"]
    if kind in {"array", "map"}:
        items = _least_bytes(schema["items" if kind == "array" else "values"], path, named, depth + 1)
        if items == 0:  # a map's key would take a byte, but no message of ours needs such a map
            error = f"{path}: items of an {kind} take no byte"
            raise ValueError(error)
        return 1
    if kind in {"record", "enum", "fixed"}:
        return _named_bytes(schema, path, named, depth)
    return _least_bytes(kind, path, named, depth + 1)


def _known_bytes(name: str, path: str, named: dict[str, int | None]) -> int:
    if name not in named:
        error = f"{path}: unknown type {name}"
        raise ValueError(error)
    size = named[name]
    if size is None:
        error = f"{path}: type {name} contains itself"
        raise ValueError(error)
    return size


def _named_bytes(schema: Mapping[str, Any], path: str, named: dict[str, int | None], depth: int) -> int:
    name = schema["name"]
    aliases = {name, f"{schema['namespace']}.{name}"} if "namespace" in schema else {name}
    named.update(dict.fromkeys(aliases))
    size: int = {"enum": 1, "fixed": schema.get("size", 0)}.get(schema["type"], 0)
    for field in schema.get("fields", ()):
        size += _least_bytes(field["type"], f"{path or name}.{field['name']}", named, depth + 1)
    named.update(dict.fromkeys(aliases, size))
    return size


def schema_ids() -> dict[str, list[tuple[int, int]]]:
    """The table of ids.

    Returns:
        (version, id) by name, oldest version first.
    """
    table = json.loads(_text("ids.json"))
    return {name: sorted((row["version"], row["id"]) for row in rows) for name, rows in table.items()}


def raw_schema(name: str, version: int | None = None) -> dict[str, Any]:
    """One schema as parsed JSON.

    Args:
        name: Name in the table of ids.
        version: Version; the newest without it.

    Returns:
        The schema as it stands in its file.
    """
    newest = schema_ids()[name][-1][0]
    suffix = "" if version in {None, newest} else f".{version}"
    schema: dict[str, Any] = json.loads(_text(f"{name}{suffix}.avsc"))
    return schema


@cache
def _text(file: str) -> str:
    return (resources.files("schemas") / "avro" / file).read_text(encoding="utf-8")


def _load() -> tuple[dict[int, _Known], dict[str, tuple[bytes, dict[str, Any]]]]:
    by_id: dict[int, _Known] = {}
    newest: dict[str, tuple[bytes, dict[str, Any]]] = {}
    for name, versions in schema_ids().items():
        current = raw_schema(name)
        lint(current)
        reader = parse_schema(current, {})
        for version, id_ in versions:
            last = version == versions[-1][0]
            older = None if last else raw_schema(name, version)
            if older is not None:
                lint(older)
            writer = reader if older is None else parse_schema(older, {})
            by_id[id_] = _Known(name, writer, None if last else reader)
            newest[name] = (bytes([MAGIC]) + id_.to_bytes(4, "big"), reader)
    return by_id, newest


_BY_ID, _NEWEST = _load()


def encode(name: str, message: Mapping[str, Any]) -> bytes:
    """Frame a message with the newest version of its schema.

    Args:
        name: Name in the table of ids, such as `envelope`.
        message: Exactly the schema's fields; one with a default may be left out.

    Returns:
        Magic byte, schema id, Avro body.

    Raises:
        KeyError: The name is not in the table.
        Unencodable: A field is missing, unknown, or of another type.
    """
    frame, schema = _NEWEST[name]
    buffer = BytesIO()
    buffer.write(frame)
    try:
        schemaless_writer(buffer, schema, message, strict_allow_default=True)
    except Exception as error:
        # fastavro's own message may quote the value, hence `from None`
        text = f"message does not fit schema {name}: {type(error).__name__}"
        raise Unencodable(text) from None
    return buffer.getvalue()


def claimed(data: bytes) -> str:
    """Name of the schema that a frame says it is of, unread; empty where it is none of ours."""
    known = _BY_ID.get(int.from_bytes(data[1:FRAME_BYTES], "big")) if len(data) > FRAME_BYTES else None
    return known.name if known is not None else ""


def decode(data: bytes, allowed: frozenset[str], *, max_bytes: int = MESSAGE_MAX_BYTES) -> tuple[str, dict[str, Any]]:
    """Read a frame, refusing whatever is not exactly one message of an allowed schema.

    Args:
        data: The frame, as it came.
        allowed: Names that may come here.
        max_bytes: Largest frame that is looked at.

    Returns:
        Name and message, in the newest version's fields.

    Raises:
        Rejected: With a reason of `schemas.dead_letter.REASONS`: empty, too_large, bad_magic, unknown_schema,
            wrong_schema, undecodable or trailing_bytes.
    """
    size = len(data)
    if size == 0:
        raise Rejected("empty")
    if size > max_bytes:
        raise Rejected("too_large")
    if data[0] != MAGIC:
        raise Rejected("bad_magic")
    if size < FRAME_BYTES:
        raise Rejected("undecodable")
    known = _BY_ID.get(int.from_bytes(data[1:FRAME_BYTES], "big"))
    if known is None:
        raise Rejected("unknown_schema")
    if known.name not in allowed:
        raise Rejected("wrong_schema")
    buffer = BytesIO(data)
    buffer.seek(FRAME_BYTES)
    try:
        message = schemaless_reader(buffer, known.writer, known.reader)
    except Exception:  # EOFError, IndexError, UnicodeDecodeError and more: all mean the same here
        raise Rejected("undecodable") from None
    if buffer.tell() != size:
        raise Rejected("trailing_bytes")
    return known.name, message
