"""What can happen to a family, how often and how grave: the table that agencies' codes, rates and rules come from.

Decides rates per year by latent need. Does not decide when: see needs.py and stories.py. Rates are orders of
magnitude from RISK section 2, not estimates.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from schemas.event import ADVERSE_FAMILIES, AGENCY_KINDS

STATES: Final = ("calm", "rising", "crisis", "recovery")


class Kind(NamedTuple):
    """One kind of event.

    `level` is "child" (hangs on a child) or "adult" (hangs on an adult of the household); `rates` are per child or
    household and year in each of `STATES`.
    """

    name: str
    agency: str
    family: str
    severity: int
    level: str
    min_age: int
    rates: tuple[float, float, float, float]
    contact: bool = False


KINDS: Final = (
    Kind("da_incident", "police", "violence", 2, "adult", 0, (0.02, 0.25, 1.2, 0.15)),
    Kind("da_serious", "police", "violence", 4, "adult", 0, (0.0005, 0.02, 0.12, 0.01)),
    Kind("asb", "police", "missing", 1, "child", 10, (0.01, 0.08, 0.30, 0.05)),
    Kind("missing", "police", "missing", 2, "child", 11, (0.003, 0.05, 0.5, 0.05), contact=True),
    Kind("ed_visit", "health", "injury", 1, "child", 0, (0.24, 0.42, 0.7, 0.33), contact=True),
    Kind("injury_unexplained", "health", "injury", 4, "child", 0, (0.0003, 0.01, 0.06, 0.005), contact=True),
    Kind("parent_mh", "health", "mental_health", 1, "adult", 0, (0.08, 0.3, 0.6, 0.25)),
    Kind("missed_appt", "health", "welfare", 1, "child", 0, (0.08, 0.3, 0.6, 0.15)),
    Kind("self_harm", "health", "mental_health", 4, "child", 11, (0.002, 0.03, 0.15, 0.03), contact=True),
    Kind("absence", "education", "attendance", 1, "child", 5, (0.2, 0.6, 1.2, 0.4)),
    Kind("exclusion", "education", "attendance", 2, "child", 5, (0.02, 0.1, 0.3, 0.06)),
    Kind("school_welfare", "education", "welfare", 2, "child", 4, (0.02, 0.2, 0.8, 0.1)),
    Kind("arrears", "housing", "housing", 1, "adult", 0, (0.1, 0.35, 0.6, 0.25)),
    Kind("asb_complaint", "housing", "housing", 1, "adult", 0, (0.02, 0.1, 0.2, 0.05)),
    Kind("eviction_notice", "housing", "housing", 4, "adult", 0, (0.001, 0.03, 0.1, 0.02)),
    Kind("contact_nfa", "social_care", "contact", 1, "child", 0, (0.02, 0.15, 0.7, 0.15)),
    Kind("early_help", "social_care", "protective", 1, "child", 0, (0.01, 0.04, 0.05, 0.45)),
    Kind("attend_ok", "education", "protective", 1, "child", 5, (0.08, 0.05, 0.03, 0.5)),
    Kind("tenancy_ok", "housing", "protective", 1, "adult", 0, (0.03, 0.03, 0.03, 0.3)),
    Kind("hv_engaged", "health", "protective", 1, "child", 0, (0.06, 0.04, 0.03, 0.4)),
    Kind("referral", "social_care", "referral", 2, "child", 0, (0.0, 0.0, 0.0, 0.0)),
)
INDEX: Final = {kind.name: number for number, kind in enumerate(KINDS)}
BY_NAME: Final = {kind.name: kind for kind in KINDS}
SCHOOL_DAY: Final = frozenset({"absence", "exclusion", "school_welfare", "attend_ok"})
OFFICE_AGENCIES: Final = frozenset({"education", "social_care", "housing"})
OUTCOME: Final = "need_or_plan"

RULE_COUNTS: Final = {"police": 3, "health": 4, "education": 4, "social_care": 3, "housing": 3}
"""Each agency's own rule: so many of its own adverse events on a household in `RULE_DAYS`, or a single grave one."""
RULE_DAYS: Final = 180
GRAVE: Final = 4


def adverse(kind: Kind) -> bool:
    """Whether a kind counts towards an agency's own rule.

    Args:
        kind: The kind.

    Returns:
        True for the adverse families.
    """
    return kind.family in ADVERSE_FAMILIES


LOW: Final = {
    agency: tuple(kind for kind in KINDS if kind.agency == agency and adverse(kind) and kind.severity < GRAVE)
    for agency in AGENCY_KINDS
}
GRAVE_KINDS: Final = tuple(kind for kind in KINDS if kind.severity == GRAVE)
PROTECTIVE: Final = tuple(kind for kind in KINDS if kind.family == "protective")
