"""Where the time of an event goes in `step`: `make profile`.

A county live and at rest (benchmarks/prepare.py), the mix of benchmarks/county.py: a part to warm up, a part timed as
it is, a part under cProfile. A profiler slows small functions most, so what it says is scaled to the time measured
without it, and is to be read as shares. The last line is JSON: CPU µs an event by module.
"""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.partition import feed
from benchmarks.prepare import prepare
from streams.step import State

QUICK = os.environ.get("BENCH_QUICK") == "1"
RECORDS = 5_000 if QUICK else 50_000
PART = 3_000 if QUICK else 20_000
SHOWN = 30
ROOT = str(Path(__file__).parents[1])


def run(state: State, entries: list[bytes]) -> float:
    """CPU seconds of a part."""
    began = time.process_time()
    feed(state, entries)
    return time.process_time() - began


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as folder:
        made = prepare(Path(folder) / "county", RECORDS, 3 * PART)
        state, entries = made.load(), made.following()
        run(state, entries[:PART])
        event_us = 1e6 * run(state, entries[PART : 2 * PART]) / PART
        profiler = cProfile.Profile()
        profiler.enable()
        run(state, entries[2 * PART :])
        profiler.disable()
    rows = pstats.Stats(profiler).stats  # type: ignore[attr-defined]  # (file, line, name) -> calls, own s, ...
    whole = sum(own for _, _, own, _, _ in rows.values())
    modules: Counter[str] = Counter()
    print(f"{event_us:8.1f} us an event, {1e6 / event_us:,.0f} events/s of one core, {RECORDS:,} records\n")
    print("   share  us/event  calls/event")
    for number, ((file, line, name), (_, calls, own, _, _)) in enumerate(
        sorted(rows.items(), key=lambda row: -row[1][2])
    ):
        place = file.removeprefix(ROOT + "/") if file.startswith(ROOT) else "built in"
        modules[place] += own / whole * event_us
        if number < SHOWN:
            print(f"{own / whole:8.1%} {own / whole * event_us:9.1f} {calls / PART:12.1f}  {place}:{line} {name}")
    by_module = {name: round(us, 1) for name, us in modules.most_common(20)}
    print(json.dumps({"event_us": round(event_us, 1), "by_module_us": by_module}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
