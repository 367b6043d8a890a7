"""axe over every page of the desk, in a real browser: no serious and no critical finding.

The pages are the application's own GET routes, filled as tests/unit/bridge/desk/surface.py says. What is found is
kept in build/axe.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import SHOTS, Served, serving
from tests.browser.test_desk import sign_in, story
from tests.node import tools
from tests.unit.bridge.desk import surface
from tests.unit.bridge.desk.support import PASSWORD, Made
from tests.unit.bridge.desk.surface import calls

pytestmark = pytest.mark.browser

NOT_PAGES = {
    "/": "sends on to the inbox",
    "/healthz": "one word for a machine",
    "/inbox/{team}/rows": "part of the inbox, which is looked at whole",
    "/inbox/{team}/status": "part of the inbox",
    "/inbox/{team}/stream": "a stream",
    "/look-up/{lookup_id}/answer": "part of the answer's page",
    "/controls/drafts/{draft}/whatif": "part of the page of a draft, which is looked at whole",
    "/summary/{subject}/export": "a file",
    "/sign-in/callback": "sends on, or shows the page of an error, which is looked at as /nowhere",
}
"""GET routes that answer with no page of their own, and why; a new one is looked at unless it stands here."""
AS = {"/sign-in": "", "/sign-in?ended=1": "", "/nowhere": "sam", "/no-team": "tess"}
"""Who opens a page, where it is not `sam`; and pages that are no route."""
WIDTHS = (1180, 360)
OUT = SHOTS.parent / "axe.json"
RUN = """() => axe.run(document, {resultTypes: ["violations"],
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})"""


@pytest.fixture
def served(tmp_path: Path, redis_url: str) -> Iterator[Served]:
    with serving(lambda _: Made(tmp_path, redis_url, {"kit": 1}, more=[surface.SAM])) as served:
        yield served


def pages(served: Served, values: Sequence[surface.Values]) -> list[str]:
    """Every page, by its path."""
    every = calls(served.made.app(), values)
    assert {*NOT_PAGES} <= {call.route for call in every}, "NOT_PAGES names a route that is gone"
    paths = [call.path for call in every if call.method == "GET" and call.route not in NOT_PAGES]
    return [*paths, *(path for path in AS if path not in paths)]


def look(page: Page, path: str, address: str, script: str) -> list[dict[str, Any]]:
    """What axe finds on one page."""
    answer = page.goto(address + path)
    kind = answer.headers.get("content-type", "") if answer else ""
    assert kind.startswith("text/html"), f"{path} is no page ({kind}): say so in NOT_PAGES of {__file__}"
    assert page.url == address + path, f"{path} leads to {page.url}: what opens it is missing in {surface.__file__}"
    assert page.locator("h1").count() == 1, f"{path}: one h1 expected"
    page.evaluate(script)
    found: list[dict[str, Any]] = page.evaluate(RUN)["violations"]
    return found


def step_up(page: Page, address: str) -> None:
    """Say again who one is: some pages ask for it."""
    page.goto(f"{address}/step-up")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/inbox/mash")


def test_no_page_has_a_serious_finding(browser: Browser, served: Served) -> None:
    values = surface.fill(served.made)
    story(served)
    paths = pages(served, values)
    script, told, wrong = tools.axe(), {}, []
    for width in WIDTHS:
        for who in ("", "sam", "tess"):
            with browser.new_context(viewport={"width": width, "height": 900}) as context:
                page = context.new_page()
                if who == "tess":
                    sign_in(page, served.address, who, "**/no-team")
                elif who:
                    sign_in(page, served.address, who)
                    step_up(page, served.address)
                for path in (path for path in paths if AS.get(path, "sam") == who):
                    found = look(page, path, served.address, script)
                    told[f"{path} {width}"] = {rule["id"]: [rule["impact"], len(rule["nodes"])] for rule in found}
                    wrong += [
                        (path, width, rule["id"], node["html"][:200], node["failureSummary"])
                        for rule in found
                        if rule["impact"] in ("serious", "critical")
                        for node in rule["nodes"]
                    ]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(told, indent=1))
    assert len(told) >= 2 * 12
    assert not wrong, "\n".join(map(str, wrong))


def test_axe_finds_what_is_wrong(browser: Browser, served: Served) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{served.address}/sign-in")
        page.evaluate("() => document.querySelectorAll('label').forEach(label => label.remove())")
        page.evaluate(tools.axe())
        found = page.evaluate(RUN)["violations"]
    assert "critical" in [rule["impact"] for rule in found]
