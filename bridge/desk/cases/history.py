"""What a user read of a case and when: so that a summary can say what changed since.

Decides what counts as the last reading. Kept in the desk's own sealed store, each user's apart: marks of lines, no
content.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from bridge.desk.cases.find import Case
from bridge.desk.desk import Desk, User

KIND: Final = "read"
SITTING_MS: Final = 30 * 60 * 1000  # what is opened again within half an hour is the same reading
MARKS_MAX: Final = 2_000  # newest kept; a case has far fewer lines


class Before(NamedTuple):
    """The last reading but this one: when (wall time, ms), and the marks of the lines that were seen until then."""

    at: int
    marks: frozenset[str]


def before(desk: Desk, user: User, case: Case) -> Before | None:
    """The last reading of a case by a user, an earlier sitting's; None where they never read it."""
    now = desk.wall()
    found = [one for one in desk.records.about(KIND, _key(user, case)) if one.at <= now - SITTING_MS]
    return Before(found[-1].at, frozenset(found[-1].body["marks"])) if found else None


def note(desk: Desk, user: User, case: Case, marks: Iterable[str]) -> None:
    """Keep that a user read a case; the same again within one sitting is kept once."""
    entries = desk.records.about(KIND, _key(user, case))
    known = list(entries[-1].body["marks"]) if entries else []
    seen = list(dict.fromkeys((*marks, *known)))[:MARKS_MAX]
    same_sitting = bool(entries) and entries[-1].at > desk.wall() - SITTING_MS
    if not (same_sitting and set(seen) == set(known)):
        desk.records.append(KIND, (_key(user, case),), user.account.user, {"marks": seen})


def _key(user: User, case: Case) -> str:
    subject = case.subject
    about = f"record:{subject.records[0].hex()}" if subject is not case.whole else f"household:{subject.household}"
    return f"{KIND}:{user.account.user}:{about}"
