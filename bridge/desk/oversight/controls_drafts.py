"""Drafts of a change of rules as they are kept: who signed, what was sent, and what became of it.

Decides when a draft may still be signed and what a second signature needs: another person, another key, the very
bytes of the first, on the rules that the first was made for. Nothing of a draft is ever changed: what happens to it
is written after it, in the desk's sealed store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bridge.desk.access.records import Entry, Records
from bridge.desk.oversight.controls_body import Bad
from bridge.desk.oversight.controls_keys import ApproverKeys, Signature
from schemas.control import Control, statement
from schemas.preview import Draft as ToPreview

RULES: Final = "rules"
DRAFT, SIGNED, SENT, WITHDRAWN = "control_draft", "control_signed", "control_sent", "control_withdrawn"
"""Kinds of entries: the draft with its first signature, and what came after."""
SHOWN_MAX: Final = 20


@dataclass(frozen=True)
class Draft:
    """A change of rules.

    Attributes:
        entry: As it was written: its id, who drafted it, when.
        version, effective_at, body: What is signed, beside the partnership and the control's name.
        base_version, base_body: The rules in force when it was drafted.
        reason: Why.
        first: Signature of who drafted it.
        second: Entry of the second signature.
        sent: Entry of its being sent.
        withdrawn: Entry of its being withdrawn.
    """

    entry: Entry
    version: int
    effective_at: int
    body: str
    base_version: int
    base_body: str
    reason: str
    first: Signature
    second: Entry | None
    sent: Entry | None
    withdrawn: Entry | None

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """One or two."""
        return (self.first,) if self.second is None else (self.first, _signature(self.second.body))

    @property
    def waits(self) -> bool:
        """Whether it is still to be signed a second time."""
        return self.second is None and self.withdrawn is None

    def statement(self, partnership: str) -> bytes:
        """What is signed."""
        return statement(partnership, RULES, self.version, self.effective_at, self.body)


@dataclass(frozen=True)
class InForce:
    """The rules as the platform tells them.

    Attributes:
        version: In force.
        body: As it was signed.
        next_version: Greater than any that is in force or waits.
        ahead: Versions that wait.
    """

    version: int
    body: str
    next_version: int
    ahead: tuple[int, ...]


def in_force(row: Mapping[str, Any] | None) -> InForce | None:
    """What a change begins from; None where the platform has told of no rules, or not of their body."""
    if row is None or row["in_force"] is None or not row.get("body"):
        return None
    version, ahead = row["in_force"]["version"], tuple(one["version"] for one in row["waiting"])
    return InForce(version, row["body"], max((version, *ahead)) + 1, ahead)


def fields(draft: InForce, effective_at: int, body: str, reason: str) -> dict[str, Any]:
    """What is kept of a new draft, but for its signature."""
    return {"version": draft.next_version, "effective_at": effective_at, "body": body, "base_version": draft.version,
            "base_body": draft.body, "reason": reason}  # fmt: skip


def signed(signature: Signature) -> dict[str, Any]:
    """A signature as it is kept."""
    return {"approver": signature.approver, "signature": signature.signature.hex()}


def about(draft_id: str) -> str:
    """Key under which what happened to a draft is found."""
    return f"control_draft:{draft_id}"


def read(records: Records, draft_id: str) -> Draft | None:
    """One draft as it stands."""
    entry = records.get(draft_id)
    return _draft(records, entry) if entry is not None and entry.kind == DRAFT else None


def newest(records: Records) -> list[Draft]:
    """The newest drafts, newest first."""
    return [_draft(records, entry) for entry in reversed(records.of(DRAFT, limit=SHOWN_MAX))]


def check_second(draft: Draft, user: str, signature: Signature, row: Mapping[str, Any] | None) -> None:
    """Whether a draft may be signed a second time, by this user with this signature.

    Raises:
        Bad: It may not; says why.
    """
    if why := stale(draft, row):
        raise Bad(why)
    if user == draft.entry.user or signature.approver == draft.first.approver:
        raise Bad("Somebody else has to sign: the first signature is your own")


def stale(draft: Draft, row: Mapping[str, Any] | None) -> str:
    """Why a draft can no longer be signed, or nothing."""
    if draft.withdrawn is not None:
        return "It was withdrawn"
    if draft.second is not None:
        return "Two have signed it already"
    held = in_force(row)
    if held is None or (held.version, held.next_version) != (draft.base_version, draft.version):
        return "The rules have changed since it was drafted. Withdraw it and draft the change anew"
    return ""


def control(draft: Draft, partnership: str, keys: ApproverKeys) -> Control:
    """What is sent.

    Raises:
        Bad: It has not two signatures of two approvers over these very bytes.
    """
    said = draft.statement(partnership)
    names = {one.approver for one in draft.signatures if keys.verify(one, said)}
    if len(names) < 2 or len(draft.signatures) != 2:
        raise Bad("It needs the signatures of two approvers over what stands in it")
    approvals: Any = [one._asdict() for one in draft.signatures]
    return {"partnership": partnership, "name": RULES, "version": draft.version, "effective_at": draft.effective_at,
            "body": draft.body, "approvals": approvals}  # fmt: skip


def to_preview(draft: Draft, partnership: str) -> ToPreview:
    """What the platform's previewer is asked."""
    return {"draft_id": draft.entry.id, "partnership": partnership, "name": RULES, "body": draft.body,
            "base_version": draft.base_version, "effective_at": draft.effective_at}  # fmt: skip


def refusals(row: Mapping[str, Any] | None) -> list[list[Any]]:
    """Refusals as they are known when a draft is sent: one that is not among them came after."""
    return [[one["version"], one["at"]] for one in (row or {}).get("refused", ())]


def _signature(body: Mapping[str, Any]) -> Signature:
    return Signature(body["approver"], bytes.fromhex(body["signature"]))


def _draft(records: Records, entry: Entry) -> Draft:
    def after(kind: str) -> Entry | None:
        found = records.about(kind, about(entry.id))
        return found[0] if found else None

    body = entry.body
    return Draft(
        entry, body["version"], body["effective_at"], body["body"], body["base_version"], body["base_body"],
        body["reason"], _signature(body), after(SIGNED), after(SENT), after(WITHDRAWN),
    )  # fmt: skip
