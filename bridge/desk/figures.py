"""How good the models were, for those who answer for them, in tables.

Decides wording and rounding only: what is withheld was withheld by the platform, and a cell says so. Takes the row
`model:figures` of the agency's view, which is about nobody. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from bridge.desk import words
from schemas.event import AGENCY_KINDS

WITHHELD: Final = "withheld"
UNSAID: Final = "cannot be said"
MICRO: Final = 1_000_000
NOT_YET: Final = "No figures have been published yet: the first come with a publication of new weights."
UNREADABLE: Final = "The newest figures came in a form that this desk cannot read."
STAGES: Final = {
    "rule": "the counting rule, nothing learned yet",
    "prior": "the weights it began with",
    "intercept": "base rate learned here, weights as they began",
    "all": "learned here",
}
POPULATIONS: Final = {
    "events": "At events: when something was recorded",
    "ticks": "At ticks: every household in turn, whether or not something was recorded",
}

Count = Annotated[int, msgspec.Meta(ge=0)]
Moment = Annotated[int, msgspec.Meta(ge=0, le=250_000_000_000_000)]  # ms; beyond it no calendar goes
Line = tuple[str, ...]
"""Cells of one line of a table, its name first."""


class Measures(msgspec.Struct, frozen=True):
    """Of one scorer, in millionths; None where it cannot be computed or is withheld."""

    auc: int | None
    log_loss: int | None
    observed_expected: int | None
    slope: int | None


class OfGroup(msgspec.Struct, frozen=True):
    """Of a coded group; None withheld or not computable."""

    group: str
    n: Count | None
    positives: Count | None
    auc: int | None
    observed_expected: int | None
    precision: int | None


class Acted(msgspec.Struct, frozen=True):
    """Cases whose family's alert somebody answered before what came of them."""

    n: Count
    positives: Count
    expected_ppm: Count


class Population(msgspec.Struct, frozen=True):
    """Cases of one kind of moment; `n`, `positives` and `acted` are None where they are withheld."""

    n: Count | None
    positives: Count | None
    model: Measures
    challenger: Measures
    groups: tuple[OfGroup, ...]
    acted: Acted | None


class Drift(msgspec.Struct, frozen=True):
    """The last four weeks beside the first; pairs are (last, first)."""

    n: Count
    psi: int
    p99_ppm: tuple[Count, Count]
    means: tuple[tuple[int, int], ...]


class Target(msgspec.Struct, frozen=True):
    """What was told of one outcome within one horizon."""

    outcome: str
    horizon_days: Count
    made_at: Moment
    version: int
    stage: str
    line_ppm: Count
    events: Population
    ticks: Population
    challenger_ahead: Count
    review: bool
    drift: Drift | None


class Body(msgspec.Struct, frozen=True):
    """The row; fields that no table shows are passed over."""

    targets: tuple[Target, ...]


@dataclass(frozen=True)
class Cases:
    """One population in words: figures by name, model and counting rule; groups a line each."""

    name: str
    n: str
    positives: str
    lines: tuple[Line, ...]
    groups: tuple[Line, ...]


@dataclass(frozen=True)
class Drifted:
    """How far scores are from the first weeks: a sentence, and last and first beside each other."""

    says: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Judged:
    """One outcome in words; `review` is empty where none is asked for."""

    title: str
    says: str
    review: str
    populations: tuple[Cases, ...]
    acted: tuple[Line, ...]
    drift: Drifted | None


@dataclass(frozen=True)
class Page:
    """All outcomes, or why there is none."""

    targets: tuple[Judged, ...] = ()
    empty: str = NOT_YET


def page(row: Mapping[str, Any] | None, now: int) -> Page:
    """What the row `model:figures` says.

    Args:
        row: Its body; None where nothing has been told.
        now: Partnership time, ms.
    """
    if row is None:
        return Page()
    try:
        body = msgspec.convert(row, Body)
    except msgspec.ValidationError:
        return Page(empty=UNREADABLE)
    return Page(tuple(_judged(one, now) for one in body.targets))


def _judged(one: Target, now: int) -> Judged:
    within = words.duration(one.horizon_days * words.DAY_S)
    made = f"Published {words.moment(one.made_at, now)}, version {one.version}: {STAGES.get(one.stage, one.stage)}."
    line = f"The line was {words.percent(one.line_ppm)}." if one.line_ppm else "It has no line."
    kinds = {"events": one.events, "ticks": one.ticks}
    return Judged(
        f"{words.outcome(one.outcome)}, within {within}",
        f"{made} {line} {_ahead(one)}",
        _review(one),
        tuple(_cases(POPULATIONS[name], population) for name, population in kinds.items()),
        tuple(_acted(f"At {name}", population.acted) for name, population in kinds.items()),
        None if one.drift is None else _drifted(one.drift),
    )


def _ahead(one: Target) -> str:
    times = one.challenger_ahead
    if not times:
        return "The counting rule was not better at the last publication that could tell."
    return f"The counting rule was better in {times} publication{'s' if times > 1 else ''} in a row."


def _review(one: Target) -> str:
    if not one.review:
        return ""
    return (
        f"A review is asked for: in {one.challenger_ahead} publications in a row the counting rule, which has "
        "learned nothing, gave the better probabilities at events. The model goes on until people decide otherwise."
    )


def _cases(name: str, of: Population) -> Cases:
    held = _is_withheld(of.n, of.positives, of.model.observed_expected)
    lines = tuple(
        (title, *(_figure(getattr(scorer, field), places, held) for scorer in (of.model, of.challenger)))
        for title, field, places in (
            ("AUC", "auc", 3),
            ("Observed over expected", "observed_expected", 2),
            ("Slope", "slope", 2),
            ("Log loss", "log_loss", 4),
        )
    )
    return Cases(name, _count(of.n), _count(of.positives), lines, tuple(_group(group) for group in of.groups))


def _group(of: OfGroup) -> Line:
    held = _is_withheld(of.n, of.positives, of.observed_expected)
    figures = ((of.auc, 3), (of.observed_expected, 2), (of.precision, 2))
    name = of.group.replace("_", " ").capitalize() or "Not recorded"
    return (name, _count(of.n), _count(of.positives), *(_figure(value, places, held) for value, places in figures))


def _is_withheld(n: int | None, positives: int | None, observed_expected: int | None) -> bool:
    """Whether figures are missing because they are withheld: any case at all has an observed over expected."""
    return n is None or positives is None or (n > 0 and observed_expected is None)


def _figure(micro: int | None, places: int, held: bool) -> str:
    if micro is None:
        return WITHHELD if held else UNSAID
    return f"{micro / MICRO:.{places}f}"


def _count(count: int | None) -> str:
    return WITHHELD if count is None else f"{count:,}"


def _acted(name: str, of: Acted | None) -> Line:
    if of is None:
        return (name, WITHHELD, WITHHELD, WITHHELD)
    return (name, _count(of.n), _count(of.positives), f"{of.expected_ppm / MICRO:,.1f}")


def _drifted(of: Drift) -> Drifted:
    says = (
        f"Stability index of the scores of {of.n:,} households: {of.psi / MICRO:.2f}. "
        "Above 0.25 is usually called a shift: people look at what changed."
    )
    last, first = of.p99_ppm
    means = (
        (f"Mean of what {words.KINDS[kind]} recorded", *(f"{mean / MICRO:.2f}" for mean in pair))
        for kind, pair in zip(AGENCY_KINDS, of.means, strict=False)  # a kind that the platform does not yet count
    )
    return Drifted(
        says, (("Score that 1 in 100 households passes", words.percent(last), words.percent(first)), *means)
    )
