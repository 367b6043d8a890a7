"""What is due when: each household's tick, the moments its row asked for, and the clocks of alerts.

Decides the order in which time reaches households. Derived from rows: made again after a recovery, the same.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from streams.risk.examples import next_tick

TICK: Final = 0
ASKED: Final = 1
ANSWER: Final = 2


class Due(NamedTuple):
    """What has come due: `rank` is `TICK`, `ASKED` or `ANSWER`, and `household` then is the id of an alert."""

    at: int
    rank: int
    household: bytes


def _next_after(household: bytes, after: tuple[int, bytes]) -> int:
    at = next_tick(household, after[0] - 1)
    return at if (at, household) > after else next_tick(household, at)


class Schedule:
    """A heap of what is due."""

    def __init__(self) -> None:
        self._heap: list[Due] = []

    def load(
        self, households: Iterable[bytes], asked: Iterable[tuple[int, bytes]], after: tuple[int, bytes],
        answers: Iterable[tuple[int, str]] = (),
    ) -> None:  # fmt: skip
        """Make the heap anew.

        Args:
            households: All households.
            asked: (moment, household) that rows ask for.
            after: Ticks up to this moment, and at it up to this household, were had.
            answers: (moment, alert id) of clocks.
        """
        self._heap = [Due(_next_after(house, after), TICK, house) for house in households]
        self._heap += [Due(at, ASKED, house) for at, house in asked]
        self._heap += [Due(at, ANSWER, alert.encode()) for at, alert in answers]
        heapify(self._heap)

    def add(self, household: bytes, after: tuple[int, bytes]) -> None:
        """A household came to be, or had its tick; `after` as in `load`."""
        heappush(self._heap, Due(_next_after(household, after), TICK, household))

    def ask(self, at: int, household: bytes) -> None:
        """A row asks to be looked at."""
        heappush(self._heap, Due(at, ASKED, household))

    def answer(self, at: int, alert: str) -> None:
        """A clock of an alert runs until then."""
        heappush(self._heap, Due(at, ANSWER, alert.encode()))

    def pop(self, now: int, at_most: int, stands: Callable[[Due], bool]) -> Iterator[Due]:
        """What is due, in order; each once.

        Args:
            now: Up to when.
            at_most: So many.
            stands: Whether it is still so. What a row no longer asks for, and the tick of a household that is gone,
                must leave no trace, not even in the count: after a recovery they are not there.
        """
        last = None
        while at_most and self._heap and self._heap[0].at <= now:
            due = heappop(self._heap)
            if due != last and stands(due):
                last = due
                at_most -= 1
                yield due


class Roll:
    """All households in order of id: what a sweep walks. Derived, and kept as households come and go."""

    def __init__(self, households: Iterable[bytes]) -> None:
        self._order = sorted(households)

    def exchange(self, gone: Iterable[bytes], come: Iterable[bytes]) -> None:
        """Households changed; those that are in both stay."""
        come_, gone_ = set(come), set(gone)
        for household in sorted(gone_ - come_):
            place = bisect_left(self._order, household)
            if place < len(self._order) and self._order[place] == household:
                del self._order[place]
        for household in sorted(come_):
            place = bisect_left(self._order, household)
            if place == len(self._order) or self._order[place] != household:
                self._order.insert(place, household)

    def after(self, household: bytes, count: int) -> list[bytes]:
        """The next so many households later than one."""
        place = bisect_right(self._order, household)
        return self._order[place : place + count]
