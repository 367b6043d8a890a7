"""Where scores and demand were said to be heading, and where they went: the product's watch over synthetic years.

Runs the watch as benchmarks/watching.py does and takes every forecast it keeps; when its time has come the household
is scored anew from the facts known then, by the weights published then. Peers are "same as now" for a household, and
for demand the last period, the same season last year and the mean of a year, from weeks of which all is known.
Usage: SEEDS="1 2 3" FAMILIES=4000 MIX=natural python -m benchmarks.trajectory (or MIX=planted, the demo's world); the
last line is JSON.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import Any, Final

from benchmarks.watching import Run
from demo.world import World
from demo.world.base import END_MS, START_MS, T0_MS
from demo.world.mix import NATURAL, PLANTED
from streams.insights import demand
from streams.insights.forecast import SETTLED, UNSAID, Forecast, forecast
from streams.insights.week import WEEK_MS, due, week_of
from streams.risk.household import read
from streams.risk.model import NONE, score
from streams.risk.trajectory import AHEAD_MS, WEEKS, Line

YEAR: Final = 52  # weeks
LOWER: Final = {"gain"}  # of a figure of which more is better, the worst seed is the lowest


class Judged(Run):
    """A run that keeps what was said and what came of it."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.ends: list[list[tuple[Line, int, int]]] = [[] for _ in WEEKS]  # what was said, level then, level now
        self.demand: list[tuple[int, tuple[tuple[Forecast, ...], ...]]] = []  # when, what was said by kind
        self._ahead: list[tuple[int, int, bytes, int, Line, int]] = []
        self._published: demand.PublishedDemand | None = None
        self._seen: set[tuple[bytes, int]] = set()
        self.gone = 0

    def _tick(self, now: int) -> None:
        self.facts.now = now
        self.notices += self.watch.advance(now)
        self._take()
        self._judge(now)
        if self.watch.phase == "live" and due(self._published, now):
            self._publish(now)
        self.tables.take_delta()

    def _take(self) -> None:
        table = self.tables["forecasts"]
        for key in table.dirty:
            row = table.get(key)
            if row is None or (key, row.forecasts[-1].at) in self._seen:
                continue
            said = row.forecasts[-1]
            self._seen.add((key, said.at))
            for horizon, ahead in enumerate(AHEAD_MS):
                due = said.at + ahead
                heappush(self._ahead, (due, len(self._seen), key, horizon, said.lines[horizon], said.level_ppm))

    def _judge(self, now: int) -> None:
        while self._ahead and self._ahead[0][0] <= now:
            due, _, key, horizon, line, before = heappop(self._ahead)
            then = score(self.watch.model, read(self.facts, key), due).level_ppm
            if then == NONE:
                self.gone += 1
            else:
                self.ends[horizon].append((line, before, then))

    def _publish(self, now: int) -> None:
        """As the product does each week, of one team."""
        counts = {
            "episodes": {"mash": weekly((c.occurred_at for c in self.facts.events().values() if c.outcome), now)},
            "alerts": {"mash": weekly(self._raised(), now, since=T0_MS)},
        }
        self._published = demand.publish_demand(self._published, counts, now)
        said = tuple(
            forecast(counts[kind]["mash"], lag, learned)
            for kind, lag, learned in zip(demand.KINDS, demand.LAGS, self._published.learned, strict=True)
        )
        self.demand.append((now, said))

    def _raised(self) -> list[int]:
        return [n.raised_at for n in self.notices
                if n.state == "raised" and n.direction == "escalate" and not n.opening]  # fmt: skip

    def came(self, kind: str) -> list[int]:
        """What came, by week since the world began: every onset, whenever it became known; every alert."""
        onsets = [o["onset_at"] for o in self.world.truth()["outcomes"]]
        found = [0] * (week_of(END_MS) - week_of(START_MS) + YEAR)
        for at in onsets if kind == "episodes" else self._raised():
            found[week_of(at) - week_of(START_MS)] += 1
        return found


def weekly(moments: Iterable[int], now: int, since: int = START_MS) -> list[int]:
    """Counts of the weeks that have ended, as far back as a forecast looks."""
    last = week_of(now)
    first = max(last - demand.WEEKS_KEPT, week_of(since))
    found = [0] * (last - first)
    for at in moments:
        if first <= week_of(at) < last:
            found[week_of(at) - first] += 1
    return found


def of_scores(run: Judged) -> dict[str, float]:
    """Figures of households by horizon."""
    found: dict[str, float] = {}
    for weeks, ends in zip(WEEKS, run.ends, strict=True):
        count = max(1, len(ends))
        same = sum(abs(before - then) for _, before, then in ends) / count / 1e6
        expected = sum(abs(line.expected - then) for line, _, then in ends) / count / 1e6
        quiet = sum(abs(line.quiet - then) for line, _, then in ends) / count / 1e6
        found |= {
            f"n_{weeks}w": len(ends),
            f"mae_same_{weeks}w": same,
            f"mae_quiet_{weeks}w": quiet,
            f"mae_expected_{weeks}w": expected,
            f"gain_{weeks}w": 1 - expected / same if same else 0.0,
            f"cover_{weeks}w": sum(line.low <= then <= line.high for line, _, then in ends) / count,
            f"below_{weeks}w": sum(then < line.low for line, _, then in ends) / count,
        }
    return found


def of_demand(run: Judged) -> dict[str, float]:
    """Figures of demand by horizon; of coverage, over the weeks in which a band was said, and how many these were."""
    found: dict[str, float] = {}
    for place, kind in enumerate(demand.KINDS):
        came = run.came(kind)
        name = "demand" if kind == "episodes" else "alerts"
        for horizon, weeks in enumerate(WEEKS):
            errors: list[tuple[float, ...]] = []
            inside: list[bool] = []
            for now, said in run.demand:
                week = week_of(now) - week_of(START_MS)
                expected, low, high = said[place][horizon]
                if now + weeks * WEEK_MS > END_MS or expected == UNSAID:
                    continue
                true = sum(came[week : week + weeks])
                if low != UNSAID:
                    inside.append(low <= 1000 * true <= high)
                errors.append(tuple(abs(value - true) for value in (expected / 1000, *naive(came, week, weeks))))
            means = [sum(column) / len(errors) for column in zip(*errors, strict=True)]
            found |= {f"{name}_mae_{weeks}w": means[0], f"{name}_bands_{weeks}w": len(inside),
                      f"{name}_cover_{weeks}w": sum(inside) / max(1, len(inside))}  # fmt: skip
            if kind == "episodes":
                found |= {f"demand_best_naive_{weeks}w": min(means[1:])}
                found |= {f"demand_{peer}_{weeks}w": m for peer, m in zip(PEERS, means[1:], strict=True)}
    return found


PEERS: Final = ("last", "season", "year")


def naive(came: Sequence[int], week: int, weeks: int) -> tuple[float, float, float]:
    """Last period, same season last year and mean of a year, from weeks of which all was known at the time."""
    known = week - SETTLED
    return (
        float(sum(came[known - weeks : known])),
        float(sum(came[week - YEAR : week - YEAR + weeks])),
        sum(came[known - YEAR : known]) * weeks / YEAR,
    )


def main() -> None:
    """Run the seeds in SEEDS (1 2 3 without) over FAMILIES families (4000 without) of a MIX (natural without)."""
    seeds = [int(word) for word in os.environ.get("SEEDS", "1 2 3").replace(",", " ").split()]
    families = int(os.environ.get("FAMILIES", "4000"))
    mix = {"natural": NATURAL, "planted": PLANTED}[os.environ.get("MIX", "natural")]
    by_seed: dict[int, dict[str, Any]] = {}
    for seed in seeds:
        run = Judged(World(seed, families, mix))
        run.backfill()
        run.live()
        figures = {**of_scores(run), **of_demand(run), "gone": run.gone}
        by_seed[seed] = {name: round(value, 4) for name, value in figures.items()}
        for weeks in WEEKS:
            print(f"seed {seed}, {weeks:2d} weeks: " + ", ".join(
                f"{name} {by_seed[seed][f'{name}_{weeks}w']:g}"
                for name in ("n", "mae_same", "mae_quiet", "mae_expected", "gain", "cover", "below", "demand_mae",
                             "demand_best_naive", "demand_last", "demand_season", "demand_year", "demand_cover",
                             "alerts_cover")
            ), flush=True)  # fmt: skip
    print(json.dumps({**worst(by_seed), **mean(by_seed), "families": families, "by_seed": by_seed}))


def mean(by_seed: dict[int, dict[str, Any]]) -> dict[str, float]:
    """Of demand over all seeds: the mean error beside the best naive forecast's, and the coverage of all bands."""
    runs, found = list(by_seed.values()), {}
    for weeks in WEEKS:
        errors = {
            name: sum(run[f"demand_{name}_{weeks}w"] for run in runs) / len(runs) for name in ("mae", *PEERS)
        }  # fmt: skip
        found |= {f"mean_demand_mae_{weeks}w": errors["mae"],
                  f"mean_demand_best_naive_{weeks}w": min(errors[peer] for peer in PEERS)}  # fmt: skip
        for name in ("demand", "alerts"):
            bands = sum(run[f"{name}_bands_{weeks}w"] for run in runs)
            inside = sum(run[f"{name}_cover_{weeks}w"] * run[f"{name}_bands_{weeks}w"] for run in runs)
            found[f"mean_{name}_cover_{weeks}w"] = inside / max(1, bands)
    return {name: round(value, 4) for name, value in found.items()}


def worst(by_seed: dict[int, dict[str, Any]]) -> dict[str, float]:
    """Of each figure the worst seed's: the lowest gain, the coverage farthest from .8, else the highest."""
    found = {}
    for name in next(iter(by_seed.values())):
        values = [figures[name] for figures in by_seed.values()]
        if "cover" in name:
            found[name] = max(values, key=lambda value: abs(value - 0.8))
        else:
            found[name] = min(values) if name.startswith("gain") or name.startswith("n_") else max(values)
    return found


if __name__ == "__main__":
    main()
