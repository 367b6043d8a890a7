"""Makes the published weights that a partnership may choose to begin with: `python -m benchmarks.prior`.

Decides which worlds they are learned on: the natural mixture, seeds that no test and no other benchmark uses, perfect
links. One learner goes through them one after the other, each as it would go live on the whole of it. Rerun it when
the features change: a prior of other features is refused, and a test says so. It tells what a synthetic world taught
and nothing about real children: the default is the counting rule.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.watching import TEAM, WorldFacts
from demo.world import END_MS, World
from demo.world.mix import NATURAL
from streams.alerting.rows import SPECS
from streams.alerting.watch import Watch
from streams.risk.features import NAMES
from streams.risk.learn import Prior
from streams.risk.study import Scholar
from streams.state import Tables

SEEDS: Final = (101, 102, 103)
FAMILIES: Final = 6000
NAME: Final = "synthetic"
CARRIED: Final = ("learner", "study", "calibration")  # from one world to the next: nothing in them is about anyone
FOLDER: Final = Path(__file__).parents[1] / "streams" / "risk" / "priors"
PLACES: Final = 6  # decimals kept


def gone_live(world: World, before: Tables | None) -> tuple[Scholar, Tables]:
    """Go live at the end of a world, going on from what an earlier one taught."""
    facts = WorldFacts(world)
    facts.now = END_MS
    for event in world.events():
        if event.recorded_at < END_MS and (event.removed_at is None or event.removed_at >= END_MS):
            facts.put(event)
    for s in world.statuses():
        if s.recorded_at < END_MS:
            ended = s.ended_at if s.ended_at is not None and s.ended_at < END_MS else None
            facts.spell(s.person, s.kind, s.started_at, ended)
    tables = Tables("prior", SPECS)
    for name in CARRIED if before is not None else ():
        for key, row in before[name].items():
            tables[name][key] = row
    watch = Watch("prior", bytes(32), tables, facts)
    watch.ready()
    if refused := watch.control(json.dumps(TEAM), 1, END_MS):
        raise ValueError(refused)
    watch.golive(END_MS)
    while watch.phase == "sweep":
        watch.advance(END_MS)
    return watch.scholars[0], tables


def prior_of(scholar: Scholar, name: str) -> Prior:
    """What a scholar learned, as published weights.

    Raises:
        ValueError: A feature never varied: there is nothing to publish of it.
    """
    learned, study = scholar.learned, scholar.study
    flat = [name for name, (_, _, variance) in zip(NAMES, learned.scale, strict=True) if variance <= 0]
    if flat:
        raise ValueError(f"expected every feature to vary, found {', '.join(flat)}")
    *weights, intercept = (round(weight, PLACES) for weight in learned.weights)
    return Prior(
        name=name,
        features=NAMES,
        means=tuple(round(mean, PLACES) for _, mean, _ in learned.scale),
        variances=tuple(round(variance, PLACES) for *_, variance in learned.scale),
        weights=tuple(weights),
        intercept=intercept,
        slope=round(study.slope, PLACES),
        shift=round(study.shift, PLACES),
    )


def main() -> None:
    """Make the prior, write it, print what it rests on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", type=int, default=FAMILIES)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--to", type=Path, default=FOLDER / f"{NAME}.json")
    options = parser.parse_args()
    scholar, tables = None, None
    for seed in options.seeds:
        scholar, tables = gone_live(World(seed, options.families, NATURAL), tables)
        told: dict[str, Any] = {"seed": seed, "examples": scholar.learned.examples}
        print(json.dumps(told | {"positives": scholar.learned.positives}), flush=True)
    if scholar is None:
        sys.exit("expected a seed, found none")
    prior = prior_of(scholar, options.to.stem)
    options.to.parent.mkdir(exist_ok=True)
    options.to.write_text(json.dumps(msgspec.to_builtins(prior), indent=1) + "\n")
    print(json.dumps({"written": str(options.to), "slope": prior.slope, "shift": prior.shift}))


if __name__ == "__main__":
    main()
