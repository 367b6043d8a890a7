"""The schools: pupils, attendance, exclusions, welfare concerns.

Decides rows of the mis schema: wall clock of London.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from demo.world.agency import Maker, values
from demo.world.base import BACKFILL_DAYS, LIVE_DAYS, START_DATE, day_of, local, ms
from demo.world.events import WorldEvent
from demo.world.noise import Copy
from demo.world.people import SCHOOLS, Person
from demo.world.places import Address

ENROLLED_SHARE = 0.94  # the rest is taught at home or in independent schools
MARKS = {"absence": "PA", "attend_ok": "IMP"}
HOMES = {"home": "H", "hostel": "B", "refuge": "R", "care_home": "C"}


class Schools(Maker):
    """Education."""

    agency, kind, prefix, schema, table, key = "schools", "education", "PU", "mis", "mis.pupil", "pupil_no"

    def members(self) -> dict[int, float]:
        """Children of school age, from the September in which they are four."""
        known: dict[int, float] = {}
        for person in self.population.people:
            day = _september(person)
            leaves = day + 12 * 365
            if person.role == "child" and leaves > 0 and day < BACKFILL_DAYS + LIVE_DAYS:
                if self.random.random() < ENROLLED_SHARE:
                    known[person.id] = float(day)
        return known

    def enrol(self, person: Person, copy: Copy, at_ms: int) -> None:
        """A pupil and a home."""
        self.book.put(
            at_ms, "mis.pupil",
            values(
                pupil_no=self.keys[person.id], upn=copy.upn, forename=copy.given, middle_name=copy.middle,
                surname=copy.surname, dob=copy.dob, ethnicity=self.population.households[person.household].group,
                school_code=2000 + person.household % SCHOOLS, address_withheld=self.restricted(person),
                enrolled_on=day_of(at_ms),
            ),
        )  # fmt: skip
        leaves = _september(person) + 12 * 365 - 40
        left = {"pupil_no": self.keys[person.id], "left_on": START_DATE + timedelta(days=leaves)}
        self.book.put(max(ms(leaves), at_ms + 1000), "mis.pupil", left)
        if copy.address:
            self.move(person, copy.address, at_ms)

    def amend(self, person: Person, copy: Copy, at_ms: int) -> None:
        """Names, birth date and number again."""
        self.book.put(
            at_ms, "mis.pupil",
            values(
                pupil_no=self.keys[person.id], upn=copy.upn, forename=copy.given, middle_name=copy.middle,
                surname=copy.surname, dob=copy.dob,
            ),
        )  # fmt: skip

    def move(self, person: Person, address: Address, at_ms: int) -> None:
        """The one current home."""
        self.book.put(
            at_ms, "mis.pupil_home",
            values(
                pupil_no=self.keys[person.id], house_no=address.number, street=address.street,
                postcode=address.postcode.lower() if self.random.random() < 0.1 else address.postcode,
                home_type=HOMES[address.kind], since=day_of(at_ms),
            ),
        )  # fmt: skip

    def record(self, event: WorldEvent) -> None:
        """Marks, exclusions, welfare concerns."""
        pupil, entered = self.keys[event.person], local(event.recorded_at)
        table, key = self._place(event)
        occurred = local(event.occurred_at)
        row: dict[str, Any] = {"pupil_no": pupil, "entered_at": entered, **key}
        if table == "mis.attendance_mark":
            row |= {"mark": MARKS[event.kind], "marked_at": occurred}
        elif table == "mis.exclusion":
            row |= {"starts_at": occurred, "days": Decimal(1 + event.number % 5), "reason": "DB"}
        else:
            row |= {"logged_at": occurred, "category": "WELF", "detail": self.text(event)}
        self.book.put(event.recorded_at, table, row)

    def withdraw(self, event: WorldEvent) -> None:
        """Deletes the row."""
        assert event.removed_at is not None  # noqa: S101  (the caller selects those)
        self.book.remove(event.removed_at, *self._place(event))

    def _place(self, event: WorldEvent) -> tuple[str, dict[str, Any]]:
        if event.kind in MARKS:
            day: date = day_of(event.occurred_at)
            seq = event.number % 30_000  # several systems feed the register; the number only tells marks apart
            return "mis.attendance_mark", {"pupil_no": self.keys[event.person], "mark_date": day, "seq": seq}
        if event.kind == "exclusion":
            return "mis.exclusion", {"exclusion_no": event.number + 100_000}
        return "mis.welfare_log", {"log_no": f"WL{event.number + 100_000}"}


def _september(person: Person) -> int:
    """Day of joining school: 1 September of the school year in which a child turns five."""
    year = person.born_on.year + (4 if person.born_on.month < 9 else 5)
    return (datetime(year, 9, 1).date() - START_DATE).days  # noqa: DTZ001  (a calendar day)
