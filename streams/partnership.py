"""One partnership's state: its tables, what is derived from them, and the outputs it gathers.

Decides which tables there are and what is rebuilt from them after a recovery. How messages change them is decided
in streams/receive.py and streams/assess.py.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

import msgspec

import topology
from schemas import crypto
from schemas.envelope import PAYLOAD_KEY_INFO
from schemas.profile import AGE_BANDS
from streams import controls, insights, linkage, presence, registers
from streams.alerting.rows import FIGURE_SPECS
from streams.alerting.rows import FIRST_SPECS as WATCH_SPECS
from streams.alerting.schedule import Roll
from streams.alerting.watch import Watch
from streams.controls import ControlRow, Controls
from streams.keys import Keyring
from streams.linkage.fairness import Fairness
from streams.linkage.graph import LinkGraph
from streams.linkage.links import Links
from streams.linkage.model import LinkModel
from streams.linkage.review import About, Suggestions
from streams.outbox import RefusedOut, RowOut
from streams.presence.directory import Directory
from streams.presence.directory import Team as PresenceTeam
from streams.records import REQUEST_SPECS, Feed, Record, SealedKey, Version, share
from streams.risk.contribution import Contribution, Profile
from streams.risk.foresight import FORESIGHT_SPECS
from streams.state import Out, Spec, Tables

ORPHAN_MS: Final = topology.RETENTION_S * 1000  # an event waits this long for its record

SPECS: Final[tuple[Spec, ...]] = (
    Spec("controls", ControlRow),
    Spec("keys", SealedKey),
    Spec("feeds", Feed),
    Spec("records", Record, share),
    Spec("events", Contribution),
    Spec("time", int),  # under "now": newest received_at
    Spec("withdrawn", Version),  # version of each event deleted at its source, so that a repeat is known
    Spec("responses", int),  # received_at of each response taken
    Spec("shown", int),  # score last published of each household
    Spec("told", str),  # rows last published to every agency
    *linkage.SPECS,
    *presence.SPECS,
    *insights.SPECS,
    *WATCH_SPECS,
    *linkage.REVIEW_SPECS,
    *insights.LINK_SPECS,
    *controls.SPECS,
    *FORESIGHT_SPECS,
    *insights.DEMAND_SPECS,
    *FIGURE_SPECS,
    *REQUEST_SPECS,
    *insights.WEEKLY_SPECS,
)

_pack = msgspec.msgpack.Encoder().encode
_json = msgspec.json.Encoder(order="sorted").encode


class Partnership:
    """Tables and derived indexes of one partnership, with the outbox of the chunk in hand."""

    def __init__(self, name: str, keyring: Keyring, model: LinkModel) -> None:
        self.name = name
        self.keyring = keyring
        self.model = model
        self.tables = Tables(name, SPECS)
        self.outbox: list[Out] = []
        self.counts: dict[tuple[str, str], int] = {}
        self.ready()

    def ready(self) -> None:
        """Build everything that is derived from the tables: called once after a fold."""
        row = self.tables["controls"].get("register")
        self._take_register(registers.parse_register(row.body) if row else None)
        self.ciphers = {key: self.open_key(sealed) for key, sealed in self.tables["keys"].items()}
        self.links = Links(self.model, self.tables)
        self.controls = Controls(self.name, self.tables, self.links.check_model)
        self.suggestions = Suggestions(
            self.keyring.entity_key, self.tables["suggestions"], About(self.is_child, self.is_restricted)
        )  # fmt: skip
        self.fairness = Fairness(self.tables["link_shares"], self.tables["link_quality"], self.group)
        self.roll: Roll | None = None  # records in order, while they are looked at again one after the other
        self.history: dict[bytes, list[tuple[int, bytes, Contribution]]] = {}
        for event, contribution in self.tables["events"].items():
            insort(self.history.setdefault(contribution.record, []), (contribution.occurred_at, event, contribution))
        self._waiting: list[tuple[int, bytes]] = sorted(
            (record.waiting_since + ORPHAN_MS, rid)
            for rid, record in self.tables["records"].items()
            if record.waiting_since and not record.live
        )
        self._waiting_events: dict[str, int] = {}
        for rid in self.history:
            self._count_waiting(rid, len(self.history[rid]))
        self._refresh_live()
        self.notices = presence.Register(self.name, self.tables, self.links)
        if self.register is not None:
            self.notices.directory = _directory(self.register)
        self.watermark: int | None = None
        self.watch = Watch(self.name, self.keyring.entity_key, self.tables, Facts(self))
        self.watch.ready()
        self.model_told: tuple[str, int, str] | None = None
        self.figures_told: tuple[tuple[bytes, int], ...] | None = None

    @property
    def graph(self) -> LinkGraph:
        """The link graph in force."""
        return self.links.graph

    def _refresh_live(self) -> None:
        self.all_live = self.register is not None and all(
            self.feed(agency, source).live
            for agency, entry in self.register.agencies.items()
            for source in entry.sources
        )

    def open_key(self, row: SealedKey) -> crypto.Aead:
        """Open a payload key.

        Raises:
            crypto.Broken: It was not sealed to this platform.
        """
        return crypto.Aead(crypto.hpke_open(self.keyring.platform_private, row.sealed, PAYLOAD_KEY_INFO))

    def _take_register(self, register: registers.Register | None) -> None:
        self.register = register
        self._origins = {} if register is None else _agency_topics(tuple(sorted(register.agencies)))

    def agency_of(self, origin: str) -> str:
        """The agency whose topic this is; empty where it belongs to none."""
        return self._origins.get(origin, "")

    def registered(self) -> registers.Register:
        """The register; a message of an agency is only handled while there is one."""
        if self.register is None:
            raise RuntimeError("no register")
        return self.register

    def enforce(self, name: str, row: ControlRow, now: int) -> None:
        """Put a control in force.

        Raises:
            registers.BadControl: Its body cannot take effect; the old one stays.
        """
        if name == "register":
            register = registers.parse_register(row.body)
            self._take_register(register)
            self.notices.directory = _directory(register)
            self.watermark = None
        elif name == "rules" and (refused := self.watch.control(row.body, row.version, now)):
            raise registers.BadControl(refused)
        elif name == "linkage":
            try:
                self.links.replace_model(row.body)
            except ValueError as error:
                raise registers.BadControl(str(error)) from error
        self.controls.enter(name, row)
        self._refresh_live()

    def time(self, received_at: int) -> int:
        """Partnership time of a message: it never runs backwards, also after an intake that was replaced."""
        now: int = max(received_at, self.tables["time"].get("now", 0))
        self.tables["time"]["now"] = now
        return now

    def feed(self, agency: str, source: str) -> Feed:
        """The feed's row, or a new one."""
        return self.tables["feeds"].get(f"{agency}/{source}") or Feed()

    def put_feed(self, agency: str, source: str, feed: Feed, **changes: Any) -> None:
        """Store a feed's row with some fields changed."""
        self.tables["feeds"][f"{agency}/{source}"] = msgspec.structs.replace(feed, **changes)
        self.watermark = None
        if "live" in changes:
            self._refresh_live()

    def put_record(self, rid: bytes, record: Record, **changes: Any) -> Record:
        """Store a record's row with some fields changed; one that waits for its identity is due one day."""
        new = msgspec.structs.replace(record, **changes)
        self.tables["records"][rid] = new
        if new.live != record.live and rid in self.history:
            waiting = len(self.history[rid]) * (-1 if new.live else 1)
            self._waiting_events[new.agency] = self._waiting_events.get(new.agency, 0) + waiting
        if new.waiting_since and not new.live and new.waiting_since != record.waiting_since:
            heapq.heappush(self._waiting, (new.waiting_since + ORPHAN_MS, rid))
        return new

    def waiting(self, agency: str) -> int:
        """Events of this agency kept for records not yet known."""
        return self._waiting_events.get(agency, 0)

    def expired(self, now: int) -> Iterable[bytes]:
        """Records whose identity has not come within `ORPHAN_MS`, each once."""
        while self._waiting and self._waiting[0][0] <= now:
            due, rid = heapq.heappop(self._waiting)
            record: Record | None = self.tables["records"].get(rid)
            if record is not None and not record.live and record.waiting_since + ORPHAN_MS == due:
                yield rid

    def put_event(self, event: bytes, contribution: Contribution) -> None:
        """Store an event's contribution in place of its earlier version."""
        if event in self.tables["events"]:
            self._out_of_history(event)
        self.tables["events"][event] = contribution
        insort(self.history.setdefault(contribution.record, []), (contribution.occurred_at, event, contribution))
        self._count_waiting(contribution.record, 1)

    def drop_event(self, event: bytes) -> None:
        """Forget one event."""
        self._out_of_history(event)
        del self.tables["events"][event]

    def drop_events(self, rid: bytes) -> None:
        """Forget all events of a record."""
        for _, event, _ in tuple(self.history.get(rid, ())):
            self.drop_event(event)

    def _out_of_history(self, event: bytes) -> None:
        known: Contribution = self.tables["events"][event]
        self.history[known.record].remove((known.occurred_at, event, known))
        self._count_waiting(known.record, -1)

    def _count_waiting(self, rid: bytes, change: int) -> None:
        record: Record = self.tables["records"][rid]
        if not record.live:
            self._waiting_events[record.agency] = self._waiting_events.get(record.agency, 0) + change

    def contributions(self, rid: bytes) -> list[Contribution]:
        """A record's contributions in (occurred_at, event pseudonym) order."""
        return [contribution for _, _, contribution in self.history.get(rid, ())]

    def kind(self, rid: bytes) -> str:
        """Kind of agency that holds a record."""
        return self.registered().agencies[self.tables["records"][rid].agency].kind

    def spells(self, rid: bytes) -> tuple[tuple[str, int, int | None], ...]:
        """Legal statuses of a record, as (kind, started_at, ended_at)."""
        profile: Profile | None = self.tables["records"][rid].profile
        return () if profile is None else tuple((s.kind, s.started_at, s.ended_at) for s in profile.spells)

    def is_child(self, rid: bytes) -> bool:
        """Whether a record is a child's, born or not."""
        profile: Profile | None = self.tables["records"][rid].profile
        return profile is not None and (profile.to_18 or AGE_BANDS[profile.age_band] == "unborn")

    def is_restricted(self, rid: bytes) -> bool:
        """Whether a record's profile says that it is restricted."""
        profile: Profile | None = self.tables["records"][rid].profile
        return profile is not None and profile.restricted

    def group(self, rid: bytes) -> str | None:
        """Coded group of a record, for fairness figures only; None where it has no profile."""
        profile: Profile | None = self.tables["records"][rid].profile
        return None if profile is None else profile.group

    def children(self) -> Iterable[tuple[bytes, ...]]:
        """Records of each child, once a child."""
        for rid in self.graph.identities:
            if self.graph.cluster(rid) == rid:
                members = self.graph.members(rid)
                profiles = [self.tables["records"][member].profile for member in members]
                if any(profile is not None and profile.to_18 for profile in profiles):
                    yield members

    def behind(self, now: int) -> tuple[tuple[str, int], ...]:
        """Agencies with a feed past its limit, and by how many seconds it is behind."""
        register = self.registered()
        if now - self.alive_until(now) <= register.feed_limit_s * 1000:
            return ()  # asked at every score: the feed that is furthest behind is within the limit
        found = []
        for agency in sorted(register.agencies):
            beats = [self.feed(agency, source).beat_at for source in register.agencies[agency].sources]
            behind_s = (now - min(beats)) // 1000
            if behind_s > register.feed_limit_s:
                found.append((agency, behind_s))
        return tuple(found)

    def alive_until(self, now: int) -> int:
        """Time up to which every feed is known to have been alive (ms)."""
        if self.watermark is None:  # asked at every look, changed by a heartbeat
            agencies = self.registered().agencies.items()
            beats = (self.feed(agency, source).beat_at for agency, entry in agencies for source in entry.sources)
            self.watermark = min(beats, default=now)
        return self.watermark

    def take_outbox(self) -> list[Out]:
        """Outputs since the last call."""
        outbox, self.outbox = self.outbox, []
        return outbox

    def take_counts(self) -> dict[tuple[str, str], int]:
        """Counts since the last call."""
        counts, self.counts = self.counts, {}
        return counts

    def own(self, agency: str, records: Iterable[bytes]) -> tuple[bytes, ...]:
        """Those of the records that this agency holds, sorted."""
        return tuple(sorted(rid for rid in records if self.tables["records"][rid].agency == agency))

    def emit(self, kind: str, to: str, message: msgspec.Struct) -> None:
        """Add one output; the shapes are in streams/outbox.py."""
        self.outbox.append(Out(kind, to, self.name, _pack(message)))

    def tell(self, key: str, body: Any, now: int) -> None:
        """Publish a row of every agency's view, `kind:id`, when it changed."""
        text = _json(body).decode()
        if self.tables["told"].get(key) == text:
            return
        self.tables["told"][key] = text
        for agency in sorted(self.registered().agencies):
            self.emit("view", agency, RowOut(key.split(":", maxsplit=1)[0], key, now, text))

    def count(self, agency: str, outcome: str) -> None:
        """Count how a message ended."""
        self.counts[agency, outcome] = self.counts.get((agency, outcome), 0) + 1

    def refuse(self, agency: str, origin: str, reason: str, body: bytes, now: int) -> None:
        """Give a message back to the agency it came from, counted with its reason."""
        self.count(agency, "dead_letter")
        if agency and self.register is not None:
            public = self.register.agencies[agency].seal_public
            self.emit("dead_letter", agency, RefusedOut(public, origin, reason, now, body))


class Facts:
    """What the watch may ask about a partnership; see streams.alerting.watch.Facts."""

    def __init__(self, partnership: Partnership) -> None:
        self._p = partnership

    def contributions(self, record: bytes) -> list[Contribution]:
        """Kept contributions of a record."""
        return self._p.contributions(record)

    def profile(self, record: bytes) -> Profile | None:
        """Profile of a record, if it has one."""
        row: Record | None = self._p.tables["records"].get(record)
        return None if row is None else row.profile

    def agency(self, record: bytes) -> str:
        """Who holds a record."""
        row: Record = self._p.tables["records"][record]
        return row.agency

    def household(self, record: bytes) -> bytes:
        """Household of a record; itself while it has no identity."""
        return self._p.graph.household(record) if record in self._p.graph.identities else record

    def household_records(self, household: bytes) -> tuple[bytes, ...]:
        """Records of a household, sorted; none where it is not one now."""
        if household not in self._p.graph.identities or self._p.graph.household(household) != household:
            return ()
        return self._p.graph.household_records(household)

    def cluster(self, record: bytes) -> bytes:
        """Cluster of a record."""
        return self._p.graph.cluster(record)

    def households(self) -> Iterable[bytes]:
        """All households now."""
        return (rid for rid in self._p.graph.identities if self._p.graph.household(rid) == rid)

    def events(self) -> Mapping[bytes, Contribution]:
        """All kept contributions by event pseudonym."""
        return self._p.tables["events"]

    def watermark(self, now: int) -> int:
        """Until when every feed has told all it knows."""
        return self._p.alive_until(now)

    def behind(self, now: int) -> tuple[tuple[str, int], ...]:
        """Agencies whose feed is past its limit, with seconds."""
        return self._p.behind(now)


def _directory(register: registers.Register) -> Directory:
    return Directory(
        teams={name: PresenceTeam(team.agency, team.office_number, team.out_of_hours_number)
               for name, team in register.teams.items()},
        presenting={name: agency.presence_team for name, agency in register.agencies.items() if agency.presence_team},
        front_door=register.front_door(),
    )  # fmt: skip


@cache
def _agency_topics(agencies: tuple[str, ...]) -> dict[str, str]:
    families = (topology.IDENTITIES, topology.EVENTS, topology.RESPONSES, topology.REQUESTS)
    return {topology.expand(topic.name, (agency,), ())[0]: agency for agency in agencies for topic in families}
