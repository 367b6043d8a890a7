"""What the exchange keeps of a request: one we were asked, one we asked, and a head of somebody's audit.

Decides shapes only.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from bridge.desk.exchange.answer import Content

INCOMING: Final = "incoming"
OUTGOING: Final = "outgoing"
HEAD: Final = "head"
LOOKUP: Final = "lookup"
ROWS_MAX: Final = 2_000  # rows looked through at once: the platform leaves 200 open for each agency that asks


class Incoming(msgspec.Struct, frozen=True):
    """A request of another agency to us.

    Attributes:
        request_id: Hexadecimal.
        agency, team, user: Who asks; the user's pseudonymous id there.
        kind, purpose, basis: As the asking side says.
        requested_at, expires_at: Partnership time, ms.
        records: Own record pseudonyms, hexadecimal.
        state: `open`, `sending` (decided, not yet at the broker), `answered`, `refused`, `withdrawn` (it expired).
        protocol: Protocol that covers it, or empty.
        automatic: Nobody had to look.
        letter: The answer as it travels, kept until it is sent.
        sha256: Of what is sealed in it.
        user_here: Who decided, or `desk`.
        decided_at: Wall time, ms.
        reason: Closed word of a refusal.
        note: What the person who decided wrote, where no protocol covers it.
        basis_here: Basis on which that person disclosed.
    """

    request_id: str
    agency: str
    team: str
    user: str
    kind: str
    purpose: str
    basis: str
    requested_at: int
    expires_at: int
    records: tuple[str, ...]
    state: Literal["open", "sending", "answered", "refused", "withdrawn"] = "open"
    protocol: str = ""
    automatic: bool = False
    letter: bytes = b""
    sha256: str = ""
    user_here: str = ""
    decided_at: int = 0
    reason: str = ""
    note: str = ""
    basis_here: str = ""


class Outgoing(msgspec.Struct, frozen=True):
    """A request of ours.

    Attributes:
        request_id: Hexadecimal.
        asked: Who is asked.
        team, user: Who asks.
        kind, purpose, basis: As in schemas.exchange.
        alert_id: What it is about, or empty.
        records: Own record pseudonyms it is about, hexadecimal.
        requested_at, expires_at: Partnership time, ms.
        state: `open`, `answered`, `refused` (by them), `returned` (by the platform).
        reason: Closed word of a refusal or return.
        content: What the answer says.
        sha256: Of what was sealed in it.
        received_at: Partnership time, ms.
    """

    request_id: str
    asked: str
    team: str
    user: str
    kind: str
    purpose: str
    basis: str
    alert_id: str
    records: tuple[str, ...]
    requested_at: int
    expires_at: int
    state: Literal["open", "answered", "refused", "returned"] = "open"
    reason: str = ""
    content: Content | None = None
    sha256: str = ""
    received_at: int = 0


class Returned(msgspec.Struct, frozen=True):
    """A look-up of ours that the platform gave back: the closed word that says why."""

    reason: str


class Head(msgspec.Struct, frozen=True):
    """How far an agency's audit went on a day, as it signed it.

    Attributes:
        partnership, agency: Whose.
        number: Lines.
        hash: Of the last of them, hexadecimal.
        at: Wall time, ms.
        signature: Hexadecimal; see schemas.exchange.statement.
    """

    partnership: str
    agency: str
    number: int
    hash: str
    at: int
    signature: str
