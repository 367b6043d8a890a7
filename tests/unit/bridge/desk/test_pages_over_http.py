"""What a browser gets from the desk, and what it never gets."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from bridge.desk.app import BODY_MAX_BYTES, HEADERS, STATIC_CACHE
from bridge.desk.audit import AuditDown, entries, verify
from bridge.desk.rungs import ALERT_FIELDS, PRESENCE_FIELDS
from bridge.desk.sessions import ATTEMPTS_MAX
from bridge.logs import JsonLines
from tests.unit.bridge.desk.support import ANN, BEN, HOUR_MS, NOW, Client, Made, alert, presence, sign_in, token

ALERT = "a1" * 16


def test_an_alert_is_shown_with_names_reasons_and_whom_to_call(desk: Made, client: Client) -> None:
    desk.arrives(alert(behind=[{"agency": "police", "behind_s": 3 * 3600}]))
    assert sign_in(client).headers["location"] == "/"
    page = client.get("/inbox/mash").text
    for words in (
        "Annabel Quillfeather", "born 3 May 2019", "Violence or domestic abuse (police)", "14.3 %", "12.0 %",
        "Northmere Police", "Lower bound", "nothing new for 3 hours", "Clears at 8.0 %", "today 20:00",
    ):  # fmt: skip
        assert words in page
    page = client.get(f"/alerts/{ALERT}").text
    for words in ("about 14 in 100", "01632 960112", "+0.91", "-0.21", "I have this", "your reference C-1001"):
        assert words in page


def test_a_child_not_known_here_shows_who_does_know(desk: Made, client: Client) -> None:
    desk.arrives(alert(records=[], known_to=["police"]))
    sign_in(client)
    assert "Not known to us" in client.get("/inbox/mash").text
    page = client.get(f"/alerts/{ALERT}").text
    assert "Not known to us" in page
    assert "01632 960111" in page


def test_presence_is_shown_with_the_numbers_to_call(desk: Made, client: Client) -> None:
    desk.arrives(presence())
    desk.arrives(presence("c3" * 16, kind="known_call", status="known", presented_at=NOW - 30 * HOUR_MS))
    sign_in(client)
    page = client.get("/inbox/mash").text
    assert "Catriona Ormsby" in page
    assert "Known: call" not in page, "the inbox shows a day of it"
    page = client.get("/presence/mash").text
    assert "Known: call" in page
    assert "01632 960002" in page


SENTINELS: dict[str, dict[str, Any]] = {
    "known_to": {"known_to": ["zz-agency"]},
    "behind": {"behind": [{"agency": "yy-agency", "behind_s": 5 * 86400}]},
    "families": {"factors": [{"family": "xx_family", "weight_milli": 5, "agency_kind": "", "age_days": -1}]},
    "score_ppm": {"score_ppm": 987_600},
    "threshold_ppm": {"threshold_ppm": 876_500},
    "clears_at_ppm": {"clears_at_ppm": 765_400},
    "model": {"model": "99/secret"},
    "correction": {"correction": "ww-correction"},
    "records": {"records": [ANN]},
    "factors": {"factors": [{"family": "vv", "weight_milli": 7770, "agency_kind": "health", "age_days": 4321}]},
}
SHOWS = {
    "known_to": "zz-agency", "behind": "yy-agency", "families": "xx family", "score_ppm": "98.8 %",
    "threshold_ppm": "87.7 %", "clears_at_ppm": "76.5 %", "model": "99/secret", "correction": "ww-correction",
    "records": "Quillfeather", "factors": "4321 days",
}  # fmt: skip


@pytest.mark.parametrize("rung", range(5))
def test_no_page_shows_a_field_above_the_rung(make: Callable[..., Made], rung: int) -> None:
    made = make({"sam": rung})
    allowed = {name for names in ALERT_FIELDS[: rung + 1] for name in names}
    with Client(made) as client:
        sign_in(client)
        for number, (field, value) in enumerate(SENTINELS.items(), start=1):
            made.arrives(alert(**value, version=number))
            pages = [client.get(path).text for path in ("/inbox/mash", "/inbox/mash/rows", f"/alerts/{ALERT}")]
            assert any(SHOWS[field].lower() in page.lower() for page in pages) == (field in allowed), field


@pytest.mark.parametrize("rung", range(5))
def test_no_presence_shows_a_field_above_the_rung(make: Callable[..., Made], rung: int) -> None:
    made = make({"sam": rung})
    made.arrives(presence(kind="known_call", presented_to="zz-agency", responsible_team="yy-team", contacts=19))
    with Client(made) as client:
        sign_in(client)
        page = client.get("/presence/mash").text
    allowed = {name for names in PRESENCE_FIELDS[: rung + 1] for name in names}
    shows = {
        "presented_to": "Zz-agency", "responsible_team": "Yy team", "office_number": "01632 960001",
        "out_of_hours_number": "01632 960002", "status": "child protection plan", "contacts": "19 contacts",
        "records": "Ormsby",
    }  # fmt: skip
    main = page[page.index("<main") :].replace("on a protection plan, looked after", "")
    for field, text in shows.items():
        assert (text in main) == (field in allowed), field
    assert (b"record-cat" in made.people.asked) == (rung == 4)


def test_every_name_is_in_the_audit_before_it_is_read(desk: Made, client: Client) -> None:
    desk.arrives(alert())
    sign_in(client)
    client.get("/inbox/mash")
    lines = list(entries(desk.config.audit))
    assert [line["action"] for line in lines] == ["sign_in", "name_inbox"]
    assert lines[1]["subjects"] == [ANN.hex(), BEN.hex()]
    assert lines[1]["user"] == "u-sam"
    assert verify(desk.config.audit) is None
    assert "Quillfeather" not in desk.config.audit.read_text()


def test_no_audit_no_read(desk: Made, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.arrives(alert())
    sign_in(client)

    def down(*_: object, **__: object) -> None:
        raise AuditDown("the disk is full")

    monkeypatch.setattr(type(desk.audit), "record", down)
    for path in ("/inbox/mash", f"/alerts/{ALERT}", "/inbox/mash/rows"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "Quillfeather" not in answer.text
    assert desk.people.asked == []


def test_taking_an_alert_sends_one_decision_and_tells_colleagues(desk: Made, client: Client) -> None:
    desk.arrives(alert())
    sign_in(client)
    form = token(client.get(f"/alerts/{ALERT}").text)
    for _ in range(2):
        assert client.post(f"/alerts/{ALERT}/acknowledge", data={"csrf": form}).status_code == 303
    assert len(desk.responder.sent) == 1
    sent = desk.responder.sent[0]
    assert (sent["action"], sent["user"], sent["alert_id"], sent["team"]) == ("acknowledge", "u-sam", ALERT, "mash")
    assert sent["records"] == [ANN, BEN]
    assert "You have this since today 16:00" in client.get(f"/alerts/{ALERT}").text
    assert "Nobody waits" in client.get("/inbox/mash").text


def test_a_decision_that_did_not_arrive_is_not_called_recorded(desk: Made, client: Client) -> None:
    desk.arrives(alert())
    sign_in(client)
    desk.responder.fails = True
    form = token(client.get(f"/alerts/{ALERT}").text)
    answer = client.post(f"/alerts/{ALERT}/acknowledge", data={"csrf": form})
    assert answer.status_code == 503
    assert "It was not recorded" in answer.text
    assert "I have this" in answer.text


def test_a_form_from_elsewhere_decides_nothing(desk: Made, client: Client) -> None:
    desk.arrives(alert())
    sign_in(client)
    for data in ({}, {"csrf": "é"}, {"csrf": "x" * 43}):
        assert client.post(f"/alerts/{ALERT}/acknowledge", data=data).status_code == 403
    assert desk.responder.sent == []


def test_what_is_not_there_and_what_is_not_yours_are_one_answer(desk: Made, client: Client) -> None:
    desk.arrives(alert(), team="mash")
    sign_in(client, "tess")
    missing = client.get("/alerts/" + "0" * 32)
    for path in (
        f"/alerts/{ALERT}",
        "/inbox/mash",
        "/inbox/none",
        "/presence/mash",
        "/inbox/mash/stream",
        "/nowhere",
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.text) == (404, missing.text), path


def test_without_a_session_there_is_only_the_sign_in(desk: Made, client: Client) -> None:
    desk.arrives(alert())
    for path in ("/", "/inbox/mash", "/inbox/mash/rows", "/inbox/mash/stream", f"/alerts/{ALERT}", "/presence/mash"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in"), path
    client.cookies.set("sightline_session", "forged.signature")
    assert client.get("/inbox/mash").status_code == 303
    assert client.get("/inbox/mash/rows", headers={"hx-request": "true"}).headers["hx-redirect"] == "/sign-in?ended=1"
    assert "Your session has ended" in client.get("/sign-in?ended=1").text


def test_signing_in_gives_a_new_session_and_signing_out_ends_it(desk: Made, client: Client) -> None:
    sign_in(client)
    first = client.cookies["sightline_session"]
    sign_in(client)
    second = client.cookies["sightline_session"]
    assert first != second
    page = client.get("/inbox/mash")
    client.post("/sign-out", data={"csrf": token(page.text)})
    for cookie in (first, second):
        client.cookies.set("sightline_session", cookie)
        assert client.get("/inbox/mash").status_code == 303


def test_a_session_ends_with_the_shift_and_with_its_account(desk: Made, client: Client) -> None:
    sign_in(client)
    desk.wall += 10_000 * 1000
    assert client.get("/inbox/mash").status_code == 303
    sign_in(client)
    assert client.get("/inbox/mash").status_code == 200
    desk.config.accounts.write_text('{"accounts": []}')
    assert client.get("/inbox/mash").status_code == 303


def test_wrong_passwords_are_refused_alike_and_soon_for_a_while(desk: Made, client: Client) -> None:
    unknown = sign_in(client, "nobody", "wrong").text
    known = sign_in(client, "sam", "wrong").text
    strip = re.compile(r'value="[^"]*"')
    assert strip.sub("", unknown) == strip.sub("", known)
    for _ in range(ATTEMPTS_MAX - 1):
        assert sign_in(client, "sam", "wrong").status_code == 401
    assert sign_in(client, "sam").status_code == 429, "even with the right one"


def test_a_sign_in_form_must_be_ours(desk: Made, client: Client) -> None:
    assert client.post("/sign-in", data={"login": "sam", "password": "x", "csrf": "x"}).status_code == 403


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(desk: Made, client: Client) -> None:
    cookie = sign_in(client).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_every_answer_carries_the_headers(desk: Made, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.arrives(alert())
    paths = ["/sign-in", "/", "/nowhere", "/static/desk.css", "/static/../app.py", "/healthz"]
    answers = [client.get(path) for path in paths]
    answers.append(client.post("/sign-in", data={"login": "x" * BODY_MAX_BYTES}))
    assert answers[-1].status_code == 413
    sign_in(client)
    answers += [client.get(path) for path in ("/inbox/mash", f"/alerts/{ALERT}", "/inbox/mash/rows")]

    def fails(*_: object) -> None:
        raise RuntimeError("Annabel Quillfeather")

    monkeypatch.setattr(type(desk.people), "person", fails)
    answers.append(client.get("/inbox/mash"))
    assert answers[-1].status_code == 500
    assert "Quillfeather" not in answers[-1].text
    kept = {**HEADERS, "cache-control": STATIC_CACHE}
    for answer in answers:
        wanted = kept if answer.url.path == "/static/desk.css" else HEADERS
        assert {name: answer.headers.get(name) for name in HEADERS} == wanted, answer.url


def test_a_fault_logs_no_name(
    desk: Made, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk.arrives(alert())
    sign_in(client)

    def fails(*_: object) -> None:
        raise RuntimeError("Annabel Quillfeather")

    monkeypatch.setattr(type(desk.people), "person", fails)
    client.get("/inbox/mash")
    said = [JsonLines().format(record) for record in caplog.records]
    assert any("RuntimeError" in line for line in said)
    assert not [line for line in said if "Quillfeather" in line]


def test_names_are_in_no_address_and_no_title(desk: Made, client: Client) -> None:
    desk.arrives(alert())
    sign_in(client)
    for path in ("/inbox/mash", f"/alerts/{ALERT}", "/inbox/mash/rows"):
        page = client.get(path).text
        places = re.findall(r'<title>.*?</title>|(?:href|action|src|hx-get|sse-connect)="[^"]*"', page)
        assert places
        assert not [place for place in places if "quillfeather" in place.lower() or "annabel" in place.lower()]


def test_a_page_has_no_script_or_style_of_its_own_and_nothing_from_elsewhere(desk: Made, client: Client) -> None:
    desk.arrives(alert())
    desk.arrives(presence())
    sign_in(client)
    for path in ("/inbox/mash", f"/alerts/{ALERT}", "/presence/mash", "/sign-in"):
        page = client.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|<style", page), path
        assert not re.search(r'(?:src|href)="(?!/|#|tel:)', page), path


def test_a_silent_feed_is_not_calm(desk: Made, client: Client) -> None:
    sign_in(client)
    assert "Live." in client.get("/inbox/mash").text
    desk.wall += 60_000
    assert "Not live." in client.get("/inbox/mash/status").text


def test_markup_in_a_message_stays_text(desk: Made, client: Client) -> None:
    desk.arrives(alert(correction="<script>alert(1)</script>", known_to=["<b>x</b>"]))
    sign_in(client)
    page = client.get(f"/alerts/{ALERT}").text
    assert "<script>alert" not in page
    assert "<b>x" not in page


def test_more_of_a_long_list_is_shown_on_request_and_stays_so_when_something_changes(
    desk: Made, client: Client
) -> None:
    for number in range(120):
        desk.arrives(alert(f"{number:032x}", respond_by_at=NOW + number))
    sign_in(client)
    page = client.get("/inbox/mash").text
    assert page.count('class="desk-card ') == 50
    assert "The 50 most urgent of 120 are shown." in page
    for asked, shown in (("50", 100), ("100", 120), ("99999", 50), ("-1", 50), ("x", 50)):
        page = client.get(f"/inbox/mash?more={asked}").text
        assert page.count('class="desk-card ') == shown, asked
        fetched = re.findall(r'hx-get="(/inbox/mash/rows[^"]*)"', page)[0]
        assert client.get(fetched).text.count('class="desk-card ') == shown, asked
    page = client.get("/inbox/mash").text
    assert '"/inbox/mash?more=50#waiting"' in page


def test_an_alert_that_is_under_its_line_again_says_now(desk: Made, client: Client) -> None:
    desk.arrives(alert(score_ppm=90_000, threshold_ppm=120_000))
    sign_in(client)
    for path in ("/inbox/mash", f"/alerts/{ALERT}"):
        assert re.search("[Ss]core now <strong>9.0 %", client.get(path).text), path
    desk.arrives(alert(score_ppm=130_000, threshold_ppm=120_000, version=2))
    assert "ore now" not in client.get("/inbox/mash").text
