"""The pages of looking somebody up: the form, the wait, the answer.

Decides who may look somebody up: who is assigned a protocol that a look-up opens, for that protocol's purpose, so
often and no oftener; and that an answer is for its own user alone. It is in the audit before it is sent. What was
typed is on the page that it was typed into, in no address, and is kept nowhere.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bridge.desk import words
from bridge.desk.access.records import Entry
from bridge.desk.desk import Desk, User, desk_of, frame, limit, lookup_purposes, render, signed_in
from bridge.desk.exchange import may, wording
from bridge.desk.exchange.routes import asked_of, wish_of
from bridge.desk.forms import posted
from bridge.desk.lookup import found
from bridge.desk.lookup.asked import NAME_MAX_CHARS, NUMBER_MAX_CHARS, Form, problems
from bridge.desk.lookup.seek import Asked
from bridge.desk.respond import NotSent
from schemas.lookup import LOOKUP_ID_BYTES, PURPOSES, Purpose

AN_HOUR_MAX: Final = 30  # look-ups of a user
A_DAY_MAX: Final = 200
HOUR_S, DAY_S = 3600, 24 * 3600
LATE_MS: Final = 30_000  # an answer takes a second or two; after this the page says that something is amiss
ASKED: Final = "look_up"  # kind of the entry that a look-up is kept as: its purpose and reason, not whom
PURPOSE_WORDS: Final = {
    "safeguarding": "Safeguarding a child",
    "early_help": "Early help for a family",
    "supervision": "Supervision of an assessment",
    "assurance": "Assurance: checking how cases were handled",
    "planning": "Planning of services",
}


class State(NamedTuple):
    """How far a look-up is: `waiting`, `late`, `over`, `returned` or `answered`, and what the page shows of it."""

    name: str
    matches: tuple[found.Match, ...] = ()
    reason: str = ""


async def form(request: Request) -> Response:
    """The form, empty."""
    user = await signed_in(request)
    return await _form(request, user, Form(), {})


async def look_up(request: Request) -> Response:
    """Look somebody up: recorded, then sent; the browser goes on to the answer's page."""
    user = await signed_in(request)
    desk, team = desk_of(request), _room(request, user)
    typed = Form.of(await posted(request, user))
    today = datetime.fromtimestamp(desk.now() / 1000, words.LONDON).date()
    wrong = problems(typed, lookup_purposes(desk, user), today)
    if wrong:
        return await _form(request, user, typed, wrong)
    await limit(desk, "look_up", user, AN_HOUR_MAX, HOUR_S)
    await limit(desk, "look_up_day", user, A_DAY_MAX, DAY_S)
    lookup_id, now = secrets.token_bytes(LOOKUP_ID_BYTES), desk.now()
    purpose = cast(Purpose, typed.purpose)
    asked = Asked(lookup_id, team, user.account.user, purpose, now, now + desk.config.lookup_valid_s * 1000)
    try:
        await asyncio.to_thread(_send, desk, asked, typed)
    except NotSent:
        text = (
            "The platform could not be reached, so nobody was looked up. Call the agencies, or go back and try again."
        )
        return render("message.html", {"heading": "Nobody was looked up", "text": text}, 503)
    return RedirectResponse(f"/look-up/{lookup_id.hex()}", status_code=303)


async def page(request: Request) -> Response:
    """The answer, or that it is on its way."""
    user = await signed_in(request)
    asked = await _asked(request, user)
    return render("lookup/page.html", await _context(request, user, asked))


async def answer(request: Request) -> Response:
    """The same for a page that waits: it fetches this each second until there is something."""
    user = await signed_in(request, prolong=False)
    asked = await _asked(request, user)
    return render("lookup/answer.html", await _context(request, user, asked))


async def ask(request: Request) -> Response:
    """Ask another agency about somebody who was found and of whom there is an own record."""
    user = await signed_in(request)
    desk = desk_of(request)
    typed = await posted(request, user)
    asked = await _asked(request, user)
    row = await desk.inbox.lookup(asked.body["lookup_id"])
    shown = await found.shown(desk, user, asked, row) if row else []
    one = next((one.subject for one in shown if one.subject.household == typed.get("household")), None)
    if desk.exchange is None or one is None or not one.records:
        raise HTTPException(404)
    wish = wish_of(typed, records=one.records)
    known = wish.asked in one.known_to and wish.asked in desk.exchange.partners
    if not known or not await may.may_ask(desk, user, one, wish.asked, wish.kind):
        raise HTTPException(404)
    return await asked_of(desk, desk.exchange, user, asked.body["team"], wish)


def _send(desk: Desk, asked: Asked, typed: Form) -> None:
    """The audit, then what is kept of it (what for and why, never whom), then the platform."""
    lookup_id = asked.lookup_id.hex()
    desk.audit.record(asked.user, "look_up", (lookup_id,), team=asked.team, purpose=asked.purpose)
    body = {"lookup_id": lookup_id, "team": asked.team, "purpose": asked.purpose, "reason": typed.reason,
            "expires_at": asked.expires_at}  # fmt: skip
    desk.records.append(ASKED, (found.key(lookup_id),), asked.user, body)
    desk.seeker.send(asked, typed.person())


async def _form(request: Request, user: User, typed: Form, wrong: Mapping[str, str]) -> Response:
    team = _room(request, user)
    open_ = lookup_purposes(desk_of(request), user)
    context = {
        "form": typed,
        "problems": wrong,
        "purposes": [(code, PURPOSE_WORDS[code]) for code in PURPOSES if code in open_],
        "limits": {"name": NAME_MAX_CHARS, "number": NUMBER_MAX_CHARS},
        "most": AN_HOUR_MAX,
        "page": "look-up",
    }
    return render("lookup/form.html", {**await frame(request, user, team), **context}, 400 if wrong else 200)


async def _asked(request: Request, user: User) -> Entry:
    """The look-up in the address.

    Raises:
        HTTPException: 404 where there is none, it is another user's, or its purpose is no longer the user's.
    """
    desk, lookup_id = desk_of(request), str(request.path_params["lookup_id"])
    entries = desk.records.about(ASKED, found.key(lookup_id)) if re.fullmatch("[0-9a-f]{32}", lookup_id) else []
    mine = [one for one in entries if one.user == user.account.user]
    _room(request, user)
    if not mine or mine[0].body["purpose"] not in lookup_purposes(desk, user):
        raise HTTPException(404)
    return mine[0]


async def _context(request: Request, user: User, asked: Entry) -> dict[str, Any]:
    desk = desk_of(request)
    return {
        **await frame(request, user, asked.body["team"]),
        "state": await _state(desk, user, asked),
        "lookup_id": asked.body["lookup_id"],
        "purpose": PURPOSE_WORDS[asked.body["purpose"]],
        "asked": words.moment(asked.at, desk.wall()),
        "request_purposes": {name: text for name, text in wording.PURPOSES.items() if name != "identify"},
        "request_bases": wording.BASES,
        "page": "look-up",
    }


async def _state(desk: Desk, user: User, asked: Entry) -> State:
    lookup_id = asked.body["lookup_id"]
    row = await desk.inbox.lookup(lookup_id)
    if row is not None:
        shown = await found.shown(desk, user, asked, row)
        return State("answered", await found.matches(desk, user, asked, shown))
    if desk.exchange is not None:
        reason = await asyncio.to_thread(desk.exchange.asker.lookup_returned, lookup_id)
        if reason:
            return State("returned", reason=wording.returned(reason))
    if desk.now() >= asked.body["expires_at"]:
        return State("over")
    return State("late" if desk.wall() - asked.at > LATE_MS else "waiting")


def _room(request: Request, user: User) -> str:
    """The user's first team here, in whose name somebody is looked up.

    Raises:
        HTTPException: 404 where there is none, or no protocol of the user's is opened by a look-up.
    """
    desk = desk_of(request)
    teams = [team for team in user.account.teams if team in desk.config.teams]
    if not teams or not lookup_purposes(desk, user):
        raise HTTPException(404)
    return teams[0]


ROUTES: Final = [
    Route("/look-up", form),
    Route("/look-up", look_up, methods=["POST"]),
    Route("/look-up/{lookup_id}", page),
    Route("/look-up/{lookup_id}/answer", answer),
    Route("/look-up/{lookup_id}/request", ask, methods=["POST"]),
]
