"""The council's landlord: properties, tenancies, occupants, rent accounts and complaints.

Decides rows of the tenancies schema: wall clock of London. Addresses hang on properties, so a move is a new property
on the tenancy.
"""

from __future__ import annotations

from decimal import Decimal

from demo.world.agency import Maker, values
from demo.world.base import BACKFILL_DAYS, LIVE_DAYS, day_of, local
from demo.world.events import WorldEvent
from demo.world.noise import Copy
from demo.world.people import Person
from demo.world.places import TOWN, Address

CHILD_LISTED = 0.9  # of children are on the tenancy's list
LISTED_LAG_DAYS = 50.0  # from birth until a child is listed
SCHEMES = {"home": "GENERAL", "hostel": "HOSTEL", "refuge": "REFUGE", "care_home": "CARE"}
CODES = {"arrears": "ARR4", "eviction_notice": "NSP", "tenancy_ok": "PLAN"}


class Homes(Maker):
    """Housing."""

    agency, kind, prefix, schema, table, key = (
        "homes", "housing", "OC", "tenancies", "tenancies.occupant", "occupant_no",
    )  # fmt: skip

    def members(self) -> dict[int, float]:
        """All adults of tenant families and most of their children."""
        known: dict[int, float] = {}
        for household in self.population.households:
            if not household.tenant:
                continue
            start = float(self.random.uniform(-700, -5))
            for member in household.members:
                person = self.population.people[member]
                lag = float(self.random.exponential(LISTED_LAG_DAYS))
                listed = person.role != "child" or self.random.random() < CHILD_LISTED
                if listed and person.born_day + lag < BACKFILL_DAYS + LIVE_DAYS:
                    known[member] = max(start, person.born_day + lag) if person.role == "child" else start
        return known

    def enrol(self, person: Person, copy: Copy, at_ms: int) -> None:
        """An occupant; the first of a family brings tenancy and property."""
        tenancy = self._tenancy(person)
        if tenancy not in self._serials:
            self.serial(tenancy, 1)
            household = self.population.households[person.household]
            address = copy.address or household.addresses[0][1]
            self._property(tenancy, address, at_ms, started=day_of(at_ms))
        self.book.put(
            at_ms, "tenancies.occupant",
            values(
                occupant_no=self.keys[person.id], tenancy_no=tenancy,
                title={"F": "Ms", "M": "Mr"}[person.sex] if person.role != "child" else "", first_name=copy.given,
                last_name=copy.surname, middle_initial=copy.middle[:1], born=copy.dob,
                is_tenant=person.role != "child", keep_private=self.restricted(person), moved_in=day_of(at_ms),
            ),
        )  # fmt: skip

    def amend(self, person: Person, copy: Copy, at_ms: int) -> None:
        """Names and birth date again."""
        self.book.put(
            at_ms, "tenancies.occupant",
            values(
                occupant_no=self.keys[person.id], first_name=copy.given, last_name=copy.surname,
                middle_initial=copy.middle[:1], born=copy.dob,
            ),
        )  # fmt: skip

    def move(self, person: Person, address: Address, at_ms: int) -> None:
        """The tenancy gets another property, once for the family."""
        household = self.population.households[person.household]
        listed = [member for member in household.members if member in self.keys]
        if person.id == min(listed, key=lambda member: (self.enrolled_ms[member], member)):
            self._property(self._tenancy(person), address, at_ms)

    def _property(self, tenancy: str, address: Address, at_ms: int, **columns: object) -> None:
        number = f"PR-{self.serial('property')}"
        self.book.put(
            at_ms, "tenancies.property",
            values(
                property_ref=number, house_number=address.number, street_name=address.street, town=TOWN,
                postcode=address.postcode, scheme=SCHEMES[address.kind],
            ),
        )  # fmt: skip
        self.book.put(at_ms, "tenancies.tenancy", {"tenancy_no": tenancy, "property_ref": number, **columns})

    def _tenancy(self, person: Person) -> str:
        return f"TN-{200_000 + person.household}"

    def record(self, event: WorldEvent) -> None:
        """Entries of the rent account, complaints."""
        occupant, (table, key) = self.keys[event.person], self._place(event)
        row: dict[str, object] = {**key, "occupant_no": occupant}
        if table == "tenancies.complaint":
            row |= {"received": local(event.occurred_at), "category": "ASB", "description": self.text(event)}
        else:
            row |= {"entry_code": CODES[event.kind], "entered": local(event.occurred_at)}
            row |= {"balance": Decimal(-100 - event.number % 900)}
        self.book.put(event.recorded_at, table, row)

    def withdraw(self, event: WorldEvent) -> None:
        """Deletes the row."""
        assert event.removed_at is not None  # noqa: S101  (the caller selects those)
        self.book.remove(event.removed_at, *self._place(event))

    def _place(self, event: WorldEvent) -> tuple[str, dict[str, object]]:
        if event.kind == "asb_complaint":
            return "tenancies.complaint", {"complaint_no": f"CO-{event.number + 100_000}"}
        tenancy = self._tenancy(self.population.people[event.person])
        return "tenancies.account_entry", {"tenancy_no": tenancy, "entry_no": event.number}
