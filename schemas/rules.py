"""The numbers of the control `rules` that people change: what each may be, and what holds where it is left out.

Decides bounds and their words once, so that a change is refused where it is drafted in the words of the platform that
would refuse it. What is not a number is judged by the platform alone (streams/alerting/rules.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DEFAULTS: Final[Mapping[str, float]] = {
    "budget_per_1000_month": 2.0, "over_budget": 1.05, "burst_days": 14.0, "raise_at": 0.0, "clear_ratio": 0.7,
    "clear_dwell_days": 14, "step_down_ratio": 0.3, "step_down_dwell_days": 28,
}  # fmt: skip
"""What holds where a body says nothing; whole numbers are days and stay whole."""
RESPOND_HOURS: Final = 4
RESPOND_HOURS_MAX: Final = 400
DAYS_MAX: Final = 365


def faults(chosen: Mapping[str, float]) -> list[str]:
    """What is wrong with numbers of `rules`.

    Args:
        chosen: All of `DEFAULTS`, by name; more is passed over.

    Returns:
        A sentence for each that cannot be, in no particular order; none where all can.
    """
    clear = chosen["clear_ratio"]
    checks = (
        (0 < chosen["budget_per_1000_month"] <= 100, "budget_per_1000_month must be above 0 and at most 100"),
        (1 <= chosen["over_budget"] <= 2, "over_budget must be from 1 to 2"),
        (0 < chosen["burst_days"] <= 60, "burst_days must be above 0 and at most 60"),
        (chosen["raise_at"] == 0 or 0.005 <= chosen["raise_at"] <= 0.9, "raise_at must be 0 or from .005 to .9"),
        (0.05 <= clear <= 0.95, "clear_ratio must be from .05 to .95"),
        (0.01 <= chosen["step_down_ratio"] <= 0.9 * clear, "step_down_ratio must be from .01 to .9 clear_ratio"),
        (1 <= chosen["clear_dwell_days"] <= DAYS_MAX, f"clear_dwell_days must be from 1 to {DAYS_MAX}"),
        (1 <= chosen["step_down_dwell_days"] <= DAYS_MAX, f"step_down_dwell_days must be from 1 to {DAYS_MAX}"),
    )
    return [why for fine, why in checks if not fine]


def respond_fault(hours: float) -> str:
    """What is wrong with the working hours in which a team answers, or nothing."""
    fine = 1 <= hours <= RESPOND_HOURS_MAX
    return "" if fine else f"respond_hours must be from 1 to {RESPOND_HOURS_MAX}"
