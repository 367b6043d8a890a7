"""What an event costs and what a record takes, from ten thousand records to a million.

    python -m benchmarks.growth            # BENCH_QUICK=1 stays under a minute, up to 30,000 records

For each size a partition is made, written as a snapshot and recovered in a process of its own; memory is what that
process gained by it. Then the live mix of benchmarks/county.py goes through `step`, single-threaded: `warm_up` first,
for a partition that has just recovered works its links out again as they are asked for, then the part that is
measured, in CPU time. Bytes are those at the end. The last line is JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.partition import Partition, feed
from benchmarks.prepare import prepare

QUICK = os.environ.get("BENCH_QUICK") == "1"
SIZES = (3_000, 30_000) if QUICK else (10_000, 100_000, 1_000_000)
FOLLOWING = 10_000 if QUICK else 100_000
WARM_UP = 0.5  # share of what follows
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def memory_bytes() -> int:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def measure(folder: Path, records: int) -> dict[str, Any]:
    """One size, in this process."""
    made = Partition(folder)
    following = made.following()
    before, began = memory_bytes(), time.process_time()
    state = made.load()
    loaded_s, loaded = time.process_time() - began, memory_bytes() - before
    costs = []
    half = int(len(following) * WARM_UP)
    for part in (following[:half], following[half:]):
        began = time.process_time()
        feed(state, part)
        costs.append(1e6 * (time.process_time() - began) / len(part))
    return {
        "records": records, "first_us": round(costs[0], 1), "event_us": round(costs[1], 1),
        "load_s": round(loaded_s, 2), "loaded_bytes": round(loaded / records),
        "bytes_per_record": round((memory_bytes() - before) / records),
    }  # fmt: skip


def alone(*arguments: str) -> str:
    """This module in a process of its own; what it wrote."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", *arguments], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def main(arguments: list[str]) -> int:
    """Measure and print."""
    if arguments:
        what, folder, records = arguments[0], Path(arguments[1]), int(arguments[2])
        if what == "prepare":
            prepare(folder, records, FOLLOWING)
        else:
            sys.stdout.write(json.dumps(measure(folder, records)))
        return 0
    rows = []
    for records in SIZES:
        with tempfile.TemporaryDirectory(prefix="sightline-bench-") as folder:
            alone("prepare", f"{folder}/county", str(records))
            rows.append(json.loads(alone("measure", f"{folder}/county", str(records))))
        print("  ".join(f"{name} {value:,}" for name, value in rows[-1].items()), flush=True)
    print(json.dumps({
        "cost_ratio": round(rows[-1]["event_us"] / rows[0]["event_us"], 2),
        "bytes_per_record": rows[-1]["bytes_per_record"], "sizes": rows,
    }))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
