"""Proving again who one is, before what asks for it.

Decides how long such a proof holds and where a user goes on after it: to a page of this desk and nowhere else. Which
pages and decisions ask for it is theirs to say.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Route

from bridge.desk.desk import SESSION_COOKIE, SignedOut, User, desk_of, render, signed_in
from bridge.desk.forms import posted
from bridge.desk.signin import WAIT, address, go, keep

HOLDS_MS: Final = 10 * 60 * 1000
PATH_MAX_CHARS: Final = 300
WRONG: Final = "The password is wrong."


class StepUp(Exception):
    """The user must first prove again who they are.

    Attributes:
        back: Own path to go on at.
    """

    def __init__(self, back: str) -> None:
        super().__init__("step up first")
        self.back = back


def stepped_up(user: User, now: int) -> bool:
    """Whether the user has proved again who they are, not long ago.

    Args:
        user: User.
        now: Wall time (`desk.wall()`), ms: sessions know no other.
    """
    at = user.session.stepped_up_at
    return at > 0 and now - at < HOLDS_MS


def require_step_up(request: Request, user: User, back: str = "") -> None:
    """Go on only where the user has stepped up; else the browser is sent to do so.

    Args:
        request: Request.
        user: User.
        back: Page to go on at; the page asked for where empty. A form names the page that it stands on.

    Raises:
        StepUp: They have not.
    """
    if not stepped_up(user, desk_of(request).wall()):
        raise StepUp(back or request.url.path)


async def ask(request: Request, error: Exception) -> Response:
    """The answer to `StepUp`: its page, which then goes on at the page that asked."""
    back = error.back if isinstance(error, StepUp) else "/"
    to = f"/step-up?next={quote(back)}"
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"hx-redirect": to})
    return RedirectResponse(to, status_code=303)


async def form(request: Request) -> Response:
    """The page that asks for the proof."""
    user = await signed_in(request)
    return _page(request, user, own_path(request, request.query_params.get("next", "")))


async def step_up(request: Request) -> Response:
    """Check the proof; the session goes on under a new id."""
    desk, user = desk_of(request), await signed_in(request)
    sent = await posted(request, user)
    back, account = own_path(request, str(sent.get("next", ""))), user.account
    key = desk.sessions.key(request.cookies.get(SESSION_COOKIE))
    if user.session.by_provider and desk.provider is not None:
        return await go(desk, desk.provider, key, account.user, back)
    if not await desk.sessions.may_try(account.login, address(request)):
        return _page(request, user, back, WAIT, 429)
    found = await asyncio.to_thread(desk.accounts.check, account.login, str(sent.get("password", "")))
    if found is None or key is None:
        return _page(request, user, back, WRONG, 401)
    await desk.sessions.succeeded(account.login, address(request))
    await asyncio.to_thread(desk.audit.record, account.user, "step_up", ())
    cookie = await desk.sessions.step_up(user.session, key)
    if cookie is None:
        raise SignedOut(ended=True)
    return keep(desk, RedirectResponse(back, status_code=303), cookie)


def own_path(request: Request, path: str) -> str:
    """The path where it is one of a page of this desk, else the first page.

    Only what a route of ours answers to GET is one: no other host, no query, nothing that a browser reads otherwise
    than the desk does.
    """
    plain = path.startswith("/") and path.isascii() and path.isprintable() and not {*"\\%?#"} & {*path}
    if not plain or path.startswith("//") or len(path) > PATH_MAX_CHARS:
        return "/"
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "root_path": ""}
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    return path if any(route.matches(scope)[0] is Match.FULL for route in routes) else "/"


def _page(request: Request, user: User, back: str, problem: str = "", status: int = 200) -> Response:
    desk = desk_of(request)
    context = {
        "agency_name": desk.config.agency_name(desk.config.agency), "user_name": user.account.name,
        "csrf": user.session.csrf, "next": back, "problem": problem, "minutes": HOLDS_MS // 60_000,
        "provider": user.session.by_provider and desk.provider is not None,
    }  # fmt: skip
    return render("step_up.html", context, status)
