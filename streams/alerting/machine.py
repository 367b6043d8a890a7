"""The alert state machine of one household: normal, pending, raised, recovering; and the step-down beside it.

Decides, from what a household scores now, which alerts rise and end. Reached means at or beyond the line. A raise is
never delayed by dwell (only queued by the daily bound, `pending`); a clear needs `clear_dwell_ms` at or below
`clear_ppm`, a step-down `step_down_dwell_ms` at or below its own low line, and both only over time in which every
feed is known to have been alive. Knows no score, no clock and no team.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal, NamedTuple

import msgspec

NORMAL: Final = 0
PENDING: Final = 1
RECOVERING: Final = 2
ANSWERED_MAX: Final = 8  # dwell allows no more within a horizon and grace, but for the busiest
RAISED: Final = 3  # states are ordered by how much they claim: on a merge the highest wins

Move = Literal["raise", "queue", "lapse", "update", "clear", "step_down", "end_step_down"]


class Lines(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where the lines are now, in ppm; dwell in ms.

    Invariant: step_down_ppm < clear_ppm < raise_ppm.
    """

    raise_ppm: int
    clear_ppm: int
    step_down_ppm: int
    clear_dwell_ms: int
    step_down_dwell_ms: int


class Watched(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where one household stands.

    Attributes:
        state: `NORMAL`, `PENDING`, `RECOVERING` or `RAISED`.
        since: When it entered that state (ms); 0 for never.
        seen_at: When it was last evaluated (ms).
        fell_at: While recovering, when the score came down to `clear_ppm`; else 0.
        low_at: When the level came down to `step_down_ppm`; 0 while it is above.
        armed_at: When something began that a step-down would end (a raise, an episode, a level above `clear_ppm`); 0
            for nothing.
        stepped_at: Last step-down, so that one episode is stepped down once.
        told_ppm: Score at the last word to the team.
        sampled_at: When the last example was taken at an event.
        due_at: The next moment at which time alone could change something; 0 for never.
        child: Person the last alert was about: where a household splits, its history goes with that child.
        alert: The escalate alert that stands, or empty.
        step_down: The step-down alert that stands, or empty.
        also_sampled_at: As `sampled_at`, for outcomes that no alert rests on.
        answered: When people answered alerts about the household, the newest `ANSWERED_MAX`, in order (ms).
    """

    state: int = NORMAL
    since: int = 0
    seen_at: int = 0
    fell_at: int = 0
    low_at: int = 0
    armed_at: int = 0
    stepped_at: int = 0
    told_ppm: int = 0
    sampled_at: int = 0
    due_at: int = 0
    child: bytes = b""
    alert: str = ""
    step_down: str = ""
    also_sampled_at: int = 0
    answered: tuple[int, ...] = ()

    def with_answers(self, more: Collection[int]) -> Watched:
        """With more answers."""
        if not more:
            return self
        kept = tuple(sorted({*self.answered, *more}))[-ANSWERED_MAX:]
        return msgspec.structs.replace(self, answered=kept)


class Reading(NamedTuple):
    """What there is to know now.

    Attributes:
        now: Moment of decision (ms).
        score_ppm: For escalation; negative where no child is scored.
        level_ppm: For step-down; negative where there is no child.
        fell_at: If the score is at or below `clear_ppm`: since when.
        low_at: If the level is at or below `step_down_ppm`: since when.
        alive_until: Every feed is known alive up to here (ms).
        episode_at: When the newest open episode began, or a closed one lately ended; 0 for none.
        room: Whether the daily bound lets one more alert rise now.
    """

    now: int
    score_ppm: int
    level_ppm: int
    fell_at: int
    low_at: int
    alive_until: int
    episode_at: int
    room: bool


WORSE_ODDS: Final = 2.0  # an update is worth reading when the odds have doubled since the last word


def advance(was: Watched, lines: Lines, reading: Reading) -> tuple[Watched, tuple[Move, ...]]:
    """One step of the machine.

    Returns:
        Where the household stands now, and the moves that brought it there, in order. Alert ids are not the
        machine's to make: the caller sets `alert` and `step_down` on a raise.
    """
    moves: list[Move] = []
    now = _escalate(was, lines, reading, moves)
    now = _step_down(now, lines, reading, moves)
    return msgspec.structs.replace(now, seen_at=reading.now), tuple(moves)


def _escalate(was: Watched, lines: Lines, reading: Reading, moves: list[Move]) -> Watched:
    if was.state in (RAISED, RECOVERING):
        return _watch(was, lines, reading, moves)
    if reading.score_ppm >= lines.raise_ppm:
        return _rise(was, reading, moves)
    if was.state == PENDING:
        moves.append("lapse")
        return _enter(was, NORMAL, reading.now)
    return was


def _watch(was: Watched, lines: Lines, reading: Reading, moves: list[Move]) -> Watched:
    score = reading.score_ppm
    if score > lines.clear_ppm:
        risen = was if was.state == RAISED else _enter(was, RAISED, reading.now)
        if _odds(score) >= WORSE_ODDS * _odds(was.told_ppm):
            moves.append("update")
            risen = msgspec.structs.replace(risen, told_ppm=score)
        return risen
    calm = reading.fell_at + lines.clear_dwell_ms <= min(reading.now, reading.alive_until)
    if calm or score < 0:  # below 0 every child is in an open episode, or gone: the alert has done what it could
        moves.append("clear")
        return msgspec.structs.replace(_enter(was, NORMAL, reading.now), alert="")
    low = was if was.state == RECOVERING else _enter(was, RECOVERING, reading.now)
    return msgspec.structs.replace(low, fell_at=reading.fell_at)


def _rise(was: Watched, reading: Reading, moves: list[Move]) -> Watched:
    if reading.room:
        moves.append("raise")
        risen = _enter(was, RAISED, reading.now)
        return msgspec.structs.replace(risen, told_ppm=reading.score_ppm, armed_at=reading.now, low_at=0)
    if was.state == NORMAL:
        moves.append("queue")
        return _enter(was, PENDING, reading.now)
    return was


def _step_down(was: Watched, lines: Lines, reading: Reading, moves: list[Move]) -> Watched:
    if was.step_down and (reading.level_ppm > lines.clear_ppm or was.state == RAISED):
        moves.append("end_step_down")
        was = msgspec.structs.replace(was, step_down="")
    if reading.episode_at > max(was.armed_at, was.stepped_at):
        was = msgspec.structs.replace(was, armed_at=reading.episode_at)
    if not was.armed_at and reading.level_ppm > lines.clear_ppm:
        was = msgspec.structs.replace(was, armed_at=reading.now)
    if not was.armed_at or not 0 <= reading.level_ppm <= lines.step_down_ppm:
        return was if not was.low_at else msgspec.structs.replace(was, low_at=0)
    was = msgspec.structs.replace(was, low_at=reading.low_at)
    calm = was.state == NORMAL and reading.low_at + lines.step_down_dwell_ms <= min(reading.now, reading.alive_until)
    if not calm:
        return was
    moves.append("step_down")
    return msgspec.structs.replace(was, armed_at=0, low_at=0, stepped_at=reading.now)


def _enter(was: Watched, state: int, now: int) -> Watched:
    return msgspec.structs.replace(was, state=state, since=now, fell_at=0)


def _odds(at_ppm: int) -> float:
    return at_ppm / max(1, 1_000_000 - at_ppm)
