"""The desk in a real browser: what a duty worker does at night."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Served, Watched, shot
from tests.unit.bridge.desk.support import (
    BEN,
    CAT,
    HOUR_MS,
    NOW,
    PASSWORD,
    alert,
    control,
    demand,
    figures,
    holidays,
    household,
    judged,
    links,
    outcomes,
    population,
    presence,
    suggestion,
)

pytestmark = pytest.mark.browser
Open = Callable[..., Watched]


def sign_in(page: Page, address: str, login: str = "sam", lands: str = "**/inbox/mash") -> None:
    page.goto(address)
    page.get_by_label("User name").fill(login)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lands)


def story(served: Served) -> None:
    """A night's inbox: overdue, soon, lower bound, calm, not known here, taken, withdrawn."""
    arrives = served.made.arrives
    arrives(alert("1" * 32, records=[BEN], respond_by_at=NOW - HOUR_MS, raised_at=NOW - 30 * HOUR_MS))
    arrives(alert("2" * 32, records=[], known_to=["police", "schools"], respond_by_at=NOW + HOUR_MS))
    arrives(
        alert(
            "3" * 32,
            direction="step_down",
            records=[CAT],
            score_ppm=31_000,
            threshold_ppm=40_000,
            factors=[{"family": "protective", "weight_milli": -900, "agency_kind": "health", "age_days": 12}],
        )
    )
    arrives(alert("4" * 32, state="retracted", version=2, records=[CAT], correction="a link was undone"))
    arrives(presence())


def test_an_alert_arrives_without_reload_and_is_taken(served: Served, open_page: Open) -> None:
    seen = open_page()
    page = seen.page
    sign_in(page, served.address)
    expect(page.get_by_text("Nothing here. New alerts appear by themselves.")).to_be_visible()
    served.made.arrives(alert(behind=[{"agency": "police", "behind_s": 3 * 3600}]))
    expect(page.get_by_role("link", name="Annabel Quillfeather")).to_be_visible()
    assert page.title() == "(1) Front door – Sightline"
    page.get_by_role("link", name="Annabel Quillfeather").click()
    expect(page.get_by_role("heading", name="What to do now")).to_be_visible()
    shot(page, "alert")
    page.get_by_role("button", name="I have this").click()
    expect(page.get_by_text("You have this since")).to_be_visible()
    assert [sent["action"] for sent in served.made.responder.sent] == ["acknowledge"]
    assert (seen.errors, seen.foreign) == ([], [])


def test_the_inbox_of_a_night(served: Served, open_page: Open) -> None:
    story(served)
    seen = open_page()
    sign_in(seen.page, served.address)
    expect(seen.page.get_by_text("Overdue")).to_be_visible()
    headings = seen.page.locator("section[aria-labelledby=waiting] h3").all_inner_texts()
    assert [text.split(" born")[0] for text in headings] == [
        "Benedict Ivo Quillfeather", "Not known to us", "Catriona Ormsby",
    ]  # fmt: skip
    shot(seen.page, "inbox")
    seen.page.get_by_role("link", name="Presence").click()
    expect(seen.page.get_by_text("On a child protection plan")).to_be_visible()
    shot(seen.page, "presence")
    assert (seen.errors, seen.foreign) == ([], [])


def test_a_colleague_sees_at_once_that_it_is_taken(served: Served, open_page: Open) -> None:
    served.made.arrives(alert())
    sam, alex = open_page(), open_page()
    sign_in(sam.page, served.address)
    sign_in(alex.page, served.address, "alex")
    sam.page.get_by_role("link", name="Annabel").click()
    sam.page.get_by_role("button", name="I have this").click()
    expect(alex.page.get_by_text("Sam Duty has it")).to_be_visible()
    assert (alex.errors, alex.foreign) == ([], [])


def test_it_works_on_a_small_phone_and_by_keyboard_alone(served: Served, open_page: Open) -> None:
    story(served)
    seen = open_page(360, 740)
    page = seen.page
    sign_in(page, served.address)
    for path, name in (("/inbox/mash", "inbox-360"), ("/alerts/" + "1" * 32, "alert-360"), ("/presence/mash", "")):
        page.goto(served.address + path)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, f"{path} scrolls sideways by {wide} px"
        if name:
            shot(page, name)
    page.goto(served.address + "/alerts/" + "1" * 32)
    button = page.get_by_role("button", name="I have this")
    for _ in range(40):
        page.keyboard.press("Tab")
        if button.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_text("You have this since")).to_be_visible()
    assert (seen.errors, seen.foreign) == ([], [])


def test_a_suggested_link_is_decided_with_a_reason(served: Served, open_page: Open) -> None:
    served.made.arrives(suggestion())
    served.made.arrives(suggestion("d" * 32, records=[CAT.hex()], link_milli=2_100))
    served.made.arrives(links())
    served.made.arrives(alert())
    seen = open_page(360, 740)
    page = seen.page
    sign_in(page, served.address)
    page.get_by_role("link", name="Suggested links (2)").click()
    expect(page.get_by_role("heading", name="Annabel Quillfeather")).to_be_visible()
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0, f"scrolls sideways by {wide} px"
    shot(page, "suggestions-360")
    card = page.locator("li.desk-card").first
    card.get_by_role("button", name="Same person", exact=True).click()
    assert served.made.responder.sent == [], "the browser asks for the reason"
    card.get_by_label("How do you know?").select_option(label="The other agency was asked")
    card.get_by_role("button", name="Same person", exact=True).click()
    expect(page.get_by_role("link", name="Suggested links (1)")).to_be_visible()
    assert [sent["action"] for sent in served.made.responder.sent] == ["must_link"]
    page.goto(served.address + "/alerts/" + "a1" * 16)
    expect(page.get_by_role("heading", name="Why these records are one person")).to_be_visible()
    shot(page, "alert-links-360")
    assert (seen.errors, seen.foreign) == ([], [])


@pytest.mark.parametrize("width", [1180, 360])
def test_where_it_is_heading_demand_the_controls_and_the_model_are_read(
    served: Served, open_page: Open, width: int
) -> None:
    lag = [{"agency": "police", "behind_s": 3 * 3600}]
    group = {"group": "white_british", "n": None, "positives": None, "auc": None, "observed_expected": None,
             "precision": None}  # fmt: skip
    for row in (demand(), control("register"), control("rules"), holidays("2025-12-31", short=True),
                household(behind=lag, outcomes=outcomes()), alert(behind=lag),
                figures(judged(events=population(groups=[group]), challenger_ahead=3, review=True))):  # fmt: skip
        served.made.arrives(row)
    seen = open_page(width, 740)
    page = seen.page
    sign_in(page, served.address)
    for link, heading, text in (
        (
            "Annabel",
            "Where this is heading",
            "Lower bound. When this was said: Northmere Police: nothing new for 3 hours.",
        ),
        ("Controls", "Rules: when an alert is raised, and for whom", "Version 4 comes into force"),
        ("Demand", "New episodes of need or plan", "45 (35 to 55)"),
        ("Models", "By coded group; counts to the nearest 5", "A review is asked for"),
    ):
        if link in ("Demand", "Models"):
            page.get_by_role("link", name="Insights", exact=True).click()
        page.get_by_role("link", name=link).first.click()
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        expect(page.get_by_text(text).first).to_be_visible()
        expect(page.locator("h1")).to_have_count(1)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, f"{link} scrolls sideways by {wide} px"
        shot(page, f"{link.lower()}-ahead-{width}" if link == "Annabel" else f"{link.lower()}-{width}")
        if link == "Annabel":
            page.goto(served.address + "/inbox/mash")
    expect(page.get_by_role("link", name="Insights", exact=True)).to_have_attribute("aria-current", "page")
    assert (seen.errors, seen.foreign) == ([], [])


def test_a_lower_rung_sees_whom_to_call_and_no_name(served: Served, open_page: Open) -> None:
    story(served)
    seen = open_page()
    sign_in(seen.page, served.address, "kit")
    text = seen.page.locator("main").inner_text()
    assert "Northmere Police" in text
    assert not [word for word in ("Quillfeather", "Ormsby", "Violence", "14.3") if word in text]
    shot(seen.page, "inbox-rung-1")


def test_an_interrupted_inbox_resumes_and_says_so(served: Served, open_page: Open) -> None:
    seen = open_page()
    page = seen.page
    sign_in(page, served.address)
    expect(page.get_by_text("Nothing here.")).to_be_visible()
    page.context.set_offline(True)
    served.made.arrives(alert())
    page.evaluate("htmx.trigger('#rows', 'sse:changed')")
    expect(page.get_by_text("Connection lost.")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_role("link", name="Annabel Quillfeather")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("Connection lost.")).to_be_hidden()
    assert seen.foreign == []
