"""The page on which bases for one child or household are recorded, agreed to and withdrawn; and breaking the glass.

Decides who may record what: who may see that there is something may seek consent or ask for more; a determination and
the lifting of a restriction need a second person. What a record must say is in bases.py. Every record is in the audit
before it is kept, without a word of what was written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bridge.desk.access import bases, gate, reading, standings
from bridge.desk.access.gate import Reach, Subject
from bridge.desk.access.protocols import ANY
from bridge.desk.access.records import Entry
from bridge.desk.desk import Desk, User, desk_of, frame, has_role, limit, render, signed_in
from bridge.desk.forms import posted
from bridge.desk.stepup import require_step_up
from bridge.desk.views import about_alert, alert_for

AGREES: Final = ("supervisor", "governance")  # roles that may be the second person
DRAFTS: Final = (bases.DETERMINATION, bases.LIFT)
GLASSES_A_DAY: Final = 20  # of one user: an emergency is rare
DAY_S: Final = 24 * 3600


class Case(NamedTuple):
    """Whom the page is about: address below `/basis/`, team, subject, and what the user may see."""

    path: str
    team: str
    subject: Subject
    may: Reach

    @property
    def about(self) -> tuple[str, ...]:
        """Keys of those concerned."""
        return bases.keys(self.subject.records, self.subject.household)


async def page(request: Request) -> Response:
    """Bases as they stand, and the forms."""
    user = await signed_in(request)
    return await _page(request, user, await case_of(request, user))


async def record(request: Request) -> Response:
    """Keep one consent, determination, duty or broken glass."""
    user = await signed_in(request)
    desk, case = desk_of(request), await case_of(request, user)
    form, kind = await posted(request, user), request.path_params["kind"]
    if kind == bases.GLASS:
        require_step_up(request, user, f"/basis/{case.path}")
        await limit(desk, "break_glass", user, GLASSES_A_DAY, DAY_S)
    try:
        kept, body = MAKERS[kind](desk, user, form)
    except KeyError:
        raise HTTPException(404) from None
    except bases.Bad as bad:
        return await _page(request, user, case, str(bad), kind)
    await _keep(desk, user, case, kept, body)
    return RedirectResponse(f"/basis/{case.path}", status_code=303)


async def agree(request: Request) -> Response:
    """A second person agrees to what a colleague drafted."""
    user = await signed_in(request)
    has_role(user, *AGREES)
    desk, case = desk_of(request), await case_of(request, user)
    form = await posted(request, user)
    draft = await asyncio.to_thread(desk.records.get, str(form.get("draft", "")))
    if draft is None or draft.kind not in {f"{kind}_draft" for kind in DRAFTS} or draft.about != case.about:
        raise HTTPException(404)
    if draft.user == user.account.user:
        return await _page(request, user, case, "Somebody else has to agree: it is your own draft")
    kind = draft.kind.removesuffix("_draft")
    await _keep(desk, user, case, kind, agreed(draft, user.account.user))
    return RedirectResponse(f"/basis/{case.path}", status_code=303)


def agreed(draft: Entry, by: str) -> dict[str, Any]:
    """What is kept once a second person agreed."""
    if draft.kind == f"{bases.DETERMINATION}_draft":
        return {**draft.body, "author": draft.user, "reviewed_by": by, "draft": draft.id}
    return {**draft.body, "asked_by": draft.user, "for_user": draft.user, "draft": draft.id}


async def case_of(request: Request, user: User) -> Case:
    """Whom the address names.

    Raises:
        HTTPException: 404 where there is nobody, or nothing of them is for the user.
    """
    of, ident = request.path_params["of"], request.path_params["ident"]
    if of == "alert":
        request.path_params["alert_id"] = ident
        found = await alert_for(request, user)
        return Case(f"alert/{ident}", found.team, about_alert(found.message), found.may)
    teams = [team for team in user.account.teams if team in desk_of(request).config.teams]
    if of != "record" or not teams:
        raise HTTPException(404)
    try:
        subject = Subject((bytes.fromhex(ident),))
    except ValueError:
        raise HTTPException(404) from None
    may = await gate.reach(desk_of(request), user, subject)
    if may.top < 0:
        raise HTTPException(404)
    return Case(f"record/{ident}", teams[0], subject, may)


async def _keep(desk: Desk, user: User, case: Case, kind: str, body: dict[str, Any]) -> None:
    facts = {"team": case.team, "agencies": ",".join(body.get("agencies", ())), "state": str(body.get("state", ""))}
    subjects = tuple(key.partition(":")[2] for key in case.about)
    await asyncio.to_thread(lambda: desk.audit.record(user.account.user, kind, subjects, **facts))
    await asyncio.to_thread(desk.records.append, kind, case.about, user.account.user, body)


def _consent(desk: Desk, user: User, form: FormData) -> tuple[str, dict[str, Any]]:
    body = {
        "state": _text(form, "state"), "purpose": _text(form, "purpose"), "agencies": _agencies(desk, form),
        "privacy_notice": _text(form, "privacy_notice"), "given_by": _text(form, "given_by"),
        "method": _text(form, "method"), "until_at": _day(form, "until"), "owner": "", "due_at": _day(form, "due"),
        "withdrawal": _text(form, "withdrawal"), "note": _text(form, "note"),
    }  # fmt: skip
    if body["state"] == "sought":
        body["owner"] = user.account.user
    made = bases.consent(body, desk.wall())
    return bases.CONSENT, bases.plain(made)


def _determination(desk: Desk, user: User, form: FormData) -> tuple[str, dict[str, Any]]:
    body = {"purpose": _text(form, "purpose"), "agencies": _agencies(desk, form), "why": _text(form, "why"),
            "reviewed_by": "?", "until_at": _day(form, "until")}  # fmt: skip
    made = bases.determination(body, user.account.user, desk.wall())
    return f"{bases.DETERMINATION}_draft", bases.plain(made)


def _duty(desk: Desk, _: User, form: FormData) -> tuple[str, dict[str, Any]]:
    body = {"purpose": _text(form, "purpose"), "agencies": _agencies(desk, form), "duty": _text(form, "duty"),
            "why": _text(form, "why"), "until_at": _day(form, "until")}  # fmt: skip
    return bases.DUTY, bases.plain(bases.duty(body, desk.wall()))


def _glass(desk: Desk, _: User, form: FormData) -> tuple[str, dict[str, Any]]:
    return bases.GLASS, bases.plain(bases.glass(_text(form, "why"), desk.wall()))


def _lift(desk: Desk, _: User, form: FormData) -> tuple[str, dict[str, Any]]:
    return f"{bases.LIFT}_draft", bases.lift(_text(form, "why"), desk.wall())


MAKERS: Final[Mapping[str, Callable[[Desk, User, FormData], tuple[str, dict[str, Any]]]]] = {
    bases.CONSENT: _consent, bases.DETERMINATION: _determination, bases.DUTY: _duty, bases.GLASS: _glass,
    bases.LIFT: _lift,
}  # fmt: skip


def _text(form: FormData, name: str) -> str:
    return str(form.get(name, "")).strip()[: bases.TEXT_MAX]


def _agencies(desk: Desk, form: FormData) -> list[str]:
    known = {*desk.config.agencies, ANY}
    return [name for name in dict.fromkeys(str(value) for value in form.getlist("agencies")) if name in known]


def _day(form: FormData, name: str) -> int:
    """The end of a day in London, ms; 0 where none or no date was given."""
    try:
        day = date.fromisoformat(_text(form, name))
        end = datetime.combine(day, time(), tzinfo=bases.LONDON) + timedelta(days=1)
    except (ValueError, OverflowError):
        return 0
    return int(end.timestamp() * 1000)


async def _page(request: Request, user: User, case: Case, problem: str = "", kind: str = "") -> Response:
    desk = desk_of(request)
    subjects = tuple(key.partition(":")[2] for key in case.about)
    await asyncio.to_thread(desk.audit.record, user.account.user, "bases", subjects, team=case.team)
    names = await desk.names.read(
        user.account.user, "bases", case.team, case.subject.records if case.may.names else ()
    )
    closed = await gate.withheld(desk, user, case.subject)
    agrees = bool(set(AGREES) & set(user.account.roles))
    reader = standings.Reader(user.account.user, case.may, agrees)
    own = [agency for agency in desk.config.agencies if case.may.of(agency) >= gate.CALL_RUNG]
    context = {
        **await frame(request, user, case.team),
        **reading.of(case.may, closed, desk.config),
        "case": case.path,
        "people": list(names.values()),
        "standings": standings.of(desk.records, case.about, desk, reader),
        "drafts": standings.drafts(desk.records, case.about, desk, reader),
        "may_agree": agrees,
        "may_break": any("break_glass" in one.remedies for one in closed),
        "may_lift": any("lifted" in one.remedies for one in closed),
        "agencies": [(agency, desk.config.agency_name(agency)) for agency in own],
        "duties": bases.DUTIES,
        "problem": problem,
        "wrong": kind,
        "page": "bases",
    }
    return render("access/bases.html", context, 400 if problem else 200)


ROUTES: Final = [
    Route("/basis/{of}/{ident}", page),
    Route("/basis/{of}/{ident}/agree", agree, methods=["POST"]),
    Route("/basis/{of}/{ident}/{kind}", record, methods=["POST"]),
]
