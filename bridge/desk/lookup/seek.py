"""Encodes whom a user looks up, as the agency's bridge would, and sends that to the platform.

Decides that what leaves is encoded under the partnership's key, sealed to the platform and signed by this agency. The
name lives in this process for as long as that takes, and is written nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import topology
from bridge.desk.exchange.room import Post
from bridge.encode import Encoder, Profile
from bridge.keys import AgencyKeys
from bridge.normalise import Person
from schemas import codec, crypto
from schemas.lookup import Lookup, Purpose, seal_info, statement


class Asked(NamedTuple):
    """A look-up without whom it is about: who asks, what for, from when until when (partnership time, ms)."""

    lookup_id: bytes
    team: str
    user: str
    purpose: Purpose
    requested_at: int
    expires_at: int


class Seeker(Protocol):
    """Sends look-ups."""

    def send(self, asked: Asked, person: Person) -> None:
        """Return once the broker has it; bridge.desk.send.NotSent where it has not."""


class PlatformSeeker:
    """Sends look-ups to this agency's topic.

    Args:
        keys: The agency's keys, read anew for each: a new linkage key is in force here when it is at the bridge.
        profile: Of the encodings, the bridge's.
        post: Sends.
    """

    def __init__(self, keys: Callable[[], AgencyKeys], profile: Profile, post: Post) -> None:
        self._keys, self._profile, self._post = keys, profile, post
        self._encoder: tuple[int, Encoder] | None = None  # a tenth of a second to make: kept while its epoch lasts

    def send(self, asked: Asked, person: Person) -> None:
        """Encode, seal, sign, send.

        Raises:
            NotSent: It did not reach the broker.
            KeyFault: The agency's keys cannot be read.
        """
        keys = self._keys()
        message: Lookup = {
            "lookup_id": asked.lookup_id, "partnership": keys.partnership, "agency": keys.agency, "team": asked.team,
            "user": asked.user, "purpose": asked.purpose, "sealed": b"", "requested_at": asked.requested_at,
            "expires_at": asked.expires_at, "signature": b"",
        }  # fmt: skip
        plain = codec.encode("identity", self._encoder_of(keys).identity(person))
        message["sealed"] = crypto.hpke_seal(keys.platform_public, plain, seal_info(message))
        message["signature"] = crypto.sign(keys.sign_private, statement(message))
        topic = topology.REQUESTS.name.format(agency=keys.agency)
        self._post.send(topic, keys.partnership.encode(), codec.encode("lookup", message))

    def _encoder_of(self, keys: AgencyKeys) -> Encoder:
        kept = self._encoder
        if kept is None or kept[0] != keys.linkage_epoch:
            kept = self._encoder = (
                keys.linkage_epoch,
                Encoder(keys.linkage_key, keys.linkage_epoch, self._profile),
            )
        return kept[1]
