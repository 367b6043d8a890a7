"""The pages of a case: household, person, summary with print and export, my children, subject report.

Decides who may open which page. What each holds is made in summary.py, children.py and report.py.
"""

from __future__ import annotations

import asyncio
from typing import Final, get_args

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.desk import words
from bridge.desk.access.gate import Reach, reach
from bridge.desk.cases import children as listing
from bridge.desk.cases import find, report, summary, template
from bridge.desk.cases.gather import Scope, ScopeKind
from bridge.desk.desk import User, desk_of, frame, has_role, own_frame, render, signed_in, team_of
from bridge.desk.rungs import CALL, SUMMARY

PAGES_MAX: Final = 1_000  # of a list: far above any caseload
REPORTERS: Final = frozenset({"supervisor", "governance"})
SCOPES: Final[tuple[ScopeKind, ...]] = get_args(ScopeKind)
ATTACHED: Final = "attachment; filename=case-summary.json"


async def household(request: Request) -> Response:
    """A household, by the agency's own id."""
    user, desk = await signed_in(request), desk_of(request)
    case = await find.household(desk, user, request.path_params["household"])
    return await _view(request, user, case, "household")


async def person(request: Request) -> Response:
    """A person, by an own record."""
    user, desk = await signed_in(request), desk_of(request)
    case = await find.person(desk, user, find.record_of(request.path_params["record"]))
    return await _view(request, user, case, "person")


async def _view(request: Request, user: User, case: find.Case | None, action: str) -> Response:
    desk = desk_of(request)
    seen = await find.seen(desk, user, case)
    told = await summary.read(desk, user, seen, summary.How(action, template.EVERYTHING))
    reports = bool(REPORTERS & set(user.account.roles)) and _may_report(user, seen.may)
    return await _page(request, user, "cases/view.html", told, reports)


async def case_summary(request: Request) -> Response:
    """The summary of a case, by the agency's template."""
    user = await signed_in(request)
    return await _page(request, user, "cases/summary.html", await _summary(request, user, "summary"))


async def printed(request: Request) -> Response:
    """The same, to be printed: in the audit as such."""
    user = await signed_in(request)
    return await _page(request, user, "cases/print.html", await _summary(request, user, "print"))


async def exported(request: Request) -> Response:
    """The same as data: in the audit as such."""
    user = await signed_in(request)
    body = msgspec.json.encode(await _summary(request, user, "export"))
    return Response(body, media_type="application/json", headers={"content-disposition": ATTACHED})


async def _summary(request: Request, user: User, action: str) -> summary.Summary:
    desk = desk_of(request)
    scope = _scope(request)
    seen = await find.seen(desk, user, await find.either(desk, user, request.path_params["subject"]))
    how = summary.How(action, template.of(desk.config.summary_template), scope)
    return await summary.read(desk, user, seen, how)


def _scope(request: Request) -> Scope:
    """How far the summary reaches.

    Raises:
        HTTPException: 404 where the address names no such scope.
    """
    asked, system = request.query_params.get("scope", "all"), request.query_params.get("system", "")
    kind = next((one for one in SCOPES if one == asked), None)
    if kind is None or bool(system) != (kind == "system"):
        raise HTTPException(404)
    return Scope(kind, system)


async def _page(
    request: Request, user: User, page: str, told: summary.Summary, may_report: bool = False
) -> Response:  # fmt: skip
    context = {"told": told, "may_report": may_report, "page": "case"}
    return render(page, {**await own_frame(request, user), **context})


async def children(request: Request) -> Response:
    """The children that are allocated to a team."""
    user, desk = await signed_in(request), desk_of(request)
    team = team_of(request, user)
    text = request.query_params.get("page", "1")
    number = int(text) if text.isdecimal() and text.isascii() and 0 < len(text) <= 4 else 0
    if not 0 < number <= PAGES_MAX:
        raise HTTPException(404)

    def audited() -> None:
        desk.audit.record(user.account.user, "children", (), team=team, page=number)

    await asyncio.to_thread(audited)
    rows, count = await listing.listed(desk, user, team, number)
    pages = max(1, -(-count // listing.ROWS_MAX))
    context = {"children": rows, "count": count, "number": number, "pages": pages, "page": "children"}
    return render("cases/children.html", {**await frame(request, user, team), **context})


async def told_about(request: Request) -> Response:
    """What was shared about a person, for those who answer to them."""
    return await _report(request, "report", "cases/report.html")


async def told_about_printed(request: Request) -> Response:
    """The same for the person, to be printed: without what somebody decides about first."""
    return await _report(request, "report_print", "cases/report_print.html")


async def _report(request: Request, action: str, page: str) -> Response:
    user, desk = await signed_in(request), desk_of(request)
    has_role(user, *REPORTERS)
    case = await find.person(desk, user, find.record_of(request.path_params["record"]))
    may = await reach(desk, user, case.subject) if case is not None else None
    if case is None or may is None or not _may_report(user, may):
        raise HTTPException(404)
    reference = await summary.audited(desk, user, action, case, may)
    team = find.team_of(desk, user)
    records = case.subject.records if may.names else ()
    names = await desk.names.read(user.account.user, action, team, records)
    context = {
        "report": await report.made(desk, case),
        "named": names.get(case.subject.records[0]),
        "subject": case.subject.records[0].hex(),
        "at": words.moment(desk.wall(), 0),
        "reference": reference,
        "page": "report",
    }
    return render(page, {**await own_frame(request, user), **context})


def _may_report(user: User, may: Reach) -> bool:
    """Governance answers for everybody; a supervisor for those of whom they may see all that a report tells.

    It names the agencies whose information was read, and tells what own records are of; cut, it would mislead.
    """
    sees = may.of(may.own_agency) >= SUMMARY and may.joint >= CALL
    return "governance" in user.account.roles or sees


ROUTES: Final = [
    Route("/households/{household}", household),
    Route("/people/{record}", person),
    Route("/summary/{subject}", case_summary),
    Route("/summary/{subject}/print", printed),
    Route("/summary/{subject}/export", exported),
    Route("/children/{team}", children),
    Route("/report/{record}", told_about),
    Route("/report/{record}/print", told_about_printed),
]
