"""Signing in and stepping up at a real, certified OpenID provider, in a real browser.

Desk and provider are on different sites (127.0.0.1 and localhost), as in life: strict cookies stay behind on the way.
"""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import Served, serving
from tests.node import tools
from tests.unit.bridge.desk.support import SECRET, Made, alert, token

pytestmark = pytest.mark.browser


@pytest.fixture
def served(tmp_path: Path, redis_url: str) -> Iterator[Served]:
    with contextlib.ExitStack() as stack:

        def make(address: str) -> Made:
            issuer = stack.enter_context(tools.provider(f"{address}/sign-in/callback", SECRET))
            oidc = {"issuer": issuer, "client_id": "desk", "client_secret_file": "secret", "address": address}
            return Made(tmp_path, redis_url, {"sam": 4, "alex": 4}, oidc={"oidc": oidc})

        yield stack.enter_context(serving(make))


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context() as context:
        context.set_default_timeout(10_000)
        yield context


def sign_in(page: Page, address: str, login: str = "sam") -> None:
    page.goto(address)
    page.get_by_role("button", name="Sign in with your agency's account").click()
    at_provider(page, login)


def at_provider(page: Page, login: str) -> None:
    page.wait_for_url("http://localhost:*/interaction/*")
    page.locator("input[name=login]").fill(login)
    page.locator("input[name=password]").fill("anything")
    page.keyboard.press("Enter")


def session(context: BrowserContext) -> str:
    return next((cookie["value"] for cookie in context.cookies() if cookie["name"] == "sightline_session"), "")


def test_a_user_signs_in_steps_up_and_out_at_the_provider(served: Served, context: BrowserContext) -> None:
    served.made.arrives(alert())
    page = context.new_page()
    errors: list[str] = []
    ours = served.address
    page.on("console", lambda said: errors.append(said.text) if ours in said.location["url"] else None)
    sign_in(page, served.address)
    page.wait_for_url(f"{served.address}/inbox/mash")
    expect(page.get_by_role("link", name="Annabel Quillfeather")).to_be_visible()

    first = session(context)
    page.goto(f"{served.address}/step-up?next=/suggestions")
    page.get_by_role("button", name="Go to your agency's sign-in").click()
    at_provider(page, "sam")  # though the provider still knows the browser: it was told to ask again
    page.wait_for_url(f"{served.address}/suggestions")
    assert session(context) not in ("", first)

    page.get_by_role("button", name="Sign out everywhere").click()
    page.wait_for_url(f"{served.address}/sign-in")
    assert session(context) == ""
    assert errors == []


def test_another_person_cannot_step_a_session_up(served: Served, context: BrowserContext) -> None:
    page = context.new_page()
    sign_in(page, served.address)
    page.wait_for_url(f"{served.address}/inbox/mash")
    page.goto(f"{served.address}/step-up")
    page.get_by_role("button", name="Go to your agency's sign-in").click()
    at_provider(page, "alex")
    expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()


def test_who_has_no_account_here_is_told_so(served: Served, context: BrowserContext) -> None:
    page = context.new_page()
    sign_in(page, served.address, "stranger")
    expect(page.get_by_text("you have no account for Sightline")).to_be_visible()
    assert session(context) == ""


def to_callback(client: httpx.Client, address: str) -> str:
    """Sign in at the provider without a browser; where it sends one back to."""
    form = client.get(f"{address}/sign-in").text
    onward = client.post(f"{address}/sign-in/provider", data={"csrf": token(form)}).text
    answer = client.get(html.unescape(found(r'content="0;url=([^"]+)"', onward)))
    while not answer.headers.get("location", "").startswith(f"{address}/sign-in/callback"):
        if answer.is_redirect:
            answer = client.get(urljoin(str(answer.url), answer.headers["location"]))
        else:
            data = {"prompt": "login", "login": "sam", "password": "anything"}
            answer = client.post(found(r'action="([^"]+)"', answer.text), data=data)
    return str(answer.headers["location"])


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, text
    return match[1]


def test_what_came_back_serves_once_and_only_the_browser_that_asked(served: Served) -> None:
    with httpx.Client() as client, httpx.Client() as thief:
        answer = to_callback(client, served.address)
        assert {"code", "state", "iss"} == set(parse_qs(urlsplit(answer).query))
        for who in (thief, client):
            assert who.get(answer).status_code == 403, "what somebody else has tried is used up"
            assert who.get(f"{served.address}/inbox/mash").status_code == 303
        assert client.get(to_callback(client, served.address)).status_code == 200
        assert client.get(f"{served.address}/inbox/mash").status_code == 200


@pytest.mark.parametrize("part", ["state", "code", "iss"])
def test_a_changed_answer_signs_nobody_in(served: Served, part: str) -> None:
    with httpx.Client() as client:
        answer = to_callback(client, served.address).replace(f"{part}=", f"{part}=x")
        assert client.get(answer).status_code == 403
        assert client.get(f"{served.address}/inbox/mash").status_code == 303
