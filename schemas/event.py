"""What happened to a record, in codes; heartbeats and the live mark."""

from __future__ import annotations

from typing import Final, Literal, TypedDict

ADVERSE_FAMILIES: Final = (
    "violence", "missing", "injury", "mental_health", "attendance", "welfare", "housing", "contact",
)  # fmt: skip
FAMILIES: Final = (*ADVERSE_FAMILIES, "protective", "referral")
"""Factor families. `referral` is service contact: it is kept for summaries and never a feature (RISK section 10)."""
AGENCY_KINDS: Final = ("police", "health", "education", "social_care", "housing")
OUTCOMES: Final = ("need_or_plan",)
SEVERITY_MAX: Final = 4
FACTORS_MAX: Final = 32


class Factor(TypedDict):
    """A risk or protective factor."""

    family: str
    severity: int
    origin: Literal["structured", "text"]


class Event(TypedDict):
    """See avro/event.avsc for what each field means."""

    op: Literal["upsert", "delete"]
    event: bytes
    kind: str
    occurred_at: int
    factors: list[Factor]
    contact: bool
    outcome: str


class Heartbeat(TypedDict):
    """Proof that the whole path from the source database is alive."""

    beat_at: int


class Live(TypedDict):
    """The source has sent its history."""

    records: int
    events: int


class PayloadKey(TypedDict):
    """See avro/payload_key.avsc."""

    key_id: bytes
    day: str
    sealed: bytes
    signature: bytes
