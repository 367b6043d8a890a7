"""What intake checks before anything enters the journal.

Decides, from a message's clear outside alone, where it belongs or why it is refused. Opens nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import topology
from schemas import codec
from schemas.control import NAMES
from schemas.crypto import SIGNATURE_BYTES
from schemas.envelope import EVENT_LANES, ID_MAX_CHARS, IDENTITY_LANES, SUBJECT_MAX_BYTES
from schemas.exchange import REQUEST_ID_BYTES
from schemas.lookup import LOOKUP_ID_BYTES, SEALED_MAX_BYTES
from streams.registers import Register

POSITION_MAX: Final = (1 << 63) - 1
COMMITTED_AT_MAX: Final = 7_258_118_400_000  # 2200-01-01, ms: what is later is no clock of ours
KEY_ID_BYTES: Final = 16
NONCE_BYTES: Final = 12
RESPONSE_ID_BYTES: Final = 16
RECORDS_MAX: Final = 64
TEXT_MAX_CHARS: Final = 128
_SUBJECTLESS: Final = frozenset({"key", "heartbeat", "live"})
_LANES: Final = {topology.IDENTITIES.name: IDENTITY_LANES, topology.EVENTS.name: EVENT_LANES}
_DESKS: Final = (topology.RESPONSES.name, topology.REQUESTS.name)


class Origin(NamedTuple):
    """A topic that intake reads.

    Attributes:
        family: Its template in the map.
        agency: Whose it is; empty for controls.
    """

    family: str
    agency: str


class Routed(NamedTuple):
    """One entry for the journal."""

    partition: int
    partnership: str


def origins(registers: Mapping[str, Register]) -> dict[str, Origin]:
    """Every topic that intake reads, by name."""
    agencies = sorted({agency for register in registers.values() for agency in register.agencies})
    found = {topology.CONTROLS.name: Origin(topology.CONTROLS.name, "")}
    for family in (*_LANES, *_DESKS):
        found |= {family.format(agency=agency): Origin(family, agency) for agency in agencies}
    return found


def route(origin: Origin, data: bytes, registers: Mapping[str, Register]) -> list[Routed]:
    """Where a message belongs.

    Args:
        origin: The topic it came on.
        data: As it came.
        registers: Partnerships.

    Returns:
        Its place; for a control without a partnership, one place each.

    Raises:
        codec.Rejected: With a reason of schemas.dead_letter.
    """
    if origin.family in _LANES:
        _, message = codec.decode(data, _ENVELOPE)
        _check_envelope(origin, message)
    elif origin.family == topology.RESPONSES.name:
        _, message = codec.decode(data, _RESPONSE)
        _check_response(message)
    elif origin.family == topology.REQUESTS.name:
        name, message = codec.decode(data, _REQUEST)
        _ASKED[name](message)
    else:
        _, message = codec.decode(data, _CONTROL)
        _check_control(message)
        if not message["partnership"]:
            return [Routed(register.partition, name) for name, register in sorted(registers.items())]
    return [_place(origin, message, registers)]


_ENVELOPE: Final = frozenset({"envelope"})
_RESPONSE: Final = frozenset({"response"})
_REQUEST: Final = frozenset({"request", "lookup"})
_CONTROL: Final = frozenset({"control"})


def _place(origin: Origin, message: Mapping[str, Any], registers: Mapping[str, Register]) -> Routed:
    partnership = message["partnership"]
    register = registers.get(partnership)
    if register is None:
        raise codec.Rejected("unknown_partnership")
    if origin.agency:
        if message["agency"] != origin.agency:
            raise codec.Rejected("wrong_agency")
        if origin.agency not in register.agencies:
            raise codec.Rejected("unknown_agency")
    return Routed(register.partition, partnership)


def _check_envelope(origin: Origin, message: Mapping[str, Any]) -> None:
    lane = message["lane"]
    if lane not in _LANES[origin.family]:
        raise codec.Rejected("wrong_lane")
    subject = len(message["subject"])
    sane = (
        _identifiers(message["partnership"], message["agency"])
        and len(message["source"]) <= ID_MAX_CHARS
        and (subject == 0 if lane in _SUBJECTLESS else 0 < subject <= SUBJECT_MAX_BYTES)
        and all(0 <= message[field] <= POSITION_MAX for field in ("epoch", "position", "sequence"))
        and 0 <= message["committed_at"] <= COMMITTED_AT_MAX
        and len(message["nonce"]) == NONCE_BYTES
        and len(message["key_id"]) == KEY_ID_BYTES
    )
    if not sane:
        raise codec.Rejected("bad_bounds")


def _check_response(message: Mapping[str, Any]) -> None:
    sane = (
        _identifiers(message["partnership"], message["agency"])
        and len(message["response_id"]) == RESPONSE_ID_BYTES
        and len(message["records"]) <= RECORDS_MAX
        and all(0 < len(record) <= SUBJECT_MAX_BYTES for record in message["records"])
        and all(len(message[field]) <= TEXT_MAX_CHARS for field in ("team", "user", "alert_id"))
        and 0 <= message["decided_at"] <= COMMITTED_AT_MAX
        and 0 <= (message["until_at"] or 0) <= COMMITTED_AT_MAX
    )
    if not sane:
        raise codec.Rejected("bad_response")


def _check_request(message: Mapping[str, Any]) -> None:
    sane = (
        _identifiers(message["partnership"], message["agency"], message["asked"])
        and len(message["request_id"]) == REQUEST_ID_BYTES
        and len(message["records"]) <= RECORDS_MAX
        and all(0 < len(record) <= SUBJECT_MAX_BYTES for record in message["records"])
        and all(len(message[field]) <= TEXT_MAX_CHARS for field in ("team", "user", "alert_id"))
        and bool(message["alert_id"]) != bool(message["records"])
        and 0 <= message["requested_at"] <= message["expires_at"] <= COMMITTED_AT_MAX
    )
    if not sane:
        raise codec.Rejected("bad_request")


def _check_lookup(message: Mapping[str, Any]) -> None:
    sane = (
        _identifiers(message["partnership"], message["agency"])
        and len(message["lookup_id"]) == LOOKUP_ID_BYTES
        and len(message["signature"]) == SIGNATURE_BYTES
        and 0 < len(message["sealed"]) <= SEALED_MAX_BYTES
        and all(len(message[field]) <= TEXT_MAX_CHARS for field in ("team", "user"))
        and 0 <= message["requested_at"] <= message["expires_at"] <= COMMITTED_AT_MAX
    )
    if not sane:
        raise codec.Rejected("bad_lookup")


_ASKED: Final = {"request": _check_request, "lookup": _check_lookup}


def _check_control(message: Mapping[str, Any]) -> None:
    sane = (
        message["name"] in NAMES
        and len(message["partnership"]) <= ID_MAX_CHARS
        and message["version"] > 0
        and 0 <= message["effective_at"] <= COMMITTED_AT_MAX
    )
    if not sane:
        raise codec.Rejected("bad_control")


def _identifiers(*names: str) -> bool:
    return all(0 < len(name) <= ID_MAX_CHARS for name in names)


class Health:
    """Whether a source is mostly bad: then it is paused, so that a bad deploy does not drain into dead letters.

    Source:
        Limits of getsentry/arroyo, dlq.py:81-93: a run of bad messages, or a share of a window.
    """

    CONSECUTIVE_MAX: Final = 50
    SHARE_MAX: Final = 0.01
    WINDOW: Final = 10_000  # messages; a share is judged only over a whole window, or over LEAST_BAD bad ones
    LEAST_BAD: Final = 100

    def __init__(self) -> None:
        self._run = 0
        self._bad = 0
        self._all = 0

    def saw(self, good: bool) -> bool:
        """Count one message.

        Returns:
            Whether the source must be paused.
        """
        if self._all >= self.WINDOW:
            self._all, self._bad = self._all // 2, self._bad // 2
        self._all += 1
        if good:
            self._run = 0
            return False
        self._run += 1
        self._bad += 1
        too_many = self._bad >= self.LEAST_BAD and self._bad > self.SHARE_MAX * self._all
        return self._run > self.CONSECUTIVE_MAX or too_many
