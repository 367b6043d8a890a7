"""Duty work in a real browser: decide by keyboard and on a phone, challenge and answer, hand over, lose nothing."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from bridge.desk.duty.deeds import Deed
from tests.browser.conftest import Served, Watched, shot
from tests.browser.test_desk import sign_in
from tests.unit.bridge.desk.support import ANN, BEN, CAT, HOUR_MS, NOW, alert, links

pytestmark = pytest.mark.browser
Open = Callable[..., Watched]
WIDTHS = pytest.mark.parametrize("width", [1180, 360])
ALERT = "a1" * 16


def fits(page: Page) -> None:
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0, f"{page.url} scrolls sideways by {wide} px"


def opened(served: Served, open_page: Open, width: int = 1180, login: str = "sam") -> Watched:
    seen = open_page(width, 800)
    sign_in(seen.page, served.address, login)
    return seen


def to(page: Page, served: Served, path: str = f"/alerts/{ALERT}") -> None:
    page.goto(served.address + path)


def unfold(page: Page, title: str) -> None:
    page.get_by_text(title, exact=True).click()


def actions(served: Served) -> list[str]:
    return [sent["action"] for sent in served.made.responder.sent]


def test_an_open_inbox_keeps_its_connection_while_nothing_happens(served: Served, open_page: Open) -> None:
    seen, asked = open_page(), []
    seen.page.on("request", lambda one: asked.append(one.url) if "/stream" in one.url else None)
    sign_in(seen.page, served.address)
    with seen.page.expect_response(lambda answer: answer.url.endswith("/status"), timeout=15_000):
        pass  # asked for every ten seconds
    assert len(asked) == 1
    assert (seen.errors, seen.foreign) == ([], [])


@WIDTHS
def test_an_alert_is_worked_from_the_inbox_to_its_outcome(served: Served, open_page: Open, width: int) -> None:
    served.made.arrives(alert())
    served.made.arrives(alert("2" * 32, records=[CAT]))
    seen = opened(served, open_page, width)
    page = seen.page
    page.get_by_role("button", name="I have this alert a1a1a1a1").click()
    banner = page.get_by_role("alert")
    expect(banner).to_contain_text("You took it.")
    expect(banner).to_contain_text("You have it now.")
    unfold(page, "Say what was done")
    page.locator("#act-note").fill("Spoke to the aunt.")
    fits(page)
    shot(page, f"duty-act-{width}")
    page.get_by_role("button", name="Contacted the family").click()
    expect(banner).to_contain_text("You noted: contacted the family")
    unfold(page, "Snooze it")
    page.get_by_role("button", name="3 days").click()
    expect(banner).to_contain_text("You snoozed it until Thu 27 Nov, 16:00")
    page.get_by_role("button", name="Take it up again").click()
    unfold(page, "Close it with an outcome")
    form = page.locator("form[action$='/close']")
    assert not form.evaluate("form => form.checkValidity()"), "the browser asks for the outcome"
    page.get_by_label("What came of it?").select_option(label="Early help")
    page.get_by_label("Was it right to raise this?").select_option(label="Yes, it was right to raise it")
    page.get_by_role("button", name="Close this alert").click()
    expect(banner).to_contain_text("You closed it: early help (right to raise)")
    expect(page.get_by_text("Spoke to the aunt.")).to_be_visible()
    fits(page)
    shot(page, f"duty-closed-{width}")
    assert actions(served) == ["acknowledge", "act", "snooze", "acknowledge", "close"]
    to(page, served, "/inbox/mash")
    expect(page.get_by_role("heading", name="Closed, cleared or withdrawn")).to_be_visible()
    fits(page)
    shot(page, f"duty-inbox-{width}")
    assert (seen.errors, seen.foreign) == ([], [])


@WIDTHS
def test_all_groups_of_an_inbox(served: Served, open_page: Open, width: int) -> None:
    for number, records in (("1", [ANN]), ("2", [BEN]), ("3", [CAT]), ("4", [ANN, CAT]), ("5", [BEN, CAT])):
        served.made.arrives(alert(number * 32, records=records))
    seen = opened(served, open_page, width)
    page = seen.page
    for number, fold, button in (("2", "", "I have this"), ("4", "Snooze it", "1 week")):
        to(page, served, f"/alerts/{number * 32}")
        if fold:
            unfold(page, fold)
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("alert")).to_be_visible()
    to(page, served, "/alerts/" + "3" * 32)
    unfold(page, "Give it to a colleague")
    page.get_by_label("To whom?").select_option(label="Alex Duty")
    page.get_by_role("button", name="Give it to them").click()
    expect(page.get_by_role("alert")).to_contain_text("Alex Duty has it now.")
    to(page, served, "/inbox/mash")
    assert page.locator("section h2").all_inner_texts() == ["To take", "Mine", "Colleagues’", "Snoozed"]
    fits(page)
    shot(page, f"duty-groups-{width}")
    assert (seen.errors, seen.foreign) == ([], [])


def test_a_decision_is_made_by_keyboard_alone(served: Served, open_page: Open) -> None:
    served.made.arrives(alert())
    seen = opened(served, open_page, 360)
    page = seen.page
    to(page, served)

    def reach(what: str) -> None:
        target = page.locator(what)
        for _ in range(60):
            page.keyboard.press("Tab")
            if target.evaluate("element => element === document.activeElement"):
                return
        pytest.fail(f"{what} is not reached by Tab")

    reach("#do-snooze summary")
    page.keyboard.press("Enter")
    reach("#do-snooze button[value='7']")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("You snoozed it until Mon 1 Dec, 16:00")
    expect(page.get_by_role("alert")).to_be_focused()
    assert actions(served) == ["snooze"]
    assert (seen.errors, seen.foreign) == ([], [])


def test_what_was_not_recorded_says_so_and_keeps_what_was_typed(served: Served, open_page: Open) -> None:
    served.made.arrives(alert())
    served.made.responder.fails = True
    seen = opened(served, open_page)
    page = seen.page
    to(page, served)
    unfold(page, "Say what was done")
    page.locator("#act-note").fill("Spoke to the aunt.")
    page.get_by_role("button", name="Visited").click()
    expect(page.get_by_role("alert")).to_contain_text("Not recorded")
    expect(page.locator("#act-note")).to_have_value("Spoke to the aunt.")
    shot(page, "duty-not-recorded")
    served.made.responder.fails = False
    page.get_by_role("button", name="Visited").click()
    expect(page.get_by_role("alert")).to_contain_text("You noted: visited")


@WIDTHS
def test_a_link_is_doubted_where_it_is_shown(served: Served, open_page: Open, width: int) -> None:
    served.made.arrives(alert())
    served.made.arrives(links())
    seen = opened(served, open_page, width)
    page = seen.page
    to(page, served)
    page.locator("li", has_text="and Northmere Police").get_by_text("I doubt that this is one person").click()
    page.locator("details[open]").get_by_label("How do you know?").select_option(label="The other agency was asked")
    fits(page)
    shot(page, f"duty-doubt-{width}")
    page.get_by_role("button", name="Dispute this link").click()
    expect(page.get_by_role("alert")).to_contain_text("You disputed a link: the other agency was asked")
    [sent] = served.made.responder.sent
    assert (sent["action"], sent["records"]) == ("dispute_link", [CAT])
    assert (seen.errors, seen.foreign) == ([], [])


@WIDTHS
def test_a_supervisor_asks_and_the_worker_answers(served: Served, open_page: Open, width: int) -> None:
    served.made.arrives(alert())
    sam, sol = opened(served, open_page, width), opened(served, open_page, width, "sol")
    sam.page.get_by_role("button", name="I have this").click()
    to(sam.page, served, "/inbox/mash")
    to(sol.page, served)
    unfold(sol.page, "Challenge Sam Duty")
    sol.page.get_by_label("What makes you think").fill("What makes you think that the children are safe tonight?")
    sol.page.get_by_role("button", name="Ask Sam Duty").click()
    expect(sol.page.get_by_text("Not answered")).to_be_visible()
    expect(sam.page.get_by_text("waits for your answer")).to_be_visible()
    shot(sam.page, f"duty-asked-{width}")
    sam.page.get_by_role("link", name="alert a1a1a1a1").click()
    sam.page.get_by_label("Your answer").fill("Their grandmother has them until Monday.")
    fits(sam.page)
    shot(sam.page, f"duty-challenge-{width}")
    sam.page.get_by_role("button", name="Answer", exact=True).click()
    expect(sam.page.get_by_text("Their grandmother has them until Monday.")).to_be_visible()
    to(sol.page, served, "/challenges")
    expect(sol.page.get_by_text("Their grandmother has them until Monday.")).to_be_visible()
    fits(sol.page)
    shot(sol.page, f"duty-challenges-{width}")
    assert (sam.errors, sam.foreign, sol.errors, sol.foreign) == ([], [], [], [])


@WIDTHS
def test_a_shift_is_handed_over_and_printed(served: Served, open_page: Open, width: int) -> None:
    served.made.arrives(alert())
    served.made.arrives(alert("2" * 32, records=[CAT], respond_by_at=NOW - HOUR_MS))
    feeds = {"kind": "freshness", "key": "freshness:feeds", "as_of_at": NOW}
    served.made.arrives({**feeds, "body": json.dumps({"behind": ["police"]})})
    sam = opened(served, open_page, width)
    page = sam.page
    to(page, served)
    page.get_by_role("button", name="I have this").click()
    page.get_by_role("link", name="Handover").click()
    page.get_by_label("A note to the next shift").fill("a1a1a1a1: the school rings back at nine.")
    page.get_by_role("button", name="Leave this note").click()
    alex = opened(served, open_page, width, "alex")
    page = alex.page
    to(page, served, "/handover/mash?hours=12")
    expect(page.get_by_text("the school rings back at nine.")).to_be_visible()
    expect(page.get_by_text("Was due today 15:00")).to_be_visible()
    fits(page)
    shot(page, f"handover-{width}")
    page.get_by_role("button", name="I have taken over").click()
    expect(page.get_by_text("Taken over: Alex Duty, today 16:00.")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="I have taken over")).to_be_hidden()
    expect(page.get_by_text("Taken over: Alex Duty")).to_be_visible()
    shot(page, f"handover-print-{width}")
    assert (sam.errors, sam.foreign, alex.errors, alex.foreign) == ([], [], [], [])


def test_a_burst_while_the_server_was_away_is_all_there_without_a_reload(served: Served, open_page: Open) -> None:
    seen = opened(served, open_page)
    page = seen.page
    expect(page.get_by_text("Nothing here. New alerts appear by themselves.")).to_be_visible()
    page.evaluate("window.mark = 'not reloaded'")
    served.stop()
    for number in range(40):
        served.made.arrives(alert(f"{number:032x}"))
    served.start()
    expect(page.locator("section[aria-labelledby=waiting] li.desk-card")).to_have_count(40, timeout=30_000)
    expect(page.get_by_text("Connection lost.")).to_be_hidden(timeout=15_000)
    served.made.arrives(alert("f" * 32, records=[CAT]))
    expect(page.get_by_role("link", name="Catriona Ormsby")).to_be_visible()
    assert page.evaluate("window.mark") == "not reloaded"
    assert seen.foreign == []


def test_what_was_snoozed_comes_back_at_its_time_without_a_reload(served: Served, open_page: Open) -> None:
    served.made.arrives(alert())
    served.made.writer.redo("mash", [Deed(1, NOW, "u-alex", "snooze", ALERT, version=1, until_at=NOW + 60_000)])
    seen = opened(served, open_page)
    expect(seen.page.get_by_role("heading", name="Snoozed")).to_be_visible()
    served.made.wall += 60_000
    expect(seen.page.get_by_role("heading", name="Colleagues’")).to_be_visible(timeout=15_000)
    expect(seen.page.get_by_role("heading", name="Snoozed")).to_be_hidden()


def test_a_browser_that_comes_back_says_which_change_it_saw_last(served: Served, open_page: Open) -> None:
    seen = opened(served, open_page)
    page = seen.page
    served.made.arrives(alert("1" * 32))
    expect(page.get_by_role("link", name="Annabel Quillfeather")).to_be_visible()
    last = served.made.redis.xrevrange("desk:{council/mash}:changes", count=1)[0][0].decode()
    with page.expect_request(lambda asked: "/stream" in asked.url, timeout=30_000) as again:
        served.stop()
        served.start()
    assert again.value.all_headers()["last-event-id"] == last
    served.made.arrives(alert("2" * 32, records=[CAT]))
    expect(page.get_by_role("link", name="Catriona Ormsby")).to_be_visible(timeout=20_000)


def test_a_tab_in_the_background_is_up_to_date_when_it_comes_back(served: Served, open_page: Open) -> None:
    seen = opened(served, open_page)
    page = seen.page
    expect(page.get_by_text("Nothing here.")).to_be_visible()
    session = page.context.new_cdp_session(page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    for number in range(5):
        served.made.arrives(alert(f"{number:032x}"))
    session.send("Page.setWebLifecycleState", {"state": "active"})
    expect(page.locator("section[aria-labelledby=waiting] li.desk-card")).to_have_count(5, timeout=20_000)
    with page.expect_request(lambda asked: asked.url.endswith("/rows")):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert (seen.errors, seen.foreign) == ([], [])
