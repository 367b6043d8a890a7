"""What somebody tries over HTTP, on every route there is; nothing of it works."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.routing import Route

from bridge.desk import views
from bridge.desk.app import BODY_MAX_BYTES, HEADERS, STATIC, STATIC_CACHE
from bridge.desk.forms import FIELDS_MAX
from tests.unit.bridge.desk import surface
from tests.unit.bridge.desk.support import Made
from tests.unit.bridge.desk.surface import ANYBODY, NAMES, VALUES, Answer, Call, Wire, calls

EVIL = "evil.example"


def forms(wire: Wire, also: tuple[str, ...] = ()) -> list[Call]:
    """Everything that changes something, but for what is open to anybody."""
    return [call for call in wire.calls() if call.method == "POST" and call.route not in ANYBODY + also]


def unchanged(made: Made) -> tuple[int, bytes]:
    """What a decision would change."""
    return len(made.responder.sent), made.config.audit.read_bytes()


def stripped(answer: Answer) -> tuple[Any, ...]:
    """An answer but for the token that is another in each form."""
    return answer.status, sorted(answer.headers), answer.body


# Forms


def test_there_are_forms_to_try(wire: Wire) -> None:
    assert len(forms(wire)) >= 5


@pytest.mark.parametrize(
    "what", ["none", "empty", "wrong", "another session's", "twice, the first wrong", "in the query"]
)
def test_a_form_without_the_token_of_its_session_changes_nothing(sam: Wire, what: str) -> None:
    good, others = sam.csrf(), sam.other("tess").csrf()
    fields = {
        "none": {}, "empty": {"csrf": ""}, "wrong": {"csrf": "x" * len(good)}, "another session's": {"csrf": others},
    }  # fmt: skip
    before = unchanged(sam.made)
    for call in forms(sam):
        if what == "in the query":
            answer = sam.post(f"{call.path}?csrf={good}", {})
        elif what == "twice, the first wrong":
            kind = ("content-type", "application/x-www-form-urlencoded")
            answer = sam.ask("POST", call.path, [kind], f"csrf={good}&csrf=x".encode())
        else:
            answer = sam.post(call.path, fields[what])
        assert answer.status == 403, call
        assert "This page was too old" in answer.text, call
    assert unchanged(sam.made) == before
    assert sam.get("/inbox/mash").status == 200, "nor does it sign anybody out"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": f"https://{EVIL}"},
        {"origin": "null"},
        {"origin": "http://testserver.evil.example"},
        {"origin": "https://testserver"},
        {"origin": "http://testserver:8080"},
        {"origin": "http://["},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": "http://testserver"},
        {"sec-fetch-site": "same-origin", "origin": f"https://{EVIL}"},
    ],
    ids=str,
)
def test_a_form_that_another_site_sends_changes_nothing_even_with_the_token(
    sam: Wire, headers: dict[str, str]
) -> None:
    good, before = sam.csrf(), unchanged(sam.made)
    every = [call for call in sam.calls() if call.method == "POST"]
    for call in every:
        assert sam.post(call.path, {"csrf": good}, *headers.items()).status == 403, call
    assert unchanged(sam.made) == before


def test_a_form_of_our_own_is_taken_as_browsers_send_it(sam: Wire) -> None:
    path = f"/alerts/{VALUES['alert_id']}/acknowledge"
    for headers in (
        {"origin": "http://testserver", "sec-fetch-site": "same-origin"},
        {"origin": "http://testserver"},
        {"origin": "null", "sec-fetch-site": "same-origin"},
    ):
        assert sam.post(path, {"csrf": sam.csrf()}, *headers.items()).status == 303
    assert len(sam.made.responder.sent) == 1


def test_a_sign_in_that_another_site_began_signs_nobody_in(wire: Wire) -> None:
    form = surface.token(wire.get("/sign-in").text)
    for fields, headers in (
        ({"csrf": form}, [("origin", f"https://{EVIL}")]),
        ({"csrf": "x"}, []),
        ({}, []),
        ({"csrf": wire.other().get("/sign-in").text[:40]}, []),
    ):
        answer = wire.post("/sign-in", {"login": "sam", "password": surface.PASSWORD, **fields}, *headers)
        assert answer.status == 403
        assert "sightline_session" not in wire.cookies


# Another's object


def test_what_is_anothers_is_answered_as_what_does_not_exist(sam: Wire) -> None:
    """Status, every header and every byte: with the right form, and without."""
    tess = sam.other("tess")
    csrf, before = tess.csrf(), len(sam.made.responder.sent)
    tried = 0
    for call in sam.calls():
        if call.path == call.missing:
            continue
        for fields in ({"csrf": csrf}, {"csrf": csrf, "decision": "same", "reason": "records"}, {}):
            answers = [
                tess.post(path, fields) if call.method == "POST" else tess.ask(call.method, path)
                for path in (call.path, call.missing)
            ]
            assert stripped(answers[0]) == stripped(answers[1]), call
            assert answers[0].status in (403, 404), call
            tried += 1
    assert tried >= 20
    assert len(sam.made.responder.sent) == before
    assert not [entry for entry in sam.made.people.asked]


# What is sent along


def test_line_breaks_in_what_is_sent_make_no_header(sam: Wire) -> None:
    csrf = sam.csrf()
    for breaks in ("%0d%0aX-Evil:%201", "%0aX-Evil:1", "%0dX-Evil:1", "%e5%98%8d%e5%98%8aX-Evil:1", "%00"):
        for call in calls(sam.app, [{name: value + breaks for name, value in each.items()} for each in sam.values]):
            for path in (call.path, f"{call.path}?next=/{breaks}&after=1-0{breaks}&ended={breaks}&x={breaks}"):
                fields = {"csrf": csrf, "next": f"/\r\nX-Evil: 1{breaks}", "reason": "\r\nX-Evil: 1"}
                if call.route in ("/sign-out", "/sign-out/everywhere"):
                    continue  # they take nothing but the token, and would end the test
                answer = sam.post(path, fields) if call.method == "POST" else sam.get(path)
                assert answer.status < 500, call
                assert not [name for name, value in answer.headers if "evil" in name.lower() or "\n" in value], call
                assert "\r" not in (answer.header("location") or ""), call


@pytest.mark.parametrize("name", ["x-forwarded-host", "x-forwarded-proto", "x-forwarded-for", "x-original-url",
                                  "x-rewrite-url", "forwarded", "x-forwarded-prefix", "x-host"])  # fmt: skip
def test_what_a_proxy_might_say_changes_nothing(sam: Wire, name: str) -> None:
    for call in sam.calls():
        if call.method == "GET" and call.route not in ANYBODY:
            plain, told = sam.get(call.path), sam.get(call.path, (name, EVIL))
            lengths = {*told.headers} ^ {*plain.headers}  # the access log has grown meanwhile
            assert told.status == plain.status, call
            assert not [header for header in lengths if header[0] != "content-length"], call
            assert EVIL not in told.text, call


@pytest.mark.parametrize("host", [EVIL, "testserver.evil.example", "testserver@evil.example", "", "test server"])
def test_another_host_gets_nothing(sam: Wire, host: str) -> None:
    for call in sam.calls():
        answer = sam.ask(call.method, call.path, [("host", host)])
        assert answer.status == 400, call
        assert EVIL not in answer.text + (answer.header("location") or ""), call


def test_after_a_step_up_a_browser_goes_on_at_a_page_of_ours_and_nowhere_else(sam: Wire) -> None:
    for path in (
        f"https://{EVIL}", f"//{EVIL}", f"/\\{EVIL}", f"\\\\{EVIL}", f"/%2f{EVIL}", f"///{EVIL}", f"/\t/{EVIL}",
        f"@{EVIL}", "javascript:alert(1)", f"/step-up/../../{EVIL}", "/nowhere", "/static/desk.css", "/sign-out",
        "/inbox/mash?x=1", "/inbox/mash#x", "/inbox/\u0661", "/" + "x" * 1000, "", "inbox/mash", " /inbox/mash",
    ):  # fmt: skip
        fields = {"csrf": sam.csrf(), "password": surface.PASSWORD, "next": path}
        assert sam.post("/step-up", fields).header("location") == "/", path
        assert EVIL not in sam.ask("GET", b"/step-up?next=" + path.encode()).text, path
    fields = {"csrf": sam.csrf(), "password": surface.PASSWORD, "next": "/inbox/mash"}
    assert sam.post("/step-up", fields).header("location") == "/inbox/mash"


def test_no_path_leads_out_of_the_folder_of_static_files(wire: Wire) -> None:
    for step in (
        "..", "%2e%2e", "%252e%252e", "..%2f", "..%5c", "..\\", "%2e%2e%2f", "....//", "..;", "%c0%ae%c0%ae", "..%00",
    ):  # fmt: skip
        for target in ("app.py", "templates/base.html", "../../pyproject.toml", "etc/passwd", "app.py%00.css"):
            for depth in (1, 2, 6):
                answer = wire.get(f"{STATIC}/{'/'.join([step] * depth)}/{target}")
                assert answer.status == 404, (step, target)
                assert answer.header("cache-control") == "no-store"
    for path in ("//etc/passwd", "/%2fetc%2fpasswd", "/" + "x" * 5000, "/%00", "/", "", "/licences"):
        assert wire.get(STATIC + path).status in (307, 404), path


@pytest.mark.parametrize("how", ["said", "streamed", "said to be less", "said in words", "without end"])
def test_a_body_that_is_too_large_is_refused(sam: Wire, how: str) -> None:
    kind, before = ("content-type", "application/x-www-form-urlencoded"), unchanged(sam.made)
    piece = b"csrf=" + sam.csrf().encode() + b"&x=" + b"y" * 1000
    long = [piece, *[b"z" * 1024] * (BODY_MAX_BYTES // 1024)]
    said = {
        "said": str(BODY_MAX_BYTES + 1),
        "said to be less": "10",
        "said in words": "ten",
        "without end": "9" * 5000,
    }.get(how)
    headers = [kind, *([("content-length", said)] if said else [])]
    for call in sam.calls():
        if call.method == "POST" and (
            call.route != "/sign-in/provider" or how in ("said", "said in words", "without end")
        ):
            assert sam.ask("POST", call.path, headers, long).status == 413, call
    assert unchanged(sam.made) == before


def test_a_form_with_too_many_fields_is_refused(sam: Wire) -> None:
    csrf, before = sam.csrf(), unchanged(sam.made)
    for call in forms(sam):
        urlencoded = ("&".join(["csrf=" + csrf, *["a=1"] * FIELDS_MAX])).encode()
        part = b'--b\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        multipart = part % (b"csrf", csrf.encode()) + part % (b"a", b"1") * FIELDS_MAX + b"--b--\r\n"
        file = part % (b'a"; filename="f', b"1") + b"--b--\r\n"
        for kind, body in (
            ("application/x-www-form-urlencoded", urlencoded),
            ("multipart/form-data; boundary=b", multipart),
            ("multipart/form-data; boundary=b", file),
            ("multipart/form-data", multipart),
        ):
            answer = sam.ask("POST", call.path, [("content-type", kind)], body)
            assert answer.status == 400, (call, kind)
    assert unchanged(sam.made) == before


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/xml", "", "application/x-www-form"])
def test_only_a_form_is_taken_for_a_form(sam: Wire, kind: str) -> None:
    for call in forms(sam):
        body = f"csrf={sam.csrf()}".encode()
        assert sam.ask("POST", call.path, [("content-type", kind)], body).status == 403, call


@pytest.mark.parametrize(
    "place", ["", "-", "1", "1-2-3", "\u00b2-\u00b2", "1-99999999999999999999999", "+1-1", "1-1\n", "$$", "0x1-1"]
)
def test_a_place_to_go_on_from_that_is_none_never_reaches_the_store(place: str) -> None:
    assert not views._is_change_id(place)
    assert views._is_change_id("1764000000000-0")


# Methods, headers, addresses


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "X" * 50)


def test_a_method_that_a_route_does_not_have_does_nothing(sam: Wire) -> None:
    before = unchanged(sam.made)
    has: dict[str, set[str]] = {}
    for call in sam.calls():
        has.setdefault(call.path, set()).add(call.method)
    form, csrf = [("content-type", "application/x-www-form-urlencoded")], sam.csrf()
    for path, own in has.items():
        for method in (*METHODS, *(["HEAD"] if own == {"POST"} else [])):
            if method not in own:
                answer = sam.ask(method, path, form, f"csrf={csrf}".encode())
                assert answer.status == 405, (method, path)
    assert unchanged(sam.made) == before


def test_a_method_in_a_header_or_a_field_is_not_believed(sam: Wire) -> None:
    csrf = sam.csrf()
    for call in forms(sam):
        before = len(sam.made.responder.sent)
        for name in ("x-http-method-override", "x-http-method", "x-method-override"):
            sam.ask("GET", f"{call.path}?_method=POST&csrf={csrf}", [(name, "POST")])
        assert len(sam.made.responder.sent) == before, call
    assert sam.get("/inbox/mash").status == 200, "nobody was signed out"


def every_answer(wire: Wire) -> Iterator[tuple[str, Answer]]:
    """Of every route, right and wrong: signed out, signed in, with an error, redirected."""
    for who, client in (("nobody", wire.other()), ("sam", wire.other("sam")), ("tess", wire.other("tess"))):
        for call in wire.calls():
            yield f"{who} {call}", client.ask(call.method, call.path)
            yield f"{who} {call.method} {call.missing}", client.ask(call.method, call.missing)
            yield f"{who} HEAD {call.route}", client.ask("HEAD", call.path)
            yield f"{who} PUT {call.route}", client.ask("PUT", call.path)
            if call.method == "POST" and call.route not in ("/sign-out", "/sign-out/everywhere"):
                csrf = client.csrf() if who != "nobody" else ""
                yield f"{who} {call} with its token", client.post(call.path, {"csrf": csrf})
        for path in ("/nowhere", "/..", "//", "/inbox", "/inbox/", STATIC, f"{STATIC}/none.css"):
            yield f"{who} {path}", client.get(path)
    yield "another host", wire.ask("GET", "/", [("host", EVIL)])
    yield "another site", wire.post("/sign-in", {}, ("origin", f"https://{EVIL}"))
    yield "too much", wire.ask("POST", "/sign-in", [("content-length", "99999999")])


def test_every_answer_carries_the_headers_and_no_name_where_names_are_kept(sam: Wire) -> None:
    seen = 0
    for what, answer in every_answer(sam):
        assert {name: answer.header(name) for name in HEADERS} == HEADERS, what
        assert not [name for name in NAMES for _, value in answer.headers if name in value.lower()], what
        assert answer.header("server") is None, what
        assert "Traceback" not in answer.text, what
        seen += 1
    assert seen > 150


def test_only_files_that_are_the_same_for_everybody_may_be_kept(sam: Wire) -> None:
    answer = sam.get(f"{STATIC}/desk.css")
    tag = answer.header("etag")
    again = sam.get(f"{STATIC}/desk.css", ("if-none-match", tag or ""))
    assert (answer.status, again.status) == (200, 304)
    for kept in (answer, again):
        wanted = {**HEADERS, "cache-control": STATIC_CACHE}
        assert {name: kept.header(name) for name in HEADERS} == wanted


def test_every_route_but_a_few_asks_for_a_session(wire: Wire) -> None:
    for call in wire.calls():
        if call.route not in ANYBODY:
            answer = wire.ask(call.method, call.path)
            assert (answer.status, answer.header("location")) == (303, "/sign-in"), call
    assert wire.made.people.asked == []


def test_a_value_is_needed_for_every_parameter(wire: Wire) -> None:
    app = wire.made.app()
    app.routes.append(Route("/later/{unheard_of}", lambda _: None))
    with pytest.raises(AssertionError, match=r"\{unheard_of\}: add one to VALUES"):
        calls(app, wire.values)
