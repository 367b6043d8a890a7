"""Examples: what a household looked like at a moment, kept until it is known what came of it.

Decides when an example is taken, how much it stands for, and what its label is. All labels of a moment become known
together, at the moment plus horizon plus grace: learned earlier, positives would come first (RISK section 4).
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

import msgspec

from streams.risk.features import ACTIVE, CONTACT, DAY_MS, Sums, Vector, with_age
from streams.risk.household import Household
from streams.risk.learn import Learner

GAP_MS: Final = 7 * DAY_MS  # at events at most one example a household in this time
TICK_MS: Final = 28 * DAY_MS  # and one at each tick
ACTIVE_ONE_IN: Final = 4  # of active households at ticks: events teach more, RISK section 4 learned a quarter too
QUIET_ONE_IN: Final = 32  # of quiet ones, with `QUIET_WEIGHT`, so that both stand for as many
QUIET_WEIGHT: Final = QUIET_ONE_IN // ACTIVE_ONE_IN
CALIBRATE_ONE_IN: Final = 2  # examples at events that are kept until the long label is known
CALIBRATION_ROWS: Final = 4096


class Example(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One household at one moment.

    Attributes:
        at: When (ms since 1970-01-01 UTC).
        children: (person, age feature) of those not in an open episode.
        weight: How many like it were not taken.
        tick: Taken at a tick, not at an event: another population, never in the same calibration.
        learned: The short label was learned; it waits for the long one.
        x: Features without a child's age.
    """

    at: int
    children: tuple[tuple[bytes, int], ...]
    weight: int
    tick: bool
    learned: bool
    x: Vector


class Resolved(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An example whose long label is known; what calibration is fitted on, rescored by the weights of the day."""

    positive: bool
    x: Vector


def phase(household: bytes) -> int:
    """Where in the cycle of `TICK_MS` a household has its tick: spread evenly, so that no tick has much to do."""
    return crc32(household) * TICK_MS >> 32


def next_tick(household: bytes, after: int) -> int:
    """First tick of a household later than a moment."""
    offset = phase(household)
    return offset + ((after - offset) // TICK_MS + 1) * TICK_MS


def active(of: Sums) -> bool:
    """Whether anything adverse happened lately."""
    return sum(of[: CONTACT + 1]) > ACTIVE


def weight_at_tick(household: bytes, of: Sums, at: int) -> int:
    """How much a household's example at a tick stands for; 0 if it is not taken.

    Chosen by a hash of household and tick, so that it does not depend on who else there is.
    """
    quiet = not active(of)
    chosen = crc32(b"%d" % (at // TICK_MS), crc32(household)) % (QUIET_ONE_IN if quiet else ACTIVE_ONE_IN) == 0
    return 0 if not chosen else QUIET_WEIGHT if quiet else 1


def take(household: Household, x: Vector, at: int, weight: int, *, tick: bool) -> Example | None:
    """The example of a household at a moment, or None if it has no child to learn from."""
    children = tuple((c.person, c.age) for c in household.children if not c.open_at(at))
    return Example(at, children, weight, tick, False, x) if children else None


def key(household: bytes, at: int) -> bytes:
    """Key of an example's row: sorts by time, then household."""
    return at.to_bytes(8, "big") + household


def calibrates(row: bytes) -> bool:
    """Whether an example at an event is kept for the long label, by a hash of its key."""
    return crc32(row) % CALIBRATE_ONE_IN == 0


def labels(example: Example, household: Household, horizon_ms: int) -> tuple[tuple[int, bool], ...]:
    """What came of an example's children, as far as the household still holds them.

    Args:
        example: The example.
        household: The household as it is known now.
        horizon_ms: How long after the example an onset counts.

    Returns:
        (age feature, outcome began within the horizon) a child. A child who is gone, or turns out to have been in
        an open episode at the time, is left out: censored.
    """
    now = {child.person: child for child in household.children}
    found = []
    for person, age in example.children:
        child = now.get(person)
        if child is not None and not child.open_at(example.at):
            positive = any(example.at < onset <= example.at + horizon_ms for onset in child.onsets)
            found.append((age, positive))
    return tuple(found)


def learn(learner: Learner, example: Example, known: tuple[tuple[int, bool], ...]) -> None:
    """Learn each child of an example."""
    for age, positive in known:
        learner.learn(with_age(example.x, age), positive, float(example.weight))
