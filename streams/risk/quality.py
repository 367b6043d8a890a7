"""How good published probabilities were, beside the counting rule on the very same cases.

Decides the figures, who is judged apart (events, ticks, coded groups, cases somebody acted on) and what of it may be
shown. A case counts by what was published at its moment, never by later weights. Pure: cases in, integers out, the
same on every machine. Source of the measures: RISK sections 4 and 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp, log
from typing import Final, NamedTuple

import msgspec

from streams.insights.suppress import cells, small
from streams.risk.drift import Drifted

MICRO: Final = 1_000_000
BINS: Final = 10
BINS_HIGH: Final = 5
HIGH_PPM: Final = 100_000
REVIEW_AFTER: Final = 3  # publications in a row
GROUP_STEP: Final = 1_000  # a group's figures are shown to the third decimal
_CLIP: Final = 30.0
_STEPS_MAX: Final = 50
_CLOSE: Final = 1e-9


class Case(NamedTuple):
    """A child at a moment, and what came of it.

    Attributes:
        positive: The outcome began within the horizon.
        z: Log-odds published then, in millionths.
        rule: Those of the challenger.
        group: Coded group, or empty.
        weight: How many like it were not taken.
    """

    positive: bool
    z: int
    rule: int
    group: str = ""
    weight: int = 1


class Measures(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Figures of one scorer in millionths; None where there is nothing to compute it from, or too few to show.

    Attributes:
        auc: Share of pairs of a positive and a negative in the right order; a tie is half a pair.
        log_loss: Mean of minus the logarithm of the probability given to what came true.
        observed_expected: Outcomes for each one expected.
        slope: Of the outcome on the log-odds; 1 is calibrated, below it overconfident.
        ece: Mean distance of observed from expected over ten bins of equally many cases.
        ece_high: The same over five bins of those above .1.
        precision: Of those at or above the line, the share with the outcome.
    """

    auc: int | None = None
    log_loss: int | None = None
    observed_expected: int | None = None
    slope: int | None = None
    ece: int | None = None
    ece_high: int | None = None
    precision: int | None = None


class OfGroup(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A coded group: counts to the nearest 5, None withheld; figures to the third decimal, withheld with them.

    `observed_expected`, `auc` and `precision` are the model's, as in `Measures`.
    """

    group: str
    n: int | None
    positives: int | None
    auc: int | None = None
    observed_expected: int | None = None
    precision: int | None = None


class Population(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Cases of one kind of moment.

    Attributes:
        n: Cases, each child of each example; None withheld.
        positives: Of these, with the outcome.
        model: Of what was published.
        challenger: Of the counting rule.
        groups: By coded group.
    """

    n: int | None = 0
    positives: int | None = 0
    model: Measures = Measures()
    challenger: Measures = Measures()
    groups: tuple[OfGroup, ...] = ()


class Acted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Cases whose family's alert somebody answered before what came of them: learned by nothing, counted apart.

    Attributes:
        n: Cases.
        positives: Of these, with the outcome all the same.
        expected_ppm: Sum of what was published for them.
    """

    n: int = 0
    positives: int = 0
    expected_ppm: int = 0

    def more(self, *, positive: bool, ppm: int) -> Acted:
        """With one more."""
        return Acted(self.n + 1, self.positives + positive, self.expected_ppm + ppm)

    @property
    def shown(self) -> Acted | None:
        """As it may be shown; None where it is withheld."""
        return None if _few(self.n, self.positives) else self


class Figures(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was told of one target at one publication.

    Attributes:
        made_at: When (ms since 1970-01-01 UTC).
        version, stage: Of the weights published then.
        line_ppm: Where the line was; 0 for a target without one.
        slope, shift: Calibration, in millionths.
        events, ticks: Cases at events, and at ticks: two populations that are never mixed.
        acted: Cases acted on, at events and at ticks; None withheld.
        ahead: Publications in a row in which the challenger had the lower log loss at events.
        drift: How far scores are from the first weeks; for what alerts rest on, once there are weeks to compare.
    """

    made_at: int
    version: int
    stage: str
    line_ppm: int
    slope: int
    shift: int
    events: Population = Population()
    ticks: Population = Population()
    acted: tuple[Acted | None, Acted | None] = (Acted(), Acted())
    ahead: int = 0
    drift: Drifted | None = None

    @property
    def review(self) -> bool:
        """Whether the challenger has been better for so long that people should look at the model."""
        return self.ahead >= REVIEW_AFTER


def judge(cases: Sequence[Case], line_ppm: int) -> Population:
    """Figures of one population, small numbers withheld.

    Args:
        cases: In an order that the same state always gives.
        line_ppm: The line in force; 0 for none.
    """
    n, positives = len(cases), sum(case.positive for case in cases)
    if _few(n, positives):
        return Population(None, None)
    model = measures([(c.positive, c.z, c.weight) for c in cases], line_ppm)
    challenger = measures([(c.positive, c.rule, c.weight) for c in cases], line_ppm)
    return Population(n, positives, model, challenger, _groups(cases, line_ppm))


def ahead(before: int, now: Population) -> int:
    """Publications in a row with the challenger ahead, this one included; unchanged where it cannot be said."""
    model, challenger = now.model.log_loss, now.challenger.log_loss
    if model is None or challenger is None:
        return before
    return before + 1 if challenger < model else 0


def _few(n: int, positives: int) -> bool:
    return small(n) or small(positives) or small(n - positives)


def _groups(cases: Sequence[Case], line_ppm: int) -> tuple[OfGroup, ...]:
    of: dict[str, list[Case]] = {}
    for case in cases:
        of.setdefault(case.group, []).append(case)
    names = sorted(of)
    if names in ([], [""]):
        return ()
    counts = cells([len(of[name]) for name in names])
    positives = cells([sum(c.positive for c in of[name]) for name in names], [count is None for count in counts])
    found = []
    for name, count, outcomes in zip(names, counts, positives, strict=True):
        rows = [(c.positive, c.z, c.weight) for c in of[name]]
        true = sum(c.positive for c in of[name])
        if count is None or outcomes is None or _few(len(rows), true):
            found.append(OfGroup(name, count, outcomes))
            continue
        made = measures(rows, line_ppm)
        shown = (_rounded(value) for value in (made.auc, made.observed_expected, made.precision))
        found.append(OfGroup(name, count, outcomes, *shown))
    return tuple(found)


def _rounded(value: int | None) -> int | None:
    return None if value is None else (value + GROUP_STEP // 2) // GROUP_STEP * GROUP_STEP


Row = tuple[bool, int, int]
"""Positive, log-odds in millionths, weight."""


def measures(rows: Sequence[Row], line_ppm: int) -> Measures:
    """All figures of one scorer; precision only where neither the cases above the line nor its two kinds are few."""
    if not rows:
        return Measures()
    p = [_probability(z) for _, z, _ in rows]
    whole = sum(weight for *_, weight in rows)
    loss = sum(-log(q if yes else 1 - q) * weight for (yes, _, weight), q in zip(rows, p, strict=True))
    expected = sum(q * weight for (*_, weight), q in zip(rows, p, strict=True))
    observed = sum(weight for yes, _, weight in rows if yes)
    high = [(row, q) for row, q in zip(rows, p, strict=True) if q * MICRO > HIGH_PPM]
    return Measures(
        auc=_auc(rows),
        log_loss=round(loss / whole * MICRO),
        observed_expected=round(observed / expected * MICRO),
        slope=_slope(rows),
        ece=_ece(rows, p, BINS),
        ece_high=_ece([row for row, _ in high], [q for _, q in high], BINS_HIGH),
        precision=_precision(rows, p, line_ppm),
    )


def _probability(z: int) -> float:
    return 1 / (1 + exp(-max(-_CLIP, min(_CLIP, z / MICRO))))


def _auc(rows: Iterable[Row]) -> int | None:
    at: dict[int, list[int]] = {}
    for yes, z, weight in rows:
        at.setdefault(z, [0, 0])[yes] += weight
    twice = below = positives = 0
    for z in sorted(at):
        without, having = at[z]
        twice += having * (2 * below + without)
        below += without
        positives += having
    pairs = 2 * positives * below
    return (2 * twice * MICRO + pairs) // (2 * pairs) if pairs else None


def _ece(rows: Sequence[Row], p: Sequence[float], bins: int) -> int | None:
    if len(rows) < bins:
        return None
    order = sorted(range(len(rows)), key=p.__getitem__)
    off = [0.0] * bins
    for rank, place in enumerate(order):
        yes, _, weight = rows[place]
        off[rank * bins // len(rows)] += (yes - p[place]) * weight
    return round(sum(map(abs, off)) / sum(weight for *_, weight in rows) * MICRO)


def _precision(rows: Sequence[Row], p: Sequence[float], line_ppm: int) -> int | None:
    above = [row for row, q in zip(rows, p, strict=True) if int(q * MICRO + 0.5) >= line_ppm]
    true = sum(yes for yes, *_ in above)
    if not line_ppm or not above or _few(len(above), true):
        return None
    return round(sum(weight for yes, _, weight in above if yes) / sum(weight for *_, weight in above) * MICRO)


def _slope(rows: Sequence[Row]) -> int | None:
    """By Newton's method from a slope of 1; None where the cases do not settle it."""
    shift, by = 0.0, 1.0
    for _ in range(_STEPS_MAX):
        g_shift = g_by = h_11 = h_12 = h_22 = 0.0
        for yes, z, weight in rows:
            x = z / MICRO
            q = 1 / (1 + exp(-max(-_CLIP, min(_CLIP, shift + by * x))))
            v, wrong = weight * q * (1 - q), weight * (yes - q)
            g_shift, g_by = g_shift + wrong, g_by + wrong * x
            h_11, h_12, h_22 = h_11 + v, h_12 + v * x, h_22 + v * x * x
        det = h_11 * h_22 - h_12 * h_12
        if det <= _CLOSE * h_11 * h_22:
            return None
        one, other = (h_22 * g_shift - h_12 * g_by) / det, (h_11 * g_by - h_12 * g_shift) / det
        shift, by = shift + max(-2.0, min(2.0, one)), by + max(-1.0, min(1.0, other))
        if abs(one) + abs(other) < _CLOSE:
            return round(by * MICRO)
    return None
