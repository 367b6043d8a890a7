"""What could not be taken, and why. Reasons are closed words: no value that came from a person."""

from __future__ import annotations

from typing import Final, Literal, TypedDict

REASONS: Final = (
    "empty", "too_large", "bad_magic", "unknown_schema", "undecodable", "trailing_bytes", "wrong_schema",
    "wrong_agency", "unknown_agency", "unknown_partnership", "wrong_lane", "bad_bounds", "key_unknown",
    "key_signature", "seal_broken", "date_out_of_range", "unknown_code", "bad_size", "conflicting_version",
    "bad_control", "bad_response", "orphan_full", "bad_request", "request_expired", "request_unfounded",
    "request_nothing", "request_full", "bad_lookup", "lookup_signature", "lookup_expired", "lookup_full",
)  # fmt: skip

SEAL_INFO: Final = b"sightline dead letter"  # HPKE info of rejected bytes sealed back to their agency


class DeadLetter(TypedDict):
    """See avro/dead_letter.avsc."""

    agency: str
    origin: str
    reason: str
    stage: Literal["intake", "step"]
    received_at: int
    size_bytes: int
    sha256: bytes
    sealed: bytes
