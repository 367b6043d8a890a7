"""The commit record: made, sealed, chained, cut into parts, and read back by one rule.

Decides what a commit is and which commits count. A reader accepts a record only if its `prev` and `prev_hash` equal
the reader's own place (the chain rule), so duplicates, zombies and retries are harmless to every reader by the same
rule. Pure: no log, no clock; nonces are given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, cast

import msgspec

from schemas import codec
from schemas.commit import ZERO_HASH, Commit, commit_hash
from schemas.crypto import Aead, Broken
from streams.state import Out
from topology import COMMIT_MAX_BYTES, COMMIT_TOPIC_MAX_BYTES

PARTS_MAX: Final = 4096  # at 900 kB a part: a chunk that changes 3.6 GB is a bug
BODY_MAX_BYTES: Final = COMMIT_MAX_BYTES - 1024  # room for the fields around the seal
_ALLOWED: Final = frozenset({"commit"})
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[bytes, tuple[Out, ...]]).decode


class Damaged(ValueError):
    """Bytes in the log, or in a snapshot, that no writer of ours made; carries a reason and no content."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Body(NamedTuple):
    """What a commit hides: state change and outputs."""

    delta: bytes
    outbox: tuple[Out, ...]


class Place(NamedTuple):
    """Where a reader stands.

    Attributes:
        next: Journal offset that the next commit must begin at.
        hash: Hash of the last record accepted, 32 bytes.
        end: Offset in `commits` to read next.
        tip: Offset in `commits` of the last record accepted, -1 before the first.
    """

    next: int = 0
    hash: bytes = ZERO_HASH
    end: int = 0
    tip: int = -1


class Chain:
    """The chain rule, for one partition and one reader.

    A chunk in parts counts when its last part is there. Part 0 begins it anew: a writer that died between parts
    leaves nothing behind.
    """

    __slots__ = ("_pending", "partition", "place", "rejected")

    def __init__(self, partition: int, place: Place = Place()) -> None:  # noqa: B008  (immutable)
        self.partition = partition
        self.place = place
        self.rejected = 0
        self._pending: list[Commit] = []

    def offer(self, offset: int, record: Commit) -> Sequence[Commit]:
        """Take the record at an offset.

        Returns:
            All parts of the chunk it completes, in order; empty if it completes none or is refused.

        Raises:
            Damaged: The offset is not the one after the last: the log has a hole.
        """
        next_, hash_, end, tip = self.place
        if offset != end:
            raise Damaged("gap")
        if record["part"] == 0:
            fits = record["prev"] == next_ and record["prev_hash"] == hash_
            pending: list[Commit] = []
        else:
            fits = self._continues(record)
            pending = self._pending
        if not fits or record["partition"] != self.partition:
            self.rejected += 1
            self.place = Place(next_, hash_, end + 1, tip)
            return ()
        pending.append(record)
        if len(pending) < record["parts"]:
            self._pending = pending
            self.place = Place(next_, hash_, end + 1, tip)
            return ()
        self._pending = []
        self.place = Place(record["next"], record["hash"], end + 1, offset)
        return pending

    @property
    def waiting(self) -> bool:
        """Whether some but not all parts of a chunk are in hand."""
        return bool(self._pending)

    def _continues(self, record: Commit) -> bool:
        if not self._pending:
            return False
        last = self._pending[-1]
        return (
            record["prev_hash"] == last["hash"]
            and record["part"] == last["part"] + 1
            and (record["prev"], record["next"], record["parts"]) == (last["prev"], last["next"], last["parts"])
        )


def make(  # noqa: PLR0913, PLR0917  (one place, all of it is needed)
    cipher: Aead,
    partition: int,
    place: Place,
    next_: int,
    body: Body,
    writer: str,
    behaviour: str,
    nonce: Callable[[], bytes],
    max_bytes: int = BODY_MAX_BYTES,
) -> list[Commit]:
    """Commit records of one chunk.

    Args:
        cipher: Under the state key.
        partition: Journal partition.
        place: Where the writer stands.
        next_: Journal offset after the chunk.
        body: State change and outputs.
        writer: Process, for operators.
        behaviour: Version of behaviour that step ran under.
        nonce: Gives 12 bytes, never the same twice.
        max_bytes: Largest plain text of one part.

    Returns:
        One record, or as many parts as it takes.

    Raises:
        ValueError: It would take more than `PARTS_MAX` parts.
    """
    plain = _encode(body)
    parts = max(1, -(-len(plain) // max_bytes))
    if parts > PARTS_MAX:
        raise ValueError(f"a chunk's changes take {parts} parts, at most {PARTS_MAX} are allowed")
    records: list[Commit] = []
    prev_hash = place.hash
    for part in range(parts):
        piece = plain if parts == 1 else plain[part * max_bytes : (part + 1) * max_bytes]
        one = nonce()
        sealed = cipher.seal(one, piece, _bound(partition, place.next, next_, part, parts, behaviour, prev_hash))
        hash_ = commit_hash(partition, place.next, next_, part, parts, behaviour, prev_hash, sealed)
        records.append({
            "partition": partition, "prev": place.next, "next": next_, "part": part, "parts": parts,
            "writer": writer, "behaviour": behaviour, "prev_hash": prev_hash, "nonce": one, "sealed": sealed,
            "hash": hash_,
        })  # fmt: skip
        prev_hash = hash_
    return records


def frame(record: Commit) -> bytes:
    """Bytes of one record for the log."""
    return codec.encode("commit", record)


def parse(data: bytes) -> Commit:
    """Read one record of the log and check it against itself; needs no key.

    Raises:
        Damaged: It is not a commit, its numbers make no sense, or its hash is not that of its content.
    """
    try:
        _, message = codec.decode(data, _ALLOWED, max_bytes=COMMIT_TOPIC_MAX_BYTES)
    except codec.Rejected as error:
        raise Damaged(error.reason) from None
    record: Any = message
    sane = 0 <= record["part"] < record["parts"] <= PARTS_MAX and 0 <= record["prev"] < record["next"]
    if not sane:
        raise Damaged("bad_numbers")
    if record["hash"] != commit_hash(
        record["partition"], record["prev"], record["next"], record["part"], record["parts"], record["behaviour"],
        record["prev_hash"], record["sealed"],
    ):  # fmt: skip
        raise Damaged("bad_hash")
    return cast(Commit, message)


def open_set(cipher: Aead, records: Sequence[Commit]) -> Body:
    """What a complete chunk holds.

    Args:
        cipher: Under the state key.
        records: All its parts, as `Chain.offer` gave them.

    Raises:
        Damaged: A seal does not open, or holds no body.
    """
    try:
        pieces = [
            cipher.open(
                record["nonce"], record["sealed"],
                _bound(record["partition"], record["prev"], record["next"], record["part"], record["parts"],
                       record["behaviour"], record["prev_hash"]),
            )
            for record in records
        ]  # fmt: skip
        return Body(*_decode(pieces[0] if len(pieces) == 1 else b"".join(pieces)))
    except Broken:
        raise Damaged("seal_broken") from None
    except msgspec.DecodeError:
        raise Damaged("bad_body") from None


def follow(chain: Chain, log: Iterator[tuple[int, bytes]]) -> Iterator[Sequence[Commit]]:
    """Every complete chunk that the chain rule accepts from a log.

    Raises:
        Damaged: A record is damaged, or the log has a hole.
    """
    for offset, data in log:
        accepted = chain.offer(offset, parse(data))
        if accepted:
            yield accepted


def _bound(  # noqa: PLR0913, PLR0917  (the record's own fields)
    partition: int, prev: int, next_: int, part: int, parts: int, behaviour: str, prev_hash: bytes
) -> bytes:
    """What the seal binds: a ciphertext moved to another place does not open."""
    return b"%d,%d,%d,%d,%d,%s|%s" % (partition, prev, next_, part, parts, behaviour.encode(), prev_hash)
