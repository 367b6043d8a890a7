"""Why a household scores what it scores, in parts that sum to the score.

Decides how feature parts become a dozen reasons a worker can challenge. The parts of shared features (how much in
all, how sudden) go to the families that made them, in proportion; how many agencies know something stays a reason of
its own, since that is what no single agency sees.
"""

from __future__ import annotations

from math import exp
from typing import Final

from schemas.event import AGENCY_KINDS, FAMILIES
from streams.alerting.notice import Part
from streams.risk.contribution import Contribution
from streams.risk.features import (
    ADVERSE,
    AGAIN_AT,
    AGENCIES,
    AGENCY_AT,
    BURST,
    DAY_MS,
    NAMES,
    PROTECTIVE,
    PROTECTIVE_TOTAL,
    RATE_120,
    STEPPED,
    TOTAL_7,
    UNIT,
)
from streams.risk.household import Household
from streams.risk.model import Model, Scored, parts

TOTALS: Final = (NAMES.index("total_30"), NAMES.index("total_120"), BURST)
AGENCY_PARTS: Final = (*range(AGENCY_AT, TOTAL_7), *range(AGAIN_AT, AGAIN_AT + AGENCIES), *STEPPED)
SHOWN: Final = PROTECTIVE + 1  # adverse families and protective


def explain(model: Model, household: Household, scored: Scored, now: int) -> tuple[Part, ...]:
    """Reasons for a score.

    Args:
        model: What it was scored by.
        household: What was scored.
        scored: The score.
        now: Moment of the score (ms).

    Returns:
        Parts, the heaviest first; their `weight_milli` sum to the log-odds in thousandths, rounded down.
    """
    by_feature = parts(model, scored.x)
    share, newest = _families(household.contributions, now)
    whole = sum(share[:ADVERSE])
    shared = sum(by_feature[place] for place in TOTALS)
    own = [by_feature[family] + (shared * share[family] // whole if whole else 0) for family in range(ADVERSE)]
    own.append(by_feature[PROTECTIVE] + by_feature[PROTECTIVE_TOTAL])
    agencies = sum(by_feature[place] for place in AGENCY_PARTS)
    total = model.intercept + sum(by_feature)
    named = [(FAMILIES[family], own[family], *_source(newest[family], now)) for family in range(SHOWN)]
    named += [("agencies", agencies, "", 0), ("base", total - sum(own) - agencies, "", 0)]
    return tuple(
        Part(family, milli, kind, age)
        for (family, _, kind, age), milli in sorted(
            zip(named, _milli([micro for _, micro, _, _ in named]), strict=True),
            key=lambda one: (-abs(one[1]), one[0][0]),
        )
        if milli
    )


def _milli(micro: list[int]) -> list[int]:
    """Thousandths from millionths, so that the sum of the roundings is the rounding of the sum."""
    out, done, run = [], 0, 0
    for value in micro:
        run += value
        out.append(run // 1000 - done)
        done = run // 1000
    return out


def _families(contributions: tuple[Contribution, ...], now: int) -> tuple[list[int], list[tuple[int, int] | None]]:
    """By family: how much of the adverse total at 120 days it is, and its newest event as (when, kind of agency).

    The shares are integers, so equal in any order; of two events of one moment the higher kind counts.
    """
    share: list[int] = [0] * len(FAMILIES)
    newest: list[tuple[int, int] | None] = [None] * len(FAMILIES)
    for one in contributions:
        at = one.occurred_at
        if at > now or one.outcome:
            continue
        unit = UNIT * exp(RATE_120 * (at - now))
        kind = one.agency_kind
        for family, severity in one.factors:
            share[family] += int(severity * unit)
            known = newest[family]
            if known is None or (at, kind) > known:
                newest[family] = (at, kind)
    return share, newest


def _source(newest: tuple[int, int] | None, now: int) -> tuple[str, int]:
    """Kind of agency of a family's newest event, and its age in days."""
    return ("", 0) if newest is None else (AGENCY_KINDS[newest[1]], (now - newest[0]) // DAY_MS)
