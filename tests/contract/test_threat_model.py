"""The threat model's figures are a table that the command writes; what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.attacks import table

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/threat-model.md").read_text()
ROW = table.Row("an attack", "a key", "%", 0.5, None, 0.00001)


def test_the_figures_stand_between_their_markers_as_the_command_writes_them() -> None:
    attacks = [row[0] for row in table.parsed(PAGE)]
    for kind in ("dictionary", "frequency", "graph, control", "graph, each field", "message length"):
        assert any(attack.startswith(kind) for attack in attacks), f"no figure of: {kind}"


def test_what_is_written_can_be_read_again_and_nothing_else_of_the_page_changes() -> None:
    page = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
    new = table.placed(page, table.markdown([ROW]))
    assert table.parsed(new) == [["an attack", "a key", "50.0 %", "-", "0.0010 %", "-"]]
    assert new.startswith("before\n") and new.endswith("\nafter\n") and "old" not in new


@pytest.mark.parametrize(
    "page",
    ["no markers", table.BEGIN, f"{table.END}{table.BEGIN}", f"{table.BEGIN}{table.BEGIN}{table.END}"],
)
def test_a_page_without_one_place_for_the_table_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="one block"):
        table.placed(page, "x")


@pytest.mark.parametrize("change", [("50.0 %", "half"), ("| - |", "|"), ("Strict", "Loose")])
def test_a_block_that_is_no_such_table_is_refused(change: tuple[str, str]) -> None:
    page = table.placed(f"{table.BEGIN}{table.END}", table.markdown([ROW]))
    with pytest.raises(ValueError, match="expected"):
        table.parsed(page.replace(*change))


def test_every_test_and_file_that_the_page_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", PAGE)
    assert len(named) > 20, "the page names the tests that stand behind it"
    for path, test in named:
        assert (ROOT / path).is_file(), path
        assert not test or f"def {test}(" in (ROOT / path).read_text(), f"{path}::{test}"
    for path in re.findall(r"\]\(((?!http)[^)#]+)\)", PAGE):
        assert (ROOT / "docs" / path).exists(), path


def test_nothing_is_called_anonymous() -> None:
    rule = 'Never say\n  "anonymous" of anything here'
    assert rule in PAGE
    assert "anonym" not in PAGE.replace(rule, "").lower()
