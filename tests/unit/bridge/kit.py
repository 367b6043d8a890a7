"""Fakes and short cuts for tests of the bridge's pipeline."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge.keys import AgencyKeys, make_partnership
from bridge.mapping import load
from bridge.pipeline import Pipeline
from bridge.sources import Change
from bridge.store import Store

NOW_MS = 1_764_547_200_000  # 2025-12-01
MAPPING = """
version: 1
agency: council
partnership: northmere
sources:
  care:
    heartbeat: {table: care.beat, column: at, zone: instant}
    ignored_tables: [care.log]
    tables:
      care.person:
        key: [person_id]
        columns:
          person_id: key
          forename: {personal: given}
          surname: {personal: surname}
          born: {personal: dob}
          nhs: {personal: nhs}
          ethnicity: {sensitive: code}
          leaver: {sensitive: flag}
          hidden: {personal: restricted}
          mother_id: {link: care.person}
          phone: {personal: other}
          team_id: {link: care.team}
          made: ignored
      care.team:
        key: [team_id]
        columns: {team_id: key, code: {sensitive: code}}
      care.address:
        key: [address_id]
        columns:
          address_id: key
          person_id: {link: care.person}
          number: {personal: number}
          street: {personal: street}
          postcode: {personal: postcode}
          since: {sensitive: date, zone: Europe/London}
          until: {sensitive: date, zone: Europe/London}
      care.plan:
        key: [plan_id]
        columns:
          plan_id: key
          person_id: {link: care.person}
          kind: {sensitive: code}
          start: {sensitive: date, zone: Europe/London}
          stop: {sensitive: date, zone: Europe/London}
      care.contact:
        key: [contact_id]
        columns:
          contact_id: key
          person_id: {link: care.person}
          at: {sensitive: time, zone: Europe/London}
          code: {sensitive: code}
          notes: {sensitive: text}
    records:
      person:
        table: care.person
        join:
          - {table: care.address, on: person_id, choose: {newest: since, ended: until}}
          - {table: care.team, on: team_id}
        profile:
          to_25: {column: leaver, codes: {true: true}, otherwise: none}
          group: {column: ethnicity, codes: {A: group_a}, otherwise: other}
          allocation: {column: care.team.code, codes: {E: duty-east, W: duty-west}, otherwise: none}
          unborn_of: mother_id
          statuses:
            - table: care.plan
              on: person_id
              kind: {column: kind, codes: {CP: protection_plan, CIN: in_need}}
              started: start
              ended: stop
    events:
      contact:
        table: care.contact
        record: {person: person_id}
        occurred_at: at
        kind: {column: code, codes: {DV: domestic_incident, NEG: neglect}}
        factors:
          - {family: referral, severity: 1}
          - {column: code, codes: {DV: {family: violence, severity: 3}}, otherwise: none}
        contact: {column: code, codes: {DV: true}, otherwise: false}
        text: [notes]
"""
ADA = {
    "person_id": 1, "forename": "Adaeze", "surname": "Okonkwo", "born": "2012-03-04", "nhs": "9990000018",
    "ethnicity": "A", "leaver": False, "hidden": False, "mother_id": None, "phone": "07700900123", "team_id": None,
    "made": "x",
}  # fmt: skip
CONTACT = {"contact_id": 7, "person_id": 1, "at": "2025-11-03T09:30:00", "code": "DV", "notes": "Shouting heard"}


def keys(folder: Path, *partnerships: str) -> dict[str, AgencyKeys]:
    """New keys of the council by partnership."""
    found = {}
    for name in partnerships or ("northmere",):
        make_partnership(folder / name, name, ["council", "police"], [])
        found[name] = AgencyKeys.load(folder / name / "council")
    return found


class Bench:
    """A pipeline on a mapping text, with short ways to feed it and to look at what leaves."""

    def __init__(self, folder: Path, text: str = MAPPING, **options: Any) -> None:
        folder.mkdir(exist_ok=True)
        file = folder / "mapping.yaml"
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        self.file = file
        self.keys = options.pop("keys", None) or keys(folder / "keys")
        self.store: Store = options.pop("store", None) or Store(":memory:", next(iter(self.keys.values())).agency_key)
        self.now_ms = NOW_MS
        self.at = 100
        self.pipeline = self.make(**options)

    def make(self, **options: Any) -> Pipeline:
        """Another pipeline on the same store, as after a restart."""
        return Pipeline(
            load(self.file), self.keys, self.store, now=lambda: self.now_ms, wall=lambda: NOW_MS, **options
        )

    def feed(self, *changes: Change) -> list[tuple[str, str, dict[str, Any]]]:
        """(lane, op, message) of what leaves."""
        self.pipeline.feed(changes)
        return [(one.lane, str(one.message.get("op", "")), dict(one.message)) for one in self.pipeline.leaving]

    def put(self, table: str, row: dict[str, Any], **facts: Any) -> list[tuple[str, str, dict[str, Any]]]:
        """An update of one row."""
        return self.feed(self.change(table, row, **facts))

    def drop(self, table: str, key: dict[str, Any], **facts: Any) -> list[tuple[str, str, dict[str, Any]]]:
        """A delete of one row."""
        self.at += 1
        change = Change("care", table, "delete", key=key, before=key, position=self.at, committed_at=self.at, **facts)
        return self.feed(change)

    def change(self, table: str, row: dict[str, Any], **facts: Any) -> Change:
        """A change at the next place of the log."""
        self.at += 1
        facts = {"position": self.at, "committed_at": self.at, "op": "update", "lane": table, **facts}
        return Change("care", table, after=row, **facts)

    def snapshot(self, run: str, *rows: tuple[str, dict[str, Any]]) -> list[tuple[str, str, dict[str, Any]]]:
        """A whole snapshot and its end."""
        self.at += 1
        place = self.at
        changes = [
            self.change(table, row, op="read", snapshot="true", run=run, position=place, committed_at=place)
            for table, row in rows
        ]
        return self.feed(*changes, Change("care", "", "end", position=place, committed_at=place, run=run))


Feed = Callable[..., Any]


def lanes(leaving: list[tuple[str, str, dict[str, Any]]]) -> list[tuple[str, str]]:
    """Lane and op alone."""
    return [(lane, op) for lane, op, _ in leaving]


def only(leaving: list[tuple[str, str, dict[str, Any]]], lane: str) -> dict[str, Any]:
    """The one message of a lane."""
    (message,) = [message for found, _, message in leaving if found == lane]
    return message
