"""What a user types to look somebody up, and whether that can be looked up.

Decides which fields there are and what is wrong with them. Keeps nothing of it: a form lives as long as its page.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from bridge import normalise
from bridge.desk.access.bases import TEXT_MAX
from bridge.normalise import Person

NAME_MAX_CHARS: Final = 100
NUMBER_MAX_CHARS: Final = 20
BORN_SINCE: Final = 1900


@dataclass(frozen=True, repr=False)
class Form:
    """The fields as typed; never printed, never kept."""

    given: str = ""
    surname: str = ""
    day: str = ""
    month: str = ""
    year: str = ""
    nhs: str = ""
    purpose: str = ""
    reason: str = ""

    @classmethod
    def of(cls, form: Mapping[str, Any]) -> Form:
        """The fields of a request's form."""
        long = {"given": NAME_MAX_CHARS, "surname": NAME_MAX_CHARS, "reason": TEXT_MAX}
        names = cls.__dataclass_fields__
        return cls(**{name: str(form.get(name, "")).strip()[: long.get(name, NUMBER_MAX_CHARS)] for name in names})

    def born(self) -> date | None:
        """The birth date; None where there is no such day."""
        try:
            return date(int(self.year), int(self.month), int(self.day))
        except ValueError:
            return None

    def person(self) -> Person:
        """Whom it says, for encoding; only of a form without problems."""
        born = self.born()
        return Person(
            given=self.given, surname=self.surname, dob=born.isoformat() if born else None, nhs=self.nhs or None
        )


def problems(form: Form, purposes: Collection[str], today: date) -> dict[str, str]:
    """What is wrong, by field, in the order of the page; nothing where somebody can be looked up.

    Args:
        form: As typed.
        purposes: Those that the user may choose.
        today: Nobody is born later.
    """
    found: dict[str, str] = {}
    if normalise.given_name(form.given) is None:
        found["given"] = "Enter a given name; a single letter, or a word such as Baby, cannot be looked up"
    if normalise.surname(form.surname) is None:
        found["surname"] = "Enter a surname"
    born = form.born()
    if born is None or not BORN_SINCE <= born.year or born > today:
        found["day"] = "Enter a birth date in the past, such as 27 3 2015"
    elif normalise.birth_date(born.isoformat()) is None:
        found["day"] = "Enter the real birth date: this one is what systems write where none is known"
    if form.nhs and normalise.nhs_number(form.nhs) is None:
        found["nhs"] = "Check the NHS number, or leave it empty: its ten digits do not fit together"
    if form.purpose not in purposes:
        found["purpose"] = "Choose what you look them up for"
    return found
