"""Tables of plain values, and the deltas that carry their changes.

Decides how state is held, changed, packed, folded and compared. Does not know what any table means: the tables
themselves are declared in streams/partnership.py, next to the logic that uses them.

A value is never changed in place: `table[key] = new_value` is the only way, so that every change is in the delta.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

K = TypeVar("K", bound=bytes | str)
V = TypeVar("V")
Raw = msgspec.Raw
Change = tuple[str, int, bytes | str, Raw | None]
"""One changed row: partnership, table number, key, packed value or None where the row is gone."""

_changes = msgspec.msgpack.Decoder(list[tuple[str, int, Any, Raw]])
_NIL = b"\xc0"
_encode = msgspec.msgpack.Encoder().encode


class Table(dict[K, V], Generic[K, V]):
    """A mapping that remembers which rows changed since the last `Tables.take_delta`.

    Iteration order is not part of its meaning (a recovered table has another): never let a result depend on it.
    """

    __slots__ = ("dirty",)

    def __init__(self) -> None:
        super().__init__()
        self.dirty: dict[K, None] = {}

    def __setitem__(self, key: K, value: V) -> None:
        self.dirty[key] = None
        super().__setitem__(key, value)

    def __delitem__(self, key: K) -> None:
        self.dirty[key] = None
        super().__delitem__(key)

    def pop(self, *_: object) -> Any:
        """Not offered: it would escape the delta."""
        raise NotImplementedError

    clear = update = setdefault = popitem = pop


class Spec(NamedTuple):
    """Declares one table. Its number is its place in the list of specs: append, never reorder.

    Attributes:
        name: Its name.
        value: Type of a value.
        share: Told of each value that is loaded, so that what many rows repeat can be one object in memory.
    """

    name: str
    value: Any
    share: Callable[[Any], None] | None = None


class Tables(dict[str, Table[Any, Any]]):
    """All tables of one partnership, by name; which there are does not change."""

    def __init__(self, partnership: str, specs: tuple[Spec, ...]) -> None:
        self.partnership = partnership
        self._tables: list[Table[Any, Any]] = [Table() for _ in specs]
        self._decoders = [msgspec.msgpack.Decoder(spec.value | None).decode for spec in specs]
        self._shares = [spec.share for spec in specs]
        self._keys: dict[bytes | str, bytes | str] = {}  # while loading: tables of one key share it
        super().__init__((spec.name, table) for spec, table in zip(specs, self._tables, strict=True))
        if len(self) != len(specs):
            raise ValueError("two tables of one name: one would hide the other")

    def take_delta(self) -> list[Change]:
        """Rows changed since the last call, each once, in the order of first change."""
        changes: list[Change] = []
        for number, table in enumerate(self._tables):
            if table.dirty:
                for key in table.dirty:
                    value = table.get(key)
                    changes.append((self.partnership, number, key, None if value is None else Raw(_encode(value))))
                table.dirty = {}
        return changes

    def load(self, number: int, key: bytes | str, packed: Raw | bytes) -> None:
        """Take one row of a delta or snapshot; call `loaded` after the last."""
        value, table = self._decoders[number](packed), self._tables[number]
        if value is None:
            dict.pop(table, key, None)  # past the marking of changes: it came from one
            return
        if (share := self._shares[number]) is not None:
            share(value)
        dict.__setitem__(table, self._keys.setdefault(key, key), value)

    def loaded(self) -> None:
        """Loading is over for now."""
        self._keys = {}

    def rows(self) -> Iterator[Change]:
        """Every row, packed, in canonical order (table, key)."""
        for number, table in enumerate(self._tables):
            for key in sorted(table, key=_as_bytes):
                yield self.partnership, number, key, Raw(_encode(table[key]))


class Out(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One output of `step`, uncut: the publisher cuts it to the receiver's protocol.

    Attributes:
        kind: `alert`, `presence`, `household`, `suggestion`, `joins`, `view`, `lookup`, `link` or
            `dead_letter`.
        to: Team for alert and presence, agency for view, lookup and dead_letter, else empty: the body says who
            reads it.
        partnership: Partnership.
        body: msgpack of the message by kind; see streams/outbox.py.
    """

    kind: str
    to: str
    partnership: str
    body: bytes


Enough = Callable[[], bool]


def never() -> bool:
    """It is never enough: all entries are applied."""
    return False


class Given:
    """Entries in order until it is enough.

    Attributes:
        left: Those that were not given out.
    """

    def __init__(self, entries: Sequence[bytes], enough: Enough) -> None:
        self._entries, self._enough = entries, enough
        self.left = len(entries)

    def __iter__(self) -> Iterator[bytes]:
        for entry in self._entries:
            self.left -= 1
            yield entry
            if self._enough():
                return


class Outcome(NamedTuple):
    """What one call of `step` did.

    Attributes:
        delta: Packed list of `Change`; applying it to the state before gives the state after.
        outbox: Outputs in order.
        counts: (agency, outcome) -> messages, for metrics only; outcomes are applied, duplicate, late, orphan,
            dead_letter, tick. Beside messages: `control_refused`, and alerts that were escalated `unread`, `copied`
            to who is at work or `moved` with the child.
        gauges: (partnership, agency or empty, what) -> value, after a tick, for metrics only: streams/gauges.py.
        left: Entries at the end that were not applied, because it was enough: they are as if never given.
    """

    delta: bytes
    outbox: tuple[Out, ...]
    counts: Mapping[tuple[str, str], int]
    gauges: Mapping[tuple[str, str, str], int] = MappingProxyType({})
    left: int = 0


def pack_delta(changes: list[Change]) -> bytes:
    """Bytes of a delta."""
    return _encode(changes)


def packed_rows(delta: bytes) -> list[tuple[str, int, Any, Raw]]:
    """Rows of a delta for `Tables.load`: partnership, table number, key, packed value or nil.

    Raises:
        msgspec.DecodeError: The bytes are not a packed delta.
    """
    return _changes.decode(delta)


def unpack_delta(delta: bytes) -> list[Change]:
    """Changes of a delta; values stay packed.

    Raises:
        msgspec.DecodeError: The bytes are not a packed delta.
    """
    return [
        (partnership, number, key, None if bytes(value) == _NIL else value)
        for partnership, number, key, value in _changes.decode(delta)
    ]


class RawState:
    """Folded state with values left packed: enough to snapshot, verify and compare, for any behaviour."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int, bytes | str], bytes] = {}

    def apply(self, delta: bytes) -> None:
        """Fold one delta."""
        for partnership, number, key, value in unpack_delta(delta):
            if value is None:
                self.rows.pop((partnership, number, key), None)
            else:
                self.rows[partnership, number, key] = bytes(value)

    def changes(self) -> Iterator[Change]:
        """Every row in canonical order."""
        for partnership, number, key in sorted(self.rows, key=_canonical):
            yield partnership, number, key, Raw(self.rows[partnership, number, key])

    def pack(self) -> bytes:
        """Snapshot bytes: a delta that makes this state from nothing."""
        return pack_delta(list(self.changes()))

    def digest(self) -> bytes:
        """SHA-256 over the canonical rows, 32 bytes; equal states have equal digests."""
        return digest(self.changes())


def _canonical(row: tuple[str, int, bytes | str]) -> tuple[str, int, bytes]:
    partnership, number, key = row
    return partnership, number, _as_bytes(key)


def _as_bytes(key: bytes | str) -> bytes:
    return key if isinstance(key, bytes) else key.encode()


def digest(rows: Iterable[Change]) -> bytes:
    """SHA-256 over rows in the order given, 32 bytes."""
    sha = hashlib.sha256()
    for row in rows:
        packed = _encode(row)
        sha.update(len(packed).to_bytes(4, "big"))
        sha.update(packed)
    return sha.digest()
