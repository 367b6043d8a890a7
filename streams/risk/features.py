"""The 32 numbers a household is judged by, exact in any order.

Decides how contributions become decayed sums and sums become features: RISK section 3, last row, without referrals
(they write the label), with grave events (any agency's own rule is one of them), protective volume, each agency's
concern beyond its first, and social care's together with how much there is in all: the last two close half of what
adding up loses to gradient boosting (docs/decisions.md). Each contribution is decayed to `now`, rounded to a
fixed-point integer and only then added, so that records, people and households sum to the same integers in whatever
order they are linked, corrected or split. Does not decide what a feature weighs.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, log, log1p, sqrt
from typing import Final

from schemas.event import ADVERSE_FAMILIES, AGENCY_KINDS, FAMILIES, SEVERITY_MAX
from schemas.profile import AGE_BANDS
from streams.risk.contribution import Contribution

DAY_MS: Final = 86_400_000
UNIT: Final = 1 << 24  # fixed point of decayed sums: 6e-8 of one low event
MICRO: Final = 1_000_000  # fixed point of features and log-odds
LN2: Final = 0.6931471805599453
RATE_7: Final = LN2 / (7 * DAY_MS)  # per ms; burst
RATE_30: Final = LN2 / (30 * DAY_MS)  # per ms; families
RATE_120: Final = LN2 / (120 * DAY_MS)  # per ms; totals and agencies
PRESENT: Final = UNIT // 4  # an agency counts as present above a decayed count of .25, RISK section 3
CONTACT_CAP: Final = 4 * UNIT  # service contact is counted up to four recent ones: a busy family is not a risk
AGENCY_CAP: Final = 8 * UNIT  # and an agency up to eight, contacts among them
ONCE: Final = 693_147  # log1p of one recent event, in millionths: beyond it an agency has said it again
ACTIVE: Final = UNIT // 5  # a 30-day sum above .2 makes a household active at ticks, RISK section 4

ADVERSE: Final = len(ADVERSE_FAMILIES)  # 8
CONTACT: Final = FAMILIES.index("contact")
PROTECTIVE: Final = FAMILIES.index("protective")
AGENCIES: Final = len(AGENCY_KINDS)  # 5

# Places in the sums: families at 30 days (adverse, then protective), agencies at 120, then these four.
AGENCY_AT: Final = ADVERSE + 1
TOTAL_7: Final = AGENCY_AT + AGENCIES
TOTAL_120: Final = TOTAL_7 + 1  # without contact
CONTACT_120: Final = TOTAL_120 + 1
PROTECTIVE_120: Final = CONTACT_120 + 1
GRAVE_30: Final = PROTECTIVE_120 + 1  # events of the highest severity, at 30 days
SUMS: Final = GRAVE_30 + 1

NAMES: Final = (
    *ADVERSE_FAMILIES, "protective", *(f"agency_{kind}" for kind in AGENCY_KINDS), "distinct", "burst",
    "age_0_4", "age_5_10", "age_11_15", "age_16", "children", "total_30", "total_120", "distinct_total",
    "protective_total", "grave", *(f"again_{kind}" for kind in AGENCY_KINDS), "social_care_total",
)  # fmt: skip
WIDTH: Final = len(NAMES)  # 32
DISTINCT: Final = NAMES.index("distinct")
BURST: Final = NAMES.index("burst")
AGE_AT: Final = NAMES.index("age_0_4")
CHILDREN: Final = NAMES.index("children")
DISTINCT_TOTAL: Final = NAMES.index("distinct_total")
PROTECTIVE_TOTAL: Final = NAMES.index("protective_total")
AGAIN_AT: Final = NAMES.index(f"again_{AGENCY_KINDS[0]}")
SOCIAL_CARE_TOTAL: Final = NAMES.index("social_care_total")
STEPPED: Final = (DISTINCT, DISTINCT_TOTAL, SOCIAL_CARE_TOTAL)
"""Features that fall at once when an agency fades; see `next_step`."""
_SOCIAL_CARE: Final = AGENCY_AT + AGENCY_KINDS.index("social_care")

_AGE_OF_BAND: Final = {"unborn": 0, "0-4": 0, "5-10": 1, "11-15": 2, "16-17": 3, "18-24": 3}
AGE_OF_BAND: Final = tuple(_AGE_OF_BAND.get(band, -1) for band in AGE_BANDS)
"""Which of the four age features a band sets; -1 where the age is not known."""

Sums = tuple[int, ...]
Vector = tuple[int, ...]


def sums(contributions: Iterable[Contribution], now: int) -> Sums:
    """Decayed sums of contributions at a moment; those after it and outcomes add nothing.

    Args:
        contributions: In any order.
        now: ms since 1970-01-01 UTC.

    Returns:
        `SUMS` integers in units of 1 / `UNIT`, never negative.
    """
    out = [0] * SUMS
    for one in contributions:
        age = now - one.occurred_at
        if age < 0 or one.outcome:
            continue
        by_30 = exp(-RATE_30 * age)
        by_120 = sqrt(sqrt(by_30))  # 120 is four times 30; a root is exact everywhere, a second exp need not be
        unit_30, unit_120 = by_30 * UNIT, by_120 * UNIT
        adverse = 0
        for family, severity in one.factors:
            if family < CONTACT:
                out[family] += int(severity * unit_30 + 0.5)
                out[TOTAL_120] += int(severity * unit_120 + 0.5)
                adverse += severity
                if severity == SEVERITY_MAX:
                    out[GRAVE_30] += int(unit_30 + 0.5)
            elif family == CONTACT:
                out[CONTACT] += int(severity * unit_30 + 0.5)
                out[CONTACT_120] += int(severity * unit_120 + 0.5)
                adverse += severity
            elif family == PROTECTIVE:
                out[PROTECTIVE] += int(severity * unit_30 + 0.5)
                out[PROTECTIVE_120] += int(severity * unit_120 + 0.5)
        if adverse:
            out[AGENCY_AT + one.agency_kind] += int(unit_120 + 0.5)
            out[TOTAL_7] += int(adverse * exp(-RATE_7 * age) * UNIT + 0.5)
    return tuple(out)


def add(parts: Iterable[Sums]) -> Sums:
    """Sums of a whole from the sums of its parts: integers, so equal in any order."""
    whole = (0,) * SUMS
    for part in parts:
        whole = tuple(a + b for a, b in zip(whole, part, strict=True))
    return whole


def totals(of: Sums) -> tuple[int, int]:
    """Adverse totals at 30 and at 120 days, contact counted up to its cap."""
    return (
        sum(of[:CONTACT]) + min(of[CONTACT], CONTACT_CAP),
        of[TOTAL_120] + min(of[CONTACT_120], CONTACT_CAP),
    )


def vector(of: Sums, children: int) -> Vector:
    """Features of a household without a child's age.

    Args:
        of: The household's sums.
        children: How many children it has.

    Returns:
        `WIDTH` integers in millionths, in the order of `NAMES`; the four ages are 0, see `with_age`.
    """
    logs = [int(log1p(value / UNIT) * MICRO + 0.5) for value in of[:AGENCY_AT]]
    logs += [int(log1p(min(value, AGENCY_CAP) / UNIT) * MICRO + 0.5) for value in of[AGENCY_AT:TOTAL_7]]
    total_30, total_120 = totals(of)
    log_120 = int(log1p(total_120 / UNIT) * MICRO + 0.5)
    if of[CONTACT] > CONTACT_CAP:
        logs[CONTACT] = int(log1p(CONTACT_CAP / UNIT) * MICRO + 0.5)
    distinct = sum(of[place] > PRESENT for place in range(AGENCY_AT, TOTAL_7))
    return (
        *logs,
        distinct * MICRO,
        int(of[TOTAL_7] / (total_120 + UNIT / 2) * MICRO + 0.5),
        0, 0, 0, 0,
        int(log1p(children) * MICRO + 0.5),
        int(log1p(total_30 / UNIT) * MICRO + 0.5),
        log_120,
        distinct * log_120,
        int(log1p(of[PROTECTIVE_120] / UNIT) * log_120 + 0.5),
        int(log1p(of[GRAVE_30] / UNIT) * MICRO + 0.5),
        *[max(0, value - ONCE) for value in logs[AGENCY_AT:]],
        logs[_SOCIAL_CARE] * distinct * log_120 // MICRO,
    )  # fmt: skip


def with_age(household: Vector, age: int) -> Vector:
    """The features of one child: the household's, with the child's age feature set (-1 for none)."""
    if age < 0:
        return household
    place = AGE_AT + age
    return (*household[:place], MICRO, *household[place + 1 :])


def rates(of: Sums, x: Vector) -> tuple[float, ...]:
    """How fast each feature can still move when nothing new arrives: bounds that only fall with time.

    Every feature sinks (the sums decay, the burst decays faster than what it is measured against). What `distinct` is
    part of moves by steps besides, at known times, and those are left to `next_step`.

    Returns:
        `WIDTH` bounds on |change| in millionths per ms.
    """
    total_30, total_120 = totals(of)
    fast, slow = RATE_30 * MICRO, RATE_120 * MICRO
    rate_total = slow * total_120 / (UNIT + total_120)
    protective = of[PROTECTIVE_120]
    rate_protective = slow * protective / (UNIT + protective)
    by_agency = [slow * value / (UNIT + value) for value in of[AGENCY_AT:TOTAL_7]]
    return (
        *(fast * value / (UNIT + value) for value in of[:AGENCY_AT]),
        *by_agency,
        0.0,
        RATE_7 * x[BURST],
        0.0, 0.0, 0.0, 0.0,
        0.0,
        fast * total_30 / (UNIT + total_30),
        rate_total,
        rate_total * x[DISTINCT] / MICRO,
        log1p(protective / UNIT) * rate_total + log1p(total_120 / UNIT) * rate_protective,
        fast * of[GRAVE_30] / (UNIT + of[GRAVE_30]),
        *(rate if x[AGAIN_AT + place] else 0.0 for place, rate in enumerate(by_agency)),
        (x[_SOCIAL_CARE] * rate_total * x[DISTINCT] / MICRO + by_agency[_SOCIAL_CARE - AGENCY_AT] * x[DISTINCT_TOTAL])
        / MICRO,
    )  # fmt: skip


def next_step(of: Sums) -> int | None:
    """Time until the number of distinct agencies next falls (ms), or None if it cannot."""
    waits = [int(log(value / PRESENT) / RATE_120) + 1 for value in of[AGENCY_AT:TOTAL_7] if value > PRESENT]
    return min(waits, default=None)
