"""Cases in a real browser: household, person, summary, print on A4, my children, the subject report."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from bridge.desk.accounts import Account, write
from tests.browser.conftest import SHOTS, Served, Watched, shot
from tests.browser.test_desk import sign_in
from tests.unit.bridge.desk.support import (
    _HASH,
    ANN,
    BEN,
    CAT,
    HOUR_MS,
    NOW,
    alert,
    event,
    household,
    outcomes,
    presence,
    profile,
)

pytestmark = pytest.mark.browser
Open = Callable[..., Watched]
A4_POINTS = (594.96, 841.92)  # as Chromium writes it


def family(served: Served) -> None:
    """A mother, her son, a baby expected; two years of contacts; an alert and a presence notice."""
    made = served.made
    plan = {"kind": "in_need", "started_at": NOW - 400 * 24 * HOUR_MS, "ended_at": NOW - 200 * 24 * HOUR_MS}
    made.people.profiles = {
        CAT: profile(CAT, age_band="adult"),
        ANN: profile(ANN, age_band="unborn", unborn_of=CAT),
        BEN: profile(BEN, statuses=[plan]),
    }
    made.people.events[BEN] = [
        event(kind, days, texts=[f"Note of day {days}: school called, mother was open about money."])
        for days, kind in enumerate(["referral", "contact_nfa", "assessment", "early_help"] * 8, start=2)
    ]
    made.arrives(household("f00d", records=[one.hex() for one in (ANN, BEN, CAT)], factors=alert()["factors"],
                           outcomes=outcomes(), behind=[{"agency": "police", "behind_s": 3 * 3600}]))  # fmt: skip
    made.arrives(alert(records=[ANN, BEN, CAT]))
    made.arrives(presence(records=[BEN]))


def is_narrow(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.parametrize("width", [1180, 360])
def test_from_an_alert_to_the_whole_case(served: Served, open_page: Open, width: int) -> None:
    family(served)
    seen = open_page(width, 800)
    page = seen.page
    sign_in(page, served.address)
    page.goto(served.address + "/alerts/" + "a1" * 16)
    page.get_by_role("link", name="The whole household").click()
    steps = (
        ("case-household", "Household f00d", "This is a lower bound"),
        ("case-person", "Benedict Ivo Quillfeather", "Note of day 2"),
        ("case-summary", "Case summary: Benedict Ivo Quillfeather", "You read this for the first time."),
        ("case-children", "My children: Front door", "3 people are allocated"),
    )
    for name, heading, text in steps:
        if name == "case-person":
            page.get_by_role("link", name="Benedict Ivo Quillfeather").first.click()
        elif name == "case-summary":
            page.get_by_role("link", name="Summary, all agencies").click()
        elif name == "case-children":
            page.get_by_role("link", name="My children").click()
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        expect(page.get_by_text(text).first).to_be_visible()
        expect(page.locator("h1")).to_have_count(1)
        assert is_narrow(page), f"{name} scrolls sideways"
        shot(page, f"{name}-{width}")
    expect(page.get_by_role("link", name="My children")).to_have_attribute("aria-current", "page")
    assert (seen.errors, seen.foreign) == ([], [])


def test_a_summary_is_confined_to_one_system_by_one_touch(served: Served, open_page: Open) -> None:
    family(served)
    seen = open_page()
    page = seen.page
    sign_in(page, served.address)
    page.goto(f"{served.address}/summary/{BEN.hex()}")
    expect(page.get_by_role("heading", name="What was seen, by all agencies")).to_be_visible()
    page.get_by_role("link", name="Carefile only").click()
    expect(page.get_by_role("link", name="Carefile only")).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("heading", name="Timeline of our own records")).to_be_visible()
    expect(page.get_by_text("Northmere Police")).to_have_count(0)
    assert (seen.errors, seen.foreign) == ([], [])


def test_the_print_view_is_pages_of_a4_without_navigation(served: Served, open_page: Open) -> None:
    family(served)
    seen = open_page()
    page = seen.page
    sign_in(page, served.address)
    page.goto(f"{served.address}/summary/f00d")
    page.get_by_role("link", name="Print view").click()
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    page.emulate_media(media="print")
    for hidden in (
        page.get_by_role("button", name="Print"),
        page.locator(".desk-header"),
        page.locator(".desk-footer"),
    ):
        expect(hidden).to_be_hidden()
    expect(page.get_by_text("Contains personal data.").first).to_be_visible()
    made = page.pdf(path=SHOTS.parent / "case-summary.pdf", prefer_css_page_size=True)
    sizes = {(float(wide), float(high)) for wide, high in
             re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", made)}  # fmt: skip
    assert len(sizes) == 1
    assert all(abs(one - other) < 1 for one, other in zip(sizes.pop(), A4_POINTS, strict=True))
    assert made.count(b"/Type /Page\n") + made.count(b"/Type /Page ") > 1
    assert (seen.errors, seen.foreign) == ([], [])


@pytest.mark.parametrize("width", [1180, 360])
def test_a_supervisor_makes_the_subject_report(served: Served, open_page: Open, width: int) -> None:
    family(served)
    made = served.made
    sol = Account("u-sol", "sol", "Sol Super", _HASH, ("mash",), ("supervisor",), ("rung-4",))
    sam = made.desk.accounts.user("u-sam")
    assert sam
    write(made.config.accounts, [replace(sam, roles=("social_worker",)), sol])
    seen = open_page(width, 800)
    page = seen.page
    sign_in(page, served.address)
    page.goto(f"{served.address}/summary/{BEN.hex()}")
    page.get_by_role("button", name="Sign out", exact=True).click()
    sign_in(page, served.address, "sol")
    page.goto(f"{served.address}/people/{BEN.hex()}")
    page.get_by_role("link", name="What was shared about this person").click()
    expect(page.get_by_text("A social worker, Front door").first).to_be_visible()
    assert is_narrow(page)
    shot(page, f"case-report-{width}")
    page.get_by_role("link", name="Print view for the person").click()
    expect(page.get_by_text("Ask us if anything is unclear or wrong.")).to_be_visible()
    assert is_narrow(page)
    assert (seen.errors, seen.foreign) == ([], [])
