from math import isclose

import pytest

from streams.risk.examples import TICK_MS, next_tick
from streams.risk.features import DAY_MS
from streams.risk.golive import CANDIDATES, Cursor, Step, Walk, choose, raises
from tests.unit.streams.risk.families import T0

HOUSES = (b"a", b"b", b"c")
EVENTS = tuple((T0 + n * 17 * DAY_MS, b"e%d" % n) for n in range(12))


def walk(cursor):
    found, w = [], Walk(cursor, EVENTS, HOUSES)
    while (step := w.take()) is not None:
        found.append(step)
    return found


def cursor(**changes):
    return Cursor(phase="sweep", started_at=T0 + 150 * DAY_MS, at=T0, **changes)


def test_the_walk_is_in_order_and_each_step_once():
    steps = walk(cursor())
    assert steps == sorted(set(steps))
    assert [s.key for s in steps if s.rank == 1] == [key for at, key in EVENTS if T0 <= at <= T0 + 150 * DAY_MS]
    ticks = [s for s in steps if s.rank == 0]
    assert {s.key for s in ticks} == set(HOUSES)
    assert all(next_tick(s.key, s.at - 1) == s.at for s in ticks)
    assert len(ticks) in range(5 * 3, 6 * 3 + 1)


@pytest.mark.parametrize("cut", [1, 7, 20])
def test_a_walk_goes_on_where_it_was_left(cut):
    whole = walk(cursor())
    at, rank, key = whole[cut - 1]
    left = Cursor(phase="sweep", started_at=T0 + 150 * DAY_MS, at=at, rank=rank, key=key)
    assert walk(left) == whole[cut:]


def test_an_event_that_becomes_known_ahead_is_walked_once():
    w = Walk(cursor(), EVENTS, ())
    w.take()
    w.known(T0 + DAY_MS, b"new")
    w.known(T0 + DAY_MS, b"new")
    w.known(T0 - DAY_MS, b"past")
    w.known(T0 + 900 * DAY_MS, b"beyond")
    rest = []
    while (step := w.take()) is not None:
        rest.append(step)
    assert rest[0] == Step(T0 + DAY_MS, 1, b"new")
    assert [s.key for s in rest].count(b"new") == 1
    assert b"past" not in [s.key for s in rest]
    assert b"beyond" not in [s.key for s in rest]


def test_ticks_are_evenly_apart():
    first = next_tick(b"h", T0)
    assert next_tick(b"h", first) == first + TICK_MS
    assert T0 < first <= T0 + TICK_MS


def count(scores, line):
    return raises([(T0 + d * DAY_MS, s) for d, s in scores], 700_000, 14 * DAY_MS)[CANDIDATES.index(line)]


LINE = CANDIDATES[20]
HIGH, LOW = LINE, LINE // 2


def test_a_raise_is_counted_when_the_line_is_reached_and_not_at_the_start():
    assert count([(0, 0), (1, HIGH)], LINE) == 1
    assert count([(0, 0), (1, HIGH - 1)], LINE) == 0
    assert count([(0, HIGH), (1, HIGH)], LINE) == 0


def test_between_two_raises_there_is_a_clear():
    assert count([(0, 0), (1, HIGH), (2, LOW), (3, HIGH)], LINE) == 1
    assert count([(0, 0), (1, HIGH), (2, LOW), (17, LOW), (18, HIGH)], LINE) == 2
    assert count([(0, 0), (1, HIGH), (2, LOW), (10, HIGH), (12, LOW), (20, LOW), (21, HIGH)], LINE) == 1
    assert count([(0, 0), (1, HIGH), (2, -1), (3, HIGH)], LINE) == 2


def test_the_line_chosen_meets_the_target():
    counts = tuple(max(0, 470 - 10 * n) for n in range(len(CANDIDATES)))
    chosen = choose(counts, 100)
    assert CANDIDATES[36] <= chosen <= CANDIDATES[37]
    assert isclose(chosen, CANDIDATES[37], rel_tol=0.01)


def test_a_quiet_partnership_gets_the_lowest_line():
    assert choose((0,) * len(CANDIDATES), 5) == CANDIDATES[0]
