"""The agency's identity provider: sending a user there, and what must hold before what it says is believed.

Decides when a token proves who somebody is. Authlib speaks the protocol (authorization code with PKCE); what it
leaves to its caller is done here: the issuer and the audience are ours, the signature is of an asymmetric kind, the
answer comes to the browser that asked, once, and a step up is as fresh and as strong as was asked. What the user may
see is no matter of the provider's: that is in accounts.py.

Source: OpenID Connect Core 1.0, sections 3.1.2.1, 3.1.3.7; RFC 9700 (best current practice); RFC 9207 (`iss`).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx2
import msgspec
import redis.asyncio
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import StarletteOAuth2App
from joserfc.errors import JoseError

from bridge.desk.config import Oidc, encrypted

CALLBACK: Final = "/sign-in/callback"
FLOW_S: Final = 600  # a user may take so long at the provider
SKEW_S: Final = 30  # clocks of desk and provider may differ by so much
TIMEOUT_S: Final = 5.0  # for each step of an answer of the provider
FRESH_S: Final = 3600  # the provider's settings and keys are read again after so long; an unknown key, at once
LOGIN_MAX_CHARS: Final = 100
BYTES: Final = 32
SIGNED_BY: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Asymmetric alone: no `none`, and nothing that could be signed with what the provider publishes."""
ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")


class Refused(Exception):
    """Nobody is signed in by what came; the text is a word for the log and holds nothing that came."""


class Flow(msgspec.Struct, frozen=True, array_like=True):
    """A user on the way to the provider and back.

    Attributes:
        browser: Hash of the cookie of the browser that asked.
        nonce: Ties the token to this way.
        verifier: Ties the code to this way (PKCE).
        began_at: Wall time, ms.
        session: Key of the session the browser had; it ends, or is stepped up.
        user: Who steps up; empty for a sign-in.
        back: Own path to go on at.
    """

    browser: str
    nonce: str
    verifier: str
    began_at: int
    session: str
    user: str
    back: str


class Provider:
    """One identity provider.

    Args:
        config: Settings.
        secret: The desk's secret there.
        connection: Redis, asynchronous, which holds who is on the way.
        agency: This agency.
        clock: Wall time, ms.
        transport: How the provider is reached; over the network where None.
    """

    def __init__(  # noqa: PLR0913, PLR0917  (plain settings)
        self, config: Oidc, secret: str, connection: redis.asyncio.Redis, agency: str, clock: Callable[[], int],
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:  # fmt: skip
        self._config, self._secret, self._clock = config, secret, clock
        self._redis: Any = connection
        self._prefix = f"desk:{{{agency}}}:flow"
        self._verify: ssl.SSLContext | bool = (
            ssl.create_default_context(cafile=str(config.ca_file)) if config.ca_file else True
        )
        self._transport = transport
        self._app: Any = None
        self._read_at = 0.0

    async def begin(self, session: str, user: str = "", back: str = "/") -> tuple[str, str]:
        """Where to send a browser, and the cookie it takes along.

        Args:
            session: Key of the session that the browser has, or empty.
            user: Who is to prove again who they are; empty for a sign-in.
            back: Own path to go on at, checked.

        Raises:
            Refused: The provider cannot be reached, or is not the one of the settings.
        """
        fresh = {"prompt": "login", "max_age": "0"} if user else {}
        if user and self._config.step_up_acr:
            fresh["acr_values"] = " ".join(self._config.step_up_acr)
        try:
            app = await self._ready()
            asked = await app.create_authorization_url(self._config.address.rstrip("/") + CALLBACK, **fresh)
        except FAULTS as error:
            raise Refused(type(error).__name__) from None
        cookie = secrets.token_urlsafe(BYTES)
        flow = Flow(_hash(cookie), asked["nonce"], asked["code_verifier"], self._clock(), session, user, back)
        await self._redis.set(self._key(asked["state"]), msgspec.msgpack.encode(flow), ex=FLOW_S)
        return str(asked["url"]), cookie

    async def finish(self, answer: Mapping[str, str], cookie: str | None) -> tuple[Flow, str]:
        """The way a browser came back from, and the login that the provider vouches for.

        Args:
            answer: Query of the callback.
            cookie: As the browser sent it.

        Raises:
            Refused: Anything is not as it must be.
        """
        row = await self._redis.getdel(self._key(answer.get("state", "")))  # once: what is replayed finds nothing
        flow = msgspec.msgpack.decode(row, type=Flow) if row else None
        if flow is None or not hmac.compare_digest(flow.browser, _hash(cookie or "")):
            raise Refused("state")
        if "error" in answer or not answer.get("code"):
            raise Refused("declined")
        if answer.get("iss", self._config.issuer) != self._config.issuer:
            raise Refused("issuer")
        try:
            claims = await self._claims(answer["code"], flow)
        except FAULTS as error:
            raise Refused(type(error).__name__) from None
        if flow.user:
            self._check_fresh(claims, flow)
        login = claims.get(self._config.claim)
        if not isinstance(login, str) or not 0 < len(login) <= LOGIN_MAX_CHARS:
            raise Refused("claim")
        return flow, login

    async def _claims(self, code: str, flow: Flow) -> Mapping[str, Any]:
        app = await self._ready()
        token = await app.fetch_access_token(
            self._config.address.rstrip("/") + CALLBACK, code=code, code_verifier=flow.verifier
        )
        must = {
            "iss": {"essential": True, "value": self._config.issuer},
            "aud": {"essential": True, "value": self._config.client_id},
        }
        claims = await app.parse_id_token(token, nonce=flow.nonce, claims_options=must, leeway=SKEW_S)
        if claims is None:
            raise Refused("no_token")
        if self._config.claim in claims:
            return dict(claims)
        more = await app.userinfo(token=token)  # where a provider that keeps to the letter tells of a profile
        if more.get("sub") != claims["sub"]:
            raise Refused("subject")
        return {self._config.claim: more.get(self._config.claim), **claims}

    def _check_fresh(self, claims: Mapping[str, Any], flow: Flow) -> None:
        at = claims.get("auth_time")
        if not isinstance(at, int) or at < flow.began_at // 1000 - SKEW_S:
            raise Refused("not_fresh")
        if self._config.step_up_acr and claims.get("acr") not in self._config.step_up_acr:
            raise Refused("acr")
        if self._config.step_up_amr and not {*self._config.step_up_amr} & {*(claims.get("amr") or ())}:
            raise Refused("amr")

    async def _ready(self) -> Any:
        """The client, with the provider's settings read and found to be those of our provider."""
        if self._app is not None and time.monotonic() - self._read_at < FRESH_S:
            return self._app
        app = StarletteOAuth2App(
            None, "provider", client_id=self._config.client_id, client_secret=self._secret,
            server_metadata_url=f"{self._config.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": self._config.scope, "code_challenge_method": "S256", "timeout": TIMEOUT_S,
                           "verify": self._verify, "transport": self._transport},
        )  # fmt: skip
        said = await app.load_server_metadata()
        if said.get("issuer") != self._config.issuer:
            raise Refused("issuer")
        if not all(encrypted(said[name]) for name in ENDPOINTS if name in said):
            raise Refused("not_encrypted")
        key = "id_token_signing_alg_values_supported"
        said[key] = [alg for alg in said.get(key, ["RS256"]) if alg in SIGNED_BY]
        if not said[key]:
            raise Refused("algorithms")
        self._app, self._read_at = app, time.monotonic()
        return app

    def _key(self, state: str) -> str:
        return f"{self._prefix}:{_hash(state)}"


FAULTS: Final = (AuthlibBaseError, JoseError, httpx2.HTTPError, KeyError, ValueError, TypeError, RuntimeError)
"""What the library raises where an answer is not as it must be, or there is none."""


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
