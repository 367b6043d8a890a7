"""Signing in and out.

Decides what a sign-in needs: a form of ours, attempts left, login and password that fit. Says no more on failure than
that it failed.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bridge.desk.desk import FORM_COOKIE, SESSION_COOKIE, Desk, desk_of, render, signed_in
from bridge.desk.sessions import FORM_S, csrf_fits

LOGIN_MAX_CHARS: Final = 100
WRONG: Final = "The user name or the password is wrong."
WAIT: Final = "Too many attempts. Wait ten minutes, or ask your administrator."
OLD: Final = "This page was too old. Try again."


async def form(request: Request) -> Response:
    """The page to sign in."""
    return _page(desk_of(request), "", "", 200)


async def sign_in(request: Request) -> Response:
    """Check what was typed; a session gets a new id, whatever cookie came."""
    desk = desk_of(request)
    fields = await request.form(max_files=0, max_fields=5)
    login, password = str(fields.get("login", ""))[:LOGIN_MAX_CHARS].strip(), str(fields.get("password", ""))
    address = request.client.host if request.client else ""
    if not desk.sessions.form_fits(request.cookies.get(FORM_COOKIE), str(fields.get("csrf", ""))):
        return _page(desk, login, OLD, 403)
    if not await desk.sessions.may_try(login, address):
        return _page(desk, login, WAIT, 429)
    account = await asyncio.to_thread(desk.accounts.check, login, password)
    if account is None:
        await desk.sessions.failed(login, address)
        return _page(desk, login, WRONG, 401)
    await asyncio.to_thread(desk.audit.record, account.user, "sign_in", ())
    await desk.sessions.end(request.cookies.get(SESSION_COOKIE))
    answer = RedirectResponse("/", status_code=303)
    answer.set_cookie(
        SESSION_COOKIE, await desk.sessions.begin(account.user), max_age=desk.config.session_s, path="/",
        secure=desk.config.https, httponly=True, samesite="strict",
    )  # fmt: skip
    answer.delete_cookie(FORM_COOKIE, path="/sign-in")
    return answer


async def sign_out(request: Request) -> Response:
    """End the session."""
    desk = desk_of(request)
    user = await signed_in(request)
    fields = await request.form(max_files=0, max_fields=5)
    if csrf_fits(user.session, str(fields.get("csrf", ""))):
        await asyncio.to_thread(desk.audit.record, user.account.user, "sign_out", ())
        await desk.sessions.end(request.cookies.get(SESSION_COOKIE))
    answer = RedirectResponse("/sign-in", status_code=303)
    answer.delete_cookie(SESSION_COOKIE, path="/")
    return answer


def _page(desk: Desk, login: str, problem: str, status: int) -> Response:
    token = desk.sessions.form()
    name = desk.config.agency_name(desk.config.agency)
    context = {"csrf": token, "login": login, "problem": problem, "agency_name": name}
    answer = render("sign_in.html", context, status)
    answer.set_cookie(
        FORM_COOKIE, token, max_age=FORM_S, path="/sign-in", secure=desk.config.https, httponly=True,
        samesite="strict",
    )  # fmt: skip
    return answer
