"""The council's children's services: people, contacts, assessments, plans and allocations.

Decides rows of the carefile schema.
"""

from __future__ import annotations

from demo.world.agency import Maker, values
from demo.world.base import DAY_MS, START_MS, day_of, ms, utc
from demo.world.events import WorldEvent
from demo.world.kinds import OUTCOME
from demo.world.noise import Copy
from demo.world.people import Person
from demo.world.places import TOWN, Address

EARLIER_SHARE = 0.06  # of children with a closed file and no event in the window
MOTHER_SHARE = 0.5  # of children on file have their mother on file
PLAN_CODES = {"in_need": "CIN", "protection_plan": "CP", "looked_after": "CLA", "early_help": "EH"}
ADDRESS_TYPES = {"home": "HOME", "hostel": "HOSTEL", "refuge": "REFUGE", "care_home": "CARE"}
TEAMS = ("EAST", "WEST")
UNBORN_KNOWN_DAYS = 130  # before birth
BORN_NOTED_DAYS = 6


class Council(Maker):
    """Social care."""

    agency, kind, prefix, schema, table, key = (
        "council", "social_care", "CF", "carefile", "carefile.person", "person_id",
    )  # fmt: skip

    def members(self) -> dict[int, float]:
        """Children known earlier, their mothers, looked-after and unborn children."""
        known: dict[int, float] = {}
        for person in self.population.people:
            if person.role == "child" and self.random.random() < EARLIER_SHARE:
                known[person.id] = max(person.born_day + 10.0, float(self.random.uniform(-700, 0)))
        for status in self.material.chronicle.statuses:
            begin = (status.recorded_at - START_MS) / DAY_MS - 5
            known[status.person] = min(known.get(status.person, 1e9), begin)
        for event in self.events:
            first = (event.recorded_at - START_MS) / DAY_MS - 0.02
            known[event.person] = min(known.get(event.person, 1e9), first)
        for child, first in list(known.items()):
            mother = self.population.people[child].mother
            if mother >= 0 and self.random.random() < MOTHER_SHARE:
                known[mother] = min(known.get(mother, 1e9), first)
        for child in self.population.unborn:
            born = self.population.people[child].born_day
            known[child] = float(born - UNBORN_KNOWN_DAYS)
            mother = self.population.people[child].mother
            known[mother] = min(known.get(mother, 1e9), known[child] - 0.5)
        return known

    def enrol(self, person: Person, copy: Copy, at_ms: int) -> None:
        """One person row, one address row; an unborn child has a placeholder name and a mother instead."""
        unborn = person.born_at > at_ms
        self.book.put(
            at_ms, "carefile.person",
            values(
                person_id=self.keys[person.id], forename="Unborn" if unborn else copy.given,
                middle_names="" if unborn else copy.middle, surname=copy.surname,
                date_of_birth=None if unborn else copy.dob, dob_estimated=False,
                nhs_number=None if unborn else copy.nhs, upn=copy.upn,
                ethnic_group=self.population.households[person.household].group,
                location_restricted=self.restricted(person), is_unborn=unborn,
                expected_on=person.born_on if unborn else None,
                mother_id=self.keys[person.mother] if unborn else None, created_at=utc(at_ms),
            ),
        )  # fmt: skip
        if copy.address:
            self._address(person, copy.address, at_ms)
        if unborn:
            later = ms(person.born_day + BORN_NOTED_DAYS)
            self.amend(person, copy, later)
            self.book.put(later, "carefile.person", {"person_id": self.keys[person.id], "is_unborn": False})

    def amend(self, person: Person, copy: Copy, at_ms: int) -> None:
        """Names, birth date and numbers again."""
        self.book.put(
            at_ms, "carefile.person",
            values(
                person_id=self.keys[person.id], forename=copy.given, middle_names=copy.middle, surname=copy.surname,
                date_of_birth=copy.dob, nhs_number=copy.nhs, upn=copy.upn,
            ),
        )  # fmt: skip

    def move(self, person: Person, address: Address, at_ms: int) -> None:
        """Closes the last address and opens one."""
        last = self._serials.get(f"address {person.id}")
        if last:
            key = {"person_id": self.keys[person.id], "seq": last}
            self.book.put(at_ms, "carefile.person_address", {**key, "to_date": day_of(at_ms)})
        self._address(person, address, at_ms)

    def _address(self, person: Person, address: Address, at_ms: int) -> None:
        self.book.put(
            at_ms, "carefile.person_address",
            values(
                person_id=self.keys[person.id], seq=self.serial(f"address {person.id}", 1), house=address.number,
                street=address.street, town=TOWN, postcode=address.postcode,
                address_type=ADDRESS_TYPES[address.kind], from_date=day_of(at_ms),
            ),
        )  # fmt: skip

    def record(self, event: WorldEvent) -> None:
        """Contacts and referrals, early help sessions, assessments."""
        person = self.keys[event.person]
        if event.kind == OUTCOME:
            self.book.put(
                event.recorded_at, "carefile.assessment",
                values(
                    assessment_id=f"AS{event.number + 100_000}", person_id=person, referred_at=utc(event.occurred_at),
                    completed_at=utc(event.recorded_at), outcome_code="CIN",
                ),
            )  # fmt: skip
        elif event.kind == "early_help":
            self.book.put(
                event.recorded_at, "carefile.intervention",
                values(
                    intervention_id=f"IV{event.number + 100_000}", person_id=person, service_code="EHS",
                    held_at=utc(event.occurred_at), note=self.text(event), recorded_at=utc(event.recorded_at),
                ),
            )  # fmt: skip
        else:
            self.book.put(
                event.recorded_at, "carefile.contact",
                values(
                    contact_id=f"CT{event.number + 100_000}", person_id=person, contacted_at=utc(event.occurred_at),
                    source_code=("SCH", "HEA", "POL", "PUB")[event.number % 4],
                    decision="REF" if event.kind == "referral" else "NFA", summary=self.text(event),
                    recorded_at=utc(event.recorded_at),
                ),
            )  # fmt: skip

    def withdraw(self, event: WorldEvent) -> None:
        """Deletes a contact or session."""
        assert event.removed_at is not None  # noqa: S101  (the caller selects those)
        number = event.number + 100_000
        if event.kind == "early_help":
            self.book.remove(event.removed_at, "carefile.intervention", {"intervention_id": f"IV{number}"})
        else:
            self.book.remove(event.removed_at, "carefile.contact", {"contact_id": f"CT{number}"})

    def more(self) -> None:
        """Plan spells and the allocations that go with them."""
        for status in self.material.chronicle.statuses:
            person = self.keys.get(status.person)
            if person is None:
                continue
            spell = {
                "person_id": person, "plan_type": PLAN_CODES[status.kind], "start_date": day_of(status.started_at),
            }  # fmt: skip
            held = {"person_id": person, "from_date": day_of(status.started_at)}
            household = self.population.people[status.person].household
            team = TEAMS[household % 2]
            allocated = status.kind != "early_help"  # a family's own hub works with it, no duty team
            self.book.put(status.recorded_at, "carefile.plan_spell", spell)
            if allocated:
                self.book.put(status.recorded_at, "carefile.allocation", {**held, "team_code": team, "status": "A"})
            if status.ended_at is not None:
                ended = day_of(status.ended_at)
                self.book.put(status.ended_at, "carefile.plan_spell", {**spell, "end_date": ended})
                if allocated:
                    self.book.put(status.ended_at, "carefile.allocation", {**held, "status": "E", "to_date": ended})
