"""Two desks of different keys and a wire between them: what is sent is delivered when the test says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import topology
from bridge.desk import audit as audits
from bridge.desk.audit import Audit
from bridge.desk.exchange.asker import Asker, Wish
from bridge.desk.exchange.decide import Policy, Protocol
from bridge.desk.exchange.feed import ExchangeTaker
from bridge.desk.exchange.holder import Holder
from bridge.desk.exchange.kept import Kept
from bridge.desk.exchange.letters import Own, Partner
from bridge.desk.exchange.open import Exchange
from bridge.desk.exchange.room import Room
from bridge.desk.send import NotSent
from schemas import codec, crypto

NOW = 1_764_000_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
AGENCIES = ("council", "police", "hospital")
PAIRS = {agency: (crypto.sign_keypair(), crypto.hpke_keypair()) for agency in AGENCIES}
RECORD, OTHER, GUARDED = b"police-record-1", b"police-record-2", b"police-record-3"
PEOPLE: dict[bytes, dict[str, Any]] = {
    RECORD: {"given": "Wilhelmina", "middle": None, "surname": "Ashdown", "dob": "2015-01-02", "key": ["P1"]},
    OTHER: {"given": "Rosalind", "middle": None, "surname": "Ashdown", "dob": "2017-01-02", "key": ["P2"]},
    GUARDED: {"given": "Zenobia", "middle": None, "surname": "Hush", "dob": "2012-01-02", "key": ["P3"]},
}
EVENTS = {
    RECORD: [{"kind": "incident", "occurred_at": NOW - DAY_MS, "texts": ["neighbour heard shouting"], "columns": {"grade": 2},
              "factors": [{"family": "violence", "severity": 3, "origin": "text"}, {"family": "violence", "severity": 1, "origin": "structured"}]},
             {"kind": "missing", "occurred_at": NOW - 9 * DAY_MS, "texts": [], "columns": {"grade": None}}],
}  # fmt: skip
AUTOMATIC = Protocol(id="who-is-this", title="Who is this child", legal_basis="Children Act 2004 s.16LA", to=("council",),
                     purposes=("identify", "protect"), kinds=("identity",), rung=4, needs="duty", automatic=True)  # fmt: skip
BY_HAND = Protocol(id="strategy", title="Strategy discussion", legal_basis="Children Act 1989 s.47", to=("council",),
                   purposes=("protect",), kinds=("summary", "record"), rung=4, needs="none")  # fmt: skip


class FakeHoldings:
    """A bridge's store."""

    def person(self, pseudonym: bytes) -> dict[str, Any] | None:
        return PEOPLE.get(pseudonym)

    def profile(self, pseudonym: bytes) -> dict[str, Any] | None:
        return {"allocation": "", "restricted": pseudonym == GUARDED}

    def events_of(self, pseudonym: bytes) -> list[dict[str, Any]]:
        return EVENTS.get(pseudonym, [])


class Wire:
    """Messages on their way; may be down."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.down = False

    def send(self, topic: str, key: bytes, value: bytes) -> None:
        assert key
        if self.down:
            raise NotSent("timed out")
        self.sent.append((topic, value))

    def take(self) -> list[tuple[str, bytes]]:
        sent, self.sent = self.sent, []
        return sent


class Side:
    """One desk's exchange."""

    def __init__(
        self, folder: Path, agency: str, wire: Wire, protocols: tuple[Protocol, ...] = (AUTOMATIC, BY_HAND)
    ) -> None:
        self.agency, self.folder, self.protocols = agency, folder / agency, protocols
        self.folder.mkdir()
        self.wire, self.now, self.wall = wire, NOW, NOW
        sign, seal = PAIRS[agency]
        self.own = Own("northmere", agency, sign[0], seal[0])
        self.partners = {
            name: Partner(name, pair[0][1], pair[1][1]) for name, pair in PAIRS.items() if name != agency
        }
        self.audit = Audit(self.folder / "audit.jsonl", lambda: self.wall)
        self._offset = 0
        self.open()

    def open(self) -> None:
        """As at a start of the desk."""
        self.kept = Kept(self.folder / "kept.sqlite", self.agency.encode().ljust(32))
        self.room = Room(
            self.own, self.partners, self.kept, self.audit, self.wire, lambda: self.now, lambda: self.wall
        )
        call = {"name": self.agency.title(), "office_number": "01632 960111"}
        policy = Policy(self.agency, self.protocols)
        self.holder = Holder(self.room, lambda: policy, FakeHoldings(), call)
        self.asker = Asker(self.room, 72 * 3600)
        self.taker = ExchangeTaker(self.room, self.holder, self.asker, 365)
        self.exchange = Exchange(self.holder, self.asker, self.taker, self.partners, self.kept.close)

    def lines(self, action: str) -> list[dict[str, Any]]:
        """Lines of the audit."""
        return [line for line in audits.entries(self.folder / "audit.jsonl") if line["action"] == action]

    def takes(self, kind: str, message: Any, topic: str) -> None:
        """As the feed does it."""
        self._offset += 1
        self.taker.take("exchange", kind, message, f"{topic}/0", self._offset)

    def beat(self) -> None:
        """As the feed does it once a second."""
        assert self.taker.alive("exchange", self.wall)

    def asked(self, **changes: Any) -> str:
        """A request of the council reaches this desk; its id."""
        self._offset += 1
        request_id = self._offset.to_bytes(16, "big").hex()
        body = {"agency": "council", "team": "mash", "user": "u-9", "kind": "identity", "purpose": "identify", "basis": "duty",
                "requested_at": NOW, "expires_at": NOW + DAY_MS, "records": [RECORD.hex()], **changes}  # fmt: skip
        self.takes("view", view(request_id, body), topology.VIEWS.name.format(agency=self.agency))
        return request_id


def view(request_id: str, body: Any) -> dict[str, Any]:
    """A row of the platform."""
    text = None if body is None else json.dumps(body)
    return {"kind": "request", "key": f"request:{request_id}", "as_of_at": NOW, "body": text}


def wish(**changes: Any) -> Wish:
    """Who is this, asked of the police."""
    return Wish(
        **{
            "asked": "police",
            "kind": "identity",
            "purpose": "identify",
            "basis": "duty",
            "alert_id": "a" * 32,
            **changes,
        }
    )


def deliver(wire: Wire, *sides: Side, records: tuple[bytes, ...] = (RECORD,)) -> None:
    """What is on the wire reaches whoever reads it; the platform finds these records for every request."""
    for topic, value in wire.take():
        name, message = codec.decode(value, frozenset({"request", "disclosure"}))
        for side in sides:
            if name == "disclosure" and side.agency != message["agency"]:
                side.takes(name, message, topic)
            elif name == "request" and side.agency == message["asked"]:
                body = {
                    field: message[field]
                    for field in ("agency", "team", "user", "kind", "purpose", "basis", "requested_at", "expires_at")
                }
                row = view(message["request_id"].hex(), {**body, "records": [record.hex() for record in records]})
                side.takes("view", row, topology.VIEWS.name.format(agency=side.agency))
