"""Run all attacks: `python -m benchmarks.attacks [--write page.md]`, SEED=n for other draws.

Prints the table and, on the last line, JSON. With --write the table also takes its place in a page.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from benchmarks.attacks import dictionary, frequency, graph, table, wire
from benchmarks.attacks.people import records


def main(argv: list[str]) -> int:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(prog="benchmarks.attacks")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table between this page's markers")
    page: Path | None = parser.parse_args(argv).write
    if page:
        table.placed(page.read_text(), "")  # before minutes of work: has it a place for the table?
    seed = int(os.environ.get("SEED", "1"))
    held = records()
    rows: list[table.Row] = []
    seconds: dict[str, float] = {}
    for name, attack in (
        ("dictionary", lambda: dictionary.attack([row.fields for row in held], seed)),
        ("frequency", lambda: frequency.attack(held, seed)),
        ("graph", lambda: graph.attack(held, seed)),
        ("wire", lambda: wire.attack(held)),
    ):
        began = time.monotonic()
        rows += attack()
        seconds[name] = round(time.monotonic() - began, 1)
        print(f"{name}: {seconds[name]} s", file=sys.stderr, flush=True)
    written = table.markdown(rows)
    print(written)
    if page:
        page.write_text(table.placed(page.read_text(), written))
    print(json.dumps({"seed": seed, "seconds": seconds, "rows": [row._asdict() for row in rows]}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
