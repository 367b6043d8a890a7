"""Signing in and out.

Decides what a sign-in needs: a form of ours, attempts left, and either login and password that fit or the agency's
identity provider, which proves who somebody is; that they have an account here is the accounts file's to say. Says no
more on failure than that it failed.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bridge import logs
from bridge.desk.accounts import Account
from bridge.desk.desk import FLOW_COOKIE, FORM_COOKIE, SESSION_COOKIE, Desk, desk_of, render, signed_in
from bridge.desk.forms import fields, posted
from bridge.desk.oidc import CALLBACK, FLOW_S, Flow, Provider, Refused
from bridge.desk.sessions import FORM_S

LOGIN_MAX_CHARS: Final = 100
STARTS_MAX: Final = 300  # ways to the provider an address; an office may share one ..
STARTS_S: Final = 600  # .. in so many seconds
WRONG: Final = "The user name or the password is wrong."
WAIT: Final = "Too many attempts. Wait ten minutes, or ask your administrator."
OLD: Final = "This page was too old. Try again."

log = logs.get("desk")


async def form(request: Request) -> Response:
    """The page to sign in."""
    return _page(desk_of(request), "", "", 200, "ended" in request.query_params)


async def sign_in(request: Request) -> Response:
    """Check what was typed; a session gets a new id, whatever cookie came."""
    desk = desk_of(request)
    sent = await fields(request)
    login, password = str(sent.get("login", ""))[:LOGIN_MAX_CHARS].strip(), str(sent.get("password", ""))
    if not desk.config.passwords:
        raise HTTPException(404)
    if not desk.sessions.form_fits(request.cookies.get(FORM_COOKIE), str(sent.get("csrf", ""))):
        return _page(desk, login, OLD, 403)
    if not await desk.sessions.may_try(login, address(request)):
        return _page(desk, login, WAIT, 429)
    account = await asyncio.to_thread(desk.accounts.check, login, password)
    if account is None:
        return _page(desk, login, WRONG, 401)
    await desk.sessions.succeeded(login, address(request))
    key = desk.sessions.key(request.cookies.get(SESSION_COOKIE))
    answer = RedirectResponse("/", status_code=303)
    return await _begin(desk, answer, account, key)


async def to_provider(request: Request) -> Response:
    """Send the browser to the agency's identity provider."""
    desk = desk_of(request)
    provider = _provider(desk)
    sent = await fields(request)
    if not desk.sessions.form_fits(request.cookies.get(FORM_COOKIE), str(sent.get("csrf", ""))):
        return _page(desk, "", OLD, 403)
    await desk.sessions.limits.take("provider", address(request), STARTS_MAX, STARTS_S)
    return await go(desk, provider, desk.sessions.key(request.cookies.get(SESSION_COOKIE)))


async def callback(request: Request) -> Response:
    """What the provider sends a browser back with: a sign-in or a step up, or neither."""
    desk = desk_of(request)
    provider = _provider(desk)
    try:
        flow, login = await provider.finish(request.query_params, request.cookies.get(FLOW_COOKIE))
        account = desk.accounts.of_login(login)
        answer = await (_stepped(desk, flow, account) if flow.user else _signed(desk, flow, account))
    except Refused as refused:
        answer = _refused(str(refused))
    answer.delete_cookie(FLOW_COOKIE, path=CALLBACK)
    return answer


async def sign_out(request: Request) -> Response:
    """End the session."""
    desk, user = desk_of(request), await signed_in(request)
    await posted(request, user)
    await asyncio.to_thread(desk.audit.record, user.account.user, "sign_out", ())
    await desk.sessions.end(request.cookies.get(SESSION_COOKIE))
    return _out()


async def sign_out_everywhere(request: Request) -> Response:
    """End all sessions of the user: for a machine that was left open or lost."""
    desk, user = desk_of(request), await signed_in(request)
    await posted(request, user)
    await asyncio.to_thread(desk.audit.record, user.account.user, "sign_out", (), everywhere=True)
    await desk.sessions.end_all(user.account.user)
    return _out()


def address(request: Request) -> str:
    """Where a request comes from, as far as the desk can know."""
    return request.client.host if request.client else ""


async def go(desk: Desk, provider: Provider, session: str | None, user: str = "", back: str = "/") -> Response:
    """A page that sends the browser to the provider; `session`, `user` and `back` as `Provider.begin`."""
    try:
        url, cookie = await provider.begin(session or "", user, back)
    except Refused as refused:
        return _refused(str(refused), 502)
    answer = _onward(url)
    answer.set_cookie(
        FLOW_COOKIE, cookie, max_age=FLOW_S, path=CALLBACK, secure=desk.config.https, httponly=True, samesite="lax"
    )  # lax, unlike the session's: the browser comes back from another site
    return answer


def keep(desk: Desk, answer: Response, cookie: str) -> Response:
    """Set a session's cookie."""
    answer.set_cookie(
        SESSION_COOKIE, cookie, max_age=desk.config.session_s, path="/", secure=desk.config.https, httponly=True,
        samesite="strict",
    )  # fmt: skip
    return answer


async def _begin(
    desk: Desk, answer: Response, account: Account, former: str | None, by_provider: bool = False
) -> Response:  # fmt: skip
    """Sign an account in under a new id; the session that the browser had is over."""
    await asyncio.to_thread(desk.audit.record, account.user, "sign_in", (), by_provider=by_provider)
    await desk.sessions.end_at(former)
    answer.delete_cookie(FORM_COOKIE, path="/sign-in")
    return keep(desk, answer, await desk.sessions.begin(account.user, by_provider))


async def _signed(desk: Desk, flow: Flow, account: Account | None) -> Response:
    if account is None:
        log.warning("sign-in refused", extra={"cause": "no_account"})
        text = "Your agency knows you, and you have no account for Sightline. Ask your manager to have one made."
        return render("message.html", {"heading": "You are not signed in", "text": text}, 403)
    return await _begin(desk, _onward(flow.back), account, flow.session, by_provider=True)


async def _stepped(desk: Desk, flow: Flow, account: Account | None) -> Response:
    session = await desk.sessions.at(flow.session)
    if account is None or session is None or not account.user == session.user == flow.user:
        raise Refused("another_user")
    await asyncio.to_thread(desk.audit.record, account.user, "step_up", ())
    cookie = await desk.sessions.step_up(session, flow.session)
    if cookie is None:
        raise Refused("ended")
    return keep(desk, _onward(flow.back), cookie)


def _onward(url: str) -> Response:
    """A page that goes on to an address by itself.

    A redirect would not do: our policy lets no form of ours end elsewhere, and on a redirect from another site the
    browser would keep the session's cookie back.
    """
    return render("onward.html", {"url": url})


def _refused(cause: str, status: int = 403) -> Response:
    log.warning("sign-in refused", extra={"cause": cause})
    text = "Your agency's sign-in service did not confirm who you are. Try again, or tell your administrator."
    return render("message.html", {"heading": "You are not signed in", "text": text}, status)


def _provider(desk: Desk) -> Provider:
    if desk.provider is None:
        raise HTTPException(404)
    return desk.provider


def _out() -> Response:
    answer = RedirectResponse("/sign-in", status_code=303)
    answer.delete_cookie(SESSION_COOKIE, path="/")
    return answer


def _page(desk: Desk, login: str, problem: str, status: int, ended: bool = False) -> Response:
    token = desk.sessions.form()
    context = {
        "csrf": token, "login": login, "problem": problem, "ended": ended,
        "agency_name": desk.config.agency_name(desk.config.agency),
        "passwords": desk.config.passwords, "provider": desk.provider is not None,
        "idle_minutes": desk.config.idle_s // 60,
    }  # fmt: skip
    answer = render("sign_in.html", context, status)
    answer.set_cookie(
        FORM_COOKIE, token, max_age=FORM_S, path="/sign-in", secure=desk.config.https, httponly=True,
        samesite="strict",
    )  # fmt: skip
    return answer
