"""The same jobs in other tools, for comparison, run in an environment of their own, .venv-peers."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
