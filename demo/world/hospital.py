"""The hospital trust with its community services: patients, attendances, appointments, mental health contacts.

Decides rows of the pas schema.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from demo.world.agency import Maker, values
from demo.world.base import BACKFILL_DAYS, DAY_MS, LIVE_DAYS, day_of, ms, utc
from demo.world.events import WorldEvent
from demo.world.noise import BABY_NAME, Copy
from demo.world.people import Person
from demo.world.places import TOWN, Address

CHILDREN_SHARE = 0.985
MOTHERS_SHARE = 0.85
PARTNERS_SHARE = 0.25
NAMED_DAYS = 24  # until a baby's name is registered
CHECKED_SHARE = 4  # one attendance in so many has its record looked up, which the access log keeps
COMPLAINTS = {"ed_visit": "INJ", "injury_unexplained": "INJU", "self_harm": "SH"}
TRIAGE = {"ed_visit": 4, "injury_unexplained": 2, "self_harm": 2}
PLACES = {"home": "01", "hostel": "41", "refuge": "42", "care_home": "43"}


class Hospital(Maker):
    """Health."""

    agency, kind, prefix, schema, table, key = "hospital", "health", "HN", "pas", "pas.patient", "patient_no"

    def members(self) -> dict[int, float]:
        """Nearly all children from birth, most mothers, some partners."""
        shares = {"child": CHILDREN_SHARE, "parent": MOTHERS_SHARE, "partner": PARTNERS_SHARE}
        known: dict[int, float] = {}
        for person in self.population.people:
            if person.born_day < BACKFILL_DAYS + LIVE_DAYS and self.random.random() < shares[person.role]:
                known[person.id] = max(float(self.random.uniform(-900, -200)), person.born_day + 0.4)
        return known

    def enrol(self, person: Person, copy: Copy, at_ms: int) -> None:
        """A patient and an address; a newborn is "Baby" until the name is known."""
        newborn = 0 <= at_ms - person.born_at < 5 * DAY_MS and self.random.random() < BABY_NAME
        self.book.put(
            at_ms, "pas.patient",
            self._patient(person, replace(copy, given="Baby", middle="") if newborn else copy)
            | {
                "sensitive_flag": "Y" if self.restricted(person) else "N", "registered_at": utc(at_ms),
                "ethnic_code": self.population.households[person.household].group,
            },
        )  # fmt: skip
        if newborn:
            self.amend(person, copy, ms(person.born_day + NAMED_DAYS))
        if copy.address:
            self.move(person, copy.address, at_ms)

    def amend(self, person: Person, copy: Copy, at_ms: int) -> None:
        """Names, birth date and number again."""
        self.book.put(at_ms, "pas.patient", self._patient(person, copy))

    def _patient(self, person: Person, copy: Copy) -> dict[str, Any]:
        return values(
            patient_no=self.keys[person.id], nhs_no=copy.nhs, given_name=copy.given, other_names=copy.middle,
            family_name=copy.surname, birth_date=copy.dob,
        )  # fmt: skip

    def move(self, person: Person, address: Address, at_ms: int) -> None:
        """One more address; the newest counts."""
        self.book.put(
            at_ms, "pas.patient_address",
            values(
                patient_no=self.keys[person.id], valid_from=day_of(at_ms), line_1=address.line, line_2=TOWN,
                post_code=address.postcode, place_type=PLACES[address.kind],
            ),
        )  # fmt: skip

    def record(self, event: WorldEvent) -> None:
        """Attendances, appointments, mental health contacts."""
        patient, table, key = self.keys[event.person], *self._place(event)
        entered = {"patient_no": patient, "entered_at": utc(event.recorded_at), **key}
        occurred = utc(event.occurred_at)
        if table == "pas.attendance":
            row = values(
                arrived_at=occurred, complaint=COMPLAINTS[event.kind], triage=TRIAGE[event.kind],
                clinical_note=self.text(event),
            )  # fmt: skip
            if event.number % CHECKED_SHARE == 0:
                log = {"patient_no": patient, "accessed_at": occurred, "reason": "ED attendance"}
                self.book.put(event.recorded_at, "pas.access_log", log)
        elif table == "pas.appointment":
            missed = event.kind == "missed_appt"
            row = {"due_at": occurred, "clinic": "PAED" if missed else "HV", "status": "DNA" if missed else "ATT"}
        else:
            row = values(seen_at=occurred, service="AMH", note=self.text(event))
        self.book.put(event.recorded_at, table, {**entered, **row})

    def withdraw(self, event: WorldEvent) -> None:
        """Deletes the row."""
        assert event.removed_at is not None  # noqa: S101  (the caller selects those)
        self.book.remove(event.removed_at, *self._place(event))

    def _place(self, event: WorldEvent) -> tuple[str, dict[str, str]]:
        number = event.number + 100_000
        if event.kind in COMPLAINTS:
            return "pas.attendance", {"attendance_no": f"ED{number}"}
        if event.kind == "parent_mh":
            return "pas.mh_contact", {"contact_no": f"MH{number}"}
        return "pas.appointment", {"appointment_no": f"AP{number}"}
