"""Alert quality by team: what is told of it, and that its rates tell no more than its counts."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.insights import PublishedAlerts, alerts_body, publish_alerts
from streams.insights.alertquality import COUNTS, Answered
from streams.insights.suppress import STICKY_WEEKS, small
from streams.insights.week import MONDAY_MS, WEEK_MS

NOW = MONDAY_MS + 2900 * WEEK_MS
MANY = Answered(103, (600, 60, 90_000, *(7_300,) * 40), 21, 9)
FEW = Answered(12, (60,) * 3, 1, 2)
NONE = Answered(0, (), 0, 0)
teams = st.dictionaries(
    st.sampled_from(["east", "mash", "west"]),
    st.builds(
        lambda true, false, more, unanswered: Answered(
            true + false + more + unanswered, (60,) * (true + false + more), true, false
        ),
        *[st.integers(0, 15)] * 4,
    ),
    min_size=1,
)


def rows(published: PublishedAlerts) -> dict[str, dict[str, Any]]:
    return {row["team"]: row for row in json.loads(alerts_body(published))["rows"]}


def test_counts_are_rounded_precision_is_made_of_what_is_shown_and_the_median_to_five_minutes() -> None:
    row = rows(publish_alerts(None, {"mash": MANY}, NOW))["mash"]
    assert row["cells"] == {"raised": 105, "answered": 45, "true_positive": 20, "false_positive": 10}
    assert row["precision_percent"] == 67
    assert row["median_response_s"] == 7_200


def test_small_counts_take_the_total_and_what_rests_on_them_with_them() -> None:
    told = rows(publish_alerts(None, {"mash": MANY, "east": FEW, "west": NONE}, NOW))
    assert told["east"]["cells"] == {"raised": 10, "answered": None, "true_positive": None, "false_positive": None}
    assert told["east"]["precision_percent"] is told["east"]["median_response_s"] is None
    assert told["total"]["cells"] == {"raised": 115, "answered": None, "true_positive": None, "false_positive": None}
    assert told["total"]["precision_percent"] is told["total"]["median_response_s"] is None
    assert told["mash"]["precision_percent"] == 67
    assert set(told["west"]["cells"].values()) == {0}


def test_a_team_that_is_new_or_goes_takes_nothing_with_it() -> None:
    published = publish_alerts(None, {"mash": MANY, "east": FEW}, NOW)
    published = publish_alerts(published, {"mash": MANY, "west": MANY}, NOW + WEEK_MS)
    assert published.teams == ("mash", "west")
    assert None not in rows(published)["west"]["cells"].values()


@given(st.lists(teams, min_size=1, max_size=10))
def test_no_small_count_is_told_nor_a_total_of_one_nor_a_rate_of_one(weeks: list[dict[str, Answered]]) -> None:
    published = None
    last: dict[tuple[str, str], int] = {}
    for week, counts in enumerate(weeks):
        before = published.teams if published else ()
        published = publish_alerts(published, counts, NOW + week * WEEK_MS)
        told = rows(published)
        for team, one in counts.items():
            for name, count in zip(COUNTS, one.counts, strict=True):
                if team not in before:
                    last.pop((team, name), None)
                if small(count):
                    last[team, name] = week
                hidden = week - last.get((team, name), -STICKY_WEEKS) < STICKY_WEEKS
                assert (told[team]["cells"][name] is None) == hidden
        for name in COUNTS:
            column = [told[team]["cells"][name] for team in counts]
            assert (told["total"]["cells"][name] is None) == (None in column)
        for row in told.values():
            judged = [row["cells"][name] for name in COUNTS[2:]]
            assert row["precision_percent"] is None or (None not in judged and sum(judged) > 0)
            assert (row["median_response_s"] is None) == (not row["cells"]["answered"])
