"""Users of Northmere's desks, a browser each: how they sign in, what their pages may never do, and their pictures."""

from __future__ import annotations

from playwright.sync_api import Browser, Page

from demo import settings
from tests.chromium import Watched, shot
from tests.integration.northmere import Northmere

SLOW_MS = 30_000  # a desk that starts again on a busy machine


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
