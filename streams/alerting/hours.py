"""When a team works: the working-hours clock of answers, in England's local time.

Decides from hours and holidays that are given, never from a calendar of its own: a library that learns of a new bank
holiday must not change what a replay says.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

LOCAL: Final = ZoneInfo("Europe/London")  # working hours are England's
HOUR_MS: Final = 3_600_000
SATURDAY: Final = 5


class Hours(NamedTuple):
    """When a team works.

    Attributes:
        starts, ends: Local, in minutes of the day; the last minute is outside.
        closed: Days on which nobody works, ISO dates; nor does anybody at weekends.
        always: It works round the clock, whatever else is said.
    """

    starts: int
    ends: int
    closed: frozenset[str]
    always: bool = False

    def open_at(self, at: int) -> bool:
        """Whether the team works at a moment (ms since 1970-01-01 UTC)."""
        return self.always or self.opens_at(at) == at

    def opens_at(self, at: int) -> int:
        """First moment from `at` on at which the team works (ms since 1970-01-01 UTC)."""
        if self.always:
            return at
        return next(max(start, at) for start, end in map(self._span, _days(at)) if end > at)

    def after(self, at: int, hours: int) -> int:
        """When so many hours of work are over.

        Args:
            at: ms since 1970-01-01 UTC.
            hours: At least 1.

        Returns:
            ms since 1970-01-01 UTC; the moment of closing where work would be done just then.
        """
        left = hours * HOUR_MS
        if self.always:
            return at + left
        days = map(self._span, _days(at))
        start, end = next(days)
        while (worked := max(0, end - max(start, at))) < left:
            left -= worked
            start, end = next(days)
        return max(start, at) + left

    def _span(self, day: date) -> tuple[int, int]:
        """From when to when the team works on a day, ms; empty where it does not."""
        if day.weekday() >= SATURDAY or day.isoformat() in self.closed:
            return 0, 0
        return _moment(day, self.starts), _moment(day, self.ends)


def _days(at: int) -> Iterator[date]:
    first = datetime.fromtimestamp(at / 1000, UTC).astimezone(LOCAL).date()
    return (first + timedelta(days=number) for number in count())


def _moment(day: date, minutes: int) -> int:
    return int(datetime.combine(day, time(minutes // 60, minutes % 60), LOCAL).timestamp()) * 1000
