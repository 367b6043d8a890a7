"""When a score meets a line with no event arriving.

Decides the earliest moment at which a score could cross (never past a crossing, RISK section 6) and, once it has, the
moment it did. A score moves down by decay and also up, as protective sums and the burst decay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import log
from typing import Final

from streams.risk.features import MICRO, STEPPED, WIDTH, Sums, Vector, next_step, rates
from streams.risk.model import PPM, Model

SECOND_MS: Final = 1000
LOOK_MS: Final = 60_000  # looks are at least a minute apart, as ticks are; the crossing is found to the second
SLACK: Final = WIDTH + 1  # millionths of log-odds that rounding down so many parts can add up to, and one


def line(at_ppm: int) -> int:
    """Log-odds of a line, in millionths."""
    p = min(PPM - 1, max(1, at_ppm)) / PPM
    return round(log(p / (1 - p)) * MICRO)


def next_check(model: Model, of: Sums, x: Vector, z: int, level: int) -> int | None:
    """How long a score surely stays on its side of a level.

    Args:
        model: What scores are made of.
        of: The household's sums now.
        x: Its features now.
        z: Its log-odds now, in millionths.
        level: The line, in millionths of log-odds.

    Returns:
        ms, at least `LOOK_MS`; None if decay alone can never take it across.
    """
    down = z >= level
    moving = [(abs(weight), place) for place, weight in enumerate(model.weights) if weight and (weight > 0) == down]
    gap = abs(z - level) - SLACK
    if sum([weight * x[place] for weight, place in moving]) <= max(0, gap) * MICRO:
        return None  # the usual case, and before any rate is worked out
    speed_of = rates(of, x)
    speed = sum([weight * speed_of[place] for weight, place in moving]) / MICRO
    wait = max(0, gap) / speed if speed > 0 else float("inf")
    if any([model.weights[place] for place in STEPPED]):
        step = next_step(of)
        if step is not None:
            wait = min(wait, float(step))
    return None if wait == float("inf") else max(LOOK_MS, int(wait))


def fell_at(level_at: Callable[[int], int], line_ppm: int, since: int, now: int, times: Iterable[int]) -> int:
    """When a score that is at or below a line now last came down to it.

    Args:
        level_at: Score in ppm at a moment, by the facts and the model of now.
        line_ppm: The line.
        since: When it was last known above, or already known below.
        now: This moment; the score is at or below the line.
        times: Moments at which something happened: the only ones at which a score jumps up.

    Returns:
        A moment in [since, now], to the second. `since` itself where the score was at or below the line then and
        ever after.
    """
    above = None
    for at in sorted((t for t in set(times) if since < t < now), reverse=True):
        if level_at(at) > line_ppm:
            above = at
            break
    if above is None:
        if level_at(since) <= line_ppm:
            return since
        above = since
    low, high = above, now
    while high - low > SECOND_MS:
        middle = (low + high) // 2
        if level_at(middle) > line_ppm:
            low = middle
        else:
            high = middle
    return high
