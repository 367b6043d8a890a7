"""All that a user may see of a case, cut: sections are made of it and of nothing else.

Decides what is read for a case, by which reach each part of it is cut, and what a scope leaves out. The caller has
audited the read. Wording is in sections.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from starlette.exceptions import HTTPException

from bridge.desk import pages, words
from bridge.desk.access import reading
from bridge.desk.access.gate import NOTHING, Reach, Subject, reaches, withheld
from bridge.desk.cases import disclosed
from bridge.desk.cases.find import Case, Seen, team_of
from bridge.desk.config import Config
from bridge.desk.desk import Desk, User
from bridge.desk.duty import deeds, wording
from bridge.desk.names import Named, People
from bridge.desk.rungs import (
    CALL,
    CATEGORIES,
    SUMMARY,
    cut_alert,
    cut_event,
    cut_household,
    cut_presence,
    cut_profile,
)
from bridge.desk.views import about_alert, about_notice

ScopeKind = Literal["system", "agency", "all"]


class Scope(NamedTuple):
    """How far a case reaches: one system of the own agency, all own ones, or every agency as far as the rung goes."""

    kind: ScopeKind = "all"
    system: str = ""


class Own(NamedTuple):
    """One own record: profile and events (newest first) as far as the rung allows."""

    record: bytes
    source: str
    profile: Mapping[str, Any]
    events: tuple[Mapping[str, Any], ...]


class Kin(NamedTuple):
    """Another own record, what ties it to the case, and whether it has a page for this user."""

    record: bytes
    tie: str
    of: bytes
    open: bool


@dataclass(frozen=True)
class Told:
    """A case, cut.

    Attributes:
        case: Whom it is about; only its ids may be shown.
        scope: How far it reaches.
        may: Of the user, about the subject, narrowed to the scope.
        names: Of the records that may be named.
        own: Own records within the scope.
        kin: Other own records.
        household: The household's row.
        alerts: Of the user's teams: version and row.
        notices: Of the user's teams.
        disclosed: Answers of other agencies.
        calls: Other agencies that hold something and may be named.
        reach: For the template access/reach.html.
        behind: Feeds that are behind, in words.
        systems: Of the subject's own records.
        basis: Address of the page on which a basis is recorded; empty where there is none.
    """

    case: Case
    scope: Scope
    may: Reach
    names: Mapping[bytes, Named]
    own: tuple[Own, ...]
    kin: tuple[Kin, ...]
    household: Mapping[str, Any]
    alerts: tuple[tuple[int, pages.Row], ...]
    notices: tuple[pages.Presented, ...]
    disclosed: tuple[disclosed.Disclosed, ...]
    calls: tuple[pages.Call, ...]
    reach: Mapping[str, Any]
    behind: tuple[str, ...]
    systems: tuple[str, ...]
    basis: str


async def told(desk: Desk, user: User, seen: Seen, scope: Scope, page: str) -> Told:
    """What a user may see of a case.

    Args:
        desk: Desk.
        user: Who asks.
        seen: Case and reach.
        scope: How far.
        page: Which page asks, a closed word.

    Raises:
        HTTPException: 404 where the scope names a system that the subject is not in.
        AuditDown: Names cannot be audited; nothing was read.
    """
    case, may = seen.case, narrowed(seen.may, scope)
    own, systems = await _own(desk, case, may, scope)
    kin = await _kin(desk, user, seen, own, scope)
    records = tuple(one.record for one in own) if may.names else ()
    named = tuple(dict.fromkeys((*records, *(one.record for one in kin if one.open))))
    names = await desk.names.read(user.account.user, page, team_of(desk, user), named)
    every = scope.kind == "all"
    household = cut_household(case.row, seen.whole, desk.config) if every else {}
    return Told(
        case=case, scope=scope, may=may, names=names, own=own, kin=kin, household=household,
        alerts=await _alerts(desk, user, case) if every else (),
        notices=await _notices(desk, user, case) if every else (),
        disclosed=await disclosed.items(desk, user, case.subject, {alert["alert_id"] for _, alert in case.alerts})
        if every
        else (),
        calls=_calls(seen, desk.config) if every else (),
        reach=await _reading(desk, user, seen, may, scope),
        behind=await _behind(desk, may, household),
        systems=systems,
        basis=_basis(case),
    )  # fmt: skip


def narrowed(may: Reach, scope: Scope) -> Reach:
    """A reach within a scope: of the own agency alone, and nothing that is made of all agencies' together."""
    if scope.kind == "all":
        return may
    own = may.own_agency
    rungs = {own: may.of(own)} if own in may.rungs else {}
    return Reach(own, rungs, NOTHING, tuple(one for one in may.because if one.agency == own))


async def _own(desk: Desk, case: Case, may: Reach, scope: Scope) -> tuple[tuple[Own, ...], tuple[str, ...]]:
    def ask(people: People) -> list[Own]:
        return [_read(people, record, may) for record in case.subject.records]

    if may.of(may.own_agency) < 0:
        return (), ()
    found = await desk.names.ask(ask)
    systems = tuple(sorted({one.source for one in found if one.source}))
    if scope.kind != "system":
        return tuple(found), systems
    if scope.system not in systems:
        raise HTTPException(404)
    return tuple(one for one in found if one.source == scope.system), systems


def _read(people: People, record: bytes, may: Reach) -> Own:
    profile = cut_profile(people.profile(record) or {}, may)
    events = people.events_of(record) if may.of(may.own_agency) >= SUMMARY else []
    return Own(record, people.source_of(record), profile, tuple(cut_event(event, may) for event in events))


async def _kin(desk: Desk, user: User, seen: Seen, own: Iterable[Own], scope: Scope) -> tuple[Kin, ...]:
    """Ties to other own records, each as far as the user may see that record by itself."""
    case = seen.case
    ties = [Kin(one.profile["unborn_of"], "mother", one.record, False) for one in own if one.profile.get("unborn_of")]
    if case.subject is not case.whole:
        (record,) = case.subject.records
        others = [one for one in case.whole.records if one != record]
        children = await desk.names.ask(lambda people: _unborn(people, record, others))
        ties += [Kin(one, "unborn child", record, False) for one in children]
        tied = {one.record for one in ties}
        ties += [Kin(one, "same household", record, False) for one in others if one not in tied]
    subjects = [replace(case.subject, records=(one.record,), alert=case.whole.alert) for one in ties]
    may = await reaches(desk, user, subjects)
    sources = await desk.names.ask(lambda people: [people.source_of(one.record) for one in ties])
    found = []
    for one, reach, source in zip(ties, may, sources, strict=True):
        least = 0 if one.tie == "same household" else CATEGORIES
        inside = scope.kind != "system" or source == scope.system
        if reach.of(reach.own_agency) >= least and inside:
            found.append(one._replace(open=reach.names and seen.may.names))  # a sibling's name tells who a child is
    return tuple(found)


def _unborn(people: People, mother: bytes, others: Iterable[bytes]) -> list[bytes]:
    return [one for one in others if (people.profile(one) or {}).get("unborn_of") == mother]


async def _alerts(desk: Desk, user: User, case: Case) -> tuple[tuple[int, pages.Row], ...]:
    may = await reaches(desk, user, [about_alert(alert) for _, alert in case.alerts])
    did = {team: (await desk.inbox.kept(team)).deeds for team in {team for team, _ in case.alerts}}
    now, rows = desk.now(), []
    for (team, alert), reach in zip(case.alerts, may, strict=True):
        if cut := cut_alert(alert, reach, desk.config):
            standing = deeds.of_alert(alert, did[team].get(alert["alert_id"], ()))
            held = wording.held(standing, cut["version"], user.account.user, desk.accounts.name, now)
            row = pages.row(cut, {}, held, desk.config, now)
            rows.append((int(cut["version"]), row))
    return tuple(rows)


async def _notices(desk: Desk, user: User, case: Case) -> tuple[pages.Presented, ...]:
    may = await reaches(desk, user, [about_notice(notice, desk.config) for _, notice in case.notices])
    cuts = [cut for (_, notice), reach in zip(case.notices, may, strict=True) if (cut := cut_presence(notice, reach))]
    return tuple(pages.presented(cut, {}, desk.config, desk.now()) for cut in cuts)


def _calls(seen: Seen, config: Config) -> tuple[pages.Call, ...]:
    others = (agency for agency in seen.case.whole.known_to if agency != config.agency)
    return tuple(pages.call(agency, config) for agency in others if seen.whole.of(agency) >= CALL)


def _basis(case: Case) -> str:
    if case.alerts:
        return f"/basis/alert/{case.alerts[0][1]['alert_id']}"
    return f"/basis/record/{case.subject.records[0].hex()}" if len(case.subject.records) == 1 else ""


async def _reading(desk: Desk, user: User, seen: Seen, may: Reach, scope: Scope) -> Mapping[str, Any]:
    case = seen.case
    subjects: list[Subject] = [case.subject] if case.whole is case.subject else [case.subject, case.whole]
    closed = [one for subject in subjects for one in await withheld(desk, user, subject)]
    if scope.kind != "all":
        closed = [one for one in closed if one.agency == desk.config.agency]
    return reading.of(may, closed, desk.config)


async def _behind(desk: Desk, may: Reach, household: Mapping[str, Any]) -> tuple[str, ...]:
    """Feeds that were behind when the household was last spoken of, and those that are now."""
    name = desk.config.agency_name
    lags = household.get("behind", ())
    feeds = await desk.inbox.freshness("feeds") or {}
    said = {lag["agency"] for lag in lags}
    now = [agency for agency in feeds.get("behind", ()) if agency not in said and may.of(agency) >= CALL]
    return (*words.lags(lags, name), *(f"{name(agency)}: behind now" for agency in now))
