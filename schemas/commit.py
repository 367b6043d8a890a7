"""One chunk's state change, outputs and position."""

from __future__ import annotations

import hashlib
from typing import Final, TypedDict

ZERO_HASH: Final = bytes(32)


class Commit(TypedDict):
    """See avro/commit.avsc."""

    partition: int
    prev: int
    next: int
    part: int
    parts: int
    writer: str
    behaviour: str
    prev_hash: bytes
    nonce: bytes
    sealed: bytes
    hash: bytes


def commit_hash(  # noqa: PLR0913, PLR0917  (the record's own fields)
    partition: int,
    prev: int,
    next_: int,
    part: int,
    parts: int,
    behaviour: str,
    prev_hash: bytes,
    sealed: bytes,
) -> bytes:
    """Hash that chains a commit to the one before it, over ciphertext, so that it verifies without the key.

    Returns:
        SHA-256, 32 bytes.
    """
    head = b"%d,%d,%d,%d,%d,%s|" % (partition, prev, next_, part, parts, behaviour.encode())
    return hashlib.sha256(prev_hash + len(head).to_bytes(2, "big") + head + sealed).digest()
