"""How many to expect over the next weeks, from weekly counts: a mixture that learns from its own past errors.

Decides the forecast, its 80 % band and what is learned from what came. Four plain methods are mixed: the last period,
the same season last year, the mean of a year and the last weeks. The mean of a year is trusted most, the more so the
further ahead, for that is hardest to beat; each week the method that was further off loses a little of its share. The
band is as wide as errors have been, wider where the mean rests on few weeks, and there is none where it rests on too
few to say. Knows no team and no calendar. Integers throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Final

import msgspec

AHEAD: Final = (4, 12, 26)  # weeks
YEAR: Final = 52  # weeks
MILLI: Final = 1_000
SHARE: Final = 1 << 20  # fixed point of weights and of the share that is known
HALF_LIFE: Final = 13  # weeks, of what counts as the last ones
KNOWN_DAYS: Final = (10, 65)  # an episode becomes known so long after its onset: 45 working days, RISK section 2
SETTLED: Final = 10  # weeks after which all episodes of a week are known
LEAST_WEEKS: Final = 4  # of known counts, before anything is said
BAND_WEEKS: Final = 8  # and, or half the horizon, before a band is
Z_MILLI: Final = 1_282  # of an 80 % band
TRUST_MILLI: Final = ((100, 20, 600, 280), (10, 10, 580, 400), (10, 10, 900, 80))
"""Shares of last period, same season, mean of a year and last weeks before anything is learned, by horizon."""
RATE: Final = 29_000  # micro-bits that a method loses for being wrong by the square root of the count
KEEP_MILLI: Final = 993  # of what was lost, a week later: half in two years
VARIANCE_MILLI: Final = (2_000, 3_500, 3_500)
"""Variance over mean before anything is learned, by horizon: families come together (1.6, RISK section 7) and levels
drift."""
ERRORS_KEEP_MILLI: Final = 900  # of the errors that the variance is learned from, a week later
LEAST_MILLI, MOST_MILLI = 1_000, 20_000

Forecast = tuple[int, int, int]
"""Expected, low and high count over one horizon, in thousandths; `UNSAID` for what is not said."""
UNSAID: Final = -1


class Learned(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one horizon has learned.

    Attributes:
        lost: What each method has lost, micro-bits.
        errors_milli: Squared errors over what the mean alone would give, weighted and summed.
        weight_milli: Their weights: a week counts for its part of the horizon, since neighbours share most of it.
    """

    lost: tuple[int, ...]
    errors_milli: int
    weight_milli: int

    @property
    def variance_milli(self) -> int:
        """Variance over mean."""
        return min(MOST_MILLI, max(LEAST_MILLI, MILLI * self.errors_milli // self.weight_milli))


NOTHING: Final = tuple(Learned((0,) * 4, variance, MILLI) for variance in VARIANCE_MILLI)
"""By horizon, before anything is learned."""


def known_share(age: int, lag: int) -> int:
    """Share of a week's count that is known `age` weeks after it ended, in 1 / `SHARE`.

    Args:
        age: Weeks.
        lag: Weeks until all is known; 0 where it is at once.

    Example:
        >>> [known_share(age, SETTLED) * 100 // SHARE for age in (0, 1, 5, 10)], known_share(0, 0) == SHARE
        ([0, 0, 51, 100], True)
    """
    first, last = KNOWN_DAYS
    days = 7 * age + 3  # from the middle of the week
    return SHARE * min(last - first, max(0, days - first)) // (last - first) if lag else SHARE


def lately(counts: Sequence[int], lag: int) -> int:
    """Count a week of the last weeks, in thousandths: older ones count less, new ones for what is known of them."""
    seen = exposed = 0
    for age, count in enumerate(reversed(counts)):
        weight, share = round(SHARE * 0.5 ** (age / HALF_LIFE)), known_share(age, lag)
        if share:
            seen += weight * count
            exposed += weight * share // SHARE
    return MILLI * seen // exposed if exposed else 0


def forecast(counts: Sequence[int], lag: int, learned: Sequence[Learned]) -> tuple[Forecast, ...]:
    """What to expect over each horizon.

    Args:
        counts: By week, as known now, the last one that has ended last.
        lag: Weeks until all of a week is known, 0 or `SETTLED`.
        learned: By horizon.
    """
    seen = min(YEAR, len(counts) - lag)
    if seen < LEAST_WEEKS:
        return ((UNSAID,) * 3,) * len(AHEAD)
    recent = lately(counts, lag)
    made: list[Forecast] = []
    for place, weeks in enumerate(AHEAD):
        expected = _mixed(_methods(counts, lag, weeks, recent), place, learned[place])
        if seen < max(BAND_WEEKS, weeks // 2):
            made.append((expected, UNSAID, UNSAID))
            continue
        variance = learned[place].variance_milli * _spread(expected, seen, weeks) // MILLI
        room = Z_MILLI * isqrt(variance * MILLI) // MILLI
        made.append((expected, max(0, expected - room), expected + room))
    return tuple(made)


def learn(counts: Sequence[int], lag: int, learned: Sequence[Learned]) -> tuple[Learned, ...]:
    """What the newest week brings, by horizon: of one forecast it has become known what came.

    The forecast is made anew from the weeks that were settled then, so nothing that was said need be kept, and the
    years before going live teach as the weeks after it do.

    Args:
        counts: As for `forecast`; the newest settled week is the last of what came.
        lag: Likewise.
        learned: What was learned before.
    """
    return tuple(
        _learn(counts, lag, place, known) if len(counts) - 2 * lag - AHEAD[place] >= LEAST_WEEKS else known
        for place, known in enumerate(learned)
    )


def _learn(counts: Sequence[int], lag: int, place: int, known: Learned) -> Learned:
    weeks = AHEAD[place]
    then = len(counts) - lag - weeks
    came, before = MILLI * sum(counts[then : then + weeks]), counts[:then]
    methods = _methods(before, lag, weeks, lately(before[: then - lag], 0))
    unit = isqrt(max(MILLI, methods[2]) * MILLI)
    lost = [
        was * KEEP_MILLI // MILLI + RATE * abs(method - came) // unit
        for was, method in zip(known.lost, methods, strict=True)
    ]  # fmt: skip
    seen, errors, weight = min(YEAR, then - lag), known.errors_milli, known.weight_milli
    if seen >= max(BAND_WEEKS, weeks // 2):
        expected = _mixed(methods, place, known)
        squared = (expected - came) ** 2 // _spread(expected, seen, weeks)
        gone = MILLI - ERRORS_KEEP_MILLI  # what is forgotten is replaced by what was believed before
        errors = (errors * ERRORS_KEEP_MILLI + VARIANCE_MILLI[place] * gone) // MILLI + squared // weeks
        weight = (weight * ERRORS_KEEP_MILLI + MILLI * gone) // MILLI + MILLI // weeks
    return Learned(tuple(lost), errors, weight)


def _methods(counts: Sequence[int], lag: int, weeks: int, recent: int) -> tuple[int, int, int, int]:
    """Last period, same season, mean of a year and last weeks, in thousandths; the mean where there is no past."""
    settled = counts[: len(counts) - lag]
    year = settled[-YEAR:]
    mean = MILLI * weeks * sum(year) // len(year)
    last = MILLI * sum(settled[-weeks:]) if len(settled) >= weeks else mean
    start = len(counts) - YEAR
    season = MILLI * sum(counts[start : start + weeks]) if start >= 0 else mean
    return last, season, mean, weeks * recent


def _mixed(methods: Sequence[int], place: int, learned: Learned) -> int:
    least = min(learned.lost)
    weights: list[int] = [
        trust * round(SHARE * 2.0 ** ((least - lost) / 1e6))
        for trust, lost in zip(TRUST_MILLI[place], learned.lost, strict=True)
    ]  # fmt: skip
    return sum(weight * method for weight, method in zip(weights, methods, strict=True)) // sum(weights)


def _spread(expected: int, seen: int, weeks: int) -> int:
    """Variance of the error with one over mean 1, in thousandths: of the count, and of a mean of so many weeks."""
    return max(MILLI, expected) * (seen + weeks) // seen
