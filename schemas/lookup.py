"""Looking somebody up by name and birth date: what travels in clear, and what seal and signature bind.

Decides the words, the sizes and the bounds. A look-up carries an encoded identity, sealed to the platform, and no
name or date in any form that can be read. Opens nothing and encodes nothing.
"""

from __future__ import annotations

from typing import Final, Literal, TypedDict

from schemas.exchange import REQUEST_MAX_MS

Purpose = Literal["safeguarding", "early_help", "supervision", "assurance", "planning"]
PURPOSES: Final = ("safeguarding", "early_help", "supervision", "assurance", "planning")
LOOKUP_ID_BYTES: Final = 16
SEALED_MAX_BYTES: Final = 2_048  # an identity of most blocks is 1,100 B, its seal 48 B
VALID_S: Final = 15 * 60  # how long an answer is there to be read, unless a desk is set otherwise
VALID_MAX_MS: Final = REQUEST_MAX_MS  # and at most: as long as its topic is kept


FIELDS_NEEDED: Final = ("given", "surname", "dob")
FIELDS_SEALED: Final = (*FIELDS_NEEDED, "middle")
TOKENS_SEALED: Final = ("nhs",)
"""What a look-up is by: all that is needed and nothing beyond, so that nobody tries out an address on a child."""


class Lookup(TypedDict):
    """See avro/lookup.avsc."""

    lookup_id: bytes
    partnership: str
    agency: str
    team: str
    user: str
    purpose: Literal["safeguarding", "early_help", "supervision", "assurance", "planning"]
    sealed: bytes
    requested_at: int
    expires_at: int
    signature: bytes


def seal_info(lookup: Lookup) -> bytes:
    """HPKE info of the sealed identity: it opens for this look-up, agency and partnership alone."""
    return _joined(
        b"sightline lookup", lookup["lookup_id"], lookup["agency"].encode(), lookup["partnership"].encode(),
    )  # fmt: skip


def statement(lookup: Lookup) -> bytes:
    """What the agency that looks somebody up signs: every clear field and the sealed bytes.

    Returns:
        Length-prefixed bytes for Ed25519.
    """
    return _joined(
        b"sightline lookup signed", lookup["lookup_id"], lookup["partnership"].encode(), lookup["agency"].encode(),
        lookup["team"].encode(), lookup["user"].encode(), lookup["purpose"].encode(),
        b"%d,%d" % (lookup["requested_at"], lookup["expires_at"]), lookup["sealed"],
    )  # fmt: skip


def _joined(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
