"""Sessions and limits under attack: what is planted, changed, tried again and again, or tried at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import redis

from bridge.desk.desk import SITE_MAX, User, limit
from bridge.desk.sessions import Session
from tests.unit.bridge.desk import surface
from tests.unit.bridge.desk.surface import ANYBODY, NAMES, Wire


def test_a_session_that_somebody_else_planted_is_not_the_one_that_opens(sam: Wire) -> None:
    tess = sam.other("tess")
    planted = dict(tess.cookies)
    victim = sam.other()
    victim.cookies.update(planted)
    victim.sign_in("sam")
    assert victim.get("/inbox/mash").status == 200
    assert victim.cookies["sightline_session"] != planted["sightline_session"]
    assert tess.get("/no-team").status == 303, "and the planted one is over"


def test_a_step_up_leaves_the_old_id_worth_nothing(sam: Wire) -> None:
    thief = sam.other()
    thief.cookies.update(sam.cookies)
    answer = sam.post("/step-up", {"csrf": sam.csrf(), "password": surface.PASSWORD, "next": "/suggestions"})
    assert (answer.status, answer.header("location")) == (303, "/suggestions")
    assert sam.get("/inbox/mash").status == 200
    assert thief.get("/inbox/mash").status == 303


def test_signing_out_everywhere_ends_what_is_open_elsewhere(sam: Wire) -> None:
    elsewhere, tess = sam.other("sam"), sam.other("tess")
    sam.post("/sign-out/everywhere", {"csrf": sam.csrf()})
    answer = elsewhere.get("/inbox/mash")
    assert (answer.status, answer.header("location")) == (303, "/sign-in?ended=1")
    assert tess.get("/no-team").status == 403, "others stay"


def test_a_cookie_that_was_changed_opens_nothing(sam: Wire) -> None:
    good = sam.cookies["sightline_session"]
    form = sam.other()
    form.get("/sign-in")
    changed = [good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :] for at in range(0, len(good), 7)]
    for cookie in (*changed, good[:-2], good + "x", "", ".", "é", "\x00", form.cookies["sightline_form"], "x" * 5000):
        sam.cookies["sightline_session"] = cookie
        assert sam.get("/inbox/mash").status == 303, cookie
    sam.cookies["sightline_session"] = good
    assert sam.get("/inbox/mash").status == 200


def test_an_open_inbox_does_not_keep_a_session_alive_and_a_page_does(sam: Wire) -> None:
    def left_s() -> int:
        (key,) = (key for key in sam.made.redis.scan_iter("*:session:*"))
        return int(sam.made.redis.ttl(key))

    (key,) = (key for key in sam.made.redis.scan_iter("*:session:*"))
    sam.made.redis.expire(key, 100)
    for path in ("/inbox/mash/rows", "/inbox/mash/status", "/inbox/mash/stream"):
        sam.get(path)
        assert left_s() <= 100, path
    sam.get("/inbox/mash")
    assert left_s() > 100


def test_a_session_may_ask_for_so_much_a_minute_and_is_told_when_to_come_back(sam: Wire) -> None:
    calm = sam.other("sam")
    for _ in range(SITE_MAX):
        answer = sam.get("/inbox/mash/status")
        assert answer.status == 200
    answer = sam.get("/inbox/mash/status")
    assert answer.status == 429
    assert 0 < int(answer.header("retry-after") or "") <= 60
    assert calm.get("/inbox/mash").status == 200, "another session is not held up"
    for key in sam.made.redis.scan_iter("*:limit:*"):
        assert 0 < sam.made.redis.ttl(key) <= 60, "every window ends"
        sam.made.redis.delete(key)
    assert sam.get("/inbox/mash/status").status == 200


def test_a_limit_is_each_users_own_and_each_things_and_holds_for_many_at_once(sam: Wire) -> None:
    desk, session = sam.made.desk, Session("u", "c", 0)

    def user(name: str) -> User:
        return User(session, replace(surface.SAM, user=name))

    async def taken(name: str, who: str) -> int:
        tries = (limit(desk, name, user(who), 3, 60) for _ in range(10))
        return (await asyncio.gather(*tries, return_exceptions=True)).count(None)

    run = sam.made.runner.run
    assert [run(taken("look_up", who)) for who in ("u-sam", "u-sam", "u-kit")] == [3, 0, 3]
    assert run(taken("export", "u-sam")) == 3


def test_what_cannot_be_counted_is_not_answered(sam: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(*_: object, **__: object) -> None:
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(sam.made.desk.sessions.limits, "take", gone)
    for call in sam.calls():
        if call.route not in ANYBODY:
            answer = sam.ask(call.method, call.path)
            assert answer.status == 503, call
            assert not [name for name in NAMES if name in answer.text.lower()]


def test_passwords_cannot_be_tried_many_at_once(sam: Wire) -> None:
    tried = sam.made.desk.sessions.may_try

    async def many(login: str) -> int:
        return sum(await asyncio.gather(*(tried(login, "192.0.2.1") for _ in range(40))))

    assert [sam.made.runner.run(many(login)) for login in ("kit", "kit", "alex")] == [5, 0, 0], (
        "and so many an address"
    )


def test_an_office_that_signs_in_at_nine_is_not_shut_out(sam: Wire) -> None:
    for _ in range(40):
        assert sam.other().sign_in("kit").status == 303


def test_a_session_that_ended_meanwhile_is_not_opened_again_by_a_step_up(sam: Wire) -> None:
    sessions, run = sam.made.desk.sessions, sam.made.runner.run
    cookie = sam.cookies["sightline_session"]
    session, key = run(sessions.find(cookie, False)), sessions.key(cookie)
    run(sessions.end_all("u-sam"))
    assert run(sessions.step_up(session, key)) is None
    assert sam.get("/inbox/mash").status == 303


def test_a_password_cannot_be_tried_again_and_again_on_the_way_to_a_step_up(sam: Wire) -> None:
    statuses = [sam.post("/step-up", {"csrf": sam.csrf(), "password": f"p{n}"}).status for n in range(6)]
    assert statuses == [401] * 5 + [429]
    assert sam.post("/step-up", {"csrf": sam.csrf(), "password": surface.PASSWORD}).status == 429
