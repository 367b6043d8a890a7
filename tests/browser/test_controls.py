"""Rules changed by two persons in two browsers; pictures at two widths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Served, Watched, serving, shot
from tests.unit.bridge.desk.support import PASSWORD, Made
from tests.unit.bridge.desk.test_controls_change import WHY, account, answers, rules

pytestmark = pytest.mark.browser
Open = Callable[..., Watched]


@pytest.fixture
def served(tmp_path: Path, redis_url: str) -> Iterator[Served]:
    with serving(lambda _: Made(tmp_path, redis_url, {"ann": 4}, more=[account("gale"), account("cal")])) as desk:
        desk.made.arrives(rules())
        yield desk


def begin(page: Page, address: str, login: str) -> None:
    """Sign in, and say again who one is."""
    page.goto(address)
    page.get_by_label("User name").fill(login)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/governance")
    page.get_by_role("link", name="Controls").click()


def confirm(page: Page) -> None:
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()


def narrow(page: Page) -> None:
    """Nothing scrolls sideways."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0, f"{page.url} scrolls sideways by {wide} px"


@pytest.mark.parametrize("width", [1180, 360])
def test_one_drafts_the_other_sees_what_would_change_without_reload_and_signs(
    served: Served, open_page: Open, width: int
) -> None:
    gale, cal = open_page(width), open_page(width)
    page = gale.page
    begin(page, served.address, "gale")
    page.get_by_role("button", name="Change the rules").click()
    confirm(page)
    expect(page.get_by_label("Line that clears")).to_have_value("0.6")
    page.get_by_label("Line that raises").fill("0.5")
    page.locator("#form-reason").fill(WHY)
    narrow(page)
    shot(page, f"controls-change-{width}")
    page.get_by_role("button", name="Draft and sign").first.click()
    expect(page.get_by_text("Waits for a second signature")).to_be_visible()
    expect(page.get_by_text("The platform runs it over the history")).to_be_visible()
    path = page.url.removeprefix(served.address)

    begin(cal.page, served.address, "cal")
    cal.page.get_by_role("link", name="Rules, version 4").click()
    expect(cal.page.get_by_label("I sign without a comparison")).to_be_visible()
    answers(served.made, path)
    expect(cal.page.get_by_text("11 more alerts a week, 3 more true over the whole time.")).to_be_visible()
    expect(cal.page.get_by_label("I sign without a comparison")).to_have_count(0)
    narrow(cal.page)
    shot(cal.page, f"controls-draft-{width}")
    cal.page.get_by_role("button", name="Sign and send").click()
    confirm(cal.page)
    cal.page.get_by_role("button", name="Sign and send").click()
    expect(cal.page.get_by_text("Sent; the platform has not answered yet")).to_be_visible()
    assert len(served.made.governor.controls) == 1
    cal.page.goto(served.address + "/controls")
    narrow(cal.page)
    shot(cal.page, f"controls-{width}")
    assert (gale.errors, gale.foreign, cal.errors, cal.foreign) == ([], [], [], [])
