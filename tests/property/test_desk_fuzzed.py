"""Every route of the desk under schemathesis: what nobody thought of sending.

The description it works from is made here, from the application's own routes, the fields that the templates send and
the queries that the handlers read. The examples are the same in every run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, reject, settings
from schemathesis.generation import GenerationMode

import bridge.desk
from bridge.desk.app import HEADERS
from tests.unit.bridge.desk import surface
from tests.unit.bridge.desk.support import Made, valkey
from tests.unit.bridge.desk.surface import NAMES, Wire

EXAMPLES = {GenerationMode.POSITIVE: 8, GenerationMode.NEGATIVE: 3}  # of each operation and user; under 60 s in all
DESK = Path(bridge.desk.__file__).parent
READ = ("last-event-id", "hx-request", "accept")  # headers that mean something to a handler
WHO = ("nobody", "tess", "kit", "sam")


def described(wire: Wire, csrf: str) -> dict[str, Any]:
    """The routes of a desk as OpenAPI: every parameter any text, or what there is something behind."""
    paths: dict[str, dict[str, Any]] = {}
    for call in wire.calls():
        operation: dict[str, Any] = {"responses": {"default": {"description": "any"}}}
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": either(*(each[name] for each in wire.values))}
            for name in re.findall(r"\{(\w+)", call.route)
        ] + [
            *({"name": name, "in": "query", "schema": either("/suggestions")} for name in queries()),
            *({"name": name, "in": "header", "schema": either("1-0")} for name in READ),
        ]  # fmt: skip
        if call.method == "POST":
            fields: dict[str, Any] = {name: either("same") for name in sent()}
            fields["csrf"] = {"enum": [csrf]}
            body = {"type": "object", "properties": fields, "required": ["csrf"], "additionalProperties": TEXT}
            kinds = ("application/x-www-form-urlencoded", "multipart/form-data")
            operation["requestBody"] = {"required": True, "content": {kind: {"schema": body} for kind in kinds}}
        paths.setdefault(call.route, {})[call.method.lower()] = operation
    return {"openapi": "3.1.0", "info": {"title": "desk", "version": "1"}, "paths": paths}


def operations(wire: Wire) -> int:
    return len({(call.method, call.route) for call in wire.calls()})


TEXT = {"type": "string", "maxLength": 300}


def either(*values: str) -> dict[str, Any]:
    return {"anyOf": [{"enum": sorted({*values})}, TEXT]}


def sent() -> list[str]:
    """Names of all fields of all forms."""
    pages = (path.read_text() for path in sorted((DESK / "templates").rglob("*.html")))
    return sorted({name for page in pages for name in re.findall(r'\bname="([a-z_]+)"', page)} - {"csrf", "robots"})


def queries() -> list[str]:
    """Names of everything that a handler reads of a query."""
    modules = (path.read_text() for path in sorted(DESK.rglob("*.py")))
    pattern = r'query_params\.get\(\s*"(\w+)"|"(\w+)" in request\.query_params|answer\.get\("(\w+)"'
    return sorted({name for module in modules for found in re.findall(pattern, module) for name in found if name})


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with valkey() as address:
        yield address


@pytest.fixture
def wire(tmp_path: Path, redis_url: str) -> Iterator[Wire]:
    made = Made(tmp_path, redis_url, {"kit": 1}, more=[surface.SAM])
    yield Wire(made, surface.fill(made))
    made.close()


def test_the_description_knows_what_is_sent(wire: Wire) -> None:
    assert {"login", "password", "next", "reason", "decision"} <= {*sent()}
    assert {"next", "after", "ended", "state", "code", "iss"} <= {*queries()}
    assert sum(map(len, described(wire, "x")["paths"].values())) == operations(wire)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize("who", WHO)
def test_nothing_that_is_sent_breaks_the_desk_or_shows_too_much(wire: Wire, who: str, mode: GenerationMode) -> None:
    if who != "nobody":
        wire.sign_in(who)
    cookies, csrf = dict(wire.cookies), wire.csrf() if who != "nobody" else "x"
    kept = {key: wire.made.redis.dump(key) for key in wire.made.redis.scan_iter("*:session:*")}
    tried: dict[str, list[int]] = {}
    named: set[str] = set()

    def try_(case: Any) -> None:
        for key in wire.made.redis.scan_iter("*:[la][it][mt]*"):  # limits and attempts
            wire.made.redis.delete(key)
        for key, value in kept.items():  # whatever the last one did to the session
            wire.made.redis.restore(key, 600_000, value, replace=True)
        wire.cookies = dict(cookies)
        try:
            request = requests.Request(**case.as_transport_kwargs(base_url="http://testserver")).prepare()
        except (ValueError, TypeError):  # nothing that could be sent
            reject()
        body = request.body.encode("utf-8", "replace") if isinstance(request.body, str) else request.body or b""
        headers = [(k.lower(), v if isinstance(v, str) else v.decode("latin-1")) for k, v in request.headers.items()]
        headers = [(name, value) for name, value in headers if name not in ("content-length", "cookie", "host")]
        answer = wire.ask(request.method or "", (request.path_url).encode(), headers, body)
        tried.setdefault(case.operation.label, []).append(answer.status)
        assert answer.status < 500, answer.text
        assert {name: answer.header(name) for name in HEADERS} == HEADERS
        assert "Traceback" not in answer.text
        kept_back = [text for name, value in answer.headers for text in (name, value)]
        assert not [name for name in NAMES for text in kept_back if name in text.lower()]
        here = {name for name in NAMES if name in answer.text.lower()}
        assert not here or (who == "sam" and answer.status < 400)
        named.update(here)

    for result in schemathesis.openapi.from_dict(described(wire, csrf)).get_all_operations():
        cases = result.ok().as_strategy(generation_mode=mode)
        tuned = settings(
            max_examples=EXAMPLES[mode], derandomize=True, database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        tuned(given(cases)(try_))()
    assert len(tried) == operations(wire), "every operation was tried"
    if mode is GenerationMode.POSITIVE and who == "sam":
        assert {200, 303, 404} <= {status for statuses in tried.values() for status in statuses}
        assert named, "who may see names does see them, so that the search for them is no empty one"
