"""A harder world: what an event means depends on what else there is, and on whose child it is.

Decides by how much combinations of recent events raise or lower the rate of referrals. In the plain world every event
speaks for itself, which suits a model that adds; here some concerns matter only together, and an injury means
something else for a baby than for a youth. Made to find out what a model that adds loses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from demo.world.base import TOTAL_DAYS
from demo.world.kinds import BY_NAME
from demo.world.stories import Happening

LASTS_DAYS: Final = 60  # an event is recent so long
TOGETHER: Final = ((("violence",), ("injury", "mental_health"), 6.0), (("attendance",), ("missing", "housing"), 5.0))
"""(one family, another, factor): both recent."""
ALONE: Final = 0.6  # one of such a pair without the other
BABY_INJURY: Final = 3.0  # a child under 5
YOUTH_INJURY: Final = 0.4  # a child of 11 or more
BASE: Final = 0.75  # keeps the number of referrals about where the plain world has it


class Interplay:
    """Recent families of events, by day and household."""

    def __init__(self, happenings: Iterable[Happening], households: int) -> None:
        families = sorted({family for one, other, _ in TOGETHER for family in (*one, *other)} | {"injury"})
        self._recent = {family: np.zeros((TOTAL_DAYS, households), bool) for family in families}
        for happening in happenings:
            recent = self._recent.get(BY_NAME[happening.kind].family)
            if recent is not None:
                day = int(happening.day) + 1  # what happens today raises the rate from tomorrow
                recent[day : day + LASTS_DAYS, happening.household] = True

    def factor(self, household: int, days: range, age: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Factor of a child's rate of referral on each day.

        Args:
            household: Its household.
            days: Which days.
            age: Its age on each, years.

        Returns:
            One factor a day.
        """
        span = slice(days.start, days.stop)

        def any_of(families: Iterable[str]) -> npt.NDArray[np.bool_]:
            found = np.zeros(len(days), bool)
            for family in families:
                found |= self._recent[family][span, household]
            return found

        factor = np.full(len(days), BASE)
        for one, other, strength in TOGETHER:
            has_one, has_other = any_of(one), any_of(other)
            factor *= np.where(has_one & has_other, strength, np.where(has_one | has_other, ALONE, 1.0))
        injured = any_of(("injury",))
        return factor * np.where(injured & (age < 5), BABY_INJURY, np.where(injured & (age >= 11), YOUTH_INJURY, 1.0))
