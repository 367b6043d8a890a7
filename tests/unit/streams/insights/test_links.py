"""Link quality by group: rates where there is enough, nothing where a small group could be computed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.insights.links import COUNTS, GROUPS_MAX, REST, WITHHELD, PublishedLinks, links_body, publish_links
from streams.insights.suppress import STICKY_WEEKS, small
from streams.insights.week import MONDAY_MS, WEEK_MS
from streams.linkage.fairness import Sums

NOW = MONDAY_MS + 2900 * WEEK_MS


def sums(people: int, **more: int) -> Sums:
    return Sums(**{"records": 2 * people, "people": people, "links": 3 * people, **more})


def line(published: PublishedLinks, group: str | None) -> tuple[int | None, ...]:
    return published.shown[(*published.groups, None).index(group)]


def test_rates_are_of_the_links_made_and_of_those_that_should_be() -> None:
    rows = {"A": sums(100, links=300, false_ppm=3_000_000, missed_ppm=33_000_000), "B": sums(60, links=0)}
    published = publish_links(None, rows, NOW)
    assert line(published, "A") == (100, 0, 0, 0, 10_000, 100_000)
    assert line(published, "B") == (60, 0, 0, 0, None, None)
    assert line(published, None) == (160, 0, 0, 0, 10_000, 100_000)


def test_a_small_group_is_withheld_and_no_count_of_all_is_given_but_their_rates_are() -> None:
    published = publish_links(None, {"A": sums(100), "B": sums(60), "C": sums(3)}, NOW)
    assert (line(published, "A")[0], line(published, "B")[0]) == (100, 60)
    assert line(published, "C") == (WITHHELD,) * 6
    assert line(published, None) == (*(WITHHELD,) * 4, 0, 0)
    only = publish_links(None, {"A": sums(3)}, NOW)
    assert line(only, "A") == line(only, None) == (WITHHELD,) * 6


def test_a_group_known_only_by_records_of_other_peoples_is_small() -> None:
    published = publish_links(None, {"A": sums(100), "B": sums(60), "C": Sums(records=30, links=30)}, NOW)
    assert line(published, "C")[0] == WITHHELD


def test_small_decisions_are_withheld_and_the_rest_is_shown() -> None:
    published = publish_links(None, {"A": sums(100, found=40, apart=3), "B": sums(60, found=12, apart=20)}, NOW)
    assert line(published, "A")[:4] == (100, 40, WITHHELD, 0)
    assert line(published, "B")[:4] == (60, 10, 20, 0)
    assert line(published, None)[:4] == (160, 50, WITHHELD, 0)


def test_a_group_once_withheld_stays_so_and_keeps_its_line_when_it_is_gone() -> None:
    published = publish_links(None, {"A": sums(100), "B": sums(60), "C": sums(3)}, NOW)
    for week in range(1, STICKY_WEEKS):
        published = publish_links(published, {"A": sums(100), "B": sums(60)}, NOW + week * WEEK_MS)
        assert line(published, "C")[0] == line(published, None)[0] == WITHHELD
        assert line(published, "B")[0] == 60
    published = publish_links(published, {"A": sums(100), "B": sums(60)}, NOW + STICKY_WEEKS * WEEK_MS)
    assert line(published, None)[0] == 160


def test_more_groups_than_have_a_line_are_counted_together() -> None:
    rows = {f"G{number:03d}": sums(10 + number) for number in range(GROUPS_MAX + 5)}
    published = publish_links(None, rows, NOW)
    assert len(published.groups) == GROUPS_MAX + 1
    assert line(published, REST)[0] == 60
    with pytest.raises(ValueError, match="is published"):
        publish_links(published, rows, NOW)


counts = st.one_of(st.integers(0, 12), st.integers(0, 300))
tables = st.dictionaries(
    st.sampled_from("ABCDE"),
    st.builds(
        lambda people, links, found, apart, undone: sums(people, links=links, found=found, apart=apart, undone=undone),
        counts, counts, counts, counts, counts,
    ),
    min_size=1,
)  # fmt: skip


@given(tables)
def test_no_small_count_is_shown_nor_a_total_of_it(rows: dict[str, Sums]) -> None:
    published = publish_links(None, rows, NOW)
    for number, name in enumerate(COUNTS):
        column = [row[number] for row in published.shown]
        for group, value in zip(published.groups, column, strict=False):
            assert value == WITHHELD or not small(getattr(rows[group], name))
            if line(published, group)[0] == WITHHELD:
                assert set(line(published, group)) == {WITHHELD}
        assert (column[-1] == WITHHELD) == (WITHHELD in column[:-1])


@given(tables)
def test_the_body_is_json_that_hides_what_is_withheld(rows: dict[str, Sums]) -> None:
    table = json.loads(links_body(publish_links(None, rows, NOW)))
    assert [row["group"] for row in table["rows"]] == [*sorted(rows), "total"]
    for row in table["rows"]:
        assert row["withheld"] == (row["cells"]["people"] is None)
