"""Labels of every outcome over a synthetic world: against the world's own rows, one condition after another."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from typing import Any

import pytest

from benchmarks.watching import Run, WorldFacts
from demo.partnership import ALSO
from demo.world import END_MS, World
from demo.world.base import START_MS
from streams.risk.examples import Example, labels
from streams.risk.features import DAY_MS, WIDTH
from streams.risk.household import Household, read
from streams.risk.outcomes import OUTCOMES

FAMILIES = 600
MOMENTS = range(START_MS + 120 * DAY_MS, END_MS, 37 * DAY_MS)
HORIZON_MS = 180 * DAY_MS
ASSESSED_MS, LED_TO_MS, YEAR_MS, AFTER_MS = 65 * DAY_MS, 120 * DAY_MS, 365 * DAY_MS, 30 * DAY_MS
NEED = {"in_need", "protection_plan"}


class Truth:
    """What the world wrote by its end, by person."""

    def __init__(self, world: World) -> None:
        self.referred: dict[int, list[int]] = defaultdict(list)
        self.outcome: dict[int, list[int]] = defaultdict(list)
        self.spells: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
        self.family: dict[int, list[int]] = defaultdict(list)
        for one in kept(world):
            if one.kind == "referral" or one.outcome:
                self.referred[one.person].append(one.occurred_at)
                self.family[world.people[one.person].household].append(one.occurred_at)
            if one.outcome:
                self.outcome[one.person].append(one.occurred_at)
        for status in world.statuses():
            end = status.ended_at if status.ended_at is not None and status.ended_at < END_MS else END_MS * 9
            if status.recorded_at < END_MS:
                self.spells[status.person].append((status.kind, status.started_at, end))

    def lasts(self, person: int, kinds: set[str], at: int) -> bool:
        return any(kind in kinds and start <= at < end for kind, start, end in self.spells[person])

    def closed(self, person: int, onset: int) -> int:
        ends = [end for kind, start, end in self.spells[person]
                if kind != "early_help" and end > onset and start <= onset + LED_TO_MS]  # fmt: skip
        return min(ends, default=onset + LED_TO_MS)

    def own_open(self, person: int, at: int) -> bool:
        return (
            self.lasts(person, NEED | {"looked_after"}, at)
            or any(onset <= at < self.closed(person, onset) for onset in self.outcome[person])
            or any(one <= at < one + ASSESSED_MS for one in self.referred[person])
        )

    def assessed(self, household: int, at: int) -> bool:
        return any(one <= at < one + ASSESSED_MS for one in self.family[household])

    def closings(self, person: int) -> list[int]:
        ends = [end for kind, _, end in self.spells[person] if kind != "early_help"]
        ends += [self.closed(person, onset) for onset in self.outcome[person]]
        ends += [one + ASSESSED_MS for one in self.referred[person]]
        return [end for end in ends if not self.own_open(person, end)]

    def plan_began(self, person: int, start: int) -> int:
        return min([one for one in self.outcome[person] if start - LED_TO_MS <= one <= start], default=start)

    def subject(self, outcome: str, person: int, household: int, at: int) -> bool:
        open_ = self.own_open(person, at) or self.assessed(household, at)
        if outcome == "need_or_plan":
            return not open_
        if outcome == "protection_plan":
            plans = [(self.plan_began(person, start), end)
                     for kind, start, end in self.spells[person] if kind == outcome]  # fmt: skip
            return not self.assessed(household, at) and not any(start <= at < end for start, end in plans)
        if outcome == "re_referral":
            return not open_ and any(end <= at < end + YEAR_MS for end in self.closings(person))
        return self.lasts(person, NEED, at) and not self.lasts(person, {"early_help"}, at)

    def begins(self, outcome: str, person: int, after: int, until: int) -> bool:
        if outcome == "need_or_plan":
            times = self.outcome[person]
        elif outcome == "protection_plan":
            times = [self.plan_began(person, start) for kind, start, _ in self.spells[person] if kind == outcome]
        elif outcome == "re_referral":
            times = [one for one in self.referred[person] if not self.own_open(person, one - 1)
                     and any(end <= one < end + YEAR_MS for end in self.closings(person))]  # fmt: skip
        else:
            times = [start for kind, start, _ in self.spells[person] if kind == outcome
                     and any(k in NEED and s < start <= e + AFTER_MS for k, s, e in self.spells[person])]  # fmt: skip
        return any(after < one <= until for one in times)


def kept(world: World) -> list[Any]:
    return [
        one
        for one in world.events()
        if one.recorded_at < END_MS and (one.removed_at is None or one.removed_at >= END_MS)
    ]


@cache
def town() -> tuple[World, WorldFacts, Truth]:
    world = World(3, FAMILIES)
    facts = WorldFacts(world)
    facts.now = END_MS
    for one in kept(world):
        facts.put(one)
    for s in world.statuses():
        if s.recorded_at < END_MS:
            end = s.ended_at if s.ended_at is not None and s.ended_at < END_MS else None
            facts.spell(s.person, s.kind, s.started_at, end)
    return world, facts, Truth(world)


@cache
def households() -> list[Household]:
    _, facts, _ = town()
    return [read(facts, key) for key in sorted(facts.households())]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_labels_are_what_the_world_wrote(outcome: str) -> None:
    world, facts, truth = town()
    found: Counter[tuple[bool, bool]] = Counter()
    for household in households():
        for at in MOMENTS:
            example = Example(at, tuple((c.person, c.age) for c in household.children), 1, False, False, (0,) * WIDTH)
            said = {example.children[one.place][0]: one for one in labels(outcome, example, household, HORIZON_MS)}
            for child in household.children:
                person = facts.owner(child.person)
                home = world.people[person].household
                subject = truth.subject(outcome, person, home, at)
                assert (child.person in said) == subject, (outcome, person, at)
                if subject:
                    begins = truth.begins(outcome, person, at, at + HORIZON_MS)
                    assert said[child.person].positive == begins, (outcome, person, at)
                    assert said[child.person].group == world.population.households[home].group
                found[subject, subject and said[child.person].positive] += 1
    assert min(found[True, True], found[True, False], found[False, False]) > 10, found


def test_asking_for_more_outcomes_changes_no_alert_and_nothing_that_alerts_rest_on() -> None:
    world = World(5, 150)
    runs = [Run(world, rules) for rules in ({}, {"also": ALSO})]
    for run in runs:
        run.backfill()
        run.live()
    alone, beside = runs
    assert alone.notices == beside.notices
    assert len(alone.notices) > 5
    key = alone.watch.scholars[0].key
    for table in ("examples", "calibration", "learner", "model", "study", "figures"):
        rows = [{row: value for row, value in run.tables[table].items() if row[:4] == key} for run in runs]
        assert rows[0] == rows[1], table
        assert rows[0], table
        assert len(beside.tables[table]) > len(rows[1]), table
