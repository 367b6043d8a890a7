"""The police force: nominals, incidents and who was involved.

Decides rows of the crimes schema: wall clock of London, names and addresses in upper case.
"""

from __future__ import annotations

from demo.world.agency import Maker, values
from demo.world.base import local
from demo.world.events import WorldEvent
from demo.world.noise import Copy
from demo.world.people import Person
from demo.world.places import Address

KNOWN_ADULTS = 0.05  # of adults with an older file
CODES = {"da_incident": "DA01", "da_serious": "DA05", "asb": "ASB2", "missing": "MISP"}
GRADES = {"da_incident": 2, "da_serious": 1, "asb": 3, "missing": 1}
PREMISES = {"home": "RES", "hostel": "HOS", "refuge": "REF", "care_home": "CAR"}


class Police(Maker):
    """Police."""

    agency, kind, prefix, schema, table, key = "police", "police", "NP", "crimes", "crimes.nominal", "nominal_ref"

    def members(self) -> dict[int, float]:
        """Adults with an older file; everybody else comes with an incident."""
        adults = [p for p in self.population.people if p.role != "child"]
        return {p.id: float(self.random.uniform(-900, 0)) for p in adults if self.random.random() < KNOWN_ADULTS}

    def enrol(self, person: Person, copy: Copy, at_ms: int) -> None:
        """A nominal and its address."""
        self.book.put(
            at_ms, "crimes.nominal",
            values(
                nominal_ref=self.keys[person.id], full_name=_name(copy), dob=copy.dob,
                warning="CONF" if self.restricted(person) else "", created=local(at_ms),
            ),
        )  # fmt: skip
        if copy.address:
            self.move(person, copy.address, at_ms)

    def amend(self, person: Person, copy: Copy, at_ms: int) -> None:
        """Name and birth date again."""
        row = values(nominal_ref=self.keys[person.id], full_name=_name(copy), dob=copy.dob)
        self.book.put(at_ms, "crimes.nominal", row)

    def move(self, person: Person, address: Address, at_ms: int) -> None:
        """One more address; the newest counts."""
        self.book.put(
            at_ms, "crimes.nominal_address",
            values(
                nominal_ref=self.keys[person.id], noted=local(at_ms), addr=address.line.upper(),
                pcode=address.postcode.replace(" ", ""), premises=PREMISES[address.kind],
            ),
        )  # fmt: skip

    def record(self, event: WorldEvent) -> None:
        """An incident and the involvement of one nominal."""
        number = self._number(event)
        self.book.put(
            event.recorded_at, "crimes.incident",
            values(
                incident_no=number, code=CODES[event.kind], occurred=local(event.occurred_at),
                created=local(event.recorded_at), grade=GRADES[event.kind],
                domestic="Y" if event.kind.startswith("da_") else "N", log_text=self.text(event),
            ),
        )  # fmt: skip
        role = "SUBJ" if event.kind in {"asb", "missing"} else "VICT"
        row = {"incident_no": number, "nominal_ref": self.keys[event.person], "role": role}
        self.book.put(event.recorded_at, "crimes.involvement", row)

    def withdraw(self, event: WorldEvent) -> None:
        """Takes the nominal off the incident, and then the incident away."""
        assert event.removed_at is not None  # noqa: S101  (the caller selects those)
        number = self._number(event)
        key = {"incident_no": number, "nominal_ref": self.keys[event.person]}
        self.book.remove(event.removed_at, "crimes.involvement", key)
        self.book.remove(event.removed_at, "crimes.incident", {"incident_no": number})

    def _number(self, event: WorldEvent) -> str:
        return f"NM/{event.number + 100_000}/{local(event.occurred_at):%y}"


def _name(copy: Copy) -> str:
    return f"{copy.surname}, {copy.given} {copy.middle}".strip().upper()
