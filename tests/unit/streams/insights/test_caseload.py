"""What is published, when, and that no small number can be computed from it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.event import AGENCY_KINDS
from schemas.profile import LEVELS, level
from streams.insights import Published, body, due, publish
from streams.insights.suppress import STICKY_WEEKS, small
from streams.insights.week import MONDAY_MS, WEEK_MS

NOW = MONDAY_MS + 2900 * WEEK_MS
counts_of_a_line = st.lists(st.one_of(st.integers(0, 12), st.integers(0, 400)), min_size=5, max_size=5)


def police(*cells: int) -> dict[tuple[str, str], int]:
    return dict(zip((("police", name) for name in LEVELS), cells, strict=True))


def line(published: Published) -> tuple[int, ...]:
    return published.shown[AGENCY_KINDS.index("police")]


def test_large_counts_are_shown_rounded_with_their_total() -> None:
    assert line(publish(None, police(101, 52, 0, 13, 8), NOW)) == (100, 50, 0, 15, 10, 175)


def test_a_small_count_takes_the_total_with_it_and_no_other_cell() -> None:
    assert line(publish(None, police(101, 52, 0, 3, 20), NOW)) == (100, 50, 0, -1, 20, -1)
    assert line(publish(None, police(101, 52, 0, 3, 5), NOW)) == (100, 50, 0, -1, -1, -1)
    assert line(publish(None, police(3, 0, 0, 0, 0), NOW)) == (-1, 0, 0, 0, 0, -1)


def test_a_cell_that_has_grown_is_withheld_for_eight_publications_and_the_total_with_it() -> None:
    published = publish(None, police(100, 50, 0, 3, 20), NOW)
    for week in range(1, STICKY_WEEKS):
        published = publish(published, police(100, 50, 0, 9, 20), NOW + week * WEEK_MS)
        assert line(published) == (100, 50, 0, -1, 20, -1)
    published = publish(published, police(100, 50, 0, 9, 20), NOW + STICKY_WEEKS * WEEK_MS)
    assert line(published) == (100, 50, 0, 10, 20, 180)


@given(st.lists(counts_of_a_line, min_size=1, max_size=8))
def test_no_line_with_a_withheld_cell_has_a_total(weeks: list[list[int]]) -> None:
    published = None
    last_small: dict[int, int] = {}
    for week, cells in enumerate(weeks):
        published = publish(published, police(*cells), NOW + week * WEEK_MS)
        shown = line(published)
        last_small |= {place: week for place, count in enumerate(cells) if small(count)}
        for place in range(len(cells)):
            assert (shown[place] == -1) == (week - last_small.get(place, -STICKY_WEEKS) < STICKY_WEEKS)
        assert (shown[-1] == -1) == (-1 in shown[:-1])


def test_one_publication_a_week_on_a_fixed_day() -> None:
    published = publish(None, {}, NOW + 3)
    assert json.loads(body(published))["published_at"] == NOW
    assert not due(published, NOW + WEEK_MS - 1)
    assert due(published, NOW + WEEK_MS)
    with pytest.raises(ValueError, match="is published"):
        publish(published, {}, NOW + 9)


def test_an_unknown_cell_is_refused() -> None:
    with pytest.raises(ValueError, match="no such cell"):
        publish(None, {("police", "alarming"): 9}, NOW)


def test_a_child_counts_at_its_highest_lasting_level() -> None:
    assert level((), 5) == "none"
    assert level([("early_help", 0, None), ("protection_plan", 0, 5)], 5) == "early_help"
    assert level([("looked_after", 6, None), ("in_need", 5, 6)], 5) == "in_need"


def test_the_body_is_a_table_whose_withheld_cells_are_null() -> None:
    table = json.loads(body(publish(None, police(100, 50, 0, 3, 20), NOW)))
    row = next(row for row in table["rows"] if row["agency_kind"] == "police")
    assert row["cells"] == {
        "none": 100, "early_help": 50, "in_need": 0, "plan": None, "looked_after": 20, "total": None,
    }  # fmt: skip
