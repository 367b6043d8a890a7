"""What one agency asks of another: whom it concerns, and that the agency that holds them is told.

Decides which records of the asked agency a request is about, and when it is refused. Never sees an answer: that goes
sealed from desk to desk. Whether to answer is the holding desk's alone.

The rule. A request names an alert that its team has now, or records of its own agency. It concerns the households of
those records: for `identity` the asked agency's records of their children, else all of its records in them. A
household with a restricted record is as if nobody held it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from schemas.exchange import REQUEST_MAX_MS
from streams.alerting.notice import Alert
from streams.alerting.routing import holders
from streams.outbox import RUNG_AGENCIES, RowOut
from streams.partnership import Partnership
from streams.records import Asked, Record

OPEN_MAX_PER_AGENCY: Final = 200  # open requests of one agency: a desk's people ask some tens a day

_json = msgspec.json.Encoder(order="sorted").encode


def request(p: Partnership, now: int, agency: str, message: Any) -> str:
    """Take a request and tell the agency that is asked.

    Returns:
        `applied` or `duplicate`.

    Raises:
        ValueError: It is refused; the text is a reason of schemas.dead_letter.
    """
    if message["agency"] != agency:
        raise ValueError("wrong_agency")
    if message["request_id"] in p.tables["requests"]:
        return "duplicate"
    _check(p, now, agency, message)
    held = _held(p, message, _founded(p, agency, message))
    if not held:
        raise ValueError("request_nothing")
    p.tables["requests"][message["request_id"]] = Asked(agency, message["asked"], message["expires_at"])
    body = {name: message[name] for name in
            ("agency", "team", "user", "kind", "purpose", "basis", "requested_at", "expires_at")}  # fmt: skip
    _tell(p, message["request_id"], message["asked"], {**body, "records": [rid.hex() for rid in held]}, now)
    return "applied"


def advance(p: Partnership, now: int) -> None:
    """Take back what has expired; called on every tick."""
    table = p.tables["requests"]
    for request_id in sorted(key for key, row in table.items() if row.expires_at <= now):
        row: Asked = table[request_id]
        del table[request_id]
        if row.asked in p.registered().agencies:
            _tell(p, request_id, row.asked, None, now)


def _check(p: Partnership, now: int, agency: str, message: Any) -> None:
    register = p.registered()
    team = register.teams.get(message["team"])
    sane = (
        message["asked"] in register.agencies
        and message["asked"] != agency
        and team is not None
        and team.agency == agency
        and message["expires_at"] <= now + REQUEST_MAX_MS
    )
    if not sane:
        raise ValueError("bad_request")
    if message["expires_at"] <= now:
        raise ValueError("request_expired")
    if register.agencies[agency].rung < RUNG_AGENCIES:  # it may not learn who holds anything, by asking either
        raise ValueError("request_unfounded")
    if sum(row.agency == agency for row in p.tables["requests"].values()) >= OPEN_MAX_PER_AGENCY:
        raise ValueError("request_full")


def _founded(p: Partnership, agency: str, message: Any) -> Iterable[bytes]:
    """Records that the request stands on.

    Raises:
        ValueError: The team has no such alert, or the agency no such record.
    """
    if message["alert_id"]:
        alert: Alert | None = p.tables["alerts"].get(message["alert_id"])
        if alert is None or alert.ended or message["team"] not in holders(alert):
            raise ValueError("request_unfounded")
        return alert.records
    known: list[Record | None] = [p.tables["records"].get(rid) for rid in message["records"]]
    if not known or any(record is None or record.agency != agency or not record.live for record in known):
        raise ValueError("request_unfounded")
    records: list[bytes] = message["records"]
    return records


def _held(p: Partnership, message: Any, records: Iterable[bytes]) -> tuple[bytes, ...]:
    """The asked agency's records that it is about, sorted."""
    graph = p.graph
    households = {graph.household(rid) for rid in records if rid in graph.identities}
    members = {rid for household in households for rid in graph.household_records(household)}
    if any(p.is_restricted(rid) for rid in members):
        return ()
    if message["kind"] == "identity":
        children = {graph.cluster(rid) for rid in members if p.is_child(rid)}
        members = {rid for rid in members if graph.cluster(rid) in children}
    return p.own(message["asked"], members)


def _tell(p: Partnership, request_id: bytes, to: str, body: dict[str, Any] | None, now: int) -> None:
    text = None if body is None else _json(body).decode()
    p.emit("view", to, RowOut("request", f"request:{request_id.hex()}", now, text))
