"""Takes one message of the journal into a partnership: opens it, checks it, applies it, counts it.

Decides what is applied, duplicate, late, orphan or refused. What follows from a change (links, scores, alerts) is
decided in streams/assess.py. Never raises on bad input: a refusal is an output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from schemas import codec, control, crypto
from schemas.envelope import Envelope, associated_data, key_statement
from schemas.event import FACTORS_MAX, OUTCOMES
from schemas.profile import AGE_BANDS, STATUSES, STATUSES_MAX
from streams import assess, governing, lookups, registers, requests
from streams.linkage import identity as encodings
from streams.partnership import Partnership
from streams.records import NO_VERSION, Feed, Record, SealedKey
from streams.risk.contribution import Contribution, contribution_from_wire, profile_from_wire

DAY_MS: Final = 24 * 3600 * 1000
PAST_MAX_MS: Final = 30 * 366 * DAY_MS  # older than a child and care leaver can be
FUTURE_MAX_MS: Final = 1 * DAY_MS  # clocks of sources differ; more is a wrong date
LATE_MS: Final = 7 * DAY_MS  # behind the newest of its feed: still applied exactly, counted as late
WAITING_MAX_PER_AGENCY: Final = 50_000  # events kept for records not yet known; 28 days at most

_OUTSIDE: Final = frozenset({"envelope", "control", "response", "request", "lookup"})
_LANE_MESSAGE: Final = {"identity": "identity", "profile": "profile", "event": "event",
                        "heartbeat": "heartbeat", "live": "live"}  # fmt: skip
_INSIDE: Final = {lane: frozenset({name}) for lane, name in _LANE_MESSAGE.items()}


class Refused(Exception):
    """A message that cannot be applied; carries a reason of schemas.dead_letter."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def receive(p: Partnership, now: int, origin: str, body: bytes) -> None:
    """Apply one journaled message.

    Args:
        p: The partnership it belongs to.
        now: received_at, ms.
        origin: Topic it came on.
        body: The framed message.
    """
    agency = p.agency_of(origin)
    try:
        name, message = codec.decode(body, _OUTSIDE)
        if name == "envelope":
            p.count(agency, _envelope(p, now, origin, agency, cast(Envelope, message)))
        elif name == "control":
            p.count("", _control(p, now, message))
        else:
            p.count(agency, _FROM_DESKS[name](p, now, agency, message))
    except (codec.Rejected, Refused) as error:
        p.refuse(agency, origin, error.reason, body, now)


def _envelope(p: Partnership, now: int, origin: str, agency: str, envelope: Envelope) -> str:
    if not agency:
        raise Refused("unknown_agency")
    if envelope["agency"] != agency:
        raise Refused("wrong_agency")
    if envelope["lane"] == "key":
        return _payload_key(p, agency, envelope)
    message = _open(p, origin, agency, envelope)
    return _LANES[envelope["lane"]](p, now, agency, envelope, message)


def _open(p: Partnership, origin: str, agency: str, envelope: Envelope) -> Any:
    cipher = p.ciphers.get(envelope["key_id"])
    if cipher is None or p.tables["keys"][envelope["key_id"]].agency != agency:
        raise Refused("key_unknown")
    try:
        body = cipher.open(envelope["nonce"], envelope["body"], associated_data(origin, envelope))
    except crypto.Broken:
        raise Refused("seal_broken") from None
    return codec.decode(body, _INSIDE[envelope["lane"]])[1]


def _payload_key(p: Partnership, agency: str, envelope: Envelope) -> str:
    _, message = codec.decode(envelope["body"], frozenset({"payload_key"}))
    public = bytes.fromhex(p.registered().agencies[agency].sign_public)
    signed = key_statement(agency, p.name, message["key_id"], message["day"], message["sealed"])
    if not crypto.verify(public, signed, message["signature"]):
        raise Refused("key_signature")
    if message["key_id"] in p.tables["keys"]:
        return "duplicate"
    row = SealedKey(agency, message["day"], message["sealed"])
    try:
        p.ciphers[message["key_id"]] = p.open_key(row)
    except crypto.Broken:
        raise Refused("seal_broken") from None
    p.tables["keys"][message["key_id"]] = row
    return "applied"


def _version(envelope: Envelope) -> tuple[int, int, int]:
    return envelope["epoch"], envelope["position"], envelope["sequence"]


def _identity(p: Partnership, now: int, agency: str, envelope: Envelope, message: Any) -> str:
    rid, version = envelope["subject"], _version(envelope)
    record: Record = p.tables["records"].get(rid) or Record(agency)
    if record.agency != agency:
        raise Refused("wrong_agency")
    if message["op"] == "delete":
        if version <= record.identity_version:
            return "duplicate"
        p.put_record(rid, record, identity_version=version, live=False)
        assess.unlinked(p, rid, now, envelope["committed_at"])
        return "applied"
    try:
        encoded = encodings.from_wire(message, agency)
    except ValueError as error:
        raise Refused(str(error)) from None
    if version <= record.identity_version:
        if version == record.identity_version and p.links.latest(rid) not in {None, encoded}:
            raise Refused("conflicting_version")
        return "duplicate"
    p.put_record(rid, record, identity_version=version, live=True, waiting_since=0)
    assess.linked(p, rid, encoded, now, envelope["committed_at"])
    return "applied"


def _profile(p: Partnership, now: int, agency: str, envelope: Envelope, message: Any) -> str:
    rid, version = envelope["subject"], _version(envelope)
    known: Record | None = p.tables["records"].get(rid)
    record = known or Record(agency)
    if record.agency != agency:
        raise Refused("wrong_agency")
    if version <= record.profile_version:
        return "duplicate"
    if message["age_band"] not in AGE_BANDS or any(spell["kind"] not in STATUSES for spell in message["statuses"]):
        raise Refused("unknown_code")
    if len(message["statuses"]) > STATUSES_MAX:
        raise Refused("bad_bounds")
    wire = message if message["op"] == "upsert" else None
    p.put_record(rid, record, profile_version=version, profile=wire and profile_from_wire(wire),
                 waiting_since=now if known is None else known.waiting_since)  # fmt: skip
    assess.profiled(p, rid, wire, now, envelope["committed_at"])
    return "applied"


def _event(p: Partnership, now: int, agency: str, envelope: Envelope, message: Any) -> str:
    rid, event, version = envelope["subject"], message["event"], _version(envelope)
    known: Contribution | None = p.tables["events"].get(event)
    newest = known.version if known is not None else p.tables["withdrawn"].get(event)
    if newest is not None and version <= tuple(newest):
        return "duplicate"
    record: Record | None = p.tables["records"].get(rid)
    owner: Record | None = record if known is None else p.tables["records"].get(known.record)
    if any(other is not None and other.agency != agency for other in (record, owner)):
        raise Refused("wrong_agency")
    if message["op"] == "delete":
        p.tables["withdrawn"][event] = version
        if known is not None:
            assess.withdrawn(p, event, known.record, now, envelope["committed_at"])
        return "applied"
    contribution = _contribution(p, now, agency, envelope, message)
    if record is not None and not record.live and record.identity_version != NO_VERSION:
        return "orphan"
    if record is None:
        record = p.put_record(rid, Record(agency), waiting_since=now)
    if not record.live and p.waiting(agency) >= WAITING_MAX_PER_AGENCY:
        raise Refused("orphan_full")
    late = _is_late(p, agency, envelope["source"], contribution.occurred_at)
    assess.happened(p, event, contribution, now, envelope["committed_at"])
    return "late" if late else "applied"


def _is_late(p: Partnership, agency: str, source: str, occurred_at: int) -> bool:
    feed: Feed = p.feed(agency, source)
    if occurred_at > feed.newest_at:
        p.put_feed(agency, source, feed, newest_at=occurred_at)
    return feed.live and occurred_at < feed.newest_at - LATE_MS


def _contribution(p: Partnership, now: int, agency: str, envelope: Envelope, message: Any) -> Contribution:
    register = p.registered()
    if message["op"] == "upsert" and not now - PAST_MAX_MS <= message["occurred_at"] <= now + FUTURE_MAX_MS:
        raise Refused("date_out_of_range")
    if len(message["factors"]) > FACTORS_MAX:
        raise Refused("bad_bounds")
    if message["outcome"] and message["outcome"] not in OUTCOMES:
        raise Refused("unknown_code")
    if not register.agencies[agency].enrich:
        message["factors"] = [factor for factor in message["factors"] if factor["origin"] == "structured"]
    try:
        return contribution_from_wire(
            message, envelope["subject"], register.agencies[agency].kind, _version(envelope)
        )
    except ValueError:
        raise Refused("unknown_code") from None


def _heartbeat(p: Partnership, now: int, agency: str, envelope: Envelope, message: Any) -> str:
    feed, version = p.feed(agency, envelope["source"]), _version(envelope)
    if version <= feed.heartbeat_version:
        return "duplicate"
    p.put_feed(agency, envelope["source"], feed, beat_at=min(message["beat_at"], now), heartbeat_version=version)
    return "applied"


def _live(p: Partnership, now: int, agency: str, envelope: Envelope, message: Any) -> str:
    del message
    feed = p.feed(agency, envelope["source"])
    if feed.live:
        return "duplicate"
    p.put_feed(agency, envelope["source"], feed, live=True, beat_at=max(feed.beat_at, now))
    assess.feed_live(p, now)
    return "applied"


_LANES: Final[dict[str, Callable[[Partnership, int, str, Envelope, Any], str]]] = {
    "identity": _identity, "profile": _profile, "event": _event, "heartbeat": _heartbeat, "live": _live,
}  # fmt: skip


def _response(p: Partnership, now: int, agency: str, response: Any) -> str:
    try:
        return assess.respond(p, now, agency, response)
    except ValueError as error:
        raise Refused(str(error)) from None


def _request(p: Partnership, now: int, agency: str, request: Any) -> str:
    if not agency:
        raise Refused("unknown_agency")
    try:
        return requests.request(p, now, agency, request)
    except ValueError as error:
        raise Refused(str(error)) from None


def _lookup(p: Partnership, now: int, agency: str, lookup: Any) -> str:
    if not agency:
        raise Refused("unknown_agency")
    try:
        return lookups.lookup(p, now, agency, lookup)
    except ValueError as error:
        raise Refused(str(error)) from None


_FROM_DESKS: Final = {"response": _response, "request": _request, "lookup": _lookup}


def _control(p: Partnership, now: int, message: Any) -> str:
    if message["name"] not in control.NAMES:
        raise Refused("bad_control")
    try:
        return governing.controlled(p, message, now)
    except registers.BadControl:
        raise Refused("bad_control") from None
