"""How the controls stand: what the page says of what the platform tells, and to whom."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.desk.app import HEADERS
from tests.unit.bridge.desk.support import HOUR_MS, NOW, Client, Made, control, holidays, sign_in

DAY_MS = 24 * HOUR_MS


def text_of(client: Client) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get("/controls").text))


def day(days: int) -> str:
    return (datetime.fromtimestamp(NOW / 1000, UTC) + timedelta(days=days)).date().isoformat()


@pytest.mark.parametrize("rung", range(5))
def test_every_user_of_a_team_reads_what_is_in_force_what_waits_and_what_was_refused(
    make: Callable[..., Made], rung: int
) -> None:
    made = make({"sam": rung})
    made.arrives(control("rules"))
    with Client(made) as client:
        sign_in(client)
        answer = client.get("/controls")
        text = text_of(client)
    for words in (
        "Rules: when an alert is raised", "Version 3, since yesterday 16:00",
        "Version 4 comes into force tomorrow 16:00",
        "Version 2, today 15:00: expected 2 different approvers, got 1",
    ):  # fmt: skip
        assert words in text
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|<style|<form(?![^>]*sign-out)", answer.text)


def test_the_page_is_linked_and_says_when_nothing_has_been_told(desk: Made, client: Client) -> None:
    sign_in(client)
    assert 'href="/controls"' in client.get("/inbox/mash").text
    assert "has told nothing of any control yet" in text_of(client)


def test_a_control_that_was_only_ever_refused_is_shown_with_the_newest_reason_first(
    desk: Made, client: Client
) -> None:
    refused = [{"version": n, "at": NOW - (9 - n) * HOUR_MS, "reason": f"reason {n}"} for n in range(1, 6)]
    desk.arrives(control("quiet_hours", in_force=None, waiting=[], refused=refused))
    desk.arrives(control("register"))
    sign_in(client)
    text = text_of(client)
    assert "None is in force yet" in text
    assert [text.index(f"reason {n}") for n in (5, 4, 3, 2, 1)] == sorted(
        text.index(f"reason {n}") for n in range(1, 6)
    )
    assert text.index("Register:") < text.index("quiet_hours"), "what something acts on comes first"


def test_what_was_said_last_replaces_what_was_said_before(desk: Made, client: Client) -> None:
    desk.arrives(control("rules"))
    desk.arrives(control("rules", in_force={"version": 4, "effective_at": NOW}, waiting=[], refused=[]))
    sign_in(client)
    text = text_of(client)
    assert "Version 4, since today" in text
    assert "Version 3" not in text


def test_a_reason_with_markup_stays_text(desk: Made, client: Client) -> None:
    desk.arrives(control("rules", refused=[{"version": 1, "at": NOW, "reason": "<b>team</b>"}]))
    sign_in(client)
    assert "&lt;b&gt;team" in client.get("/controls").text


@pytest.mark.parametrize(
    ("until", "short", "says", "warns"),
    [
        (day(200), False, "Bank holidays are known until 12 June 2026.", False),
        (day(59), True, "59 days from now", True),
        (day(1), True, "1 day from now", True),
        (day(-1), True, "since then each has counted as a working day", True),
        ("", True, "Bank holidays are not known", True),
    ],
)
def test_holidays_that_run_out_are_warned_of(
    desk: Made, client: Client, until: str, short: bool, says: str, warns: bool
) -> None:
    desk.arrives(holidays(until, short=short))
    sign_in(client)
    page = client.get("/controls").text
    assert says in page
    assert ("govuk-warning-text" in page) == warns


def test_the_page_needs_a_session_and_no_team_for_it_is_about_nobody(desk: Made, client: Client) -> None:
    desk.arrives(control("rules"))
    assert client.get("/controls").status_code == 303
    sign_in(client, "tess")
    answer = client.get("/controls")
    assert (answer.status_code, "Rules: when an alert is raised" in answer.text) == (200, True)


def test_a_row_that_no_page_shows_is_not_kept(desk: Made) -> None:
    row: dict[str, Any] = {
        "kind": "model",
        "key": "model:score",
        "as_of_at": NOW,
        "body": json.dumps({"phase": "live"}),
    }
    before = set(desk.redis.keys())
    desk.arrives(row)
    assert {key for key in set(desk.redis.keys()) - before if not key.endswith(b":offsets")} == set()
