"""Who is in the stories: children, users of the desks with a browser each, what they do again and again, pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from playwright.sync_api import Browser, Locator, Page

from demo import settings
from tests.chromium import Watched, shot
from tests.integration.county import eventually
from tests.integration.northmere import Child, Northmere

SLOW_MS: Final = 30_000  # a desk that starts again on a busy machine

CHILDREN: Final = {
    "mary": Child("0001", "Mary", "Persephone", "Quillfeather", "2016-05-03", "12", "Larkspur Way", "ZE1 9XX"),
    "odalys": Child("0002", "Odalys", "Fern", "Thistlewood", "2013-08-21", "7", "Tansy Close", "ZE2 8YY"),
    "odile": Child("0007", "Odile", "Wren", "Butterworth", "2014-10-02", "18", "Teasel Street", "ZE7 3TT"),
    "zephyrine": Child("0003", "Zephyrine", "", "Porringer", "2014-03-09", "31", "Sorrel Road", "ZE3 7ZZ",
                       held_by=("police",)),
    "rosalind": Child("0004", "Rosalind", "Ione", "Featherstonehaugh", "2012-11-30", "4", "Yarrow Lane", "ZE4 6WW"),
    "tobias": Child("0005", "Tobias", "Lark", "Wrenfield", "2015-01-17", "22", "Bramble Rise", "ZE5 5VV", team="EAST"),
    "ottoline": Child("0006", "Ottoline", "May", "Marchbanks", "2017-07-07", "9", "Clover Court", "ZE6 4UU", plan=True,
                      held_by=("council", "hospital")),
}  # fmt: skip
"""Children of the stories, each in a home of their own; the council has a middle name that nobody else has."""


class Cast:
    """A browser for each user, signed in; `told` holds every address and title that it saw."""

    def __init__(self, browser: Browser, northmere: Northmere) -> None:
        self._browser, self._northmere = browser, northmere
        self._seen: dict[tuple[str, str], Watched] = {}
        self.told: set[str] = set()

    def __call__(self, agency: str, login: str) -> Page:
        """A user's page."""
        if (agency, login) not in self._seen:
            self._seen[agency, login] = self._enter(agency, login)
        return self._seen[agency, login].page

    def close(self) -> None:
        """Close them all."""
        for seen in self._seen.values():
            seen.page.context.close()

    def watched(self) -> list[Watched]:
        """All pages."""
        return list(self._seen.values())

    def _enter(self, agency: str, login: str) -> Watched:
        context = self._browser.new_context(
            viewport={"width": 1180, "height": 900}, locale="en-GB", timezone_id="Europe/London"
        )
        context.set_default_timeout(SLOW_MS)
        seen = Watched(context.new_page(), self._northmere.address(agency))
        seen.page.on("request", lambda asked: self.told.add(asked.url))
        seen.page.on("domcontentloaded", lambda page: self.told.add(page.title()))
        seen.page.goto(self._northmere.address(agency))
        seen.page.get_by_label("User name").fill(login)
        seen.page.get_by_label("Password").fill(settings.PASSWORD)
        seen.page.keyboard.press("Enter")
        seen.page.wait_for_url(lambda url: "/sign-in" not in url)
        return seen


def picture(page: Page, name: str) -> None:
    """A page as it is on a desk's screen, kept as build output."""
    shot(page, f"story-{name}")


def pictures(page: Page, name: str) -> None:
    """The same, and as it is on a small phone, where nothing scrolls sideways."""
    picture(page, name)
    wide = page.viewport_size
    page.set_viewport_size({"width": 360, "height": 740})
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert over == 0, f"{page.url} scrolls sideways by {over} px"
    picture(page, f"{name}-360")
    page.set_viewport_size(wide or {"width": 1180, "height": 900})


def unfold(page: Page, title: str) -> None:
    """Open a part of a page."""
    page.locator("summary").get_by_text(title, exact=True).click()


def confirm(page: Page) -> None:
    """Prove again who one is."""
    page.get_by_label("Password").fill(settings.PASSWORD)
    page.get_by_role("button", name="Confirm").click()


def full_name(who: str) -> str:
    one = CHILDREN[who]
    return " ".join(part for part in (one.given, one.middle, one.surname) if part)


def to(page: Page, path: str) -> Page:
    """Another page of the same desk."""
    page.goto("/".join(page.url.split("/")[:3]) + path)
    return page


def not_reloaded(page: Page) -> bool:
    return bool(page.evaluate("window.mark === 'the same page'"))


def mark(page: Page) -> None:
    page.evaluate("window.mark = 'the same page'")


def card(page: Page, who: str) -> Locator:
    return page.get_by_role("link", name=full_name(who))


def look_again(page: Page, what: Locator) -> None:
    """The page of a request, until it shows something."""

    def shows() -> bool:
        page.reload()
        return what.count() > 0

    eventually(shows, "the answer")


def ask(page: Page, alert: Mapping[str, Any], what: str) -> str:
    """Ask the police for something; the path of the request."""
    to(page, f"/alerts/{alert['alert_id']}")
    unfold(page, "Ask for something else")
    form = page.get_by_role("form", name="Northmere Police")
    form.get_by_label("What", exact=True).select_option(label=what)
    form.get_by_label("What for").select_option(label="to protect a child")
    form.get_by_label("On which basis").select_option(label="a duty to share")
    form.get_by_role("button", name="Ask Northmere Police").click()
    page.wait_for_url("**/requests/*")
    return "/requests/" + page.url.rpartition("/")[2]
