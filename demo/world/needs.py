"""Latent need of each family and the background events and referrals that come of it.

Decides what happens outside planted stories: four states of need by day, events at the rates of kinds.py in each,
referrals, and which of them go on to need or plan. Stories and busy families are in stories.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from demo.world.base import TOTAL_DAYS
from demo.world.interplay import Interplay
from demo.world.kinds import BY_NAME, KINDS, OFFICE_AGENCIES, SCHOOL_DAY, Kind
from demo.world.mix import Mix
from demo.world.people import TENANT_SHARE, YEAR, Population
from demo.world.stories import Happening, Plan

Floats = npt.NDArray[np.float64]
UP = (0.10, 1.5, 0.0, 0.5)  # transitions a year from each state to a worse one; the first times the mix's need
DOWN = (0.0, 2.0, 2.2, 2.0)
PLAN_SHARE = (0.10, 0.15, 0.25, 0.15)  # of referrals that go on to need or plan, to a protection plan
TRIGGER_DAYS = 3.0  # a graver event leads to a referral within so many
SIBLING_SHARE = 0.5  # of siblings are referred with a child
SUMMER = (198, 238)  # days of the year, counted from 7 January, without school
TERM_FACTOR = 1.6  # a year's events of a school happen on about 190 of its days, and some are bunched
PARTNER_SHARE = 0.25  # of adults' events concern the partner
RECORDED_MORE = {"police": 1.5, "health": 0.7, "education": 1.1, "social_care": 1.0, "housing": 1.2}
"""Group B is recorded more or less often for the same need; nobody should mistake that for risk."""


@dataclass(slots=True)
class Episode:
    """A referral that went on to need or plan. Days since the start of backfill."""

    person: int
    household: int
    onset: float
    known: float
    closed: float
    status: str


class Background:
    """Draws background events, referrals and episodes."""

    def __init__(self, population: Population, plan: Plan, random: np.random.Generator, mix: Mix) -> None:
        self.population, self.plan, self.random, self.mix = population, plan, random, mix
        count = len(population.households)
        self.frail = random.gamma(0.7, 1 / 0.7, count)
        self.quiet = np.zeros((TOTAL_DAYS, count), bool)
        for household, start, end in plan.quiet:
            self.quiet[max(0, int(start)) : max(0, int(end) + 1), household] = True
        self.still = np.zeros(count, bool)
        self.still[sorted(plan.calm | set(plan.busy))] = True
        self.states = self._states()
        self.happenings: list[Happening] = []
        self.episodes: list[Episode] = []
        self._open = np.full(len(population.people), -1.0)

    def draw(self) -> None:
        """Fills `happenings` and `episodes`."""
        self._events()
        for story in self.plan.stories:
            if story.kind in {"slow", "sudden"}:
                self._story_outcome(story.household, story.end)
            if story.kind == "recovery":
                self._story_outcome(story.household, story.onset, story.closed)
        self._referrals()
        if any(self.mix.triggered):
            self._triggered()

    def _states(self) -> npt.NDArray[np.int8]:
        count = len(self.frail)
        path = np.zeros((TOTAL_DAYS, count), np.int8)
        share = np.array([0.0, 0.036, 0.019, 0.014]) * self.mix.need
        share[0] = 1 - share.sum()
        state = np.asarray(self.random.choice(4, count, p=share), np.int8)
        rate_up, rate_down = np.array([UP[0] * self.mix.need, *UP[1:]]) / YEAR, np.array(DOWN) / YEAR
        for day in range(TOTAL_DAYS):
            state[self.still] = 0
            up = rate_up[state] * np.where(state == 0, self.frail, 1.0)
            chance = self.random.random(count)
            rises, falls = chance < up, chance > 1 - rate_down[state]
            following = state.copy()
            following[rises & ((state == 0) | (state == 3))] = 1
            following[rises & (state == 1)] = 2
            following[falls & ((state == 1) | (state == 3))] = 0
            following[falls & (state == 2)] = 3
            state = following
            path[day] = state
        return path

    def _events(self) -> None:
        """Thinning: as many candidates as the highest rate would give, each kept by its own rate."""
        population = self.population
        children = [p for p in population.people if p.role == "child"]
        home = np.array([p.household for p in children])
        born = np.array([p.born_day for p in children])
        adults = [population.adults(h.id) for h in population.households]
        share = self._shares()
        for kind in KINDS:
            if not any(kind.rates):
                continue
            per_day = np.array(kind.rates) / YEAR
            factor = share * self._recording(kind)
            bound = float(per_day.max() * factor.max()) * (TERM_FACTOR if kind.name in SCHOOL_DAY else 1.0)
            subjects = len(adults) if kind.level == "adult" else len(children)
            count = self.random.poisson(bound * subjects * TOTAL_DAYS)
            day = self.random.integers(0, TOTAL_DAYS, count)
            subject = self.random.integers(0, subjects, count)
            who = subject if kind.level == "adult" else home[subject]
            rate = per_day[self.states[day, who]] * factor[who] * ~self.quiet[day, who]
            if kind.name in SCHOOL_DAY:
                rate = rate * _term(day)
            if kind.level == "child":
                age = (day - born[subject]) / YEAR
                rate = rate * ((age >= kind.min_age) & (age < 18))
            kept = np.nonzero(self.random.random(count) * bound < rate)[0]
            hours = self.random.random(len(kept))
            if kind.agency in OFFICE_AGENCIES:
                hours = 0.35 + 0.35 * hours  # working hours
            for place, hour in zip(kept, hours, strict=True):
                household = int(who[place])
                if kind.level == "child":
                    person = children[subject[place]]
                else:
                    person = adults[household][-1 if self.random.random() < PARTNER_SHARE else 0]
                self.happenings.append(Happening(float(day[place] + hour), household, person.id, kind.name))

    def _shares(self) -> Floats:
        """How much of a kind's rate each family bears; none for busy ones, whose events are all planned."""
        share = np.clip(self.frail, 0.15, 6) ** 0.35
        share[sorted(self.plan.busy)] = 0.0
        return np.asarray(share)

    def _recording(self, kind: Kind) -> Floats:
        households = self.population.households
        more = RECORDED_MORE[kind.agency]
        factor = np.array([more if household.group == "B" else 1.0 for household in households])
        if kind.agency == "housing":  # the same rate over all families, borne by tenants
            factor = factor * np.array([household.tenant for household in households]) / TENANT_SHARE
        return factor

    def _referrals(self) -> None:
        children = [p for p in self.population.people if p.role == "child"]
        interplay = Interplay(self.happenings, len(self.frail)) if self.mix.interacting else None
        for child in children:
            low, high = max(0, child.born_day + 1), min(TOTAL_DAYS, child.born_day + int(18 * YEAR))
            if high <= low:
                continue
            states = self.states[low:high, child.household]
            hazard = (
                np.array(self.mix.referral)[states] * max(0.3, min(3.0, self.frail[child.household])) ** 0.3 / YEAR
            )
            hazard *= ~self.quiet[low:high, child.household]
            if child.household in self.plan.calm:
                hazard *= 0.0  # a story's family has its story's outcome and no other
            if interplay is not None:
                age = (np.arange(low, high) - child.born_day) / YEAR
                hazard *= interplay.factor(child.household, range(low, high), age)
            for offset in np.nonzero(self.random.random(high - low) < hazard)[0]:
                day = low + int(offset) + self.random.uniform(0.38, 0.7)
                self._refer(child.id, day, int(states[offset]))
                for sibling in self.population.children(child.household):
                    if sibling.id != child.id and 0 <= sibling.age(day) < 18 and self.random.random() < SIBLING_SHARE:
                        self._refer(sibling.id, day + 0.01, int(states[offset]))

    def _triggered(self) -> None:
        """Referrals that graver events lead to."""
        for happening in [h for h in self.happenings if BY_NAME[h.kind].severity >= 2]:
            state = int(self.states[int(happening.day), happening.household])
            if self.random.random() >= self.mix.triggered[state] or happening.kind == "referral":
                continue
            day = happening.day + self.random.uniform(0.05, TRIGGER_DAYS)
            children = [c for c in self.population.children(happening.household) if 0 <= c.age(day) < 18]
            if children:
                self._refer(children[self.random.integers(len(children))].id, day, state)

    def _refer(self, person: int, day: float, state: int, closed: float = 0.0, *, surely: bool = False) -> None:
        if self._open[person] > day or day >= TOTAL_DAYS:
            return
        household = self.population.people[person].household
        self.happenings.append(Happening(day, household, person, "referral"))
        chance = 0.0 if household in self.plan.busy else self.mix.goes_on[state]
        if not surely and self.random.random() >= chance:
            return
        known = day + self.random.uniform(10, 65)  # assessment: at most 45 working days
        end = closed or known + self.random.lognormal(np.log(150), 0.8)
        status = "protection_plan" if self.random.random() < PLAN_SHARE[state] else "in_need"
        self.episodes.append(Episode(person, household, day, known, end, status))
        self._open[person] = end

    def _story_outcome(self, household: int, day: float, closed: float = 0.0) -> None:
        """An episode of one child and some siblings; of all of them where it closes before a recovery."""
        children = [c for c in self.population.children(household) if 0.2 <= c.age(day) < 17.9]
        first = self.random.integers(len(children))
        for i, child in enumerate(children):
            if closed or i == first or self.random.random() < SIBLING_SHARE:
                self._refer(child.id, day + 0.01 * abs(i - int(first)), 1, closed, surely=True)


def _term(day: npt.NDArray[np.int64]) -> Floats:
    """Factor of school kinds: none at weekends (day 0 was a Saturday) and in the summer holidays."""
    year_day = day % 365
    off = ((year_day >= SUMMER[0]) & (year_day <= SUMMER[1])) | ((day + 5) % 7 >= 5)
    return np.where(off, 0.0, TERM_FACTOR)
