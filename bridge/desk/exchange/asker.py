"""The side that asks: requests of ours, and what comes back.

Decides what is kept of a request and when an answer counts: once its receipt is in the audit. Whether a letter is
what it says is letters.py's.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

import topology
from bridge import logs
from bridge.desk.exchange import letters
from bridge.desk.exchange.answer import Content
from bridge.desk.exchange.letters import Due
from bridge.desk.exchange.room import BY_ITSELF, Room
from bridge.desk.exchange.rows import HEAD, LOOKUP, OUTGOING, ROWS_MAX, Head, Outgoing, Returned
from schemas import codec, crypto
from schemas.dead_letter import SEAL_INFO, DeadLetter
from schemas.exchange import REQUEST_ID_BYTES, Basis, Disclosure, Kind, Purpose, Request

DAY_MS: Final = 24 * 3600 * 1000
HEADS_MAX: Final = 20_000  # one a day of ten agencies over five years
_ASKED: Final = frozenset({"request", "lookup"})

log = logs.get("desk")


@dataclass(frozen=True)
class Wish:
    """What a user wants to know: of whom, what, why, and about which alert or own records."""

    asked: str
    kind: Kind
    purpose: Purpose
    basis: Basis
    alert_id: str = ""
    records: tuple[bytes, ...] = ()


class Asker:
    """Requests of this agency.

    Args:
        room: What both sides need.
        valid_s: How long a request is open.
    """

    def __init__(self, room: Room, valid_s: int) -> None:
        self._room, self._valid_ms = room, valid_s * 1000

    def ask(self, user: str, team: str, wish: Wish) -> str:
        """Send a request; in the audit, then kept, before it is sent, so that its answer finds it.

        Returns:
            Its id, hexadecimal.

        Raises:
            AuditDown: Nothing was sent.
            NotSent: It did not reach the broker and stands as returned.
        """
        room, request_id = self._room, secrets.token_bytes(REQUEST_ID_BYTES)
        now = room.now()
        request: Request = {
            "request_id": request_id, "partnership": room.own.partnership, "agency": room.own.agency, "team": team,
            "user": user, "asked": wish.asked, "kind": wish.kind, "alert_id": wish.alert_id,
            "records": list(wish.records), "purpose": wish.purpose, "basis": wish.basis, "requested_at": now,
            "expires_at": now + self._valid_ms,
        }  # fmt: skip
        records = tuple(record.hex() for record in wish.records)
        subjects = (request_id.hex(), *((wish.alert_id,) if wish.alert_id else records))
        room.audit.record(user, "ask", subjects, team=team, to=wish.asked, kind=wish.kind, purpose=wish.purpose,
                          basis=wish.basis)  # fmt: skip
        row = Outgoing(
            request_id.hex(), wish.asked, team, user, wish.kind, wish.purpose, wish.basis, wish.alert_id, records,
            now, request["expires_at"],
        )  # fmt: skip
        self._keep(row)
        topic = topology.REQUESTS.name.format(agency=room.own.agency)
        try:
            room.post.send(topic, room.own.partnership.encode(), codec.encode("request", request))
        except Exception:
            self._keep(row, state="returned", reason="not_sent")
            raise
        return request_id.hex()

    def find(self, request_id: str) -> Outgoing | None:
        """One request of ours."""
        return self._room.kept.get(OUTGOING, request_id, Outgoing)

    def recent(self, teams: Iterable[str], at_most: int) -> list[Outgoing]:
        """Requests of these teams, the newest first."""
        mine = frozenset(teams)
        rows = self._room.kept.newest(OUTGOING, Outgoing, ROWS_MAX)
        return [row for row in rows if row.team in mine][:at_most]

    def take(self, writer: str, letter: Disclosure) -> None:
        """A letter on an agency's topic: for us, a head, or none of ours.

        Args:
            writer: Agency whose topic it came on.
            letter: As it came.

        Raises:
            AuditDown: It has not been received.
        """
        if letter["kind"] == "heads":
            self._take_head(writer, letter)
        elif letter["to"] == self._room.own.agency:
            self._take_answer(writer, letter)

    def take_returned(self, returned: DeadLetter) -> None:
        """What the platform gave back: where it is a request or look-up of ours, it ends with the reason."""
        if returned["origin"] != topology.REQUESTS.name.format(agency=self._room.own.agency):
            return
        try:
            plain = crypto.hpke_open(self._room.own.seal_private, returned["sealed"], SEAL_INFO)
            name, asked = codec.decode(plain, _ASKED)
        except (crypto.Broken, codec.Rejected):
            log.error("a returned request cannot be read", extra={"reason": returned["reason"]})
            return
        if name == "lookup":
            kept, lookup_id = self._room.kept, asked["lookup_id"].hex()
            kept.put(LOOKUP, lookup_id, self._room.wall(), Returned(returned["reason"]), done=True)
            return
        row = self.find(asked["request_id"].hex())
        if row is not None and row.state == "open":
            self._keep(row, state="returned", reason=returned["reason"])

    def lookup_returned(self, lookup_id: str) -> str:
        """Why the platform gave a look-up back; empty where it has not."""
        found = self._room.kept.get(LOOKUP, lookup_id, Returned)
        return "" if found is None else found.reason

    def heads(self, agency: str) -> list[Head]:
        """Heads that are kept of an agency's audit, the newest first."""
        return [head for head in self._room.kept.newest(HEAD, Head, HEADS_MAX) if head.agency == agency]

    def _take_answer(self, writer: str, letter: Disclosure) -> None:
        room, request_id = self._room, letter["request_id"].hex()
        row = self.find(request_id)
        due = Due(row.asked, row.expires_at) if row is not None and row.state == "open" else None
        subjects, seal = (request_id,), letters.sha256(letter)
        try:
            if writer != letter["agency"]:
                raise letters.Refused("forged")
            said = letters.opened(room.own, letter, due, room.partners, room.now())
            content = _content(said) if letter["kind"] == "answer" else None
        except letters.Refused as refused:
            log.warning("a letter was refused", extra={"reason": refused.reason, "source": writer})
            why = {"agency": writer, "reason": refused.reason, "sha256": seal}
            room.audit.record(BY_ITSELF, "letter_refused", subjects, **why)
            return
        room.audit.record(BY_ITSELF, "received", subjects, agency=writer, kind=letter["kind"], sha256=seal)
        if row is not None:
            self._keep(
                row, state="answered" if content else "refused", content=content,
                reason="" if content else str(said.get("reason", "")), sha256=seal, received_at=room.now(),
            )  # fmt: skip

    def _take_head(self, writer: str, letter: Disclosure) -> None:
        """Keep an agency's first head of a day: a later one of that day cannot take its place."""
        room = self._room
        try:
            if writer != letter["agency"]:
                raise letters.Refused("forged")
            letters.check_head(room.own, letter, room.partners, room.wall())
        except letters.Refused as refused:
            log.warning("a head was refused", extra={"reason": refused.reason, "source": writer})
            return
        keep_head(room, letter)

    def _keep(self, row: Outgoing, **changes: Any) -> None:
        new = msgspec.structs.replace(row, **changes)
        self._room.kept.put(OUTGOING, row.request_id, self._room.wall(), new, done=new.state != "open")


def _content(said: dict[str, Any]) -> Content:
    """What an answer says.

    Raises:
        Refused: It is no answer of ours: its sender runs something else.
    """
    try:
        return msgspec.convert(said, Content)
    except msgspec.ValidationError:
        raise letters.Refused("tampered") from None


def keep_head(room: Room, letter: Disclosure) -> None:
    """Keep a head that counts, or one of our own."""
    id_ = f"{letter['agency']}:{letter['answered_at'] // DAY_MS}"
    if room.kept.get(HEAD, id_, Head) is None:
        kept = Head(
            letter["partnership"], letter["agency"], letter["head_number"], letter["head_hash"],
            letter["answered_at"], letter["signature"].hex(),
        )  # fmt: skip
        room.kept.put(HEAD, id_, letter["answered_at"], kept, done=True)
