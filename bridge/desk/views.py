"""The pages of a signed-in user: inbox, alert, presence, and what keeps them live.

Decides which message, at which rung, with which names, goes into which page. Wording is in pages.py and words.py.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, NamedTuple

from sse_starlette import EventSourceResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bridge.desk import ahead, figures, pages, standing
from bridge.desk.access import reading
from bridge.desk.access.gate import Reach, Subject, reach, reaches, withheld
from bridge.desk.config import Config
from bridge.desk.desk import Desk, User, alert_of, desk_of, feed_state, frame, own_frame, render, signed_in, team_of
from bridge.desk.evidence import own_records, pairs
from bridge.desk.forms import posted
from bridge.desk.inbox import CLOSED, Taken
from bridge.desk.respond import NotSent, acknowledgement
from bridge.desk.rungs import cut_alert, cut_household, cut_links, cut_presence

RECENT_MS: Final = 24 * 3600 * 1000  # presence shown above the inbox; all of it has a page
RECENT_MAX: Final = 5
TAKEN_MAX: Final = 20  # rows of what others have, and of what is closed
STREAM_WAIT_MS: Final = 5_000  # how often an idle stream checks that the user is still signed in


class Found(NamedTuple):
    """An alert of the user's: its team, the message, and what the user may see of it."""

    team: str
    message: dict[str, Any]
    may: Reach


async def home(request: Request) -> Response:
    """The first of the user's teams."""
    user = await signed_in(request)
    known = [team for team in user.account.teams if team in desk_of(request).config.teams]
    home = "/governance" if "governance" in user.account.roles else "/no-team"
    return RedirectResponse(f"/inbox/{known[0]}" if known else home, status_code=303)


async def no_team(request: Request) -> Response:
    """A user without a team here."""
    await signed_in(request)
    return render(
        "message.html", {"heading": "You have no team here", "text": "Ask your manager to add you to one."}, 403
    )


async def inbox(request: Request) -> Response:
    """The inbox of a team."""
    user = await signed_in(request)
    team = team_of(request, user)
    after = await desk_of(request).inbox.newest(team)  # before the rows: a change in between is then sent, not lost
    context = {**await _rows(request, user, team), **await feed_state(desk_of(request), team), "after": after}
    return render("inbox.html", {**await frame(request, user, team), **context, "page": "inbox"})


async def rows(request: Request) -> Response:
    """The rows of an open inbox, fetched by it when something changed."""
    user = await signed_in(request, prolong=False)
    team = team_of(request, user)
    return render("rows.html", {**await frame(request, user, team), **await _rows(request, user, team), "part": True})


async def status(request: Request) -> Response:
    """Whether an open inbox can be trusted."""
    user = await signed_in(request, prolong=False)
    team = team_of(request, user)
    return render("status.html", {"team": team, **await feed_state(desk_of(request), team)})


async def stream(request: Request) -> Response:
    """Tells an open inbox that something changed; what changed it fetches, so that every name read is audited."""
    user = await signed_in(request, prolong=False)
    team = team_of(request, user)
    after = request.headers.get("last-event-id") or request.query_params.get("after") or "$"
    if not _is_change_id(after):
        after = "$"
    return EventSourceResponse(_changes(request, team, after), ping=15)


async def _changes(request: Request, team: str, after: str) -> AsyncIterator[dict[str, str]]:
    desk = desk_of(request)
    async for change_id, kind in desk.inbox.changes(team, after, STREAM_WAIT_MS):
        try:
            team_of(request, await signed_in(request, prolong=False))
        except Exception:  # signed out, or no longer of the team: the page asks once more and is sent away
            yield {"event": "changed", "data": "ended"}
            return
        if kind != "none":
            yield {"id": change_id, "event": "changed", "data": "changed"}


async def alert(request: Request) -> Response:
    """One alert with all that the user's rung shows."""
    user = await signed_in(request)
    return await _alert_page(request, user, await alert_for(request, user))


async def acknowledge(request: Request) -> Response:
    """The user takes an alert: sent to the platform, in the audit before."""
    user = await signed_in(request)
    desk = desk_of(request)
    await posted(request, user)
    found = team, message, _ = await alert_for(request, user)
    taken = await desk.inbox.taken(team)
    if message["alert_id"] not in taken and message["state"] not in CLOSED:
        at = desk.wall()
        response = acknowledgement(desk.config, message, user.account.user, at)
        subject = (message["alert_id"],)
        await asyncio.to_thread(desk.audit.record, user.account.user, "acknowledge", subject, team=team)
        try:
            await asyncio.to_thread(desk.responder.send, response)
        except NotSent:
            problem = "It was not recorded: the platform could not be reached. Try again; meanwhile tell your team."
            return await _alert_page(request, user, found, problem)
        await desk.inbox.take(team, message["alert_id"], Taken(user.account.user, user.account.name, at))
    return RedirectResponse(f"/alerts/{message['alert_id']}", status_code=303)


async def presence(request: Request) -> Response:
    """Who presented where, and whom to call."""
    user = await signed_in(request)
    team = team_of(request, user)
    notices = (await desk_of(request).inbox.notices(team))[: pages.ROWS_MAX]
    context = {"notices": await _presented(request, user, team, notices), "page": "presence"}
    return render("presence.html", {**await frame(request, user, team), **context})


async def demand(request: Request) -> Response:
    """How much work to expect, by team: aggregate and small numbers withheld, so for every user."""
    user, desk = await signed_in(request), desk_of(request)
    kinds = ahead.demand(await desk.inbox.insight("demand"), desk.config)
    return await _for_everyone(request, user, "demand", {"kinds": kinds})


async def controls(request: Request) -> Response:
    """How the partnership's controls stand: versions, times and reasons, nothing about anybody, so for every user."""
    user, desk = await signed_in(request), desk_of(request)
    now = desk.now()
    said = {
        "controls": standing.standings(await desk.inbox.controls(), now),
        "holidays": standing.holidays(await desk.inbox.freshness("holidays"), now),
    }
    return await _for_everyone(request, user, "controls", said)


async def model(request: Request) -> Response:
    """How good the models were: aggregate and small numbers withheld, so for every user."""
    user, desk = await signed_in(request), desk_of(request)
    told = figures.page(await desk.inbox.figures(), desk.now())
    return await _for_everyone(request, user, "model", {"figures": told})


async def _for_everyone(request: Request, user: User, page: str, context: dict[str, Any]) -> Response:
    """A page that is the same for every user here."""
    return render(f"{page}.html", {**await own_frame(request, user), **context, "page": page})


async def _rows(request: Request, user: User, team: str) -> dict[str, Any]:
    desk = desk_of(request)
    taken = await desk.inbox.taken(team)
    sorted_ = pages.sort(await desk.inbox.alerts(team), taken)
    shown = {
        "waiting": sorted_.waiting[: pages.ROWS_MAX],
        "taken": sorted_.taken[:TAKEN_MAX],
        "closed": sorted_.closed[:TAKEN_MAX],
    }
    alerts = [alert for some in shown.values() for alert in some]
    may = iter(await reaches(desk, user, [about_alert(alert) for alert in alerts]))
    cuts = {
        name: [cut for alert in some if (cut := cut_alert(alert, next(may), desk.config))]
        for name, some in shown.items()
    }
    names = await read_names(desk, user, "inbox", team, [cut for some in cuts.values() for cut in some])
    now = desk.now()
    recent = [notice for notice in await desk.inbox.notices(team) if now - notice["presented_at"] <= RECENT_MS]
    return {
        "groups": {
            name: [pages.row(cut, names, taken.get(cut["alert_id"]), desk.config, now) for cut in some]
            for name, some in cuts.items()
        },
        "waiting_count": len(sorted_.waiting),
        "closed_count": len(sorted_.closed),
        "taken_count": len(sorted_.taken),
        "notices": await _presented(request, user, team, recent[:RECENT_MAX]),
        "notice_count": len(recent),
        "part": False,
    }


async def _presented(
    request: Request, user: User, team: str, notices: list[dict[str, Any]]
) -> list[pages.Presented]:  # fmt: skip
    desk = desk_of(request)
    may = await reaches(desk, user, [about_notice(notice, desk.config) for notice in notices])
    cuts = [cut for notice, one in zip(notices, may, strict=True) if (cut := cut_presence(notice, one))]
    names = await read_names(desk, user, "presence", team, cuts)
    now = desk.now()
    return [pages.presented(cut, names, desk.config, now) for cut in cuts]


async def read_names(desk: Desk, user: User, page: str, team: str, cuts: list[dict[str, Any]]) -> dict[bytes, Any]:
    """Names of the records that the cuts show: none where the rung of the record is not reached."""
    records = tuple(dict.fromkeys(record for cut in cuts for record in cut.get("records", ())))
    return await desk.names.read(user.account.user, page, team, records)


def about_alert(alert: Mapping[str, Any]) -> Subject:
    """Whom an alert is about."""
    return Subject(tuple(alert["records"]), tuple(alert["known_to"]), alert["household"], alert=True)


def about_notice(notice: Mapping[str, Any], config: Config) -> Subject:
    """Whom a notice is about: it says something of where the child presented, and of whose team is responsible."""
    holders = (notice["presented_to"], config.team_agencies.get(notice["responsible_team"], config.agency))
    return Subject(tuple(notice["records"]), tuple(dict.fromkeys(holders)), alert=True)


async def alert_for(request: Request, user: User) -> Found:
    """The alert in the address.

    Raises:
        HTTPException: 404 where there is no such alert, or it is not the user's.
    """
    team, message = await alert_of(request, user)
    may = await reach(desk_of(request), user, about_alert(message))
    if may.top < 0:
        raise HTTPException(404)
    return Found(team, message, may)


async def _alert_page(request: Request, user: User, found: Found, problem: str = "") -> Response:
    desk, (team, message, may) = desk_of(request), found
    subject = (message["alert_id"],)
    reasons = ",".join(f"{one.agency}={one.rung}/{one.protocol}" for one in may.because)
    await asyncio.to_thread(desk.audit.record, user.account.user, "alert", subject, team=team, basis=reasons)
    cut = cut_alert(message, may, desk.config)
    links = cut_links(await desk.inbox.links(message["household"]) or {}, may)
    joined = {"records": [rid for pairs in links.get("people", ()) for pair in pairs for rid in own_records(pair)]}
    names = await read_names(desk, user, "alert", team, [cut, joined])
    taken = (await desk.inbox.taken(team)).get(message["alert_id"])
    row = pages.row(cut, names, taken, desk.config, desk.now())
    said = cut_household(await desk.inbox.household(message["household"]) or {}, may, desk.config)
    heading = ahead.heading(said, desk.config, desk.now()) if row.open else None
    suggested = ahead.suggested(said, desk.config, desk.now()) if row.open else None
    closed = await withheld(desk, user, about_alert(message))
    context = {
        **await frame(request, user, team),
        **reading.of(may, closed, desk.config),
        "row": row,
        "people": pairs(links, names, desk.config),
        "ahead": heading,
        "suggested": suggested,
        "problem": problem,
        "page": "alert",
        "names_open": may.names,
        "household": message["household"],
    }
    return render("alert.html", context, 503 if problem else 200)


def _is_change_id(value: str) -> bool:
    return value == "$" or re.fullmatch("[0-9]{1,19}-[0-9]{1,19}", value) is not None  # 64 bits each
