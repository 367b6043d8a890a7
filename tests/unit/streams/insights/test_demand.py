"""What is expected of the next weeks, how it learns, and what is withheld."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.insights import demand
from streams.insights.demand import AHEAD, KINDS, LAGS, PublishedDemand, publish_demand
from streams.insights.forecast import forecast
from streams.insights.suppress import small
from streams.insights.week import MONDAY_MS, WEEK_MS, due

WEEK = 2900
NOW = MONDAY_MS + WEEK * WEEK_MS


def counts(**teams: list[int]) -> dict[str, dict[str, list[int]]]:
    return {kind: dict(teams) for kind in KINDS}


def weekly(series: list[int], weeks: list[int]) -> PublishedDemand:
    """Tables after so many weeks of a history each, from the 104 newest counts."""
    published = None
    for week in weeks:
        published = publish_demand(published, counts(mash=series[max(0, week - 104) : week]), NOW + week * WEEK_MS)
    assert published is not None
    return published


@given(st.lists(st.integers(0, 30), min_size=70, max_size=100))
def test_the_past_teaches_what_the_same_weeks_one_by_one_would_have_taught(series: list[int]) -> None:
    """And a week that had no table of its own is not lost."""
    at_once, one_by_one = weekly(series, [len(series)]), weekly(series, list(range(1, len(series) + 1)))
    with_gaps = weekly(series, [60, 63, len(series)])
    assert at_once.learned == one_by_one.learned == with_gaps.learned


def test_a_table_from_before_anything_was_learned_goes_on() -> None:
    fields = msgspec.msgpack.decode(msgspec.msgpack.encode(weekly([9] * 60, [60])))
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(fields[:-1]), type=PublishedDemand)
    assert read.learned == ()
    published = publish_demand(read, counts(mash=[9] * 61), NOW + 61 * WEEK_MS)
    assert published.learned == weekly([9] * 61, [61]).learned


def test_what_was_said_is_of_the_week_and_before_rounding() -> None:
    published = weekly([9] * 60, [59, 60])
    (said,) = published.said
    assert said.week == published.week
    for place, lag in enumerate(LAGS):
        made = forecast([9] * 60, lag, published.learned[place])
        assert said.bands[place] == tuple((low, high) for _, low, high in made)


def test_where_nothing_is_known_yet_the_cell_is_empty_and_without_a_band_it_says_so() -> None:
    start = publish_demand(None, {"episodes": {"mash": [9] * 60}, "alerts": {"mash": [9] * 3}}, NOW)
    assert json.loads(demand.demand_body(start))["rows"][0]["cells"]["alerts"] == [None] * 3
    later = publish_demand(start, {"episodes": {"mash": [9] * 60}, "alerts": {"mash": [9] * 9}}, NOW + WEEK_MS)
    short, _, far = json.loads(demand.demand_body(later))["rows"][0]["cells"]["alerts"]
    assert short["low"] < short["expected"] < short["high"]
    assert (far["expected"], far["low"], far["high"]) == (235, None, None)


def test_a_week_has_one_table() -> None:
    published = publish_demand(None, counts(mash=[9] * 60), NOW)
    assert not due(published, NOW + WEEK_MS - 1)
    assert due(published, NOW + WEEK_MS)
    with pytest.raises(ValueError, match="is published"):
        publish_demand(published, counts(mash=[9] * 60), NOW)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=5))
def test_no_small_number_is_shown_nor_left_alone_in_its_line(levels: list[int]) -> None:
    made = publish_demand(None, counts(**{f"t{n}": [one] * 60 for n, one in enumerate(levels)}), NOW)
    for place in range(len(KINDS)):
        for horizon, cells in enumerate(made.shown[place]):
            true = [forecast([one] * 60, LAGS[place], made.learned[place])[horizon][0] for one in levels]
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
