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
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge import logs
from bridge.desk import signin, suggestions, views
from bridge.desk.audit import AuditDown
from bridge.desk.cases import routes as cases
from bridge.desk.desk import HERE, Desk, SignedOut, render

BODY_MAX_BYTES: Final = 16 * 1024  # no form of the desk comes near
HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
}

log = logs.get("desk")

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


class Guard:
    """Sets the headers of every answer and refuses bodies that are too large, streamed ones included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

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
            await send(message)

        try:
            await self.app(scope, limited, guarded)
        except Exception as error:  # a traceback could hold a name: the log gets the kind of fault and the page
            log.error("request failed", exc_info=error)
            if started:
                return
            await _refused(Request(scope), error)(scope, receive, guarded)


async def healthz(_: Request) -> Response:
    """The process answers; no more is promised."""
    return PlainTextResponse("ok")


async def _signed_out(request: Request, _: Exception) -> Response:
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"hx-redirect": "/sign-in"})
    return RedirectResponse("/sign-in", status_code=303)


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
        Route("/sign-out", signin.sign_out, methods=["POST"]),
        Route("/no-team", views.no_team),
        Route("/inbox/{team}", views.inbox),
        Route("/inbox/{team}/rows", views.rows),
        Route("/inbox/{team}/status", views.status),
        Route("/inbox/{team}/stream", views.stream),
        Route("/presence/{team}", views.presence),
        Route("/alerts/{alert_id}", views.alert),
        Route("/alerts/{alert_id}/acknowledge", views.acknowledge, methods=["POST"]),
        Route("/demand", views.demand),
        Route("/controls", views.controls),
        Route("/model", views.model),
        Route("/suggestions", suggestions.suggestions),
        Route("/suggestions/{suggestion_id}", suggestions.decide, methods=["POST"]),
        *cases.ROUTES,
        Route("/healthz", healthz),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[Middleware(Guard), Middleware(TrustedHostMiddleware, allowed_hosts=list(desk.config.hosts))],
        exception_handlers={
            SignedOut: _signed_out,
            HTTPException: _refused,
            AuditDown: _audit_down,
            redis.RedisError: _store_down,
        },
    )
    app.state.desk = desk
    return app
