"""Outputs of `step`, and their cut: what each receiver may have, by its own pseudonyms.

Decides what leaves the platform and in which form: the highest rung of any user at the receiving agency, that
agency's own record pseudonyms, and entity ids that differ from agency to agency so that two feeds cannot be joined.
The desk cuts again for each user. Pure: the publisher sends what `cut` gives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, NamedTuple, cast

import msgspec

import topology
from schemas import codec, crypto
from schemas.alert import Alert, AlertFactor, AlertState, Direction, FeedLag
from schemas.dead_letter import SEAL_INFO
from streams.alerting.notice import Notice, Part
from streams.keys import Keyring
from streams.linkage.explain import Line as Evidence
from streams.risk.foresight import Outlook
from streams.risk.targets import Foreseen
from streams.risk.trajectory import WEEKS, Line
from streams.state import Out

RUNG_AGENCIES: Final = 1  # which agency and whom to call
RUNG_CATEGORIES: Final = 2  # categories of factor
RUNG_SUMMARY: Final = 3  # weights, ages, scores
OPERATORS: Final = "operators"  # the reader of `links` and `scores`, with entity ids of its own


class AlertOut(msgspec.Struct, frozen=True, array_like=True):
    """A notice for a team, with what the cut needs: the team's agency, its rung and its own records."""

    notice: Notice
    agency: str
    rung: int
    own: tuple[bytes, ...]


class PresenceOut(msgspec.Struct, frozen=True, array_like=True):
    """A presence notice for a team; `notice` has the fields of schemas.alert.Presence, uncut."""

    notice: dict[str, Any]
    agency: str
    own: tuple[bytes, ...]


class Reader(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An agency that holds a household: its rung, its own records, and the people it holds a record of."""

    agency: str
    rung: int
    own: tuple[bytes, ...] = ()
    people: tuple[bytes, ...] = ()


class HouseholdOut(msgspec.Struct, frozen=True, array_like=True):
    """A household's score for the agencies that hold it and for the operators; None where the household is gone.

    `behind` is as in Notice: with a feed behind, the score is a lower bound.
    """

    household: bytes
    as_of_at: int
    readers: tuple[Reader, ...]
    score_ppm: int | None = None
    model: str = ""
    factors: tuple[Part, ...] = ()
    behind: tuple[tuple[str, int], ...] = ()
    outlook: Outlook | None = None
    outcomes: tuple[Foreseen, ...] = ()


class SuggestionOut(msgspec.Struct, frozen=True, array_like=True):
    """Two records that may be one person, for the agencies that hold them; it is gone for a reader without records.

    `why` and `rival` are those of streams/linkage/explain.py; `link` is in milli-bits.
    """

    suggestion_id: str
    as_of_at: int
    readers: tuple[Reader, ...]
    agencies: tuple[str, ...] = ()
    link: int = 0
    why: str = ""
    rival: str = ""
    lines: tuple[Evidence, ...] = ()


class Joined(msgspec.Struct, frozen=True, array_like=True):
    """Two records of one person and what says so; `link` is 0 and there are no lines where a person said it."""

    one: bytes
    other: bytes
    agencies: tuple[str, str]
    why: str
    link: int = 0
    lines: tuple[Evidence, ...] = ()


class JoinsOut(msgspec.Struct, frozen=True, array_like=True):
    """What holds the people of a household together, for the agencies that may have it; none of them, it is gone."""

    household: bytes
    as_of_at: int
    readers: tuple[Reader, ...]
    people: tuple[tuple[Joined, ...], ...] = ()


class RowOut(msgspec.Struct, frozen=True, array_like=True):
    """A row of an agency's view: freshness, model, insights, controls, requests; without a body it is gone."""

    kind: str
    key: str
    as_of_at: int
    body: str | None


class MatchOut(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One person whom a look-up found: household, the asking agency's own records, who holds any, milli-bits."""

    household: bytes
    own: tuple[bytes, ...]
    agencies: tuple[str, ...]
    link: int


class LookupOut(msgspec.Struct, frozen=True, array_like=True):
    """What a look-up found, for the agency that asked, and its rung."""

    key: str
    found_at: int
    expires_at: int
    rung: int
    matches: tuple[MatchOut, ...] = ()


class LinkOut(msgspec.Struct, frozen=True, array_like=True):
    """A change of clusters."""

    changed_at: int
    cause: str
    model: str
    before: tuple[tuple[bytes, ...], ...]
    after: tuple[tuple[bytes, ...], ...]


class RefusedOut(msgspec.Struct, frozen=True, array_like=True):
    """A message that `step` refused; the publisher seals `body` to the agency it came from.

    `seal_public` is that agency's X25519 key (hex); empty where no agency could be told.
    """

    seal_public: str
    origin: str
    reason: str
    received_at: int
    body: bytes


class Message(NamedTuple):
    """What goes to Kafka."""

    topic: str
    key: bytes
    value: bytes


class Cutter:
    """Cuts outputs for their receivers.

    Args:
        entity_key: 32 bytes; makes entity ids.

    What it gives is the same for the same output, but for the seal of a dead letter, which is fresh each time.
    """

    def __init__(self, entity_key: bytes) -> None:
        self._entity_key = entity_key
        self._cuts: dict[str, Callable[[Out], Message]] = {
            "alert": self._alert, "presence": self._presence, "view": self._view, "lookup": self._lookup,
            "link": self._link, "dead_letter": self._dead_letter,
        }  # fmt: skip
        self._manifold: dict[str, Callable[[Out], list[Message]]] = {
            "household": self._household, "suggestion": self._suggestion, "joins": self._joins,
        }  # fmt: skip

    def __call__(self, out: Out) -> list[Message]:
        """Messages that one output becomes."""
        many = self._manifold.get(out.kind)
        return many(out) if many is not None else [self._cuts[out.kind](out)]

    def entity_id(self, agency: str, subject: bytes) -> str:
        """Id of a person or household as this agency knows it: hex of 16 bytes."""
        return hashlib.blake2b(
            agency.encode() + b"\0" + subject, key=self._entity_key, digest_size=16, person=b"sightline entity"
        ).hexdigest()

    def _alert(self, out: Out) -> Message:
        body = msgspec.msgpack.decode(out.body, type=AlertOut)
        notice = body.notice
        summary = body.rung >= RUNG_SUMMARY
        message: Alert = {
            "alert_id": notice.alert_id,
            "version": notice.version,
            "state": cast(AlertState, notice.state),
            "direction": cast(Direction, notice.direction),
            "partnership": out.partnership,
            "team": out.to,
            "rule": notice.rule,
            "rule_version": notice.rule_version,
            "household": self.entity_id(body.agency, notice.household),
            "person": self.entity_id(body.agency, notice.child),
            "records": list(body.own),
            "known_to": list(notice.known_to) if body.rung >= RUNG_AGENCIES else [],
            "raised_at": notice.raised_at,
            "changed_at": notice.changed_at,
            "committed_at": notice.committed_at,
            "score_ppm": notice.score_ppm if summary else 0,
            "threshold_ppm": notice.threshold_ppm if summary else 0,
            "horizon_days": notice.horizon_days,
            "model": notice.model,
            "opening": notice.opening,
            "factors": _factors(notice.factors, body.rung),
            "behind": _behind(notice.behind),
            "clears_at_ppm": notice.clears_at_ppm if summary else 0,
            "respond_by_at": notice.respond_by_at,
            "correction": notice.correction,
        }
        topic = topology.ALERTS.name.format(team=out.to)
        return Message(topic, notice.alert_id.encode(), codec.encode("alert", message))

    def _presence(self, out: Out) -> Message:
        body = msgspec.msgpack.decode(out.body, type=PresenceOut)
        notice = body.notice
        message = {**notice, "person": self.entity_id(body.agency, notice["person"]), "records": list(body.own),
                   "partnership": out.partnership}  # fmt: skip
        topic = topology.PRESENCE.name.format(team=out.to)
        return Message(topic, notice["notice_id"].encode(), codec.encode("presence", message))

    def _household(self, out: Out) -> list[Message]:
        body = msgspec.msgpack.decode(out.body, type=HouseholdOut)
        messages = [] if body.score_ppm is None else [self._score(out, body)]
        for reader in body.readers:
            key = f"household:{self.entity_id(reader.agency, body.household)}"
            text = None
            if body.score_ppm is not None:
                fields: dict[str, Any] = {"records": [rid.hex() for rid in reader.own], "model": body.model,
                                          "factors": _factors(body.factors, reader.rung),
                                          "behind": _behind(body.behind)}  # fmt: skip
                if reader.rung >= RUNG_SUMMARY:
                    fields["score_ppm"] = body.score_ppm
                    if body.outlook is not None:
                        fields["trajectory"] = self._trajectory(reader, body.outlook)
                    fields["outcomes"] = [self._foreseen(reader, one) for one in body.outcomes]
                text = msgspec.json.encode(fields).decode()
            messages.append(self._row(reader.agency, "household", key, body.as_of_at, text))
        return messages

    def _trajectory(self, reader: Reader, outlook: Outlook) -> dict[str, Any]:
        """Where a household is heading, and those of its children whom the agency knows, by its own ids.

        A child whom it holds no record of is nothing to it, and of a restricted one it must not even learn that.
        """
        people = {
            self.entity_id(reader.agency, person): _lines(lines)
            for person, lines in outlook.people
            if person in reader.people
        }  # fmt: skip
        return {"level_ppm": outlook.level_ppm, "weeks": WEEKS, "household": _lines(outlook.household),
                "people": people}  # fmt: skip

    def _foreseen(self, reader: Reader, one: Foreseen) -> dict[str, Any]:
        """One target; of children only those whom the agency knows, as in `_trajectory`."""
        people = {
            self.entity_id(reader.agency, person): ppm for person, ppm in one.people if person in reader.people
        }  # fmt: skip
        return {"outcome": one.outcome, "horizon_days": one.horizon_days, "stage": one.stage, "ppm": one.ppm,
                "people": people}  # fmt: skip

    def _suggestion(self, out: Out) -> list[Message]:
        body = msgspec.msgpack.decode(out.body, type=SuggestionOut)
        key = f"suggestion:{body.suggestion_id}"
        messages = []
        for reader in body.readers:
            fields: dict[str, Any] = {"records": [rid.hex() for rid in reader.own]}
            if reader.rung >= RUNG_AGENCIES:
                fields["agencies"] = body.agencies
            if reader.rung >= RUNG_SUMMARY:
                fields |= {"link_milli": body.link, "why": body.why, "rival": body.rival,
                           "evidence": _evidence(body.lines)}  # fmt: skip
            text = msgspec.json.encode(fields).decode() if reader.own else None
            messages.append(self._row(reader.agency, "suggestion", key, body.as_of_at, text))
        return messages

    def _joins(self, out: Out) -> list[Message]:
        body = msgspec.msgpack.decode(out.body, type=JoinsOut)
        messages = []
        for reader in body.readers:
            text = None
            if body.people and reader.rung >= RUNG_SUMMARY:
                people = [[_joined(pair, reader.own) for pair in pairs] for pairs in body.people]
                text = msgspec.json.encode({"people": people}).decode()
            key = f"link:{self.entity_id(reader.agency, body.household)}"
            messages.append(self._row(reader.agency, "link", key, body.as_of_at, text))
        return messages

    def _view(self, out: Out) -> Message:
        body = msgspec.msgpack.decode(out.body, type=RowOut)
        return self._row(out.to, body.kind, body.key, body.as_of_at, body.body)

    def _lookup(self, out: Out) -> Message:
        body = msgspec.msgpack.decode(out.body, type=LookupOut)
        fields = {"found_at": body.found_at, "expires_at": body.expires_at,
                  "matches": [self._match(out.to, match, body.rung) for match in body.matches]}  # fmt: skip
        return self._row(out.to, "lookup", body.key, body.found_at, msgspec.json.encode(fields).decode())

    def _match(self, agency: str, match: MatchOut, rung: int) -> dict[str, Any]:
        fields: dict[str, Any] = {"household": self.entity_id(agency, match.household),
                                  "records": [rid.hex() for rid in match.own]}  # fmt: skip
        if rung >= RUNG_AGENCIES:
            fields["agencies"] = match.agencies
        if rung >= RUNG_SUMMARY:
            fields["strength_milli"] = match.link
        return fields

    def _row(self, agency: str, kind: str, key: str, as_of_at: int, text: str | None) -> Message:
        value = codec.encode("view", {"kind": kind, "key": key, "as_of_at": as_of_at, "body": text})
        return Message(topology.VIEWS.name.format(agency=agency), key.encode(), value)

    def _link(self, out: Out) -> Message:
        body = msgspec.msgpack.decode(out.body, type=LinkOut)
        fields = {"partnership": out.partnership, **msgspec.structs.asdict(body)}
        return Message(topology.LINKS.name, out.partnership.encode(), codec.encode("link_change", fields))

    def _score(self, out: Out, body: HouseholdOut) -> Message:
        household = self.entity_id(OPERATORS, body.household)
        message = {"partnership": out.partnership, "household": household, "as_of_at": body.as_of_at,
                   "score_ppm": body.score_ppm or 0, "model": body.model,
                   "factors": _factors(body.factors, RUNG_SUMMARY), "behind": _behind(body.behind)}  # fmt: skip
        return Message(topology.SCORES.name, household.encode(), codec.encode("score", message))

    def _dead_letter(self, out: Out) -> Message:
        body = msgspec.msgpack.decode(out.body, type=RefusedOut)
        sealed = crypto.hpke_seal(bytes.fromhex(body.seal_public), body.body, SEAL_INFO)
        message = {
            "agency": out.to, "origin": body.origin, "reason": body.reason, "stage": "step",
            "received_at": body.received_at, "size_bytes": len(body.body),
            "sha256": hashlib.sha256(body.body).digest(), "sealed": sealed,
        }  # fmt: skip
        topic = topology.DEAD_LETTERS_INTAKE.name.format(agency=out.to)
        return Message(topic, out.to.encode(), codec.encode("dead_letter", message))


def make_cut(keyring: Keyring) -> Cutter:
    """The cut of a platform with these keys."""
    return Cutter(keyring.entity_key)


def _factors(parts: tuple[Part, ...], rung: int) -> list[AlertFactor]:
    """Reasons as far as the rung allows: none, their categories, or their weights too."""
    if rung < RUNG_CATEGORIES:
        return []
    if rung < RUNG_SUMMARY:
        return [{"family": part.family, "weight_milli": 0, "agency_kind": "", "age_days": -1} for part in parts]
    return [
        {"family": part.family, "weight_milli": part.weight_milli, "agency_kind": part.agency_kind,
         "age_days": part.age_days}
        for part in parts
    ]  # fmt: skip


def _behind(feeds: tuple[tuple[str, int], ...]) -> list[FeedLag]:
    return [{"agency": agency, "behind_s": behind_s} for agency, behind_s in feeds]


def _lines(lines: tuple[Line, ...]) -> dict[str, list[int]]:
    """Lines by name: one value a horizon, ppm."""
    return {f"{name}_ppm": [getattr(line, name) for line in lines] for name in Line._fields}


def _evidence(lines: tuple[Evidence, ...]) -> list[dict[str, Any]]:
    """Lines of evidence by name and level, in milli-bits; no value is in them."""
    return [
        {"name": line.name, "level": line.level, "person_milli": line.person, "rival_milli": line.rival}
        for line in lines
    ]  # fmt: skip


def _joined(pair: Joined, own: tuple[bytes, ...]) -> dict[str, Any]:
    """A pair for one agency: its own records by their pseudonyms, the other's by its agency."""
    records = [rid.hex() for rid in (pair.one, pair.other) if rid in own]
    return {"agencies": pair.agencies, "records": records, "why": pair.why, "link_milli": pair.link,
            "evidence": _evidence(pair.lines)}  # fmt: skip
