"""Northmere as the demo makes it, small enough for a test: three agencies, their bridges and desks, and the platform.

Keys, mappings, accounts, sharing protocols and desks are the demo's. The agencies' systems are extracts in a folder,
which their own bridges read; the line that raises an alert is fixed, so that a few grave incidents pass it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from string import ascii_lowercase
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import httpx

from bridge.keys import AgencyKeys
from bridge.store import Store
from demo import partnership, settings, verdict
from demo.crew import ROOT, Crew
from demo.listen import Clock, Heard, Listener
from demo.stack import Stack
from demo.stack.processes import Watchdog, free_port
from schemas import codec
from tests.integration.county import eventually

AGENCIES: Final = ("council", "police", "hospital")
TABLES: Final = {
    "council": ("person", "person_address", "allocation", "plan_spell", "contact", "assessment"),
    "police": ("nominal", "nominal_address", "incident", "involvement"),
    "hospital": ("patient", "patient_address", "attendance"),
}
"""Tables of each agency's system, those that others refer to first."""
BEAT: Final = "sightline_heartbeat"
GRAVE: Final = "DA05"
INCIDENTS: Final = 3
LOG_TEXT: Final = "the neighbour heard porcelain breaking"
NOTE_TEXT: Final = "bruise above the left clavicle"
OTHERS: Final = 80
"""Children about whom nothing happens: as many as the budget needs for every alert of a test."""
SILENT, FEED_LIMIT_S = "hospital", 15
"""An agency that is heard once, and how long a feed may be silent before it is said to be behind."""


class Child(NamedTuple):
    """A child as the agencies have it: a middle name that the council alone knows, a home that nobody else has."""

    ref: str
    given: str
    middle: str
    surname: str
    dob: str
    house: str
    street: str
    postcode: str
    team: str = ""
    """Code of the council's team it is allocated to."""
    plan: bool = False
    held_by: tuple[str, ...] = ("council", "police")


class Northmere:
    """The partnership.

    Args:
        stack: Platform and Redis.
        folder: For keys, stores, settings and logs.
        crew: Starts the product's processes.
        children: Those of the test.
    """

    def __init__(self, stack: Stack, folder: Path, crew: Crew, children: Mapping[str, Child]) -> None:
        self.stack, self.folder, self.crew = stack, folder, crew
        self._children, self._files = children, 0
        self._raised: dict[str, Heard] = {}
        now = int(time.time() * 1000)
        Clock(folder / "clock.json", now)
        self.made = small(partnership.make(folder, now), now)
        self._agency_key = AgencyKeys.load(self.made.keys / "council").agency_key
        verdict.send_controls(stack, self.made)
        for agency in AGENCIES:
            self._enrol(agency)
        self._start_platform()
        self.heard = Listener(stack.kafka, tuple(partnership.TEAMS), "council")
        self._desks: dict[str, dict[str, Any]] = {}
        self.ports = {agency: free_port() for agency in AGENCIES}
        for agency in AGENCIES:
            self.crew.start(f"bridge-{agency}", ("bridge", "run"), self._bridge(agency))
        for agency in AGENCIES:
            eventually((folder / "agencies" / agency / "bridge.sqlite").exists, f"the store of {agency}")
            self._desks[agency] = settings.desk(stack, folder, self.made, agency)
            self.start_desk(agency)
        eventually(lambda: self.heard.phase == "live", "the partnership is live")
        for agency in AGENCIES:
            eventually(lambda agency=agency: self._serves(agency), f"the desk of {agency} serves")

    def address(self, agency: str) -> str:
        """Where an agency's desk is."""
        return f"http://127.0.0.1:{self.ports[agency]}"

    def start_desk(self, agency: str) -> None:
        """Start a desk, at the same place each time."""
        self.crew.start(f"desk-{agency}", ("desk", "--port", str(self.ports[agency])), self._desks[agency])

    def kill_desk(self, agency: str) -> None:
        """End a desk as a lost machine does; it stays away."""
        os.kill(self.crew.pids()[f"desk-{agency}"], 9)
        self.crew.stop(f"desk-{agency}")  # the watch may have started another meanwhile

    def only_one_is_behind(self) -> None:
        """Wait until the feed of `SILENT` is behind, and the others are not."""
        eventually(lambda: SILENT in self._behind(), f"the feed of {SILENT} is behind")
        for agency in AGENCIES:
            if agency != SILENT:
                self.write(agency, BEAT, {"id": 1, "beat_at": moment()})
        eventually(lambda: self._behind() == [SILENT], f"the feed of {SILENT} alone is behind")

    def _behind(self) -> list[str]:
        return list((self.heard.views.get("freshness:feeds") or {}).get("behind", ()))

    def alert(self, who: str) -> dict[str, Any]:
        """The alert about a child, as its team got it; where there is none yet, grave incidents raise it."""
        if who not in self._raised:
            self.incidents(who)
            self._raised[who] = eventually(lambda: self._about(who), f"an alert about {who}")
        return self._raised[who].message

    def _about(self, who: str) -> Heard | None:
        """By the council's own record; by its absence where the council holds none."""
        surname = self._children[who].surname if "council" in self._children[who].held_by else None
        store = Store(self.folder / "agencies" / "council" / "bridge.sqlite", self._agency_key)
        try:
            for heard in list(self.heard.alerts):
                people = [store.person(record) or {} for record in heard.message["records"]]
                if (people[0].get("surname") if people else None) == surname:
                    return heard
        finally:
            store.close()
        return None

    def incidents(self, who: str) -> None:
        """Tell of grave incidents, as the police's system would."""
        ref, at = self._children[who].ref, datetime.now(ZoneInfo("Europe/London"))
        when = at.replace(tzinfo=None).isoformat(timespec="seconds")
        rows = [{"incident_no": f"{ref}-{number}", "code": GRAVE, "occurred": when, "grade": 1, "domestic": True,
                 "log_text": LOG_TEXT} for number in range(INCIDENTS)]  # fmt: skip
        roles = [{"incident_no": row["incident_no"], "nominal_ref": f"NP{ref}", "role": "VICT"} for row in rows]
        self.write("police", "incident", *rows)
        self.write("police", "involvement", *roles)

    def attends(self, who: str) -> None:
        """A child comes to the emergency department."""
        ref = self._children[who].ref
        self.write("hospital", "attendance", {
            "attendance_no": f"A{ref}", "patient_no": f"P{ref}", "arrived_at": moment(), "complaint": "INJU",
            "triage": 2, "clinical_note": NOTE_TEXT})  # fmt: skip

    def assessed(self, who: str) -> None:
        """The council's own assessment of a child is filed in its own system."""
        ref = self._children[who].ref
        self.write("council", "assessment", {
            "assessment_id": f"AS{ref}", "person_id": f"CF{ref}", "referred_at": moment(), "completed_at": moment(),
            "outcome_code": "NFA"})  # fmt: skip

    def write(self, agency: str, table: str, *rows: Mapping[str, Any]) -> None:
        """An extract of some rows, there from one moment to the next."""
        folder = self.folder / "extracts" / agency
        folder.mkdir(parents=True, exist_ok=True)
        self._files += 1
        new = folder / f"{self._files:04}.new"
        new.write_text("".join(json.dumps(row) + "\n" for row in rows))
        new.rename(folder / f"{table}-{self._files:04}.jsonl")

    def _enrol(self, agency: str) -> None:
        """Every child that an agency holds; a first extract of each table."""
        own = [one for one in (*self._children.values(), *others()) if agency in one.held_by]
        for table in TABLES[agency]:
            self.write(agency, table, *(row for one in own for row in rows_of(one).get(table, ())))
        self.write(agency, BEAT, {"id": 1, "beat_at": moment()})

    def _start_platform(self) -> None:
        processes = settings.platform(self.stack, self.folder, self.made)
        processes["intake"]["tick_s"] = 1
        for name in ("intake", "worker", "publisher"):
            self.crew.start(name, (name,), processes[name])

    def _bridge(self, agency: str) -> dict[str, Any]:
        home = self.folder / "agencies" / agency
        home.mkdir(parents=True)
        files = [{"table": f"{settings.SCHEMAS[agency]}.{table}", "glob": f"{table}-*.jsonl", "full": False}
                 for table in (*TABLES[agency], BEAT)]  # fmt: skip
        return {
            "agency": agency, "partnership": partnership.PARTNERSHIP, "keys": str(self.made.keys / agency),
            "mapping": str(ROOT / "demo" / "world" / "mappings" / f"{agency}.yaml"),
            "store": str(home / "bridge.sqlite"), "clock": str(self.folder / "clock.json"),
            "kafka": settings.kafka(self.stack, f"bridge-{agency}"),
            "sources": [{"name": partnership.SOURCES[agency], "kind": "file", "every_s": 0.1, "files": files,
                         "folder": str(self.folder / "extracts" / agency)}],
        }  # fmt: skip

    def _serves(self, agency: str) -> bool:
        try:
            return httpx.get(f"{self.address(agency)}/healthz").status_code == 200
        except httpx.TransportError:
            return False


def small(made: partnership.Made, at: int) -> partnership.Made:
    """The demo's partnership of three agencies, with a fixed line and room for every alert."""
    register, rules = (
        json.loads(codec.decode(value, frozenset({"control"}))[1]["body"]) for _, value in made.controls
    )
    register["agencies"] = {name: register["agencies"][name] for name in AGENCIES}
    register["teams"] = {name: team for name, team in register["teams"].items() if team["agency"] in AGENCIES}
    register["feed_limit_s"] = FEED_LIMIT_S
    rules["teams"] = [team for team in rules["teams"] if team["agency"] in AGENCIES]
    rules |= {
        "raise_at": 0.037,
        "clear_ratio": 0.95,
        "budget_per_1000_month": 100.0,
        "burst_days": 60.0,
        "prior": "synthetic",
    }
    made.register_file.write_text(json.dumps(register))
    bodies = {"register": register, "rules": rules}
    signed = tuple(
        (key, partnership.sign_control(made.keys, name, 1, at, json.dumps(body, sort_keys=True)))
        for (key, _), (name, body) in zip(made.controls, bodies.items(), strict=True)
    )
    return dataclasses.replace(made, controls=signed)


def rows_of(one: Child) -> dict[str, list[dict[str, Any]]]:
    """Rows about a child, by table, as each agency's system has them."""
    cf, np, p = f"CF{one.ref}", f"NP{one.ref}", f"P{one.ref}"
    line, since = f"{one.house} {one.street}", "2024-02-01"
    return {
        "person": [{"person_id": cf, "forename": one.given, "middle_names": one.middle, "surname": one.surname,
                    "date_of_birth": one.dob, "location_restricted": False, "is_unborn": False}],
        "person_address": [{"person_id": cf, "seq": 1, "house": one.house, "street": one.street,
                            "postcode": one.postcode, "address_type": "HOME", "from_date": since}],
        "allocation": [{"person_id": cf, "from_date": since, "team_code": one.team, "status": "A"}] if one.team else [],
        "plan_spell": [{"person_id": cf, "plan_type": "CP", "start_date": since}] if one.plan else [],
        "nominal": [{"nominal_ref": np, "full_name": f"{one.surname}, {one.given}".upper(), "dob": one.dob,
                     "warning": ""}],
        "nominal_address": [{"nominal_ref": np, "noted": f"{since}T12:00:00", "addr": line.upper(),
                             "pcode": one.postcode, "premises": "RES"}],
        "patient": [{"patient_no": p, "given_name": one.given, "family_name": one.surname, "birth_date": one.dob,
                     "sensitive_flag": "N"}],
        "patient_address": [{"patient_no": p, "valid_from": since, "line_1": line, "post_code": one.postcode,
                             "place_type": "01"}],
    }  # fmt: skip


def others() -> Iterator[Child]:
    """Children as unlike as chance makes them, so that none is linked with another."""
    draw = random.Random(OTHERS)

    def word(length: int) -> str:
        return "".join(draw.choices(ascii_lowercase, k=length)).capitalize()

    for number in range(OTHERS):
        born = date(2013, 1, 1) + timedelta(days=draw.randrange(2000))
        yield Child(f"9{number:03}", word(7), "", word(10), born.isoformat(), f"{draw.randrange(1, 99)}",
                    f"{word(9)} Road", f"ZE{draw.randrange(10, 99)} {draw.randrange(1, 9)}{word(2).upper()}",
                    held_by=("council",))  # fmt: skip


def moment() -> str:
    """Now, with its zone."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def northmere_on(stack: Stack, folder: Path, children: Mapping[str, Child]) -> Iterator[Northmere]:
    """Northmere on a started stack; its processes are gone afterwards."""
    watchdog = Watchdog()
    crew = Crew(folder, watchdog)
    try:
        made = Northmere(stack, folder, crew, children)
        yield made
        made.heard.stop()
    finally:
        crew.stop()
        watchdog.close()
