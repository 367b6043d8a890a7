"""What a duty team gets for its budget: alerts and scores over synthetic partnerships, judged by what came true.

Runs the product's own risk and alerting over demo/world without brokers, from go-live to the end of the live year:
several seeds, and one world in which what an event means depends on what else there is. Peers: each agency's own
rule, the same product refreshed daily and monthly, a counting rule, and gradient boosting retrained every four weeks.
Usage: python -m benchmarks.alerts (in the environment SEEDS="1 2 3 1x", FAMILIES=8000, LEARNER=ftrl for river's FTRL
in the place of ours, RULES='{...}' for other rules); the last line is JSON, each figure the worst seed's, all of them
under `by_seed`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, median
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks import peers
from benchmarks.ftrl import Ftrl
from benchmarks.scores import (
    GRACE_MS,
    HORIZON_MS,
    LABEL_MS,
    Collector,
    Truth,
    auc,
    calibration_error,
    log_loss,
    observed_expected,
    past,
    probability,
    slope,
)
from benchmarks.watching import Run, WorldFacts
from demo.world import World
from demo.world.base import DAY_MS, END_MS, T0_MS
from demo.world.kinds import RULE_DAYS
from demo.world.mix import NATURAL, PLANTED
from streams.alerting.notice import Notice
from streams.risk import study
from streams.risk.features import vector, with_age
from streams.risk.household import read
from streams.risk.learn import Learner, begin
from streams.risk.model import score

FAMILIES: Final = 8000
SEEDS: Final = ("1", "2", "3", "1x")  # x: the world that does not add
QUARTER_MS: Final = 91 * DAY_MS
BATCH_WITHIN_MS: Final = 60 * DAY_MS  # a batch's alert of the same crossing comes within this time
SAME_EPISODE_MS: Final = 30 * DAY_MS  # siblings' outcomes are one family's
ECE_BINS: Final = 15
WORST: Final = {  # which end is the worst
    "low": ("lead_days_vs_agency", "lead_days_vs_daily", "lead_days_vs_monthly", "caught_share_at_budget",
            "caught_share_5_events", "caught_share_3_4_events", "precision_at_budget", "auc_online", "auc_offline",
            "auc_rules", "auc_above_rules", "auc_ticks", "step_down_precision", "recall_over_monthly",
            "precision_over_agency_rules"),
    "high": ("auc_after_m12_gap", "ece_events", "ece_above_10", "reraised_30d", "lookalikes_flagged", "score_us",
             "learn_us", "quarter_off_budget", "log_loss"),
    "far_from_1": ("observed_expected", "calibration_slope", "observed_expected_group_b"),
}  # fmt: skip


class Raise(NamedTuple):
    """One alert of the escalate direction."""

    household: int
    at: int
    ended_at: int
    opening: bool


def raises(notices: Iterable[Notice], facts: WorldFacts, direction: str = "escalate") -> list[Raise]:
    """Alerts of one direction, in order of time; one that still stands ends at the end of live."""
    found: dict[str, list[Any]] = {}
    for notice in notices:
        if notice.direction != direction:
            continue
        if notice.state == "raised":
            found[notice.alert_id] = [facts.number(notice.household), notice.raised_at, END_MS, notice.opening]
        elif notice.state in {"cleared", "retracted"}:
            found[notice.alert_id][2] = notice.changed_at
    return sorted((Raise(*one) for one in found.values()), key=lambda one: (one.at, one.household))


def families(world: World, truth: Truth) -> list[tuple[int, int]]:
    """(household, onset) of the live year, siblings' onsets as one."""
    found = []
    for household, onsets in sorted(truth.by_household.items()):
        before = -SAME_EPISODE_MS
        for onset in onsets:
            if onset - before >= SAME_EPISODE_MS and T0_MS <= onset < END_MS:
                found.append((household, onset))
            before = onset
    return found


def alert_figures(run: Run, truth: Truth) -> dict[str, float]:
    """How good the alerts are."""
    world, told = run.world, world_truth(run.world)
    everything = raises(run.notices, run.facts)
    live = [one for one in everything if not one.opening]
    found = {
        "alerts": len(live),
        "alerts_per_1000_children_month": len(live) / told["children_at_t0"] * 1000 / 12,
        "precision_at_budget": _true_share(live, truth),
        "queued": run.watch.figures()["queued"],
    }
    quarters = [
        sum(T0_MS + q * QUARTER_MS <= one.at < T0_MS + (q + 1) * QUARTER_MS for one in live) for q in range(4)
    ]
    per_quarter = 2.0 * told["children_at_t0"] / 1000 * QUARTER_MS / (365 / 12 * DAY_MS)
    found["quarter_off_budget"] = max(abs(count / per_quarter - 1) for count in quarters)
    stories = [s for s in told["stories"] if s["kind"] in {"slow", "sudden", "lookalike", "recovery"}]
    found |= _story_figures(stories, everything, raises(run.notices, run.facts, "step_down"))
    downs = raises(run.notices, run.facts, "step_down")
    found["step_downs"] = len(downs)
    found["step_down_precision"] = 1 - _true_share(downs, truth)
    ends: dict[int, list[int]] = {}
    again = 0
    for one in everything:
        again += any(0 <= one.at - end < 30 * DAY_MS for end in ends.get(one.household, ()))
        ends.setdefault(one.household, []).append(one.ended_at)
    found["reraised_30d"] = again / max(1, len(everything))
    outcomes = families(world, truth)
    rules = _by_household((rule["household"], rule["at"]) for rule in told["rules"])
    leads = []
    for household, onset in outcomes:
        own = [one.at for one in everything if one.household == household and onset - HORIZON_MS < one.at < onset]
        if own:
            theirs = [at for at in rules.get(household, ()) if onset - HORIZON_MS < at < onset]
            leads.append((min([*theirs, onset]) - min(own)) / DAY_MS)
    found["families"], found["recall"] = len(outcomes), len(leads) / max(1, len(outcomes))
    found["lead_days_vs_agency"] = median(leads)
    return found | _agency_rule_figures(told, truth)


def world_truth(world: World) -> dict[str, Any]:
    """The world's truth, made once."""
    if not hasattr(world, "_told"):
        world._told = world.truth()  # type: ignore[attr-defined]  # noqa: SLF001  (a cache beside it)
    return world._told  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001


def _mean(values: Iterable[float]) -> float:
    """Mean; 0 of nothing, where a world has no such story."""
    found = list(values)
    return mean(found) if found else 0.0


def _by_household(pairs: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for household, at in pairs:
        found.setdefault(household, []).append(at)
    return found


def _true_share(alerts: list[Raise], truth: Truth) -> float:
    true = [truth.within(truth.by_household.get(one.household, []), one.at, HORIZON_MS) for one in alerts]
    return _mean(true)


def _agency_rule_figures(told: dict[str, Any], truth: Truth) -> dict[str, float]:
    """Each agency alone: its rule fires once a household until it has been quiet for the rule's window."""
    last: dict[int, int] = {}
    fired = []
    for rule in sorted(told["rules"], key=lambda one: one["at"]):
        at, household = rule["at"], rule["household"]
        if at - last.get(household, -(1 << 60)) >= RULE_DAYS * DAY_MS:
            last[household] = at
            if T0_MS <= at < END_MS:
                fired.append(Raise(household, at, at, opening=False))
    return {
        "agency_rules_per_1000_children_month": len(fired) / told["children_at_t0"] * 1000 / 12,
        "agency_rules_precision": _true_share(fired, truth),
    }


def _story_figures(stories: list[Any], alerts: list[Raise], downs: list[Raise]) -> dict[str, float]:
    def caught(story: Any, upto: int) -> bool:
        return any(one.household == story["household"] and story["first_at"] < one.at < upto for one in alerts)

    def share(chosen: list[Any], slack: int = 0) -> float:
        return _mean(caught(s, s["end_at"] + slack) for s in chosen)

    slow = [s for s in stories if s["kind"] == "slow"]
    recoveries = [s for s in stories if s["kind"] == "recovery"]
    return {
        "slow": len(slow),
        "caught_share_at_budget": share(slow),
        "caught_share_5_events": share([s for s in slow if s["events"] >= 5]),
        "caught_share_3_4_events": share([s for s in slow if s["events"] < 5]),
        "caught_share_sudden": share([s for s in stories if s["kind"] == "sudden"]),
        "lookalikes_flagged": share([s for s in stories if s["kind"] == "lookalike"], 30 * DAY_MS),
        "recoveries_stepped_down": _mean(
            any(one.household == s["household"] and one.at >= s["end_at"] for one in downs) for s in recoveries
        ),
    }


def batch_figures(run: Run, truth: Truth) -> dict[str, float]:
    """What the same scores and lines give when they are refreshed daily or monthly."""
    found: dict[str, float] = {}
    live = [one for one in raises(run.notices, run.facts) if not one.opening]
    outcomes = families(run.world, truth)
    for name, days in (("daily", 1), ("monthly", 30)):
        batch = Run(run.world)
        batch.backfill()
        batch.batches(days, run)
        theirs = _by_household((one.household, one.at) for one in raises(batch.notices, batch.facts))
        gains = [
            (min(later) - one.at) / DAY_MS
            for one in live
            if (later := [at for at in theirs.get(one.household, ()) if one.at <= at < one.at + BATCH_WITHIN_MS])
        ]
        found[f"lead_days_vs_{name}"] = median(gains)
        found[f"never_raised_{name}"] = 1 - len(gains) / len(live)
        found[f"recall_{name}"] = mean(
            any(onset - HORIZON_MS < at < onset for at in theirs.get(household, ())) for household, onset in outcomes
        )
    return found


def score_figures(run: Run, truth: Truth, live: npt.NDArray[Any], ticks: npt.NDArray[Any]) -> dict[str, float]:
    """How good the probabilities are, at events of the live year and beside them at ticks of everyone."""
    p, z, y = probability(live["z"]), live["z"], live["long"]
    high = p > 0.1
    group_b = live["group"] == "B"
    long, short = _boosted(past(run, truth), live)
    offline = max(auc(y, long), auc(y, short))
    found = {
        "examples": len(live),
        "positive_share": float(y.mean()),
        "auc_online": auc(y, z),
        "auc_offline": offline,
        "auc_offline_long_labels": auc(y, long),
        "auc_rules": auc(y, live["rule"]),
        "auc_ticks": auc(ticks["long"], ticks["z"]),
        "log_loss": log_loss(y, p),
        "observed_expected": observed_expected(y, p),
        "observed_expected_offline": observed_expected(y, probability(long)),
        "observed_expected_group_b": observed_expected(y[group_b], p[group_b]),
        "observed_expected_ticks": observed_expected(ticks["long"], probability(ticks["z"])),
        "calibration_slope": slope(y, z),
        "ece_events": calibration_error(y, p, ECE_BINS),
        "ece_above_10": calibration_error(y[high], p[high], 5),
    }
    found["auc_after_m12_gap"] = offline - found["auc_online"]
    found["auc_above_rules"] = found["auc_online"] - found["auc_rules"]
    return found


def _boosted(before: npt.NDArray[Any], live: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Log-odds of gradient boosting on the same past, by long and by short labels."""
    whole = np.concatenate([before, live])
    with tempfile.TemporaryDirectory(prefix="sightline-boosting-") as folder:
        source, target = Path(folder, "examples.npz"), Path(folder, "scores.npy")
        np.savez(
            source, at=whole["at"], x=whole["x"], long=whole["long"], short=whole["short"], since=T0_MS,
            long_ms=HORIZON_MS + GRACE_MS, short_ms=LABEL_MS + GRACE_MS,
        )  # fmt: skip
        command = [str(peers.PYTHON), "-m", "benchmarks.peers.boosting", str(source), str(target)]
        subprocess.run(command, cwd=peers.ROOT, check=True)
        scores = np.load(target)
    return scores[:, 0], scores[:, 1]


def cost_figures(run: Run) -> dict[str, float]:
    """Microseconds to score a household and to learn an example, over those of the run."""
    model = run.watch.model
    homes = [read(run.facts, key) for key in sorted(run.facts.households())[:2000]]
    homes = [home for home in homes if home.children and home.contributions]
    start = time.perf_counter()
    scored = [score(model, home, END_MS) for home in homes]
    score_us = (time.perf_counter() - start) / len(homes) * 1e6
    learner = Learner(begin(None), frozen_until_all=False)
    vectors = [with_age(vector(one.sums, len(home.children)), home.children[0].age)
               for one, home in zip(scored, homes, strict=True)]  # fmt: skip
    start = time.perf_counter()
    for place, x in enumerate(vectors):
        learner.learn(x, place % 20 == 0, 1.0)
    return {"score_us": score_us, "learn_us": (time.perf_counter() - start) / len(vectors) * 1e6}


def world_of(name: str, count: int) -> World:
    """The world of a name."""
    mixes = {"x": NATURAL._replace(interacting=True), "d": PLANTED}
    return World(int(name.rstrip("xd")), count, mixes.get(name[-1], NATURAL))


def one(name: str, count: int, rules: dict[str, Any]) -> dict[str, float]:
    """All figures of one world; its name is a seed, then x for the world that does not add or d for the demo's."""
    world = world_of(name, count)
    truth = Truth(world)
    events: list[Collector] = []

    def on_event(run: Run, key: bytes, at: int) -> None:
        if events[0].due(key, at):
            events[0].take(read(run.facts, key), at, run.watch.model)

    run = Run(world, rules, on_event)
    events.append(Collector(run, truth))
    run.backfill()
    run.live()
    ticks = Collector(run, truth, gap_ms=0)
    for setting in run.settings[:: max(1, len(run.settings) // 6)]:
        for key in sorted(run.facts.households()):
            ticks.take(read(run.facts, key), setting.at, setting.model)
    found = alert_figures(run, truth) | score_figures(run, truth, events[0].rows(), ticks.rows())
    found |= batch_figures(run, truth) | cost_figures(run) | run.seconds
    found["recall_over_monthly"] = found["recall"] / max(1e-9, found["recall_monthly"])
    found["precision_over_agency_rules"] = found["precision_at_budget"] / max(1e-9, found["agency_rules_precision"])
    return found


def worst(by_seed: dict[str, dict[str, float]]) -> dict[str, float]:
    """Of each figure the worst seed's."""
    found = {}
    for names, key in ((WORST["low"], float), (WORST["high"], lambda v: -v),
                       (WORST["far_from_1"], lambda v: -abs(np.log(max(1e-9, v))))):  # fmt: skip
        for name in names:
            found[name] = min((figures[name] for figures in by_seed.values()), key=key)
    rates = [figures["alerts_per_1000_children_month"] for figures in by_seed.values()]
    found["alerts_per_1000_children_month"] = max(rates, key=lambda rate: abs(rate - 2.0))
    return found


def main() -> None:
    """Run the seeds, print a table and the last line."""
    names = os.environ.get("SEEDS", "").split() or sys.argv[1:] or list(SEEDS)
    count = int(os.environ.get("FAMILIES", "") or FAMILIES)
    rules = json.loads(os.environ.get("RULES", "") or "{}")
    if os.environ.get("LEARNER") == "ftrl":
        study.Learner = Ftrl  # type: ignore[misc,assignment]
    by_seed = {}
    for name in names:
        by_seed[name] = {key: round(float(value), 4) for key, value in one(name, count, rules).items()}
        print(f"seed {name}: {json.dumps(by_seed[name])}", flush=True)
    print("\n{:34s}".format("figure") + "".join(f"{name:>12s}" for name in names))
    for key in by_seed[names[0]]:
        print(f"{key:34s}" + "".join(f"{by_seed[name][key]:12.4g}" for name in names))
    print(json.dumps({**worst(by_seed), "by_seed": by_seed}))


if __name__ == "__main__":
    main()
