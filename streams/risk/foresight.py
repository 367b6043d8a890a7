"""Forecasts kept until it is known what came of them.

Decides which households a forecast is kept of, when it is resolved and what it then teaches. What is said is
trajectory.py's. All of it lives in rows, so that it folds; the queue is derived from them. A forecast whose household
is no more is dropped at once and counted: nothing of a household that was erased stays here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from heapq import heapify, heappop, heappush
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec

from streams.risk import trajectory
from streams.risk.examples import TICK_MS
from streams.risk.features import DAY_MS, Sums
from streams.risk.household import Household
from streams.risk.model import NONE, Model, score
from streams.risk.study import ONLY
from streams.risk.trajectory import AHEAD_MS, FLOOR_PPM, WEEKS, Line, Spread
from streams.state import Spec

CHILDREN_PER_SAMPLE: Final = 50_000  # with more children only one household in two, three, ... is kept a forecast of
ROWS_MAX: Final = 20_000  # households with forecasts, about 150 bytes each; beyond, new ones are not kept
RESOLVE_PER_CALL: Final = 64  # forecasts resolved in one call; more wait for the next message
PAST_MS: Final = 365 * DAY_MS  # forecasts of the past are made over so long: every season once


class Forecast(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was said of a household at its tick.

    Attributes:
        at: When (ms).
        level_ppm: What it scored then.
        lines: What was said, a `Line` a horizon.
        resolved: How many horizons have been resolved.
    """

    at: int
    level_ppm: int
    lines: tuple[Line, ...]
    resolved: int = 0


class Ahead(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Forecasts of one household that are not resolved yet, at most seven: one a tick, for 26 weeks."""

    forecasts: tuple[Forecast, ...]


class Tally(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the spreads do not say, by horizon.

    Attributes:
        above_ppm: Share left above the band.
        resolved: Forecasts resolved.
        inside: Of them, inside the band.
        gone: Forecasts dropped, all horizons, because their household or its children were gone.
        full: Forecasts not kept because there were `ROWS_MAX` households.
    """

    above_ppm: tuple[int, ...] = (trajectory.ABOVE_PPM,) * len(WEEKS)
    resolved: tuple[int, ...] = (0,) * len(WEEKS)
    inside: tuple[int, ...] = (0,) * len(WEEKS)
    gone: int = 0
    full: int = 0


class Outlook(NamedTuple):
    """Where a household is heading.

    Attributes:
        level_ppm: What it scores now, open episodes included.
        household: A `Line` a horizon.
        people: (person, the same) of its children who score `FLOOR_PPM` or more themselves.
    """

    level_ppm: int
    household: tuple[Line, ...]
    people: tuple[tuple[bytes, tuple[Line, ...]], ...]


FORESIGHT_SPECS: Final = (Spec("forecasts", Ahead), Spec("spreads", Spread), Spec("foresight", Tally))


class Foresight:
    """Makes, keeps and resolves forecasts."""

    def __init__(self, tables: Any) -> None:
        """Bind the tables of `FORESIGHT_SPECS`."""
        self._ahead: MutableMapping[bytes, Ahead] = tables["forecasts"]
        self._spreads: MutableMapping[bytes, Spread] = tables["spreads"]
        self._tallies: MutableMapping[bytes, Tally] = tables["foresight"]
        self._due: list[tuple[int, bytes, int]] = []

    def ready(self) -> None:
        """Make the queue from the rows."""
        self._due = [
            (one.at + AHEAD_MS[one.resolved], key, one.at)
            for key, row in self._ahead.items()
            for one in row.forecasts
        ]
        heapify(self._due)

    @property
    def tally(self) -> Tally:
        """Counts, and the bands' correction."""
        return self._tallies.get(ONLY) or Tally()

    def outlook(self, model: Model, household: Household, of: Sums, now: int) -> Outlook | None:
        """Where a household and its children are heading; None where it scores below `FLOOR_PPM`.

        Args:
            model: Published weights.
            household: As known now.
            of: Its sums now.
            now: Moment (ms).
        """
        levels = trajectory.by_age(model, household, of)
        level = max(levels.values(), default=NONE)
        if level < FLOOR_PPM:
            return None
        ahead = [trajectory.quiet(model, household, now + ms) for ms in AHEAD_MS]
        by_age = {
            age: self._lines(one, [then[age] for then in ahead]) for age, one in levels.items() if one >= FLOOR_PPM
        }
        top = max(by_age, key=lambda age: levels[age])  # it stays the highest: ages add to one common sum
        people = tuple((child.person, by_age[child.age]) for child in household.children if child.age in by_age)
        return Outlook(level, by_age[top], people)

    def _lines(self, level_ppm: int, quiet_ppm: list[int]) -> tuple[Line, ...]:
        place, above = trajectory.level_of(level_ppm), self.tally.above_ppm
        return tuple(
            trajectory.project(self._spread(horizon, place), above[horizon], quiet_ppm[horizon])
            for horizon in range(len(WEEKS))
        )

    def take(self, key: bytes, ahead: Outlook | None, now: int, children: int) -> None:
        """Keep what is said of a household, if it is one of the sample.

        Args:
            key: Household.
            ahead: What is said of it, if anything.
            now: Moment (ms).
            children: How many the partnership has: it decides how large a part is sampled.
        """
        row = self._ahead.get(key)
        if ahead is None or (row is not None and row.forecasts[-1].at == now):
            return
        if crc32(b"%d" % (now // TICK_MS), crc32(key)) % (1 + children // CHILDREN_PER_SAMPLE):
            return
        if row is None and len(self._ahead) >= ROWS_MAX:
            self._count(full=self.tally.full + 1)
            return
        said = Forecast(now, ahead.level_ppm, ahead.household)
        self._ahead[key] = Ahead((*(row.forecasts if row else ()), said))
        heappush(self._due, (now + AHEAD_MS[0], key, now))

    def resolve(self, now: int, model: Model, known: Callable[[bytes], Household]) -> None:
        """Learn what came of forecasts that fell due, in order of when; at most `RESOLVE_PER_CALL`.

        Args:
            now: Moment of the message (ms).
            model: Weights published now.
            known: A household as it is known now.
        """
        room = RESOLVE_PER_CALL
        while room and self._due and self._due[0][0] <= now:
            due, key, at = heappop(self._due)
            row = self._ahead.get(key)
            said = next((one for one in row.forecasts if one.at == at), None) if row else None
            if said is None or at + AHEAD_MS[said.resolved] != due:
                continue  # forgotten with its household: after a recovery it is not here, so it takes no room
            room -= 1
            then = score(model, known(key), due).level_ppm
            if then == NONE:
                self.forget((key,))
                continue
            self._learn(said, then)
            self._move(key, said)

    def _learn(self, said: Forecast, then_ppm: int) -> None:
        horizon = said.resolved
        line = said.lines[horizon]
        inside = line.low <= then_ppm <= line.high
        place = trajectory.level_of(said.level_ppm)
        self._spreads[_row(horizon, place)] = trajectory.learn(self._spread(horizon, place), then_ppm)
        tally = self.tally
        self._count(
            above_ppm=_put(tally.above_ppm, horizon, trajectory.corrected(tally.above_ppm[horizon], inside=inside)),
            resolved=_put(tally.resolved, horizon, tally.resolved[horizon] + 1),
            inside=_put(tally.inside, horizon, tally.inside[horizon] + inside),
        )

    def _move(self, key: bytes, said: Forecast) -> None:
        """A forecast waits for its next horizon, or goes."""
        rest = [one for one in self._ahead[key].forecasts if one.at != said.at]
        if said.resolved + 1 < len(WEEKS):
            rest.append(msgspec.structs.replace(said, resolved=said.resolved + 1))
            heappush(self._due, (said.at + AHEAD_MS[said.resolved + 1], key, said.at))
        if rest:
            self._ahead[key] = Ahead(tuple(sorted(rest, key=lambda one: one.at)))
        else:
            del self._ahead[key]

    def forget(self, households: Iterable[bytes]) -> None:
        """These households are no more: what was said of them is dropped and counted."""
        for key in sorted(households):
            row = self._ahead.get(key)
            if row is not None:
                self._count(gone=self.tally.gone + sum(len(WEEKS) - one.resolved for one in row.forecasts))
                del self._ahead[key]

    def study_past(self, household: Household, model: Model, until: int) -> None:
        """Learn from a household's own past, by the weights of go-live: order does not matter, nothing is forgotten.

        Args:
            household: As known now.
            model: Weights of go-live. They were learned on the same past: `PAST_MAX` bounds what it counts for.
            until: Where the past ends (ms).
        """
        levels: dict[int, int] = {}

        def level(at: int) -> int:
            if at not in levels:
                levels[at] = score(model, household, at).level_ppm
            return levels[at]

        for horizon, ahead in enumerate(AHEAD_MS):
            for at in range(until - ahead, until - ahead - PAST_MS, -TICK_MS):
                if level(at) >= FLOOR_PPM:
                    place = trajectory.level_of(level(at))
                    spread = self._spread(horizon, place)
                    self._spreads[_row(horizon, place)] = trajectory.add(spread, horizon, level(at + ahead))

    def settle(self) -> None:
        """The past is learned: from now on what comes of forecasts counts."""
        for key in sorted(self._spreads):
            self._spreads[key] = trajectory.settle(self._spreads[key])

    def _spread(self, horizon: int, level: int) -> Spread:
        return self._spreads.get(_row(horizon, level)) or trajectory.begin(horizon, level)

    def _count(self, **changes: Any) -> None:
        self._tallies[ONLY] = msgspec.structs.replace(self.tally, **changes)


def _row(horizon: int, level: int) -> bytes:
    return bytes((horizon, level))


def _put(values: tuple[int, ...], place: int, value: int) -> tuple[int, ...]:
    return (*values[:place], value, *values[place + 1 :])
