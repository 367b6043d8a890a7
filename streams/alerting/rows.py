"""The tables of a watch: which there are, and what is kept of rules and time.

Decides their names, order and types; what is in them is decided by the modules whose types they hold.
"""

from __future__ import annotations

from typing import Final

import msgspec

from streams.alerting.machine import Watched
from streams.alerting.notice import Alert
from streams.alerting.telling import Episodes
from streams.risk.drift import Drift
from streams.risk.examples import Example, Resolved
from streams.risk.foresight import FORESIGHT_SPECS
from streams.risk.golive import Cursor
from streams.risk.learn import Learned
from streams.risk.model import Model
from streams.risk.quality import Figures
from streams.risk.steer import Steering
from streams.risk.study import Study
from streams.state import Spec


class RulesRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The rules in force and since when."""

    body: str
    version: int
    since: int


class Clock(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far time has been dealt with.

    Attributes:
        at: Ticks before this were had (ms).
        household: And at it, those up to this one.
        children: Children counted in the last full cycle of ticks.
        counting: Children counted so far in this one.
        counted_at: When this cycle began.
        published_at: Last publication.
        sweeping: Weights, rules or line changed, and households after `swept` have not been judged by them yet.
        swept: How far the sweep has come.
    """

    at: int = 0
    household: bytes = b""
    children: int = 0
    counting: int = 0
    counted_at: int = 0
    published_at: int = 0
    sweeping: bool = False
    swept: bytes = b""


FIRST_SPECS: Final = (
    Spec("watches", Watched),
    Spec("alerts", Alert),
    Spec("episodes", Episodes),
    Spec("examples", Example),
    Spec("calibration", Resolved),
    Spec("learner", Learned),
    Spec("model", Model),
    Spec("study", Study),
    Spec("golive", Cursor),
    Spec("steering", Steering),
    Spec("alert_rules", RulesRow),
    Spec("clock", Clock),
)
FIGURE_SPECS: Final = (Spec("figures", Figures), Spec("drift", Drift))
SPECS: Final = (*FIRST_SPECS, *FORESIGHT_SPECS, *FIGURE_SPECS)
"""All tables of a watch. A partnership lists them in several places: a table's number never changes."""
