"""What a world is made of: how much is planted and how much only happens.

Decides shares and rates. A demonstration needs many stories in few families; a measurement needs the mixture in which
a score is used: RISK section 2's, where most outcomes come of needs that nobody planted.
"""

from __future__ import annotations

from typing import Final, NamedTuple

ByState = tuple[float, float, float, float]
"""A number for each of demo.world.kinds.STATES."""


class Mix(NamedTuple):
    """Shares and rates of a world; stories are counts for 2,000 families.

    Attributes:
        need: Need that arises by itself, as a share of RISK section 2's.
        busy: Share of families with much contact and no need.
        slow: Slow accumulations that end in an outcome, a year.
        sudden: Sudden ones, a year.
        lookalike: Accumulations that end in nothing, a year.
        recoveries: Families that recover in the live year, and as many before it.
        sizes: Share of accumulations with 3, 4, ... 10 events.
        referral: Referrals a child and year in each state of need.
        goes_on: Share of referrals that go on to need or plan, by state.
        triggered: Share of graver events that lead to a referral within days, by state.
        interacting: What an event means depends on what else there is, see interplay.py.
    """

    need: float
    busy: float
    slow: float
    sudden: float
    lookalike: float
    recoveries: float
    sizes: tuple[float, ...] = (0.03, 0.05, 0.10, 0.15, 0.20, 0.20, 0.15, 0.12)
    referral: ByState = (0.038, 0.15, 0.8, 0.15)
    goes_on: ByState = (0.27, 0.4, 0.7, 0.35)
    triggered: ByState = (0.0, 0.0, 0.0, 0.0)
    interacting: bool = False


PLANTED: Final = Mix(need=0.5, busy=0.41, slow=30, sudden=16, lookalike=30, recoveries=20)
"""The demo's: more than ten busy families for each planted story."""
NATURAL: Final = Mix(
    need=1.0, busy=0.04, slow=12, sudden=0, lookalike=13, recoveries=0, sizes=(0.125,) * 8,
    referral=(0.022, 0.12, 0.8, 0.12),
    goes_on=(0.25, 0.5, 0.7, 0.4), triggered=(0.0, 0.04, 0.15, 0.04),
)  # fmt: skip
"""RISK section 2's: 148 slow stories and 153 look-alikes of 8,000 families in three years."""
