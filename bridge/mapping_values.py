"""From a raw value to the one form that the store keeps, by the place of its column.

Decides how dates, times, codes and flags are read, from any of Debezium's time modes or from text; what is refused,
with which reason and fix. Does not know tables or records.

Local times: an ambiguous one (the hour that comes twice in October) is the first of the two; one that does not exist
(the hour left out in March) is read as if the clocks had not gone forward, so 01:30 is 02:30 summer time. Both are
PEP 495 with fold=0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as AnyMapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from bridge.mapping import Column, TableMap, code
from bridge.sources import UNCHANGED

Row = dict[str, Any]
TRUTHY: Final = frozenset({"true", "1", "t", "y", "yes"})
FALSY: Final = frozenset({"false", "0", "f", "n", "no", ""})
UNITS_PER_S: Final = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
YEAR_MIN, YEAR_MAX = 1850, 2200  # outside: a sentinel such as infinity, COMPONENTS section 2 fact 9
DAYS_MIN, DAYS_MAX = (date(YEAR_MIN, 1, 1) - date(1970, 1, 1)).days, (date(YEAR_MAX, 1, 1) - date(1970, 1, 1)).days
TEXT_MAX_CHARS: Final = 65_536  # of one value that is kept
_ISO_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:Z|[T ]00:00:00(?:\.0+)?Z?)?$")
_FAR = re.compile(r"[+-]?\d{5,}-\d\d-\d\d")  # a year of five digits or more
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  (local wall time is counted from a naive epoch)
SENTINELS: Final = frozenset({"infinity", "-infinity", ""})


class Refused(Exception):
    """A row that goes to quarantine. Holds names of the mapping and closed words, never a value.

    Attributes:
        reason: One of `bridge.quarantine.REASONS`.
        field: Table or column, from the mapping or, where unplaced, from the source's own schema.
        fix: What a person can do.
    """

    def __init__(self, reason: str, field: str, fix: str) -> None:
        super().__init__(f"{reason}: {field}")
        self.reason, self.field, self.fix = reason, field, fix


def key_of(table: TableMap, raw: AnyMapping[str, Any], name: str) -> tuple[str, ...]:
    """A row's key as text, in the mapping's order, the same in whatever form the source writes a date or time.

    Raises:
        Refused: A key column is missing or null, or its value does not fit it.
    """
    found: list[str] = []
    for column in table.key:
        if raw.get(column) is None:
            raise Refused("missing_key", f"{name}.{column}", "the source sent no value for a key column")
        try:
            value = convert(table.columns[column], raw[column])
        except Refused as refused:
            raise Refused(refused.reason, f"{name}.{column}", refused.fix) from None
        found.append(code(value))
    return tuple(found)


def place(table: TableMap, raw: AnyMapping[str, Any], name: str) -> Row:
    """A row in stored form: placed columns only, `UNCHANGED` left as it is.

    Args:
        table: The table's mapping.
        raw: Row as the source gave it.
        name: The table's name, for refusals.

    Returns:
        Value by column: str, int (ms since 1970-01-01 UTC for dates and times), float, bool or None.

    Raises:
        Refused: A column has no place, or a value does not fit it.
    """
    row: Row = {}
    columns = table.columns
    for column, value in raw.items():
        placed = columns.get(column)
        if placed is None:
            raise Refused("unplaced_column", f"{name}.{column}", "give the column a place in the mapping")
        if placed.ignored:
            continue
        if value is None or value == UNCHANGED:
            row[column] = value
            continue
        try:
            row[column] = convert(placed, value)
        except Refused as refused:
            raise Refused(refused.reason, f"{name}.{column}", refused.fix) from None
    return row


def convert(column: Column, value: Any) -> Any:
    """One value that is neither null nor unchanged.

    Raises:
        Refused: With the reason; the caller adds the column.
    """
    if column.sensitive == "time":
        return instant_of(column, value)
    if column.sensitive == "date":
        day = date_of(value, column.format)
        return None if day is None else _in_zone(datetime(day.year, day.month, day.day), str(column.zone))  # noqa: DTZ001
    if column.personal == "dob":
        day = date_of(value, column.format)
        return None if day is None else day.isoformat()
    if column.personal in {"restricted", "communal"} or column.sensitive == "flag":
        return flag_of(value, column.yes)
    if column.sensitive == "number":
        return number_of(value)
    text = value if isinstance(value, str) else code(value) if not isinstance(value, (list, dict)) else _packed(value)
    if len(text) > TEXT_MAX_CHARS:
        raise Refused("too_large", "", f"a value is longer than {TEXT_MAX_CHARS} characters")
    if column.link is None and not column.key:
        text = text.strip()
    return text or None


def _packed(value: Any) -> str:
    import json  # noqa: PLC0415

    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def flag_of(value: Any, yes: tuple[str, ...] | None) -> bool:
    """A flag; with `yes` exactly those codes are true, any other false.

    Raises:
        Refused: Without `yes`, a value that is neither truthy nor falsy.
    """
    word = code(value).strip()
    if yes is not None:
        return word in yes
    word = word.lower()
    if word in TRUTHY:
        return True
    if word in FALSY:
        return False
    raise Refused("bad_flag", "", "list the codes that mean yes: yes: [..]")


def number_of(value: Any) -> float | int | None:
    """A number, or None for not-a-number.

    Raises:
        Refused: It is not a number.
    """
    if isinstance(value, dict):  # a numeric without scale: {"scale": .., "value": base64}
        return None
    try:
        number = value if isinstance(value, (int, float)) else float(str(value))
    except ValueError:
        raise Refused("bad_number", "", "place the column as code or text if it is not a number") from None
    return None if number != number or number in {float("inf"), float("-inf")} else number  # noqa: PLR0124


def date_of(value: Any, form: str | None = None) -> date | None:
    """A calendar date from days, ISO text (a trailing Z is Debezium's) or text in a stated form.

    Returns:
        The date, or None for infinity and other sentinels out of range.

    Raises:
        Refused: It is no date.
    """
    if isinstance(value, bool):
        raise Refused("bad_date", "", "expected a date")
    if isinstance(value, int):
        return date(1970, 1, 1) + timedelta(days=value) if DAYS_MIN <= value <= DAYS_MAX else None
    text = str(value).strip()
    if text.lower() in SENTINELS or _FAR.match(text):
        return None
    try:
        if form:
            day = datetime.strptime(text, form).date()  # noqa: DTZ007  (a calendar date has no zone)
        else:
            parts = _ISO_DATE.match(text)
            if parts is None:
                raise ValueError
            day = date(int(parts[1]), int(parts[2]), int(parts[3]))
    except ValueError:
        raise Refused("bad_date", "", "expected YYYY-MM-DD; for another form state format") from None
    return day if YEAR_MIN <= day.year < YEAR_MAX else None


def instant_of(column: Column, value: Any) -> int | None:
    """Milliseconds since 1970-01-01 UTC of a time, by the column's zone.

    Args:
        column: Placed as time.
        value: Integer in the column's unit (of an instant, or of the local wall clock counted as if it were UTC) or
            text.

    Returns:
        The instant, or None for infinity and other sentinels out of range.

    Raises:
        Refused: It is no time, or does not carry the offset that `instant` promises.
    """
    zone = str(column.zone)
    if isinstance(value, bool) or isinstance(value, float):
        raise Refused("bad_date", "", "expected a time")
    if isinstance(value, int):
        wall = _from_epoch(value, column.unit)
        return None if wall is None else _in_zone(wall, zone)
    text = str(value).strip()
    if text.lower() in SENTINELS or _FAR.match(text):
        return None
    try:
        moment = datetime.strptime(text, column.format) if column.format else datetime.fromisoformat(text)  # noqa: DTZ007
    except ValueError:
        raise Refused("bad_date", "", "expected ISO 8601; for another form state format") from None
    if not YEAR_MIN <= moment.year < YEAR_MAX:
        return None
    if zone == "instant":
        if moment.tzinfo is None:
            raise Refused("bad_date", "", "no offset in the text: state the zone of the wall clock")
        return _ms(moment.astimezone(UTC).replace(tzinfo=None))
    if moment.tzinfo is not None and moment.utcoffset() != timedelta(0):
        raise Refused("bad_date", "", "the text carries an offset: state zone instant")
    return _in_zone(moment.replace(tzinfo=None), zone)


def _from_epoch(value: int, unit: str) -> datetime | None:
    seconds, rest = divmod(value, UNITS_PER_S[unit])
    if not DAYS_MIN * 86_400 <= seconds <= DAYS_MAX * 86_400:
        return None
    return _EPOCH + timedelta(seconds=seconds, microseconds=rest * 1_000_000 // UNITS_PER_S[unit])


def _in_zone(wall: datetime, zone: str) -> int:
    if zone in {"UTC", "instant"}:
        return _ms(wall)
    offset = wall.replace(tzinfo=_zone(zone), fold=0).utcoffset() or timedelta(0)
    return _ms(wall - offset)


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
