"""The side that holds: requests that reach us, decided by our own protocols or by a named person, and answered.

Decides when an answer leaves: once the protocol that covers it, or the person who takes it on themselves, is in the
audit. What the protocols say is decide.py's, what an answer holds is answer.py's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec

import topology
from bridge import logs
from bridge.desk.access import facts
from bridge.desk.exchange import letters
from bridge.desk.exchange.answer import Holdings, content
from bridge.desk.exchange.decide import RUNG_OF, Policy, Question, Verdict
from bridge.desk.exchange.room import BY_ITSELF, Room
from bridge.desk.exchange.rows import INCOMING, ROWS_MAX, Incoming
from schemas.exchange import BASES, KINDS, PURPOSES, REQUEST_ID_BYTES, Disclosure

REASONS: Final = {
    "no_basis": "They named no basis on which we may disclose it.",
    "not_needed": "It is more than the purpose needs.",
    "consent_needed": "The family's consent has to be sought first.",
    "call_us": "We would rather speak: call us.",
}
"""Why a person refuses, as the asking side reads it."""
NOTE_MAX_CHARS: Final = 1_000
SAID: Final = ("agency", "team", "user", "kind", "purpose", "basis", "requested_at", "expires_at", "records")
"""What the platform says of a request. Every other field is this desk's own and is never taken from a row."""


log = logs.get("desk")


class Undecided(ValueError):
    """What a person decided cannot stand; says why in a sentence."""


class Holder:
    """Requests to this agency.

    Args:
        room: What both sides need.
        policy: Own disclosure protocols as they are now.
        holdings: The bridge's store.
        call: Whom to call here: `name`, `office_number`, `out_of_hours_number`.
    """

    def __init__(
        self, room: Room, policy: Callable[[], Policy], holdings: Holdings, call: Mapping[str, str]
    ) -> None:  # fmt: skip
        self._room, self._policy, self._holdings, self._call = room, policy, holdings, call
        self._judged_by = policy()
        self._lock = threading.Lock()  # one decision at a time, the feed's or a person's; taken before the store's
        self._for_people: set[str] = set()  # requests that do not answer themselves: they are not looked at again

    def take(self, key: str, body: Mapping[str, Any] | None) -> None:
        """A row of our views: a request, or with None that it is taken back.

        One that is known already is left as it is: rows come again after a compaction or a lost place.

        Raises:
            ValueError: It is no request.
        """
        request_id = key.partition(":")[2]
        with self._room.kept.batch():
            known = self.find(request_id)
            if body is None:
                if known is not None and known.state == "open":
                    self._keep(known, state="withdrawn")
            elif known is None:
                self._keep(_asked(request_id, body))

    def answer_due(self) -> None:
        """Answer what answers itself, and send what was decided and did not arrive.

        Raises:
            AuditDown, NotSent: It stays as it is, for the next time.
        """
        waiting = self._room.kept.waiting(INCOMING, Incoming, ROWS_MAX)
        with self._lock:
            if self._policy() is not self._judged_by:
                self._judged_by = self._policy()
                self._for_people.clear()
            self._for_people &= {row.request_id for row in waiting}
            for_people = frozenset(self._for_people)
        for row in waiting:
            if row.request_id not in for_people:
                with self._lock:
                    self._answer_alone(row.request_id)

    def _answer_alone(self, request_id: str) -> None:
        row = self.find(request_id)
        if row is None or row.state not in {"open", "sending"}:
            return
        if row.state == "sending":
            self._send(row)
        elif not self.is_open(row):
            self._keep(row, state="withdrawn")
        elif (verdict := self.verdict(row)).automatic and row.agency in self._room.partners:
            try:
                self._answer(row, BY_ITSELF, verdict)
            except ValueError as error:  # such as a partner's key that is none: the others go on
                log.error("a request could not be answered", extra={"cause": type(error).__name__})
                self._for_people.add(request_id)
        else:
            self._for_people.add(request_id)

    def recent(self, at_most: int) -> list[Incoming]:
        """Requests to us, the newest first."""
        return self._room.kept.newest(INCOMING, Incoming, at_most)

    def find(self, request_id: str) -> Incoming | None:
        """One request to us."""
        return self._room.kept.get(INCOMING, request_id, Incoming)

    def is_open(self, row: Incoming) -> bool:
        """Whether it can still be decided."""
        return row.state == "open" and self._room.now() < row.expires_at

    def verdict(self, row: Incoming) -> Verdict:
        """What our protocols say of a request."""
        records = [bytes.fromhex(record) for record in row.records]
        restricted = facts.read(self._holdings, records, None, self._room.now()).restricted
        return self._policy().verdict(Question(row.agency, row.kind, row.purpose, row.basis, restricted))

    def answer(self, request_id: str, user: str, note: str = "", basis: str = "") -> None:
        """A person answers.

        Args:
            request_id: Hexadecimal.
            user: Who; stands in the audit.
            note: Why, where no protocol covers it; kept here alone.
            basis: On which basis, where no protocol covers it.

        Raises:
            Undecided: It is no longer open, or no protocol covers it and reason or basis is missing.
            AuditDown: Nothing was disclosed.
            NotSent: It is decided, and sent again by itself.
        """
        with self._lock:
            row = self._open(request_id)
            verdict = self.verdict(row)
            if verdict.protocol is None and (not note.strip() or basis not in BASES[1:]):
                raise Undecided("No protocol covers this: write why you disclose it, and choose the basis.")
            self._answer(row, user, verdict, note.strip()[:NOTE_MAX_CHARS], basis)

    def refuse(self, request_id: str, user: str, reason: str) -> None:
        """A person refuses.

        Args:
            request_id: Hexadecimal.
            user: Who; stands in the audit.
            reason: One of `REASONS`.

        Raises:
            Undecided: It is no longer open, or there is no such reason.
            AuditDown: Nothing was sent.
            NotSent: It is decided, and sent again by itself.
        """
        with self._lock:
            row = self._open(request_id)
            if reason not in REASONS:
                raise Undecided("Choose a reason.")
            letter = self._letter(row, "refusal", {"reason": reason})
            facts = {"to": row.agency, "kind": row.kind, "reason": reason, "sha256": letters.sha256(letter)}
            self._room.audit.record(user, "refuse_request", (row.request_id, *row.records), **facts)
            self._decided(row, letter, user, reason=reason)

    def _answer(self, row: Incoming, user: str, verdict: Verdict, note: str = "", basis: str = "") -> None:
        """The store is read for the hash that the audit holds; nothing leaves this process before the audit does."""
        room, protocol = self._room, verdict.protocol
        call = {"agency": room.own.agency, **self._call}
        said = content(row.kind, [bytes.fromhex(record) for record in row.records], self._holdings, call)
        letter = self._letter(row, "answer", said)
        room.audit.record(
            user, "disclose", (row.request_id, *row.records), to=row.agency, kind=row.kind, purpose=row.purpose,
            protocol=protocol.id if protocol else "none", rung=RUNG_OF[row.kind],
            basis=basis if protocol is None else row.basis, sha256=letters.sha256(letter),
        )  # fmt: skip
        self._decided(row, letter, user, protocol=protocol.id if protocol else "", automatic=user == BY_ITSELF,
                      note=note, basis_here=basis if protocol is None else "")  # fmt: skip

    def _letter(self, row: Incoming, kind: Literal["answer", "refusal"], said: dict[str, Any]) -> Disclosure:
        to = self._room.partners.get(row.agency)
        if to is None:
            raise Undecided("The keys of this agency are not in the partners file: tell your administrator.")
        reply = letters.Reply(to, bytes.fromhex(row.request_id), row.expires_at, kind)
        return letters.answer(self._room.own, reply, said, self._room.now())

    def _decided(self, row: Incoming, letter: Disclosure, user: str, **more: Any) -> None:
        row = self._keep(
            row, state="sending", letter=letters.encoded(letter), sha256=letters.sha256(letter), user_here=user,
            decided_at=self._room.wall(), **more,
        )  # fmt: skip
        self._for_people.discard(row.request_id)
        self._send(row)

    def _send(self, row: Incoming) -> None:
        topic = topology.DISCLOSURES.name.format(agency=self._room.own.agency)
        self._room.post.send(topic, bytes.fromhex(row.request_id), row.letter)
        self._keep(row, state="refused" if row.reason else "answered", letter=b"")

    def _open(self, request_id: str) -> Incoming:
        row = self.find(request_id)
        if row is None or not self.is_open(row):
            raise Undecided("It is no longer open: a colleague decided, or it expired.")
        return row

    def _keep(self, row: Incoming, **changes: Any) -> Incoming:
        new = msgspec.structs.replace(row, **changes)
        done = new.state not in {"open", "sending"}
        self._room.kept.put(INCOMING, row.request_id, self._room.wall(), new, done=done)
        return new


def _asked(request_id: str, body: Mapping[str, Any]) -> Incoming:
    """A request as a row of the platform says it.

    Raises:
        ValueError: It is none: a field is missing, or not of the closed words.
    """
    row = msgspec.convert({"request_id": request_id, **{name: body[name] for name in SAID if name in body}}, Incoming)
    words = row.kind in KINDS and row.purpose in PURPOSES and row.basis in BASES
    if not words or len(bytes.fromhex(request_id)) != REQUEST_ID_BYTES or not all(map(bytes.fromhex, row.records)):
        raise ValueError("a request that is none")
    return row
