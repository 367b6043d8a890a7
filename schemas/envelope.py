"""The clear outside of a bridge's message.

Decides which facts travel in clear and what the seal binds them to. Does not open anything.
"""

from __future__ import annotations

from typing import Final, Literal, TypedDict

Lane = Literal["key", "identity", "profile", "event", "heartbeat", "live"]
IDENTITY_LANES: Final = frozenset({"key", "identity"})
EVENT_LANES: Final = frozenset({"key", "profile", "event", "heartbeat", "live"})
SUBJECT_MAX_BYTES: Final = 96  # AES-SIV tag 16 B + a source key padded to at most 64 B, with room
ID_MAX_CHARS: Final = 64  # agency, source, partnership
PAYLOAD_KEY_INFO: Final = b"sightline payload key"  # HPKE info of a payload key sealed to the platform


class Envelope(TypedDict):
    """See avro/envelope.avsc for what each field means."""

    partnership: str
    agency: str
    source: str
    lane: Lane
    subject: bytes
    epoch: int
    position: int
    sequence: int
    committed_at: int
    key_id: bytes
    nonce: bytes
    body: bytes


def associated_data(topic: str, envelope: Envelope) -> bytes:
    """What the seal of the body binds: a ciphertext moved to another topic, record or version does not open.

    Args:
        topic: The Kafka topic it travels on.
        envelope: All but `nonce` and `body` are used.

    Returns:
        Bytes in which each part is length-prefixed, so that no two envelopes share them.
    """
    parts = (
        topic.encode(), envelope["partnership"].encode(), envelope["agency"].encode(), envelope["source"].encode(),
        envelope["lane"].encode(), envelope["subject"],
        b"%d,%d,%d,%d" % (envelope["epoch"], envelope["position"], envelope["sequence"], envelope["committed_at"]),
    )  # fmt: skip
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def key_statement(agency: str, partnership: str, key_id: bytes, day: str, sealed: bytes) -> bytes:
    """What an agency signs when it hands the platform a payload key.

    Returns:
        Length-prefixed bytes for Ed25519.
    """
    parts = (b"sightline payload key", agency.encode(), partnership.encode(), key_id, day.encode(), sealed)
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)
