"""Insights in a real browser: tables that read, pictures that fit, and the way to the households behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from bridge.desk.tables.shown import FORMS
from tests.browser.conftest import Served, Watched, shot
from tests.browser.test_desk import sign_in
from tests.unit.bridge.desk.support import ANN, BEN, household, insight, profile

pytestmark = pytest.mark.browser
Open = Callable[..., Watched]


@pytest.mark.parametrize("width", [1180, 360])
def test_tables_and_their_pictures_fit_and_lead_to_the_households_behind(
    served: Served, open_page: Open, width: int
) -> None:
    for name in FORMS:
        served.made.arrives(insight(name))
    served.made.arrives(household("ab" * 16, records=[ANN.hex(), BEN.hex()]))
    served.made.people.profiles[ANN] = profile(ANN, "protection_plan")
    seen = open_page(width=width)
    page = seen.page
    sign_in(page, served.address)
    page.get_by_role("link", name="Insights", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Insights")
    assert page.get_by_role("table").count() == len(FORMS)
    assert page.locator("th:not([scope])").count() == 0
    assert page.locator(".desk-chart[aria-hidden=true]").count() == page.locator(".desk-chart").count() == 3
    widths = page.locator(".desk-chart__bar").evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
    assert min(widths) > 100
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    shot(page, f"insights-{width}")
    page.get_by_role("link", name="Protection plan", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Own households: protection plan")
    expect(page.get_by_text("Annabel Quillfeather")).to_be_visible()
    expect(page.get_by_role("link", name="Request to view")).to_have_attribute("href", f"/households/{'ab' * 16}")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    shot(page, f"insights-households-{width}")
    assert (seen.errors, seen.foreign) == ([], [])
