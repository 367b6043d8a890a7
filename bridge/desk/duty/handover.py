"""The page of a handover: a shift in words, a note to the next one, and who has taken over.

Decides who sees which alert of it with which names: as in the inbox. The note is for the team: whoever opens its
inbox reads it, and the form asks for references instead of names. What belongs to a shift is in shift.py.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bridge.desk import pages, words
from bridge.desk.access.bases import TEXT_MAX
from bridge.desk.access.gate import reaches
from bridge.desk.access.records import Entry
from bridge.desk.desk import Desk, User, desk_of, feed_state, frame, render, signed_in, team_of
from bridge.desk.duty import challenges, deeds, shift, wording
from bridge.desk.duty.deeds import Deed
from bridge.desk.duty.shift import HOUR_MS, HOURS, Shift
from bridge.desk.forms import posted
from bridge.desk.rungs import cut_alert
from bridge.desk.views import about_alert, read_names

NOTE, TAKEN = "handover_note", "handover_taken"
LINES_MAX: Final = 100  # alerts of one page; beyond, the count says how many there are
NOTES_SHOWN: Final = 3
NOTES_SOUGHT: Final = 200  # of all teams


async def page(request: Request) -> Response:
    """The shift so far."""
    user = await signed_in(request)
    return await _page(request, user, team_of(request, user))


async def write(request: Request) -> Response:
    """Keep a note to the next shift."""
    user = await signed_in(request)
    desk, form, team = desk_of(request), await posted(request, user), team_of(request, user)
    text = str(form.get("text", "")).strip()
    if not text or len(text) > TEXT_MAX:
        wrong = f"Write at most {TEXT_MAX} characters; these are {len(text)}" if text else "Write something"
        return await _page(request, user, team, wrong, text)
    await _keep(desk, user, NOTE, team, {"text": text})
    return RedirectResponse(f"/handover/{team}#note", status_code=303)


async def take_over(request: Request) -> Response:
    """The user takes over: the newest note is read."""
    user = await signed_in(request)
    desk, form, team = desk_of(request), await posted(request, user), team_of(request, user)
    last = next(iter(await asyncio.to_thread(_newest, desk, team)), None)
    if last is None:
        return await _page(request, user, team, "There is no note to take over from")
    if last.id != form.get("read"):
        return await _page(request, user, team, "A newer note was written meanwhile: read it, then take over")
    await _keep(desk, user, TAKEN, team, {"read": last.id})
    return RedirectResponse(f"/handover/{team}#note", status_code=303)


async def _keep(desk: Desk, user: User, kind: str, team: str, body: dict[str, Any]) -> None:
    me = user.account.user

    def run() -> None:
        desk.audit.record(me, kind, (), team=team)
        about = [f"team:{team}", *(f"note:{read}" for read in (body.get("read"),) if read)]
        desk.records.append(kind, about, me, {**body, "team": team, "moment": desk.now()})

    await asyncio.to_thread(run)
    await desk.inbox.changed(team, kind)


async def _page(request: Request, user: User, team: str, wrong: str = "", typed: str = "") -> Response:
    desk, now, hours = desk_of(request), desk_of(request).now(), _hours(request)
    kept = await desk.inbox.kept(team)
    standings = deeds.standings(kept.alerts, kept.deeds)
    all_done = [deed for some in kept.deeds.values() for deed in some]
    made = shift.of(kept.alerts, standings, all_done, now - hours * HOUR_MS)
    waiting = await asyncio.to_thread(challenges.waiting, desk, f"team:{team}")
    rows = await _rows(desk, user, team, made, kept.alerts, standings, waiting)
    behind = await desk.inbox.freshness("feeds") or {}
    context = {
        "hours": hours,
        "lengths": HOURS,
        "since": words.moment(now - hours * HOUR_MS, now),
        "until": words.moment(now, now),
        "rows": rows,
        "sections": _sections(desk, made, rows, now),
        "left": [rows[one["alert_id"]] for one in made.left if one["alert_id"] in rows],
        "left_count": len(made.left),
        "waiting": [
            (
                rows.get(one.body["alert_id"]),
                desk.accounts.name(one.body["to"]),
                words.moment(one.body["moment"], now),
            )
            for one in waiting
        ],
        "behind": [desk.config.agency_name(agency) for agency in behind.get("behind", ())],
        **await asyncio.to_thread(_notes, desk, team),
        "wrong": wrong,
        "typed": typed,
        "text_max": TEXT_MAX,
        "page": "handover",
        **await feed_state(desk, team),
    }
    return render("duty/handover.html", {**await frame(request, user, team), **context}, 400 if wrong else 200)


async def _rows(  # noqa: PLR0913, PLR0917  (what a page is made of)
    desk: Desk, user: User, team: str, made: Shift, alerts: list[dict[str, Any]],
    standings: dict[str, deeds.Standing], waiting: list[Entry],
) -> dict[str, pages.Row]:  # fmt: skip
    """The alerts that the page speaks of, as far as the user may see them, named."""
    by_id, now, me = {one["alert_id"]: one for one in alerts}, desk.now(), user.account.user
    ids = dict.fromkeys((*(one.body["alert_id"] for one in waiting), *made.concerned))
    asked = [by_id[id_] for id_ in ids if id_ in by_id][:LINES_MAX]
    may = await reaches(desk, user, [about_alert(one) for one in asked])
    cuts = [cut for one, reach in zip(asked, may, strict=True) if (cut := cut_alert(one, reach, desk.config))]
    about = tuple(cut["alert_id"] for cut in cuts)
    await asyncio.to_thread(desk.audit.record, me, "handover", about, team=team)
    names = await read_names(desk, user, "handover", team, cuts)

    def line(cut: dict[str, Any]) -> pages.Row:
        standing = standings.get(cut["alert_id"], deeds.NOBODY)
        held = wording.held(standing, cut["version"], me, desk.accounts.name, now)
        return pages.row(cut, names, held, desk.config, now)

    return {cut["alert_id"]: line(cut) for cut in cuts}


def _sections(desk: Desk, shift_: Shift, rows: dict[str, pages.Row], now: int) -> list[dict[str, Any]]:
    """Parts of the page: title, how many there are, and lines of (when, alert, what was said)."""

    def of_alerts(some: tuple[dict[str, Any], ...], at: str) -> list[tuple[str, pages.Row, str]]:
        seen = [(one, rows[one["alert_id"]]) for one in some if one["alert_id"] in rows]
        return [(words.moment(one[at], now), row, row.headline) for one, row in seen]

    def of_deeds(some: tuple[Deed, ...]) -> list[tuple[str, pages.Row, str]]:
        seen = [(deed, rows[deed.alert_id]) for deed in some if deed.alert_id in rows]
        return [(words.moment(deed.at, now), row, wording.told(deed, desk.accounts.name, now)) for deed, row in seen]

    made = (
        ("raised", "Raised", of_alerts(shift_.raised, "raised_at"), shift_.raised),
        ("taken", "Acknowledged or given", of_deeds(shift_.taken), shift_.taken),
        ("acted", "Acted on", of_deeds(shift_.acted), shift_.acted),
        ("closed", "Closed", of_deeds(shift_.closed), shift_.closed),
        ("ended", "Ended by themselves", of_alerts(shift_.ended, "changed_at"), shift_.ended),
    )
    return [{"id": id_, "title": title, "lines": lines, "count": len(all_)} for id_, title, lines, all_ in made]


def _notes(desk: Desk, team: str) -> dict[str, Any]:
    """The newest notes, and who took over since each."""

    def words_of(one: Entry) -> dict[str, Any]:
        taken = [_by(desk, each) for each in desk.records.about(TAKEN, f"note:{one.id}")]
        return {"by": _by(desk, one), "text": one.body["text"], "taken": taken}

    notes = _newest(desk, team)
    return {"notes": [words_of(one) for one in notes[:NOTES_SHOWN]], "last_note": notes[0].id if notes else ""}


def _newest(desk: Desk, team: str) -> list[Entry]:
    """Notes of a team, the newest first."""
    found = desk.records.of(NOTE, limit=NOTES_SOUGHT)
    return [one for one in reversed(found) if one.body["team"] == team]


def _by(desk: Desk, one: Entry) -> str:
    return f"{desk.accounts.name(one.user)}, {words.moment(one.body['moment'], desk.now())}"


def _hours(request: Request) -> int:
    """Length of the shift.

    Raises:
        HTTPException: 404 where it is none of those that can be chosen.
    """
    asked = request.query_params.get("hours", str(HOURS[0]))
    found = next((hours for hours in HOURS if str(hours) == asked), None)
    if found is None:
        raise HTTPException(404)
    return found
