"""Going live: walking two years of kept events once, and choosing the first line.

Decides the order of the walk (moment, then ticks before events, then key), how far one call goes, and which line
meets the budget over the last year. Bounded: a cursor in state moves by a given number of steps a call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from math import exp, log
from typing import Final, NamedTuple

import msgspec

from streams.risk.examples import next_tick
from streams.risk.features import DAY_MS
from streams.risk.model import PPM

WARM_MS: Final = 90 * DAY_MS  # sums need a past before the first example
TUNE_MS: Final = 365 * DAY_MS  # the line is chosen over the last year: every season once
GRID_MS: Final = 28 * DAY_MS  # between events a score is looked at as often: it only decays
CANDIDATES: Final = tuple(round(PPM / (1 + exp(-(-4.6 + 0.15 * step)))) for step in range(48))
"""Lines tried, from 1 % to 92 % in equal steps of log-odds."""


class Cursor(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far going live has come.

    Attributes:
        phase: `backfill`, `sweep`, `tuning`, `opening` or `live`.
        started_at: When going live began: the walk ends there (ms).
        at: Moment of the last step of the walk (ms).
        rank: 0 for a tick, 1 for an event.
        key: Household of the tick, or event pseudonym; household in later phases.
        counts: Raises a candidate line would have given so far.
        children: Children counted so far.
    """

    phase: str = "backfill"
    started_at: int = 0
    at: int = 0
    rank: int = 0
    key: bytes = b""
    counts: tuple[int, ...] = (0,) * len(CANDIDATES)
    children: int = 0


class Step(NamedTuple):
    """One step of the walk: a household's tick (rank 0) or an event (rank 1)."""

    at: int
    rank: int
    key: bytes


class Walk:
    """Steps after a cursor, in order. Derived: made again from the tables after a recovery."""

    def __init__(self, cursor: Cursor, events: Iterable[tuple[int, bytes]], households: Iterable[bytes]) -> None:
        """Index what lies after the cursor.

        Args:
            cursor: How far the walk has come.
            events: (occurred_at, event pseudonym) of all kept events.
            households: All households.
        """
        self._end = cursor.started_at
        self._after = Step(cursor.at, cursor.rank, cursor.key)
        steps = [s for at, event in events if self._ahead(s := Step(at, 1, event))]
        steps += [s for house in households if self._ahead(s := self._tick(house))]
        heapify(steps)
        self._heap = steps

    def _ahead(self, step: Step) -> bool:
        return self._after < step and step.at <= self._end

    def _tick(self, household: bytes) -> Step:
        at = next_tick(household, self._after.at - 1)
        step = Step(at, 0, household)
        return step if step > self._after else Step(next_tick(household, at), 0, household)

    def known(self, at: int, event: bytes) -> None:
        """An event became known while the walk is on: it is walked if it lies ahead."""
        step = Step(at, 1, event)
        if self._ahead(step):
            heappush(self._heap, step)

    def take(self) -> Step | None:
        """The next step, or None at the end."""
        if not self._heap:
            return None
        step = heappop(self._heap)
        self._after = step
        if step.rank == 0:
            following = Step(next_tick(step.key, step.at), 0, step.key)
            if self._ahead(following):
                heappush(self._heap, following)
        while self._heap and self._heap[0] == step:  # known twice: an event that was corrected
            heappop(self._heap)
        return step


def raises(scores: Sequence[tuple[int, int]], clear_ratio_ppm: int, dwell_ms: int) -> tuple[int, ...]:
    """How often each candidate line would have raised a household.

    Args:
        scores: (moment, ppm), in order of time; the first is what was found at the start, and is not counted.
        clear_ratio_ppm: `clear_at` as a share of `raise_at`, in ppm.
        dwell_ms: Time at or below `clear_at` before a clear.

    Returns:
        As many counts as there are `CANDIDATES`.
    """
    top = max((ppm for _, ppm in scores), default=0)
    return tuple(
        _count(scores, line, line * clear_ratio_ppm // PPM, dwell_ms) if line <= top else 0 for line in CANDIDATES
    )


def _count(scores: Sequence[tuple[int, int]], raise_ppm: int, clear_ppm: int, dwell_ms: int) -> int:
    up, low_since, count = scores[0][1] >= raise_ppm, 0, 0
    for at, ppm in scores[1:]:
        if up:
            if ppm > clear_ppm:
                low_since = 0
            elif ppm < 0 or (low_since and at - low_since >= dwell_ms):
                up, low_since = False, 0
            else:
                low_since = low_since or at
        if not up and ppm >= raise_ppm:
            up, count = True, count + 1
    return count


def choose(counts: Sequence[int], target: float) -> int:
    """The line whose raises meet the target, between the two candidates around it.

    Args:
        counts: Raises of each candidate over the year, falling.
        target: Raises wished for.

    Returns:
        ppm.
    """
    above = CANDIDATES[0]
    for place in range(1, len(CANDIDATES)):
        more, fewer = counts[place - 1], counts[place]
        if more > target >= fewer:
            share = (log(more) - log(max(target, 0.5))) / (log(more) - log(max(fewer, 0.5)))
            low, high = CANDIDATES[place - 1], CANDIDATES[place]
            above = round(exp(log(low) + min(1.0, share) * (log(high) - log(low))))
    return above
