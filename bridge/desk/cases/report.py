"""The subject report: what was shared about a person, with whom, when, on which basis, in plain words for them.

Decides what a person can be told from the audit and the desk's records, and what a named person decides about first:
a determination that seeking consent would harm a child may not reach whoever would harm it. Staff are told by role
and team; the reference leads governance to the line of the audit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bridge.desk import words
from bridge.desk.access import bases
from bridge.desk.access.protocols import ANY
from bridge.desk.access.records import Entry
from bridge.desk.cases import shares
from bridge.desk.cases.disclosed import SOUGHT_MAX
from bridge.desk.cases.find import Case
from bridge.desk.cases.sections import EVENTS, STATUSES, day
from bridge.desk.cases.shares import Share
from bridge.desk.desk import Desk
from bridge.desk.inbox import keys_about

TOLD: Final = (bases.CONSENT, bases.DUTY, bases.GLASS)
HELD: Final = (bases.DETERMINATION, bases.LIFT)
"""Kinds of entries that a person is told, and those that somebody decides about first."""
STATES: Final = {
    "given": "Consent was given", "refused": "Consent was refused", "sought": "Consent is being sought",
    "withdrawn": "Consent was withdrawn",
}  # fmt: skip
WORDS: Final = {
    bases.GLASS: "Information was looked at at once, in an emergency",
    bases.DETERMINATION: "It was determined that seeking consent would harm the child",
    bases.LIFT: "A restriction was lifted for a member of staff",
}


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
    home = (case.whole.household,) if case.whole.household else ()
    asked = await asyncio.to_thread(_requests, desk, record.hex(), frozenset(alerts))
    told, more = await asyncio.to_thread(shares.told, desk, (record.hex(), *alerts, *home, *asked))
    about = bases.keys((record,), "")
    return Report(
        told,
        more,
        tuple(f"{day(alert['raised_at'])}: {desk.config.team_name(team)} was told of a pattern in what agencies "
              "recorded about the household" for team, alert in alerts.values()),
        await asyncio.to_thread(_written, desk, about, TOLD),
        await asyncio.to_thread(_written, desk, about, HELD),
        await desk.names.ask(lambda people: _left(people.profile(record), people.events_of(record))),
    )  # fmt: skip


def _requests(desk: Desk, record: str, alerts: frozenset[str]) -> tuple[str, ...]:
    """Ids of what this agency asked of others about a record or its alerts: answers bear no other name."""
    if desk.exchange is None:
        return ()
    rows = desk.exchange.asker.recent(desk.config.teams, SOUGHT_MAX)
    return tuple(row.request_id for row in rows if record in row.records or row.alert_id in alerts)


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
        what = WORDS.get(entry.kind, entry.kind)
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
