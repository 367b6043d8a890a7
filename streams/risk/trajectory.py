"""Where a score is heading: one line if nothing new arrives, one expected, and the band that holds 8 in 10.

Decides what is said of 4, 12 and 26 weeks ahead and how what came of it changes what is said next. The first line is
exact: the household's own contributions, decayed, with children's ages and weights as now. The expected one and the
band are learned: for each horizon and level now, how households at that level later scored, kept as counts by
log-odds. They begin at RISK section 7's decay to a base (half-life 60 days), learn the past at go-live and every
forecast that falls due. A score also moves because weights are published; that is part of what is learned. Does not
decide when a forecast is made or kept (foresight.py), and never draws a trend.

Levels are `Scored.level_ppm`: an open episode hides nothing, so what is learned is of all and not of those that
nobody opened a case for.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Final, NamedTuple

import msgspec

from streams.risk.crossing import line
from streams.risk.features import AGE_AT, DAY_MS, MICRO, Sums, vector
from streams.risk.features import sums as decayed
from streams.risk.household import Household
from streams.risk.model import PPM, Model, logit, ppm

WEEKS: Final = (4, 12, 26)
AHEAD_MS: Final = tuple(weeks * 7 * DAY_MS for weeks in WEEKS)
FLOOR_PPM: Final = 50_000  # below it nothing is said: RISK section 7 was measured from .05 up
LEVELS_PPM: Final = (100_000, 200_000, 500_000)  # four levels of now: 5 to 10 %, to 20 %, to 50 %, above
CELL: Final = MICRO // 10  # width of a cell, in millionths of log-odds
LOWEST: Final = -9 * MICRO  # the lowest cell begins here, at .01 %
CELLS: Final = 140  # up to log-odds of 5, 99 %
UNIT: Final = 1 << 16  # fixed point of counts

BASE_PPM: Final = 10_000  # what levels decay to, RISK section 7: the median household
HALF_LIFE_DAYS: Final = 60  # RISK section 7
PRIOR: Final = 20  # households that the decay of RISK section 7 counts for
PAST_MAX: Final = 200  # households that the past counts for, at most: the weights it is scored by were learned on it
MEMORY: Final = 300  # households after which an older one counts a third
PUBLISHED: Final = (MICRO, 9 * MICRO // 5, MICRO)
"""How far publications may yet move a score, by horizon, in millionths of log-odds; scores of the past are all by the
weights of go-live. Half the base of the triangle by which what is not learned live is spread out; chosen for coverage
in the first live year (`make bench-trajectory`): less leaves 12 weeks too narrow, more leaves 26 weeks too wide."""

BELOW_PPM: Final = 45_000  # share below the band: a level has a long way up and little to fall
ABOVE_PPM: Final = 160_000  # share above it, to begin with
ABOVE_LEAST_PPM, ABOVE_MOST_PPM = 30_000, 350_000
MISSED_PPM: Final = 200_000  # wished for outside
STEP_PPM: Final = 3_000  # of the adaptive conformal correction, a forecast resolved (Gibbs and Candès 2021)


class Line(NamedTuple):
    """What is said of one horizon, in ppm."""

    quiet: int
    expected: int
    low: int
    high: int


class Spread(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How households at one level scored one horizon later: counts by cell, in 1 / `UNIT`."""

    counts: tuple[int, ...]


def level_of(ppm_now: int) -> int:
    """Which of the four levels a score is at."""
    return sum(ppm_now >= edge for edge in LEVELS_PPM)


@cache
def begin(horizon: int, level: int) -> Spread:
    """The spread before anything was seen: the decay of RISK section 7, widely spread."""
    middle = (70_000, 140_000, 300_000, 700_000)[level]
    share = 0.5 ** (WEEKS[horizon] * 7 / HALF_LIFE_DAYS)
    return add(Spread((0,) * CELLS), horizon, round(BASE_PPM + (middle - BASE_PPM) * share), PRIOR)


def add(spread: Spread, horizon: int, then_ppm: int, times: int = 1) -> Spread:
    """A spread with a level of the past: spread out by what publications may yet change."""
    counts = list(spread.counts)
    middle = _cell(then_ppm)
    for offset, weight in _triangle(PUBLISHED[horizon]):
        counts[min(CELLS - 1, max(0, middle + offset))] += weight * times
    return Spread(tuple(counts))


def learn(spread: Spread, then_ppm: int) -> Spread:
    """A spread with what came of one forecast; what is older counts a little less."""
    counts = list(spread.counts)
    if sum(counts) >= MEMORY * UNIT:
        counts = [count - count // MEMORY for count in counts]
    counts[_cell(then_ppm)] += UNIT
    return Spread(tuple(counts))


def settle(spread: Spread) -> Spread:
    """A spread in which the past counts for `PAST_MAX` households at most."""
    total = sum(spread.counts)
    most = PAST_MAX * UNIT
    return spread if total <= most else Spread(tuple(count * most // total for count in spread.counts))


def quantile(spread: Spread, share_ppm: int) -> int:
    """Log-odds that this share of a spread lies below, in millionths."""
    target = sum(spread.counts) * share_ppm // PPM
    before = 0
    for place, count in enumerate(spread.counts):
        if count and before + count >= target:
            return LOWEST + CELL * place + CELL * (target - before) // count
        before += count
    return LOWEST + CELL * CELLS


def project(spread: Spread, above_ppm: int, quiet_ppm: int) -> Line:
    """What is said of one horizon.

    The expected line lies half way, in log-odds, between the median of households at this level and the line of
    this one if nothing new arrives: the median knows what usually arrives, the line how old this household's
    reasons are. Either alone errs more in one horizon or another.

    Args:
        spread: Of the horizon and the level now.
        above_ppm: Share left above the band.
        quiet_ppm: The line if nothing new arrives.
    """
    low, median, high = _marks(spread, above_ppm)
    middle = (median + line(quiet_ppm)) // 2
    return Line(quiet_ppm, ppm(min(high, max(low, middle))), ppm(low), ppm(high))


@lru_cache(maxsize=64)  # a spread changes only when a forecast falls due; twelve are in use
def _marks(spread: Spread, above_ppm: int) -> tuple[int, int, int]:
    """Lower end, median and upper end, in millionths of log-odds."""
    return quantile(spread, BELOW_PPM), quantile(spread, PPM // 2), quantile(spread, PPM - above_ppm)


def corrected(above_ppm: int, *, inside: bool) -> int:
    """The share left above the band after a forecast was inside, or was not: adaptive conformal correction."""
    change = STEP_PPM * (MISSED_PPM - (0 if inside else PPM)) // PPM
    return min(ABOVE_MOST_PPM, max(ABOVE_LEAST_PPM, above_ppm + change))


def quiet(model: Model, household: Household, at: int) -> dict[int, int]:
    """What each child of a household scores at a moment if nothing new arrives until then, by age feature.

    Args:
        model: Published weights.
        household: As known now; ages stay what they are now.
        at: The moment (ms), now or later.

    Returns:
        Age feature (-1 where it is not known) -> ppm; empty where there is no child. The highest is the household's.
    """
    return by_age(model, household, decayed(household.contributions, at))


def by_age(model: Model, household: Household, of: Sums) -> dict[int, int]:
    """The same from the household's sums at the moment."""
    base = logit(model, vector(of, len(household.children)))
    ages = sorted({child.age for child in household.children})
    return {age: ppm(base + (model.weights[AGE_AT + age] if age >= 0 else 0)) for age in ages}


def _cell(level_ppm: int) -> int:
    return min(CELLS - 1, max(0, (line(level_ppm) - LOWEST) // CELL))


@cache
def _triangle(half: int) -> tuple[tuple[int, int], ...]:
    """Offsets in cells and weights that sum to `UNIT`."""
    reach = half // CELL
    heights = {offset: reach + 1 - abs(offset) for offset in range(-reach, reach + 1)}
    weights = {offset: UNIT * height // sum(heights.values()) for offset, height in heights.items()}
    weights[0] += UNIT - sum(weights.values())
    return tuple(weights.items())
