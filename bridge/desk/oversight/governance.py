"""The governance page: protocols, bases, broken glasses to review, the access log, what left the bridge.

Decides who sees it: only the role `governance`, which by itself opens no information about any child. What people
wrote as reasons is shown, since it is what governance answers for; whom it is about stays a pseudonym.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bridge.desk import audit, words
from bridge.desk.access import bases, standings
from bridge.desk.access.protocols import Protocol
from bridge.desk.access.reading import RUNGS
from bridge.desk.access.records import Entry
from bridge.desk.desk import Desk, User, desk_of, has_role, own_frame, render, signed_in
from bridge.desk.exchange import wording
from bridge.desk.exchange.room import BY_ITSELF
from bridge.desk.exchange.rows import Incoming
from bridge.desk.forms import posted

ROLE: Final = "governance"
LOG_MAX: Final = 100  # lines of one page of the access log
SHOWN_MAX: Final = 50
MONTH_MS: Final = 31 * bases.DAY_MS
FINDINGS: Final = {
    "justified": "Justified",
    "not_justified": "Not justified: taken up with the user and their manager",
    "training": "Justified, with something to learn",
}
LANES: Final = {
    "identity/upsert": "Encoded identities", "identity/delete": "Identities withdrawn",
    "profile/upsert": "Profiles (age band, statuses, team)", "profile/delete": "Profiles withdrawn",
    "event/upsert": "Events in codes", "event/delete": "Events withdrawn", "heartbeat/sent": "Heartbeats",
    "live/sent": "End of a history", "key/sent": "Sealed keys",
}  # fmt: skip
SPOKEN: Final = ("n", "at", "user", "action", "subjects", "prev", "hash")
"""Fields of a line of the audit that have a column of their own."""


async def page(request: Request) -> Response:
    """Everything at a glance."""
    user = await _governor(request)
    desk, wall = desk_of(request), desk_of(request).wall()
    await asyncio.to_thread(desk.audit.record, user.account.user, "governance", ())
    since = wall - MONTH_MS
    context = {
        **await own_frame(request, user),
        "protocols": _protocols(desk),
        "version": desk.book.protocols().version,
        "refused": desk.book.refused,
        "sought": _sought(desk, since, wall),
        "determinations": _lines(desk, (bases.DETERMINATION, bases.DUTY), since, wall),
        "drafts": _drafts(desk, since, wall),
        "requests": await asyncio.to_thread(_requests, desk),
        "glasses": _glasses(desk, since, wall),
        "findings": FINDINGS,
        "left": _left(await desk.names.left()),
        "broken": await asyncio.to_thread(desk.audit.broken),
        "page": "governance",
    }
    return render("oversight/governance.html", context)


async def review(request: Request) -> Response:
    """Governance says what it found of a broken glass."""
    user = await _governor(request)
    desk, form = desk_of(request), await posted(request, user)
    glass = await asyncio.to_thread(desk.records.get, request.path_params["entry"])
    if glass is None or glass.kind != bases.GLASS or glass.user == user.account.user:
        raise HTTPException(404)
    finding, note = str(form.get("finding", "")), str(form.get("note", ""))[: bases.TEXT_MAX].strip()
    if finding in FINDINGS:
        about, body = (f"glass:{glass.id}",), {"finding": finding, "note": note}
        await asyncio.to_thread(lambda: desk.audit.record(user.account.user, "review", (glass.id,), finding=finding))
        await asyncio.to_thread(desk.records.append, bases.REVIEW, about, user.account.user, body)
    return RedirectResponse("/governance#glasses", status_code=303)


async def log(request: Request) -> Response:
    """The access log, newest first, by user, action or subject."""
    user = await _governor(request)
    desk, asked = desk_of(request), request.query_params
    fields = {name: asked.get(name, "")[:200].strip() for name in ("user", "action", "subject")}
    before = int(asked["before"]) if asked.get("before", "").isdecimal() and len(asked["before"]) < 16 else 0
    await asyncio.to_thread(desk.audit.record, user.account.user, "access_log", ())
    found = await asyncio.to_thread(audit.newest, desk.config.audit, _wanted(fields), LOG_MAX, before)
    now = desk.wall()
    lines = [_logged(entry, desk, now) for entry in found.entries]
    context = {**await own_frame(request, user), "lines": lines, "before": found.before, "asked": fields,
               "page": "governance"}  # fmt: skip
    return render("oversight/log.html", context)


async def _governor(request: Request) -> User:
    user = await signed_in(request)
    has_role(user, ROLE)
    return user


def _wanted(fields: dict[str, str]) -> Callable[[dict[str, Any]], bool]:
    def wanted(entry: dict[str, Any]) -> bool:
        return (
            fields["user"] in ("", entry.get("user"))
            and fields["action"] in ("", entry.get("action"))
            and (not fields["subject"] or fields["subject"] in entry.get("subjects", ()))
        )

    return wanted


def _logged(entry: dict[str, Any], desk: Desk, now: int) -> dict[str, Any]:
    who = "The desk, by itself" if entry["user"] == BY_ITSELF else standings.name(desk.accounts, entry["user"])
    return {
        "n": entry["n"], "at": words.moment(entry["at"], now), "user": entry["user"],
        "name": who, "action": words.action(entry["action"]),
        "subjects": entry["subjects"],
        "facts": ", ".join(f"{name}: {value}" for name, value in entry.items() if name not in SPOKEN and value != ""),
    }  # fmt: skip


def _protocols(desk: Desk) -> list[dict[str, Any]]:
    users = desk.accounts.all()
    return [
        {
            "title": one.title, "id": one.id, "purpose": one.purpose.replace("_", " "), "law": one.legal_basis,
            "agencies": standings.agencies(one.agencies, desk.config), "opens": _opens(one),
            "users": words.joined([account.name for account in users if one.id in account.protocols]),
        }
        for one in desk.book.protocols().protocols
    ]  # fmt: skip


def _opens(one: Protocol) -> str:
    """How far a protocol opens, in words."""
    free = f"; above “{RUNGS[one.free_rung]}” only with {' or '.join(one.bases)}" if one.free_rung < one.rung else ""
    return f"{RUNGS[one.rung]}{free}{'; assessment first' if one.assessment_first else ''}"


def _lines(desk: Desk, kinds: Iterable[str], since: int, wall: int) -> list[standings.Line]:
    found = (one for kind in kinds for one in reversed(desk.records.of(kind, since, SHOWN_MAX)))
    return [standings.line(one, desk, wall) for one in found]


def _drafts(desk: Desk, since: int, wall: int) -> list[standings.Line]:
    """Determinations and liftings that wait for a second person, newest first."""
    waiting: list[Entry] = []
    for kind in (bases.DETERMINATION, bases.LIFT):
        done = {one.body.get("draft") for one in desk.records.of(kind, since)}
        waiting += [one for one in desk.records.of(f"{kind}_draft", since) if one.id not in done]
    waiting.sort(key=lambda one: one.at, reverse=True)
    return [standings.line(one, desk, wall) for one in waiting[:SHOWN_MAX]]


def _requests(desk: Desk) -> list[tuple[str, list[tuple[str, ...]]]]:
    """What agencies asked of each other, newest first: who, what, why and what came of it; not about whom."""
    if desk.exchange is None:
        return []
    now, accounts = desk.now(), desk.accounts
    theirs = [
        (wording.incoming(row, desk.config, now), _decider(row, desk))
        for row in desk.exchange.holder.recent(SHOWN_MAX)
    ]
    ours = [
        (wording.outgoing(row, desk.config, now), standings.name(accounts, row.user))
        for row in desk.exchange.asker.recent(desk.config.teams, SHOWN_MAX)
    ]
    return [
        (title, [(one.when, one.who, f"{one.what}, {one.why}", one.state, by) for one, by in rows])
        for title, rows in (("Asked of us", theirs), ("Asked by us", ours))
    ]


def _decider(row: Incoming, desk: Desk) -> str:
    """Who answered or refused, or that the protocol alone did."""
    if row.automatic:
        return "its protocol, by itself"
    return standings.name(desk.accounts, row.user_here) if row.user_here else "nobody yet"


def _sought(desk: Desk, since: int, wall: int) -> list[standings.Line]:
    """Consents that are still being sought: the newest word about those concerned."""
    last = {one.about: one for one in desk.records.of(bases.CONSENT, since)}
    sought = [one for one in last.values() if one.body["state"] == "sought"]
    return [standings.line(one, desk, wall) for one in sorted(sought, key=lambda one: one.body["due_at"])[:SHOWN_MAX]]


def _glasses(desk: Desk, since: int, wall: int) -> list[dict[str, Any]]:
    return [_glass(desk, one, wall) for one in reversed(desk.records.of(bases.GLASS, since, SHOWN_MAX))]


def _glass(desk: Desk, one: Entry, wall: int) -> dict[str, Any]:
    reviews = desk.records.about(bases.REVIEW, f"glass:{one.id}")
    return {
        "id": one.id,
        "by": standings.name(desk.accounts, one.user),
        "at": words.moment(one.at, wall),
        "why": one.body["why"],
        "due": words.date_(one.body["review_by"]),
        "overdue": not reviews and one.body["review_by"] < bases.today(wall).isoformat(),
        "about": [key.partition(":")[2] for key in one.about],
        "reviews": [
            (FINDINGS[found.body["finding"]], found.body["note"], standings.name(desk.accounts, found.user),
             words.moment(found.at, wall))
            for found in reviews
        ],
    }  # fmt: skip


def _left(days: dict[str, dict[str, int]]) -> list[tuple[str, list[tuple[str, int]]]]:
    """What left on the last days, newest first."""
    return [
        (words.date_(day), [(LANES.get(lane, lane), number) for lane, number in sorted(days[day].items())])
        for day in sorted(days, reverse=True)[:7]
    ]


ROUTES: Final = [
    Route("/governance", page),
    Route("/governance/log", log),
    Route("/governance/glasses/{entry}", review, methods=["POST"]),
]
