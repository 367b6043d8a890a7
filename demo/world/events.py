"""Everything that happened, with the time each agency wrote it down.

Decides recording delays, late entries, withdrawals, and how episodes become outcome events and status spells. Does
not decide what happened (needs.py, stories.py) or in which tables it lands (agencies.py).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from demo.world.base import BACKFILL_DAYS, DAY_MS, END_MS, START_MS, T0_MS, TOTAL_DAYS, ms
from demo.world.kinds import BY_NAME, OUTCOME
from demo.world.needs import Background, Episode
from demo.world.people import Population
from demo.world.stories import Happening, Plan

DELAY_DAYS: Final = {"police": 0.4, "health": 0.15, "education": 0.8, "social_care": 0.7, "housing": 1.2}
"""Median days from an event to its row."""
DELAY_MAX_DAYS: Final = 6.0
LATE_SHARE: Final = 0.02  # of background events are written weeks later
LATE_DAYS: Final = (10.0, 35.0)
WITHDRAWN_SHARE: Final = 0.006  # of live background events: entered in error and deleted
UNBORN_PLANS: Final = 3  # unborn children on a plan: a contact of the mother is one of theirs
HELPED: Final = {"in_need": 0.35, "protection_plan": 0.55}
"""Share of closed spells that are stepped down to early help."""
HELP_DAYS: Final = (60.0, 240.0)
HELP_DELAY_DAYS: Final = 5.0  # at most, from the close to the row
LOOKED_AFTER: Final = 14  # children looked after at some time in the window, for presence notices


class WorldEvent(NamedTuple):
    """One event as it reaches the platform in the end. Times are ms since 1970-01-01 UTC."""

    number: int
    occurred_at: int
    recorded_at: int
    agency_kind: str
    kind: str
    person: int
    household: int
    factors: tuple[tuple[str, int], ...]
    contact: bool
    outcome: str
    removed_at: int | None


class WorldStatus(NamedTuple):
    """One spell of a legal status, with the time its start was written down; its end is written on its day."""

    person: int
    kind: str
    started_at: int
    ended_at: int | None
    recorded_at: int


class Chronicle(NamedTuple):
    """What happened in the world."""

    events: list[WorldEvent]
    statuses: list[WorldStatus]
    episodes: list[Episode]
    plan: Plan


def chronicle(
    population: Population,
    plan: Plan,
    background: Background,
    random: np.random.Generator,
    helped: np.random.Generator,
) -> Chronicle:
    """Puts stories, busy families and background together.

    Args:
        population: Everyone.
        plan: Stories and busy families.
        background: Already drawn.
        random: Stream for delays.
        helped: Stream for early help.

    Returns:
        Events in order of recording, up to the end of live and the tail.
    """
    happenings = background.happenings + plan.happenings
    for story in plan.stories:
        happenings += story.happenings
    happenings = [h for h in happenings if 0 <= h.day < TOTAL_DAYS]
    happenings.sort(key=lambda h: (h.day, h.household, h.person, h.kind))
    rows = [_event(happening, random) for happening in happenings]
    rows += [_outcome(episode) for episode in background.episodes]
    rows.sort(key=lambda row: (row[2], row[1], row[5], row[4]))
    events = [WorldEvent(number, *row[1:]) for number, row in enumerate(rows)]
    episodes = sorted(background.episodes, key=lambda e: (e.onset, e.person))
    statuses = _statuses(population, episodes, random) + _early_help(episodes, helped)
    return Chronicle(events, sorted(statuses, key=lambda s: (s.recorded_at, s.person)), episodes, plan)


def _event(happening: Happening, random: np.random.Generator) -> WorldEvent:
    kind = BY_NAME[happening.kind]
    delay = min(DELAY_DAYS[kind.agency] * float(random.lognormal(0, 0.6)), DELAY_MAX_DAYS)
    chance, withdrawn, later = random.random(), random.random(), random.uniform(*LATE_DAYS)
    if happening.planted or kind.name == "referral":
        delay = min(delay, 1.5)
    elif chance < LATE_SHARE:
        delay = later
    occurred, recorded = ms(happening.day), ms(happening.day + delay)
    removed = None
    live_background = not happening.planted and T0_MS <= recorded < END_MS - 60 * DAY_MS
    if live_background and kind.name != "referral" and withdrawn < WITHDRAWN_SHARE:
        removed = recorded + int(later) * DAY_MS
    return WorldEvent(
        0, occurred, recorded, kind.agency, kind.name, happening.person, happening.household,
        ((kind.family, kind.severity),), kind.contact, "", removed,
    )  # fmt: skip


def _outcome(episode: Episode) -> WorldEvent:
    return WorldEvent(
        0, ms(episode.onset), ms(episode.known), "social_care", OUTCOME, episode.person, episode.household, (), False,
        OUTCOME, None,
    )  # fmt: skip


def _statuses(population: Population, episodes: list[Episode], random: np.random.Generator) -> list[WorldStatus]:
    spells = [WorldStatus(e.person, e.status, ms(e.known), ms(e.closed), ms(e.known)) for e in episodes]
    had = {e.person for e in episodes}
    children = [p.id for p in population.people if p.role == "child" and 3 < p.age(0) and p.age(TOTAL_DAYS) < 18]
    free = [person for person in children if person not in had]
    for person in sorted(int(p) for p in random.permutation(free)[:LOOKED_AFTER]):
        began = random.uniform(-400, BACKFILL_DAYS - 30)
        ends = random.uniform(BACKFILL_DAYS + 60, BACKFILL_DAYS + 700)
        spells.append(WorldStatus(person, "looked_after", ms(began), ms(ends), max(ms(began), START_MS)))
    for person in population.unborn[:UNBORN_PLANS]:
        began = population.people[person].born_day - 70.0
        spells.append(WorldStatus(person, "protection_plan", ms(began), ms(began + 250), ms(began)))
    return spells


def _early_help(episodes: list[Episode], random: np.random.Generator) -> list[WorldStatus]:
    """Some children are stepped down when their episode closes."""
    spells = []
    for episode in episodes:
        chance, days, delay = random.random(), random.uniform(*HELP_DAYS), random.uniform(0, HELP_DELAY_DAYS)
        if chance < HELPED[episode.status]:
            began, ends = ms(episode.closed), ms(episode.closed + days)
            spells.append(WorldStatus(episode.person, "early_help", began, ends, ms(episode.closed + delay)))
    return spells
