"""What is true, as JSON: who each record is, which stories were planted, and which strings must never leave.

Decides how truth is told, nothing about the world. Only the demo and tests read it; the product never does.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from demo.world.agency import Maker
from demo.world.base import BACKFILL_DAYS, DAY_MS, END_MS, LIVE_DAYS, START_MS, T0_MS, ms
from demo.world.events import Chronicle, WorldEvent
from demo.world.kinds import BY_NAME, GRAVE, RULE_COUNTS, RULE_DAYS, adverse
from demo.world.people import Population
from demo.world.stories import Story

SILENT_AGENCY: Final = "schools"
SILENT_DAYS: Final = (147, 182)  # five weeks of the summer term, days since live began
SILENT_MS: Final = (T0_MS + SILENT_DAYS[0] * DAY_MS, T0_MS + SILENT_DAYS[1] * DAY_MS)
CANARY_MIN_CHARS: Final = 8  # shorter strings occur by chance


def rules(events: list[WorldEvent]) -> list[tuple[int, str, int]]:
    """When each agency's own rule was reached: so many of its adverse events in 180 days, or one grave one.

    Args:
        events: In any order.

    Returns:
        (household, agency kind, occurred_at ms), a household and agency at most once in 180 days, in order of time.
    """
    recent: dict[tuple[int, str], deque[int]] = defaultdict(deque)
    reached: dict[tuple[int, str], int] = {}
    found = []
    for event in sorted(events, key=lambda e: (e.occurred_at, e.number)):
        kind = BY_NAME.get(event.kind)
        if kind is None or not adverse(kind):
            continue
        key = (event.household, event.agency_kind)
        window = recent[key]
        window.append(event.occurred_at)
        while window[0] < event.occurred_at - RULE_DAYS * DAY_MS:
            window.popleft()
        rearmed = reached.get(key, 0) < event.occurred_at - RULE_DAYS * DAY_MS
        if (len(window) >= RULE_COUNTS[event.agency_kind] or kind.severity >= GRAVE) and rearmed:
            reached[key] = event.occurred_at
            found.append((event.household, event.agency_kind, event.occurred_at))
    return found


def truth(seed: int, population: Population, chronicle: Chronicle, makers: Mapping[str, Maker]) -> dict[str, Any]:
    """Everything that is true, JSON-serialisable.

    Args:
        seed: The world's.
        population: Everyone.
        chronicle: What happened.
        makers: The agencies, after `make`.

    Returns:
        The structure that /docs and tests/unit/demo/world/test_truth.py describe.
    """
    reached = rules(chronicle.events)
    by_household: dict[int, list[int]] = defaultdict(list)
    for household, _, at in reached:
        by_household[household].append(at)
    planted = [story for story in chronicle.plan.stories if _in_live(story)]
    people = population.people
    canaries, births = _identifiers(makers)
    return {
        "seed": seed,
        "families": len(population.households),
        "t0_ms": T0_MS,
        "start_ms": START_MS,
        "end_ms": END_MS,
        "children_at_t0": sum(p.role == "child" and 0 <= p.age(BACKFILL_DAYS) < 18 for p in people),
        "records": list(_records(makers, population)),
        "stories": [_story(story, chronicle, by_household) for story in planted],
        "planted": {
            kind: sum(story.kind == kind for story in planted) for kind in ("slow", "sudden", "recovery", "lookalike")
        },
        "outcomes": [
            {
                "person": e.person, "household": e.household, "onset_at": ms(e.onset), "known_at": ms(e.known),
                "closed_at": ms(e.closed), "status": e.status,
            }
            for e in chronicle.episodes
        ],
        "rules": [{"household": h, "agency_kind": kind, "at": at} for h, kind, at in reached],
        "busy": sorted(chronicle.plan.busy),
        "twins": [[p.id, p.twin] for p in people if p.twin > p.id],
        "step_children": [p.id for p in people if p.other_parent >= 0],
        "renamed": [p.id for p in people if p.new_surname],
        "restricted": [p.id for p in people if population.households[p.household].restricted],
        "unborn": [
            {"person": p, "mother": people[p].mother, "born_at": people[p].born_at} for p in population.unborn
        ],
        "wrong_links": [
            {
                "agency": w.agency, "table": makers[w.agency].table,
                "key": {makers[w.agency].key: makers[w.agency].keys[w.person]}, "person": w.person,
                "mistaken_for": w.mistaken_for, "at": makers[w.agency].enrolled_ms[w.person],
                "corrected_at": ms(w.corrected),
            }
            for w in chronicle.plan.wrong
        ],
        "corrections": [
            {"agency": agency, "household": event.household, "kind": event.kind, "at": at}
            for agency, maker in makers.items()
            for event, at in maker.corrections
        ],
        "silent": {"agency": SILENT_AGENCY, "from_ms": SILENT_MS[0], "until_ms": SILENT_MS[1]},
        "canaries": canaries,
        "birth_dates": births,
        "born": {person.id: person.born_on.isoformat() for person in population.people},
    }  # fmt: skip


def _in_live(story: Story) -> bool:
    return BACKFILL_DAYS <= story.end < BACKFILL_DAYS + LIVE_DAYS


def _records(makers: Mapping[str, Maker], population: Population) -> Iterator[dict[str, Any]]:
    for agency, maker in makers.items():
        for person, key in maker.keys.items():
            yield {
                "agency": agency,
                "table": maker.table,
                "key": {maker.key: key},
                "person": person,
                "household": population.people[person].household,
                "from_ms": max(maker.enrolled_ms[person], START_MS),
                "until_ms": None,
            }


def _story(story: Story, chronicle: Chronicle, reached: Mapping[int, list[int]]) -> dict[str, Any]:
    first = min(ms(h.day) for h in story.happenings)
    end = ms(story.end)
    return {
        "kind": story.kind,
        "household": story.household,
        "first_at": first,
        "end_at": end,
        "agencies": sorted({BY_NAME[h.kind].agency for h in story.happenings}),
        "events": len(story.happenings),
        "rule_at": min((at for at in reached.get(story.household, ()) if first <= at <= end), default=None),
        "planted": True,
        "not_held": story.not_held,
    }


def _identifiers(makers: Mapping[str, Maker]) -> tuple[list[str], list[str]]:
    """Identifying strings exactly as agencies hold them, and birth dates."""
    found: set[str] = set()
    births: set[str] = set()
    for maker in makers.values():
        found.update(maker.keys.values())
        for row in maker.book.rows():
            for text in _strings(row.values):
                found.add(text)
            births.update(
                value.isoformat()
                for column, value in row.values.items()
                if column in {"date_of_birth", "dob", "birth_date", "born"} and isinstance(value, date)
            )
    return sorted(text for text in found if len(text) >= CANARY_MIN_CHARS), sorted(births)


_GIVEN: Final = ("forename", "given_name", "first_name")
_SURNAME: Final = ("surname", "family_name", "last_name")
_WHOLE: Final = ("full_name", "addr", "line_1", "nhs_number", "nhs_no", "upn")
_NUMBER: Final = (("house", "street"), ("house_no", "street"), ("house_number", "street_name"))


def _strings(row: Mapping[str, Any]) -> Iterator[str]:
    given = next((row[c] for c in _GIVEN if row.get(c)), None)
    surname = next((row[c] for c in _SURNAME if row.get(c)), None)
    if given and surname:
        yield f"{given} {surname}"
    for column in _WHOLE:
        if row.get(column):
            yield str(row[column])
    for number, street in _NUMBER:
        if row.get(number) and row.get(street):
            yield f"{row[number]} {row[street]}"
