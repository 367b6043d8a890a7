"""What desks ask of each other and answer: the words, and what a signature and a seal bind.

Decides which facts of a request and of a disclosure travel in clear. Opens nothing and holds no content.
"""

from __future__ import annotations

from typing import Final, Literal, TypedDict

Kind = Literal["identity", "summary", "record"]
Purpose = Literal["identify", "assess_need", "protect", "step_down"]
Basis = Literal["none", "consent", "determination", "duty"]
DisclosureKind = Literal["answer", "refusal", "heads"]
KINDS: Final = ("identity", "summary", "record")
PURPOSES: Final = ("identify", "assess_need", "protect", "step_down")
BASES: Final = ("none", "consent", "determination", "duty")
REQUEST_ID_BYTES: Final = 16
REQUEST_MAX_MS: Final = 28 * 24 * 3600 * 1000  # a request is open for no longer than its topic is kept
HASH_CHARS: Final = 64  # SHA-256, hexadecimal


class Request(TypedDict):
    """See avro/request.avsc."""

    request_id: bytes
    partnership: str
    agency: str
    team: str
    user: str
    asked: str
    kind: Literal["identity", "summary", "record"]
    alert_id: str
    records: list[bytes]
    purpose: Literal["identify", "assess_need", "protect", "step_down"]
    basis: Literal["none", "consent", "determination", "duty"]
    requested_at: int
    expires_at: int


class Disclosure(TypedDict):
    """See avro/disclosure.avsc."""

    request_id: bytes
    partnership: str
    agency: str
    to: str
    kind: Literal["answer", "refusal", "heads"]
    sealed: bytes
    head_number: int
    head_hash: str
    answered_at: int
    expires_at: int
    signature: bytes


def seal_info(letter: Disclosure) -> bytes:
    """HPKE info of a sealed answer: it opens for this request, pair of agencies, kind and expiry alone."""
    return _joined(
        b"sightline disclosure", letter["request_id"], letter["partnership"].encode(), letter["agency"].encode(),
        letter["to"].encode(), letter["kind"].encode(), b"%d" % letter["expires_at"],
    )  # fmt: skip


def statement(letter: Disclosure) -> bytes:
    """What the agency that says it signs: every clear field and the sealed bytes.

    Returns:
        Length-prefixed bytes for Ed25519.
    """
    head = b"%d,%d,%d" % (letter["head_number"], letter["answered_at"], letter["expires_at"])
    return _joined(
        b"sightline disclosure signed", letter["request_id"], letter["partnership"].encode(),
        letter["agency"].encode(), letter["to"].encode(), letter["kind"].encode(), letter["head_hash"].encode(), head,
        letter["sealed"],
    )  # fmt: skip


def _joined(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
