"""The demo without its stack: the same bridges and the same `step`, in one process, in simulated time.

`python -m demo.offline` prints the figures that do not depend on wall time, in about a minute. Decides only how the
world's writes become a journal; nothing here is part of a run on real components.
"""

from __future__ import annotations

import argparse
import heapq
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bridge.keys import AgencyKeys
from bridge.mapping import load
from bridge.pipeline import Pipeline
from bridge.sources import Change, Op
from bridge.store import Store
from bridge.text import factors, standard
from demo import judge, partnership, settings
from demo.verdict import Resolver
from demo.world import END_MS, T0_MS, World
from demo.world.book import Row
from schemas import codec
from streams.keys import Keyring
from streams.outbox import AlertOut
from streams.step import State, make_machine

MAPPINGS = Path(__file__).with_name("world") / "mappings"
BATCH = 500  # rows fed at once, as a bridge reads them
CHUNK = 200  # entries a step
OPS: dict[str, Op] = {"c": "create", "u": "update", "d": "delete"}


class Offline:
    """One run in simulated time.

    Args:
        world: The world.
        folder: For keys.
    """

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.made = partnership.make(folder, T0_MS)
        self._now = T0_MS
        self._pipelines = {agency: self._pipeline(agency) for agency in partnership.AGENCIES}

    def _pipeline(self, agency: str) -> Pipeline:
        keys = AgencyKeys.load(self.made.keys / agency)
        return Pipeline(load(MAPPINGS / f"{agency}.yaml"), keys, Store(":memory:", keys.agency_key),
                        now=lambda: self._now, find=partial(factors, lexicon=standard()))  # fmt: skip

    def journal(self) -> Iterator[bytes]:
        """Every entry from the controls to the end of the live year."""
        yield from self.backfill()
        queues = [self._live(agency) for agency in partnership.AGENCIES]
        ticks = ((at, _tick(at)) for at in range(T0_MS + 1, END_MS + 1, settings.TICK_S * 1000))
        for _, value in heapq.merge(ticks, *queues, key=lambda item: item[0]):
            yield value

    def backfill(self) -> Iterator[bytes]:
        """The controls, and each agency's history."""
        for _, value in self.made.controls:
            yield _entry("controls", value, T0_MS)
        for agency in partnership.AGENCIES:
            yield from self._backfill(agency)

    def _backfill(self, agency: str) -> Iterator[bytes]:
        source, batch = partnership.SOURCES[agency], []
        for number, row in enumerate(self.world.rows(agency)):
            if row.at_ms >= T0_MS:
                break
            batch.append(_change(source, row, (1, number), "true"))
            if len(batch) == BATCH:
                yield from self._feed(agency, batch)
                batch = []
        batch.append(Change(source, "", "end", snapshot="last", committed_at=T0_MS))
        yield from self._feed(agency, batch)

    def _live(self, agency: str) -> Iterator[tuple[int, bytes]]:
        for number, row in enumerate(self.world.rows(agency)):
            if row.at_ms >= T0_MS:
                self._now = row.at_ms
                change = _change(partnership.SOURCES[agency], row, (2 + number, 0), "")
                yield from ((row.at_ms, value) for value in self._feed(agency, [change]))

    def _feed(self, agency: str, changes: list[Change]) -> Iterator[bytes]:
        pipeline = self._pipelines[agency]
        for topic, _, value in (*pipeline.feed(changes), *pipeline.refresh()):
            yield _entry(topic, value, max(T0_MS, self._now))

    def quarantined(self) -> Counter[tuple[str, str]]:
        """(agency, how it ended) -> rows, of all bridges."""
        ended: Counter[tuple[str, str]] = Counter()
        for agency, pipeline in self._pipelines.items():
            for (_, outcome), number in pipeline.counts.items():
                ended[agency, outcome] += number
        return ended


def _change(source: str, row: Row, place: tuple[int, int], snapshot: str) -> Change:
    values, key = ({name: _plain(value) for name, value in part.items()} for part in (row.values, row.key))
    gone = row.op == "d"
    return Change(source, row.table, "read" if snapshot else OPS[row.op], key, key if gone else None,
                  None if gone else values, *place, row.at_ms, snapshot, "run")  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _entry(origin: str, body: bytes, at: int) -> bytes:
    return codec.encode("journal", {"kind": "message", "received_at": at, "partnership": partnership.PARTNERSHIP,
                                    "origin": origin, "body": body})  # fmt: skip


def _tick(at: int) -> bytes:
    return codec.encode("journal", {"kind": "tick", "received_at": at, "partnership": "", "origin": "", "body": b""})


def told(outs: list[bytes], resolver: Resolver) -> list[judge.Told]:
    """Alert versions from packed outputs, with the true household of the child they are about."""
    found = []
    for packed in outs:
        out = msgspec.msgpack.decode(packed, type=AlertOut)
        notice, record = out.notice, resolver.record(out.notice.child)
        household = record["household"] if record else -1
        found.append(judge.Told(notice.alert_id, notice.state, notice.direction, household, notice.changed_at,
                                notice.opening, None, bool(out.own)))  # fmt: skip
    return found


def figures(state: State, world: World, resolver: Resolver, alerts: list[bytes]) -> dict[str, Any]:
    """Figures that need no wall clock."""
    town = state.partnerships[partnership.PARTNERSHIP]
    people = {rid: record["person"] for rid in town.graph.identities if (record := resolver.record(rid))}
    clusters = [town.graph.members(rid) for rid in people if town.graph.cluster(rid) == rid]
    return {
        "records": len(town.graph.identities), "people": len(clusters),
        "households": sum(town.graph.household(rid) == rid for rid in people),
        **judge.alert_figures(world.truth(), told(alerts, resolver)), **judge.link_figures(clusters, people),
    }  # fmt: skip


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--families", type=int, default=2000)
    options = parser.parse_args()
    began_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        run = Offline(World(options.seed, options.families), Path(folder) / "run")
        state = make_machine(0, Keyring.load(run.made.keys / "platform"))
        ended: Counter[tuple[str, str]] = Counter()
        alerts: list[bytes] = []
        spent_s, number, chunk = 0.0, 0, []
        for entry in run.journal():
            chunk.append(entry)
            if len(chunk) == CHUNK:
                spent_s += _step(state, chunk, ended, alerts)
                number, chunk = number + len(chunk), []
        spent_s += _step(state, chunk, ended, alerts)
        resolver = Resolver(run.made, run.world.truth())
        print(json.dumps({
            **figures(state, run.world, resolver, alerts),
            "bridges": {"/".join(key): count for key, count in sorted(run.quarantined().items())},
            "ended": {"/".join(key): count for key, count in sorted(ended.items())},
            "entries": number, "step_s": round(spent_s, 1), "all_s": round(time.perf_counter() - began_s, 1),
        }, indent=1))  # fmt: skip


def _step(state: State, chunk: list[bytes], ended: Counter[tuple[str, str]], alerts: list[bytes]) -> float:
    began_s = time.perf_counter()
    outcome = state.step(chunk)
    ended.update(outcome.counts)
    alerts += [out.body for out in outcome.outbox if out.kind == "alert"]
    return time.perf_counter() - began_s


if __name__ == "__main__":
    main()
