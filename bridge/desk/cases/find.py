"""Whom a case is about: from an address to records, household, alerts and notices, and what the user may see of them.

Decides what ties the user's teams to the subject, and that what is not there and what is not theirs are one answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.exceptions import HTTPException

from bridge.desk.access.gate import Reach, Subject, reaches
from bridge.desk.config import Config
from bridge.desk.desk import Desk, User
from bridge.desk.inbox import keys_about

RECORD_BYTES_MAX: Final = 512  # far above any record pseudonym


@dataclass(frozen=True)
class Case:
    """One subject, uncut.

    Attributes:
        subject: Whom the page is about, exactly.
        whole: The household that they are in; the same where the page is about a household.
        row: The household's row of the agency's views; empty where none is kept.
        alerts: Alerts of the user's teams about them, with their team.
        notices: Presence notices of the user's teams about them, with their team.
    """

    subject: Subject
    whole: Subject
    row: Mapping[str, Any] = field(default_factory=dict)
    alerts: tuple[tuple[str, dict[str, Any]], ...] = ()
    notices: tuple[tuple[str, dict[str, Any]], ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Under what the audit has it: the own records, or the household."""
        return tuple(one.hex() for one in self.subject.records) or (self.subject.household,)


@dataclass(frozen=True)
class Seen:
    """A case and what the user may see of it: of the subject itself, and of its household."""

    case: Case
    may: Reach
    whole: Reach


def teams_of(desk: Desk, user: User) -> tuple[str, ...]:
    """The user's teams here."""
    return tuple(team for team in user.account.teams if team in desk.config.teams)


def team_of(desk: Desk, user: User) -> str:
    """The team in whose name a user reads what is no team's: their first; empty where they have none."""
    return next(iter(teams_of(desk, user)), "")


async def household(desk: Desk, user: User, key: str) -> Case | None:
    """A household by the agency's own id; None where nothing here knows it."""
    row = await desk.inbox.household(key) or {}
    alerts = await _alerts(desk, user, keys_about(key, ()))
    if not row and not alerts:
        return None
    own = [bytes.fromhex(one) for one in row.get("records", ())]
    records = tuple(dict.fromkeys(own or [one for _, alert in alerts for one in alert["records"]]))
    notices = await _notices(desk, user, records)
    subject = Subject(records, _known_to(desk.config, row, alerts), key, alert=bool(alerts or notices))
    return Case(subject, subject, row, alerts, notices)


async def person(desk: Desk, user: User, record: bytes) -> Case | None:
    """A person by an own record; None where nothing here knows it."""
    home, row = (await desk.inbox.homes([record.hex()])).get(record.hex(), ("", {}))
    alerts = await _alerts(desk, user, keys_about(home, (record,)))
    if not home and alerts:
        home = str(alerts[0][1]["household"])
    held = await desk.names.ask(lambda people: people.profile(record) is not None)
    if not (held or home):
        return None
    family = tuple(dict.fromkeys((record, *(bytes.fromhex(one) for one in row.get("records", ())))))
    notices = await _notices(desk, user, family)
    own = tuple(one for one in notices if record in one[1]["records"])
    known_to = _known_to(desk.config, row, alerts)
    subject = Subject((record,), known_to, home, alert=bool(alerts or own))
    whole = Subject(family, known_to, home, alert=bool(alerts or notices)) if home else subject
    return Case(subject, whole, row, alerts, own)


async def either(desk: Desk, user: User, key: str) -> Case | None:
    """A household by its id, or a person by an own record (hex)."""
    found = await household(desk, user, key)
    return found or await person(desk, user, record_of(key))


def record_of(text: str) -> bytes:
    """An own record pseudonym from an address.

    Raises:
        HTTPException: 404 where it is none.
    """
    try:
        found = bytes.fromhex(text)
    except ValueError:
        raise HTTPException(404) from None
    if found.hex() != text or not 0 < len(found) <= RECORD_BYTES_MAX:
        raise HTTPException(404)
    return found


async def seen(desk: Desk, user: User, case: Case | None) -> Seen:
    """What the user may see of a case.

    Raises:
        HTTPException: 404 where there is none, or nothing of it may be seen.
    """
    may, whole = await reaches(desk, user, (case.subject, case.whole)) if case is not None else (None, None)
    if case is None or may is None or whole is None or may.top < 0:
        raise HTTPException(404)
    return Seen(case, may, whole)


async def _alerts(desk: Desk, user: User, keys: tuple[str, ...]) -> tuple[tuple[str, dict[str, Any]], ...]:
    found = {}
    for team in teams_of(desk, user):
        found.update({alert["alert_id"]: (team, alert) for alert in await desk.inbox.alerts_about(team, keys)})
    return tuple(sorted(found.values(), key=lambda one: (-one[1]["changed_at"], one[1]["alert_id"])))


async def _notices(desk: Desk, user: User, records: tuple[bytes, ...]) -> tuple[tuple[str, dict[str, Any]], ...]:
    found = {}
    for team in teams_of(desk, user) if records else ():
        for notice in (await desk.inbox.kept(team)).notices:  # a bounded list of small rows
            if set(records) & set(notice["records"]):
                found[notice["notice_id"]] = (team, notice)
    return tuple(sorted(found.values(), key=lambda one: (-one[1]["presented_at"], one[1]["notice_id"])))


def _known_to(
    config: Config, row: Mapping[str, Any], alerts: tuple[tuple[str, dict[str, Any]], ...]
) -> tuple[str, ...]:  # fmt: skip
    """Agencies that hold something: those the newest alert names and all of a kind that a factor is from.

    Empty where no alert names any: then every agency might, and the reach is asked for all of them.
    """
    named = tuple(alerts[0][1]["known_to"]) if alerts else ()
    if not named:
        return ()
    kinds = dict.fromkeys(factor["agency_kind"] for factor in row.get("factors", ()) if factor["agency_kind"])
    return tuple(dict.fromkeys((*named, *(agency for kind in kinds for agency in config.of_kind(kind)))))
