"""A record's encodings on the wire.

Decides which fields are encoded, in which order and size. Does not encode (bridge/encode.py) or compare
(streams/linkage).
"""

from __future__ import annotations

from typing import Final, Literal, TypedDict

FIELDS: Final = (
    "given", "middle", "surname", "dob", "number", "street", "postcode", "place", "email", "code",
)  # fmt: skip
TOKENS: Final = ("nhs", "nhs_former", "upn", "uprn")
FIELD_BYTES: Final = 32  # 256-bit 1-bit MinHash, LINKAGE section 3
TOKEN_BYTES: Final = 16
BLOCK_BYTES: Final = 8  # one matchkey or band
MATCHKEYS_MAX: Final = 48
BANDS_MAX: Final = 32
SCHEMA_EPOCH: Final = 1  # version of fields and normalisation; a change of either is a new epoch


class Identity(TypedDict):
    """See avro/identity.avsc for what each field means."""

    op: Literal["upsert", "delete"]
    schema_epoch: int
    key_epoch: int
    nulls: int
    bits: bytes
    tokens: bytes
    matchkeys: bytes
    bands: bytes
    restricted: bool
    communal: bool
