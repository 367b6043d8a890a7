"""Lines of the audit in plain words for the person they are about: who read or used what, when, on which basis.

Decides wording, and which lines are none of the person's: those that only say that something was sent, and those
that would tell that seeking consent was held to be harmful. What has no words here is told without detail.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from bridge.desk.access import bases, reading
from bridge.desk.access.policy import BREAK_GLASS
from bridge.desk.audit import mentions
from bridge.desk.cases.sections import day
from bridge.desk.desk import Desk
from bridge.desk.duty.deeds import SENT
from bridge.desk.exchange import wording
from bridge.desk.exchange.room import BY_ITSELF

LINES_MAX: Final = 2_000  # newest told; older ones are counted
ACTIONS: Final = {
    "alert": "opened an alert about the household",
    "acknowledge": "took an alert about the household",
    "assign": "gave an alert about the household to a colleague",
    "snooze": "put an alert about the household off",
    "act": "acted on an alert about the household",
    "close": "closed an alert about the household",
    "dispute_score": "said that a score was doubtful",
    "dispute_link": "said that a link between records was doubtful",
    "cannot_link": "decided that two records are two people",
    "must_link": "decided that two records are one person",
    "challenge": "asked what was done about an alert",
    "challenge_answer": "answered what was done about an alert",
    "household": "read the page of the household",
    "person": "read the page of the person",
    "summary": "read the case summary",
    "print": "printed the case summary",
    "export": "exported the case summary",
    "bases": "read the page of consent and duties",
    "ask": "asked {to} for: {kind}",
    "received": "received an answer from {agency}",
    "read_answer": "read the answer of {agency}: {kind}",
    "disclose": "disclosed to {to}: {kind}",
    "refuse_request": "refused a request of {to}: {kind}",
}
OTHERWISE: Final = "worked with the information"
LEFT_OUT: Final = frozenset({
    "report", "report_print", SENT, bases.CONSENT, bases.DUTY, bases.GLASS, bases.DETERMINATION, bases.LIFT,
    f"{bases.DETERMINATION}_draft", f"{bases.LIFT}_draft",
})  # fmt: skip
"""Making a report shares nothing, nor does that a line went out; what people recorded is told in its own place."""
ROLES: Final = {
    "social_worker": "a social worker", "supervisor": "a supervisor", "police_officer": "a police officer",
    "nurse": "a nurse", "governance": "an information governance lead", "analyst": "an analyst",
    "duty_worker": "a duty worker",
}  # fmt: skip


@dataclass(frozen=True)
class Share:
    """Readings of one kind by one member of staff on one day.

    Attributes:
        when: Day.
        who: By role and team.
        what: In words.
        basis: Whose information, how far and on which basis, a sentence each.
        times: How often.
        reference: Number of the newest line of the audit.
    """

    when: str
    who: str
    what: str
    basis: tuple[str, ...]
    times: int
    reference: int


def told(desk: Desk, sought: Iterable[str]) -> tuple[tuple[Share, ...], int]:
    """What the audit says of some subjects.

    Args:
        desk: Desk.
        sought: Record pseudonyms (hex), alert, household and request ids.

    Returns:
        The newest first; and how many older lines are not told.
    """
    kept: deque[dict[str, Any]] = deque(maxlen=LINES_MAX)
    count = 0
    for entry in mentions(desk.config.audit, sought):
        if entry["action"] not in LEFT_OUT and not entry["action"].startswith("name_report"):
            count += 1
            kept.append(entry)
    grouped: dict[tuple[str, ...], Share] = {}
    for entry in reversed(kept):
        share = _share(desk, entry)
        key = (share.when, entry["user"], share.what, *share.basis)
        found = grouped.get(key)
        grouped[key] = replace(found, times=found.times + 1) if found else share
    return tuple(grouped.values()), count - len(kept)


def _share(desk: Desk, entry: Mapping[str, Any]) -> Share:
    return Share(day(entry["at"]), _who(desk, entry), _what(desk, entry), _basis(desk, entry), 1, entry["n"])


def _who(desk: Desk, entry: Mapping[str, Any]) -> str:
    if entry["user"] == BY_ITSELF:
        return "Our computer system, by a rule that two people signed"
    account = desk.accounts.user(entry["user"])
    role = ROLES.get(account.roles[0], "a member of staff") if account and account.roles else "a member of staff"
    who = f"{role}, {desk.config.team_name(entry['team'])}" if entry.get("team") else role
    return who[0].upper() + who[1:]


def _what(desk: Desk, entry: Mapping[str, Any]) -> str:
    if entry["action"].startswith("name_"):
        return "read the name"
    facts = {name: desk.config.agency_name(str(entry.get(name, ""))) for name in ("to", "agency")}
    kind = wording.KINDS.get(str(entry.get("kind", "")), "an answer")
    return ACTIONS.get(entry["action"], OTHERWISE).format(kind=kind.lower(), **facts)


def _basis(desk: Desk, entry: Mapping[str, Any]) -> tuple[str, ...]:
    """On which basis, in words: of a reading agency by agency, of a request what for and on what it rests."""
    text = str(entry.get("basis", ""))
    if "=" in text:
        return tuple(_reading(desk, part) for part in text.split(","))
    purpose = wording.PURPOSES.get(str(entry.get("purpose", "")), "")
    titles = {str(one["id"]): f"{one['title']}; {one['legal_basis']}" for one in desk.book.protocols().disclosures}
    protocol = titles.get(str(entry.get("protocol", "")), "")
    rests = wording.BASES.get(text, "") if text != bases.DETERMINATION else ""
    return tuple(part[0].upper() + part[1:] for part in (purpose, protocol, rests) if part)


def _reading(desk: Desk, part: str) -> str:
    """One agency's part, as the audit has it: `agency=rung/protocol`."""
    agency, _, rest = part.partition("=")
    rung, _, protocol = rest.partition("/")
    far = reading.RUNGS[int(rung)] if rung.isdigit() and int(rung) < len(reading.RUNGS) else "something"
    found = desk.book.protocols().by_id().get(protocol)
    why = f"{found.title}; {found.legal_basis}" if found else "a protocol that is no longer in force"
    why = "looked at once, in an emergency" if protocol == BREAK_GLASS else why
    return f"{desk.config.agency_name(agency)}: {far} ({why})"
