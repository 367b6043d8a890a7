"""The clock of answers against a count of minutes: random starts, hours, holidays, and both changes of the clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.alerting.hours import Hours
from streams.alerting.rules import Rules, parse_rules
from streams.tools.controls import bank_holidays

MINUTE_MS = 60_000
LONDON = ZoneInfo("Europe/London")
BANK = bank_holidays(range(2024, 2031))
SPRING, AUTUMN = datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)
"""When the clock changes."""


def works(at: int, starts: int, ends: int, closed: frozenset[str]) -> bool:
    """Whether a minute is worked, by looking at a clock on the wall."""
    wall = datetime.fromtimestamp(at / 1000, UTC).astimezone(LONDON)
    return (
        wall.isoweekday() <= 5
        and wall.strftime("%Y-%m-%d") not in closed
        and starts <= wall.hour * 60 + wall.minute < ends
    )


def ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


moments = st.one_of(
    st.integers(0, 5 * 365 * 24 * 60).map(
        lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    *(
        st.timedeltas(timedelta(days=-4), timedelta(days=2)).map(lambda by, change=change: change + by)
        for change in (SPRING, AUTUMN, datetime(2026, 12, 25, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))
    ),
).map(lambda moment: ms(moment) // MINUTE_MS * MINUTE_MS)
windows = st.tuples(st.integers(0, 24 * 60 - 2), st.integers(1, 24 * 60 - 1)).filter(lambda one: one[1] - one[0] > 90)


@settings(max_examples=150, deadline=None)
@given(at=moments, window=windows, hours=st.integers(1, 24), holidays=st.booleans())
@example(at=ms(SPRING) - 60 * MINUTE_MS, window=(0, 24 * 60 - 1), hours=4, holidays=True)
@example(at=ms(AUTUMN), window=(0, 24 * 60 - 1), hours=4, holidays=True)
@example(at=ms(datetime(2026, 12, 24, 16, tzinfo=UTC)), window=(540, 1020), hours=2, holidays=True)
def test_an_answer_is_due_when_that_many_minutes_were_worked(
    at: int, window: tuple[int, int], hours: int, holidays: bool
) -> None:
    closed = frozenset(BANK["holidays"]) if holidays else frozenset()
    due, counted = at, 0
    while counted < hours * 60:
        counted += works(due, *window, closed)
        due += MINUTE_MS
    assert Hours(*window, closed).after(at, hours) == due


@settings(max_examples=100, deadline=None)
@given(at=moments, window=windows, holidays=st.booleans())
def test_a_team_is_at_work_in_the_minutes_it_works_and_next_when_it_opens(
    at: int, window: tuple[int, int], holidays: bool
) -> None:
    closed = frozenset(BANK["holidays"]) if holidays else frozenset()
    hours, opens = Hours(*window, closed), at
    while not works(opens, *window, closed):
        opens += MINUTE_MS
    assert hours.open_at(at) == works(at, *window, closed)
    assert hours.opens_at(at) == opens


@given(at=moments, hours=st.integers(1, 400))
def test_a_team_round_the_clock_answers_by_the_clock(at: int, hours: int) -> None:
    night = Hours(540, 1020, frozenset(BANK["holidays"]), always=True)
    assert night.after(at, hours) == at + hours * 60 * MINUTE_MS
    assert night.open_at(at)
    assert night.opens_at(at) == at


def test_a_team_may_have_hours_of_its_own() -> None:
    rules = chosen(teams=[{"name": "mash", "agency": "a", "day_starts": 0, "day_ends": 60, "respond_hours": 1}])
    start = ms(datetime(2026, 1, 12, 0, 30, tzinfo=UTC))
    assert rules.respond_by(rules.teams[0], start) == start + 24 * 60 * MINUTE_MS


def chosen(**changes: object) -> Rules:
    return parse_rules(json.dumps({"front_door": "mash", "teams": [{"name": "mash", "agency": "a"}], **changes}))
