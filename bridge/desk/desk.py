"""What every handler of the desk needs, and the two rules that every answer passes.

Decides that an answer goes to a signed-in user of the team and to nobody else, and that "does not exist" and "not for
you" are one answer. Knows no page.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from bridge.desk import words
from bridge.desk.access.book import Book
from bridge.desk.access.records import Records
from bridge.desk.accounts import Account, Accounts
from bridge.desk.audit import Audit
from bridge.desk.config import Config
from bridge.desk.exchange.open import Exchange
from bridge.desk.inbox import Reader
from bridge.desk.lookup.seek import Seeker
from bridge.desk.memo import Memo
from bridge.desk.names import Names
from bridge.desk.oidc import Provider
from bridge.desk.oversight.controls_keys import Governance
from bridge.desk.respond import Responder
from bridge.desk.sessions import Session, Sessions

SESSION_COOKIE: Final = "sightline_session"
FORM_COOKIE: Final = "sightline_form"
NAV: Final = (
    ("children", "/children/{team}", "My children", ()),
    ("presence", "/presence/{team}", "Presence", ()),
    ("handover", "/handover/{team}", "Handover", ()),
    ("challenges", "/challenges", "Challenges", ("governance", "supervisor")),
    ("look-up", "/look-up", "Look up", ()),
    ("suggestions", "/suggestions", "Suggested links", ()),
    ("requests", "/requests", "Requests", ()),
    ("insights", "/insights", "Insights", ()),
    ("controls", "/controls", "Controls", ()),
    ("governance", "/governance", "Governance", ("governance",)),
)
"""Pages beside the inboxes: name, address, words, and the roles that see it; none: everybody."""
OF_TEAMS: Final = ("presence", "handover", "suggestions", "requests", "children")  # those that need a team
FLOW_COOKIE: Final = "sightline_flow"
STALE_MS: Final = 15_000  # a feed that has not read for so long is called interrupted
HERE: Final = Path(__file__).parent


SITE_MAX: Final = 600  # requests a session ..
AT_ONCE: Final = 2  # fetches of open pages that are answered at the same time
SITE_S: Final = 60  # .. in so many seconds; an open inbox makes one for each change


class SignedOut(Exception):
    """No session: the browser is sent to sign in.

    Attributes:
        ended: Whether there was one.
    """

    def __init__(self, ended: bool) -> None:
        super().__init__("no session")
        self.ended = ended


@dataclass(frozen=True)
class Desk:
    """Everything a handler uses; made once at the start.

    Attributes:
        config: Settings.
        accounts: Who may sign in.
        book: Sharing protocols and the policy made of them.
        records: What people wrote here.
        sessions: Who has.
        inbox: What the feeds brought.
        names: Names, audited.
        audit: The audit.
        responder: Sends decisions.
        seeker: Sends look-ups.
        now: Partnership time, ms.
        wall: Wall time, ms.
        exchange: What is asked of other agencies and answered; None where this desk has none.
        provider: The agency's identity provider, where it has one.
        governance: What controls are changed with, where this agency does so.
        memo: What was made for one user and holds for others.
        by_itself: Taken in turn by what open pages fetch by themselves, so that a change that makes all of them fetch
            keeps nobody waiting who asks for a page.
    """

    config: Config
    accounts: Accounts
    book: Book
    records: Records
    sessions: Sessions
    inbox: Reader
    names: Names
    audit: Audit
    responder: Responder
    seeker: Seeker
    now: Callable[[], int]
    wall: Callable[[], int]
    exchange: Exchange | None = None
    provider: Provider | None = None
    governance: Governance | None = None
    memo: Memo = field(default_factory=Memo)
    by_itself: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))


@dataclass(frozen=True)
class User:
    """Who asks: the session and the account as it is now."""

    session: Session
    account: Account


_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals["joined"] = words.joined


def desk_of(request: Request) -> Desk:
    """The desk that a request came to."""
    desk: Desk = request.app.state.desk
    return desk


async def signed_in(request: Request, prolong: bool = True) -> User:
    """Who asks.

    Args:
        request: Request.
        prolong: A page a user asked for; what a page fetches by itself does not keep a session alive.

    Raises:
        SignedOut: There is no session, or its account is gone.
        TooMany: The session has asked for more than a person does.
    """
    desk, cookie = desk_of(request), request.cookies.get(SESSION_COOKIE)
    session = await desk.sessions.find(cookie, prolong)
    account = desk.accounts.user(session.user) if session else None
    if session is None or account is None:
        raise SignedOut(ended=bool(cookie))
    if not getattr(request.state, "counted", False):  # a stream asks again and again on one request
        request.state.counted = True
        await desk.sessions.limits.take("site", session.csrf, SITE_MAX, SITE_S)
    return User(session, account)


def has_role(user: User, *roles: str) -> None:
    """Whether a page is for the user.

    Raises:
        HTTPException: 404 where they have none of the roles.
    """
    if not set(roles) & set(user.account.roles):
        raise HTTPException(404)


def lookup_purposes(desk: Desk, user: User) -> frozenset[str]:
    """For what a user may look somebody up: purposes of those of their protocols that a look-up opens."""
    return frozenset(one.purpose for one in desk.book.assigned(user.account.protocols) if "lookup" in one.relations)


async def limit(desk: Desk, name: str, user: User, count: int, per_s: int) -> None:
    """Count one more of something that a user may do so often.

    Raises:
        TooMany: No more in this window of `per_s` seconds: the answer is a page that says how long to wait.
        redis.RedisError: It cannot be counted, so it is not done.
    """
    await desk.sessions.limits.take(name, user.account.user, count, per_s)


def team_of(request: Request, user: User) -> str:
    """The team in the address, where it is the user's.

    Raises:
        HTTPException: 404 where there is no such team, or it is not the user's.
    """
    team = request.path_params["team"]
    if team not in user.account.teams or team not in desk_of(request).config.teams:
        raise HTTPException(404)
    return str(team)


async def alert_of(request: Request, user: User) -> tuple[str, dict[str, Any]] | None:
    """The alert in the address and its team; None where there is none, or its team is not the user's."""
    desk = desk_of(request)
    found: tuple[str, dict[str, Any]] | None = None
    for team in user.account.teams:
        if team in desk.config.teams:
            alert = await desk.inbox.alert(team, request.path_params["alert_id"])
            found = (team, alert) if alert is not None and found is None else found
    return found


def render(template: str, context: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """A page or a part of one."""
    return HTMLResponse(_templates.get_template(template).render(context), status_code=status)


def macro(name: str) -> Callable[..., Markup]:
    """A macro of the templates' parts."""
    found: Callable[..., Markup] = getattr(_templates.get_template("parts.html").module, name)
    return found


async def own_frame(request: Request, user: User) -> dict[str, Any]:
    """The frame of a page that is no team's: that of the user's first team, or of none."""
    known = desk_of(request).config.teams
    return await frame(request, user, next((team for team in user.account.teams if team in known), ""))


async def frame(request: Request, user: User, team: str) -> dict[str, Any]:
    """What every page of a signed-in user shows around its content."""
    desk = desk_of(request)
    config = desk.config
    teams = [name for name in user.account.teams if name in config.teams]
    suggested = await desk.inbox.suggestion_count()
    counts = {"suggestions": f" ({suggested})" if suggested else ""}
    return {
        "agency_name": config.agency_name(config.agency),
        "user_name": user.account.name,
        "csrf": user.session.csrf,
        "teams": [(name, config.teams[name].name) for name in teams],
        "team": team,
        "team_name": config.teams[team].name if team else "",
        "suggestion_count": suggested,
        "nav": [
            (name, address.format(team=team), text + counts.get(name, ""))
            for name, address, text, roles in NAV
            if (not roles or set(roles) & set(user.account.roles))
            and (team or name not in OF_TEAMS)
            and (name != "requests" or desk.exchange)
            and (name != "look-up" or (team and lookup_purposes(desk, user)))
        ],
    }


async def feed_state(desk: Desk, team: str) -> dict[str, Any]:
    """Whether the list can be trusted to be whole: silence of a broken feed is not calm."""
    fed_at = await desk.inbox.fed_at(team)
    wall = desk.wall()
    since = words.moment(fed_at, wall) if fed_at else ""
    return {"fed": fed_at is not None and wall - fed_at <= STALE_MS, "fed_since": since, "checked": words.clock(wall)}
