"""The split: who somebody is, what is true of them, what happened to them.

Decides what each of the three messages holds, from the rows of one record or event. The person goes on to
normalisation and encoding; profile and event are codes and numbers by construction: every string in them stands in
the mapping file, none in a row. Pure: time comes as an argument.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

from bridge.joins import Rows, holds
from bridge.mapping import NONE, REFUSE, Codes, EventMap, FactorCode, ProfileMap, SourceMap, StatusSpells, code
from bridge.mapping_check import resolve
from bridge.mapping_values import Refused
from bridge.vault import Row
from schemas.event import FACTORS_MAX, Event, Factor
from schemas.identity import FIELDS as IDENTITY_FIELDS
from schemas.identity import TOKENS
from schemas.profile import STATUSES_MAX, Profile, Status

FIELDS: Final = (*IDENTITY_FIELDS, *TOKENS)
BORN_MIN: Final = "1890-01-01"  # no living person was born before
DAY_MS: Final = 86_400_000
OCCURRED_MIN_MS: Final = 631_152_000_000  # 1990-01-01 UTC: older history says nothing about a child now
AHEAD_MAX_MS: Final = DAY_MS  # how far a clock may be ahead
BANDS: Final = ((5, "0-4"), (11, "5-10"), (16, "11-15"), (18, "16-17"), (25, "18-24"))
CHILD_BANDS: Final = frozenset({"unborn", "0-4", "5-10", "11-15", "16-17"})
_NUMBERED = re.compile(
    r"(?i)^\s*((?:flat|apt|apartment|unit)\s+\S+\s*,\s*)?(\d+\s?[a-z]?(?:\s?[-/]\s?\d+\s?[a-z]?)?)[\s,]+(.+)$"
)


class PersonParts(NamedTuple):
    """The person of a record, and what the desk shows beside."""

    fields: dict[str, str | None]
    restricted: bool
    communal: bool
    other: list[tuple[str, str]]


Personal = Mapping[str, Sequence[tuple[str, str]]]
"""Table -> (column, personal field), in the order of the mapping."""


def personal_of(source: SourceMap) -> Personal:
    """The personal columns of a source's tables."""
    return {
        name: [(column, placed.personal) for column, placed in table.columns.items() if placed.personal is not None]
        for name, table in source.tables.items()
    }


def person_of(personal: Personal, rows: Rows, now_ms: int) -> PersonParts:
    """The person of a record's rows; of several columns with a value the first counts, own table first.

    Raises:
        Refused: A birth date out of range.
    """
    fields: dict[str, str | None] = dict.fromkeys(FIELDS)
    other: list[tuple[str, str]] = []
    flags = {"restricted": False, "communal": False}
    for table, row in rows.items():
        for column, kind in personal[table]:
            value = row.get(column)
            if value is None:
                continue
            if kind in flags:
                flags[kind] = flags[kind] or bool(value)
            elif kind == "other":
                other.append((f"{table}.{column}", str(value)))
            else:
                if kind == "dob":
                    _check_born(str(value), f"{table}.{column}", now_ms)
                for field, part in _parts(kind, str(value)).items():
                    fields[field] = fields[field] or part
    return PersonParts(fields, flags["restricted"], flags["communal"], other)


def _check_born(born: str, field: str, now_ms: int) -> None:
    latest = datetime.fromtimestamp((now_ms + AHEAD_MAX_MS) / 1000, UTC).date().isoformat()
    if not BORN_MIN <= born <= latest:
        raise Refused("date_out_of_range", field, f"a birth date from {BORN_MIN} to today; correct it at the source")


def _parts(personal: str, value: str) -> dict[str, str]:
    if personal == "name":
        return name_parts(value)
    if personal == "address":
        found = _NUMBERED.match(value)
        if found is None:
            return {"street": value}
        return {"number": (found[1] or "") + found[2], "street": found[3].split(",")[0]}
    return {personal: value}


def name_parts(name: str) -> dict[str, str]:
    """Parts of a full name.

    Example:
        >>> name_parts("OKAFOR, Ada Grace")
        {'surname': 'OKAFOR', 'given': 'Ada', 'middle': 'Grace'}
    """
    if "," in name:
        surname, _, rest = name.partition(",")
        words = rest.split()
    else:
        *words, surname = name.split() or [""]
    parts = {"surname": surname.strip(), "given": words[0] if words else "", "middle": " ".join(words[1:])}
    return {field: part for field, part in parts.items() if part}


def quarter_of(day: date) -> date:
    """First day of the quarter: age bands are as of that day, so that a change of band tells a quarter at most."""
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def age_band(born: str | None, quarter: date) -> str:
    """Coarse age band on the first day of a quarter.

    Example:
        >>> age_band("2010-02-02", date(2026, 1, 1)), age_band("2010-02-02", date(2026, 4, 1))
        ('11-15', '16-17')
    """
    if born is None:
        return "unknown"
    day = date.fromisoformat(born)
    years = quarter.year - day.year - ((quarter.month, quarter.day) < (day.month, day.day))
    return next((band for limit, band in BANDS if years < limit), "adult")


def value_of(rows: Rows, own: str, name: str) -> Any:
    """Value of a column of the own table, or of `table.column`."""
    table, column = resolve(name, own, set(rows))
    row = rows.get(table)
    return None if row is None else row.get(column)


def coded(codes: Codes[Any], rows: Rows, own: str) -> Any:
    """What a local code stands for, or None.

    Raises:
        Refused: The code is not in the mapping and `otherwise` says refuse.
    """
    value = value_of(rows, own, codes.column)
    word = code(value)
    if word in codes.codes:
        return codes.codes[word]
    if value is None and codes.otherwise == REFUSE:
        return None
    if codes.otherwise == REFUSE:
        fix = "add the code to the mapping, or say what otherwise counts"
        raise Refused("unknown_code", codes.column if "." in codes.column else f"{own}.{codes.column}", fix)
    return None if codes.otherwise == NONE else codes.otherwise


def profile_of(  # noqa: PLR0913, PLR0917  (all that a profile is made from)
    made: ProfileMap,
    own: str,
    rows: Rows,
    person: PersonParts,
    statuses: Sequence[Status],
    mother: bytes,
    quarter: date,
) -> Profile:
    """What is true of a record.

    Args:
        made: The mapping's part.
        own: The record's table.
        rows: Its rows.
        person: Its person; only the age band of the birth date goes on.
        statuses: Spells, from `spells_of`.
        mother: Record pseudonym of the mother where `unborn_of` names one, else empty.
        quarter: First day of the quarter the age band is for.

    Returns:
        The message.

    Raises:
        Refused: A code that the mapping does not know.
    """
    born = person.fields["dob"]
    unborn = bool(mother) and born is None
    if made.unborn is not None:
        unborn = bool(coded(made.unborn, rows, own)) and born is None
    band = "unborn" if unborn else age_band(born, quarter)
    return {
        "op": "upsert",
        "age_band": band,
        "to_18": band in CHILD_BANDS,
        "to_25": bool(made.to_25 and coded(made.to_25, rows, own)),
        "group": (made.group and coded(made.group, rows, own)) or "",
        "allocation": (made.allocation and coded(made.allocation, rows, own)) or "",
        "restricted": person.restricted,
        "unborn_of": mother if unborn else b"",
        "statuses": sorted(statuses, key=lambda one: (one["started_at"], one["kind"]))[-STATUSES_MAX:],
    }


def spells_of(made: StatusSpells, rows: Sequence[Row]) -> list[Status]:
    """Spells of a status table; a row that has not begun makes none.

    Raises:
        Refused: A code that the mapping does not know.
    """
    found: list[Status] = []
    for row in rows:
        started = row.get(made.started)
        if started is None or not holds(made.where, row):
            continue
        kind = coded(made.kind, {made.table: row}, made.table) if isinstance(made.kind, Codes) else made.kind
        if kind is not None:
            ended = row.get(made.ended) if made.ended else None
            found.append({"kind": kind, "started_at": started, "ended_at": ended})
    return found


FindFactors = Callable[[str], Sequence[Factor]]
"""Factors of a text; see bridge/text.py."""


def event_of(made: EventMap, rows: Rows, pseudonym: bytes, now_ms: int, find: FindFactors | None) -> Event | None:
    """What happened.

    Args:
        made: The mapping's part.
        rows: The event's rows.
        pseudonym: Its event pseudonym.
        now_ms: The bridge's clock, ms since 1970-01-01 UTC.
        find: Finds factors in text, or None where the agency's enrichment is not approved.

    Returns:
        The message, or None where the mapping makes no event of these rows.

    Raises:
        Refused: A code that the mapping does not know, or a date that is missing or out of range.
    """
    own = made.table
    kind = coded(made.kind, rows, own) if isinstance(made.kind, Codes) else made.kind
    if kind is None:
        return None
    occurred_at = value_of(rows, own, made.occurred_at)
    field = made.occurred_at if "." in made.occurred_at else f"{own}.{made.occurred_at}"
    if occurred_at is None:
        raise Refused("missing_date", field, "an event needs a time; correct it at the source")
    if not OCCURRED_MIN_MS <= occurred_at <= now_ms + AHEAD_MAX_MS:
        raise Refused("date_out_of_range", field, "a time from 1990 to a day from now; correct it at the source")
    contact = coded(made.contact, rows, own) if isinstance(made.contact, Codes) else made.contact
    outcome = coded(made.outcome, rows, own) if isinstance(made.outcome, Codes) else made.outcome
    return {
        "op": "upsert",
        "event": pseudonym,
        "kind": kind,
        "occurred_at": occurred_at,
        "factors": _factors(made, rows, find),
        "contact": bool(contact),
        "outcome": outcome or "",
    }


def texts_of(made: EventMap, rows: Rows) -> list[str]:
    """The event's texts, which stay."""
    found = [value_of(rows, made.table, name) for name in made.text]
    return [str(text) for text in found if text]


def _factors(made: EventMap, rows: Rows, find: FindFactors | None) -> list[Factor]:
    found: list[Factor] = []
    for one in made.factors:
        meant = coded(one, rows, made.table) if isinstance(one, Codes) else one
        if isinstance(meant, FactorCode):
            found.append({"family": meant.family, "severity": meant.severity, "origin": "structured"})
    if find is not None:
        for text in texts_of(made, rows):
            found.extend(find(text))
    strongest: dict[tuple[str, str], Factor] = {}
    for factor in found:
        key = factor["family"], factor["origin"]
        if key not in strongest or strongest[key]["severity"] < factor["severity"]:
            strongest[key] = factor
    return list(strongest.values())[:FACTORS_MAX]


def deleted_profile() -> Profile:
    """A profile's delete: only the subject counts."""
    return {
        "op": "delete", "age_band": "unknown", "to_18": False, "to_25": False, "group": "", "allocation": "",
        "restricted": False, "unborn_of": b"", "statuses": [],
    }  # fmt: skip


def deleted_event(pseudonym: bytes) -> Event:
    """An event's delete."""
    return {
        "op": "delete", "event": pseudonym, "kind": "", "occurred_at": 0, "factors": [], "contact": False,
        "outcome": "",
    }  # fmt: skip


def content_of(message: Mapping[str, Any]) -> list[Any]:
    """A message as plain values, for hashing."""
    return [message[name] for name in sorted(message)]
