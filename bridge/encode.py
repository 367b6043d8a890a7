"""From a person's fields to encodings that compare without being read.

Decides what linkage sees: a 256-bit keyed 1-bit MinHash a field, keyed blocking tokens, keyed identifier tokens
(LINKAGE section 5). Every output comes from the partnership's linkage key by a subkey of its own purpose, field group
and epoch. Given name and surname share a group, so that swapped names still compare.

The strict profile replaces each MinHash by a keyed hash of the whole value: equal or not, nothing between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from bridge import matchkeys, tokens
from bridge.minhash import HASH_BYTES, keyed_hash, keyed_rows, minima, prf
from bridge.normalise import Person, normalise
from schemas.crypto import derive
from schemas.identity import BLOCK_BYTES, FIELD_BYTES, FIELDS, SCHEMA_EPOCH, TOKEN_BYTES, TOKENS, Identity

Profile = Literal["default", "strict"]
Columns = list[list[str | None]]
BANDS: Final = 12  # LSH bands and rows: 12 of 4 find what 24 of 5 do, with half the keys (`make bench-linkage`)
BAND_ROWS: Final = 4
BATCH_RECORDS: Final = 128  # encoded at a time: the minima stay in the processor's cache


class Encoder:
    """Encodes under one linkage key.

    Args:
        linkage_key: The partnership's key, 32 bytes.
        key_epoch: Its epoch, written into every identity.
        profile: `strict` gives up similarity within a field for less exposure.
        bands: Also make LSH bands; they find more pairs where names and dates are both damaged.
    """

    def __init__(
        self, linkage_key: bytes, key_epoch: int, profile: Profile = "default", *, bands: bool = True
    ) -> None:
        def subkey(purpose: str) -> bytes:
            return derive(linkage_key, f"{purpose}|key epoch {key_epoch}|schema epoch {SCHEMA_EPOCH}")

        def keyed(purpose: str, size: int) -> hashlib.blake2b:
            return keyed_hash(subkey(purpose), size)

        strict = profile == "strict"
        self._key_epoch = key_epoch
        self._exact = [keyed(f"exact|{tokens.GROUP[field]}", FIELD_BYTES) for field in FIELDS]
        self._token = [keyed(f"token|{name.removesuffix('_former')}", TOKEN_BYTES) for name in TOKENS]
        self._matchkeys = [keyed(f"matchkey|{name}", BLOCK_BYTES) for name in matchkeys.NAMES]
        self._band = [keyed(f"band|{band}", BLOCK_BYTES) for band in range(BANDS)]
        self._bits_rows = None if strict else keyed_rows(lambda group: subkey(f"bits|{group}"), FIELD_BYTES * 8)
        self._band_rows = None
        if bands and not strict:  # a band is similarity again
            self._band_rows = keyed_rows(lambda group: subkey(f"lsh|{group}"), BANDS * BAND_ROWS)

    def identity(self, person: Person) -> Identity:
        """Encode one person; normalises first.

        Args:
            person: As the source holds it, or normalised.

        Returns:
            An upsert for the wire.
        """
        return self.identities([person])[0]

    def identities(self, people: Sequence[Person]) -> list[Identity]:
        """Encode many; several times faster than one by one.

        Args:
            people: As the source holds them, or normalised.

        Returns:
            An upsert each, in their order.
        """
        made: list[Identity] = []
        for start in range(0, len(people), BATCH_RECORDS):
            made += self._batch([normalise(person) for person in people[start : start + BATCH_RECORDS]])
        return made

    def deletion(self) -> Identity:
        """The body that withdraws a record: it carries nothing of it."""
        return {
            "op": "delete", "schema_epoch": SCHEMA_EPOCH, "key_epoch": self._key_epoch, "nulls": 0, "bits": b"",
            "tokens": b"", "matchkeys": b"", "bands": b"", "restricted": False, "communal": False,
        }  # fmt: skip

    def _batch(self, people: list[Person]) -> list[Identity]:
        columns = [[getattr(person, field) for person in people] for field in FIELDS]
        missing = np.array([[value is None for value in column] for column in columns]).T
        nulls = (missing @ (1 << np.arange(len(FIELDS)))).tolist()
        bits, bands = self._minhash(columns, missing) if self._bits_rows is not None else self._equality(columns)
        return [
            {
                "op": "upsert",
                "schema_epoch": SCHEMA_EPOCH,
                "key_epoch": self._key_epoch,
                "nulls": nulls[number],
                "bits": bits[number],
                "tokens": self._tokens(person),
                "matchkeys": self._blocks(person),
                "bands": bands[number],
                "restricted": person.restricted,
                "communal": person.communal,
            }
            for number, person in enumerate(people)
        ]

    def _minhash(self, columns: Columns, missing: NDArray[np.bool_]) -> tuple[list[bytes], list[bytes]]:
        """Bits and bands of each record."""
        records = len(missing)
        lots = tokens.of_batch(FIELDS, columns)
        slots = records * len(FIELDS)
        assert self._bits_rows is not None  # noqa: S101  (for the type checker: the caller asked)
        low_bits = minima(self._bits_rows, lots, slots).astype(np.uint8)
        low_bits &= 1
        bits = np.packbits(low_bits.ravel()).reshape(records, len(FIELDS), FIELD_BYTES)
        bits[missing] = 0
        bands = [b""] * records
        if self._band_rows is not None:
            by_field = minima(self._band_rows, lots, slots).reshape(records, len(FIELDS), -1)
            for number in np.flatnonzero(~missing.all(axis=1)):
                bands[number] = self._bands(by_field[number].min(axis=0).tobytes())
        return [row.tobytes() for row in bits], bands

    def _equality(self, columns: Columns) -> tuple[list[bytes], list[bytes]]:
        """Bits of each record in the strict profile, which has no bands."""
        bits = [
            b"".join(
                bytes(FIELD_BYTES) if value is None else prf(keyed, tokens.exact(field, value))
                for field, keyed, value in zip(FIELDS, self._exact, values, strict=True)
            )
            for values in zip(*columns, strict=True)
        ]
        return bits, [b""] * len(bits)

    def _bands(self, hashes: bytes) -> bytes:
        size = BAND_ROWS * HASH_BYTES
        return _sorted([
            prf(keyed, hashes[band * size : (band + 1) * size]) for band, keyed in enumerate(self._band)
        ])  # fmt: skip

    def _tokens(self, person: Person) -> bytes:
        # a superseded number is found as the number it was: both are keyed alike
        values = (person.nhs, person.nhs_former, person.upn, person.uprn)
        return b"".join(
            bytes(TOKEN_BYTES) if value is None else prf(keyed, value.encode())
            for keyed, value in zip(self._token, values, strict=True)
        )

    def _blocks(self, person: Person) -> bytes:
        found: set[bytes] = set()
        for keyed, block in zip(self._matchkeys, matchkeys.of_person(person), strict=True):
            if block:
                hashed = keyed.copy()  # as `prf`, without a call for each
                hashed.update(block.encode())
                found.add(hashed.digest())
        return b"".join(sorted(found))


def _sorted(blocks: Iterable[bytes]) -> bytes:
    return b"".join(sorted(set(blocks)))
