"""The pages of a signed-in user: inbox, alert, presence, and what keeps them live.

Decides which message, at which rung, with which names, goes into which page. Wording is in pages.py and words.py.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final, NamedTuple

from markupsafe import Markup
from sse_starlette import EventSourceResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bridge.desk import ahead, cards, figures, pages
from bridge.desk.access import reading
from bridge.desk.access.gate import Reach, Subject, reach, reaches, withheld
from bridge.desk.config import Config
from bridge.desk.desk import Desk, User, alert_of, desk_of, feed_state, frame, own_frame, render, signed_in, team_of
from bridge.desk.duty import challenges, deeds, panel, wording
from bridge.desk.duty.allowed import works
from bridge.desk.duty.panel import About, Mistake
from bridge.desk.evidence import own_records, pairs
from bridge.desk.exchange import offer
from bridge.desk.rungs import cut_alert, cut_household, cut_links, cut_presence

RECENT_MS: Final = 24 * 3600 * 1000  # presence shown above the inbox; all of it has a page
RECENT_MAX: Final = 5
TAKEN_MAX: Final = 20  # rows of what others have, and of what is closed
MORE_MAX: Final = 450  # rows more of each group, by and by; who has more waiting alerts than 500 has another problem
MORE_DIGITS: Final = 4
LOOK_AGAIN_MS: Final = 24 * 3600 * 1000
JUST_MS: Final = 60 * 1000  # a snooze that ended while a page was on its way to its stream is told once more
STREAM_WAIT_MS: Final = 3_000  # how often an idle stream looks whether the user is signed in and a snooze has ended


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
    async with desk_of(request).by_itself:
        made = {**await frame(request, user, team), **await _rows(request, user, team), "part": True}
        return render("rows.html", made)


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
    wakes_at = await _wakes_at(desk, team, desk.now() - JUST_MS)
    async for change_id, kind in desk.inbox.changes(team, after, STREAM_WAIT_MS):
        try:
            team_of(request, await signed_in(request, prolong=False))
        except Exception:  # signed out, or no longer of the team: the page asks once more and is sent away
            yield {"event": "changed", "data": "ended"}
            return
        now = desk.now()
        if kind != "none" or wakes_at <= now:
            yield {"id": change_id, "event": "changed", "data": "changed"}
            wakes_at = await _wakes_at(desk, team, now)


async def _wakes_at(desk: Desk, team: str, now: int) -> int:
    """When the next snooze of a team ends, or to look again where none does, partnership time ms."""
    done = [deed for some in (await desk.inbox.kept(team)).deeds.values() for deed in some]
    return min((deed.until_at for deed in done if deed.until_at > now), default=now + LOOK_AGAIN_MS)


async def alert(request: Request) -> Response:
    """One alert with all that the user's rung shows."""
    user = await signed_in(request)
    return await alert_page(request, user, await alert_for(request, user))


async def presence(request: Request) -> Response:
    """Who presented where, and whom to call."""
    user = await signed_in(request)
    team = team_of(request, user)
    notices = (await desk_of(request).inbox.kept(team)).notices[: pages.ROWS_MAX]
    context = {"notices": await _presented(request, user, team, notices), "page": "presence"}
    return render("presence.html", {**await frame(request, user, team), **context})


async def demand(request: Request) -> Response:
    """How much work to expect, by team: aggregate and small numbers withheld, so for every user."""
    user, desk = await signed_in(request), desk_of(request)
    kinds = ahead.demand(await desk.inbox.insight("demand"), desk.config)
    return await for_everyone(request, user, "demand.html", "insights", {"kinds": kinds})


async def model(request: Request) -> Response:
    """How good the models were: aggregate and small numbers withheld, so for every user."""
    user, desk = await signed_in(request), desk_of(request)
    told = figures.page(await desk.inbox.figures(), desk.now())
    return await for_everyone(request, user, "model.html", "insights", {"figures": told})


async def for_everyone(
    request: Request, user: User, template: str, page: str, context: dict[str, Any]
) -> Response:  # fmt: skip
    """A page that is the same for every user here."""
    return render(template, {**await own_frame(request, user), **context, "page": page})


async def _rows(request: Request, user: User, team: str) -> dict[str, Any]:
    desk = desk_of(request)
    me, now = user.account.user, desk.now()
    kept = await desk.inbox.kept(team)
    standings = deeds.standings(kept.alerts, kept.deeds)
    sorted_ = pages.sort(kept.alerts, standings, me, now)
    more = _more(request)
    shown = {
        "waiting": sorted_.waiting[: pages.ROWS_MAX + more],
        "mine": sorted_.mine[: pages.ROWS_MAX + more],
        "taken": sorted_.taken[: TAKEN_MAX + more],
        "snoozed": sorted_.snoozed[: TAKEN_MAX + more],
        "closed": sorted_.closed[: TAKEN_MAX + more],
    }
    alerts = [alert for some in shown.values() for alert in some]
    may = iter(await reaches(desk, user, [about_alert(alert) for alert in alerts]))
    seen = {
        name: [one for alert in some if (one := cards.seen(desk, alert, next(may))).cut]
        for name, some in shown.items()
    }
    cuts = [one.cut for some in seen.values() for one in some]
    names = await read_names(desk, user, "inbox", team, cuts, tuple(cut["alert_id"] for cut in cuts))

    def card(one: cards.Seen, take: bool) -> Markup:
        standing = standings.get(one.cut["alert_id"], deeds.NOBODY)
        held = wording.held(standing, one.cut["version"], me, desk.accounts.name, now)
        return cards.card(desk, one, held, names, take)

    recent = [notice for notice in kept.notices if now - notice["presented_at"] <= RECENT_MS]
    return {
        "groups": {
            name: [
                card(one, take=name == "waiting" and "known_to" in one.cut and works(user.account)) for one in some
            ]
            for name, some in seen.items()
        },
        "counts": {name: len(getattr(sorted_, name)) for name in seen},
        "waiting_count": len(sorted_.waiting),
        "more": more,
        "more_still": min(MORE_MAX, more + pages.ROWS_MAX),
        "asked_of_me": await asyncio.to_thread(_asked_of, desk, user, team),
        "notices": await _presented(request, user, team, recent[:RECENT_MAX]),
        "notice_count": len(recent),
        "part": False,
    }


def _more(request: Request) -> int:
    """How many rows of each group a user asked for beyond those that a page begins with."""
    asked = request.query_params.get("more", "")
    return min(MORE_MAX, int(asked)) if asked.isascii() and asked.isdecimal() and len(asked) <= MORE_DIGITS else 0


def _asked_of(desk: Desk, user: User, team: str) -> list[tuple[str, str]]:
    """Alerts of a team on which somebody waits for the user's answer, with their references."""
    waiting = challenges.waiting(desk, f"for:{user.account.user}")
    ids = dict.fromkeys(one.body["alert_id"] for one in waiting if one.body["team"] == team)
    return [(id_, id_[:8]) for id_ in ids]


async def _presented(
    request: Request, user: User, team: str, notices: list[dict[str, Any]]
) -> list[pages.Presented]:  # fmt: skip
    desk = desk_of(request)
    may = await reaches(desk, user, [about_notice(notice, desk.config) for notice in notices])
    cuts = [cut for notice, one in zip(notices, may, strict=True) if (cut := cut_presence(notice, one))]
    names = await read_names(desk, user, "presence", team, cuts, tuple(cut["notice_id"] for cut in cuts))
    now = desk.now()
    return [pages.presented(cut, names, desk.config, now) for cut in cuts]


async def read_names(  # noqa: PLR0913, PLR0917  (who reads what)
    desk: Desk, user: User, page: str, team: str, cuts: Iterable[Mapping[str, Any]], shown: tuple[str, ...] = ()
) -> dict[bytes, Any]:
    """Names of the records that the cuts show: none where the rung of the record is not reached; `shown` as there."""
    records = tuple(dict.fromkeys(record for cut in cuts for record in cut.get("records", ())))
    return await desk.names.read(user.account.user, page, team, records, shown)


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
    found = await alert_of(request, user)
    may = await reach(desk_of(request), user, about_alert(found[1])) if found else None
    if found is None or may is None or may.top < 0:  # one answer from one place: nobody learns which it was
        raise HTTPException(404)
    return Found(*found, may)


async def alert_page(
    request: Request, user: User, found: Found, mistake: Mistake | None = None, status: int = 200
) -> Response:
    """The page of an alert; with a form that was not taken, where there is one."""
    desk, (team, message, may) = desk_of(request), found
    subject = (message["alert_id"],)
    reasons = ",".join(f"{one.agency}={one.rung}/{one.protocol}" for one in may.because)
    await asyncio.to_thread(desk.audit.record, user.account.user, "alert", subject, team=team, basis=reasons)
    cut = cut_alert(message, may, desk.config)
    links = cut_links(await desk.inbox.links(message["household"]) or {}, may)
    joined = {"records": [rid for pairs in links.get("people", ()) for pair in pairs for rid in own_records(pair)]}
    names = await read_names(desk, user, "alert", team, [cut, joined])
    did = tuple((await desk.inbox.kept(team)).deeds.get(message["alert_id"], ()))
    about = About(team, message, may, deeds.of_alert(message, did), did)
    duty = await panel.context(desk, user, about, request.query_params.get("done", ""), mistake)
    row = pages.row(cut, names, duty["held"], desk.config, desk.now())
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
        **duty,
        "ask": await offer.of_alert(desk, user, message, about_alert(message), may),
        "page": "alert",
        "names_open": may.names,
        "basis_at": f"alert/{row.alert_id}",
        "household": message["household"],
    }
    return render("alert.html", context, status)


def _is_change_id(value: str) -> bool:
    return value == "$" or re.fullmatch("[0-9]{1,19}-[0-9]{1,19}", value) is not None  # 64 bits each
