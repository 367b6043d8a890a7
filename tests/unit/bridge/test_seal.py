"""A payload key lives a day, is signed and sealed to the platform, and seals each message once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridge import keys
from bridge.keyfiles import read_key
from bridge.seal import Sealer
from schemas import codec, crypto
from schemas.envelope import PAYLOAD_KEY_INFO, Envelope, Lane, associated_data, key_statement

DAY_MS = 24 * 3600 * 1000
NOON_MS = 1_700_049_600_000  # 2023-11-15T12:00:00Z
BEAT = {"beat_at": 5}


class Town:
    """One agency, the platform, and a clock that the test moves."""

    def __init__(self, folder: Path) -> None:
        keys.make_partnership(folder, "northmere", ("council",), ())
        self.keys = keys.AgencyKeys.load(folder / "council")
        self.platform_private = read_key(folder / "platform" / "platform.key")
        self.sign_public = crypto.sign_public(self.keys.sign_private)
        self.now = NOON_MS
        self.sealer = Sealer(self.keys, lambda: self.now)

    def payload_key(self, envelope: Envelope | None) -> bytes:
        """What the platform makes of a key envelope, as streams/receive.py does."""
        assert envelope is not None
        assert envelope["lane"] == "key"
        message = codec.decode(envelope["body"], frozenset({"payload_key"}))[1]
        assert message["key_id"] == envelope["key_id"]
        said = key_statement("council", "northmere", message["key_id"], message["day"], message["sealed"])
        assert crypto.verify(self.sign_public, said, message["signature"])
        return crypto.hpke_open(self.platform_private, message["sealed"], PAYLOAD_KEY_INFO)

    def sealed(self, lane: Lane = "heartbeat", subject: bytes = b"", **changes: Any) -> Envelope:
        given: dict[str, Any] = {
            "topic": "events-council", "lane": lane, "source": "cms", "subject": subject, "epoch": 1, "position": 2,
            "sequence": 3, "committed_at": 4, "message_name": "heartbeat", "message": BEAT,
        }  # fmt: skip
        framed = self.sealer.envelope(**{**given, **changes})
        envelope: Any = codec.decode(framed, frozenset({"envelope"}))[1]
        return envelope  # type: ignore[no-any-return]


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path / "keys")


def opened(key: bytes, topic: str, envelope: Envelope) -> Any:
    plain = crypto.aead_open(key, envelope["nonce"], envelope["body"], associated_data(topic, envelope))
    return codec.decode(plain, frozenset({"heartbeat"}))[1]


def test_the_platform_opens_what_the_bridge_sealed(town: Town) -> None:
    key = town.payload_key(town.sealer.key_envelope())
    assert opened(key, "events-council", town.sealed()) == BEAT


def test_nothing_is_sealed_before_there_is_a_key_to_open_it(town: Town) -> None:
    with pytest.raises(RuntimeError, match="key_envelope"):
        town.sealed()


def test_a_key_is_made_once_a_day(town: Town) -> None:
    first = town.sealer.key_envelope()
    assert first is not None
    assert town.sealer.key_envelope() is None
    assert town.sealed()["key_id"] == first["key_id"]
    town.now += DAY_MS
    assert town.sealed()["key_id"] == first["key_id"], "the new key comes into use only once its envelope was taken"
    second = town.sealer.key_envelope()
    assert second is not None
    assert town.payload_key(first) != town.payload_key(second)
    assert town.sealed()["key_id"] == second["key_id"] != first["key_id"]
    assert codec.decode(second["body"], frozenset({"payload_key"}))[1]["day"] == "2023-11-16"


def test_a_restart_makes_another_key(town: Town) -> None:
    first = town.sealer.key_envelope()
    again = Sealer(town.keys, lambda: town.now).key_envelope()
    assert town.payload_key(first) != town.payload_key(again)
    assert first is not None
    assert again is not None
    assert first["key_id"] != again["key_id"]


def test_a_sealed_body_moved_elsewhere_does_not_open(town: Town) -> None:
    key = town.payload_key(town.sealer.key_envelope())
    envelope = town.sealed("event", b"record one")
    assert opened(key, "events-council", envelope) == BEAT
    moves: list[dict[str, Any]] = [
        {"subject": b"record two"}, {"epoch": 2}, {"position": 9}, {"sequence": 9}, {"committed_at": 9},
        {"partnership": "southmere"}, {"agency": "police"}, {"source": "pas"}, {"lane": "profile"},
    ]  # fmt: skip
    for move in moves:
        moved: Any = {**envelope, **move}
        with pytest.raises(crypto.Broken):
            opened(key, "events-council", moved)
    with pytest.raises(crypto.Broken):
        opened(key, "identities-council", envelope)
    other = town.sealed("event", b"record one")
    swapped: Any = {**envelope, "body": other["body"]}
    with pytest.raises(crypto.Broken):
        opened(key, "events-council", swapped)


def test_no_nonce_is_used_twice(town: Town) -> None:
    """100,000 and over two keys; a message that cannot be sealed uses up none that another gets."""
    nonces: set[tuple[bytes, bytes]] = set()
    for _ in range(2):
        envelope = town.sealer.key_envelope()
        assert envelope is not None
        for _ in range(50_000):
            nonces.add((envelope["key_id"], town.sealer._nonce()))
        town.now += DAY_MS
    assert len(nonces) == 100_000
    assert {len(nonce) for _, nonce in nonces} == {12}
    with pytest.raises(codec.Unencodable):
        town.sealed(message={"beat_at": "no time"})
    assert (envelope["key_id"], town.sealed()["nonce"]) not in nonces


def test_nothing_of_the_message_is_readable_outside(town: Town) -> None:
    town.sealer.key_envelope()
    canary = "canary_kind_of_event"
    framed = town.sealer.envelope(
        "events-council", "event", "cms", b"s", 1, 2, 3, 4, "event",
        {"op": "upsert", "event": b"e", "kind": canary, "occurred_at": 1, "factors": [], "contact": False, "outcome": ""},
    )  # fmt: skip
    assert canary.encode() not in framed
