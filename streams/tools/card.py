"""`sightline model card`: an algorithmic transparency record from the running configuration and its figures.

Decides what of a partnership's state is in the record; its words are those of cardtext.py. Reads a snapshot, changes
nothing. There is nobody in it: choices, weights and the figures that every agency is told, small numbers withheld.
"""

from __future__ import annotations

import argparse
import json
import sys
from math import exp
from pathlib import Path
from typing import Any, Final

import msgspec

from streams import figures
from streams.alerting.backtest import NotPossible
from streams.alerting.rules import Rules, parse_rules
from streams.insights.suppress import small
from streams.partnership import Partnership
from streams.risk.features import MICRO, NAMES
from streams.risk.outcomes import OUTCOMES
from streams.risk.study import ONLY, Scholar
from streams.runtime import settings
from streams.runtime.commits import Damaged
from streams.tools.cardtext import as_text
from streams.tools.linkage import NoState, load

COUNTS: Final = ("children", "raised", "queued", "unread")
SMALL_WEIGHT: Final = 1_000  # millionths of log-odds below which a feature says nothing


def card(p: Partnership) -> dict[str, Any]:
    """The record as data.

    Raises:
        NotPossible: There are no rules in force.
    """
    row = p.tables["alert_rules"].get(ONLY)
    if row is None or p.register is None:
        raise NotPossible("expected rules in force, found none: a control sets them")
    rules, watch = parse_rules(row.body), p.watch
    told = {(one["outcome"], one["horizon_days"]): one for one in figures.body(watch.scholars)["targets"]}
    return {
        "partnership": p.name,
        "as_of": p.tables["time"].get("now", 0),
        "phase": watch.phase,
        "agencies": {name: p.register.agencies[name].kind for name in sorted(p.register.agencies)},
        "enriched": [name for name in sorted(p.register.agencies) if p.register.agencies[name].enrich],
        "rules_version": row.version,
        "rules": _rules(rules),
        "raise_ppm": watch.figures()["raise_ppm"],
        "counts": {name: _count(watch.figures()[name]) for name in COUNTS},
        "targets": [_target(one, told.get((one.target.outcome, one.target.horizon_days))) for one in watch.scholars],
        "features": list(NAMES),
        "withheld": figures.WITHHELD,
    }


def _rules(rules: Rules) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(rules)
    for name in ("holidays", "day_starts", "day_ends"):
        del plain[name]
    return plain


def _target(scholar: Scholar, told: dict[str, Any] | None) -> dict[str, Any]:
    target, model, study, learned = scholar.target, scholar.model, scholar.study, scholar.learned
    return {
        "outcome": target.outcome,
        "says": OUTCOMES[target.outcome].says,
        "horizon_days": target.horizon_days,
        "label_days": target.label_days,
        "grace_days": target.grace_days,
        "model": model.name,
        "stage": model.stage,
        "published_at": model.published_at,
        "few": scholar.few,
        "examples": _count(learned.examples),
        "censored": _count(study.censored),
        "kept_out": _count(study.unlearned),
        "intercept": model.intercept,
        "weights": [_weight(name, weight) for name, weight in zip(NAMES, model.weights, strict=True)],
        "figures": told,
    }


def _count(number: int) -> int | None:
    return None if small(number) else number


def _weight(name: str, weight: int) -> dict[str, Any]:
    says = "nothing" if abs(weight) < SMALL_WEIGHT else "raises" if weight > 0 else "lowers"
    return {"feature": name, "weight": weight, "says": says, "odds_milli": round(exp(weight / MICRO) * 1000)}


def main(argv: list[str]) -> int:
    """`sightline model`."""
    parser = argparse.ArgumentParser(prog="sightline model", description="What the models of a partnership are.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    one = commands.add_parser("card", help="an algorithmic transparency record of what runs, with its figures")
    one.add_argument("--config", required=True, help="settings file of an operator (JSON), with snapshots")
    one.add_argument("--partition", required=True, type=int, help="journal partition of the partnership")
    one.add_argument("--partnership", required=True)
    one.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(argv)
    try:
        config = settings.load(options.config, settings.Operator)
        if not config.snapshots:
            raise NoState(f"{options.config}: expected snapshots, where the snapshotter writes")
        keyring: Any = settings.plugin(config.keyring)(Path(config.keys))
        found = card(load(config.snapshots, options.partition, options.partnership, keyring))
    except (NoState, NotPossible, Damaged, OSError, ValueError) as error:
        sys.stderr.write(f"sightline model: {error}\n")
        return 2
    sys.stdout.write(json.dumps(found, indent=1) + "\n" if options.json else as_text(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
