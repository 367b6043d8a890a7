"""Letters from desk to desk: made, and opened or refused with a reason.

Decides when a letter counts. It is signed by the agency that says it, over every field; an answer is sealed to the
agency that asked, and opens for its request, pair of agencies, kind and expiry alone. Pure: keys, times and what was
asked are given. Which keys are whose is known from the partners file, never from a letter or the platform.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import msgspec

from schemas import codec, crypto
from schemas.exchange import HASH_CHARS, Disclosure, seal_info, statement
from topology import MESSAGE_MAX_BYTES

CONTENT_MAX_BYTES: Final = MESSAGE_MAX_BYTES - 4096  # the rest is for the clear fields, seal and signature
DAY_MS: Final = 24 * 3600 * 1000
HEAD_LATE_MS: Final = 29 * DAY_MS  # older than its topic is kept
Reason = Literal["misdirected", "tampered", "forged", "replayed", "wrong_sender", "expired"]


class Refused(ValueError):
    """A letter that does not count.

    Attributes:
        reason: `misdirected` (for another agency, or sealed to another key or purpose), `tampered` (it is not what
            was signed), `forged` (another agency than it says, or a stranger, signed it), `replayed` (no request of
            ours is open for it), `wrong_sender` (an agency that was not asked), `expired`.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Partner:
    """Another agency's public halves, 32 bytes each."""

    agency: str
    sign_public: bytes
    seal_public: bytes


@dataclass(frozen=True, slots=True)
class Own:
    """This agency, and the private halves of its pairs."""

    partnership: str
    agency: str
    sign_private: bytes = field(repr=False)
    seal_private: bytes = field(repr=False)


class Due(NamedTuple):
    """What a letter has to fit: whom we asked, and until when an answer counts (ms); None of it once answered."""

    asked: str
    expires_at: int


class Reply(NamedTuple):
    """What an answer is bound to: who asked, which request, until when it counts (ms), and what kind of answer."""

    to: Partner
    request_id: bytes
    expires_at: int
    kind: Literal["answer", "refusal"]


def answer(own: Own, reply: Reply, content: object, now: int) -> Disclosure:
    """A letter that answers a request.

    Args:
        own: Who answers.
        reply: What it is bound to.
        content: What it says, as JSON inside the seal; at most `CONTENT_MAX_BYTES`.
        now: Partnership time, ms.

    Raises:
        ValueError: The content is too large.
    """
    letter = _blank(own, now)
    letter["request_id"], letter["to"], letter["kind"] = reply.request_id, reply.to.agency, reply.kind
    letter["expires_at"] = reply.expires_at
    plain = msgspec.json.encode(content)
    if len(plain) > CONTENT_MAX_BYTES:
        error = f"expected at most {CONTENT_MAX_BYTES} bytes to seal, got {len(plain)}"
        raise ValueError(error)
    letter["sealed"] = crypto.hpke_seal(reply.to.seal_public, plain, seal_info(letter))
    return _signed(own, letter)


def head(own: Own, number: int, digest: str, wall: int) -> Disclosure:
    """A letter to all that says how far our audit goes and the hash of its last line."""
    letter = _blank(own, wall)
    letter["kind"], letter["head_number"], letter["head_hash"] = "heads", number, digest
    return _signed(own, letter)


def opened(
    own: Own, letter: Disclosure, due: Due | None, partners: Mapping[str, Partner], now: int
) -> dict[str, Any]:  # fmt: skip
    """What a letter to us says.

    Args:
        own: This agency.
        letter: As it came.
        due: The request it answers, if it is ours and open.
        partners: Agencies whose keys are known.
        now: Partnership time, ms.

    Raises:
        Refused: It does not count; says why.
    """
    if (letter["to"], letter["partnership"]) != (own.agency, own.partnership) or letter["kind"] == "heads":
        raise Refused("misdirected")
    _check_signature(letter, partners)
    if due is None:
        raise Refused("replayed")
    if letter["agency"] != due.asked:
        raise Refused("wrong_sender")
    if now >= due.expires_at or letter["expires_at"] != due.expires_at:
        raise Refused("expired")
    try:
        plain = crypto.hpke_open(own.seal_private, letter["sealed"], seal_info(letter))
    except crypto.Broken:
        raise Refused("misdirected") from None
    try:
        return msgspec.json.decode(plain, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise Refused("tampered") from None


def check_head(own: Own, letter: Disclosure, partners: Mapping[str, Partner], wall: int) -> None:
    """Refuse a head that does not count.

    Args:
        own: This agency.
        letter: As it came, of kind `heads`.
        partners: Agencies whose keys are known.
        wall: Wall time, ms.

    Raises:
        Refused: It does not count; says why.
    """
    if letter["kind"] != "heads" or letter["partnership"] != own.partnership:
        raise Refused("misdirected")
    _check_signature(letter, partners)
    if letter["head_number"] < 1 or len(letter["head_hash"]) != HASH_CHARS:
        raise Refused("tampered")
    if not wall - HEAD_LATE_MS <= letter["answered_at"] <= wall + DAY_MS:
        raise Refused("expired")


def encoded(letter: Disclosure) -> bytes:
    """The letter as it travels."""
    return codec.encode("disclosure", letter)


def sha256(letter: Disclosure) -> str:
    """Hash of what is sealed, by which both audits speak of the same answer; hexadecimal."""
    return hashlib.sha256(letter["sealed"]).hexdigest()


def _check_signature(letter: Disclosure, partners: Mapping[str, Partner]) -> None:
    said = statement(letter)
    sender = partners.get(letter["agency"])
    if sender is not None and crypto.verify(sender.sign_public, said, letter["signature"]):
        return
    others = (partner for partner in partners.values() if partner is not sender)
    if sender is None or any(crypto.verify(other.sign_public, said, letter["signature"]) for other in others):
        raise Refused("forged")
    raise Refused("tampered")


def _blank(own: Own, at: int) -> Disclosure:
    return {
        "request_id": b"", "partnership": own.partnership, "agency": own.agency, "to": "", "kind": "answer",
        "sealed": b"", "head_number": 0, "head_hash": "", "answered_at": at, "expires_at": 0, "signature": b"",
    }  # fmt: skip


def _signed(own: Own, letter: Disclosure) -> Disclosure:
    return {**letter, "signature": crypto.sign(own.sign_private, statement(letter))}
