"""Sessions in Redis, form tokens, and the limit on attempts to sign in.

Decides how long a session lasts, how it is recognised, and that a step up gives it a new id. The cookie holds a
signed random id and nothing else; Redis holds only that id's hash, so that neither alone opens a session.
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

from bridge.desk.limits import Limits

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
        by_provider: Whether the agency's identity provider said who it is, and not a password of the desk.
        stepped_up_at: When the user last proved again who they are; wall time, ms; 0 where never.
    """

    user: str
    csrf: str
    began_at: int
    by_provider: bool = False
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

    Attributes:
        limits: How often something may be done.
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
        self.limits = Limits(connection, self._prefix)

    async def begin(self, user: str, by_provider: bool = False) -> str:
        """Open a session under a new id; returns the cookie."""
        return await self._open(Session(user, secrets.token_urlsafe(ID_BYTES), self._clock(), by_provider))

    async def step_up(self, session: Session, key: str) -> str | None:
        """Go on with a session under a new id, the old one ended: who knew the old one gains nothing.

        Args:
            session: The session as it was.
            key: Its `key`.

        Returns:
            The cookie; None where the session has ended meanwhile.
        """
        if not await self._redis.delete(key):
            return None
        return await self._open(msgspec.structs.replace(session, stepped_up_at=self._clock()))

    async def find(self, cookie: str | None, prolong: bool) -> Session | None:
        """The session of a cookie, while it lasts.

        Args:
            cookie: As the browser sent it.
            prolong: A user asked for a page: idle time starts over. What a page fetches by itself does not count.
        """
        key = self.key(cookie)
        return await self.at(key, prolong) if key else None

    async def at(self, key: str, prolong: bool = False) -> Session | None:
        """The session under a key, while it lasts; `prolong` as in `find`."""
        row = await self._redis.get(key)
        if row is None:
            return None
        session = msgspec.msgpack.decode(row, type=Session)
        left_s = self._left_s(session)
        if left_s <= 0:
            await self._redis.delete(key)
            return None
        if prolong:
            await self._redis.expire(key, min(self._idle_s, left_s))
        return session

    def key(self, cookie: str | None) -> str | None:
        """Where the session of a cookie is kept, whether it lasts or not; None where the cookie is not ours."""
        plain = self._plain(cookie)
        return self._key(plain) if plain else None

    async def end(self, cookie: str | None) -> None:
        """Close a session."""
        await self.end_at(self.key(cookie))

    async def end_at(self, key: str | None) -> None:
        """Close the session under a key."""
        if key:
            await self._redis.delete(key)

    async def end_all(self, user: str) -> None:
        """Close all sessions of a user, on whichever machine."""
        keys = await self._redis.smembers(self._all(user))
        await self._redis.delete(self._all(user), *keys)

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
        """Whether a login from an address may still try.

        It is counted before it is tried, so that many at once are no more than so many; the first starts the clock.
        """
        pipe = self._redis.pipeline(transaction=True)
        for key in (self._attempts("login", login), self._attempts("from", address)):
            pipe.set(key, 0, ex=ATTEMPTS_S, nx=True)
            pipe.incr(key)
        _, tries, _, from_there = await pipe.execute()
        return bool(tries <= ATTEMPTS_MAX and from_there <= ADDRESS_ATTEMPTS_MAX)

    async def succeeded(self, login: str, address: str) -> None:
        """An attempt was no failed one: it counts no longer against its address, nor what was before it."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.delete(self._attempts("login", login))
        pipe.set(self._attempts("from", address), 1, ex=ATTEMPTS_S, nx=True)  # a count without an end would stay
        pipe.decr(self._attempts("from", address))
        await pipe.execute()

    async def _open(self, session: Session) -> str:
        plain = secrets.token_urlsafe(ID_BYTES)
        key, left_s = self._key(plain), max(1, self._left_s(session))
        pipe = self._redis.pipeline(transaction=True)
        pipe.set(key, msgspec.msgpack.encode(session), ex=min(self._idle_s, left_s))
        pipe.sadd(self._all(session.user), key)
        pipe.expire(self._all(session.user), self._session_s)
        await pipe.execute()
        return self._signer.sign(plain).decode()

    def _left_s(self, session: Session) -> int:
        return self._session_s - (self._clock() - session.began_at) // 1000

    def _plain(self, cookie: str | None) -> str | None:
        try:
            return self._signer.unsign(cookie or "").decode()
        except (BadSignature, UnicodeError):
            return None

    def _key(self, plain: str) -> str:
        return f"{self._prefix}:session:{hashlib.sha256(plain.encode()).hexdigest()}"

    def _all(self, user: str) -> str:
        return f"{self._prefix}:sessions-of:{user}"

    def _attempts(self, kind: str, name: str) -> str:
        return f"{self._prefix}:attempts:{kind}:{hashlib.sha256(name.encode()).hexdigest()}"


def secret(path: Path) -> bytes:
    """The secret that signs cookies; made where there is none, readable by its owner alone."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
    except FileExistsError:
        pass
    return path.read_bytes()
