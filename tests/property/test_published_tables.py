"""From all tables of eight weeks and all that is known of how they are made, no count of 1 to 7 can be computed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.tables.attack import Rules, attack
from benchmarks.tables.system import Contradiction, System
from benchmarks.tables.worlds import Town, demo, naive, published
from streams.insights.suppress import VALUES_MIN, small

WEEKS = 8
seeds = st.integers(0, 1_000_000)


@settings(max_examples=3, deadline=None)
@given(seeds)
def test_no_small_count_of_a_world_of_chance_is_recovered(seed: int) -> None:
    town = Town(seed, WEEKS)
    found = attack(published(town), closed=True)
    for cell, (low, high) in found.ranges.items():
        count = town.truth(cell)
        assert count is None or low <= count <= high, f"{cell}: the attacker is sure of what is false"
        if count is not None and small(count):
            assert high - low + 1 >= VALUES_MIN, cell
    assert found.ranges
    assert found.recovered == []


def test_no_small_count_of_what_step_published_of_a_whole_world_is_recovered() -> None:
    weeks = demo(WEEKS + 2)
    assert len(weeks) == WEEKS + 2
    assert all({"caseload", "flows", "demand", "alerts"} <= week.keys() for week in weeks)
    found = attack(weeks)
    assert len(found.ranges) > 100
    assert found.recovered == []
    assert found.narrowest >= VALUES_MIN


def test_small_counts_are_recovered_where_they_are_left_out_and_no_more() -> None:
    recovered = []
    for seed in range(6):
        town = Town(seed, WEEKS)
        found = attack(naive(town), Rules(rounded=False, sticky=False), closed=True)
        recovered += [town.truth(cell) == found.ranges[cell][0] for cell in found.recovered if cell[3] != "total"]
    assert len(recovered) > 10
    assert all(recovered)


def test_a_second_cell_in_place_of_the_total_would_not_do_beside_the_flows() -> None:
    """In need 16, all of them new, on a plan 1: the total of 13 to 17 leaves a single child."""
    levels = {"none": 0, "early_help": 0, "in_need": None, "plan": None, "looked_after": 0, "total": 15}
    into = [{"from": before, "cells": {"in_need": 10}} for before in ("none", "early_help")]
    tables: dict[str, Any] = {
        "caseload": {"rows": [{"agency_kind": "social_care", "cells": levels}]},
        "flows": {"span_weeks": 4, "rows": into},
    }
    found = attack([tables], Rules(sure=False))
    assert found.recovered == [("caseload", 0, "social_care", "plan")]
    assert attack([{"caseload": tables["caseload"]}], Rules(sure=False)).recovered == []


def test_a_system_bounds_what_its_rows_tie_together() -> None:
    system = System()
    for name in "abc":
        system.unknown(name, 0, 20)
    system.row({"a": 1, "b": 1}, 7, 7)
    system.not_between("a", 0, 5)
    system.row({"b": 1}, 1, 20)
    assert system.range("a") == (0, 6)
    assert system.range("b") == (1, 7)
    assert system.range("c") == (0, 20)


def test_what_cannot_be_true_is_not_answered() -> None:
    system = System()
    system.unknown("a", 1, 3)
    system.row({"a": 2}, 7, 9)
    with pytest.raises(Contradiction):
        system.range("a")
