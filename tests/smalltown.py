"""A partnership of two agencies for tests: journal entries made as bridges and intake make them.

Everything is real but Kafka: keys, encodings, seals, controls. Times are ms of partnership time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import topology
from bridge import keys
from bridge.encode import Encoder
from bridge.keys import AgencyKeys
from bridge.normalise import Person, normalise
from bridge.pseudonym import Pseudonymiser
from bridge.seal import Sealer
from schemas import codec, control, crypto
from schemas.lookup import VALID_S, Lookup, seal_info, statement
from streams.keys import Keyring
from streams.state import pack_delta
from streams.step import State, make_machine

NAME = "smalltown"
AGENCIES = {"council": "social_care", "police": "police"}
APPROVERS = ("ann", "bob")
ALSO = [{"outcome": "re_referral", "horizon_days": 90, "grace_days": 0}, {"outcome": "early_help"}]
DAY_MS = 24 * 3600 * 1000
LINKAGE_KEY = bytes(range(32))
"""One key for all towns: how alike two encodings are is chance over keys, and a test must not hang on it."""
START_MS = 1_736_121_600_000  # 2025-01-06T00:00Z
MARY = Person(given="Mary", surname="Quillfeather", dob="2014-03-09", number="12", street="Larkspur Way",
              postcode="ZE1 9XX")  # fmt: skip
JOHN = Person(given="John", surname="Oddfellow", dob="2011-11-30", number="7", street="Tansy Close",
              postcode="ZE2 8YY")  # fmt: skip


def person(given: str, surname: str, dob: str, **more: Any) -> Person:
    """A person with a home of their own unless told otherwise."""
    return Person(
        given=given,
        surname=surname,
        dob=dob,
        **{"number": "1", "street": f"{surname} Road", "postcode": "ZE3 7ZZ", **more},
    )


class Smalltown:
    """Keys of the whole partnership, and entries under them.

    Args:
        folder: New folder for the keys.
    """

    def __init__(self, folder: Path) -> None:
        keys.make_partnership(folder, NAME, tuple(AGENCIES), APPROVERS)
        self._folder = folder
        self.keyring = Keyring.load(folder / "platform")
        self.keys = {agency: AgencyKeys.load(folder / agency) for agency in AGENCIES}
        self._encoders = {agency: Encoder(LINKAGE_KEY, held.linkage_epoch) for agency, held in self.keys.items()}
        self._pseudonyms = {agency: Pseudonymiser(held.agency_key) for agency, held in self.keys.items()}
        self._sealers = {agency: Sealer(held, lambda: START_MS) for agency, held in self.keys.items()}
        self._key_envelopes = {agency: codec.encode("envelope", sealer.key_envelope() or {})
                               for agency, sealer in self._sealers.items()}  # fmt: skip
        self._position = 0

    def register(self, **changes: Any) -> dict[str, Any]:
        """The register's body."""
        entries = {agency: keys.register_entry(self._folder / agency) for agency in AGENCIES}
        agencies = {
            agency: {"kind": kind, "sign_public": entries[agency]["sign_public"], "sources": ["db"],
                     "seal_public": entries[agency]["seal_public"], "presence_team": "mash" if agency == "council" else "desk"}
            for agency, kind in AGENCIES.items()
        }  # fmt: skip
        teams = {"mash": {"agency": "council", "front_door": True}, "desk": {"agency": "police"}}
        return {"partition": 0, "feed_limit_s": 14 * 86400, "agencies": agencies, "teams": teams, **changes}

    def rules(self, **changes: Any) -> dict[str, Any]:
        """The rules' body."""
        teams = [{"name": "mash", "agency": "council"}, {"name": "desk", "agency": "police"}]
        return {"front_door": "mash", "teams": teams, "holidays": ["2025-12-25", "2025-12-26"],
                "holidays_until": "2035-12-31", "also": ALSO, **changes}  # fmt: skip

    def control(self, name: str, body: Mapping[str, Any], version: int = 1, signers: Sequence[str] = APPROVERS,
                at: int = START_MS, effective_at: int | None = None) -> bytes:  # fmt: skip
        """A signed control as a journal entry; it takes effect as it comes unless told otherwise."""
        text = json.dumps(body, sort_keys=True)
        when = at if effective_at is None else effective_at
        said = control.statement(NAME, name, version, when, text)
        approvals = [{"approver": signer, "signature": crypto.sign(_private(self._folder, signer), said)}
                     for signer in signers]  # fmt: skip
        message = {"partnership": NAME, "name": name, "version": version, "effective_at": when, "body": text,
                   "approvals": approvals}  # fmt: skip
        return entry(topology.CONTROLS.name, codec.encode("control", message), at)

    def opening(self, at: int = START_MS) -> list[bytes]:
        """Controls and payload keys: what comes before any record."""
        first = [self.control("register", self.register(), at=at), self.control("rules", self.rules(), at=at)]
        return first + [entry(self.topic(agency, "key"), self._key_envelopes[agency], at) for agency in AGENCIES]

    def topic(self, agency: str, lane: str) -> str:
        """Topic that a lane travels on."""
        family = topology.IDENTITIES if lane in {"identity", "key"} else topology.EVENTS
        return family.name.format(agency=agency)

    def rid(self, agency: str, name: str) -> bytes:
        """Pseudonym of a record."""
        return self._pseudonyms[agency].record("db", {"id": name})

    def send(self, agency: str, lane: str, subject: bytes, message: Mapping[str, Any], at: int,
             version: tuple[int, int, int] | None = None) -> bytes:  # fmt: skip
        """A sealed message as a journal entry; versions grow by themselves unless given."""
        self._position += 1
        epoch, position, sequence = version or (1, self._position, 0)
        value = self._sealers[agency].envelope(self.topic(agency, lane), lane, "db", subject, epoch, position, sequence,
                                               at, lane, message)  # fmt: skip
        return entry(self.topic(agency, lane), value, at)

    def identity(self, agency: str, name: str, who: Person | None, at: int = START_MS, **more: Any) -> bytes:
        """A record's encodings, or with None its deletion."""
        encoder = self._encoders[agency]
        message = encoder.deletion() if who is None else encoder.identity(normalise(who))
        return self.send(agency, "identity", self.rid(agency, name), message, at, **more)

    def profile(self, agency: str, name: str, at: int = START_MS, version: tuple[int, int, int] | None = None,
                **changes: Any) -> bytes:  # fmt: skip
        """A record's profile: a child of ten unless told otherwise."""
        message = {"op": "upsert", "age_band": "5-10", "to_18": True, "to_25": False, "group": "", "allocation": "",
                   "restricted": False, "unborn_of": b"", "statuses": [], **changes}  # fmt: skip
        return self.send(agency, "profile", self.rid(agency, name), message, at, version)

    def event(self, agency: str, name: str, event: str, occurred_at: int, at: int | None = None,
              version: tuple[int, int, int] | None = None, **changes: Any) -> bytes:  # fmt: skip
        """Something that happened to a record: one violent incident unless told otherwise."""
        message = {"op": "upsert", "event": self._pseudonyms[agency].event("db", {"id": event}), "kind": "incident",
                   "occurred_at": occurred_at, "contact": False, "outcome": "",
                   "factors": [{"family": "violence", "severity": 2, "origin": "structured"}], **changes}  # fmt: skip
        return self.send(agency, "event", self.rid(agency, name), message, occurred_at if at is None else at, version)

    def response(self, agency: str, action: str, at: int, **more: Any) -> bytes:
        """What a named person at a desk decided; the agency's first team unless told otherwise."""
        self._position += 1
        team = next(name for name, entry in self.register()["teams"].items() if entry["agency"] == agency)
        message = {"response_id": self._position.to_bytes(16, "big"), "partnership": NAME, "agency": agency,
                   "team": team, "user": "u1", "action": action, "alert_id": "", "records": [], "until_at": None,
                   "verdict": "none", "decided_at": at, **more}  # fmt: skip
        return entry(topology.RESPONSES.name.format(agency=agency), codec.encode("response", message), at)

    def request(self, agency: str, asked: str, at: int, **more: Any) -> bytes:
        """What one agency's first team asks of another: who it is, for three days, unless told otherwise."""
        self._position += 1
        team = next(name for name, entry in self.register()["teams"].items() if entry["agency"] == agency)
        message = {"request_id": self._position.to_bytes(16, "big"), "partnership": NAME, "agency": agency,
                   "team": team, "user": "u1", "asked": asked, "kind": "identity", "alert_id": "", "records": [],
                   "purpose": "identify", "basis": "duty", "requested_at": at, "expires_at": at + 3 * DAY_MS,
                   **more}  # fmt: skip
        return entry(topology.REQUESTS.name.format(agency=agency), codec.encode("request", message), at)

    def lookup(self, agency: str, who: Person, at: int, sealed: bytes | None = None, **more: Any) -> bytes:
        """One agency's first team looks somebody up, for safeguarding, and the answer is there for a quarter hour."""
        self._position += 1
        team = next(name for name, entry in self.register()["teams"].items() if entry["agency"] == agency)
        message: Lookup = {"lookup_id": self._position.to_bytes(16, "big"), "partnership": NAME, "agency": agency,
                           "team": team, "user": "u1", "purpose": "safeguarding", "sealed": b"", "requested_at": at,
                           "expires_at": at + VALID_S * 1000, "signature": b"", **more}  # fmt: skip
        plain = codec.encode("identity", self._encoders[agency].identity(who))
        held = self.keys[agency]
        message["sealed"] = sealed or crypto.hpke_seal(held.platform_public, plain, seal_info(message))
        message["signature"] = more.get("signature", crypto.sign(held.sign_private, statement(message)))
        return entry(topology.REQUESTS.name.format(agency=agency), codec.encode("lookup", message), at)

    def heartbeat(self, agency: str, at: int) -> bytes:
        """The source is alive."""
        return self.send(agency, "heartbeat", b"", {"beat_at": at}, at)

    def live(self, agency: str, at: int) -> bytes:
        """The source has sent its history."""
        return self.send(agency, "live", b"", {"records": 0, "events": 0}, at)


def entry(origin: str, body: bytes, at: int) -> bytes:
    """A message as intake journals it."""
    return codec.encode(
        "journal", {"kind": "message", "received_at": at, "partnership": NAME, "origin": origin, "body": body}
    )


def tick(at: int) -> bytes:
    """A clock tick."""
    return codec.encode("journal", {"kind": "tick", "received_at": at, "partnership": "", "origin": "", "body": b""})


@cache
def _private(folder: Path, signer: str) -> bytes:
    return bytes.fromhex((folder / "governance" / f"{signer}.private").read_text().strip())


def fold(machine: State, town: Smalltown) -> State:
    """Another machine from the first one's rows alone, as after a recovery."""
    other = make_machine(0, town.keyring)
    other.load(pack_delta(machine.rows()))
    other.ready()
    return other
