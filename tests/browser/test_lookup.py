"""Looking somebody up in a real browser: typed, waited for, found; and that nothing of it stands in an address."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Served, Watched, shot
from tests.browser.test_desk import sign_in
from tests.unit.bridge.desk.support import ANN, BEN, found, match

pytestmark = pytest.mark.browser
Open = Callable[..., Watched]
ANSWER = re.compile("/look-up/[0-9a-f]{32}$")


def fits(page: Page) -> None:
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0, f"{page.url} scrolls sideways by {wide} px"


def fill(page: Page, year: str = "2016") -> None:
    for label, value in (("Given name", "Benedikt"), ("Surname", "Quilfeather"), ("Day", "31"), ("Month", "1")):
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_label("Year", exact=True).fill(year)
    page.get_by_label("What for").select_option(label="Safeguarding a child")


@pytest.mark.parametrize("width", [1180, 360])
def test_somebody_is_typed_waited_for_and_found(served: Served, open_page: Open, width: int) -> None:
    seen = open_page(width, 800)
    page = seen.page
    addresses: list[str] = []
    page.on("request", lambda asked: addresses.append(asked.url))
    sign_in(page, served.address)
    page.get_by_role("link", name="Look up").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look up")
    fits(page)
    shot(page, f"look-up-{width}")
    fill(page, "2061")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_role("alert")).to_contain_text("Enter a birth date in the past")
    fits(page)
    shot(page, f"look-up-wrong-{width}")
    assert [text for text in seen.errors if "400" not in text] == [], "the browser tells of the answer's status"
    seen.errors.clear()
    page.get_by_role("link", name="Enter a birth date in the past").click()
    expect(page.get_by_label("Day", exact=True)).to_be_focused()
    page.get_by_label("Year", exact=True).fill("2016")
    page.get_by_role("button", name="Look up").click()
    expect(page).to_have_url(ANSWER)
    expect(page.get_by_text("are being compared")).to_be_visible()
    shot(page, f"look-up-waits-{width}")
    lookup_id = page.url.rpartition("/")[2]
    served.made.arrives(found(lookup_id, match(BEN), match(ANN, household="beef"), match(household="cafe")))
    expect(page.get_by_text("Benedict Ivo Quillfeather")).to_be_visible()
    expect(page.get_by_text("3 people match.")).to_be_visible()
    expect(page.get_by_text("Not known to us")).to_be_visible()
    fits(page)
    shot(page, f"look-up-found-{width}")
    asked = len([address for address in addresses if address.endswith("/answer")])
    page.wait_for_timeout(1_500)
    assert len([address for address in addresses if address.endswith("/answer")]) == asked, "it waits no longer"
    assert not [address for address in addresses if "quil" in address.lower() or "2016" in address]
    assert "Quil" not in page.title()
    assert (seen.errors, seen.foreign) == ([], [])


def test_nobody_found_says_what_that_means(served: Served, open_page: Open) -> None:
    seen = open_page(360, 740)
    page = seen.page
    sign_in(page, served.address)
    page.goto(f"{served.address}/look-up")
    fill(page)
    page.get_by_label("Why, if it needs saying").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(ANSWER)
    served.made.arrives(found(page.url.rpartition("/")[2]))
    expect(page.get_by_text("Nobody was found.")).to_be_visible()
    expect(page.get_by_text("That is no proof that nobody knows them")).to_be_visible()
    fits(page)
    shot(page, "look-up-nobody-360")
    assert (seen.errors, seen.foreign) == ([], [])
