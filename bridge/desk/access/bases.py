"""Bases: consent with its states, determinations of detriment, duties, broken glass, lifted restrictions.

Decides what each record must say and when it holds. The fields of consent are those of ISO/IEC TS 27560:2023; it
knows no determination, so that record has the same header and the fields that practice asks for. Pure over entries.

Source:
    ISO/IEC TS 27560:2023, by its public profile https://w3c.github.io/dpv/guides/consent-27560
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, TypeVar
from zoneinfo import ZoneInfo

import holidays
import msgspec

from bridge.desk.access.protocols import ANY, Purpose
from bridge.desk.access.records import Entry, Records

LONDON: Final = ZoneInfo("Europe/London")
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
CONSENT, DETERMINATION, DUTY, GLASS, REVIEW, LIFT = (
    "consent",
    "determination",
    "duty",
    "break_glass",
    "review",
    "lift",
)
CONSENT_MAX_MS: Final = 366 * DAY_MS
DETERMINATION_MAX_MS: Final = 183 * DAY_MS  # looked at again at least twice a year
GLASS_MS: Final = HOUR_MS
REVIEW_DAYS: Final = 3  # working days
LIFT_MS: Final = 24 * HOUR_MS
TEXT_MAX: Final = 2_000
SCHEMA: Final = "ISO/IEC TS 27560:2023"
State = Literal["given", "refused", "sought", "withdrawn"]
_T = TypeVar("_T")
DUTIES: Final = {
    "ca2004-s16la": "Children Act 2004, section 16LA: duty to share information to safeguard a child",
    "ca1989-s47": "Children Act 1989, section 47: enquiry into significant harm",
    "ca1989-s17": "Children Act 1989, section 17: assessment of need",
}


class Consent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A consent record; header and party are in the entry.

    Attributes:
        state: Given, refused, being sought, withdrawn.
        purpose: What it is for.
        agencies: Whose information it lets be seen.
        privacy_notice: What the person was told, by version or address.
        given_by: Who spoke: the child, or who has parental responsibility, in words.
        method: How: in writing, by word, by telephone.
        until_at: It lapses, wall time ms; 0 where it has not been given.
        owner: Who seeks it (user id), while it is sought.
        due_at: Until when, while it is sought, wall time ms.
        withdrawal: How it can be withdrawn, as the person was told.
        note: What else matters.
        schema: Of the record.
    """

    state: State
    purpose: Purpose
    agencies: tuple[str, ...]
    privacy_notice: str = ""
    given_by: str = ""
    method: str = ""
    until_at: int = 0
    owner: str = ""
    due_at: int = 0
    withdrawal: str = ""
    note: str = ""
    schema: str = SCHEMA


class Determination(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That to seek consent would harm the child: why, reviewed by whom, until when.

    Attributes:
        purpose: What it is for.
        agencies: Whose information it lets be seen.
        why: In words.
        reviewed_by: Another user, who agreed.
        until_at: It lapses, wall time ms.
    """

    purpose: Purpose
    agencies: tuple[str, ...]
    why: str
    reviewed_by: str
    until_at: int


class Duty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That a duty applies: which, why here, until when."""

    purpose: Purpose
    agencies: tuple[str, ...]
    duty: str
    why: str
    until_at: int


class Glass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That somebody looked at once, without any other basis, and why."""

    why: str
    until_at: int
    review_by: str


class Bad(ValueError):
    """A record that cannot be taken; the text says what was expected, for the person who wrote it."""


def keys(records: Iterable[bytes], household: str) -> tuple[str, ...]:
    """Whom an entry is about: own records, or the household where no record is held."""
    found = tuple(f"record:{record.hex()}" for record in records)
    return found or ((f"household:{household}",) if household else ())


def standing(records: Records, about: Sequence[str], agency: str, now: int) -> frozenset[str]:
    """Bases that hold for all of those concerned and one agency's information.

    Args:
        records: What was written.
        about: From `keys`.
        agency: Whose information.
        now: Wall time, ms.

    Returns:
        Of `consent`, `determination` and `duty` those that hold.
    """
    found = set()
    for kind in (CONSENT, DETERMINATION, DUTY):
        if about and all(_holds(newest(records.about(kind, key), agency), now) for key in about):
            found.add(kind)
    return frozenset(found)


def newest(entries: Iterable[Entry], agency: str) -> Entry | None:
    """The entry in force about an agency's information: the last one that names it."""
    return next((one for one in reversed(list(entries)) if _names(one, agency)), None)


def glass_holds(records: Records, about: Sequence[str], user: str, now: int) -> bool:
    """Whether this user's broken glass is not yet over."""
    return bool(about) and all(
        any(one.user == user and one.body["until_at"] > now for one in records.about(GLASS, key)) for key in about
    )


def lifted(records: Records, about: Sequence[str], user: str, now: int) -> bool:
    """Whether two people lifted the restriction on a child for a user: one asked, another agreed."""

    def agreed(key: str) -> bool:
        return any(
            one.body.get("for_user") == user and one.body.get("asked_by") not in ("", one.user)
            and one.body.get("until_at", 0) > now
            for one in records.about(LIFT, key)
        )  # fmt: skip

    return bool(about) and all(agreed(key) for key in about)


def consent(body: dict[str, Any], now: int) -> Consent:
    """A consent as it may be kept.

    Raises:
        Bad: A field is missing or out of range.
    """
    one = _made(Consent, body)
    if one.state == "given":
        _needs(bool(one.given_by.strip()), "Say who gave consent")
        _needs(bool(one.method.strip()), "Say how consent was given")
        _needs(now < one.until_at <= now + CONSENT_MAX_MS, "Give an end within a year")
    if one.state == "sought":
        _needs(bool(one.owner), "Say who seeks consent")
        _needs(now < one.due_at <= now + CONSENT_MAX_MS, "Give a day until which it is sought")
    return one


def determination(body: dict[str, Any], author: str, now: int) -> Determination:
    """A determination as it may be kept.

    Raises:
        Bad: A field is missing or out of range, or its author reviewed it.
    """
    one = _made(Determination, body)
    _needs(len(one.why.strip()) >= 20, "Say in a sentence or more why seeking consent would harm the child")
    _needs(one.reviewed_by not in ("", author), "Name a colleague who reviewed it: not yourself")
    _needs(now < one.until_at <= now + DETERMINATION_MAX_MS, "Give an end within six months")
    return one


def duty(body: dict[str, Any], now: int) -> Duty:
    """A duty as it may be kept.

    Raises:
        Bad: A field is missing or out of range.
    """
    one = _made(Duty, body)
    _needs(one.duty in DUTIES, "Choose the duty")
    _needs(len(one.why.strip()) >= 20, "Say in a sentence or more why the duty applies")
    _needs(now < one.until_at <= now + DETERMINATION_MAX_MS, "Give an end within six months")
    return one


def glass(why: str, now: int) -> Glass:
    """A broken glass as it is kept: an hour, reviewed within three working days.

    Raises:
        Bad: No reason.
    """
    _needs(len(why.strip()) >= 20, "Say in a sentence why this cannot wait")
    return Glass(why.strip()[:TEXT_MAX], now + GLASS_MS, review_by(now).isoformat())


def lift(why: str, now: int) -> dict[str, Any]:
    """The lifting of a restriction as it is asked for; a second person agrees to it.

    Raises:
        Bad: No reason.
    """
    _needs(len(why.strip()) >= 20, "Say in a sentence why the restriction must be lifted")
    return {"why": why.strip()[:TEXT_MAX], "until_at": now + LIFT_MS}


def plain(one: msgspec.Struct) -> dict[str, Any]:
    """A record as it is kept."""
    made: dict[str, Any] = msgspec.to_builtins(one)
    return made


def today(now: int) -> date:
    """The day in London."""
    return datetime.fromtimestamp(now / 1000, LONDON).date()


def review_by(now: int) -> date:
    """The last day for a review: three working days on, by England's calendar."""
    day, left = today(now), REVIEW_DAYS
    off = holidays.country_holidays("GB", subdiv="ENG", years=(day.year, day.year + 1))
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5 and day not in off
    return day


def _made(form: type[_T], body: dict[str, Any]) -> _T:
    try:
        one = msgspec.convert(body, form)
    except msgspec.ValidationError as error:
        raise Bad(str(error)) from None
    _needs(bool(getattr(one, "agencies", True)), "Choose whose information it is about")
    return one


def _needs(so: bool, otherwise: str) -> None:
    if not so:
        raise Bad(otherwise)


def _names(entry: Entry, agency: str) -> bool:
    return agency in entry.body["agencies"] or ANY in entry.body["agencies"]


def _holds(entry: Entry | None, now: int) -> bool:
    if entry is None or entry.body["until_at"] <= now:
        return False
    return entry.kind != CONSENT or entry.body["state"] == "given"
