"""Rows that were refused: kept at the agency, sealed, with reason and fix, while their neighbours go on.

Decides the words for reasons and when a source is mostly bad and has to stop. Does not decide what is refused: that
is mapping_values.py and split.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, NamedTuple

from bridge.mapping_values import Refused
from bridge.sources import Change
from bridge.store import Key, Store

REASONS: Final = (
    "unplaced_table", "unplaced_column", "missing_key", "bad_date", "bad_number", "bad_flag", "too_large",
    "unknown_code", "missing_date", "date_out_of_range", "key_too_long", "unroutable", "undecodable",
)  # fmt: skip
RUN_MAX: Final = 50  # rows refused one after the other before a source is paused
SHARE_MAX: Final = 0.01  # of the rows of a window
WINDOW_ROWS: Final = 5_000
WINDOW_MIN_ROWS: Final = 1_000  # a smaller window says nothing about a share


class Entry(NamedTuple):
    """One refused row as an operator sees it, opened; or a record or event that good rows did not make.

    Attributes:
        id: Number in this store.
        source: Source.
        table: Table, record or event of the mapping.
        reason: One of `REASONS`.
        field: Table or column.
        fix: What a person can do.
        at_ms: When, ms since 1970-01-01 UTC.
        change: The row's change, or None.
        touched: `record` or `event`, its name and key, or None.
    """

    id: int
    source: str
    table: str
    reason: str
    field: str
    fix: str
    at_ms: int
    change: Change | None
    touched: tuple[str, str, Key] | None


class Health:
    """Whether a source is mostly bad.

    Example:
        >>> health = Health()
        >>> for _ in range(51): health.note(ok=False)
        >>> health.verdict()
        'more than 50 rows refused one after the other'
    """

    def __init__(self) -> None:
        self._window: deque[bool] = deque(maxlen=WINDOW_ROWS)
        self._bad = 0
        self._run = 0
        self._longest = 0

    def note(self, *, ok: bool) -> None:
        """Count one row."""
        if len(self._window) == WINDOW_ROWS:
            self._bad -= not self._window[0]
        self._window.append(ok)
        self._bad += not ok
        self._run = 0 if ok else self._run + 1
        self._longest = max(self._longest, self._run)

    def verdict(self) -> str | None:
        """Why the source has to stop, or None."""
        if self._longest > RUN_MAX:
            return f"more than {RUN_MAX} rows refused one after the other"
        if len(self._window) >= WINDOW_MIN_ROWS and self._bad > SHARE_MAX * len(self._window):
            return f"{self._bad} of the last {len(self._window)} rows refused, at most {SHARE_MAX:.0%} may be"
        return None


class Quarantine:
    """The refused rows of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._places: set[bytes] = set()

    def reload(self) -> None:
        """Look again: another process may have changed it."""
        self._places = {found[1] for found in self._store.quarantined()}

    def add(
        self,
        place: bytes,
        what: Change | tuple[str, str, Key],
        about: tuple[str, str],
        refused: Refused,
        now_ms: int,
    ) -> None:
        """Keep a row.

        Args:
            place: Blinded place of the row, record or event.
            what: The change that was refused; or kind, name and key of a record or event that could not be made.
            about: Source, and table, record or event.
            refused: Why.
            now_ms: When, ms since 1970-01-01 UTC.
        """
        content = {"change": asdict(what)} if isinstance(what, Change) else {"touched": what}
        facts = (*about, refused.reason, refused.field, refused.fix, now_ms)
        self._store.add_quarantined(place, facts, content)
        self._places.add(place)

    def resolve(self, place: bytes) -> None:
        """Forget a row, now that it was taken."""
        if place in self._places:
            self._places.discard(place)
            self._store.drop_quarantined(place)

    def drop(self, ids: Sequence[int]) -> int:
        """Forget entries.

        Returns:
            How many there were.
        """
        places = {found[0]: found[1] for found in self._store.quarantined()}
        return sum(self._store.drop_quarantined(places[id_]) for id_ in ids if id_ in places)

    def entries(self) -> list[Entry]:
        """All of it, opened: for the operator's terminal at the agency, never for a log."""
        return [
            Entry(id_, source, table, reason, field, fix, at, *_opened(self._store.open(sealed, place)))
            for id_, place, source, table, reason, field, fix, at, sealed in self._store.quarantined()
        ]


def _opened(content: Mapping[str, Any]) -> tuple[Change | None, tuple[str, str, Key] | None]:
    if "touched" in content:
        kind, name, key = content["touched"]
        return None, (kind, name, tuple(key))
    tables = content["change"]["tables"]
    return Change(**{**content["change"], "tables": None if tables is None else tuple(tables)}), None
