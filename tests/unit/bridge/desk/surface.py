"""Every route of the desk with what fills it, and a client that sends exactly the bytes it is told to.

Tests of the HTTP surface take their routes from the application, so that a new one is tried without anybody thinking
of it. One with a parameter that has no value here fails them: give it one in `VALUES`, and let `fill` bring what it
stands for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from http.cookies import SimpleCookie
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlencode

from starlette.applications import Starlette
from starlette.routing import Mount, Route

from bridge.desk.app import STATIC
from tests.unit.bridge.desk.support import (
    PASSWORD,
    Made,
    alert,
    control,
    demand,
    figures,
    household,
    judged,
    links,
    outcomes,
    presence,
    suggestion,
    token,
)

VALUES = {"team": "mash", "alert_id": "a1" * 16, "suggestion_id": "5c" * 16}
"""A value for every parameter of a path, such that signed in as `sam` there is something behind it."""
NAMES = ("annabel", "benedict", "catriona", "quillfeather", "ormsby")
"""What is known of nobody but by name: lower case, of the people of the fixtures."""
ANYBODY = ("/sign-in", "/sign-in/provider", "/sign-in/callback", "/healthz")
"""Paths that answer without a session; everything else sends a browser to sign in."""


class Call(NamedTuple):
    """One method of one route."""

    method: str
    route: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.route}"


def fill(made: Made) -> None:
    """Bring something for every page to show."""
    for message in (
        alert(), presence(), suggestion(VALUES["suggestion_id"]), links(), household(outcomes=outcomes()), demand(),
        control("rule:front-door"), figures(judged()),
    ):  # fmt: skip
        made.arrives(message)


def calls(app: Starlette, values: dict[str, str] | None = None) -> list[Call]:
    """Every method of every route of ours."""
    found = []
    for route in app.routes:
        if isinstance(route, Mount) and route.path == STATIC:
            continue
        assert isinstance(route, Route), f"{route}: neither a route nor {STATIC}; say here how to try it"
        path = filled(route.path, values or VALUES)
        found += [Call(method, route.path, path) for method in sorted(route.methods or ()) if method != "HEAD"]
    return found


def filled(route: str, values: dict[str, str]) -> str:
    """The path of a route with its parameters filled in."""

    def value(match: re.Match[str]) -> str:
        name = match[1].partition(":")[0]
        assert name in values, f"{route}: no value for {{{name}}}: add one to VALUES in {__file__}"
        return values[name]

    return re.sub(r"\{([^}]+)\}", value, route)


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1 or name == "set-cookie", f"{name} is there twice"
        return found[0] if found else None

    @property
    def text(self) -> str:
        return self.body.decode()


class Wire:
    """A client that hides nothing: raw path, raw headers, body in pieces, cookies as set.

    An event stream is left as soon as it begins.
    """

    def __init__(self, made: Made, beside: Wire | None = None) -> None:
        self.made, self.app = made, beside.app if beside else made.app()
        self.cookies: dict[str, str] = {}
        self._runner = beside._runner if beside else asyncio.Runner()

    def other(self, login: str = "") -> Wire:
        """Another browser at the same desk, signed in where a login is given."""
        wire = Wire(self.made, self)
        if login:
            wire.sign_in(login)
        return wire

    def ask(
        self,
        method: str,
        path: str | bytes,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | Iterable[bytes] = b"",
    ) -> Answer:
        """Send a request; `path` as on the wire, with its query."""
        raw, _, query = (path.encode() if isinstance(path, str) else path).partition(b"?")
        sent = [(b"host", b"testserver")] if not any(name == "host" for name, _ in headers) else []
        if self.cookies:
            sent.append((b"cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()).encode()))
        sent += [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
        if isinstance(body, bytes):
            sent += [(b"content-length", str(len(body)).encode())] if body else []
            pieces = [body]
        else:
            pieces = list(body)
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": unquote_to_bytes(raw).decode("utf-8", "replace"), "raw_path": raw, "query_string": query,
            "root_path": "", "headers": sent, "client": ("127.0.0.1", 1), "server": ("testserver", 80), "state": {},
        }  # fmt: skip
        answer = self._runner.run(self._call(scope, pieces))
        for name, value in answer.headers:
            if name == "set-cookie":
                for key, morsel in SimpleCookie(value).items():
                    self.cookies[key] = morsel.value
                    if not morsel.value:
                        del self.cookies[key]
        return answer

    def get(self, path: str, *headers: tuple[str, str]) -> Answer:
        return self.ask("GET", path, headers)

    def post(self, path: str, fields: dict[str, str], *headers: tuple[str, str]) -> Answer:
        form = ("content-type", "application/x-www-form-urlencoded")
        return self.ask("POST", path, (form, *headers), urlencode(fields).encode())

    def sign_in(self, login: str = "sam") -> Answer:
        form = token(self.get("/sign-in").text)
        return self.post("/sign-in", {"login": login, "password": PASSWORD, "csrf": form})

    def csrf(self) -> str:
        """The token of this client's session."""
        return token(self.get("/step-up").text)

    async def _call(self, scope: dict[str, Any], pieces: list[bytes]) -> Answer:
        waiting = iter(enumerate(pieces, start=1))
        status, headers, body, left = 0, [], bytearray(), asyncio.Event()

        async def receive() -> dict[str, Any]:
            for number, piece in waiting:
                return {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
                if ("content-type", "text/event-stream") in [(n, v.partition(";")[0]) for n, v in headers]:
                    left.set()
            body.extend(message.get("body", b""))

        await asyncio.wait_for(self.app(scope, receive, send), timeout=20)
        left.set()
        return Answer(status, headers, bytes(body))

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:  # fmt: skip
        self._runner.run(self.made.sessions_redis.aclose())
        self._runner.close()
