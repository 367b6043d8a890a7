"""Which own households stand behind a level of the caseload, as far as a user may see.

Decides who is listed and in which order. A level is what our own records say, so a household is listed only where the
user may see those; the score, which is made of all agencies' information, only where that reaches, and where it does
not the place in the list says nothing of it. Wording is the template's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bridge.desk import words
from bridge.desk.access.gate import Reach, Subject, reaches
from bridge.desk.desk import Desk, User
from bridge.desk.names import Named
from bridge.desk.rungs import cut_household
from schemas.profile import level

LISTED_MAX: Final = 50
LOOKED_AT_MAX: Final = 1_000  # households that a page looks at in either order
BATCH: Final = 100


@dataclass(frozen=True)
class Listed:
    """One household as a user may see it; `score` and `factors` are empty where they do not reach."""

    household: str
    records: tuple[bytes, ...]
    score: str
    factors: tuple[str, ...]
    behind: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One household with the people of it that the user may name."""

    household: str
    reference: str
    people: tuple[Named, ...]
    unnamed: int
    score: str
    factors: tuple[str, ...]
    behind: tuple[str, ...]


async def find(desk: Desk, user: User, wanted: str) -> list[Listed]:
    """Own households of which a child is at a level, for this user.

    Args:
        desk: Desk.
        user: Who asks.
        wanted: A level of need.

    Returns:
        At most `LISTED_MAX`: those whose score the user may see, highest first, then the others in the order of ids.
    """
    found: list[Listed] = []
    for by_score in (True, False):
        order = await desk.inbox.household_ids(LOOKED_AT_MAX, by_score=by_score)
        async for one in _seen(desk, user, wanted, order):
            if len(found) == LISTED_MAX:
                return found
            if bool(one.score) == by_score:
                found.append(one)
    return found


async def _seen(desk: Desk, user: User, wanted: str, order: Sequence[str]) -> AsyncIterator[Listed]:
    for start in range(0, len(order), BATCH):
        rows = await desk.inbox.households(order[start : start + BATCH])
        own = {key: tuple(map(bytes.fromhex, row.get("records", ()))) for key, row in rows.items()}
        at = await _at_level(desk, own, wanted)
        may = await reaches(desk, user, [Subject(own[key], household=key) for key in at])
        for key, one in zip(at, may, strict=True):
            if one.names:
                yield _listed(key, own[key], rows[key], one, desk)


async def _at_level(desk: Desk, own: Mapping[str, Iterable[bytes]], wanted: str) -> list[str]:
    """Households with a child whose record is at a level now."""
    profiles = await desk.names.profiles([record for records in own.values() for record in records])
    now = desk.now()
    levels = {
        record: level([(one["kind"], one["started_at"], one["ended_at"]) for one in profile["statuses"]], now)
        for record, profile in profiles.items()
        if profile["to_18"]
    }
    return [key for key, records in own.items() if wanted in {levels.get(record) for record in records}]


def _listed(key: str, records: tuple[bytes, ...], row: Mapping[str, Any], may: Reach, desk: Desk) -> Listed:
    cut = cut_household(row, may, desk.config)
    score = words.percent(cut["score_ppm"]) if cut.get("score_ppm") is not None else ""
    families = dict.fromkeys(words.family(factor["family"]) for factor in cut.get("factors", ()))
    behind = words.lags(cut.get("behind", ()), desk.config.agency_name)
    return Listed(key, records, score, tuple(families)[:3], behind)


def line(one: Listed, names: Mapping[bytes, Named]) -> Line:
    """One household with the names that were read."""
    people = tuple(names[record] for record in one.records if record in names)
    return Line(
        one.household, one.household[:8], people, len(one.records) - len(people), one.score, one.factors, one.behind
    )  # fmt: skip
