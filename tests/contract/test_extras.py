"""An agency installs `sightline[bridge]` alone: no Faust, no river, and every module of its wing still imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROBE = """
import importlib, pkgutil, sys
import bridge, schemas, topology
for package in (bridge, schemas):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
foreign = {"faust", "river", "aiokafka", "streams", "demo"} & {name.split(".")[0] for name in sys.modules}
assert not foreign, foreign
for name in ("faust", "river"):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{name} came with [bridge]")
print("bridge alone")
"""


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_bridge_installs_and_imports_alone(tmp_path: Path) -> None:
    uv = str(Path(sys.executable).with_name("uv"))
    wheel = run(uv, "build", "--wheel", "--quiet", "--out-dir", str(tmp_path), str(ROOT))
    assert wheel == ""
    (built,) = tmp_path.glob("*.whl")
    run(uv, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv"))
    python = str(tmp_path / "venv" / "bin" / "python")
    run(uv, "pip", "install", "--quiet", "--python", python, f"sightline[bridge] @ file://{built}")
    assert "bridge alone" in run(python, "-c", PROBE)
