"""Rules, their tests, the dashboard and the runbooks name what the code exports, and each other."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.registry import CollectorRegistry
from ruamel.yaml import YAML

from bridge.metrics import Metrics
from streams.runtime import metrics

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "deploy" / "prometheus"
OTHERS = {"up", "probe_ssl_earliest_cert_expiry", "node_filesystem_avail_bytes", "node_filesystem_size_bytes"}
"""Of Prometheus itself, the blackbox exporter and the node exporter."""
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
WORD = re.compile(r"\b(?:sightline|probe|node)_[a-z_]+\b|\bup\b")


def exported(registry: CollectorRegistry) -> set[str]:
    """Names of the series that a registry exports."""
    return {family.name + suffix for family in registry.collect() for suffix in SUFFIXES[family.type]}


def labels() -> dict[str, set[str]]:
    """Labels of each platform metric by the name of its series."""
    found: dict[str, set[str]] = {}
    for metric in metrics.ALL:
        for family in metric.collect():
            for suffix in SUFFIXES[family.type]:
                found[family.name + suffix] = set(metric._labelnames)
    return found


def rules() -> list[dict[str, Any]]:
    parsed = YAML(typ="safe").load((PROMETHEUS / "rules.yml").read_text())
    return [rule for group in parsed["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    board = json.loads((ROOT / "deploy/dashboards/sightline.json").read_text())
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    return [rule["expr"] for rule in rules()] + [target["expr"] for panel in panels() for target in panel["targets"]]


def test_every_metric_named_exists_in_the_code() -> None:
    known = exported(metrics.REGISTRY) | exported(Metrics("x").registry) | OTHERS
    named = {name for text in expressions() for name in WORD.findall(text)}
    assert named <= known
    assert "sightline_events_total" in named


def test_every_platform_metric_that_a_rule_rests_on_is_set_somewhere() -> None:
    """A gauge that nobody sets is an alert that never comes."""
    code = "".join(
        path.read_text() for path in (ROOT / "streams").rglob("*.py") if path.name != "metrics.py"
    )  # fmt: skip
    names = {id(metric): name for name, metric in vars(metrics).items() if name.isupper()}
    named = {name for rule in rules() for name in WORD.findall(rule["expr"])}
    for metric in metrics.ALL:
        series = {family.name + suffix for family in metric.collect() for suffix in SUFFIXES[family.type]}
        if series & named:
            assert f"metrics.{names[id(metric)]}." in code, names[id(metric)]


def test_every_label_selected_is_one_of_the_metric() -> None:
    known = labels()
    for text in expressions():
        for name, selected in re.findall(r"(sightline_[a-z_]+)\{([^}]*)\}", text):
            if name in known:
                assert set(re.findall(r"(\w+)=", selected)) <= known[name] | {"le"}, (name, selected)


def test_every_rule_has_a_severity_a_test_and_a_runbook() -> None:
    tested = {test["name"] for test in YAML(typ="safe").load((PROMETHEUS / "rules_test.yml").read_text())["tests"]}
    headings = set(re.findall(r"^### (\w+)$", (ROOT / "docs/operating.md").read_text(), flags=re.MULTILINE))
    names = {rule["alert"] for rule in rules()}
    assert tested == names
    assert headings == names
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["runbook"] == f"docs/operating.md#{rule['alert'].lower()}"


def test_every_exit_code_has_its_line_in_the_runbooks() -> None:
    from streams.runtime.exits import Exit

    text = (ROOT / "docs/runbooks.md").read_text()
    for code in Exit:
        assert f"| {int(code)} |" in text, code.name


def test_every_link_of_the_operating_guide_leads_somewhere() -> None:
    text = (ROOT / "docs/operating.md").read_text()
    headings = {re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-") for line in text.splitlines()}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        assert not path or (ROOT / "docs" / path).exists(), target
        assert path or anchor in headings, target


@pytest.mark.parametrize(
    "command",
    [("check", "rules", "rules.yml"), ("check", "config", "prometheus.yml"), ("test", "rules", "rules_test.yml")],
)
def test_promtool_agrees(command: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        message = "no promtool: apt-get install prometheus"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    done = subprocess.run(
        [promtool, *command], cwd=PROMETHEUS, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
