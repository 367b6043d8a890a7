"""Weeks of publication: every table comes once a week, and never twice.

Decides when a week begins and whether it still has no table.
"""

from __future__ import annotations

from typing import Final, Protocol

WEEK_MS: Final = 7 * 24 * 3600 * 1000
MONDAY_MS: Final = 4 * 24 * 3600 * 1000  # 1970-01-05, the first Monday, 00:00 UTC


class OfWeek(Protocol):
    """A table that was published."""

    @property
    def week(self) -> int:
        """Weeks since 1970-01-05."""


def week_of(at: int) -> int:
    """Week of a moment (ms): weeks since 1970-01-05."""
    return (at - MONDAY_MS) // WEEK_MS


def published_at(week: int) -> int:
    """When the tables of a week are of: its Monday 00:00 UTC, ms since 1970-01-01 UTC."""
    return MONDAY_MS + week * WEEK_MS


def due(previous: OfWeek | None, now: int) -> bool:
    """Whether a week has begun that has no table yet."""
    return previous is None or week_of(now) > previous.week


def begin(previous: OfWeek | None, now: int) -> int:
    """The week of a table that is published now.

    Args:
        previous: The last one published.
        now: Partnership time, ms.

    Raises:
        ValueError: This week has its table.
    """
    week = week_of(now)
    if not due(previous, now):
        message = f"insights: week {week} is published"
        raise ValueError(message)
    return week
