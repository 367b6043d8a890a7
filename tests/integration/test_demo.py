"""The demo itself, small, with its processes killed: what `make demo KILL=1` does on a newcomer's machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
OUTPUTS = 100  # messages to readers that a run with nothing on its topics would not have


def test_the_whole_mission_on_real_components_survives_kills_and_leaks_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = subprocess.run(
        [sys.executable, "cli.py", "demo", "--once", "--kill", "--families", "150", "--seconds", "30",
         "--folder", str(tmp_path / "run"), "--json", str(out)],
        cwd=ROOT, capture_output=True, text=True, timeout=420, check=False,
        env={name: value for name, value in os.environ.items() if name not in {"ONCE", "KILL", "DEMO_JSON"}},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    figures = json.loads(out.read_text())
    broken = ("lost", "duplicated", "wrong", "reordered", "leak_hits", "band_changes_on_a_birthday")
    assert {name: figures[name] for name in broken} == dict.fromkeys(broken, 0)
    assert figures["unaccounted"] == {}
    assert figures["leak_plant_found"]
    assert figures["leak_canaries"] >= 1000
    assert figures["kills"] == 3
    assert figures["outputs"] > OUTPUTS
    assert figures["records"] > figures["people"] > figures["households"] > 100
    assert figures["alerts_total"] + figures["step_down_alerts"] > 0
    assert figures["link_precision"] > 0.97
