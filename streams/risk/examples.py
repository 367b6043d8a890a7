"""Examples: what a household looked like at a moment, kept until it is known what came of it.

Decides when an example is taken, how much it stands for, and what its label is. All labels of a moment become known
together, at the moment plus horizon plus grace: learned earlier, positives would come first (RISK section 4). A child
whose family's alert somebody answered meanwhile is marked: what came of it says as much about the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from zlib import crc32

import msgspec

from streams.risk.features import ACTIVE, AGE_AT, CONTACT, DAY_MS, Sums, Vector
from streams.risk.household import Household
from streams.risk.model import Model, logit
from streams.risk.outcomes import OUTCOMES

GAP_MS: Final = 7 * DAY_MS  # at events at most one example a household in this time
TICK_MS: Final = 28 * DAY_MS  # and one at each tick
ACTIVE_ONE_IN: Final = 4  # of active households at ticks: events teach more, RISK section 4 learned a quarter too
QUIET_ONE_IN: Final = 32  # of quiet ones, with `QUIET_WEIGHT`, so that both stand for as many
QUIET_WEIGHT: Final = QUIET_ONE_IN // ACTIVE_ONE_IN
CALIBRATE_ONE_IN: Final = 2  # examples that are kept until the long label is known
CALIBRATION_ROWS: Final = 4096  # at events, and as many at ticks


class Example(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One household at one moment.

    Attributes:
        at: When (ms since 1970-01-01 UTC).
        children: (person, age feature) of those who are subjects for the outcome.
        weight: How many like it were not taken.
        tick: Taken at a tick, not at an event: another population, never in the same calibration.
        learned: The short label was learned; it waits for the long one.
        x: Features without a child's age.
        published: Log-odds that were published of each child then, in millionths; none for an example of the past, or
            one that is not kept for the long label.
    """

    at: int
    children: tuple[tuple[bytes, int], ...]
    weight: int
    tick: bool
    learned: bool
    x: Vector
    published: tuple[int, ...] = ()


class Resolved(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A child of an example whose long label is known.

    Calibration is fitted on it, rescored by the weights of the day; figures rest on what was published then.

    Attributes:
        positive: The outcome began within the horizon.
        x: Features.
        z: Log-odds published at the time; None of the past, which has seen its own labels.
        group: Coded group, for fairness figures only.
        weight: How many like it were not taken.
    """

    positive: bool
    x: Vector
    z: int | None = None
    group: str = ""
    weight: int = 1


class Moment(NamedTuple):
    """A household at a moment that may become an example.

    Attributes:
        key: Household.
        household: As known now.
        x: Features without a child's age.
        at: When (ms).
        weight: How many like it are not taken.
        tick: At a tick, not at an event.
    """

    key: bytes
    household: Household
    x: Vector
    at: int
    weight: int = 1
    tick: bool = False


class Label(NamedTuple):
    """What came of a child of an example.

    Attributes:
        place: Which of the example's children.
        age: Its age feature then.
        positive: The outcome began within the horizon.
        acted: Somebody answered an alert about the family meanwhile, before the outcome.
        group: Coded group.
    """

    place: int
    age: int
    positive: bool
    acted: bool
    group: str


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


def take(outcome: str, moment: Moment) -> Example | None:
    """The example of a household at a moment, or None if no child of it is a subject for the outcome."""
    subject = OUTCOMES[outcome].subject
    children = tuple((c.person, c.age) for c in moment.household.children if subject(c, moment.at))
    return Example(moment.at, children, moment.weight, moment.tick, False, moment.x) if children else None


def published(example: Example, model: Model) -> Example:
    """The example with what is published of its children now."""
    base = logit(model, example.x)
    said = tuple(base + (model.weights[AGE_AT + age] if age >= 0 else 0) for _, age in example.children)
    return msgspec.structs.replace(example, published=said)


def key(household: bytes, at: int) -> bytes:
    """Key of an example's row among those of its target: sorts by time, then household."""
    return at.to_bytes(8, "big") + household


def calibrates(row: bytes) -> bool:
    """Whether an example is kept for the long label, by a hash of its key."""
    return crc32(row) % CALIBRATE_ONE_IN == 0


def labels(
    outcome: str, example: Example, household: Household, horizon_ms: int, answered: Sequence[int] = ()
) -> tuple[Label, ...]:
    """What came of an example's children, as far as the household still holds them.

    Args:
        outcome: Name of the outcome.
        example: The example.
        household: The household as it is known now.
        horizon_ms: How long after the example an onset counts.
        answered: When people answered alerts about the household (ms).

    Returns:
        A label a child. A child who is gone, or turns out to have been no subject at the time, is left out: censored.
    """
    now = {child.person: child for child in household.children}
    _, subject, onsets = OUTCOMES[outcome]
    until = example.at + horizon_ms
    found = []
    for place, (person, age) in enumerate(example.children):
        child = now.get(person)
        if child is not None and subject(child, example.at):
            onset = next((at for at in onsets(child) if example.at < at <= until), None)
            before = until + 1 if onset is None else onset
            acted = any(example.at < at < before for at in answered)
            found.append(Label(place, age, onset is not None, acted, child.group))
    return tuple(found)
