"""A change of rules before the second signature, and what it would have changed."""

from __future__ import annotations

import hashlib
from typing import Literal, TypedDict


class Draft(TypedDict):
    """See avro/draft.avsc."""

    draft_id: str
    partnership: str
    name: str
    base_version: int
    effective_at: int
    body: str


class Preview(TypedDict):
    """See avro/preview.avsc."""

    draft_id: str
    partnership: str
    digest: bytes
    outcome: Literal["compared", "refused", "not_possible", "unavailable"]
    reason: str
    as_of_at: int
    body: str | None


def digest(body: str) -> bytes:
    """By which a preview is known to be of this very body: SHA-256."""
    return hashlib.sha256(body.encode()).digest()
