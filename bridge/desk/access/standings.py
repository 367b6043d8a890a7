"""Bases as they stand, in words: for the page of one child, and for governance.

Decides wording and order only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.desk import words
from bridge.desk.access import bases
from bridge.desk.access.protocols import ANY
from bridge.desk.access.records import Entry, Records
from bridge.desk.accounts import Accounts
from bridge.desk.config import Config
from bridge.desk.desk import Desk

KINDS: Final = {
    bases.CONSENT: "Consent",
    bases.DETERMINATION: "Determination that seeking consent would be to the child's detriment",
    bases.DUTY: "Duty to share",
    bases.GLASS: "Looked at once, in an emergency",
    bases.LIFT: "Restriction lifted",
}
STATES: Final = {"given": "given", "refused": "refused", "sought": "being sought", "withdrawn": "withdrawn"}


@dataclass(frozen=True)
class Line:
    """One record in words; `id` names it."""

    id: str
    kind: str
    says: str
    agencies: str
    by: str
    at: str
    holds: bool
    text: str = ""
    due: str = ""
    overdue: bool = False


def of(records: Records, about: Sequence[str], desk: Desk, now: int) -> tuple[Line, ...]:
    """All records about those concerned, newest first, each once."""
    found: dict[str, Entry] = {}
    for kind in KINDS:
        for key in about:
            found |= {one.id: one for one in records.about(kind, key)}
    return tuple(line(one, desk, now) for one in sorted(found.values(), key=lambda one: (-one.at, one.id)))


def drafts(records: Records, about: Sequence[str], desk: Desk, user: str) -> tuple[tuple[Line, bool], ...]:
    """Drafts that wait for a second person, and whether they are the user's own."""
    waiting: dict[str, Entry] = {}
    for kind in (bases.DETERMINATION, bases.LIFT):
        for key in about:
            done = {one.body.get("draft") for one in records.about(kind, key)}
            waiting |= {one.id: one for one in records.about(f"{kind}_draft", key) if one.id not in done}
    return tuple((line(one, desk, desk.wall()), one.user == user) for one in waiting.values())


def line(entry: Entry, desk: Desk, now: int) -> Line:
    """One record in words."""
    body, kind = entry.body, entry.kind.removesuffix("_draft")
    until = int(body.get("until_at", 0))
    due_at = int(body.get("due_at", 0)) if body.get("state") == "sought" else 0
    return Line(
        id=entry.id,
        kind=KINDS[kind],
        says=_says(entry, desk.accounts, now),
        agencies=agencies(body.get("agencies", ()), desk.config),
        by=name(desk.accounts, body.get("author") or body.get("asked_by") or entry.user),
        at=words.moment(entry.at, now),
        holds=until > now and body.get("state", "given") == "given",
        text=str(body.get("why") or body.get("note") or ""),
        due=words.day(due_at) if due_at else "",
        overdue=bool(due_at) and due_at <= now,
    )


def agencies(of_: Iterable[str], config: Config) -> str:
    """Whose information, in words."""
    found = list(of_)
    return "every agency" if ANY in found else words.joined([config.agency_name(agency) for agency in found])


def name(accounts: Accounts, user: str) -> str:
    """A colleague's name."""
    account = accounts.user(user)
    return account.name if account else "somebody who has left"


def _says(entry: Entry, accounts: Accounts, now: int) -> str:
    body, kind = entry.body, entry.kind
    until = f"until {words.day(int(body['until_at']) - 1)}" if body.get("until_at") else ""
    if kind == bases.CONSENT:
        parts = [STATES[body["state"]], f"by {body['given_by']}" if body["given_by"] else "", body["method"],
                 until if body["state"] == "given" else "",
                 f"sought by {name(accounts, body['owner'])}" if body["state"] == "sought" else ""]  # fmt: skip
        return ", ".join(part for part in parts if part)
    if kind == bases.DETERMINATION:
        return f"agreed by {name(accounts, body['reviewed_by'])}, {until}"
    if kind == bases.DUTY:
        return f"{bases.DUTIES.get(body['duty'], body['duty'])}, {until}"
    if kind == bases.GLASS:
        return f"ended {words.moment(body['until_at'], now)}" if body["until_at"] <= now else "open for an hour"
    if kind == bases.LIFT:
        return f"agreed by {name(accounts, entry.user)}, until {words.moment(body['until_at'], now)}"
    return "waits for a second person"
