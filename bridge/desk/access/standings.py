"""Bases as they stand, in words: for the page of one child, and for governance.

Decides wording and order, and who reads what a person wrote: whoever wrote it, who may see names, for a text may hold
one, and of a draft the second person. An agency is named where the reader may know that it holds something.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from bridge.desk import words
from bridge.desk.access import bases
from bridge.desk.access.gate import CALL_RUNG, Reach
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


class Reader(NamedTuple):
    """Who reads: user id, what they may see of those concerned, and whether they may be a second person."""

    user: str
    may: Reach
    agrees: bool

    def reads(self, entry: Entry) -> bool:
        """Whether what a person wrote in it is shown."""
        wrote = self.user in {entry.user, entry.body.get("author"), entry.body.get("asked_by")}
        return self.may.names or wrote or (self.agrees and entry.kind.endswith("_draft"))


@dataclass(frozen=True)
class Line:
    """One record in words; `id` names it. `withheld`: there is a text that the reader is not shown."""

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
    withheld: bool = False


def of(records: Records, about: Sequence[str], desk: Desk, reader: Reader) -> tuple[Line, ...]:
    """All records about those concerned, newest first, each once."""
    found: dict[str, Entry] = {}
    for kind in KINDS:
        for key in about:
            found |= {one.id: one for one in records.about(kind, key)}
    now = desk.wall()
    return tuple(line(one, desk, now, reader) for one in sorted(found.values(), key=lambda one: (-one.at, one.id)))


def drafts(records: Records, about: Sequence[str], desk: Desk, reader: Reader) -> tuple[tuple[Line, bool], ...]:
    """Drafts that wait for a second person, and whether they are the user's own."""
    waiting: dict[str, Entry] = {}
    for kind in (bases.DETERMINATION, bases.LIFT):
        for key in about:
            done = {one.body.get("draft") for one in records.about(kind, key)}
            waiting |= {one.id: one for one in records.about(f"{kind}_draft", key) if one.id not in done}
    return tuple((line(one, desk, desk.wall(), reader), one.user == reader.user) for one in waiting.values())


def line(entry: Entry, desk: Desk, now: int, reader: Reader | None = None) -> Line:
    """One record in words; whole where no reader is given."""
    text, reads = str(entry.body.get("why") or entry.body.get("note") or ""), reader is None or reader.reads(entry)
    body, kind = entry.body, entry.kind.removesuffix("_draft")
    until = int(body.get("until_at", 0))
    due_at = int(body.get("due_at", 0)) if body.get("state") == "sought" else 0
    return Line(
        id=entry.id,
        kind=KINDS[kind],
        says=_says(entry, desk.accounts, now, reads),
        agencies=agencies(body.get("agencies", ()), desk.config, reader.may if reader else None),
        by=name(desk.accounts, body.get("author") or body.get("asked_by") or entry.user),
        at=words.moment(entry.at, now),
        holds=until > now and body.get("state", "given") == "given",
        text=text if reads else "",
        due=words.day(due_at) if due_at else "",
        overdue=bool(due_at) and due_at <= now,
        withheld=bool(text) and not reads,
    )


def agencies(of_: Iterable[str], config: Config, may: Reach | None = None) -> str:
    """Whose information, in words; with a reach, those that may not be named are other agencies."""
    found = list(of_)
    if ANY in found:
        return "every agency"
    named = (may is None or agency == config.agency or may.of(agency) >= CALL_RUNG for agency in found)
    said = (config.agency_name(agency) if so else "other agencies" for agency, so in zip(found, named, strict=True))
    return words.joined(list(dict.fromkeys(said)))


def name(accounts: Accounts, user: str) -> str:
    """A colleague's name."""
    account = accounts.user(user)
    return account.name if account else "somebody who has left"


def _says(entry: Entry, accounts: Accounts, now: int, reads: bool) -> str:
    body, kind = entry.body, entry.kind
    until = f"until {words.day(int(body['until_at']) - 1)}" if body.get("until_at") else ""
    if kind == bases.CONSENT:
        parts = [STATES[body["state"]], f"by {body['given_by']}" if body["given_by"] and reads else "",
                 body["method"] if reads else "",
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
