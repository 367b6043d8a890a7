"""What intake lets into the journal, by the clear outside alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import topology
from schemas import codec
from schemas.dead_letter import REASONS
from streams.registers import Agency, Register, Team
from streams.runtime import guard
from streams.runtime.guard import Health, Origin, Routed

AGENCY = Agency("police", "00" * 32, "00" * 32, ("s",))
REGISTERS = {
    "one": Register(0, {"council": AGENCY, "police": AGENCY}, {"mash": Team("council", front_door=True)}),
    "two": Register(3, {"police": AGENCY}, {"mash": Team("police", front_door=True)}),
}
EVENTS = Origin(topology.EVENTS.name, "police")
IDENTITIES = Origin(topology.IDENTITIES.name, "police")
RESPONSES = Origin(topology.RESPONSES.name, "council")
REQUESTS = Origin(topology.REQUESTS.name, "council")
CONTROLS = Origin(topology.CONTROLS.name, "")
ENVELOPE = {
    "partnership": "two", "agency": "police", "source": "s", "lane": "event", "subject": b"p" * 32, "epoch": 1,
    "position": 5, "sequence": 0, "committed_at": 1_700_000_000_000, "key_id": bytes(16), "nonce": bytes(12),
    "body": b"x",
}  # fmt: skip
RESPONSE = {
    "response_id": bytes(16), "partnership": "one", "agency": "council", "team": "mash", "user": "u",
    "action": "acknowledge", "alert_id": "ab", "records": [b"r"], "until_at": None, "verdict": "none", "decided_at": 1,
}  # fmt: skip
REQUEST = {
    "request_id": bytes(16), "partnership": "one", "agency": "council", "team": "mash", "user": "u", "asked": "police",
    "kind": "record", "alert_id": "ab", "records": [], "purpose": "protect", "basis": "duty", "requested_at": 1,
    "expires_at": 2,
}  # fmt: skip
LOOKUP = {
    "lookup_id": bytes(16), "partnership": "one", "agency": "council", "team": "mash", "user": "u",
    "purpose": "safeguarding", "sealed": b"x" * 1_100, "requested_at": 1, "expires_at": 2, "signature": bytes(64),
}  # fmt: skip
CONTROL = {"partnership": "one", "name": "rules", "version": 1, "effective_at": 0, "body": "{}", "approvals": []}


def envelope(**changes: object) -> bytes:
    return codec.encode("envelope", ENVELOPE | changes)


def test_every_input_of_the_map_is_read_and_nothing_else() -> None:
    found = guard.origins(REGISTERS)
    assert set(found) == {
        "controls", "identities-council", "identities-police", "events-council", "events-police",
        "responses-council", "responses-police", "requests-council", "requests-police",
    }  # fmt: skip
    assert found["events-police"] == EVENTS


def test_a_message_goes_to_its_partnerships_partition() -> None:
    assert guard.route(EVENTS, envelope(), REGISTERS) == [Routed(3, "two")]
    assert guard.route(RESPONSES, codec.encode("response", RESPONSE), REGISTERS) == [Routed(0, "one")]
    assert guard.route(REQUESTS, codec.encode("request", REQUEST), REGISTERS) == [Routed(0, "one")]
    assert guard.route(REQUESTS, codec.encode("lookup", LOOKUP), REGISTERS) == [Routed(0, "one")]
    assert guard.route(CONTROLS, codec.encode("control", CONTROL), REGISTERS) == [Routed(0, "one")]


def test_a_control_for_all_goes_to_each_partnership() -> None:
    control = codec.encode("control", CONTROL | {"partnership": ""})
    assert guard.route(CONTROLS, control, REGISTERS) == [Routed(0, "one"), Routed(3, "two")]


@pytest.mark.parametrize(
    ("origin", "data", "reason"),
    [
        (EVENTS, b"", "empty"),
        (EVENTS, b"\0", "undecodable"),
        (EVENTS, b"\1" + envelope()[1:], "bad_magic"),
        (EVENTS, b"\0\xff\xff\xff\xff", "unknown_schema"),
        (EVENTS, codec.encode("control", CONTROL), "wrong_schema"),
        (EVENTS, envelope()[:-1], "undecodable"),
        (EVENTS, envelope() + b"x", "trailing_bytes"),
        (EVENTS, envelope(body=b"x" * topology.MESSAGE_MAX_BYTES), "too_large"),
        (EVENTS, envelope(agency="council"), "wrong_agency"),
        (EVENTS, envelope(partnership="none"), "unknown_partnership"),
        (Origin(topology.EVENTS.name, "council"), envelope(agency="council"), "unknown_agency"),
        (EVENTS, envelope(lane="identity"), "wrong_lane"),
        (IDENTITIES, envelope(), "wrong_lane"),
        (EVENTS, envelope(subject=b""), "bad_bounds"),
        (EVENTS, envelope(subject=b"x" * 97), "bad_bounds"),
        (EVENTS, envelope(lane="heartbeat"), "bad_bounds"),
        (EVENTS, envelope(position=-1), "bad_bounds"),
        (EVENTS, envelope(epoch=-1), "bad_bounds"),
        (EVENTS, envelope(committed_at=-5), "bad_bounds"),
        (EVENTS, envelope(committed_at=9_999_999_999_999), "bad_bounds"),
        (EVENTS, envelope(nonce=b"x"), "bad_bounds"),
        (EVENTS, envelope(key_id=b"x"), "bad_bounds"),
        (EVENTS, envelope(source="s" * 65), "bad_bounds"),
        (EVENTS, envelope(partnership=""), "bad_bounds"),
        (RESPONSES, codec.encode("response", RESPONSE | {"agency": "police"}), "wrong_agency"),
        (RESPONSES, codec.encode("response", RESPONSE | {"response_id": b"x"}), "bad_response"),
        (RESPONSES, codec.encode("response", RESPONSE | {"records": [b"r"] * 65}), "bad_response"),
        (RESPONSES, codec.encode("response", RESPONSE | {"team": "t" * 200}), "bad_response"),
        (RESPONSES, codec.encode("request", REQUEST), "wrong_schema"),
        (REQUESTS, codec.encode("response", RESPONSE), "wrong_schema"),
        (REQUESTS, codec.encode("request", REQUEST | {"agency": "police"}), "wrong_agency"),
        (REQUESTS, codec.encode("request", REQUEST | {"request_id": b"x"}), "bad_request"),
        (REQUESTS, codec.encode("request", REQUEST | {"alert_id": ""}), "bad_request"),
        (REQUESTS, codec.encode("request", REQUEST | {"records": [b"r"]}), "bad_request"),
        (REQUESTS, codec.encode("request", REQUEST | {"alert_id": "", "records": [b"r"] * 65}), "bad_request"),
        (REQUESTS, codec.encode("request", REQUEST | {"asked": "a" * 65}), "bad_request"),
        (REQUESTS, codec.encode("request", REQUEST | {"user": "u" * 200}), "bad_request"),
        (REQUESTS, codec.encode("request", REQUEST | {"expires_at": 0}), "bad_request"),
        (RESPONSES, codec.encode("lookup", LOOKUP), "wrong_schema"),
        (REQUESTS, codec.encode("lookup", LOOKUP | {"agency": "police"}), "wrong_agency"),
        (REQUESTS, codec.encode("lookup", LOOKUP | {"lookup_id": b"x"}), "bad_lookup"),
        (REQUESTS, codec.encode("lookup", LOOKUP | {"sealed": b""}), "bad_lookup"),
        (REQUESTS, codec.encode("lookup", LOOKUP | {"sealed": b"x" * 2_049}), "bad_lookup"),
        (REQUESTS, codec.encode("lookup", LOOKUP | {"signature": b"x"}), "bad_lookup"),
        (REQUESTS, codec.encode("lookup", LOOKUP | {"user": "u" * 200}), "bad_lookup"),
        (REQUESTS, codec.encode("lookup", LOOKUP | {"partnership": ""}), "bad_lookup"),
        (REQUESTS, codec.encode("lookup", LOOKUP | {"expires_at": 0}), "bad_lookup"),
        (CONTROLS, codec.encode("control", CONTROL | {"name": "nonsense"}), "bad_control"),
        (CONTROLS, codec.encode("control", CONTROL | {"version": 0}), "bad_control"),
        (CONTROLS, codec.encode("control", CONTROL | {"partnership": "none"}), "unknown_partnership"),
    ],
)
def test_what_is_refused_and_why(origin: Origin, data: bytes, reason: str) -> None:
    assert reason in REASONS
    with pytest.raises(codec.Rejected, match=f"^{reason}$"):
        guard.route(origin, data, REGISTERS)


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
def test_no_bytes_whatever_do_more_than_be_refused(noise: bytes, position: int, flip: int) -> None:
    data = bytearray(envelope())
    data[position % len(data)] ^= flip
    for candidate in (noise, bytes(data), bytes(data) + noise, bytes(data)[:position]):
        for origin in (EVENTS, IDENTITIES, RESPONSES, REQUESTS, CONTROLS):
            try:
                assert guard.route(origin, candidate, REGISTERS)
            except codec.Rejected as error:
                assert error.reason in REASONS


def test_a_source_is_paused_after_a_run_of_bad_messages() -> None:
    health = Health()
    assert not any(health.saw(good=False) for _ in range(50))
    assert health.saw(good=False)


def test_a_good_message_ends_the_run() -> None:
    health = Health()
    for _ in range(99):
        assert not health.saw(good=False) or pytest.fail("paused too early")
        for _ in range(200):
            assert not health.saw(good=True)


def test_a_source_is_paused_when_more_than_one_in_a_hundred_is_bad() -> None:
    health = Health()
    paused = [health.saw(good=number % 50 != 0) for number in range(20_000)]
    assert any(paused)
    fine = Health()
    assert not any(fine.saw(good=number % 150 != 0) for number in range(50_000))
