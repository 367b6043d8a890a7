"""Names, from the bridge's store, for one page and no longer.

Decides that a name is read only after the audit holds the read. Keeps no name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from bridge.desk.access import facts
from bridge.desk.access.facts import Assessing, Facts
from bridge.desk.audit import Audit
from bridge.keys import AgencyKeys
from bridge.store import Store

_T = TypeVar("_T")


class People(Protocol):
    """The bridge's store as the desk needs it."""

    def person(self, pseudonym: bytes) -> dict[str, Any] | None:
        """Personal fields of a record; None where it is not held."""

    def profile(self, pseudonym: bytes) -> dict[str, Any] | None:
        """What is true of a record now; None where none was sent."""

    def events_of(self, pseudonym: bytes) -> list[dict[str, Any]]:
        """Events of a record, newest first."""

    def allocated(self, team: str) -> list[dict[str, Any]]:
        """Profiles of the records that are allocated to a team now."""

    def source_of(self, pseudonym: bytes) -> str:
        """System that a record is from; empty where it is not held."""

    def left(self) -> dict[str, dict[str, int]]:
        """What left the bridge, day by day: counts by `lane/op`."""


class Named(NamedTuple):
    """One record as staff know it."""

    name: str
    born: str
    key: str


class Names:
    """Reads names, each read audited first.

    Args:
        people: The store, used from one thread.
        audit: The audit.
    """

    def __init__(self, people: People, audit: Audit) -> None:
        self._people = people
        self._audit = audit
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="names")

    async def read(
        self, user: str, page: str, team: str, records: tuple[bytes, ...], shown: tuple[str, ...] = ()
    ) -> dict[bytes, Named]:
        """Names of records, after the read is in the audit.

        Args:
            user: Pseudonymous user id.
            page: Which page asks, a closed word.
            team: Team whose page it is.
            records: Own record pseudonyms.
            shown: Ids of what the page shows; where nobody is named, the read of these is in the audit.

        Returns:
            Those that the store holds.

        Raises:
            AuditDown: The audit cannot be written; nothing was read.
        """
        if not records and not shown:
            return {}
        line = f"name_{page}" if records else f"read_{page}", tuple(record.hex() for record in records) or shown
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, user, team, line, records)

    async def facts(self, groups: Sequence[tuple[bytes, ...]], assessing: Assessing | None, now: int) -> list[Facts]:
        """What own systems say of groups of records that decides what may be seen; no name is read.

        Args:
            groups: Own record pseudonyms, a group a child or household.
            assessing: How assessments are told; None where nobody asks.
            now: Partnership time, ms.
        """
        if not any(groups):
            return [Facts()] * len(groups)

        def all_of() -> list[Facts]:
            return [facts.read(self._people, group, assessing, now) for group in groups]

        return await asyncio.get_running_loop().run_in_executor(self._thread, all_of)

    async def profiles(self, records: Sequence[bytes]) -> dict[bytes, dict[str, Any]]:
        """What is true of own records now, in codes; those of which nothing was sent are left out."""

        def all_of() -> dict[bytes, dict[str, Any]]:
            found = ((record, self._people.profile(record)) for record in records)
            return {record: profile for record, profile in found if profile is not None}

        return await asyncio.get_running_loop().run_in_executor(self._thread, all_of)

    async def ask(self, question: Callable[[People], _T]) -> _T:
        """What own systems say that is no name, asked in the store's thread; the caller has audited the read."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._people)

    async def left(self) -> dict[str, dict[str, int]]:
        """What left the bridge, day by day: counts, about nobody."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._people.left)

    def _read(
        self, user: str, team: str, line: tuple[str, tuple[str, ...]], records: tuple[bytes, ...]
    ) -> dict[bytes, Named]:
        self._audit.record(user, *line, team=team)
        found = ((record, self._people.person(record)) for record in records)
        return {record: named(person) for record, person in found if person is not None}


class StorePeople:
    """The bridge's store, opened at the first read by the thread that reads.

    Args:
        store: SQLite file of the bridge.
        keys: The agency's key folder.

    Raises:
        FileNotFoundError: There is no store: the bridge has not run, or the path is wrong.
    """

    def __init__(self, store: Path, keys: Path) -> None:
        if not store.is_file():
            message = f"{store}: no such store; the bridge makes it"
            raise FileNotFoundError(message)
        self._path = store
        self._key = AgencyKeys.load(keys).agency_key
        self._store: Store | None = None

    def person(self, pseudonym: bytes) -> dict[str, Any] | None:
        """Personal fields of a record; None where it is not held."""
        return self._opened().person(pseudonym)

    def profile(self, pseudonym: bytes) -> dict[str, Any] | None:
        """What is true of a record now; None where none was sent."""
        return self._opened().profile(pseudonym)

    def events_of(self, pseudonym: bytes) -> list[dict[str, Any]]:
        """Events of a record, newest first."""
        return self._opened().events_of(pseudonym)

    def allocated(self, team: str) -> list[dict[str, Any]]:
        """Profiles of the records that are allocated to a team now."""
        return self._opened().allocated(team)

    def source_of(self, pseudonym: bytes) -> str:
        """System that a record is from; empty where it is not held."""
        return str((self._opened().person(pseudonym) or {}).get("source", ""))

    def left(self) -> dict[str, dict[str, int]]:
        """What left the bridge, day by day: counts by `lane/op`."""
        return self._opened().left()

    def _opened(self) -> Store:
        if self._store is None:
            self._store = Store(self._path, self._key)
        return self._store


def named(person: Mapping[str, Any]) -> Named:
    """A person's fields as staff know them."""
    parts = [person.get(field) for field in ("given", "middle", "surname")]
    name = " ".join(str(part) for part in parts if part) or str(person.get("name") or "no name held")
    return Named(name, born(person.get("dob")), " ".join(str(part) for part in person.get("key") or ()))


def born(dob: object) -> str:
    """A birth date in words; as it is held where it is not a date."""
    if isinstance(dob, date | datetime):
        return f"{dob.day} {dob:%B %Y}"
    text = str(dob or "")
    try:
        return born(date.fromisoformat(text[:10]))  # 2015-01-02 and 20150102 alike
    except ValueError:
        return text
