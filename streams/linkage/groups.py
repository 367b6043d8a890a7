"""Disjoint groups of records, as a table and an index.

Decides how people and households are kept: a row for each group of two or more records under its smallest record. A
record in no row is a group of its own. Does not decide who belongs together.
"""

from __future__ import annotations

from collections.abc import MutableMapping

Group = tuple[bytes, ...]
"""Sorted records."""


class Groups:
    """The groups of one table."""

    def __init__(self, table: MutableMapping[bytes, Group]) -> None:
        self._table = table
        self._of: dict[bytes, Group] = {record: group for group in table.values() for record in group}

    def of(self, record: bytes) -> Group:
        """The group of a record; itself alone if it is in no row."""
        return self._of.get(record) or (record,)

    def all(self) -> set[Group]:
        """Groups of two records or more."""
        return set(self._table.values())

    def exchange(
        self, before: set[Group], after: set[Group], born: bytes | None, died: bytes | None
    ) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
        """Put groups in the place of others; returns those that differ, (gone, new), each sorted.

        Args:
            before: Groups as they were of every record in `after`.
            after: Groups of the same records now.
            born: A record that was in no group before.
            died: A record that is in no group now.
        """
        if died is not None:
            before.add(self.of(died))
        if born is not None:
            before.discard((born,))
        gone, new = tuple(sorted(before - after)), tuple(sorted(after - before))
        for group in gone:
            if len(group) > 1:
                del self._table[group[0]]
                for record in group:
                    del self._of[record]
        for group in new:
            if len(group) > 1:
                self._table[group[0]] = group
                for record in group:
                    self._of[record] = group
        return gone, new
