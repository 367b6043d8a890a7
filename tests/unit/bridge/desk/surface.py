"""Every route of the desk with what fills it, and a client that sends exactly the bytes it is told to.

Tests of the HTTP surface take their routes from the application, so that a new one is tried without anybody thinking
of it. One with a parameter that has no value here fails them: give it one in `VALUES`, and let `fill` bring what it
stands for.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Sequence
from http.cookies import SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlencode

from starlette.applications import Starlette
from starlette.routing import Mount, Route

from bridge.desk.access import bases
from bridge.desk.accounts import ROLES, Account
from bridge.desk.app import STATIC
from bridge.desk.exchange.asker import Wish
from schemas import crypto
from schemas.control import statement
from tests.unit.bridge.desk.exchange.support import view
from tests.unit.bridge.desk.support import (
    _HASH,
    ANN,
    APPROVERS,
    CAT,
    HOUR_MS,
    NOW,
    PASSWORD,
    Made,
    alert,
    control,
    demand,
    figures,
    found,
    household,
    judged,
    links,
    match,
    outcomes,
    presence,
    suggestion,
    token,
)

Values = dict[str, str]
VALUES: Values = {
    "household": "f00d", "record": ANN.hex(), "subject": "f00d",
    "team": "mash", "alert_id": "a1" * 16, "suggestion_id": "5c" * 16, "of": "alert", "ident": "a1" * 16,
    "kind": "consent", "lookup_id": "10" * 16,
}  # fmt: skip
"""A value for every parameter of a path, such that for `SAM` there is something behind it."""
ALSO: tuple[Values, ...] = ({"subject": ANN.hex(), "of": "record", "ident": ANN.hex(), "kind": "break_glass"},)
"""Other values, where one path leads to different things."""
THEIRS = "7e" * 16
ASKED = {
    "agency": "police", "team": "safeguarding-police", "user": "u-9", "kind": "identity", "purpose": "identify",
    "basis": "duty", "requested_at": NOW, "expires_at": NOW + 24 * HOUR_MS, "records": [ANN.hex()],
}  # fmt: skip
"""What another agency asks of us."""
CHOICES = ("of", "kind")
"""Parameters that choose among a few words and name nothing."""
SAM = Account("u-sam", "sam", "Sam Duty", _HASH, ("mash", "duty-east"), ROLES, ("rung-4",))
"""A user for whom every page is."""
WHY = "The child is at the address now with the alleged offender."
NAMES = ("annabel", "benedict", "catriona", "quillfeather", "ormsby")
"""What is known of nobody but by name: lower case, of the people of the fixtures."""
ANYBODY = ("/sign-in", "/sign-in/provider", "/sign-in/callback", "/healthz")
"""Paths that answer without a session; everything else sends a browser to sign in."""


class Call(NamedTuple):
    """One method of one route, where there is something and where there is nothing."""

    method: str
    route: str
    path: str
    missing: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def fill(made: Made) -> tuple[Values, ...]:
    """Bring something for every page to show, and say by which values it is found."""
    for message in (
        alert(), presence(), suggestion(VALUES["suggestion_id"]), links(), household(outcomes=outcomes(), records=[ANN.hex()]), demand(),
        control("rule:front-door"), figures(judged()),
    ):  # fmt: skip
        made.arrives(message)
    made.people.profiles[ANN] = {
        "op": "upsert", "age_band": "5-9", "to_18": True, "to_25": True, "group": "", "allocation": "mash",
        "restricted": False, "unborn_of": b"", "statuses": [], "pseudonym": ANN,
    }  # fmt: skip
    if made.desk.exchange is None:
        made.join()
    assert made.desk.exchange is not None
    ours = made.desk.exchange.asker.ask(
        "u-sam", "mash", Wish("police", "identity", "identify", "duty", VALUES["alert_id"])
    )
    made.desk.exchange.taker.take("exchange", "view", view(THEIRS, ASKED), "views/0", 1)
    glass = made.desk.records.append(
        "break_glass", (f"record:{CAT.hex()}",), "u-kit", bases.plain(bases.glass(WHY, NOW))
    )
    rules = json.dumps({"front_door": "mash", "teams": [{"name": "mash", "agency": "council"}]})
    made.arrives(control("rules", waiting=[], body=rules))
    challenge = {
        "id": "c" * 16,
        "text": WHY,
        "to": "u-sam",
        "team": "mash",
        "alert_id": VALUES["alert_id"],
        "moment": NOW,
    }
    about = (f"alert:{VALUES['alert_id']}", f"challenge:{'c' * 16}", "for:u-sam", "team:mash")
    made.desk.records.append("challenge", about, "u-kit", challenge)
    made.desk.records.append("handover_note", ("team:mash",), "u-kit", {"text": WHY, "team": "mash", "moment": NOW})
    made.looks_up(VALUES["lookup_id"])
    made.arrives(found(VALUES["lookup_id"], match(ANN)))
    values = {
        **VALUES, "entry": glass.id, "request_id": THEIRS, "draft": drafted(made, rules), "challenge": "c" * 16,
    }  # fmt: skip
    return values, {**values, "request_id": ours}, *({**values, **also} for also in ALSO)


def drafted(made: Made, rules: str) -> str:
    """A change of rules that somebody else has signed; its id."""
    body = json.dumps({**json.loads(rules), "raise_at": 0.5}, sort_keys=True)
    key = crypto.sign(APPROVERS["caldicott-guardian"][0], statement("northmere", "rules", 4, NOW, body))
    kept = {"version": 4, "effective_at": NOW, "body": body, "base_version": 3, "base_body": rules, "reason": WHY,
            "approver": "caldicott-guardian", "signature": key.hex()}  # fmt: skip
    return made.desk.records.append("control_draft", ("control:rules",), "u-cal", kept).id


def calls(app: Starlette, values: Sequence[Values]) -> list[Call]:
    """Every method of every route of ours, by all values there are."""
    found: dict[tuple[str, str], Call] = {}
    for route in app.routes:
        if isinstance(route, Mount) and route.path == STATIC:
            continue
        assert isinstance(route, Route), f"{route}: neither a route nor {STATIC}; say here how to try it"
        for each in values:
            path = filled(route.path, each)
            missing = filled(route.path, {name: each[name] if name in CHOICES else "0" * 32 for name in each})
            for method in sorted({*(route.methods or ())} - {"HEAD"}):
                found.setdefault((method, path), Call(method, route.path, path, missing))
    return list(found.values())


def filled(route: str, values: Values) -> str:
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

    An event stream is left as soon as it begins; where `hears` is set, with its first event.
    """

    hears = False

    def __init__(self, made: Made, values: Sequence[Values] = (VALUES,)) -> None:
        self.made, self.app, self.values = made, made.app(), values
        self.cookies: dict[str, str] = {}

    def other(self, login: str = "") -> Wire:
        """Another browser at the same desk, signed in where a login is given."""
        wire = Wire(self.made, self.values)
        if login:
            wire.sign_in(login)
        return wire

    def calls(self) -> list[Call]:
        return calls(self.app, self.values)

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
        answer = self.made.runner.run(self._call(scope, pieces))
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
        status, headers, body, left, streams = 0, [], bytearray(), asyncio.Event(), False

        async def receive() -> dict[str, Any]:
            for number, piece in waiting:
                return {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            nonlocal status, headers, streams
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
                if ("content-type", "text/event-stream") in [(n, v.partition(";")[0]) for n, v in headers]:
                    streams = True
            body.extend(message.get("body", b""))
            if streams and (body or not self.hears):
                left.set()

        await asyncio.wait_for(self.app(scope, receive, send), timeout=20)
        left.set()
        return Answer(status, headers, bytes(body))
