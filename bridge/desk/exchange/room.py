"""What both sides of the exchange need. Decides nothing; it names things once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from bridge.desk.audit import Audit
from bridge.desk.exchange.kept import Kept
from bridge.desk.exchange.letters import Own, Partner

BY_ITSELF: Final = "desk"  # stands for a user in the audit where nobody had to look


class Post(Protocol):
    """Sends to the platform's broker."""

    def send(self, topic: str, key: bytes, value: bytes) -> None:
        """Return once it is there; bridge.desk.send.NotSent where it is not."""


@dataclass(frozen=True)
class Room:
    """What both sides of the exchange need.

    Attributes:
        own: This agency and its private halves.
        partners: The other agencies' public halves, by agency.
        kept: What is remembered.
        audit: The audit.
        post: Sends.
        now: Partnership time, ms.
        wall: Wall time, ms.
    """

    own: Own
    partners: Mapping[str, Partner]
    kept: Kept
    audit: Audit
    post: Post
    now: Callable[[], int]
    wall: Callable[[], int]
