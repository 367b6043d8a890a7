"""Accounts: who may sign in, for which teams, in which roles, under which sharing protocols.

Decides how passwords are kept and checked. An agency with its own identity provider uses that instead; the file is
for a demonstration and for small agencies.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from bridge.config import ConfigError

ROLES = ("social_worker", "supervisor", "police_officer", "nurse", "governance", "analyst", "duty_worker")
"""What a user does. A role opens pages, such as the governance page; only a protocol opens information."""
PASSWORD_MAX_CHARS = 256  # longer is refused before any hashing

LEFT = "somebody who has left"
LISTS = ("teams", "roles", "protocols")

_hasher = PasswordHasher(time_cost=3, memory_cost=19 * 1024, parallelism=1)  # 19 MiB: OWASP's floor for argon2id
_NOBODY = _hasher.hash("nobody signs in with this")  # checked where the login is unknown, so that time tells nothing


@dataclass(frozen=True, slots=True)
class Account:
    """One user.

    Attributes:
        user: Pseudonymous id, the only one that leaves the agency.
        login: What the user types.
        name: Shown to colleagues.
        password: argon2id hash; empty where only the agency's identity provider lets the user in.
        teams: Teams whose inbox the user may open.
        roles: Of `ROLES`.
        protocols: Sharing protocols assigned to the user, by id; see bridge/desk/access/protocols.py.
    """

    user: str
    login: str
    name: str
    password: str
    teams: tuple[str, ...]
    roles: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()


def hash_password(password: str) -> str:
    """The argon2id hash to keep of a password."""
    return _hasher.hash(password)


def write(path: Path, accounts: list[Account]) -> None:
    """Write the accounts file, readable by its owner alone."""
    text = json.dumps({"accounts": [asdict(account) for account in accounts]}, indent=1)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


class Accounts:
    """The accounts of one file, read again when it changes.

    Raises:
        ConfigError: The file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = 0
        self._by_login: dict[str, Account] = {}
        self._refresh()

    def check(self, login: str, password: str) -> Account | None:
        """The account, where login and password fit; takes as long where the login is unknown."""
        self._refresh()
        account = self._by_login.get(login)
        try:
            _hasher.verify((account and account.password) or _NOBODY, password[:PASSWORD_MAX_CHARS])
        except (Argon2Error, InvalidHashError):
            return None
        return account if account and account.password and len(password) <= PASSWORD_MAX_CHARS else None

    def of_login(self, login: str) -> Account | None:
        """The account of a login that the agency's identity provider has vouched for."""
        self._refresh()
        return self._by_login.get(login)

    def all(self) -> tuple[Account, ...]:
        """All accounts as they are now, by name."""
        self._refresh()
        return tuple(sorted(self._by_login.values(), key=lambda account: (account.name, account.user)))

    def user(self, user: str) -> Account | None:
        """The account of a user id as it is now: a user taken out of the file is out at once."""
        self._refresh()
        return next((account for account in self._by_login.values() if account.user == user), None)

    def of_team(self, team: str) -> list[Account]:
        """Accounts of a team as they are now, by name."""
        self._refresh()
        return sorted((one for one in self._by_login.values() if team in one.teams), key=lambda one: one.name)

    def name(self, user: str) -> str:
        """The name that colleagues know a user id by."""
        account = self.user(user)
        return account.name if account else LEFT

    def _refresh(self) -> None:
        try:
            changed_at = self._path.stat().st_mtime_ns
            if changed_at != self._read_at:
                self._by_login = _parse(self._path)
                self._read_at = changed_at
        except OSError as error:
            message = f"{self._path}: cannot be read ({error.strerror})"
            raise ConfigError(message) from None


def _parse(path: Path) -> dict[str, Account]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["accounts"]
        accounts = [Account(**{**row, **{name: tuple(row[name]) for name in LISTS}}) for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        message = (
            f"{path}: expected accounts with user, login, name, password, teams, roles and protocols "
            f"({type(error).__name__})"
        )
        raise ConfigError(message) from None
    if unknown := {role for account in accounts for role in account.roles} - set(ROLES):
        message = f"{path}: roles: expected some of {', '.join(ROLES)}, found {', '.join(sorted(unknown))}"
        raise ConfigError(message)
    if len({a.login for a in accounts}) < len(accounts) or len({a.user for a in accounts}) < len(accounts):
        message = f"{path}: a login or a user id is there twice"
        raise ConfigError(message)
    return {account.login: account for account in accounts}
