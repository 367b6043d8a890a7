"""Drafts of rules run for who signs second: each is answered, at a bounded cost, and only counts leave."""

from __future__ import annotations

import json
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from schemas.preview import Draft
from streams.runtime import settings
from streams.runtime.kafka import Kafka
from streams.tools import whatif
from streams.tools.preview import ROWS, Answer, judge, unavailable
from streams.tools.previewer import MB, Allowance, Child, work
from tests.smalltown import DAY_MS, NAME
from tests.unit.streams.tools.test_whatif import FIXED, Place

NEVER = threading.Event()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("previewer"))


def config(place: Place, **more: Any) -> settings.Previewer:
    given = {"kafka": Kafka("127.0.0.1:9"), "keys": str(place.root / "keys" / "platform"), "weeks": 40,
             "snapshots": str(place.root / "snapshots"), "partitions": {NAME: 0}, **more}  # fmt: skip
    return settings.Previewer(**given)


def draft(place: Place, **fields: Any) -> Draft:
    body = json.dumps(place.town.rules(**{**FIXED, "raise_at": 0.9, **fields.pop("changes", {})}))
    base = {"draft_id": "d1", "partnership": NAME, "name": "rules", "base_version": 1,
            "effective_at": place.now + DAY_MS, "body": body}  # fmt: skip
    return Draft(**{**base, **fields})  # type: ignore[typeddict-item]


def test_a_draft_is_compared_as_the_command_compares_it(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    found = judge(config(place), draft(place))
    assert (found.outcome, found.reason) == ("compared", "")
    assert found.as_of_at == place.state.partnerships[NAME].tables["time"]["now"]
    assert place.run("--raise-at", "0.9", "--weeks", "40", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    told = json.loads(found.body or "")
    rows = {name: (today, changed) for name, today, changed in told["rows"]}
    assert rows["alerts"] == (sum(printed["today"]["alerts"]), sum(printed["changed"]["alerts"]))
    assert rows["alerts"][0] > rows["alerts"][1] == 0
    assert rows["true"] == (printed["today"]["true"], printed["changed"]["true"])
    assert rows["line_at_start"] == (0.02, 0.9)
    assert told["changes"] == [["raise_at", "0.02", "0.9"]]
    assert told["groups"] == printed["groups"]


def test_every_figure_of_the_command_has_a_name_and_none_is_there_twice() -> None:
    assert len(ROWS) == len(set(ROWS)) == len(whatif.ROWS)


def test_only_counts_leave_and_no_series_by_week(place: Place) -> None:
    body = judge(config(place), draft(place)).body or ""
    tables = place.state.partnerships[NAME].tables
    ids = [key for name in ("records", "events", "alerts", "watches") for key in tables[name]]
    forms = [form for key in ids for form in ([key] if isinstance(key, str) else [key.hex(), repr(key)[2:-1]])]
    assert forms
    assert not [form for form in forms if form in body]
    told = json.loads(body)
    series = [value for row in told["rows"] for value in row if isinstance(value, list)]
    assert (series, {"today", "changed"} & told.keys()) == ([], set())


@pytest.mark.parametrize(("changes", "why"), [
    ({"clear_ratio": 2}, "clear_ratio must be from .05 to .95"),
    ({"teams": [{"name": "mash", "agency": "council"}, {"name": "owls", "agency": "council"}]}, "team owls is not in the register"),
    ({"surprise": 1}, "surprise"),
])  # fmt: skip
def test_what_the_control_would_refuse_is_refused_with_its_words(
    place: Place, changes: dict[str, Any], why: str
) -> None:
    found = judge(config(place), draft(place, changes=changes))
    assert (found.outcome, found.body) == ("refused", None)
    assert why in found.reason


def test_holidays_are_judged_as_of_the_day_on_which_the_rules_take_effect(place: Place) -> None:
    until = "2027-01-01"
    soon, late = (
        judge(config(place), draft(place, effective_at=place.now + days * DAY_MS, changes={"holidays_until": until}))
        for days in (1, 3 * 365)
    )
    assert (soon.outcome, late.outcome) == ("compared", "refused")
    assert "holidays_until" in late.reason


@pytest.mark.parametrize(("fields", "settings_", "why"), [
    ({"name": "register"}, {}, "only rules"),
    ({"partnership": "elsewhere"}, {}, "does not serve"),
    ({}, {"partitions": {NAME: 3}}, "no snapshot"),
])  # fmt: skip
def test_what_cannot_be_looked_at_is_said_without_naming_a_place(
    place: Place, fields: dict[str, Any], settings_: dict[str, Any], why: str
) -> None:
    found = judge(config(place, **settings_), draft(place, **fields))
    assert (found.outcome, found.as_of_at, found.body) == ("unavailable", 0, None)
    assert why in found.reason
    assert str(place.root) not in found.reason


def test_history_that_is_too_short_is_said(tmp_path: Path) -> None:
    short = Place(tmp_path, weeks=14)
    found = judge(config(short), draft(short))
    assert (found.outcome, found.body) == ("not_possible", None)
    assert "weeks of history" in found.reason
    assert found.as_of_at > 0


class Runs:
    """Runs that are counted and answered from a list."""

    def __init__(self, *answers: Answer | None) -> None:
        self.answers, self.seen, self.now = list(answers), [], 0.0

    def __call__(self, one: Draft, stop: threading.Event) -> Answer | None:
        del stop
        self.seen.append(one["draft_id"])
        return self.answers[min(len(self.seen), len(self.answers)) - 1]


COMPARED = Answer("compared", "", 1, "{}")


def test_so_many_an_hour_are_run_and_the_rest_is_told_to_come_again(place: Place) -> None:
    runs = Runs(COMPARED)
    allowance = Allowance(runs, 3, lambda: runs.now)
    said = [allowance.answer(draft(place, draft_id=str(n), base_version=n), NEVER) for n in range(5)]
    assert [one.outcome for one in said if one] == ["compared"] * 3 + ["unavailable"] * 2
    runs.now = 3600.0
    assert allowance.answer(draft(place, base_version=9), NEVER) == COMPARED
    assert len(runs.seen) == 4


def test_the_same_body_on_the_same_rules_is_run_once_in_an_hour(place: Place) -> None:
    runs = Runs(COMPARED)
    allowance = Allowance(runs, 9, lambda: runs.now)
    for fields in ({}, {"draft_id": "d2"}, {"base_version": 2}, {"changes": {"raise_at": 0.5}},
                   {"effective_at": 1}, {}):  # fmt: skip
        assert allowance.answer(draft(place, **fields), NEVER) == COMPARED
    assert runs.seen == ["d1"] * 4
    runs.now = 3600.0
    allowance.answer(draft(place), NEVER)
    assert len(runs.seen) == 5


def test_what_could_not_be_run_is_run_when_it_is_asked_for_again(place: Place) -> None:
    runs = Runs(unavailable("no snapshot"), None, COMPARED)
    allowance = Allowance(runs, 9, lambda: runs.now)
    said = [allowance.answer(draft(place), NEVER) for _ in range(3)]
    assert said == [unavailable("no snapshot"), None, COMPARED]


def sleeps(pipe: Connection, _: settings.Previewer, __: Draft) -> None:
    pipe.poll(60)


def dies(_: Connection, __: settings.Previewer, ___: Draft) -> None:
    raise SystemExit(9)


def grows(pipe: Connection, one: settings.Previewer, asked: Draft) -> None:
    work(pipe, settings.replace(one, memory_mb=64), asked)


def test_a_run_in_a_process_of_its_own_answers_as_one_here(place: Place) -> None:
    assert Child(config(place))(draft(place), NEVER) == judge(config(place), draft(place))


def test_a_run_that_takes_too_long_is_ended(place: Place) -> None:
    found = Child(config(place, limit_s=0.0), sleeps)(draft(place), NEVER)
    assert found == unavailable("it took longer than 0 s")


def test_a_run_that_takes_too_much_memory_or_dies_is_answered_for(place: Place) -> None:
    found = Child(config(place), grows)(draft(place), NEVER)
    assert found and found.outcome == "unavailable" and "MB" in found.reason
    found = Child(config(place), dies)(draft(place), NEVER)
    assert found and found.outcome == "unavailable" and "ended before" in found.reason
    assert MB == 2**20


def test_a_run_is_left_when_the_process_is_told_to_stop(place: Place) -> None:
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    began = time.monotonic()
    assert Child(config(place), sleeps)(draft(place), stop) is None
    assert time.monotonic() - began < 60, "it did not wait for the run"
