"""Rules that change by two signatures, and what named people decide at a desk."""

from __future__ import annotations

from typing import Final, Literal, TypedDict

SNOOZE_MAX_MS: Final = 92 * 24 * 3_600_000  # nobody is put off for more than a quarter
NAMES: Final = ("register", "rules", "model", "linkage", "protocols", "excused", "golive")

Action = Literal[
    "acknowledge", "assign", "snooze", "act", "close", "dispute_link", "dispute_score", "must_link", "cannot_link"
]
Verdict = Literal["none", "true_positive", "false_positive"]


class Approval(TypedDict):
    """One approver's signature over `statement`."""

    approver: str
    signature: bytes


class Control(TypedDict):
    """See avro/control.avsc."""

    partnership: str
    name: str
    version: int
    effective_at: int
    body: str
    approvals: list[Approval]


class Response(TypedDict):
    """See avro/response.avsc."""

    response_id: bytes
    partnership: str
    agency: str
    team: str
    user: str
    action: Action
    alert_id: str
    records: list[bytes]
    until_at: int | None
    verdict: Verdict
    decided_at: int


def place(partnership: str, name: str) -> bytes:
    """Key of a control on its topic, which keeps the newest of each key.

    Example:
        >>> place("northmere", "rules")
        b'northmere/rules'
    """
    return f"{partnership}/{name}".encode()


def statement(partnership: str, name: str, version: int, effective_at: int, body: str) -> bytes:
    """What an approver of a control signs.

    Returns:
        Length-prefixed bytes for Ed25519.
    """
    parts = (
        b"sightline control",
        partnership.encode(),
        name.encode(),
        b"%d,%d" % (version, effective_at),
        body.encode(),
    )
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
