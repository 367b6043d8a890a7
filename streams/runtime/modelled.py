"""How good the models are, as gauges: what every agency is told, nothing more.

Decides names and labels only: a partnership, an outcome, a kind of moment and a figure. What is withheld from the
agencies is not a number here either.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import nan
from typing import Any, Final

from streams.figures import KEY, POPULATIONS
from streams.runtime import metrics

MICRO: Final = 1_000_000
SCORERS: Final = ("model", "challenger")


class Modelled:
    """The gauges of one machine's partnerships."""

    def __init__(self, machine: Any) -> None:
        """Bind a machine; one without partnerships has nothing to show."""
        self._partnerships: Mapping[str, Any] = getattr(machine, "partnerships", {})
        self._shown: dict[str, str] = {}

    def show(self) -> None:
        """Set the gauges where something else was told since the last call."""
        for name, partnership in self._partnerships.items():
            text = partnership.tables["told"].get(KEY)
            if text is not None and text is not self._shown.get(name):
                self._shown[name] = text
                for target in json.loads(text)["targets"]:
                    _show(name, target)


def _show(partnership: str, target: Mapping[str, Any]) -> None:
    of = (partnership, target["outcome"], str(target["horizon_days"]))
    metrics.MODEL_REVIEW.labels(*of).set(target["review"])
    for kind in POPULATIONS:
        cases = target[kind]
        for name in ("n", "positives"):
            metrics.MODEL_CASES.labels(*of, kind, name).set(_value(cases[name]))
        for scorer in SCORERS:
            for figure, micro in cases[scorer].items():
                metrics.MODEL_FIGURE.labels(*of, kind, scorer, figure).set(_value(micro) / MICRO)
    if drift := target["drift"]:
        metrics.MODEL_DRIFT.labels(partnership, "psi").set(drift["psi"] / MICRO)
        for when, ppm in zip(("now", "reference"), drift["p99_ppm"], strict=True):
            metrics.MODEL_DRIFT.labels(partnership, f"p99_{when}").set(ppm / MICRO)


def _value(number: int | None) -> float:
    return nan if number is None else number
