"""A county of any size as a journal: what the bridges of four agencies would have sent about its families.

Everything is real but Kafka and the agencies' databases: pseudonyms, encodings, seals, signed controls. Made family
by family in a fixed order, so that a county of a million records needs no more memory than one of a thousand. Decides
how often names, errors and events occur; not what is measured on it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from faker.providers.person.en_GB import Provider as Names

import topology
from bridge import keys
from bridge.encode import Encoder
from bridge.keys import AgencyKeys
from bridge.normalise import Person
from bridge.pseudonym import Pseudonymiser
from bridge.seal import Sealer
from demo.partnership import APPROVERS, PARTNERSHIP, sign_control
from schemas import codec
from schemas.event import ADVERSE_FAMILIES
from streams.keys import Keyring

AGENCIES: Final = {"council": "social_care", "police": "police", "hospital": "health", "schools": "education"}
HELD: Final = {"council": 0.45, "police": 0.3, "hospital": 0.75, "schools": 0.7}
"""Share of people each agency knows: 2.2 records a person, as in the demo's world."""
DAY_MS: Final = 86_400_000
START_MS: Final = 1_736_121_600_000  # 2025-01-06T00:00Z
PAST_DAYS: Final = 365  # events of the history lie within
LIVE_EVENTS_A_S: Final = 100  # partnership time of the mix: what a large partnership makes at most
EVENTS_A_PERSON: Final = 1  # in the history, over PAST_DAYS
BATCH: Final = 512
MIX: Final = (("event", 80), ("update", 15), ("new", 5))  # per cent
KEYS_NEAR: Final = {"a": "s", "e": "r", "i": "o", "o": "p", "n": "m", "r": "t", "t": "y", "s": "d"}
_FEMALE, _MALE = (  # the lists are in order of how common a name is and do not say how much
    (list(names), [1 / (rank + 10) for rank in range(len(names))])
    for names in (Names.first_names_female, Names.first_names_male)
)
_LAST = (list(Names.last_names), list(Names.last_names.values()))


class Copy(NamedTuple):
    """One agency's row about one person."""

    agency: str
    key: str
    person: Person
    child: bool
    group: str


def families(seed: int) -> Iterator[list[Copy]]:
    """The county's families without end, each as the rows that agencies hold about its people."""
    number = 0
    while True:
        yield _family(random.Random(f"{seed}/{number}"), number)
        number += 1


def _family(draw: random.Random, number: int) -> list[Copy]:
    surname = _pick(draw, _LAST)
    # a street has about 45 homes and a postcode about 15; streets of one name are found all over the county
    area, home = divmod(number, 45)
    streets = random.Random(f"street/{area}")
    street = f"{_pick(streets, _LAST)} {streets.choice(['Road', 'Street', 'Close', 'Avenue', 'Lane'])}"
    outward = f"{chr(65 + area // 4000 % 26)}{chr(65 + area // 200 % 20)}{area % 200 // 10 + 1}"
    code = f"{outward} {area % 10}{'ABC'[home // 15]}X"
    at = {"number": str(2 * home + 1), "street": street, "postcode": code}
    old = {"number": str(draw.randrange(1, 90)), "street": f"{_pick(draw, _LAST)} Road",
           "postcode": f"ZZ{draw.randrange(1, 20)} {draw.randrange(10)}QQ"}  # fmt: skip
    children = 1 + sum(draw.random() < 0.2 for _ in range(4))
    ages = [draw.uniform(20, 45), *([draw.uniform(20, 50)] if draw.random() < 0.55 else [])]
    ages += [draw.uniform(0, 17.9) for _ in range(children)]
    copies = []
    for place, age in enumerate(ages):
        given = _pick(draw, (_FEMALE, _MALE)[draw.random() < 0.5])
        born = 2025 - int(age)
        dob = f"{born}-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}"
        true = Person(given, _pick(draw, _FEMALE) if draw.random() < 0.6 else None, surname, dob, **at)
        for agency, share in HELD.items():
            if draw.random() < share:
                key = f"{number}-{place}"
                copies.append(Copy(agency, key, _written(draw, true, old), age < 18, "AB"[draw.random() < 0.2]))
    return copies


def _written(draw: random.Random, true: Person, old: dict[str, str]) -> Person:
    """A person with the errors of one agency."""
    changes: dict[str, Any] = {}
    if draw.random() < 0.05:
        changes["given"] = _typo(draw, true.given or "")
    if draw.random() < 0.05:
        changes["surname"] = _typo(draw, true.surname or "")
    if draw.random() < 0.4:
        changes["middle"] = None
    if draw.random() < 0.15:
        changes |= old
    elif draw.random() < 0.05:
        changes |= dict.fromkeys(old)
    return replace(true, **changes)


def _typo(draw: random.Random, name: str) -> str:
    place = draw.randrange(1, max(2, len(name)))
    return name[:place] + KEYS_NEAR.get(name[place : place + 1], "e") + name[place + 1 :]


def _pick(draw: random.Random, table: tuple[list[str], list[float]]) -> str:
    return draw.choices(table[0], table[1])[0]


class County:
    """A partnership and its journal.

    Args:
        folder: New folder for the keys.
        seed: Of families and events.
    """

    def __init__(self, folder: Path, seed: int = 7) -> None:
        self.keys = folder / "keys"
        keys.make_partnership(self.keys, PARTNERSHIP, tuple(AGENCIES), APPROVERS)
        held = {agency: AgencyKeys.load(self.keys / agency) for agency in AGENCIES}
        self._encoders = {agency: Encoder(one.linkage_key, one.linkage_epoch) for agency, one in held.items()}
        self._pseudonyms = {agency: Pseudonymiser(one.agency_key) for agency, one in held.items()}
        self._sealers = {agency: Sealer(one, lambda: START_MS) for agency, one in held.items()}
        self._draw = random.Random(seed)
        self._rows = (copy for family in families(seed) for copy in family)
        self._known: list[tuple[str, str, bytes, Person]] = []  # agency, key, record, newest version of the person
        self._position = 0
        self._events = 0
        self._now = START_MS

    @property
    def now(self) -> int:
        """Partnership time of the last message (ms)."""
        return self._now

    def keyring(self) -> Keyring:
        """The platform's keys."""
        return Keyring.load(self.keys / "platform")

    def opening(self) -> Iterator[bytes]:
        """Register, rules and payload keys."""
        for name, body in {"register": self.register(), "rules": self.rules()}.items():
            signed = sign_control(self.keys, name, 1, START_MS, json.dumps(body, sort_keys=True))
            yield self._entry(topology.CONTROLS.name, signed)
        for agency, sealer in self._sealers.items():
            yield self._entry(_topic(agency, "key"), codec.encode("envelope", sealer.key_envelope() or {}))

    def register(self) -> dict[str, Any]:
        """Body of the register."""
        entries = {agency: keys.register_entry(self.keys / agency) for agency in AGENCIES}
        return {
            "partition": 0, "feed_limit_s": 14 * 86_400,
            "agencies": {
                agency: {"kind": kind, "sources": ["db"], "presence_team": "mash",
                         "sign_public": entries[agency]["sign_public"], "seal_public": entries[agency]["seal_public"]}
                for agency, kind in AGENCIES.items()
            },
            "teams": {"mash": {"agency": "council", "front_door": True}},
        }  # fmt: skip

    @staticmethod
    def rules() -> dict[str, Any]:
        """Body of the rules."""
        return {
            "front_door": "mash",
            "teams": [{"name": "mash", "agency": "council"}],
            "holidays_until": "2040-12-31",
        }

    def history(self, records: int) -> Iterator[bytes]:
        """Identity and profile of each of the first records, then `EVENTS_A_PERSON` events a person."""
        for batch in batches(islice(self._rows, records), BATCH):
            yield from self._enter(batch)
        people = round(records / sum(HELD.values()) * EVENTS_A_PERSON)
        for _ in range(people):
            agency, _, rid, _ = self._draw.choice(self._known)
            yield self._event(agency, rid, START_MS - int(self._draw.random() * PAST_DAYS * DAY_MS))

    def live(self) -> Iterator[bytes]:
        """Every feed has sent its history."""
        for agency in AGENCIES:
            yield self._send(agency, "live", b"", {"records": 0, "events": 0})

    def tick(self) -> bytes:
        """The clock, a minute later."""
        self._now += 60_000
        return codec.encode(
            "journal", {"kind": "tick", "received_at": self._now, "partnership": "", "origin": "", "body": b""}
        )

    def mix(self, count: int) -> Iterator[bytes]:
        """Live messages: events, changes of identity and new records in the shares of `MIX`."""
        kinds = self._draw.choices([kind for kind, _ in MIX], [share for _, share in MIX], k=count)
        began, done = self._now, 0
        for batch in batches(iter(kinds), BATCH):
            # identities are encoded a batch at a time, as bridges do, and sent in their places
            fresh = self._enter(list(islice(self._rows, batch.count("new"))), profiles=False)
            changed = self._changed(batch.count("update"))
            for kind in batch:
                done += 1
                self._now = began + done * 1000 // LIVE_EVENTS_A_S
                if kind == "event":
                    agency, _, rid, _ = self._draw.choice(self._known)
                    yield self._event(agency, rid, self._now - self._draw.randrange(DAY_MS))
                else:
                    yield next(fresh if kind == "new" else changed)

    def _enter(self, rows: list[Copy], *, profiles: bool = True) -> Iterator[bytes]:
        encoded = self._encode([(row.agency, row.person) for row in rows])
        for row, message in zip(rows, encoded, strict=True):
            rid = self._pseudonyms[row.agency].record("db", {"id": row.key})
            self._known.append((row.agency, row.key, rid, row.person))
            yield self._send(row.agency, "identity", rid, message)
            if profiles:
                band = "5-10" if row.child else "adult"
                yield self._send(row.agency, "profile", rid, {
                    "op": "upsert", "age_band": band, "to_18": row.child, "to_25": False, "group": row.group,
                    "allocation": "", "restricted": False, "unborn_of": b"", "statuses": [],
                })  # fmt: skip

    def _changed(self, count: int) -> Iterator[bytes]:
        """Corrections: one in three moves house, the others mend or spoil a name."""
        places = [self._draw.randrange(len(self._known)) for _ in range(count)]
        rows = []
        for place in places:
            agency, key, rid, person = self._known[place]
            if self._draw.random() < 1 / 3:
                street = f"{_pick(self._draw, _LAST)} Road"
                person = replace(person, number=str(self._draw.randrange(1, 90)), street=street)
            else:
                person = replace(person, given=_typo(self._draw, person.given or "e"))
            self._known[place] = (agency, key, rid, person)
            rows.append((agency, rid, person))
        encoded = self._encode([(agency, person) for agency, _, person in rows])
        for (agency, rid, _), message in zip(rows, encoded, strict=True):
            yield self._send(agency, "identity", rid, message)

    def _encode(self, rows: list[tuple[str, Person]]) -> list[Any]:
        found: list[Any] = [None] * len(rows)
        for agency, encoder in self._encoders.items():
            mine = [place for place, (name, _) in enumerate(rows) if name == agency]
            for place, message in zip(mine, encoder.identities([rows[place][1] for place in mine]), strict=True):
                found[place] = message
        return found

    def _event(self, agency: str, rid: bytes, occurred_at: int) -> bytes:
        self._events += 1
        factor = {
            "family": self._draw.choice(ADVERSE_FAMILIES), "severity": self._draw.choice((1, 1, 2, 2, 3)),
            "origin": "structured",
        }  # fmt: skip
        message = {
            "op": "upsert", "event": self._pseudonyms[agency].event("db", {"id": str(self._events)}),
            "kind": "incident", "occurred_at": occurred_at, "contact": False, "outcome": "", "factors": [factor],
        }  # fmt: skip
        return self._send(agency, "event", rid, message)

    def _send(self, agency: str, lane: Any, subject: bytes, message: Any) -> bytes:
        self._position += 1
        topic = _topic(agency, lane)
        place = (1, self._position, 0)
        value = self._sealers[agency].envelope(topic, lane, "db", subject, *place, self._now, lane, message)
        return self._entry(topic, value)

    def _entry(self, origin: str, body: bytes) -> bytes:
        return codec.encode("journal", {"kind": "message", "received_at": self._now, "partnership": PARTNERSHIP,
                                        "origin": origin, "body": body})  # fmt: skip


def _topic(agency: str, lane: str) -> str:
    family = topology.IDENTITIES if lane in {"identity", "key"} else topology.EVENTS
    return family.name.format(agency=agency)


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of so many, the last maybe shorter."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
