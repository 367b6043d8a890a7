"""What is due when: each household's day, and the moments its row asked for.

Decides the order in which time reaches households. Derived from rows: made again after a recovery, the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from streams.risk.examples import TICK_MS, phase
from streams.risk.features import DAY_MS

DAILY: Final = 0
ASKED: Final = 1


class Due(NamedTuple):
    """A household whose time has come; `rank` is `DAILY` or `ASKED`."""

    at: int
    rank: int
    household: bytes


def next_day(household: bytes, after: int) -> int:
    """First moment later than `after` at which a household has its daily look: spread evenly over the day."""
    offset = phase(household) % DAY_MS
    return offset + ((after - offset) // DAY_MS + 1) * DAY_MS


def is_tick(household: bytes, at: int) -> bool:
    """Whether a household's daily look is also its tick, once in `TICK_MS`."""
    return (at - phase(household)) % TICK_MS == 0


def _next_after(household: bytes, after: tuple[int, bytes]) -> int:
    at = next_day(household, after[0] - 1)
    return at if (at, household) > after else next_day(household, at)


class Schedule:
    """A heap of what is due."""

    def __init__(self) -> None:
        self._heap: list[Due] = []

    def load(self, households: Iterable[bytes], asked: Iterable[tuple[int, bytes]], after: tuple[int, bytes]) -> None:
        """Make the heap anew.

        Args:
            households: All households.
            asked: (moment, household) that rows ask for.
            after: Daily looks up to this moment, and at it up to this household, were had.
        """
        self._heap = [Due(_next_after(house, after), DAILY, house) for house in households]
        self._heap += [Due(at, ASKED, house) for at, house in asked]
        heapify(self._heap)

    def add(self, household: bytes, after: int) -> None:
        """A household came to be."""
        heappush(self._heap, Due(next_day(household, after), DAILY, household))

    def ask(self, at: int, household: bytes) -> None:
        """A row asks to be looked at."""
        heappush(self._heap, Due(at, ASKED, household))

    def pop(self, now: int, at_most: int) -> Iterator[Due]:
        """What is due, in order; each once."""
        last = None
        for _ in range(at_most):
            if not self._heap or self._heap[0].at > now:
                return
            due = heappop(self._heap)
            if due != last:
                last = due
                yield due
