"""What every source yields: one change of one row, whatever system it came from.

Decides the common form. Does not decide which rows matter (bridge/mapping.py), which epoch a change belongs to
(bridge/epochs.py) or how it is read (debezium.py, files.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Op = Literal["read", "create", "update", "delete", "truncate", "end", "bad"]
"""`end` = the snapshot or full extract is complete: rows that it did not show are gone. `bad` = not a change at all;
`after` holds the raw text."""

UNCHANGED: Final = "__debezium_unavailable_value"
"""Debezium's placeholder for a large column that did not change (TOAST): keep the stored value."""

INCREMENTAL: Final = "incremental"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one row.

    Attributes:
        source: Name of the source in the mapping.
        table: Table as the mapping names it.
        op: What happened.
        key: Key columns as the source gave them, or None where the table has no primary key.
        before: Row before, or None. With replica identity DEFAULT only its key columns are real.
        after: Row after, or None.
        position: Place in the source's log, such as the log sequence number; comparable within an epoch.
        sequence: Order within one position.
        committed_at: When the source committed it (wall time, ms since 1970-01-01 UTC).
        snapshot: Empty for a streamed change; else the marker (`true`, `first`, `last`, `incremental` ...).
        run: What names the snapshot or the connector's run; another value with a snapshot row is another snapshot.
        lane: Ordered part of the source it was read from (topic and partition, or table).
        offset: Place in the lane, or -1 where the lane has none.
        old_key: Key that this row had before, from the header of a key change.
        new_key: Key that this row has from now on, from the header of a key change.
        tables: For `end`: tables whose vanished rows are gone; None means all that the snapshot covers, and that the
            source has now sent its whole history.
    """

    source: str
    table: str
    op: Op
    key: Mapping[str, Any] | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    position: int = 0
    sequence: int = 0
    committed_at: int = 0
    snapshot: str = ""
    run: str = ""
    lane: str = ""
    offset: int = -1
    old_key: Mapping[str, Any] | None = None
    new_key: Mapping[str, Any] | None = None
    tables: tuple[str, ...] | None = None

    @property
    def whole_snapshot(self) -> bool:
        """Part of a snapshot that shows whole tables, as an incremental one does not."""
        return self.snapshot not in {"", INCREMENTAL}
