"""Real databases filled and kept changing: the initial rows by COPY, the live ones at their moment.

Decides pace and order of writing. Time comes from the caller as a function, so that the same code runs at any rate.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Final, NamedTuple

import psycopg
from psycopg import sql

from demo.world.base import DAY_MS
from demo.world.book import ddl
from demo.world.truth import SILENT_AGENCY, SILENT_MS
from demo.world.world import World

POLL_S: Final = 0.02  # longest sleep while waiting for the next moment
CATCH_UP_PAUSE_S: Final = 0.002  # between writes of a backlog, so that catching up is fast but not one burst
_PART: Final = "."


def load(agency: str, dsn: str, world: World) -> int:
    """Create an agency's schema in its empty database and copy the initial rows.

    Args:
        agency: Its id.
        dsn: Of the owner of the database.
        world: Whose rows.

    Returns:
        Rows written.
    """
    book, count = world.book(agency), 0
    by_table: dict[str, list[tuple[object, ...]]] = {table: [] for table in book.shapes}
    for table, values in book.initial():
        by_table[table].append(tuple(values[column] for column in book.shapes[table].columns))
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(ddl(agency).encode())
        for table, rows in by_table.items():
            columns = sql.SQL(", ").join(map(sql.Identifier, book.shapes[table].columns))
            name = sql.Identifier(*table.split(_PART))
            with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(name, columns)) as copy:
                for row in rows:
                    copy.write_row(row)
                    count += 1
    return count


class Commit(NamedTuple):
    """One committed transaction: `changes` writes from number `first` on."""

    agency: str
    first: int
    changes: int
    at_ms: int
    wall_ms: int


class Live:
    """Applies the live changes: one thread an agency; what has one time is one transaction."""

    def __init__(
        self,
        world: World,
        dsns: Mapping[str, str],
        clock: Callable[[], int],
        done: Mapping[str, int] | None = None,
    ) -> None:
        """Prepare; nothing is written before `start`.

        Args:
            world: Whose changes.
            dsns: Connection string of each agency's database.
            clock: Partnership time in ms since 1970-01-01 UTC.
            done: Changes of each agency that are already in its database.
        """
        self._clock, self._dsns = clock, dict(dsns)
        self._changes = {agency: world.book(agency).changes() for agency in dsns}
        self._done = {agency: (done or {}).get(agency, 0) for agency in dsns}
        self._halt = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(agency,), daemon=True) for agency in dsns]
        self._lock = threading.Lock()
        self.commits: list[Commit] = []
        self.errors: list[tuple[str, Exception]] = []

    def start(self) -> None:
        """Begin to write."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask all threads to end after the write they are at."""
        self._halt.set()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the threads.

        Args:
            timeout_s: At most so long in all.

        Returns:
            Whether all have ended.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(None if until is None else max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def progress(self) -> dict[str, int]:
        """Changes written so far.

        Returns:
            By agency; what a later `Live` takes as `done`.
        """
        return dict(self._done)

    def total(self) -> int:
        """All changes there are to write.

        Returns:
            Their number.
        """
        return sum(len(changes) for changes in self._changes.values())

    def _run(self, agency: str) -> None:
        try:
            with psycopg.connect(self._dsns[agency], autocommit=True) as connection:
                pending = self._changes[agency][self._done[agency] :]
                for at_ms, group in groupby(pending, key=lambda change: change.at_ms):
                    if not self._wait(self._due(agency, at_ms)):
                        return
                    changes = list(group)
                    with connection.transaction():
                        for change in changes:
                            connection.execute(change.sql.encode(), change.params)
                    self._committed(agency, at_ms, len(changes))
        except psycopg.Error as error:
            self.errors.append((agency, error))

    def _committed(self, agency: str, at_ms: int, changes: int) -> None:
        wall_ms = time.time_ns() // 1_000_000
        with self._lock:
            self.commits.append(Commit(agency, self._done[agency], changes, at_ms, wall_ms))
            self._done[agency] += changes

    def _due(self, agency: str, at_ms: int) -> int:
        """When a write is due; what falls into the agency's silence waits for its end."""
        begin, end = SILENT_MS
        return end if agency == SILENT_AGENCY and begin <= at_ms < end else at_ms

    def _wait(self, due_ms: int) -> bool:
        if due_ms <= self._clock() - DAY_MS:  # a backlog
            return not self._halt.wait(CATCH_UP_PAUSE_S)
        while self._clock() < due_ms:
            if self._halt.wait(POLL_S):
                return False
        return not self._halt.is_set()
