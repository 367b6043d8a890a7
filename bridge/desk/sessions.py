"""Sessions in Redis, form tokens, and the limit on attempts to sign in.

Decides how long a session lasts and how it is recognised. The cookie holds a signed random id and nothing else; Redis
holds only that id's hash, so that neither alone opens a session.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import redis.asyncio
from itsdangerous import BadSignature, Signer, TimestampSigner

ID_BYTES: Final = 32
SECRET_BYTES: Final = 32
ATTEMPTS_MAX: Final = 5  # failed attempts a login
ADDRESS_ATTEMPTS_MAX: Final = 30  # failed attempts an address
ATTEMPTS_S: Final = 600  # in so many seconds
FORM_S: Final = 3600  # a sign-in form may stay open so long


class Session(msgspec.Struct, frozen=True):
    """One sign-in.

    Attributes:
        user: Pseudonymous user id.
        csrf: Token that every form of the session carries.
        began_at: Wall time, ms.
        stepped_up_at: When the user last proved again who they are, wall time ms; 0 never.
    """

    user: str
    csrf: str
    began_at: int
    stepped_up_at: int = 0


class Sessions:
    """Sign-ins of one desk.

    Args:
        connection: Redis, asynchronous.
        agency: This agency.
        secret: 32 bytes that sign cookies.
        clock: Wall time, ms.
        idle_s: A session ends after so many seconds without a page.
        session_s: A session ends after so many seconds in any case.
    """

    def __init__(  # noqa: PLR0913, PLR0917  (plain settings)
        self, connection: redis.asyncio.Redis, agency: str, secret: bytes, clock: Callable[[], int], idle_s: int,
        session_s: int,
    ) -> None:  # fmt: skip
        self._redis: Any = connection
        self._prefix = f"desk:{{{agency}}}"
        self._signer = Signer(secret, salt="sightline session", digest_method=hashlib.sha256)
        self._forms = TimestampSigner(secret, salt="sightline form", digest_method=hashlib.sha256)
        self._clock = clock
        self._idle_s, self._session_s = idle_s, session_s

    async def begin(self, user: str) -> str:
        """Open a session under a new id; returns the cookie."""
        plain = secrets.token_urlsafe(ID_BYTES)
        session = Session(user, secrets.token_urlsafe(ID_BYTES), self._clock())
        await self._redis.set(self._key(plain), msgspec.msgpack.encode(session), ex=self._idle_s)
        return self._signer.sign(plain).decode()

    async def find(self, cookie: str | None, prolong: bool) -> Session | None:
        """The session of a cookie, while it lasts.

        Args:
            cookie: As the browser sent it.
            prolong: A user asked for a page: idle time starts over. What a page fetches by itself does not count.
        """
        plain = self._plain(cookie)
        row = await self._redis.get(self._key(plain)) if plain else None
        if row is None:
            return None
        session = msgspec.msgpack.decode(row, type=Session)
        left_s = self._session_s - (self._clock() - session.began_at) // 1000
        if left_s <= 0:
            await self._redis.delete(self._key(plain or ""))
            return None
        if prolong:
            await self._redis.expire(self._key(plain or ""), min(self._idle_s, left_s))
        return session

    async def end(self, cookie: str | None) -> None:
        """Close a session."""
        plain = self._plain(cookie)
        if plain:
            await self._redis.delete(self._key(plain))

    def form(self) -> str:
        """Token for a form before sign-in, set as a cookie and in the form alike."""
        return self._forms.sign(secrets.token_urlsafe(ID_BYTES)).decode()

    def form_fits(self, cookie: str | None, field: str) -> bool:
        """Whether a sign-in form came from a page of ours."""
        try:
            self._forms.unsign(field, max_age=FORM_S)
        except BadSignature:
            return False
        return hmac.compare_digest((cookie or "").encode(), field.encode())

    async def may_try(self, login: str, address: str) -> bool:
        """Whether a login from an address may still try."""
        counts = await self._redis.mget(self._attempts("login", login), self._attempts("from", address))
        return int(counts[0] or 0) < ATTEMPTS_MAX and int(counts[1] or 0) < ADDRESS_ATTEMPTS_MAX

    async def failed(self, login: str, address: str) -> None:
        """Count a failed attempt; the first starts the clock."""
        pipe = self._redis.pipeline(transaction=True)
        for key in (self._attempts("login", login), self._attempts("from", address)):
            pipe.set(key, 0, ex=ATTEMPTS_S, nx=True)
            pipe.incr(key)
        await pipe.execute()

    def _plain(self, cookie: str | None) -> str | None:
        try:
            return self._signer.unsign(cookie or "").decode()
        except (BadSignature, UnicodeError):
            return None

    def _key(self, plain: str) -> str:
        return f"{self._prefix}:session:{hashlib.sha256(plain.encode()).hexdigest()}"

    def _attempts(self, kind: str, name: str) -> str:
        return f"{self._prefix}:attempts:{kind}:{hashlib.sha256(name.encode()).hexdigest()}"


def csrf_fits(session: Session, field: str) -> bool:
    """Whether a form came from a page of this session."""
    return hmac.compare_digest(session.csrf.encode(), field.encode())


def secret(path: Path) -> bytes:
    """The secret that signs cookies; made where there is none, readable by its owner alone."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
    except FileExistsError:
        pass
    return path.read_bytes()
