"""The page of suggested links: what is suggested, and what a user decides about it.

Decides who sees which suggestion with which names, and who may decide: only who sees the record. Wording is in
evidence.py and words.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Literal

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bridge.desk import evidence, words
from bridge.desk.access.gate import Subject, reach, reaches
from bridge.desk.desk import Desk, User, desk_of, frame, render, signed_in
from bridge.desk.forms import posted
from bridge.desk.respond import Choice, NotSent, link_decision
from bridge.desk.rungs import cut_suggestion

ROWS_MAX: Final = 25  # suggestions of one page, the strongest
CHOICES: Final[dict[str, Literal["must_link", "cannot_link"]]] = {"same": "must_link", "different": "cannot_link"}


async def suggestions(request: Request) -> Response:
    """The list."""
    user = await signed_in(request)
    return await _page(request, user, _team(request, user))


async def decide(request: Request) -> Response:
    """A user says whether the two are one person: in the audit, with the reason, before it is sent."""
    user = await signed_in(request)
    desk, team = desk_of(request), _team(request, user)
    form = await posted(request, user)
    row = await desk.inbox.suggestion(request.path_params["suggestion_id"])
    if row is None or not (await reach(desk, user, about(row))).names:
        return RedirectResponse("/suggestions", status_code=303)  # somebody was first, or it is not theirs to decide
    decision, reason = str(form.get("decision", "")), str(form.get("reason", ""))
    if decision not in CHOICES or reason not in words.REASONS:
        return await _page(request, user, team, "Choose a reason, then whether it is the same person.", 400)
    problem = await _send(desk, user, team, row, (decision, reason))
    if problem:
        return await _page(request, user, team, problem, 503)
    return RedirectResponse("/suggestions", status_code=303)


async def _send(desk: Desk, user: User, team: str, row: dict[str, Any], chosen: tuple[str, str]) -> str:
    """Record and send a decision; what to say where it did not arrive."""
    choice = Choice(CHOICES[chosen[0]], row["suggestion_id"])
    subjects = (row["suggestion_id"], *row["records"])

    def record() -> None:
        desk.audit.record(user.account.user, choice.action, subjects, team=team, reason=chosen[1])

    await asyncio.to_thread(record)
    try:
        response = link_decision(desk.config, team, user.account.user, choice, desk.wall())
        await asyncio.to_thread(desk.responder.send, response)
    except NotSent:
        return "It was not recorded: the platform could not be reached. Try again."
    await desk.inbox.decided(row["suggestion_id"])
    return ""


async def _page(request: Request, user: User, team: str, problem: str = "", status: int = 200) -> Response:
    desk = desk_of(request)
    rows = await desk.inbox.suggestions(ROWS_MAX)
    may = await reaches(desk, user, [about(row) for row in rows])
    cuts = [cut for row, one in zip(rows, may, strict=True) if (cut := cut_suggestion(row, one))]
    records = tuple(dict.fromkeys(record for cut in cuts for record in evidence.own_records(cut)))
    shown = tuple(cut["suggestion_id"] for cut in cuts)
    names = await desk.names.read(user.account.user, "suggestions", team, records, shown)
    now = desk.now()
    context = {
        **await frame(request, user, team),
        "rows": [evidence.suggested(cut, names, desk.config, now) for cut in cuts],
        "reasons": words.REASONS,
        "may_decide": any(one.names for one in may),
        "problem": problem,
        "page": "suggestions",
    }
    return render("suggestions.html", context, status)


def about(row: Mapping[str, Any]) -> Subject:
    """Whom a suggestion is about."""
    return Subject(evidence.own_records(row), tuple(row.get("agencies", ())), review=True)


def _team(request: Request, user: User) -> str:
    """The user's first team here, in whose name a decision is made.

    Raises:
        HTTPException: 404 where there is none.
    """
    teams = [team for team in user.account.teams if team in desk_of(request).config.teams]
    if not teams:
        raise HTTPException(404)
    return teams[0]
