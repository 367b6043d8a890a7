"""What an answer holds, from the bridge's own store: who it is, what happened in outline, or what is written.

Decides which fields each kind of answer has, and what is left out where it would be too large. Reads through the
store that it is given, after whoever calls has written the audit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from bridge.desk.exchange.letters import CONTENT_MAX_BYTES
from bridge.keys import AgencyKeys
from bridge.store import Store

NAMES: Final = ("given", "middle", "surname", "name")
_SPARE_BYTES: Final = 256  # for the count of what was left out, and the commas between


class SharedEvent(msgspec.Struct, frozen=True):
    """One event of an answer: texts and columns only where the record was asked for."""

    kind: str
    occurred_at: int
    families: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()


class SharedPerson(msgspec.Struct, frozen=True):
    """One person of an answer, as the answering agency knows them; without a name in a summary."""

    given: str = ""
    middle: str = ""
    surname: str = ""
    name: str = ""
    dob: str = ""
    key: tuple[str, ...] = ()
    events: tuple[SharedEvent, ...] = ()


class Content(msgspec.Struct, frozen=True):
    """What an answer says.

    Attributes:
        kind: What was asked for.
        call: Whom to call: `name`, `office_number`, `out_of_hours_number`.
        people: People.
        left_out, people_left_out: How many events, the oldest, and how many people were too much for one letter.
    """

    kind: str
    call: dict[str, str] = {}
    people: tuple[SharedPerson, ...] = ()
    left_out: int = 0
    people_left_out: int = 0


class Holdings(Protocol):
    """The bridge's store as an answer needs it."""

    def person(self, pseudonym: bytes) -> dict[str, Any] | None:
        """Personal fields of a record; None where it is not held."""

    def profile(self, pseudonym: bytes) -> dict[str, Any] | None:
        """What is true of a record now; None where none was sent."""

    def events_of(self, pseudonym: bytes) -> list[dict[str, Any]]:
        """Events of a record, newest first."""


class StoreHoldings:
    """The bridge's store, opened at the first read.

    Args:
        store: SQLite file of the bridge.
        keys: The agency's key folder.
    """

    def __init__(self, store: Path, keys: Path) -> None:
        self._path, self._key = store, AgencyKeys.load(keys).agency_key
        self._store: Store | None = None

    def person(self, pseudonym: bytes) -> dict[str, Any] | None:
        """Personal fields of a record; None where it is not held."""
        return self._open().person(pseudonym)

    def profile(self, pseudonym: bytes) -> dict[str, Any] | None:
        """What is true of a record now; None where none was sent."""
        return self._open().profile(pseudonym)

    def events_of(self, pseudonym: bytes) -> list[dict[str, Any]]:
        """Events of a record, newest first."""
        return self._open().events_of(pseudonym)

    def _open(self) -> Store:
        if self._store is None:
            self._store = Store(self._path, self._key)
        return self._store


def content(
    kind: str,
    records: Sequence[bytes],
    holdings: Holdings,
    call: Mapping[str, str],
    max_bytes: int = CONTENT_MAX_BYTES,
) -> dict[str, Any]:
    """What is sealed in an answer.

    Args:
        kind: `identity`: names, birth date and own reference. `summary`: kinds, dates and
            categories of factor of events, no names and no texts. `record`: both, with texts and columns.
        records: Own records, each a person as this agency knows them.
        holdings: The store.
        call: Whom to call: `name`, `office_number`, `out_of_hours_number`.
        max_bytes: Largest JSON.

    Returns:
        Fields of `Content`. A record that the store no longer holds is not among the people.
    """
    made: dict[str, Any] = {"kind": kind, "call": dict(call), "people": [], "left_out": 0, "people_left_out": 0}
    room = max_bytes - len(msgspec.json.encode(made)) - _SPARE_BYTES
    waiting: list[tuple[int, int, dict[str, Any]]] = []
    for record in records:
        person = holdings.person(record)
        if person is None:
            continue
        shown = {"events": []} if kind == "summary" else {**_identity(person), "events": []}
        size = len(msgspec.json.encode(shown)) + 1
        if size > room:
            made["people_left_out"] += 1
            continue
        room -= size
        if kind != "identity":
            place = len(made["people"])
            waiting += [(-int(event["occurred_at"]), place, event) for event in holdings.events_of(record)]
        made["people"].append(shown)
    for _, place, event in sorted(waiting, key=lambda row: row[:2]):
        shown = _event(event, whole=kind == "record")
        room -= len(msgspec.json.encode(shown)) + 1
        if room < 0:  # the first that does not fit ends it: what follows is older
            made["left_out"] += 1
            continue
        made["people"][place]["events"].append(shown)
    return made


def _identity(person: Mapping[str, Any]) -> dict[str, Any]:
    parts = {name: str(person[name]) for name in NAMES if person.get(name)}
    return {**parts, "dob": str(person.get("dob") or ""), "key": [str(part) for part in person.get("key") or ()]}


def _event(event: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    families = sorted({str(factor["family"]) for factor in event.get("factors") or ()})
    shown: dict[str, Any] = {
        "kind": str(event.get("kind", "")), "occurred_at": int(event["occurred_at"]), "families": families,
    }  # fmt: skip
    if whole:
        shown["texts"] = [str(text) for text in event.get("texts") or ()]
        columns = event.get("columns") or {}
        shown["columns"] = [[str(name), str(value)] for name, value in columns.items() if value is not None]
    return shown
