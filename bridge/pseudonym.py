"""Pseudonyms of records and events: the same key always has the same one, and only its agency can turn it back.

Decides the form: AES-SIV (RFC 5297) under a subkey of the agency key, with the purpose as associated data, over the
source's name and key padded to a multiple of 16 bytes. Deterministic encryption and not a hash, so that the desk
needs no table to find the row, and no list of guesses can be tried without the key. Does not decide what makes a
record or an event: that is the mapping.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from schemas.crypto import Broken, derive
from schemas.envelope import SUBJECT_MAX_BYTES

Key = Mapping[str, str] | Sequence[str]
PURPOSES: Final = ("record", "event")
_TAG_BYTES: Final = 16
_BLOCK_BYTES: Final = 16  # padding: a pseudonym's length tells the key's length only to 16 bytes
_PLAIN_MAX_BYTES: Final = SUBJECT_MAX_BYTES - _TAG_BYTES - 1  # one byte marks where the padding begins
_UUID: Final = 255  # marks 16 bytes of a canonical UUID, which as text would take 36


class Pseudonymiser:
    """Makes and resolves the pseudonyms of one agency."""

    def __init__(self, agency_key: bytes) -> None:
        self._cipher = AESSIV(derive(agency_key, "pseudonym", 64))

    def record(self, source: str, key: Key) -> bytes:
        """Pseudonym of a record.

        Args:
            source: System it is from.
            key: The record's key there; a mapping's names count too, their order does not.

        Returns:
            32 to 96 bytes, a multiple of 16.

        Raises:
            ValueError: Source and key together are too long, or there is no key.
        """
        return self._seal("record", source, key)

    def event(self, source: str, key: Key) -> bytes:
        """Pseudonym of an event; as `record`, and never equal to one."""
        return self._seal("event", source, key)

    def resolve(self, pseudonym: bytes) -> tuple[str, str, dict[str, str] | tuple[str, ...]]:
        """What a pseudonym stands for.

        Args:
            pseudonym: Made by this agency.

        Returns:
            Purpose (`record` or `event`), source, and the key in the form it was given.

        Raises:
            Broken: It is not one of this agency's pseudonyms.
        """
        for purpose in PURPOSES:
            try:
                return purpose, *_unpack(self._cipher.decrypt(pseudonym, [purpose.encode()]))
            except (InvalidTag, ValueError):
                continue
        raise Broken("not a pseudonym of this agency")

    def _seal(self, purpose: str, source: str, key: Key) -> bytes:
        return self._cipher.encrypt(_pack(source, key), [purpose.encode()])


def _pack(source: str, key: Key) -> bytes:
    if not key or isinstance(key, str):
        raise ValueError("expected a key of at least one value")
    named = isinstance(key, Mapping)
    values = [part for name in sorted(key) for part in (name, key[name])] if isinstance(key, Mapping) else list(key)
    packed = bytes([named]) + b"".join(_pack_value(value) for value in (source, *values))
    if len(packed) > _PLAIN_MAX_BYTES:
        error = f"source and key take {len(packed)} bytes, at most {_PLAIN_MAX_BYTES} fit a pseudonym"
        raise ValueError(error)
    packed += b"\x80"  # ISO/IEC 7816-4 padding: unambiguous whatever the values are
    return packed + bytes(-len(packed) % _BLOCK_BYTES)


def _pack_value(value: str) -> bytes:
    if len(value) == 36:
        try:
            parsed = uuid.UUID(value)
        except ValueError:
            pass
        else:
            if str(parsed) == value:  # upper case or braces would not come back the same
                return bytes([_UUID]) + parsed.bytes
    data = value.encode()
    if len(data) >= _UUID:
        error = f"a value of the key takes {len(data)} bytes"
        raise ValueError(error)
    return bytes([len(data)]) + data


def _unpack(plain: bytes) -> tuple[str, dict[str, str] | tuple[str, ...]]:
    packed = plain.rstrip(b"\0")[:-1]
    values, at = [], 1
    while at < len(packed):
        size = packed[at]
        if size == _UUID:
            values.append(str(uuid.UUID(bytes=packed[at + 1 : at + 17])))
            at += 17
        else:
            values.append(packed[at + 1 : at + 1 + size].decode())
            at += 1 + size
    source, *parts = values
    return source, dict(zip(parts[::2], parts[1::2], strict=True)) if packed[0] else tuple(parts)
