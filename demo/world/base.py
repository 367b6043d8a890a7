"""Time line and seeded randomness of the synthetic partnership.

Decides when backfill and the live phase begin and end, and how a seed becomes independent random streams. Does not
read a clock: the world is the same whenever it is made.
"""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

DAY_MS: Final = 86_400_000
BACKFILL_DAYS: Final = 730  # two years of history before live, issue 1 item 7
LIVE_DAYS: Final = 365  # twelve months of event time
TAIL_DAYS: Final = 200  # outcomes go on in the truth, so that an alert on the last live day can be judged at 180 days
TOTAL_DAYS: Final = BACKFILL_DAYS + LIVE_DAYS + TAIL_DAYS

T0_DATE: Final = date(2025, 1, 6)
T0_MS: Final = int(datetime(2025, 1, 6, tzinfo=UTC).timestamp() * 1000)
START_MS: Final = T0_MS - BACKFILL_DAYS * DAY_MS
END_MS: Final = T0_MS + LIVE_DAYS * DAY_MS
START_DATE: Final = T0_DATE - timedelta(days=BACKFILL_DAYS)
LONDON: Final = ZoneInfo("Europe/London")


def rng(seed: int, purpose: str) -> np.random.Generator:
    """Random stream of one purpose: adding draws to one part of the world leaves the others as they were.

    Args:
        seed: The world's seed.
        purpose: Name of the part that draws.

    Returns:
        A generator that is the same for the same seed and purpose.
    """
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def ms(day: float) -> int:
    """Milliseconds UTC of a moment given in days since the start of backfill.

    Args:
        day: Days since `START_MS`; fractions count.

    Returns:
        Whole seconds, in ms since 1970-01-01 UTC: agencies' systems keep no finer time.
    """
    return START_MS + int(day * 86_400) * 1000


def utc(at_ms: int) -> datetime:
    """Aware UTC time of a number of milliseconds.

    Args:
        at_ms: ms since 1970-01-01 UTC.

    Returns:
        Aware datetime.
    """
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def local(at_ms: int) -> datetime:
    """Wall clock in London, without zone, as many agencies' systems store it.

    Args:
        at_ms: ms since 1970-01-01 UTC.

    Returns:
        Naive local datetime.
    """
    return utc(at_ms).astimezone(LONDON).replace(tzinfo=None)


def day_of(at_ms: int) -> date:
    """Local calendar day of a moment.

    Args:
        at_ms: ms since 1970-01-01 UTC.

    Returns:
        Date in London.
    """
    return local(at_ms).date()


def start_of(day: date) -> int:
    """Milliseconds UTC of midnight UTC of a date.

    Args:
        day: The date.

    Returns:
        ms since 1970-01-01 UTC.
    """
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
