"""The subject report: what was shared about a person, with whom, when, on which basis, in plain words for them.

Decides what a person can be told from the audit and the desk's records, and what a named person decides about first:
a determination that seeking consent would harm a child may not reach whoever would harm it. Staff are told by role
and team; the reference leads governance to the line of the audit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from bridge.desk import words
from bridge.desk.access import bases, reading
from bridge.desk.access.protocols import ANY
from bridge.desk.access.records import Entry
from bridge.desk.audit import mentions
from bridge.desk.cases.find import Case
from bridge.desk.cases.sections import EVENTS, STATUSES, day
from bridge.desk.desk import Desk
from bridge.desk.inbox import keys_about

LINES_MAX: Final = 2_000  # newest told; older ones are counted
ACTIONS: Final = {
    "alert": "opened an alert about the household",
    "acknowledge": "took an alert about the household",
    "household": "read the page of the household",
    "person": "read the page of the person",
    "summary": "read the case summary",
    "print": "printed the case summary",
    "export": "exported the case summary",
    "report": "made this report",
    "must_link": "decided that two records are one person",
    "cannot_link": "decided that two records are two people",
}
OWN_READS: Final = frozenset({"report", "report_print"})
"""Making a report shares nothing: no line of it."""
ROLES: Final = {
    "social_worker": "a social worker", "supervisor": "a supervisor", "police_officer": "a police officer",
    "nurse": "a nurse", "governance": "an information governance lead", "analyst": "an analyst",
    "duty_worker": "a duty worker",
}  # fmt: skip
TOLD: Final = (bases.CONSENT, bases.DUTY)
HELD: Final = (bases.DETERMINATION, bases.GLASS, bases.LIFT)
"""Kinds of entries that a person is told, and those that somebody decides about first."""
STATES: Final = {
    "given": "Consent was given", "refused": "Consent was refused", "sought": "Consent is being sought",
    "withdrawn": "Consent was withdrawn",
}  # fmt: skip
HELD_WORDS: Final = {
    bases.DETERMINATION: "It was determined that seeking consent would harm the child",
    bases.GLASS: "Information was looked at in an emergency",
    bases.LIFT: "A restriction was lifted for a member of staff",
}


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


@dataclass(frozen=True)
class Written:
    """One entry of the desk's records, without what was written in it."""

    when: str
    what: str
    detail: str


@dataclass(frozen=True)
class Report:
    """All of it.

    Attributes:
        shares: Newest first.
        more: Older lines of the audit that are not told.
        alerts: What the platform told teams here.
        told: Entries that the person is told.
        held: Entries that a named person decides about first.
        left: What left the agency about them, in codes.
    """

    shares: tuple[Share, ...]
    more: int
    alerts: tuple[str, ...]
    told: tuple[Written, ...]
    held: tuple[Written, ...]
    left: tuple[str, ...]


async def made(desk: Desk, case: Case) -> Report:
    """The report of one person, whose reading is in the audit already."""
    (record,) = case.subject.records
    keys = keys_about(case.whole.household, (record,))
    alerts = {alert["alert_id"]: (team, alert) for team in desk.config.teams
              for alert in await desk.inbox.alerts_about(team, keys)}  # fmt: skip
    sought = (record.hex(), *alerts, *((case.whole.household,) if case.whole.household else ()))
    shares, more = await asyncio.to_thread(_shares, desk, sought)
    about = bases.keys((record,), "")
    return Report(
        shares,
        more,
        tuple(f"{day(alert['raised_at'])}: {desk.config.team_name(team)} was told of a pattern in what agencies "
              "recorded about the household" for team, alert in alerts.values()),
        await asyncio.to_thread(_written, desk, about, TOLD),
        await asyncio.to_thread(_written, desk, about, HELD),
        await desk.names.ask(lambda people: _left(people.profile(record), people.events_of(record))),
    )  # fmt: skip


def _shares(desk: Desk, sought: Iterable[str]) -> tuple[tuple[Share, ...], int]:
    kept: deque[dict[str, Any]] = deque(maxlen=LINES_MAX)
    count = 0
    for entry in mentions(desk.config.audit, sought):
        if entry["action"] not in OWN_READS and not entry["action"].startswith("name_report"):
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
    account = desk.accounts.user(entry["user"])
    role = ROLES.get(account.roles[0], "a member of staff") if account and account.roles else "a member of staff"
    team = desk.config.team_name(entry["team"]) if entry.get("team") else ""
    who = f"{role}, {team}" if team else role
    return Share(day(entry["at"]), who[0].upper() + who[1:], _what(entry["action"]),
                 _basis(desk, entry.get("basis", "")), 1, entry["n"])  # fmt: skip


def _what(action: str) -> str:
    if action.startswith("name_"):
        return "read the name"
    return ACTIONS.get(action, action.replace("_", " "))


def _basis(desk: Desk, text: str) -> tuple[str, ...]:
    """The basis as the audit has it, `agency=rung/protocol`, in words."""
    titles = desk.book.protocols().by_id()
    found = []
    for part in str(text).split(",") if text else ():
        agency, _, rest = part.partition("=")
        rung, _, protocol = rest.partition("/")
        far = reading.RUNGS[int(rung)] if rung.isdigit() and int(rung) < len(reading.RUNGS) else rung
        made_by = titles.get(protocol)
        why = f"{made_by.title}; {made_by.legal_basis}" if made_by else protocol.replace("-", " ")
        found.append(f"{desk.config.agency_name(agency)}: {far} ({why})")
    return tuple(found)


def _written(desk: Desk, about: Iterable[str], kinds: Iterable[str]) -> tuple[Written, ...]:
    entries = {one.id: one for kind in kinds for key in about for one in desk.records.about(kind, key)}
    return tuple(_entry(desk, one) for one in sorted(entries.values(), key=lambda one: (-one.at, one.id)))


def _entry(desk: Desk, entry: Entry) -> Written:
    body = entry.body
    if entry.kind == bases.CONSENT:
        what = STATES.get(body.get("state", ""), "Consent")
    elif entry.kind == bases.DUTY:
        what = f"A duty to share applies: {bases.DUTIES.get(body.get('duty', ''), 'a duty')}"
    else:
        what = HELD_WORDS.get(entry.kind, entry.kind)
    whose = "every agency" if ANY in body.get("agencies", ()) else words.joined(
        [desk.config.agency_name(one) for one in body.get("agencies", ())])  # fmt: skip
    until = f"until {day(body['until_at'])}" if body.get("until_at") else ""
    detail = ", ".join(part for part in (f"about information of {whose}" if whose else "", until) if part)
    return Written(day(entry.at), what, detail)


def _left(profile: Mapping[str, Any] | None, events: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """What left the agency: encodings that no name can be read from, codes and dates."""
    if profile is None:
        return ()
    kinds: dict[str, list[int]] = {}
    for event in events:
        kinds.setdefault(EVENTS.get(event["kind"], event["kind"].replace("_", " ").capitalize()), []).append(
            event["occurred_at"]
        )
    spells = [f"{STATUSES.get(one['kind'], one['kind'])} from {day(one['started_at'])}"
              for one in profile.get("statuses", ())]  # fmt: skip
    lines = ["Keyed encodings of name, birth date, address and numbers, by which records are compared: nobody can "
             "read a name from them, and the platform holds no key",
             f"Age band: {profile.get('age_band', 'unknown')}"]  # fmt: skip
    lines += [f"Status: {spell}" for spell in spells]
    lines += [f"{kind}: {len(times)}, from {day(min(times))} to {day(max(times))}; as codes, never a text"
              for kind, times in sorted(kinds.items())]  # fmt: skip
    return tuple(lines)
