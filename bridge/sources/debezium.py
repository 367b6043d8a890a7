"""Debezium's change events, as they really look.

Decides how a record of a connector's topics becomes a change, for JSON with and without schemas and in every time
and decimal mode: dates and local times become ISO text where the schema tells their unit, decimals become text.
Without a schema integers stay, and the mapping's column says their unit. Reads no Kafka: see kafka.py.

The facts behind each rule: docs/debezium.md; each has a captured record in tests/fixtures/debezium.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from bridge.sources import Change, Op

OPS: Final[dict[str, Op]] = {"r": "read", "c": "create", "u": "update", "d": "delete", "t": "truncate"}
RUN_HEADER, OLD_KEY_HEADER, NEW_KEY_HEADER = "__debezium.context.runId", "__debezium.oldkey", "__debezium.newkey"
INFINITY: Final = "infinity"
_DATES: Final = frozenset({"io.debezium.time.Date", "org.apache.kafka.connect.data.Date"})
_STAMPS: Final = {
    "io.debezium.time.Timestamp": 1_000, "org.apache.kafka.connect.data.Timestamp": 1_000,
    "io.debezium.time.MicroTimestamp": 1_000_000, "io.debezium.time.NanoTimestamp": 1_000_000_000,
}  # fmt: skip
_DECIMAL: Final = "org.apache.kafka.connect.data.Decimal"
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  (local wall time is counted from a naive epoch)


class Record(NamedTuple):
    """One record of Kafka: what the decoder needs of it.

    Attributes:
        topic: Topic.
        partition: Partition.
        offset: Offset.
        key: Key as bytes, or None.
        value: Value as bytes, or None.
        headers: Pairs of name and bytes.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


def decode(source: str, record: Record) -> Change | None:
    """The change that a record of a connector's topic holds.

    Args:
        source: Name of the source in the mapping.
        record: From any topic under the connector's prefix.

    Returns:
        The change; `bad` where it is no JSON or no envelope; None for what changes no row: tombstones, transaction
        marks, heartbeats without a row, logical messages, notifications.
    """
    lane = f"{record.topic}/{record.partition}"
    if record.value is None:
        return None
    try:
        value = json.loads(record.value)
        envelope, fields = _payload(value)
        if not isinstance(envelope, dict):
            raise TypeError
        if "op" not in envelope:
            return None if _is_notice(envelope) else _bad(source, record, lane)
        if envelope["op"] == "m":
            return None
        return _change(source, record, lane, envelope, fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return _bad(source, record, lane)


def _is_notice(envelope: Mapping[str, Any]) -> bool:
    """Transaction mark, heartbeat or notification."""
    return "status" in envelope or "aggregate_type" in envelope or set(envelope) == {"ts_ms"}


def _bad(source: str, record: Record, lane: str) -> Change:
    raw = base64.b64encode(record.value or b"").decode()
    return Change(source, record.topic, "bad", after={"raw": raw}, lane=lane, offset=record.offset)


def _change(source: str, record: Record, lane: str, envelope: Mapping[str, Any], fields: Mapping[str, Any]) -> Change:
    origin = envelope["source"]
    position, sequence = place_of(origin)
    headers = dict(record.headers)
    snapshot = str(origin.get("snapshot") or "false").lower()
    return Change(
        source=source,
        table=".".join(part for part in (origin.get("schema") or origin.get("db"), origin["table"]) if part),
        op=OPS[envelope["op"]],
        key=_key(record.key),
        before=_row(envelope.get("before"), fields.get("before")),
        after=_row(envelope.get("after"), fields.get("after")),
        position=position,
        sequence=sequence,
        committed_at=int(origin["ts_ms"]),
        snapshot="" if snapshot == "false" else snapshot,
        run=headers.get(RUN_HEADER, b"").decode(),
        lane=lane,
        offset=record.offset,
        old_key=_key(headers.get(OLD_KEY_HEADER)),
        new_key=_key(headers.get(NEW_KEY_HEADER)),
    )


def place_of(origin: Mapping[str, Any]) -> tuple[int, int]:
    """Place of a change in the source's log.

    The end of the last commit comes first: transactions overlap in the log but arrive one after the other, so the
    record's own number alone can run backwards.

    Args:
        origin: The envelope's `source`.

    Returns:
        Position, and order within it.

    Example:
        >>> place_of({"sequence": '["31424912","31424968"]', "lsn": 31424968})
        (31424912, 31424968)
    """
    last_commit, own = (None, None)
    if origin.get("sequence"):
        last_commit, own = json.loads(origin["sequence"])
    own = own if own is not None else origin.get("lsn") or 0
    return (int(own), 0) if last_commit is None else (int(last_commit), int(own))


def _payload(value: Any) -> tuple[Any, dict[str, Any]]:
    """The payload and the schema's fields by name, empty without a schema."""
    if isinstance(value, dict) and set(value) == {"schema", "payload"}:
        return value["payload"], _by_name(value["schema"] or {})
    return value, {}


def _by_name(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {field["field"]: field for field in schema.get("fields", ())}


def _key(raw: bytes | None) -> dict[str, Any] | None:
    if raw is None:
        return None
    payload, fields = _payload(json.loads(raw))
    if payload is None:
        return None
    if not isinstance(payload, dict):
        raise TypeError("expected a key of named columns")
    return {name: plain(value, fields.get(name)) for name, value in payload.items()}


def _row(row: Any, schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    fields = _by_name(schema or {})
    return {name: plain(value, fields.get(name)) for name, value in row.items()}


def plain(value: Any, schema: Mapping[str, Any] | None = None) -> Any:
    """A value with its encoding taken off, as far as value and schema tell.

    Args:
        value: From the payload.
        schema: The field's schema, or None.

    Returns:
        Dates and local times as ISO text without a zone, `infinity` where out of range; decimals as text; all else
        as it came.
    """
    if isinstance(value, dict):
        return _structured(value)
    name = schema.get("name") if schema else None
    if name is None or value is None:
        return value
    if name in _DATES and isinstance(value, int):
        return _date(value)
    if name in _STAMPS and isinstance(value, int):
        return _stamp(value, _STAMPS[name])
    if name == _DECIMAL and isinstance(value, str) and schema is not None:
        return _decimal(value, int(schema["parameters"]["scale"]))
    return value


def _date(days: int) -> str:
    try:
        return (_EPOCH + timedelta(days=days)).date().isoformat()
    except OverflowError:
        return INFINITY


def _stamp(count: int, units_per_s: int) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=count * 1_000_000 // units_per_s)).isoformat()
    except OverflowError:
        return INFINITY


def _decimal(encoded: str, scale: int) -> str:
    """Big-endian two's complement in base64, as Connect's Decimal is written in JSON."""
    unscaled = int.from_bytes(base64.b64decode(encoded), "big", signed=True)
    return str(Decimal(unscaled).scaleb(-scale))


def _structured(value: Mapping[str, Any]) -> Any:
    """A numeric without scale, or a date or time in parts (time.precision.mode=structured)."""
    if set(value) == {"scale", "value"}:
        return _decimal(value["value"], int(value["scale"]))
    if "specialValue" in value and value["specialValue"] is not None:
        return INFINITY
    if "year" in value and "hour" not in value:
        return f"{value['year']:04d}-{value['month']:02d}-{value['day']:02d}"
    if "year" in value:
        text = (
            f"{value['year']:04d}-{value['month']:02d}-{value['day']:02d}"
            f"T{value['hour']:02d}:{value['minute']:02d}:{value['second']:02d}.{value['nanos'] // 1000:06d}"
        )
        offset = value.get("offsetSeconds")
        if offset is None:
            return text
        sign, offset = ("-", -offset) if offset < 0 else ("+", offset)
        return f"{text}{sign}{offset // 3600:02d}:{offset // 60 % 60:02d}"
    return dict(value)


def captured(line: Mapping[str, Any]) -> Record:
    """A record from a capture file: `{topic, partition, offset, headers, key, value}` with key and value as JSON."""
    return Record(
        line["topic"],
        line["partition"],
        line["offset"],
        None if line["key"] is None else json.dumps(line["key"]).encode(),
        None if line["value"] is None else json.dumps(line["value"]).encode(),
        [(name, str(value).encode()) for name, value in line.get("headers") or ()],
    )


def replay(source: str, records: Iterable[Record]) -> Iterator[Change]:
    """Changes of a capture read to its end, with the snapshot's end where its last row stands.

    Args:
        source: Name of the source in the mapping.
        records: All records of the capture, in the order of each partition.

    Yields:
        Changes; `end` right after the last snapshot row, if there is any.
    """
    changes = [change for record in records if (change := decode(source, record)) is not None]
    last = max((at for at, change in enumerate(changes) if change.whole_snapshot), default=-1)
    for at, change in enumerate(changes):
        yield change
        if at == last:
            yield Change(
                source, "", "end", position=change.position, committed_at=change.committed_at, run=change.run
            )
