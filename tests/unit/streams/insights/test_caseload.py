"""What is published, when, and that no small number can be computed from it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.event import AGENCY_KINDS
from streams.insights import LEVELS, Published, body, due, level, publish
from streams.insights.suppress import STICKY_WEEKS, small
from streams.insights.week import MONDAY_MS, WEEK_MS

NOW = MONDAY_MS + 2900 * WEEK_MS
counts_of_a_line = st.lists(st.one_of(st.integers(0, 12), st.integers(0, 400)), min_size=5, max_size=5)


def police(*cells: int) -> dict[tuple[str, str], int]:
    return dict(zip((("police", name) for name in LEVELS), cells, strict=True))


def line(published: Published) -> tuple[int, ...]:
    return published.shown[AGENCY_KINDS.index("police")]


def bounds(shown: tuple[int, ...], place: int, least: int) -> tuple[int, int]:
    """What the linear program over one line knows of a withheld count; a shown one is within 2 of the truth."""
    known = [(0, 0) if value == 0 else (value - 2, value + 2) if value > 0 else (least, 10**6) for value in shown]
    others = [known[at] for at in range(len(shown) - 1) if at != place]
    low, high = known[-1]
    return max(least, low - sum(b for _, b in others)), min(10**6, high - sum(a for a, _ in others))


def test_large_counts_are_shown_rounded_with_their_total() -> None:
    assert line(publish(None, police(101, 52, 0, 13, 8), NOW)) == (100, 50, 0, 15, 10, 175)


def test_a_small_count_takes_a_second_cell_or_the_total_with_it() -> None:
    assert line(publish(None, police(101, 52, 0, 3, 20), NOW)) == (100, 50, 0, -1, -1, 175)
    assert line(publish(None, police(101, 52, 0, 3, 5), NOW)) == (100, 50, 0, -1, -1, 160)
    assert line(publish(None, police(3, 0, 0, 0, 0), NOW)) == (-1, 0, 0, 0, 0, -1)


def test_small_cells_that_the_rounded_total_would_give_away_take_it_with_them() -> None:
    assert line(publish(None, police(1, 1, 1, 1, 63), NOW)) == (-1, -1, -1, -1, 65, -1)
    assert line(publish(None, police(2, 2, 0, 0, 62), NOW)) == (-1, -1, 0, 0, 60, 65)


def test_the_second_cell_stays_the_same_while_the_first_is_small() -> None:
    published = publish(None, police(100, 50, 0, 3, 20), NOW)
    for week in range(1, 2 * STICKY_WEEKS):
        published = publish(published, police(100, 15, 0, 3, 20), NOW + week * WEEK_MS)
        assert line(published)[3:5] == (-1, -1)
        assert line(published)[1] == 15


def test_a_cell_that_has_grown_is_withheld_for_eight_more_publications() -> None:
    published = publish(None, police(100, 50, 0, 3, 20), NOW)
    for week in range(1, STICKY_WEEKS):
        published = publish(published, police(100, 50, 0, 9, 20), NOW + week * WEEK_MS)
        assert line(published)[3:5] == (-1, -1)
    published = publish(published, police(100, 50, 0, 9, 20), NOW + STICKY_WEEKS * WEEK_MS)
    assert line(published)[3:5] == (10, 20)


def test_where_no_other_cell_is_left_the_total_is_withheld() -> None:
    published = publish(None, police(3, 100, 0, 0, 0), NOW)
    published = publish(published, police(3, 100, 0, 0, 0), NOW + WEEK_MS)
    for week in range(2, STICKY_WEEKS + 1):
        published = publish(published, police(9, 0, 0, 0, 0), NOW + week * WEEK_MS)
    assert line(published) == (-1, 0, 0, 0, 0, -1)


@given(st.lists(counts_of_a_line, min_size=1, max_size=8))
def test_no_small_count_is_recovered_from_any_of_eight_weeks(weeks: list[list[int]]) -> None:
    published = None
    for week, cells in enumerate(weeks):
        before = published
        published = publish(before, police(*cells), NOW + week * WEEK_MS)
        shown = line(published)
        for place, count in enumerate(cells):
            if small(count):
                assert shown[place] == -1
                low, high = bounds(shown, place, 0 if before else 1)  # later a 0 may still be withheld
                assert low < high
        withheld = {place for place, value in enumerate(shown) if value < 0}
        assert len(withheld) != 1
        if before and any(small(cell) and line(before)[place] < 0 for place, cell in enumerate(cells)):
            same = withheld & {place for place, value in enumerate(line(before)) if value < 0}
            assert len(same) >= 2, "two weeks side by side must not show the partner"


def test_one_publication_a_week_on_a_fixed_day() -> None:
    published = publish(None, {}, NOW + 3)
    assert published.published_at == NOW
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
        "none": 100, "early_help": 50, "in_need": 0, "plan": None, "looked_after": None, "total": 175,
    }  # fmt: skip
