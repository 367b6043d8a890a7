"""Can a reader of one schema read what another wrote? The rules of the Avro specification that ours use."""

from __future__ import annotations

from typing import Any

PROMOTES = {("int", "long"), ("int", "double"), ("long", "double"), ("float", "double"), ("int", "float"),
            ("long", "float"), ("string", "bytes"), ("bytes", "string")}  # fmt: skip


def faults(reader: Any, writer: Any, path: str = "") -> list[str]:
    """Why a reader cannot read a writer's bytes; empty where it can."""
    if isinstance(writer, list):
        return [fault for branch in writer for fault in faults(reader, branch, path)]
    if isinstance(reader, list):
        found = [faults(branch, writer, path) for branch in reader]
        return [] if any(not fault for fault in found) else [f"{path}: no branch reads {_kind(writer)}"]
    kind, written = _kind(reader), _kind(writer)
    if kind != written:
        return [] if (written, kind) in PROMOTES else [f"{path}: {written} read as {kind}"]
    if kind in {"record", "enum", "fixed"} and reader["name"] != writer["name"]:
        return [f"{path}: {writer['name']} read as {reader['name']}"]
    if kind == "record":
        return _fields(reader, writer, path)
    if kind == "enum":
        unknown = set(writer["symbols"]) - set(reader["symbols"])
        return [f"{path}: unknown symbols {sorted(unknown)}"] if unknown and "default" not in reader else []
    if kind in {"array", "map"}:
        items = "items" if kind == "array" else "values"
        return faults(reader[items], writer[items], f"{path}[]")
    return []


def _fields(reader: Any, writer: Any, path: str) -> list[str]:
    written = {field["name"]: field["type"] for field in writer["fields"]}
    found: list[str] = []
    for field in reader["fields"]:
        place = f"{path}.{field['name']}"
        if field["name"] in written:
            found += faults(field["type"], written[field["name"]], place)
        elif "default" not in field:
            found.append(f"{place}: new and without default")
    return found


def _kind(schema: Any) -> str:
    if isinstance(schema, str):
        return schema
    kind = schema["type"]
    return kind if isinstance(kind, str) else _kind(kind)
