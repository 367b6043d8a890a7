"""The checkout passes the linter and the type checker, each in its own words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("words", [("ruff", "check", "."), ("mypy",)], ids=lambda words: words[0])
def test_the_checkout_passes(words: tuple[str, ...]) -> None:
    run = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, check=False, capture_output=True, text=True)
    assert run.returncode == 0, f"{' '.join(words)} says:\n{run.stdout}{run.stderr}"


def test_no_python_file_is_out_of_the_checkers_sight() -> None:
    """Both walk the same rooms; a new top-level module or package has to be added to them on purpose."""
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    rooms = {path.split("/")[0] for path in tracked.splitlines()}
    assert rooms <= {"topology.py", "cli.py", "schemas", "bridge", "streams", "demo", "benchmarks", "tests"}
