"""The pages of requests: what others ask of us, what we asked, and the form on an alert that asks.

Decides which request goes into which page for whom. Who may is may.py's, wording is wording.py's.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, get_args

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bridge.desk.access import reading
from bridge.desk.access.gate import Subject, reach, withheld
from bridge.desk.desk import Desk, User, desk_of, frame, limit, render, signed_in
from bridge.desk.exchange import may, wording
from bridge.desk.exchange.asker import Wish
from bridge.desk.exchange.holder import NOTE_MAX_CHARS, REASONS, Undecided
from bridge.desk.exchange.open import Exchange
from bridge.desk.exchange.rows import Incoming, Outgoing
from bridge.desk.forms import posted
from bridge.desk.inbox import CLOSED
from bridge.desk.send import NotSent
from bridge.desk.views import about_alert, alert_for
from schemas.exchange import Basis, Kind, Purpose

ROWS_MAX: Final = 50  # requests of one list
ASKS_MAX: Final = 60  # requests of a user an hour
HOUR_S: Final = 3600


class Problem(NamedTuple):
    """What to say above a page, and the status that it comes with."""

    text: str = ""
    status: int = 200


NO_PROBLEM: Final = Problem()
NOT_SENT: Final = Problem("It is decided and recorded, and is sent by itself when the platform can be reached.", 503)


async def requests(request: Request) -> Response:
    """What others ask of us, for those who may decide it, and what the user's teams asked."""
    user = await signed_in(request)
    desk, exchange, team = _room(request, user)
    now = desk.now()
    rows = await asyncio.to_thread(exchange.holder.recent, ROWS_MAX)
    incoming = [wording.incoming(row, desk.config, now) for row in rows if await may.may_decide(desk, user, row)]
    asked = await asyncio.to_thread(exchange.asker.recent, user.account.teams, ROWS_MAX)
    outgoing = [wording.outgoing(row, desk.config, now) for row in asked if await _may_read(desk, user, row)]
    shown = tuple(line.request_id for line in (*incoming, *outgoing))
    await desk.names.read(user.account.user, "requests", team, (), shown)
    context = {"incoming": incoming, "outgoing": outgoing, "page": "requests"}
    return render("exchange/list.html", {**await frame(request, user, team), **context})


async def one(request: Request) -> Response:
    """One request: ours with its answer, or another agency's with what to decide."""
    user = await signed_in(request)
    desk, exchange, team = _room(request, user)
    request_id = _id(request)
    asked = await asyncio.to_thread(exchange.asker.find, request_id)
    if asked is not None and asked.team in user.account.teams and await _may_read(desk, user, asked):
        return await _answer_page(request, user, team, asked)
    row = await asyncio.to_thread(exchange.holder.find, request_id)
    if row is None or not await may.may_decide(desk, user, row):
        raise HTTPException(404)
    return await _decide_page(request, user, team, row)


async def answer(request: Request) -> Response:
    """A named person answers."""
    return await _decide(request, refuses=False)


async def refuse(request: Request) -> Response:
    """A named person refuses."""
    return await _decide(request, refuses=True)


async def ask(request: Request) -> Response:
    """A user asks another agency about an alert; audited and kept before it is sent."""
    user = await signed_in(request)
    desk, exchange, _ = _room(request, user)
    form = await posted(request, user)
    team, message, _ = await alert_for(request, user)
    wish = wish_of(form, alert_id=message["alert_id"])
    subject = about_alert(message)
    known = wish.asked in message["known_to"] and wish.asked in exchange.partners
    if not known or message["state"] in CLOSED or not await may.may_ask(desk, user, subject, wish.asked, wish.kind):
        raise HTTPException(404)
    return await asked_of(desk, exchange, user, team, wish)


async def asked_of(desk: Desk, exchange: Exchange, user: User, team: str, wish: Wish) -> Response:
    """Ask what a user may ask, and go on to the request's page."""
    await limit(desk, "ask", user, ASKS_MAX, HOUR_S)
    try:
        request_id = await asyncio.to_thread(exchange.asker.ask, user.account.user, team, wish)
    except NotSent:
        text = "The platform could not be reached, so nobody was asked. Call the agency, or go back and try again."
        return render("message.html", {"heading": "Nobody was asked", "text": text}, 503)
    return RedirectResponse(f"/requests/{request_id}", status_code=303)


async def _decide(request: Request, *, refuses: bool) -> Response:
    user = await signed_in(request)
    desk, exchange, team = _room(request, user)
    form = await posted(request, user)
    row = await asyncio.to_thread(exchange.holder.find, _id(request))
    if row is None or not await may.may_decide(desk, user, row):
        raise HTTPException(404)
    holder, by = exchange.holder, user.account.user
    try:
        if refuses:
            await asyncio.to_thread(holder.refuse, row.request_id, by, str(form.get("reason", "")))
        else:
            note, basis = str(form.get("note", ""))[:NOTE_MAX_CHARS], str(form.get("basis", ""))
            await asyncio.to_thread(holder.answer, row.request_id, by, note, basis)
    except Undecided as problem:
        return await _decide_page(request, user, team, row, Problem(str(problem), 400))
    except NotSent:
        row = await asyncio.to_thread(holder.find, row.request_id) or row
        return await _decide_page(request, user, team, row, NOT_SENT)
    return RedirectResponse(f"/requests/{row.request_id}", status_code=303)


async def _decide_page(
    request: Request, user: User, team: str, row: Incoming, problem: Problem = NO_PROBLEM
) -> Response:  # fmt: skip
    desk, exchange, _ = _room(request, user)
    records = tuple(bytes.fromhex(record) for record in row.records)
    names = await desk.names.read(user.account.user, "request", team, records, (row.request_id,))
    verdict = await asyncio.to_thread(exchange.holder.verdict, row)
    account = desk.accounts.user(row.user_here)
    context = {
        **await frame(request, user, team),
        "row": wording.incoming(row, desk.config, desk.now()),
        "people": [names[record] for record in records if record in names],
        "unnamed": sum(record not in names for record in records),
        "covers": wording.covers(verdict),
        "known_key": row.agency in exchange.partners,
        "reasons": REASONS,
        "bases": {name: text for name, text in wording.BASES.items() if name != "none"},
        "by": "" if not row.user_here else "the protocol, by itself" if account is None else account.name,
        "reason": REASONS.get(row.reason, ""),
        "note": row.note,
        "note_max": NOTE_MAX_CHARS,
        "problem": problem.text,
        "page": "requests",
    }
    return render("exchange/decide.html", context, problem.status)


async def _answer_page(request: Request, user: User, team: str, row: Outgoing) -> Response:
    desk = desk_of(request)
    subjects = (row.request_id, *((row.alert_id,) if row.alert_id else row.records))
    who, subject = user.account.user, await _about(desk, row)
    found = await reach(desk, user, subject)
    content = row.content if may.opens(found, row) else None

    def read() -> None:
        facts = {"team": row.team, "agency": row.asked, "kind": row.kind, "sha256": row.sha256}
        desk.audit.record(who, "read_answer" if content else "read_request", subjects, **facts)

    await asyncio.to_thread(read)
    missing = await withheld(desk, user, subject) if content is not row.content else ()
    closed = [one for one in missing if one.agency == row.asked]
    context = {
        **await frame(request, user, team),
        **reading.of(found, closed, desk.config),
        "closed": bool(closed),
        "row": wording.outgoing(row, desk.config, desk.now()),
        "reason": wording.reason(row),
        "answer": content and wording.answer(content, desk.config, row.asked, desk.now()),
        "alert_id": row.alert_id,
        "basis_at": f"alert/{row.alert_id}" if row.alert_id else "",
        "page": "requests",
    }
    return render("exchange/answer.html", context)


async def _may_read(desk: Desk, user: User, row: Outgoing) -> bool:
    return await may.may_ask(desk, user, await _about(desk, row), row.asked, row.kind)


async def _about(desk: Desk, row: Outgoing) -> Subject:
    alert = await desk.inbox.alert(row.team, row.alert_id) if row.alert_id else None
    return may.about_outgoing(desk, row) if alert is None else about_alert(alert)


def wish_of(form: Mapping[str, Any], alert_id: str = "", records: tuple[bytes, ...] = ()) -> Wish:
    """What a form asks for, about an alert or own records.

    Raises:
        HTTPException: 404 where it is none of our words.
    """
    kind: Any = form.get("kind")
    purpose: Any = form.get("purpose")
    basis: Any = form.get("basis")
    if kind not in get_args(Kind) or purpose not in get_args(Purpose) or basis not in get_args(Basis):
        raise HTTPException(404)
    return Wish(str(form.get("agency")), kind, purpose, basis, alert_id, records)


def _room(request: Request, user: User) -> tuple[Desk, Exchange, str]:
    """The desk, its exchange, and the user's first team here.

    Raises:
        HTTPException: 404 where there is none.
    """
    desk = desk_of(request)
    teams = [team for team in user.account.teams if team in desk.config.teams]
    if desk.exchange is None or not teams:
        raise HTTPException(404)
    return desk, desk.exchange, teams[0]


def _id(request: Request) -> str:
    found = str(request.path_params["request_id"])
    if re.fullmatch("[0-9a-f]{32}", found) is None:
        raise HTTPException(404)
    return found


ROUTES: Final = [
    Route("/requests", requests),
    Route("/requests/{request_id}", one),
    Route("/requests/{request_id}/answer", answer, methods=["POST"]),
    Route("/requests/{request_id}/refuse", refuse, methods=["POST"]),
    Route("/alerts/{alert_id}/request", ask, methods=["POST"]),
]
