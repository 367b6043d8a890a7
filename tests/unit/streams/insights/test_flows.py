"""Flows between levels: what is counted, and that nothing ties them to the caseload."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.profile import LEVELS
from streams.insights import PublishedFlows, flows_body, publish_flows
from streams.insights.suppress import SMALL_MAX, STICKY_WEEKS, rounded
from streams.insights.week import MONDAY_MS, WEEK_MS

NOW = MONDAY_MS + 2900 * WEEK_MS
flows = st.dictionaries(st.tuples(st.sampled_from(LEVELS), st.sampled_from(LEVELS)), st.integers(0, 40))


def cell(published: PublishedFlows, before: str, after: str) -> int:
    return published.shown[LEVELS.index(before)][LEVELS.index(after)]


def test_a_flow_of_eight_is_shown_rounded_and_fewer_or_none_are_not_told_apart() -> None:
    published = publish_flows(None, {("none", "plan"): 8, ("none", "in_need"): 7, ("plan", "none"): 43}, NOW)
    assert (cell(published, "none", "plan"), cell(published, "plan", "none")) == (10, 45)
    assert cell(published, "none", "in_need") == cell(published, "none", "looked_after") == -1


def test_a_withheld_flow_that_has_grown_is_withheld_for_eight_publications() -> None:
    published = publish_flows(None, {}, NOW)
    for week in range(1, STICKY_WEEKS + 1):
        assert cell(published, "none", "plan") == -1
        published = publish_flows(published, {("none", "plan"): 20}, NOW + week * WEEK_MS)
    assert cell(published, "none", "plan") == 20


@given(st.lists(flows, min_size=1, max_size=10))
def test_who_stayed_and_totals_are_never_told_and_what_is_told_is_not_small(weeks: list[dict]) -> None:
    published = None
    for week, counts in enumerate(weeks):
        published = publish_flows(published, counts, NOW + week * WEEK_MS)
        rows = json.loads(flows_body(published))["rows"]
        assert [row["from"] for row in rows] == list(LEVELS)
        for row in rows:
            assert set(row["cells"]) == {*LEVELS} - {row["from"]}
            for after, value in row["cells"].items():
                count = counts.get((row["from"], after), 0)
                assert value is None or (value == rounded(count) and count > SMALL_MAX)


def test_one_publication_a_week_and_no_unknown_level() -> None:
    published = publish_flows(None, {}, NOW)
    with pytest.raises(ValueError, match="is published"):
        publish_flows(published, {}, NOW + 9)
    with pytest.raises(ValueError, match="no such flow"):
        publish_flows(None, {("none", "alarming"): 9}, NOW)
