"""The desk as a web application: routes, headers and what an error shows.

Decides what holds for every answer: never stored, nothing from another host, no script or style in a page, no more
said in an error than that there is one. What a page shows is in views.py.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import redis
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge import logs
from bridge.desk import oidc, signin, stepup, suggestions, views
from bridge.desk.access import routes as access
from bridge.desk.audit import AuditDown
from bridge.desk.cases import routes as cases
from bridge.desk.desk import HERE, Desk, SignedOut, render
from bridge.desk.duty import routes as duty
from bridge.desk.exchange import routes as exchange
from bridge.desk.forms import OldForm, same_origin
from bridge.desk.limits import TooMany
from bridge.desk.lookup import routes as lookup
from bridge.desk.oversight import controls_routes, governance
from bridge.desk.tables import routes as tables

BODY_MAX_BYTES: Final = 16 * 1024  # no form of the desk comes near
LENGTH_MAX_CHARS: Final = 20  # digits of a length that is read as a number at all
STATIC: Final = "/static"
STATIC_CACHE: Final = "public, max-age=600"  # no more: a new version's pages come with a new version's files soon
HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",  # not `no-referrer`: a browser would then name no origin on our own forms
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
}

log = logs.get("desk")

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


class Guard:
    """Sets the headers of every answer; refuses what another site sends, and bodies that are too large."""

    def __init__(self, app: ASGIApp, https: bool) -> None:
        self.app = app
        self.https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        taken, started = 0, False

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > BODY_MAX_BYTES:
                raise HTTPException(413)
            return message

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if scope["path"].startswith(f"{STATIC}/") and message["status"] in (200, 304):
                    headers["cache-control"] = STATIC_CACHE
            await send(message)

        refused = self._refuses(scope)
        if refused is not None:
            await _refused(Request(scope), refused)(scope, receive, guarded)
            return
        try:
            await self.app(scope, limited, guarded)
        except Exception as error:  # a traceback could hold a name: the log gets the kind of fault and the page
            log.error("request failed", exc_info=error)
            if started:
                return
            await _refused(Request(scope), error)(scope, receive, guarded)

    def _refuses(self, scope: Scope) -> HTTPException | None:
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > LENGTH_MAX_CHARS or int(length) > BODY_MAX_BYTES:
            return HTTPException(413)
        if not same_origin(scope["method"], headers, self.https):
            return HTTPException(403)
        return None


async def healthz(_: Request) -> Response:
    """The process answers; no more is promised."""
    return PlainTextResponse("ok")


async def _signed_out(request: Request, error: Exception) -> Response:
    to = "/sign-in?ended=1" if isinstance(error, SignedOut) and error.ended else "/sign-in"
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"hx-redirect": to})
    return RedirectResponse(to, status_code=303)


async def _old_form(_: Request, __: Exception) -> Response:
    return render("message.html", {"heading": "This page was too old", "text": "Go back and open it again."}, 403)


async def _too_many(_: Request, error: Exception) -> Response:
    wait_s = error.wait_s if isinstance(error, TooMany) else 60
    text = f"More was asked than is allowed in a short time. Try again in {wait_s} seconds."
    answer = render("message.html", {"heading": "Wait a moment", "text": text}, 429)
    answer.headers["retry-after"] = str(wait_s)
    return answer


def _refused(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    heading, text = {
        404: ("Page not found", "It does not exist, or it is not for you."),
        405: ("Page not found", "It does not exist, or it is not for you."),
        413: ("Too much was sent", "Go back and try again with less."),
    }.get(status, ("That did not work", "Go back and try again."))
    return render("message.html", {"heading": heading, "text": text}, status)


async def _audit_down(_: Request, error: Exception) -> Response:
    log.error("audit down", extra={"cause": type(error).__name__})
    text = "Reads cannot be recorded, so nothing is shown. Use your own systems and tell your administrator."
    return render("message.html", {"heading": "The desk is closed", "text": text}, 503)


async def _store_down(_: Request, error: Exception) -> Response:
    log.error("redis not reachable", extra={"cause": type(error).__name__})
    text = "Alerts are kept and will be here when it is back. Use your own systems meanwhile."
    return render("message.html", {"heading": "The desk is interrupted", "text": text}, 503)


def build(desk: Desk, lifespan: Lifespan | None = None) -> Starlette:
    """The application.

    Args:
        desk: What the handlers use.
        lifespan: What starts before and ends after it.
    """
    routes = [
        Route("/", views.home),
        Route("/sign-in", signin.form),
        Route("/sign-in", signin.sign_in, methods=["POST"]),
        Route("/sign-in/provider", signin.to_provider, methods=["POST"]),
        Route(oidc.CALLBACK, signin.callback),
        Route("/sign-out", signin.sign_out, methods=["POST"]),
        Route("/sign-out/everywhere", signin.sign_out_everywhere, methods=["POST"]),
        Route("/step-up", stepup.form),
        Route("/step-up", stepup.step_up, methods=["POST"]),
        Route("/no-team", views.no_team),
        Route("/inbox/{team}", views.inbox),
        Route("/inbox/{team}/rows", views.rows),
        Route("/inbox/{team}/status", views.status),
        Route("/inbox/{team}/stream", views.stream),
        Route("/presence/{team}", views.presence),
        Route("/alerts/{alert_id}", views.alert),
        Route("/demand", views.demand),
        Route("/model", views.model),
        Route("/suggestions", suggestions.suggestions),
        Route("/suggestions/{suggestion_id}", suggestions.decide, methods=["POST"]),
        *duty.ROUTES,
        *cases.ROUTES,
        *access.ROUTES,
        *tables.ROUTES,
        *governance.ROUTES,
        *controls_routes.ROUTES,
        *exchange.ROUTES,
        *lookup.ROUTES,
        Route("/healthz", healthz),
        Mount(STATIC, StaticFiles(directory=HERE / "static")),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[
            Middleware(Guard, https=desk.config.https),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(desk.config.hosts)),
        ],
        exception_handlers={
            SignedOut: _signed_out,
            stepup.StepUp: stepup.ask,
            OldForm: _old_form,
            TooMany: _too_many,
            HTTPException: _refused,
            AuditDown: _audit_down,
            redis.RedisError: _store_down,
        },
    )
    app.state.desk = desk
    return app
