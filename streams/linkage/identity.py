"""A record's encodings as the platform keeps them.

Decides the typed form, what a well-formed identity is, and which blocking keys it has. Knows no key that leads back
to a name. Does not compare (compare.py).
"""

from __future__ import annotations

import sys
from typing import Final

import msgspec
import numpy as np
from msgspec.structs import force_setattr
from numpy.typing import NDArray

from schemas.identity import BANDS_MAX, BLOCK_BYTES, FIELD_BYTES, FIELDS, MATCHKEYS_MAX, TOKEN_BYTES, TOKENS
from schemas.identity import Identity as WireIdentity

BITS_BYTES: Final = len(FIELDS) * FIELD_BYTES
ALL_NULL: Final = (1 << len(FIELDS)) - 1
LOCATED: Final = sum(1 << FIELDS.index(name) for name in ("number", "street", "postcode"))
ADDRESS: Final = LOCATED | 1 << FIELDS.index("place")
UPRN: Final = slice(TOKENS.index("uprn") * TOKEN_BYTES, (TOKENS.index("uprn") + 1) * TOKEN_BYTES)

Shape = tuple[int, int, tuple[int, ...], tuple[bytes, ...], str]
"""What a comparison reads: epoch, null mask, one integer of 256 bits a field, tokens (empty where missing; an empty
tuple where all are), agency."""


class Identity(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Typed twin of schemas.identity.Identity.

    The encodings stay bytes, because packed state has no 256-bit integers; `shape` makes the integers.

    Attributes:
        agency: Who holds the record.
        schema_epoch: Version of fields and normalisation.
        key_epoch: Epoch of the linkage key.
        nulls: Bit i is set where field i is missing; the address is always null if restricted or communal, and
            so is the UPRN among the tokens.
        bits: 32 bytes a field, up to the last that is there: most records have no e-mail address.
        tokens: 16 bytes a token, zeros where missing.
        matchkeys: 8 bytes each.
        bands: 8 bytes each; may be empty.
        restricted: Refuge, adoption, staff families: no household from location.
        communal: The address is a communal establishment.
    """

    agency: str
    schema_epoch: int
    key_epoch: int
    nulls: int
    bits: bytes
    tokens: bytes
    matchkeys: bytes
    bands: bytes
    restricted: bool
    communal: bool


def from_wire(message: WireIdentity, agency: str) -> Identity:
    """Check and type an identity.

    Raises:
        ValueError: "bad_size" where a part has another length than its schema epoch says, "bad_bounds" where the
            null mask or an epoch is out of range.
    """
    if (
        len(message["bits"]) != len(FIELDS) * FIELD_BYTES
        or len(message["tokens"]) != len(TOKENS) * TOKEN_BYTES
        or not _whole_blocks(message["matchkeys"], MATCHKEYS_MAX)
        or not _whole_blocks(message["bands"], BANDS_MAX)
    ):
        raise ValueError("bad_size")
    if not 0 <= message["nulls"] <= ALL_NULL or min(message["schema_epoch"], message["key_epoch"]) < 0:
        raise ValueError("bad_bounds")
    hidden = ADDRESS if message["restricted"] or message["communal"] else 0
    nulls, tokens = message["nulls"] | hidden, bytes(message["tokens"])
    if hidden:
        tokens = tokens[: UPRN.start] + _NO_TOKEN + tokens[UPRN.stop :]
    return Identity(
        agency=sys.intern(agency),
        schema_epoch=message["schema_epoch"],
        key_epoch=message["key_epoch"],
        nulls=nulls,
        bits=bytes(message["bits"][: (ALL_NULL & ~nulls).bit_length() * FIELD_BYTES]),
        tokens=_NO_TOKENS if tokens == _NO_TOKENS else tokens,
        matchkeys=bytes(message["matchkeys"]),
        bands=bytes(message["bands"]),
        restricted=message["restricted"],
        communal=message["communal"],
    )


def whole_bits(identity: Identity) -> bytes:
    """All of a record's bits, zeros where a field is missing."""
    return identity.bits.ljust(BITS_BYTES, b"\0")


def share(identity: Identity) -> None:
    """Let what many identities repeat be one object: 120 bytes a record."""
    force_setattr(identity, "agency", sys.intern(identity.agency))
    if identity.tokens == _NO_TOKENS:
        force_setattr(identity, "tokens", _NO_TOKENS)


def _whole_blocks(data: bytes, most: int) -> bool:
    return len(data) % BLOCK_BYTES == 0 and len(data) <= most * BLOCK_BYTES


_FIELD_SLICES: Final = tuple(
    slice(start, start + FIELD_BYTES) for start in range(0, len(FIELDS) * FIELD_BYTES, FIELD_BYTES)
)
_TOKEN_SLICES: Final = tuple(
    slice(start, start + TOKEN_BYTES) for start in range(0, len(TOKENS) * TOKEN_BYTES, TOKEN_BYTES)
)
_NO_TOKEN: Final = bytes(TOKEN_BYTES)
_NO_TOKENS: Final = _NO_TOKEN * len(TOKENS)
_integer = int.from_bytes


def shape(identity: Identity) -> Shape:
    """Integers to compare, made from the bytes."""
    bits, tokens = identity.bits, identity.tokens
    return (
        identity.schema_epoch << 32 | identity.key_epoch,
        identity.nulls,
        tuple([_integer(bits[part], "little") for part in _FIELD_SLICES]),
        ()
        if tokens == _NO_TOKENS
        else tuple([b"" if tokens[part] == _NO_TOKEN else tokens[part] for part in _TOKEN_SLICES]),
        identity.agency,
    )


_KEY: Final = np.dtype("<u8")


def blocking_keys(identity: Identity) -> NDArray[np.uint64]:
    """Every blocking key: matchkeys, bands and, where present, both halves of identifier tokens.

    Two keys of one token, because two that are shared make a candidate however many records hold them.
    """
    blocks = identity.matchkeys + identity.bands
    tokens = identity.tokens
    if tokens != _NO_TOKENS:
        blocks += b"".join([tokens[part] for part in _TOKEN_SLICES if tokens[part] != _NO_TOKEN])
    return np.frombuffer(blocks, _KEY)
