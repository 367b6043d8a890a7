"""What can be computed from the published tables: `python -m benchmarks.insights`, SEEDS=n for more worlds.

Attacks the tables of eight weeks of worlds of chance, of the demo's world as the real `step` published them, and, to
show that the attack works, of the same worlds of chance published as nobody should. Prints a table and, on the last
line, JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable

from benchmarks.tables.attack import Found, Rules, attack
from benchmarks.tables.worlds import Town, demo, naive, published

WEEKS = 8
DEMO_WEEKS = 12


def main() -> int:
    """Attack, print, and say by the exit code whether a count was recovered."""
    began = time.monotonic()
    towns = [Town(seed, WEEKS) for seed in range(int(os.environ.get("SEEDS", "20")))]
    rows = {
        f"{len(towns)} worlds of chance, {WEEKS} weeks": _sum(attack(published(town), closed=True) for town in towns),
        f"the demo's world through step, {DEMO_WEEKS} weeks": _sum([attack(demo(DEMO_WEEKS))]),
        "the worlds of chance, small counts left out and no more": _sum(
            attack(naive(town), Rules(rounded=False, sticky=False), closed=True) for town in towns
        ),
    }
    print("| Tables | Withheld | Recovered | Values of the narrowest |\n|---|---|---|---|")
    for name, (withheld, recovered, narrowest) in rows.items():
        print(f"| {name} | {withheld:,} | {recovered:,} | {narrowest} |")
    told = {name: dict(zip(("withheld", "recovered", "narrowest"), row, strict=True)) for name, row in rows.items()}
    print(json.dumps({"seconds": round(time.monotonic() - began, 1), "rows": told}))
    ours, through_step, unsafe = rows.values()
    return 0 if ours[1] == through_step[1] == 0 and unsafe[1] else 1


def _sum(found: Iterable[Found]) -> tuple[int, int, int]:
    all_ = list(found)
    return (
        sum(len(one.ranges) for one in all_),
        sum(len(one.recovered) for one in all_),
        min(one.narrowest for one in all_),
    )


if __name__ == "__main__":
    sys.exit(main())
