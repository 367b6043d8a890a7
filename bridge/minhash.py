"""Keyed MinHash over token numbers: a table of keyed rows, and minima over runs of them.

Decides how minima are made and how fast. Every token's row is computed once from its group's key; there is no cache
of values to keep or to leak. Does not decide what the tokens are (bridge/tokens.py) or what becomes of the minima.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bridge import tokens

HASH_BYTES: Final = 2  # 16-bit hashes: two tokens that tie give the same low bit, so a tie does no harm
_BLOCK_BYTES: Final = 64  # of one BLAKE2b

Rows = NDArray[np.uint16]


def keyed_rows(key_of_group: Callable[[str], bytes], width: int) -> Rows:
    """The hashes of every token.

    Args:
        key_of_group: Key of a token group, at most 64 bytes.
        width: Hash functions wanted.

    Returns:
        (tokens.TOTAL, width): BLAKE2b in keyed mode over the token's number.
    """
    blocks = -(-width * HASH_BYTES // _BLOCK_BYTES)
    parts: list[bytes] = []
    for group, size in tokens.SIZES.items():
        keyed = keyed_hash(key_of_group(group), _BLOCK_BYTES)
        for number in range(size):
            row = b"".join(prf(keyed, b"%d,%d" % (number, block)) for block in range(blocks))
            parts.append(row[: width * HASH_BYTES])
    return np.frombuffer(b"".join(parts), "<u2").reshape(tokens.TOTAL, width)


def minima(rows: Rows, lots: Sequence[tokens.Runs], slots: int) -> Rows:
    """Smallest hash of each hash function over each slot's tokens.

    Takes the first token of every run, then the second of every run that has one, and so on: numpy's reduceat over
    the same runs takes five times as long [measured, 58 tokens a record].

    Args:
        rows: As `keyed_rows` made them.
        lots: Runs whose owners are slots.
        slots: How many there are.

    Returns:
        (slots, width); the greatest 16-bit number for a slot without a token.
    """
    smallest = np.full((slots, rows.shape[1]), np.iinfo(np.uint16).max, np.uint16)
    for numbers, lengths, owners in lots:
        order = np.argsort(-lengths, kind="stable")
        starts, falling = (np.cumsum(lengths) - lengths)[order], -lengths[order]
        least = rows.take(numbers[starts], axis=0)
        spare = np.empty_like(least)
        for place in range(1, -int(falling[0])):
            longer = int(np.searchsorted(falling, -place))
            # clip, because numpy makes a copy of `out` in its default mode; no number is out of range
            rows.take(numbers[starts[:longer] + place], axis=0, out=spare[:longer], mode="clip")
            np.minimum(least[:longer], spare[:longer], out=least[:longer])
        ranked = owners[order]
        smallest[ranked] = np.minimum(smallest[ranked], least)
    return smallest


def keyed_hash(key: bytes, size: int) -> hashlib.blake2b:
    """BLAKE2b that has taken in a key, to be copied for each message.

    One byte is hashed after the key: BLAKE2b works off a full block only when more comes, so that the copies need not
    do it again.

    Args:
        key: At most 64 bytes.
        size: Bytes of output.

    Returns:
        A hash for `prf`.
    """
    keyed = hashlib.blake2b(key=key, digest_size=size)
    keyed.update(b"|")
    return keyed


def prf(keyed: hashlib.blake2b, message: bytes) -> bytes:
    """Keyed hash of a message, by a copy of a `keyed_hash`: twice as fast as keying anew."""
    hashed = keyed.copy()
    hashed.update(message)
    return hashed.digest()
