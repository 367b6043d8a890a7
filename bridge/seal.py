"""Seals what leaves the bridge, under a data key that lives at most a day.

Decides the life of a payload key and its nonces. A key is made at every start and on every new UTC day, sealed to
the platform and signed by the agency, and kept in memory alone; so a counter is enough for the nonces: no key ever
outlives the counter it was used with. Does not publish.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bridge.keys import AgencyKeys
from schemas import codec, crypto
from schemas.envelope import PAYLOAD_KEY_INFO, Envelope, Lane, associated_data, key_statement

KEY_ID_BYTES: Final = 16
_PREFIX_BYTES: Final = 4  # of the nonce, random for each key; the other 8 count


class Sealer:
    """Makes sealed envelopes for one agency. Used by one thread.

    Before messages are sealed, and again whenever a key may be due, the caller takes `key_envelope` and publishes
    it; only then does the new key come into use.

    Args:
        keys: The agency's keys.
        clock: Wall time, ms since 1970-01-01 UTC.
        entropy: Random bytes by count; another one only in tests.
    """

    def __init__(
        self,
        keys: AgencyKeys,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._day = ""
        self._key_id = b""
        self._prefix = b""
        self._used = 0
        self._aead: crypto.Aead | None = None

    def key_envelope(self) -> Envelope | None:
        """Make a new payload key if there is none of today.

        Returns:
            Envelope of lane `key`, to be framed and published before anything sealed after this call; None while
            the key in use is of today.
        """
        now = self._clock()
        day = datetime.fromtimestamp(now / 1000, UTC).date().isoformat()
        if day == self._day:
            return None
        key = self._entropy(crypto.KEY_BYTES)
        self._day, self._used = day, 0
        self._key_id, self._prefix = self._entropy(KEY_ID_BYTES), self._entropy(_PREFIX_BYTES)
        self._aead = crypto.Aead(key)
        return {
            "partnership": self._keys.partnership,
            "agency": self._keys.agency,
            "source": "",
            "lane": "key",
            "subject": b"",
            "epoch": 0,
            "position": 0,
            "sequence": 0,
            "committed_at": now,
            "key_id": self._key_id,
            "nonce": bytes(crypto.NONCE_BYTES),
            "body": codec.encode("payload_key", self._payload_key(key)),
        }

    def envelope(  # noqa: PLR0913, PLR0917  (the envelope's own fields)
        self,
        topic: str,
        lane: Lane,
        source: str,
        subject: bytes,
        epoch: int,
        position: int,
        sequence: int,
        committed_at: int,
        message_name: str,
        message: Mapping[str, Any],
    ) -> bytes:
        """Seal one message.

        Args:
            topic: Topic it will be written to; it opens on no other.
            lane: Lane of the message.
            source: System it is from.
            subject: Record pseudonym; empty for heartbeat and live.
            epoch: Source epoch.
            position: Position within the epoch.
            sequence: Order within the position.
            committed_at: Wall time of the source's commit, ms since 1970-01-01 UTC.
            message_name: Schema of the message.
            message: The message.

        Returns:
            Framed envelope.

        Raises:
            RuntimeError: `key_envelope` was never called, so the platform has no key to open it.
            schemas.codec.Unencodable: The message does not fit its schema.
        """
        if self._aead is None:
            raise RuntimeError("no payload key: take and publish key_envelope() first")
        envelope: Envelope = {
            "partnership": self._keys.partnership,
            "agency": self._keys.agency,
            "source": source,
            "lane": lane,
            "subject": subject,
            "epoch": epoch,
            "position": position,
            "sequence": sequence,
            "committed_at": committed_at,
            "key_id": self._key_id,
            "nonce": self._nonce(),
            "body": b"",
        }
        plain = codec.encode(message_name, message)
        envelope["body"] = self._aead.seal(envelope["nonce"], plain, associated_data(topic, envelope))
        return codec.encode("envelope", envelope)

    def _nonce(self) -> bytes:
        nonce = self._prefix + self._used.to_bytes(8, "big")
        self._used += 1  # before use: a failed seal skips a nonce and never repeats one
        return nonce

    def _payload_key(self, key: bytes) -> dict[str, Any]:
        agency, partnership = self._keys.agency, self._keys.partnership
        sealed = crypto.hpke_seal(self._keys.platform_public, key, PAYLOAD_KEY_INFO)
        statement = key_statement(agency, partnership, self._key_id, self._day, sealed)
        signature = crypto.sign(self._keys.sign_private, statement)
        return {"key_id": self._key_id, "day": self._day, "sealed": sealed, "signature": signature}
