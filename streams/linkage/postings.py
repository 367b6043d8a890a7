"""Which records share a blocking key.

Decides candidates: records that share a key held by at most `posting_max` records. A key held by more is retired and
counts for nothing; it is revived when it falls back to the limit. That is a function of the live records alone.
"""

from __future__ import annotations

from collections.abc import Iterable

Posting = bytes | tuple[bytes, ...] | set[bytes]
"""Records of one key: one, up to the limit, or more than it. Three forms, because most keys have one record."""


class Postings:
    """Blocking key -> records."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._records: dict[int, Posting] = {}

    def enter(self, record: bytes, keys: Iterable[int], candidates: set[bytes]) -> list[int]:
        """Add a record under keys it is not under yet.

        Args:
            record: Record.
            keys: Its keys.
            candidates: Receives the records that share one of the keys, as far as it is live afterwards.

        Returns:
            The keys that this retired.
        """
        records, most = self._records, self._most
        retired = []
        for key in keys:
            held = records.get(key)
            if held is None:
                records[key] = record
            elif type(held) is bytes:
                records[key] = (held, record)
                candidates.add(held)
            elif type(held) is tuple:
                if len(held) < most:
                    records[key] = (*held, record)
                    candidates.update(held)
                else:
                    records[key] = {*held, record}
                    retired.append(key)
            elif type(held) is set:
                held.add(record)
        return retired

    def leave(self, record: bytes, keys: Iterable[int]) -> list[int]:
        """Take a record away from keys it is under; returns the keys that this revived."""
        records, most = self._records, self._most
        revived = []
        for key in keys:
            held = records[key]
            if type(held) is bytes:
                del records[key]
            elif type(held) is tuple:
                rest = tuple([other for other in held if other != record])
                records[key] = rest[0] if len(rest) == 1 else rest
            elif type(held) is set:
                held.discard(record)
                if len(held) == most:
                    records[key] = tuple(sorted(held))
                    revived.append(key)
        return revived

    def candidates(self, record: bytes, keys: Iterable[int]) -> set[bytes]:
        """Records that share a live key with a record that is under these keys."""
        found: set[bytes] = set()
        for key in keys:
            held = self._records[key]
            if type(held) is tuple:
                found.update(held)
        found.discard(record)
        return found

    def members(self, key: int) -> Iterable[bytes]:
        """All records of one key, live or retired."""
        held = self._records.get(key, ())
        return (held,) if type(held) is bytes else held  # type: ignore[return-value]

    def live(self, key: int) -> bool:
        """Whether the key counts: at most `posting_max` records have it."""
        return type(self._records.get(key)) is not set
