"""Words that a duty worker can act on, and none that say more than the figures do."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from bridge.desk import pages, words
from bridge.desk.access.gate import Reach
from bridge.desk.desk import HERE
from bridge.desk.duty.deeds import Deed, Standing
from bridge.desk.duty.wording import Held
from bridge.desk.rungs import ALERT_FIELDS, PRESENCE_FIELDS, cut_alert
from schemas.alert import HANDED_ON, OUT_OF_HOURS, ROUTES, Alert, Presence
from schemas.event import AGENCY_KINDS, FAMILIES
from tests.unit.bridge.desk.support import HOUR_MS, NOW, Client, Made, alert, sign_in, to_rung


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_an_alert_is_a_pattern_and_never_called_more() -> None:
    texts = [path.read_text() for path in (HERE / "templates").glob("*.html")]
    texts += [*words.FAMILIES.values(), *words.PRESENCE.values(), words.headline("escalate", "raised")]
    assert not [text for text in texts if re.search(r"\brisk|\bharm|predict|\bdangerous", text.lower())]
    assert "pattern" in words.headline("escalate", "raised")


def test_an_alert_that_another_team_has_now_is_not_said_to_have_calmed_down() -> None:
    for route in ROUTES:
        assert words.correction(route) != route
        calm = words.headline("escalate", "cleared", route) == words.headline("escalate", "cleared")
        assert calm == (route not in HANDED_ON)


def test_a_team_that_gets_a_copy_is_told_why_and_that_it_is_not_its_own_line(desk: Made, client: Client) -> None:
    desk.arrives(alert(version=2, state="updated", correction=OUT_OF_HOURS))
    sign_in(client)
    for path in ("/inbox/mash", "/alerts/" + "a1" * 16):
        page = client.get(path).text
        assert "sent to you because the team it is for is not at work" in page
        assert "A pattern has crossed another team&#39;s line" in page
        assert "your team" not in page


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_a_change_of_who_has_it_is_said_on_the_page_and_in_the_list(desk: Made, client: Client, route: str) -> None:
    state = "cleared" if route in HANDED_ON else "updated"
    desk.arrives(alert(version=2, state=state, correction=route))
    sign_in(client)
    page, rows = client.get("/alerts/" + "a1" * 16).text, client.get("/inbox/mash").text
    assert words.correction(route) in page
    assert words.correction(route) in rows
    assert ("Another team has it now" in page) == (route in HANDED_ON)
    assert "back below the line" not in page + rows


def test_every_code_of_the_contract_has_words() -> None:
    assert set(FAMILIES) - {"referral"} <= set(words.FAMILIES)
    assert set(AGENCY_KINDS) == set(words.KINDS)


@pytest.mark.parametrize(
    ("at", "now", "text"),
    [
        ("2025-06-30T22:59:00", "2025-06-30T23:10:00", "yesterday 23:59"),  # summer time: midnight is at 23:00 UTC
        ("2025-11-24T16:00:00", "2025-11-24T02:00:00", "today 16:00"),
        ("2025-11-25T09:00:00", "2025-11-24T22:00:00", "tomorrow 09:00"),
        ("2025-11-03T09:00:00", "2025-11-24T22:00:00", "Mon 3 Nov, 09:00"),
        ("2024-12-31T09:00:00", "2025-11-24T22:00:00", "Tue 31 Dec 2024, 09:00"),
    ],
)
def test_a_time_reads_as_on_the_wall(at: str, now: str, text: str) -> None:
    assert words.moment(ms(at), ms(now)) == text


def test_every_field_of_a_message_stands_in_one_rung_or_in_none() -> None:
    never = {"partnership", "household", "person"}
    alert_fields = [name for names in ALERT_FIELDS for name in names]
    assert sorted({*alert_fields, *never}) == sorted({*Alert.__annotations__, "families", "here", "route"})
    presence_fields = [name for names in PRESENCE_FIELDS for name in names]
    assert sorted({*presence_fields, "partnership", "person", "committed_at"}) == sorted(Presence.__annotations__)
    assert len(set(alert_fields)) == len(alert_fields)


def test_who_may_see_nothing_does_not_learn_that_there_is_something(desk: Made) -> None:
    assert cut_alert(alert(), Reach("council", {}, -1), desk.config) == {}


def test_where_every_household_starts_is_shown_last_and_is_no_reason(desk: Made) -> None:
    base = {"family": "base", "weight_milli": -4000, "agency_kind": "", "age_days": 0}
    made = alert(factors=[base, *alert()["factors"]])
    row = pages.row(cut_alert(made, to_rung(4), desk.config), {}, Held(), desk.config, NOW)
    assert row.reasons[-1].text == words.family("base")
    assert (row.reasons[-1].age, row.reasons[-1].share) == ("", 0)
    assert row.reasons[0].share == 100
    row = pages.row(cut_alert(made, to_rung(2), desk.config), {}, Held(), desk.config, NOW)
    assert words.family("base") not in [reason.text for reason in row.reasons]


def test_reasons_age_with_the_clock(desk: Made) -> None:
    row = pages.row(
        cut_alert(alert(changed_at=NOW - 49 * HOUR_MS), to_rung(4), desk.config), {}, Held(), desk.config, NOW
    )
    assert [reason.age for reason in row.reasons] == ["4 days ago", "2 days ago", "11 days ago", "32 days ago"]


def test_what_the_platform_withheld_is_not_shown_as_nothing(desk: Made) -> None:
    withheld = alert(known_to=[], score_ppm=0, threshold_ppm=0, clears_at_ppm=0)
    row = pages.row(cut_alert(withheld, to_rung(4), desk.config), {}, Held(), desk.config, NOW)
    assert not row.not_known
    assert row.agencies is None
    assert row.score == ""
    assert [reason.text for reason in row.reasons] == [words.family(one["family"]) for one in withheld["factors"]]
    assert {reason.weight for reason in row.reasons} == {None}


def test_what_nobody_has_yet_comes_first_and_the_most_urgent_on_top() -> None:
    late = alert("late", respond_by_at=NOW - 1)
    soon = alert("soon", respond_by_at=NOW + HOUR_MS)
    calm = alert("calm", direction="step_down", respond_by_at=NOW)
    opening = alert("opening", opening=True, respond_by_at=NOW)
    gone, had, mine, done, later, awake = (
        alert(name, state="cleared" if name == "gone" else "raised")
        for name in ("gone", "had", "mine", "done", "later", "awake")
    )
    closed, snoozed = Deed(1, NOW, "u", "close", "done"), Standing(snoozed_until_at=NOW + 1, snoozed_version=1)
    standings = {"had": Standing("u"), "gone": Standing("u"), "mine": Standing("me"), "done": Standing("me", closed=closed),
                 "later": snoozed, "awake": snoozed._replace(snoozed_until_at=NOW, holder="me")}  # fmt: skip
    inbox = pages.sort([opening, calm, soon, gone, had, late, mine, done, later, awake], standings, "me", NOW)
    assert [row["alert_id"] for row in inbox.mine] == ["awake", "mine"]
    assert [row["alert_id"] for row in inbox.snoozed] == ["later"]
    assert [row["alert_id"] for row in inbox.waiting] == ["late", "soon", "calm", "opening"]
    assert [row["alert_id"] for row in inbox.taken] == ["had"]
    assert [row["alert_id"] for row in inbox.closed] == ["done", "gone"]
