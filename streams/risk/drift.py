"""Whether scores and what they are made of still look as they did in the first weeks after going live.

Decides what is counted at ticks, where every household comes round once in `TICK_MS`, and how far a window is from
the reference. Needs no labels: it moves months before figures that wait for them (RISK section 9). It leads to
nothing by itself: people look at it.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from math import exp, log
from typing import Any, Final

import msgspec

from schemas.event import AGENCY_KINDS
from streams.risk.examples import TICK_MS
from streams.risk.features import AGENCIES, NAMES, Vector
from streams.risk.model import PPM

BINS: Final = 48  # of a fifth of log-odds each; the first and last take the rest
LOWEST: Final = -32  # upper end of the first, in fifths
PER_CELL: Final = 4  # bins together in the index, or chance alone would look like drift
MICRO: Final = 1_000_000
ONLY: Final = b"now"
AGENCY_AT: Final = NAMES.index(f"agency_{AGENCY_KINDS[0]}")  # in the features


class Window(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Households at ticks of one `TICK_MS`.

    Attributes:
        scores: How many scored in each bin.
        means: Sums of each agency kind's feature, in millionths: by `n` the means.
    """

    scores: tuple[int, ...] = (0,) * BINS
    means: tuple[int, ...] = (0,) * AGENCIES

    @property
    def n(self) -> int:
        """Households."""
        return sum(self.scores)


class Drift(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is kept.

    Attributes:
        since: When the window in hand began (ms); 0 before the first tick.
        reference: The first whole window after going live; None until it is over.
        last: The last whole one.
        now: The one in hand.
    """

    since: int = 0
    reference: Window | None = None
    last: Window | None = None
    now: Window = Window()


class Drifted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The last whole window beside the reference.

    Attributes:
        n: Households in it.
        psi: Population stability index of scores, in millionths; above 250,000 is usually called a shift.
        p99_ppm: Score that one household in a hundred passed, then and in the reference, to a fifth of log-odds.
        means: Mean of each agency kind's feature, then and in the reference, in millionths.
    """

    n: int
    psi: int
    p99_ppm: tuple[int, int]
    means: tuple[tuple[int, int], ...]


class Gauge:
    """Counts households at their ticks."""

    def __init__(self, tables: Any) -> None:
        """Bind the table `drift`."""
        self._rows: MutableMapping[bytes, Drift] = tables["drift"]

    @property
    def drift(self) -> Drift:
        """What is kept."""
        return self._rows.get(ONLY) or Drift()

    def add(self, score_ppm: int, x: Vector, now: int) -> None:
        """Count one household; one without a subject (negative score) is not.

        Args:
            score_ppm: What it scores.
            x: Its features.
            now: Moment of the tick (ms).
        """
        if score_ppm < 0:
            return
        row = turned(self.drift, now)
        place = bin_of(score_ppm)
        scores = row.now.scores
        means = tuple(a + b for a, b in zip(row.now.means, x[AGENCY_AT : AGENCY_AT + AGENCIES], strict=True))
        window = Window((*scores[:place], scores[place] + 1, *scores[place + 1 :]), means)
        self._rows[ONLY] = msgspec.structs.replace(row, now=window)


def turned(row: Drift, now: int) -> Drift:
    """The row with a new window in hand if the time of the old one is over."""
    if not row.since:
        return msgspec.structs.replace(row, since=now)
    turns = (now - row.since) // TICK_MS
    if not turns:
        return row
    return Drift(row.since + turns * TICK_MS, row.reference or row.now, row.now)


def bin_of(score_ppm: int) -> int:
    """Bin of a score."""
    share = min(PPM - 1, max(1, score_ppm)) / PPM
    return min(BINS - 1, max(0, int(5 * log(share / (1 - share)) - LOWEST + 1)))


def drifted(row: Drift) -> Drifted | None:
    """How far the last whole window is from the reference; None before there are both with anyone in them."""
    last, reference = row.last, row.reference
    if last is None or reference is None or not last.n or not reference.n:
        return None
    means = tuple((a // last.n, b // reference.n) for a, b in zip(last.means, reference.means, strict=True))
    return Drifted(last.n, _index(last.scores, reference.scores), (_p99(last.scores), _p99(reference.scores)), means)


def _index(scores: Sequence[int], reference: Sequence[int]) -> int:
    """Population stability index, half a household added to each cell so that none is empty."""
    one, other = (
        [sum(counts[at : at + PER_CELL]) + 0.5 for at in range(0, BINS, PER_CELL)] for counts in (scores, reference)
    )
    total = 0.0
    for a, b in zip(one, other, strict=True):
        p, q = a / sum(one), b / sum(other)
        total += (p - q) * log(p / q)
    return round(total * MICRO)


def _p99(scores: Sequence[int]) -> int:
    """Upper end of the bin below or in which 99 of 100 are."""
    seen, whole = 0, sum(scores)
    for place, count in enumerate(scores):
        seen += count
        if 100 * seen >= 99 * whole:
            return round(PPM / (1 + exp(-(LOWEST + place) / 5)))
    return PPM
