"""Keeping alerts to the budget a partnership chose.

Decides how `raise_at` moves and whether one more alert may rise now. A threshold set on a young model does not hold
(RISK section 5): its odds are moved monthly by the square root of rate over budget, and a bucket bounds what a bad
month can do; what it holds back is queued, highest first, and counted. The line aims at what the bucket gives, a
little over the budget: where either could bind it is the bucket, which knows who is highest.
"""

from __future__ import annotations

from math import ceil, sqrt
from typing import Final

import msgspec

from streams.risk.features import DAY_MS

MONTH_MS: Final = 365 * DAY_MS // 12
STEP_MAX: Final = 1.5  # a month's largest move of the odds of raise_at
WINDOW_MS: Final = 2 * MONTH_MS  # rate is measured over two months, as in the prototype
RAISE_MIN_PPM: Final = 5_000
RAISE_MAX_PPM: Final = 900_000
RECENT_MAX: Final = 4096  # raise times kept
MICRO: Final = 1_000_000


class Steering(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where the line is, and how much has been said.

    Attributes:
        raise_ppm: The line.
        moved_at: When it last moved, or live began (ms).
        live_at: When live began (ms).
        recent: Times of raises within `WINDOW_MS`.
        tokens: Alerts that may rise now, in millionths.
        filled_at: Up to when the bucket was filled (ms).
        raised: Alerts that rose, so far; without the opening caseload.
        queued: Raises that had to wait, so far.
    """

    raise_ppm: int
    moved_at: int
    live_at: int
    recent: tuple[int, ...]
    tokens: int
    filled_at: int
    raised: int = 0
    queued: int = 0


class Budget(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A partnership's budget in alerts.

    Attributes:
        month_micro: Millionths of an alert a month: budget per 1,000 children, times its children.
        over: Factor over the budget that the line aims at and the bucket refills at.
        burst: Alerts that may rise at once.
    """

    month_micro: int
    over: float
    burst: int


def budget(per_1000_month: float, children: int, over: float, burst_days: float) -> Budget:
    """Budget of a partnership with so many children.

    Args:
        per_1000_month: Alerts per 1,000 children a month.
        children: Children of the partnership.
        over: Factor over the budget that the bucket refills at.
        burst_days: Days of budget that may rise at once; at least three alerts may.
    """
    month = per_1000_month * children / 1000
    return Budget(max(1, round(month * MICRO)), over, max(3, ceil(month * burst_days * DAY_MS / MONTH_MS)))


def begin(raise_ppm: int, now: int, of: Budget) -> Steering:
    """At the start of live: a full bucket."""
    return Steering(raise_ppm, now, now, (), of.burst * MICRO, now)


def fill(was: Steering, now: int, of: Budget) -> Steering:
    """Fill the bucket up to now."""
    gained = int((now - was.filled_at) * of.month_micro * of.over / MONTH_MS)
    if gained <= 0:
        return was
    return msgspec.structs.replace(was, tokens=min(of.burst * MICRO, was.tokens + gained), filled_at=now)


def has_room(was: Steering) -> bool:
    """Whether one more alert may rise now."""
    return was.tokens >= MICRO


def spend(was: Steering, now: int) -> Steering:
    """One alert rose."""
    recent = tuple(at for at in was.recent if at > now - WINDOW_MS)[-RECENT_MAX + 1 :]
    return msgspec.structs.replace(was, tokens=was.tokens - MICRO, recent=(*recent, now), raised=was.raised + 1)


def hold(was: Steering) -> Steering:
    """One raise has to wait."""
    return msgspec.structs.replace(was, queued=was.queued + 1)


def is_due(was: Steering, now: int) -> bool:
    """Whether the line has stood for about a month: it moves at a publication of weights, never between."""
    return now - was.moved_at > MONTH_MS * 9 // 10


def move(was: Steering, now: int, of: Budget, waiting: int) -> Steering:
    """Move the line by what the last two months said.

    Args:
        was: Steering so far.
        now: Moment of the move.
        of: The budget.
        waiting: Households queued now: they would have been alerts.
    """
    span = min(WINDOW_MS, max(1, now - was.live_at))
    count = sum(at >= now - span for at in was.recent) + waiting
    expected = of.month_micro * of.over / MICRO * span / MONTH_MS
    factor = sqrt(max(count, 0.25) / expected)
    odds = was.raise_ppm / (MICRO - was.raise_ppm) * max(1 / STEP_MAX, min(STEP_MAX, factor))
    to = max(RAISE_MIN_PPM, min(RAISE_MAX_PPM, round(MICRO * odds / (1 + odds))))
    return msgspec.structs.replace(was, raise_ppm=to, moved_at=now)
