"""Planted stories: what we know must be found, and what must not be confused with it.

Decides which families have a story, its events and its end. All other events of the family are silenced while it
lasts (`quiet`), so that a story's load is exactly what is written here. Shapes follow RISK section 2.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from demo.world.base import BACKFILL_DAYS, LIVE_DAYS, TAIL_DAYS, TOTAL_DAYS
from demo.world.kinds import BY_NAME, LOW, RULE_COUNTS, Kind
from demo.world.mix import Mix
from demo.world.people import Person, Population
from schemas.event import AGENCY_KINDS

LIVE_FROM = 45  # days into live before the first planted story ends: the opening caseload is judged apart
WRONG_LINKS = 2
MISTAKEN = ("asb", "missing", "asb", "missing", "da_serious", "da_serious")  # written on another child's file
BUSY_PER_YEAR = 4.4  # events: over two years about as many as a planted story has
SIZES = range(3, 11)  # events in an accumulation, RISK section 2
QUIET_BEFORE = 185  # days without other events, so that no agency's own rule is near
SUDDEN_PAIRS = (
    ("da_serious", "injury_unexplained"), ("da_serious", "self_harm"), ("da_serious", "eviction_notice"),
    ("injury_unexplained", "self_harm"), ("da_serious", "da_serious"), ("injury_unexplained", "da_serious"),
)  # fmt: skip
AREAS = (("health", "education"), ("education",), ("health",), ("housing", "police"), ("health", "housing"))


@dataclass(slots=True)
class Happening:
    """One event before it is recorded: when (days since the start of backfill), to whom, what."""

    day: float
    household: int
    person: int
    kind: str
    planted: bool = False


@dataclass(slots=True)
class Story:
    """A planted story. `end` is the outcome's onset, the start of recovery, or a look-alike's last day."""

    kind: str
    household: int
    start: float
    end: float
    happenings: list[Happening]
    not_held: bool = False
    closed: float = 0.0  # a recovery's earlier episode: onset and close
    onset: float = 0.0


@dataclass(frozen=True, slots=True)
class WrongLink:
    """An agency's record of `person` that carries the details of `mistaken_for` until the day `corrected`."""

    agency: str
    person: int
    mistaken_for: int
    corrected: float


@dataclass(slots=True)
class Plan:
    """All stories, the busy families, and when other events of a family are silent."""

    stories: list[Story]
    busy: dict[int, tuple[str, ...]]
    happenings: list[Happening]
    quiet: list[tuple[int, float, float]] = field(default_factory=list)
    calm: set[int] = field(default_factory=set)
    wrong: list[WrongLink] = field(default_factory=list)


class _Planner:
    def __init__(self, population: Population, random: np.random.Generator, mix: Mix) -> None:
        self.population = population
        self.random = random
        self.mix = mix
        self.scale = len(population.households) / 2000
        self.plan = Plan([], {}, [])
        order = [int(h) for h in random.permutation(len(population.households))]
        plain = [h for h in order if not population.households[h].restricted]
        self.suited = [h for h in plain if self._suited(h)]
        self.all = plain

    def make(self) -> Plan:
        for kind, yearly in (("slow", self.mix.slow), ("sudden", self.mix.sudden), ("lookalike", self.mix.lookalike)):
            for end in self._ends(yearly):
                self._story(kind, end)
        for i in range(2 * self._count(self.mix.recoveries)):
            self._recovery(live=i % 2 == 0)
        self._unheld()
        self._busy()
        self._wrong_links()
        return self.plan

    def _count(self, number: float) -> int:
        return max(2, round(number * self.scale)) if number else 0

    def _ends(self, yearly: float) -> list[float]:
        """End days: the same density in backfill, live and tail, so that all is judged alike."""
        live, end = float(BACKFILL_DAYS), float(BACKFILL_DAYS + LIVE_DAYS)
        spans = (
            (150.0, live - 5, self._count(yearly * 1.6)),
            (live + LIVE_FROM, end - 5, self._count(yearly)),
            (end, end + TAIL_DAYS - 10, self._count(yearly * TAIL_DAYS / 365)),
        )
        return [float(day) for low, high, count in spans for day in np.sort(self.random.uniform(low, high, count))]

    def _suited(self, household: int) -> bool:
        """A tenant family with a child of school age all along: every agency can then know it."""
        return self.population.households[household].tenant and any(
            5 <= child.age(0) and child.age(TOTAL_DAYS) < 17.9 for child in self.population.children(household)
        )

    def _take(self) -> int:
        """The next family for a story; when tenants run out, any with a child who is young enough."""
        while self.suited:
            household = self.suited.pop()
            if household not in self.plan.calm:
                self.plan.calm.add(household)
                return household
        while True:
            household = self.all.pop()
            children = self.population.children(household)
            if household not in self.plan.calm and any(2 <= c.age(0) and c.age(TOTAL_DAYS) < 17.9 for c in children):
                self.plan.calm.add(household)
                return household

    def _story(self, kind: str, end: float) -> None:
        household = self._take()
        if kind == "sudden":
            story = self._sudden(household, end)
        else:
            start = end - self.random.uniform(120, self._longest(end))
            size = int(self.random.choice(SIZES, p=self.mix.sizes))
            pace = 0.6 if kind == "slow" else 1.0  # concerns thicken towards an outcome; a look-alike's do not
            story = Story(kind, household, start, end, self._low_events(household, (start, end - 2), size, pace))
        self.plan.stories.append(story)
        self.plan.quiet.append((household, story.start - QUIET_BEFORE, story.end))

    @staticmethod
    def _longest(end: float) -> float:
        """Days a slow story may last: one that ends in live has most of its events there, where alerts count."""
        return 240.0 if not _live(end) else max(121.0, min(240.0, end - BACKFILL_DAYS + 75))

    def _low_events(
        self,
        household: int,
        span: tuple[float, float],
        size: int,
        pace: float,
        agencies: tuple[str, ...] = AGENCY_KINDS,
    ) -> list[Happening]:
        """Low events of several agencies, none of which reaches its own rule within the span."""
        rules = {agency: RULE_COUNTS[agency] - 1 for agency in agencies if self._can(household, agency)}
        first = [str(a) for a in self.random.permutation(sorted(rules))[: min(size, 4)]]
        used = dict.fromkeys(rules, 0)
        found: list[Happening] = []
        moments = np.sort(self.random.random(size) ** pace)
        for i, moment in enumerate(moments):
            free = [agency for agency in rules if used[agency] < rules[agency]]
            if not free:
                break
            agency = first[i] if i < len(first) else free[self.random.integers(len(free))]
            if used[agency] >= rules[agency]:
                agency = free[self.random.integers(len(free))]
            day = span[0] + float(moment) * (span[1] - span[0])
            happening = self._one(household, day, LOW[agency])
            if happening:
                used[agency] += 1
                found.append(happening)
        return found

    def _can(self, household: int, agency: str) -> bool:
        return agency != "housing" or self.population.households[household].tenant

    def _one(self, household: int, day: float, kinds: tuple[Kind, ...]) -> Happening | None:
        children = [c for c in self.population.children(household) if 0 <= c.age(day) < 18]
        if not children:
            return None
        child = children[self.random.integers(len(children))]
        fit = [k for k in kinds if k.level == "adult" or child.age(day) >= k.min_age]
        if not fit:
            child = max(children, key=lambda c: c.age(day))
            fit = [k for k in kinds if k.level == "adult" or child.age(day) >= k.min_age]
        if not fit:
            return None
        kind = fit[self.random.integers(len(fit))]
        person = child if kind.level == "child" else self._adult(household)
        return Happening(day, household, person.id, kind.name, planted=True)

    def _adult(self, household: int) -> Person:
        return self.population.adults(household)[0]

    def _sudden(self, household: int, end: float) -> Story:
        start = end - self.random.uniform(5, 30)
        names = SUDDEN_PAIRS[self.random.integers(len(SUDDEN_PAIRS))][: 1 if self.random.random() < 0.25 else 2]
        happenings = []
        for i, name in enumerate(names):
            kind = BY_NAME[name]
            day = start + i * self.random.uniform(0.3, 3)
            happening = self._one(household, day, (kind,)) or self._one(household, day, (BY_NAME["da_serious"],))
            if happening:
                happenings.append(happening)
        return Story("sudden", household, start, end, happenings)

    def _recovery(self, *, live: bool) -> None:
        """High load with an episode that closed too early, more load, then protective events and calm."""
        household = self._take()
        low = BACKFILL_DAYS if live else 330
        end = low + self.random.uniform(8, 90 if live else 300)
        start = end - 330
        closed = min(end - self.random.uniform(20, 40), BACKFILL_DAYS - 12.0) if live else end - 30
        happenings: list[Happening] = []
        day = start
        while day < end - 2:
            agency = AGENCY_KINDS[self.random.integers(len(AGENCY_KINDS))]
            if self._can(household, agency):
                happening = self._one(household, day, LOW[agency])
                happenings += [happening] if happening else []
            day += self.random.uniform(5, 11) if day < closed else self.random.uniform(2, 5)
        for i in range(int(self.random.integers(6, 10))):
            happenings += self._good(household, end + 6 + i * self.random.uniform(8, 16))
        story = Story("recovery", household, start, end, happenings)
        story.onset, story.closed = start + self.random.uniform(60, 100), closed
        self.plan.stories.append(story)
        self.plan.quiet.append((household, start - QUIET_BEFORE, TOTAL_DAYS))

    def _good(self, household: int, day: float) -> list[Happening]:
        names = ["early_help", "attend_ok", "early_help", "hv_engaged"]
        if self.population.households[household].tenant:
            names.append("tenancy_ok")
        happening = self._one(household, day, (BY_NAME[names[self.random.integers(len(names))]],))
        return [happening] if happening else []

    def _unheld(self) -> None:
        """Two slow stories of the live phase without social care: the alerted team holds no record of the child."""
        live = [story for story in self.plan.stories if story.kind == "slow" and _live(story.end)]
        agencies = tuple(agency for agency in AGENCY_KINDS if agency != "social_care")
        for story in live[5:7] or live[:1]:
            story.not_held = True
            story.happenings = self._low_events(story.household, (story.start, story.end - 2), 9, 0.6, agencies)

    def _busy(self) -> None:
        """Families with much contact and no escalation: one or two agencies, or good news in between."""
        free = [h for h in self.all if h not in self.plan.calm][
            : round(self.mix.busy * len(self.population.households))
        ]
        for household in free:
            drawn = AREAS[self.random.integers(len(AREAS))]
            areas = tuple(agency for agency in drawn if self._can(household, agency)) or ("health",)
            self.plan.busy[household] = areas
            good = self.random.random() < 0.3
            count = self.random.poisson(BUSY_PER_YEAR * TOTAL_DAYS / 365)
            for day in np.sort(self.random.uniform(0, TOTAL_DAYS, count)):
                if not any(0 <= c.age(day) < 18 for c in self.population.children(household)):
                    continue
                kinds = LOW[areas[self.random.integers(len(areas))]]
                happening = self._one(household, float(day), kinds)
                self.plan.happenings += [happening] if happening else []
                if good and self.random.random() < 0.5:
                    self.plan.happenings += self._good(household, float(day) + self.random.uniform(3, 20))

    def _wrong_links(self) -> None:
        """Police write one youth's incidents on a file with another child's details; weeks later they correct it."""
        youths = [h for h, areas in self.plan.busy.items() if "police" not in areas and self._youth(h)]
        others = [h for h in self.all if h not in self.plan.calm and h not in self.plan.busy and self._youth(h)]
        begin = BACKFILL_DAYS + 60.0
        for mine, other in list(zip(youths, others, strict=False))[:WRONG_LINKS]:
            self.plan.calm.add(other)
            youth, mistaken = self._youth(mine), self._youth(other)
            assert youth and mistaken  # noqa: S101  (chosen for it)
            for i, name in enumerate(MISTAKEN):
                day = begin + 8 * i + self.random.uniform(0, 4)
                self.plan.happenings.append(Happening(day, mine, youth.id, name, planted=True))
            span = (begin, begin + 36)
            self.plan.happenings += self._low_events(other, span, 4, 1.0, ("health", "education", "housing"))
            corrected = begin + 8 * len(MISTAKEN) + self.random.uniform(12, 20)
            self.plan.wrong.append(WrongLink("police", youth.id, mistaken.id, corrected))
            self.plan.quiet.append((other, begin - QUIET_BEFORE, corrected + 60))

    def _youth(self, household: int) -> Person | None:
        youths = [c for c in self.population.children(household) if 11 < c.age(BACKFILL_DAYS) < 16 and c.twin < 0]
        return youths[0] if youths else None


def _live(day: float) -> bool:
    return BACKFILL_DAYS <= day < BACKFILL_DAYS + LIVE_DAYS


def plan(population: Population, random: np.random.Generator, mix: Mix) -> Plan:
    """Chooses families and writes their stories.

    Args:
        population: Everyone.
        random: The stream to draw from.
        mix: How many of each.

    Returns:
        Stories in order of kind and end, busy families, and the silences around stories.
    """
    return _Planner(population, random, mix).make()
