"""What operators are shown of a partnership, and how the worker shows it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from prometheus_client import generate_latest

from streams.runtime import metrics, worker
from streams.state import Outcome
from streams.step import State, make_machine
from tests.smalltown import AGENCIES, DAY_MS, NAME, START_MS, Smalltown, tick

LIMIT_S = 14 * 86_400  # of smalltown's register


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Smalltown:
    return Smalltown(tmp_path_factory.mktemp("town") / "keys")


def live(town: Smalltown) -> State:
    machine = make_machine(0, town.keyring)
    machine.step([*town.opening(), *(town.live(agency, START_MS) for agency in AGENCIES)])
    machine.step([tick(START_MS + minute * 60_000) for minute in range(1, 10)])
    return machine


def test_a_feed_past_its_limit_shows_its_age_and_the_others_none(town: Smalltown) -> None:
    machine = live(town)
    at = START_MS + 1000 * LIMIT_S
    machine.step([town.heartbeat("council", at)])
    gauges = machine.step([tick(at)]).gauges
    assert {gauges[NAME, agency, "behind_s"] for agency in AGENCIES} == {0}
    gauges = machine.step([tick(at + 1000)]).gauges
    behind = {agency: 0 if agency == "council" else LIMIT_S + 1 for agency in AGENCIES}
    assert {agency: gauges[NAME, agency, "behind_s"] for agency in AGENCIES} == behind


def test_holidays_are_counted_down_to_the_end_of_their_last_day(town: Smalltown) -> None:
    machine = live(town)
    end = datetime.fromisoformat(town.rules()["holidays_until"]).replace(tzinfo=UTC).timestamp() + 86_400
    at = START_MS + 3 * DAY_MS
    assert machine.step([tick(at)]).gauges[NAME, "", "holidays_left_s"] == end - at / 1000


def test_before_there_is_a_register_and_between_ticks_there_is_nothing_to_show(town: Smalltown) -> None:
    machine = make_machine(0, town.keyring)
    assert machine.step([town.control("rules", town.rules()), tick(START_MS)]).gauges == {}
    assert live(town).step([town.heartbeat("council", START_MS + DAY_MS)]).gauges == {}


def test_the_worker_exports_every_gauge_and_an_unread_count_that_begins_at_nought() -> None:
    gauges = {("northmere", "", "pending"): 7, ("northmere", "", "holidays_left_s"): 86_400,
              ("northmere", "police", "behind_s"): 11}  # fmt: skip
    worker._measure([Outcome(b"\x90", (), {}, gauges)])
    lines = generate_latest(metrics.REGISTRY).decode().splitlines()
    for line in (
        'sightline_alerts_pending{partnership="northmere"} 7.0',
        'sightline_holidays_left_seconds{partnership="northmere"} 86400.0',
        'sightline_feed_behind_seconds{agency="police",partnership="northmere"} 11.0',
        'sightline_events_total{agency="police",outcome="unread",stage="step"} 0.0',
    ):
        assert line in lines
