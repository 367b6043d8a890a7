from itertools import permutations

import pytest

from streams.alerting.grouping import regroup
from streams.alerting.machine import ANSWERED_MAX, NORMAL, PENDING, RAISED, RECOVERING, Watched
from tests.unit.streams.risk.families import T0

A, B = (b"a", b"b"), (b"c", b"d")
WHOLE = (b"a", b"b", b"c", b"d")


def merged(of_a, of_b):
    return regroup((A, B), (WHOLE,), {b"a": of_a, b"c": of_b})


@pytest.mark.parametrize(("high", "low"), [
    (RAISED, RECOVERING), (RAISED, PENDING), (RAISED, NORMAL),
    (RECOVERING, PENDING), (RECOVERING, NORMAL), (PENDING, NORMAL),
])  # fmt: skip
def test_on_a_merge_the_highest_state_wins(high, low):
    for rows in permutations((Watched(state=high, since=T0), Watched(state=low, since=T0 - 1))):
        kept = merged(*rows)
        assert set(kept.rows) == {b"a"}
        assert kept.rows[b"a"].state == high


def test_of_two_alerts_the_older_goes_on_and_the_other_joins_it():
    for rows in permutations((Watched(RAISED, T0, alert="old"), Watched(RAISED, T0 + 1, alert="new"))):
        kept = merged(*rows)
        assert kept.rows[b"a"].alert == "old"
        assert kept.joined == (("new", "old"),)
        assert kept.lost == ()


def test_a_raised_alert_goes_on_before_an_older_one_that_recovers():
    kept = merged(Watched(RECOVERING, T0 - 9, alert="falling"), Watched(RAISED, T0, alert="up"))
    assert kept.rows[b"a"].alert == "up"
    assert kept.joined == (("falling", "up"),)


def test_a_step_down_joins_an_alert():
    for rows in permutations((Watched(RAISED, T0, alert="e"), Watched(NORMAL, T0, step_down="s"))):
        kept = merged(*rows)
        assert kept.rows[b"a"].alert == "e"
        assert kept.rows[b"a"].step_down == ""
        assert kept.joined == (("s", "e"),)


def test_a_step_down_goes_on_where_nothing_is_against_it():
    for state in (NORMAL, PENDING):
        kept = merged(Watched(state, T0 - 1), Watched(NORMAL, T0, step_down="s"))
        assert (kept.rows[b"a"].step_down, kept.joined) == ("s", ())


def test_of_two_step_downs_one_goes_on():
    kept = merged(Watched(NORMAL, T0, step_down="one"), Watched(NORMAL, T0 + 1, step_down="two"))
    assert kept.rows[b"a"].step_down == "one"
    assert kept.joined == (("two", "one"),)


def test_what_was_armed_or_done_lately_in_one_part_holds_for_the_whole():
    for rows in permutations((Watched(armed_at=5, stepped_at=7, sampled_at=1), Watched(armed_at=3, sampled_at=9))):
        row = merged(*rows).rows[b"a"]
        assert (row.armed_at, row.stepped_at, row.sampled_at) == (5, 7, 9)


def test_the_whole_is_about_a_child_if_a_part_was():
    for rows in permutations((Watched(RAISED, T0, child=b""), Watched(NORMAL, T0, child=b"d"))):
        assert merged(*rows).rows[b"a"].child == b"d"


def test_calm_of_one_part_is_not_calm_of_the_whole():
    for rows in permutations((Watched(since=1, armed_at=T0, low_at=T0), Watched(since=2))):
        assert merged(*rows).rows[b"a"].low_at == 0


def test_a_merge_with_a_household_without_history_changes_nothing():
    row = Watched(RAISED, T0, armed_at=T0, low_at=T0, child=b"c", alert="e")
    assert regroup((A, B), (WHOLE,), {b"c": row}).rows == {b"a": row}


def test_three_alerts_that_become_one_leave_one():
    before = ((b"a",), (b"b",), (b"c",))
    rows = {key: Watched(RAISED, T0 + n, alert=f"e{n}") for n, (key,) in enumerate(before)}
    kept = regroup(before, ((b"a", b"b", b"c"),), rows)
    assert kept.rows[b"a"].alert == "e0"
    assert set(kept.joined) == {("e1", "e0"), ("e2", "e0")}


@pytest.mark.parametrize(("child", "home"), [(b"a", b"a"), (b"b", b"a"), (b"c", b"c"), (b"d", b"c")])
def test_on_a_split_the_history_follows_the_child(child, home):
    row = Watched(RAISED, T0, low_at=T0, child=child, alert="e")
    kept = regroup((WHOLE,), (A, B), {b"a": row})
    assert kept == ({home: row}, (), ())


@pytest.mark.parametrize("child", [b"", b"gone"])
def test_a_history_about_nobody_goes_with_the_first_record(child):
    row = Watched(NORMAL, T0, armed_at=T0, child=child)
    assert regroup((WHOLE,), (A, B), {b"a": row}).rows == {b"a": row}


def test_a_history_goes_with_the_records_that_are_left():
    row = Watched(RAISED, T0, child=b"a", alert="e")
    kept = regroup((A,), ((b"b",),), {b"a": row})
    assert kept == ({b"b": row}, (), ())


def test_alerts_whose_every_record_is_gone_are_lost():
    row = Watched(NORMAL, T0, alert="e", step_down="s")
    assert regroup((A, B), (B,), {b"a": row}) == ({}, (), ("e", "s"))


def test_a_child_that_moves_takes_its_history_into_the_other_household():
    rows = {b"a": Watched(RAISED, T0, child=b"b", alert="hers"), b"c": Watched(RAISED, T0 + 1, alert="theirs")}
    kept = regroup((A, B), ((b"a",), (b"b", b"c", b"d")), rows)
    assert set(kept.rows) == {b"b"}
    assert kept.rows[b"b"].alert == "hers"
    assert kept.joined == (("theirs", "hers"),)


def test_the_order_in_which_households_are_given_does_not_matter():
    rows = {b"a": Watched(RAISED, T0, alert="e"), b"c": Watched(RAISED, T0, alert="f")}
    found = {repr(regroup(before, (WHOLE,), rows)) for before in permutations((A, B))}
    assert len(found) == 1


def test_every_alert_goes_on_joins_another_or_is_lost_once():
    before = ((b"a",), (b"b",), (b"c", b"d"), (b"e",), (b"x",))
    after = ((b"a", b"b"), (b"c",), (b"d", b"e"))
    rows = {m[0]: Watched(RAISED, T0 + n, child=m[-1], alert=m[0].decode()) for n, m in enumerate(before)}
    kept = regroup(before, after, rows)
    ends = [alert for alert, _ in kept.joined] + list(kept.lost)
    assert sorted([row.alert for row in kept.rows.values()] + ends) == ["a", "b", "c", "e", "x"]
    assert kept.lost == ("x",)
    assert {kept.rows[b"d"].alert, *(into for _, into in kept.joined)} <= {row.alert for row in kept.rows.values()}


def test_that_somebody_answered_is_known_of_the_whole_and_of_every_part():
    whole = merged(Watched(answered=(T0, T0 + 2)), Watched(answered=(T0 + 1, T0 + 2)))
    assert whole.rows[b"a"].answered == (T0, T0 + 1, T0 + 2)
    parts = regroup((WHOLE,), (A, B), {b"a": Watched(RAISED, T0, child=b"c", alert="up", answered=(T0,))})
    assert {key: row.answered for key, row in parts.rows.items()} == {b"a": (T0,), b"c": (T0,)}
    assert {key: row.alert for key, row in parts.rows.items()} == {b"a": "", b"c": "up"}


def test_of_answers_the_newest_are_kept():
    row = Watched().with_answers([5, 1, 3]).with_answers((3, *range(10, 10 + ANSWERED_MAX - 2)))
    assert row.answered == (3, 5, *range(10, 10 + ANSWERED_MAX - 2))
    assert Watched().with_answers(()) == Watched()
