"""A case as data: the one function that page, print and export show.

Decides the order of things: the audit first, then what the user may see of it, then the words for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import NamedTuple

from bridge.desk import words
from bridge.desk.access.gate import Reach
from bridge.desk.cases import gather, history, sections, template
from bridge.desk.cases.find import Case, Seen, team_of
from bridge.desk.cases.gather import Scope
from bridge.desk.desk import Desk, User
from bridge.desk.pages import Call


@dataclass(frozen=True)
class Summary:
    """One reading of a case.

    Attributes:
        title: Of the template.
        subject: Household id or own record (hex), as in the address.
        household: The household's id; empty where it is in none.
        record: The own record, of a person; empty of a household.
        heading: Whom it is about, by name where names are open.
        scope: How far it reaches.
        scope_words: The same in words.
        systems: Own systems that it could be confined to: code and name.
        sections: In the order of the template.
        calls: Other agencies that know them.
        basis: Address of the page on which a basis is recorded.
        behind: Feeds that are behind, in words: then all of it is a lower bound.
        since: When the user last read it, in words; empty where never.
        at: When this is.
        by: Name of the user.
        reference: Of the line of the audit that holds this reading.
    """

    title: str
    subject: str
    household: str
    record: str
    heading: str
    scope: Scope
    scope_words: str
    systems: tuple[tuple[str, str], ...]
    sections: tuple[sections.Section, ...]
    calls: tuple[Call, ...]
    basis: str
    behind: tuple[str, ...]
    since: str
    at: str
    by: str
    reference: str


class How(NamedTuple):
    """How a case is read.

    Attributes:
        action: What the audit calls it: `household`, `person`, `summary`, `print` or `export`.
        plan: Which sections.
        scope: How far.
    """

    action: str
    plan: template.Template
    scope: Scope = Scope()


async def read(desk: Desk, user: User, seen: Seen, how: How) -> Summary:
    """One reading of a case, in the audit before anything of it is read.

    Args:
        desk: Desk.
        user: Who reads.
        seen: Case and reach.
        how: In which way.

    Raises:
        AuditDown: The audit cannot be written; nothing was read.
        HTTPException: 404 where the scope names a system that they are not in.
    """
    case, now = seen.case, desk.now()
    action, plan, scope = how
    reference = await audited(desk, user, action, case, seen.may, scope=scope.kind, system=scope.system)
    told = await gather.told(desk, user, seen, scope, action)
    last = await asyncio.to_thread(history.before, desk, user, case)
    made = sections.made(told, plan, desk.config, now, last.marks if last else None)
    await asyncio.to_thread(history.note, desk, user, case, sections.marks(told, desk.config, now))
    return Summary(
        title=plan.title,
        subject=_subject(case),
        household=case.whole.household,
        record=_subject(case) if case.subject is not case.whole or not case.subject.household else "",
        heading=_heading(case, told),
        scope=scope,
        scope_words=_scope_words(desk, scope),
        systems=sections.systems(told.systems),
        sections=tuple(made),
        calls=told.calls,
        basis=told.basis,
        behind=told.behind,
        since=words.moment(last.at, desk.wall()) if last else "",
        at=words.moment(desk.wall(), 0),
        by=user.account.name,
        reference=reference,
    )


async def audited(desk: Desk, user: User, action: str, case: Case, may: Reach, **facts: str) -> str:
    """Write a reading of a case to the audit; its reference."""
    reasons = ",".join(f"{one.agency}={one.rung}/{one.protocol}" for one in may.because)
    more = {name: value for name, value in facts.items() if value}
    home = {"household": case.whole.household} if case.whole.household else {}
    team = team_of(desk, user)

    def record() -> str:
        number = desk.audit.record(user.account.user, action, case.ids, team=team, basis=reasons, **home, **more)
        return f"line {number}"

    return await asyncio.to_thread(record)


def _subject(case: Case) -> str:
    of_person = case.subject is not case.whole or not case.subject.household
    return case.subject.records[0].hex() if of_person else case.subject.household


def _heading(case: Case, told: gather.Told) -> str:
    if case.subject is case.whole and case.subject.household:
        return f"Household {case.subject.household[:8]}"
    named = told.names.get(case.subject.records[0])
    return named.name if named else "A person of ours"


def _scope_words(desk: Desk, scope: Scope) -> str:
    if scope.kind == "all":
        return "all agencies, as far as you may see"
    own = desk.config.agency_name(desk.config.agency)
    return f"{own}: {scope.system.replace('_', ' ')} only" if scope.kind == "system" else f"{own} only"
