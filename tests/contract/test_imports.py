"""Layering as a test: who may import what; every module has a place."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ("topology.py", "cli.py", "schemas/", "bridge/", "streams/", "demo/")
WINGS = {"bridge": {"streams", "demo"}, "streams": {"bridge", "demo"}, "schemas": {"bridge", "streams", "demo"}}
ONLY_IN = {
    "faust": ("streams/agents/", "streams/runtime/"),
    "confluent_kafka": (
        "bridge/publish.py", "bridge/sources/", "bridge/desk/", "streams/runtime/", "streams/tools/", "demo/",
    ),
    "redis": ("bridge/desk/",),
    "prometheus_client": ("streams/runtime/", "bridge/metrics.py"),
    "river": ("streams/risk/",),
    "spacy": ("bridge/phrases.py",),
    "cryptography": (
        "schemas/crypto.py", "bridge/keys.py", "bridge/encode.py", "bridge/seal.py", "bridge/pseudonym.py",
        "streams/runtime/",
    ),
}  # fmt: skip
CLOCKS = {"time", "random", "secrets", "os"}
PURE = ("streams/linkage/", "streams/risk/", "streams/alerting/", "streams/presence/", "streams/insights/")
PURE_MODULES = ("streams/step.py", "streams/partnership.py", "streams/receive.py", "streams/assess.py",
                "streams/outbox.py", "streams/state.py", "streams/reviewing.py", "streams/controls.py",
                "streams/governing.py", "streams/registers.py", "streams/records.py", "streams/requests.py", "streams/lookups.py",
                "streams/weekly.py")  # fmt: skip


def modules() -> list[str]:
    """Every module of the product, as a path below the root."""
    found = [str(path.relative_to(ROOT)) for place in ("schemas", "bridge", "streams", "demo")
             for path in sorted((ROOT / place).rglob("*.py"))]  # fmt: skip
    return ["topology.py", "cli.py", *found]


def imported(path: str) -> set[str]:
    """Top-level names that a module imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            names.add("<relative>")
    return names


@pytest.mark.parametrize("path", modules())
def test_a_module_imports_only_what_its_room_allows(path: str) -> None:
    names = imported(path)
    assert path.startswith(PLACES)
    assert "<relative>" not in names, "absolute imports say where a thing lives"
    assert not names & WINGS.get(path.split("/", maxsplit=1)[0], set()), "the wings do not know each other"
    for library, places in ONLY_IN.items():
        if library in names:
            assert path.startswith(places), f"{library} is imported only in {places}"
    if path.startswith(PURE) or path in PURE_MODULES:
        assert not names & CLOCKS, "pure code is given its time, chance and settings"
    if path == "topology.py":
        assert names <= {"__future__", "dataclasses"}


def test_the_table_would_catch_a_breach(tmp_path: Path) -> None:
    source = tmp_path / "bad.py"
    source.write_text("import faust\nfrom bridge import store\n")
    names = {alias for alias in imported(str(source))}
    assert {"faust", "bridge"} <= names


def test_what_does_not_look_into_text_does_not_load_the_language_library() -> None:
    probe = "import sys, cli, bridge.cli, bridge.run; assert 'spacy' not in sys.modules; print('light')"
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "light\n"


def test_every_topic_name_stands_only_in_the_map() -> None:
    """No other module spells out a topic's name: it is imported from topology."""
    prefixes = ("identities-", "events-", "responses-", "requests-", "disclosures-", "alerts-", "presence-",
                "views-", "dead-letters-")  # fmt: skip
    for path in modules():
        if path == "topology.py":
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
                assert not node.value.startswith(prefixes), f"{path}: {node.value} belongs in topology.py"
