"""What a desk believes of an identity provider: only what was signed for it, for this browser, now and once."""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from bridge.desk.audit import entries
from tests.unit.bridge.desk.support import PASSWORD, Client, Made, alert, sign_in, token

ISSUER = "https://id.example"
KEY, OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one"}), RSAKey.generate_key(2048, {"kid": "one"})
SETTINGS = {
    "issuer": ISSUER,
    "client_id": "desk",
    "client_secret_file": "secret",
    "address": "http://localhost",
}
Change = dict[str, Any]


class Issuer(httpx2.MockTransport):
    """A provider that says whatever it is told to say."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.metadata: Change = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/auth",
            "token_endpoint": f"{ISSUER}/token",
            "userinfo_endpoint": f"{ISSUER}/me",
            "jwks_uri": f"{ISSUER}/jwks",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }
        self.claims: Change = {}
        self.profile: Change = {"sub": "subject-1", "preferred_username": "sam"}
        self.sign: Callable[[Change], str] = lambda claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, KEY)
        self.down = False
        self.asked: list[Change] = []
        self.nonce = ""

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        if self.down:
            raise httpx2.ConnectError("nobody there")
        path = request.url.path
        if path == "/token":
            self.asked.append({**parse_qs(request.content.decode()), "by": request.headers["authorization"]})
            return httpx2.Response(200, json={"access_token": "a", "token_type": "Bearer", "id_token": self._token()})
        said = {
            "/.well-known/openid-configuration": self.metadata,
            "/jwks": {"keys": [KEY.as_dict(private=False)]},
            "/me": self.profile,
        }
        return httpx2.Response(200, json=said[path])

    def _token(self) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER, "sub": "subject-1", "aud": "desk", "exp": now + 60, "iat": now, "nonce": self.nonce,
            "preferred_username": "sam", **self.claims,
        }  # fmt: skip
        return self.sign({name: value for name, value in claims.items() if value is not None})


class Desk:
    """A desk with that provider, and a browser."""

    def __init__(self, made: Made, client: Client, issuer: Issuer) -> None:
        self.made, self.client, self.issuer = made, client, issuer

    def start(self) -> dict[str, str]:
        """Leave for the provider; the query that the browser takes there."""
        form = token(self.client.get("/sign-in").text)
        return self.there(self.client.post("/sign-in/provider", data={"csrf": form}))

    def there(self, answer: httpx.Response) -> dict[str, str]:
        assert answer.status_code == 200, answer.text
        found = re.search(r'url=(https://id\.example/auth\?[^"]+)"', answer.text)
        assert found
        asked = {name: values[0] for name, values in parse_qs(urlsplit(found[1].replace("&amp;", "&")).query).items()}
        self.issuer.nonce = asked["nonce"]
        return asked

    def back(self, **query: str) -> httpx.Response:
        return self.client.get("/sign-in/callback", params=query)

    def sign_in(self) -> httpx.Response:
        return self.back(code="c", state=self.start()["state"])

    def signed_in(self) -> bool:
        return self.client.get("/inbox/mash").status_code == 200


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def desk(tmp_path: Path, redis_url: str, issuer: Issuer) -> Iterator[Desk]:
    yield from _desk(tmp_path, redis_url, issuer, {})


@pytest.fixture
def strong(tmp_path: Path, redis_url: str, issuer: Issuer) -> Iterator[Desk]:
    yield from _desk(tmp_path, redis_url, issuer, {"step_up_acr": ["high"], "step_up_amr": ["mfa", "hwk"]})


def _desk(folder: Path, redis_url: str, issuer: Issuer, more: Change) -> Iterator[Desk]:
    made = Made(folder, redis_url, oidc={"oidc": {**SETTINGS, **more}}, transport=issuer)
    with Client(made) as client:
        yield Desk(made, client, issuer)
    made.close()


def test_whom_the_provider_vouches_for_is_signed_in_as_the_accounts_say(desk: Desk) -> None:
    desk.made.arrives(alert())
    asked = desk.start()
    assert (asked["response_type"], asked["code_challenge_method"], asked["scope"]) == (
        "code",
        "S256",
        "openid profile",
    )
    assert asked["redirect_uri"] == "http://localhost/sign-in/callback"
    answer = desk.back(code="c", state=asked["state"], iss=ISSUER)
    assert answer.status_code == 200, (
        "a page, not a redirect: a browser keeps a strict cookie back on one from elsewhere"
    )
    assert 'content="0;url=/"' in answer.text
    assert "Quillfeather" in desk.client.get("/inbox/mash").text
    (sent,) = desk.issuer.asked
    assert sent["redirect_uri"] == ["http://localhost/sign-in/callback"]
    assert len(sent["code_verifier"][0]) >= 43
    assert sent["by"].startswith("Basic "), "the desk proves itself too"
    assert next(entries(desk.made.config.audit))["action"] == "sign_in"


def test_a_profile_that_is_not_in_the_token_is_asked_for(desk: Desk) -> None:
    desk.issuer.claims = {"preferred_username": None}
    desk.sign_in()
    assert desk.signed_in()


def _part(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _raw(header: Change, claims: Change) -> str:
    return ".".join(_part(json.dumps(part).encode()) for part in (header, claims))


def _unsigned(claims: Change) -> str:
    return _raw({"alg": "none"}, claims) + "."


def _by_what_is_public(claims: Change) -> str:
    """A library that let the token choose how it is checked would take the public key for a shared one."""
    text = _raw({"alg": "HS256", "kid": "one"}, claims)
    return f"{text}.{_part(hmac.digest(KEY.as_pem(private=False), text.encode(), 'sha256'))}"


def _by_another(claims: Change) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, OTHER_KEY)


NOW = int(time.time())
TOKENS: dict[str, Change] = {
    "for another audience": {"aud": "another"},
    "for another audience, though to us": {"aud": "another", "azp": "desk"},
    "for two, and to the other": {"aud": ["desk", "another"], "azp": "another"},
    "for nobody": {"aud": None},
    "of another issuer": {"iss": "https://evil.example"},
    "of no issuer": {"iss": None},
    "expired": {"exp": NOW - 120, "iat": NOW - 300},
    "without an end": {"exp": None},
    "not yet valid": {"nbf": NOW + 3600},
    "with another nonce": {"nonce": "another"},
    "without a nonce": {"nonce": None},
    "for another access token": {"at_hash": "AAAA"},
    "without a subject": {"sub": None},
    "with a login that is no text": {"preferred_username": ["sam"]},
    "with a login without end": {"preferred_username": "s" * 200},
    "that says nonces need not be checked": {"nonce": "another", "nonce_supported": False},
}


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_is_refused(desk: Desk, name: str) -> None:
    desk.issuer.claims = TOKENS[name]
    answer = desk.sign_in()
    assert (answer.status_code, "You are not signed in" in answer.text) == (403, True)
    assert not desk.signed_in()


@pytest.mark.parametrize("sign", [_unsigned, _by_what_is_public, _by_another, lambda _: "no token", json.dumps])
def test_a_token_that_the_provider_did_not_sign_is_refused(desk: Desk, sign: Callable[[Change], str]) -> None:
    desk.issuer.sign = sign
    assert desk.sign_in().status_code == 403
    assert not desk.signed_in()


def test_the_same_way_is_gone_only_once(desk: Desk) -> None:
    asked = desk.start()
    cookie = desk.client.cookies["sightline_flow"]
    assert desk.back(code="c", state=asked["state"]).status_code == 200
    desk.client.cookies.clear()
    desk.client.cookies.set("sightline_flow", cookie, domain="testserver.local")
    assert desk.back(code="c", state=asked["state"]).status_code == 403
    assert len(desk.issuer.asked) == 1, "a code that was used is not even tried"


@pytest.mark.parametrize("how", ["no cookie", "another's cookie", "another's state", "no state"])
def test_an_answer_that_this_browser_did_not_ask_for_signs_nobody_in(desk: Desk, how: str) -> None:
    mine = desk.start()
    cookie = desk.client.cookies["sightline_flow"]
    yours = desk.start()
    if how == "no cookie":
        desk.client.cookies.clear()
    elif how == "another's cookie":
        desk.client.cookies.clear()
        desk.client.cookies.set("sightline_flow", cookie, domain="testserver.local")
    state = {"another's state": mine["state"], "no state": ""}.get(how, yours["state"])
    assert desk.back(code="c", state=state).status_code == 403
    assert desk.issuer.asked == []
    assert not desk.signed_in()


def test_an_answer_in_another_issuers_name_is_refused(desk: Desk) -> None:
    assert desk.back(code="c", state=desk.start()["state"], iss="https://evil.example").status_code == 403
    assert desk.issuer.asked == []


def test_what_the_provider_says_of_an_error_is_not_shown(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    answer = desk.back(state=desk.start()["state"], error="access_denied", error_description="Annabel Quillfeather")
    assert answer.status_code == 403
    assert "Quillfeather" not in answer.text + caplog.text


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://id.example/token"},
        {"id_token_signing_alg_values_supported": ["none", "HS256"]},
        {"jwks_uri": "http://id.example/jwks"},
    ],
)
def test_a_provider_that_is_not_ours_is_not_gone_to(desk: Desk, metadata: Change) -> None:
    desk.issuer.metadata.update(metadata)
    form = token(desk.client.get("/sign-in").text)
    assert desk.client.post("/sign-in/provider", data={"csrf": form}).status_code == 502


def test_a_provider_that_is_down_is_one_plain_page(desk: Desk) -> None:
    desk.issuer.down = True
    form = token(desk.client.get("/sign-in").text)
    answer = desk.client.post("/sign-in/provider", data={"csrf": form})
    assert (answer.status_code, "did not confirm" in answer.text) == (502, True)
    desk.issuer.down = False
    state = desk.start()["state"]
    desk.issuer.down = True
    assert desk.back(code="c", state=state).status_code == 403


def test_a_user_without_an_account_and_one_who_left_get_one_plain_answer(desk: Desk) -> None:
    desk.issuer.claims = {"preferred_username": "stranger"}
    stranger = desk.sign_in()
    assert (stranger.status_code, "have no account" in stranger.text) == (403, True)
    desk.issuer.claims = {}
    rows = json.loads(desk.made.config.accounts.read_text())["accounts"]
    desk.made.config.accounts.write_text(json.dumps({"accounts": [row for row in rows if row["login"] != "sam"]}))
    left = desk.sign_in()
    assert (left.status_code, left.text) == (stranger.status_code, stranger.text)
    assert not desk.signed_in()


def test_passwords_do_not_work_beside_a_provider_unless_the_settings_say_so(desk: Desk, tmp_path: Path) -> None:
    form = desk.client.get("/sign-in").text
    assert "Password" not in form
    answer = desk.client.post("/sign-in", data={"login": "sam", "password": PASSWORD, "csrf": token(form)})
    assert answer.status_code == 404
    url = desk.made.config.redis_url
    (tmp_path / "both").mkdir()
    made = Made(tmp_path / "both", url, oidc={"oidc": SETTINGS, "local_accounts": True}, transport=desk.issuer)
    with Client(made) as client:
        assert sign_in(client).status_code == 303
    made.close()


def test_a_sign_in_ends_the_session_that_the_browser_had(desk: Desk) -> None:
    desk.sign_in()
    first = desk.client.cookies["sightline_session"]
    desk.sign_in()
    assert desk.client.cookies["sightline_session"] != first
    desk.client.cookies.clear()
    desk.client.cookies.set("sightline_session", first, domain="testserver.local")
    assert not desk.signed_in()


def _step_up(desk: Desk, **claims: Any) -> httpx.Response:
    page = desk.client.get("/step-up", params={"next": "/suggestions"})
    assert "Password" not in page.text, "a password of the desk is no way round the provider"
    asked = desk.there(desk.client.post("/step-up", data={"csrf": token(page.text), "next": "/suggestions"}))
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    desk.issuer.claims = claims
    return desk.back(code="c", state=asked["state"])


def test_a_step_up_is_fresh_and_as_strong_as_was_asked(strong: Desk) -> None:
    strong.sign_in()
    before = strong.client.cookies["sightline_session"]
    now = int(time.time())
    for claims in (
        {"acr": "high", "amr": ["mfa"]},
        {"auth_time": now - 600, "acr": "high", "amr": ["mfa"]},
        {"auth_time": str(now), "acr": "high", "amr": ["mfa"]},
        {"auth_time": now, "acr": "low", "amr": ["mfa"]},
        {"auth_time": now, "acr": "high", "amr": ["pwd"]},
        {"auth_time": now, "acr": "high"},
        {"auth_time": now, "acr": "high", "amr": ["mfa"], "preferred_username": "tess"},
    ):
        assert _step_up(strong, **claims).status_code == 403, claims
    answer = _step_up(strong, auth_time=now, acr="high", amr=["pwd", "hwk"])
    assert 'content="0;url=/suggestions"' in answer.text
    assert strong.client.cookies["sightline_session"] != before
    assert [entry["action"] for entry in entries(strong.made.config.audit)].count("step_up") == 1


def test_a_step_up_after_the_session_has_ended_opens_nothing(desk: Desk) -> None:
    desk.sign_in()
    page = desk.client.get("/step-up")
    asked = desk.there(desk.client.post("/step-up", data={"csrf": token(page.text)}))
    desk.client.post("/sign-out/everywhere", data={"csrf": token(page.text)})
    desk.issuer.claims = {"auth_time": int(time.time())}
    assert desk.back(code="c", state=asked["state"]).status_code == 403
    assert not desk.signed_in()


def test_a_desk_without_a_provider_has_no_such_pages(tmp_path: Path, redis_url: str) -> None:
    made = Made(tmp_path, redis_url)
    with Client(made) as client:
        assert client.get("/sign-in/callback?code=c&state=s").status_code == 404
        assert client.post("/sign-in/provider", data={}).status_code == 404
    made.close()
