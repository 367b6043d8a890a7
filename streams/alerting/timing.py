"""When a household has to be looked at again, and since when it has been below a line.

Decides moments only; what follows from them is the machine's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from streams.alerting.machine import NORMAL, RAISED, RECOVERING, Lines, Reading, Watched
from streams.alerting.telling import Sight
from streams.risk import crossing
from streams.risk.features import DAY_MS
from streams.risk.household import Household
from streams.risk.model import Model, Scored, score

RECHECK_MS: Final = DAY_MS // 4  # a dwell that is over but for a feed that is behind is looked at again


class Known(NamedTuple):
    """What is known beside the household.

    Attributes:
        alive_until: Every feed is known alive up to here (ms).
        live_at: When live began (ms): older spells are no news.
        room: Whether one more alert may rise now.
    """

    alive_until: int
    live_at: int
    room: bool


def reading(sight: Sight, model: Model, row: Watched, lines: Lines, known: Known) -> Reading:
    """What the machine is told about a household now."""
    scored, now = sight.scored, sight.now
    past = Past(model, sight.household, now)
    fell_at = low_at = now
    if row.state in (RAISED, RECOVERING) and scored.score_ppm <= lines.clear_ppm:
        fell_at = past.since(past.score_at, lines.clear_ppm, row.fell_at, row.seen_at)
    spell_at, closed_at = sight.household.spell_at(now), sight.household.closed_at(now)
    if (row.armed_at or spell_at or closed_at) and 0 <= scored.level_ppm <= lines.step_down_ppm:
        low_at = past.since(past.level_at, lines.step_down_ppm, row.low_at, row.seen_at)
    episode_at = max(spell_at if spell_at >= known.live_at else 0, closed_at)
    return Reading(
        now, scored.score_ppm, scored.level_ppm, fell_at, low_at, known.alive_until, episode_at, known.room
    )


class Past(NamedTuple):
    """What a household scored before now, by the facts and weights of now."""

    model: Model
    household: Household
    now: int

    def score_at(self, at: int) -> int:
        """Score in ppm at a moment."""
        return score(self.model, self.household, at).score_ppm

    def level_at(self, at: int) -> int:
        """Level in ppm at a moment."""
        return score(self.model, self.household, at).level_ppm

    def since(self, ppm_at: Callable[[int], int], line_ppm: int, known: int, seen_at: int) -> int:
        """Since when a score that is low now has been low.

        Args:
            ppm_at: The score at a moment.
            line_ppm: The line.
            known: Since when it was said to be low at the last look; 0 if it was not.
            seen_at: The last look.

        Returns:
            A moment up to now. Where new weights or facts, not time, took it down, that is now: their past is not
            calm.
        """
        since = known or seen_at
        if not since or since >= self.now or (not known and ppm_at(since) <= line_ppm):
            return self.now
        times = (one.occurred_at for one in self.household.contributions)
        return crossing.fell_at(ppm_at, line_ppm, since, self.now, times)


def due(model: Model, scored: Scored, row: Watched, lines: Lines, now: int) -> int:
    """The next moment at which time alone could move the machine; 0 for never.

    It is never later than a crossing; it may be earlier, and the look then finds nothing.
    """
    waits: list[int | None] = []

    def cross(from_ppm: int, to_ppm: int) -> int | None:
        if from_ppm < 0:
            return None
        z = crossing.line(from_ppm)
        return crossing.next_check(model, scored.sums, scored.x, z, crossing.line(to_ppm))

    if row.state == RAISED:
        waits.append(cross(scored.score_ppm, lines.clear_ppm))
    elif row.state == RECOVERING:
        waits += [_rest(row.fell_at + lines.clear_dwell_ms, now), cross(scored.score_ppm, lines.clear_ppm + 1)]
    else:
        waits.append(cross(scored.score_ppm, lines.raise_ppm))
    if row.armed_at:
        if row.low_at and row.state == NORMAL:
            waits.append(_rest(row.low_at + lines.step_down_dwell_ms, now))
        elif not row.low_at:
            waits.append(cross(scored.level_ppm, lines.step_down_ppm))
    if row.step_down:
        waits.append(cross(scored.level_ppm, lines.clear_ppm + 1))
    found = [wait for wait in waits if wait is not None]
    return now + min(found) if found else 0


def _rest(ends_at: int, now: int) -> int:
    return ends_at - now if ends_at > now else RECHECK_MS
