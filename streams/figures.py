"""How good the models are, told to everyone in the partnership at each publication.

Decides the form only; the figures and what of them is withheld are those of streams/risk/quality.py and drift.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from streams.insights.suppress import SMALL_MAX
from streams.partnership import Partnership
from streams.risk.outcomes import OUTCOMES
from streams.risk.quality import Acted, Figures, Population
from streams.risk.study import Scholar

KEY: Final = "model:figures"
WITHHELD: Final = f"counts of 1 to {SMALL_MAX}, whatever rests on them, and what would give them back"
POPULATIONS: Final = ("events", "ticks")


def tell(p: Partnership, now: int) -> None:
    """Tell the figures when something was published since they were told."""
    if p.watch.phase != "live":
        return
    current = tuple((one.key, one.figures.version) for one in p.watch.scholars if one.figures is not None)
    if current != p.figures_told:
        p.figures_told = current
        p.tell(KEY, body(p.watch.scholars), now)


def body(scholars: Iterable[Scholar]) -> dict[str, Any]:
    """All of it: figures in millionths, a withheld one is None, a target without figures yet is left out.

    It is made of what was kept at the publications alone, so that it is the same whenever it is made.
    """
    return {
        "targets": [_target(one, one.figures) for one in scholars if one.figures is not None],
        "withheld": WITHHELD,
    }


def _target(scholar: Scholar, figures: Figures) -> dict[str, Any]:
    target, study = scholar.target, scholar.study
    return {
        "outcome": target.outcome,
        "horizon_days": target.horizon_days,
        "says": OUTCOMES[target.outcome].says,
        "made_at": figures.made_at,
        "version": figures.version,
        "stage": figures.stage,
        "line_ppm": figures.line_ppm,
        "slope": figures.slope,
        "shift": figures.shift,
        "events": _population(figures.events, figures.acted[0]),
        "ticks": _population(figures.ticks, figures.acted[1]),
        "refused": study.refused,
        "challenger_ahead": figures.ahead,
        "review": figures.review,
        "drift": None if figures.drift is None else msgspec.structs.asdict(figures.drift),
    }


def _population(one: Population, acted: Acted | None) -> dict[str, Any]:
    return {
        "n": one.n,
        "positives": one.positives,
        "model": msgspec.structs.asdict(one.model),
        "challenger": msgspec.structs.asdict(one.challenger),
        "groups": [msgspec.structs.asdict(group) for group in one.groups],
        "acted": None if acted is None else msgspec.structs.asdict(acted),
    }
