"""What is expected of the next weeks, how it learns, and what is withheld."""

from __future__ import annotations

import json
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.insights import demand
from streams.insights.caseload import MONDAY_MS, WEEK_MS
from streams.insights.demand import AHEAD, KINDS, PublishedDemand, publish_demand
from streams.insights.suppress import small

WEEK = 2900
NOW = MONDAY_MS + WEEK * WEEK_MS
EVEN = (demand.FAMILIES_MILLI,) * len(AHEAD)
some_counts = st.lists(st.integers(0, 30), min_size=1, max_size=104)


def counts(**teams: list[int]) -> dict[str, dict[str, list[int]]]:
    return {kind: dict(teams) for kind in KINDS}


def in_floats(series: list[int], kind: str) -> float:
    """The level by its definition, in floats."""
    pairs = [(0.5 ** (age / 13), count, min(1.0, max(0.0, (7 * age + 3 - 10) / 55)) if kind == "episodes" else 1.0)
             for age, count in enumerate(reversed(series))]  # fmt: skip
    exposed = sum(weight * share for weight, _, share in pairs)
    lately = sum(w * c for w, c, share in pairs if share) / exposed if exposed else 0.0
    settled = [count for age, count in enumerate(reversed(series)) if age >= (10 if kind == "episodes" else 0)][:52]
    return (lately + 2 * sum(settled) / len(settled)) / 3 if settled else lately


@given(some_counts, st.sampled_from(KINDS))
def test_the_level_is_a_third_the_last_weeks_and_two_thirds_the_mean_of_a_year(series: list[int], kind: str) -> None:
    assert demand.level(series, kind) / 1000 == pytest.approx(in_floats(series, kind), rel=1e-3, abs=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_an_even_year_is_expected_to_go_on(kind: str) -> None:
    late = [10 * demand.known_share(age, kind) // demand.SHARE for age in reversed(range(60))]
    for weeks, (expected, low, high) in zip(AHEAD, demand.forecast(late, kind, EVEN), strict=True):
        assert expected / 1000 == pytest.approx(10 * weeks, rel=0.03)
        room = 1.282 * sqrt(1.6 * expected / 1000 * (1 + weeks / 20))
        assert (expected - low) / 1000 == pytest.approx(room, rel=0.01)
        assert high - expected == expected - low


def test_the_fewer_weeks_are_known_the_wider_the_band() -> None:
    rooms = [high - low for series in ([10] * 2, [10] * 10, [10] * 20, [10] * 60)
             for _, low, high in [demand.forecast(series, "alerts", EVEN)[2]]]  # fmt: skip
    assert rooms[0] > rooms[1] > rooms[2] == rooms[3]


def test_nothing_known_is_nothing_expected() -> None:
    assert demand.forecast([], "episodes", EVEN) == ((0, 0, 0),) * len(AHEAD)


def run(weeks: int, came: int, said: int) -> PublishedDemand:
    """So many weeks of alerts, of which as many are said and as many come."""
    published = None
    for week in range(weeks):
        series = [said] * 60 if week == 0 else [said] * 59 + [came] * week
        published = publish_demand(published, counts(mash=series[-104:]), NOW + week * WEEK_MS)
    assert published is not None
    return published


def test_the_band_widens_when_what_comes_lies_outside_and_narrows_when_it_does_not() -> None:
    place = KINDS.index("alerts")
    assert run(6, came=20, said=20).variance_milli[place][0] < demand.FAMILIES_MILLI
    assert run(6, came=60, said=20).variance_milli[place][0] > demand.FAMILIES_MILLI
    assert run(6, came=60, said=20).variance_milli[place][1:] == (demand.FAMILIES_MILLI,) * 2  # not known yet


def test_what_was_said_is_kept_until_it_is_known_what_came() -> None:
    assert len(run(60, came=20, said=20).said) == AHEAD[-1] + demand.SETTLED


def test_a_week_has_one_table() -> None:
    published = publish_demand(None, counts(mash=[9] * 60), NOW)
    assert not demand.demand_due(published, NOW + WEEK_MS - 1)
    assert demand.demand_due(published, NOW + WEEK_MS)
    with pytest.raises(ValueError, match="is published"):
        publish_demand(published, counts(mash=[9] * 60), NOW)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=5))
def test_no_small_number_is_shown_nor_left_alone_in_its_line(levels: list[int]) -> None:
    made = publish_demand(None, counts(**{f"t{n}": [one] * 60 for n, one in enumerate(levels)}), NOW)
    for place in range(len(KINDS)):
        for horizon, cells in enumerate(made.shown[place]):
            true = [demand.forecast([one] * 60, KINDS[place], EVEN)[horizon][0] for one in levels]
            for cell, value in zip(cells, true, strict=False):
                assert not (small((value + 500) // 1000) and cell[0] != demand.WITHHELD)
            assert sum(cell[0] == demand.WITHHELD for cell in cells) != 1
            assert all(value % 5 == 0 or value == demand.WITHHELD for cell in cells for value in cell)


def test_the_table_says_teams_weeks_and_what_is_withheld() -> None:
    table = json.loads(demand.demand_body(publish_demand(None, counts(east=[0] * 60, mash=[10] * 60), NOW)))
    assert (table["table"], table["weeks"], table["published_at"]) == ("demand", list(AHEAD), NOW)
    assert [row["team"] for row in table["rows"]] == ["east", "mash", "total"]
    assert table["rows"][1]["cells"]["alerts"][1]["expected"] == 120
    few = json.loads(demand.demand_body(publish_demand(None, counts(mash=[1] * 60), NOW)))
    assert few["rows"][0]["cells"]["alerts"][0] is None


def test_a_team_that_is_new_has_no_history_of_being_withheld() -> None:
    first = publish_demand(None, counts(mash=[1] * 60), NOW)
    second = publish_demand(first, counts(mash=[30] * 60, new=[30] * 60), NOW + WEEK_MS)
    shown = dict(zip((*second.teams, "total"), second.shown[KINDS.index("alerts")][0], strict=True))
    assert shown["mash"][0] == demand.WITHHELD  # against differencing over weeks
    assert second.teams == ("mash", "new")
