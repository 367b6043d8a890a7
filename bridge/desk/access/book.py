"""The protocols in force and the policy that is made of them.

Decides when the policy is made anew: when the signed document changed.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.desk.access.policy import Policy
from bridge.desk.access.protocols import Protocol, Protocols, Signed


class Book:
    """Protocols and policy of one desk."""

    def __init__(self, signed: Signed) -> None:
        self._signed = signed
        self._of: Protocols | None = None
        self._policy = Policy(())

    def protocols(self) -> Protocols:
        """Protocols in force."""
        return self._signed.now()

    @property
    def refused(self) -> str:
        """Why a newer document of protocols is not in force; empty where there is none."""
        return self._signed.refused

    def policy(self) -> Policy:
        """The policy of the protocols in force."""
        now = self._signed.now()
        if now is not self._of:
            self._policy, self._of = Policy(now.protocols), now
        return self._policy

    def assigned(self, ids: Iterable[str]) -> tuple[Protocol, ...]:
        """Those protocols that there are."""
        known = self.protocols().by_id()
        return tuple(known[one] for one in ids if one in known)
