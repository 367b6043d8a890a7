"""Gauges of the models: what was told and nothing else; a figure that is withheld is no number."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from streams.figures import KEY
from streams.risk.quality import Measures
from streams.runtime import metrics
from streams.runtime.modelled import Modelled

OF = ("northmere", "need_or_plan", "180")


def told(review: bool, auc: int | None, n: int | None = 100) -> dict[str, str]:
    cases = {"n": n, "positives": n, "model": msgspec.structs.asdict(Measures(auc=auc)),
             "challenger": msgspec.structs.asdict(Measures(auc=600_000))}  # fmt: skip
    target = {"outcome": "need_or_plan", "horizon_days": 180, "review": review, "events": cases, "ticks": cases,
              "drift": {"psi": 250_000, "p99_ppm": [300_000, 200_000]}}  # fmt: skip
    return {KEY: json.dumps({"targets": [target]})}


def machine(rows: dict[str, str]) -> Any:
    return SimpleNamespace(partnerships={"northmere": SimpleNamespace(tables={"told": rows})})


def value(metric: Any, *labels: str) -> float:
    return float(metric.labels(*labels)._value.get())


def test_what_was_told_is_set_and_what_is_withheld_is_no_number() -> None:
    rows = told(review=True, auc=812_345)
    shown = Modelled(machine(rows))
    shown.show()
    assert value(metrics.MODEL_REVIEW, *OF) == 1
    assert value(metrics.MODEL_FIGURE, *OF, "events", "model", "auc") == pytest.approx(0.812345)
    assert value(metrics.MODEL_FIGURE, *OF, "ticks", "challenger", "auc") == pytest.approx(0.6)
    assert math.isnan(value(metrics.MODEL_FIGURE, *OF, "events", "model", "slope"))
    assert value(metrics.MODEL_CASES, *OF, "events", "n") == 100
    assert value(metrics.MODEL_DRIFT, "northmere", "psi") == 0.25
    assert value(metrics.MODEL_DRIFT, "northmere", "p99_now") == pytest.approx(0.3)
    rows |= told(review=False, auc=None, n=None)
    shown.show()
    assert value(metrics.MODEL_REVIEW, *OF) == 0
    assert math.isnan(value(metrics.MODEL_FIGURE, *OF, "events", "model", "auc"))
    assert math.isnan(value(metrics.MODEL_CASES, *OF, "events", "n"))


def test_a_machine_that_told_nothing_or_has_no_partnerships_shows_nothing() -> None:
    Modelled(machine({})).show()
    Modelled(SimpleNamespace()).show()
