"""With a feed that says nothing, no step-down ever rises, whatever else happens; and everyone is told which feed."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import codec
from streams.outbox import AlertOut, HouseholdOut, make_cut
from streams.state import Out
from streams.step import make_machine
from tests.smalltown import AGENCIES, DAY_MS, JOHN, MARY, START_MS, Smalltown, tick

DWELL_DAYS = 3
LIMIT_DAYS = 14  # of smalltown's register
PEOPLE = {"m": MARY, "j": JOHN}
FAMILIES = ("violence", "welfare", "protective")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Smalltown:
    return Smalltown(tmp_path_factory.mktemp("town") / "keys")


def profile(town: Smalltown, name: str, at: int, ended_at: int | None) -> bytes:
    spell = {"kind": "in_need", "started_at": START_MS - 99 * DAY_MS, "ended_at": ended_at}
    return town.profile("council", name, at, statuses=[spell])


def journal(town: Smalltown, moves: list[tuple[int, int, str]], *, beating: tuple[str, ...]) -> list[bytes]:
    """Cases that open and close, events and heartbeats, then calm for a long time."""
    rules = town.rules(raise_at=0.1, step_down_dwell_days=DWELL_DAYS, clear_dwell_days=1)
    entries = [*town.opening()[:1], town.control("rules", rules), *town.opening()[2:]]
    for name, who in PEOPLE.items():
        entries += [town.identity("council", name, who), profile(town, name, START_MS, None)]
    entries += [town.live(agency, START_MS) for agency in AGENCIES]
    now = START_MS
    for number, (kind, days, name) in enumerate(moves):
        for _ in range(days):
            now += DAY_MS
            entries += _day(town, now, beating)
        if kind <= 2:
            factors = [{"family": FAMILIES[kind], "severity": 4, "origin": "structured"}]
            entries += [town.event("council", name, f"e{number}-{n}", now, factors=factors) for n in range(3)]
        elif kind == 3:
            entries.append(profile(town, name, now, None))
        else:
            entries.append(profile(town, name, now, now))
    for _ in range(120):
        now += DAY_MS
        entries += _day(town, now, beating)
    return entries


def _day(town: Smalltown, now: int, beating: tuple[str, ...]) -> list[bytes]:
    return [*(town.heartbeat(agency, now) for agency in beating), tick(now)]


def alerts(outbox: tuple[Out, ...]) -> list[AlertOut]:
    return [msgspec.msgpack.decode(out.body, type=AlertOut) for out in outbox if out.kind == "alert"]


def step_downs(outbox: tuple[Out, ...]) -> list[int]:
    return [out.notice.changed_at for out in alerts(outbox)
            if (out.notice.direction, out.notice.state) == ("step_down", "raised")]  # fmt: skip


CLOSING = [(4, 4, "m"), (4, 4, "j")]
moves = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12), st.sampled_from(sorted(PEOPLE))), max_size=10)


def test_with_every_feed_alive_closed_cases_are_stepped_down(town: Smalltown) -> None:
    outbox = make_machine(0, town.keyring).step(journal(town, CLOSING, beating=tuple(AGENCIES))).outbox
    assert len(step_downs(outbox)) == 2
    assert not any(out.notice.behind for out in alerts(outbox))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=moves, silent=st.sampled_from(sorted(AGENCIES)))
def test_on_the_silence_of_one_feed_nothing_is_stepped_down(
    town: Smalltown, moves: list[tuple[int, int, str]], silent: str
) -> None:
    beating = tuple(agency for agency in AGENCIES if agency != silent)
    outbox = make_machine(0, town.keyring).step(journal(town, moves + CLOSING, beating=beating)).outbox
    assert step_downs(outbox) == []
    for out in alerts(outbox):
        late = out.notice.changed_at - START_MS > LIMIT_DAYS * DAY_MS
        assert [agency for agency, _ in out.notice.behind] == [silent] * late
    for one in outbox:
        if one.kind == "household":
            shown = msgspec.msgpack.decode(one.body, type=HouseholdOut)
            late = shown.as_of_at - START_MS > LIMIT_DAYS * DAY_MS
            assert [agency for agency, _ in shown.behind] == [silent] * (late and shown.score_ppm is not None)


def test_when_the_feed_is_back_what_was_held_is_stepped_down(town: Smalltown) -> None:
    machine = make_machine(0, town.keyring)
    entries = journal(town, CLOSING, beating=("council",))
    assert step_downs(machine.step(entries).outbox) == []
    _, last = codec.decode(entries[-1], frozenset({"journal"}))
    back_at = last["received_at"] + DAY_MS
    days = [_day(town, back_at + number * DAY_MS, tuple(AGENCIES)) for number in range(2)]
    outbox = machine.step([entry for day in days for entry in day]).outbox
    assert len(step_downs(outbox)) == 2
    assert min(step_downs(outbox)) >= back_at


def test_scores_and_the_agencys_own_view_name_the_feed(town: Smalltown) -> None:
    entries = journal(town, [(0, 9, "m"), *CLOSING, (0, 30, "m")], beating=("council",))
    outbox = make_machine(0, town.keyring).step(entries).outbox
    cut = make_cut(town.keyring)
    messages = [message for out in outbox if out.kind == "household" for message in cut(out)]
    decoded = [codec.decode(message.value, frozenset({"score", "view"})) for message in messages]
    scores = [message for name, message in decoded if name == "score"]
    rows = [msgspec.json.decode(message["body"]) for name, message in decoded if name == "view" and message["body"]]
    assert scores[0]["behind"] == []
    assert [lag["agency"] for lag in scores[-1]["behind"]] == ["police"]
    assert scores[-1]["behind"][0]["behind_s"] > LIMIT_DAYS * 86_400
    assert rows[-1]["behind"] == scores[-1]["behind"]
