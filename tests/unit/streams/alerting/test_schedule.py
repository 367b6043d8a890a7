from streams.alerting.schedule import ASKED, TICK, Due, Schedule
from streams.risk.examples import next_tick

HOUSES = (b"a", b"b", b"c")


def test_what_no_longer_stands_leaves_no_trace_not_even_in_the_count():
    whole, recovered = Schedule(), Schedule()
    for at, house in enumerate(HOUSES):
        whole.ask(at, house)
    recovered.load((), [(2, b"c")], (0, b""))
    for one in (whole, recovered):
        assert list(one.pop(5, 1, lambda due: due.household == b"c")) == [Due(2, ASKED, b"c")]


def test_a_household_made_anew_ticks_when_a_recovery_says_so():
    first = next_tick(b"a", 0)
    for after in ((first - 1, b""), (first, b""), (first, b"a"), (first, b"b")):
        added, loaded = Schedule(), Schedule()
        added.add(b"a", after)
        loaded.load((b"a",), (), after)
        (due,) = added.pop(10**13, 1, lambda _: True)
        assert list(loaded.pop(10**13, 1, lambda _: True)) == [due]
        assert due.rank == TICK
        assert (due.at, due.household) > after


def test_a_moment_asked_for_twice_comes_once():
    schedule = Schedule()
    for _ in range(2):
        schedule.ask(3, b"a")
    assert list(schedule.pop(5, 9, lambda _: True)) == [Due(3, ASKED, b"a")]
    assert list(schedule.pop(5, 9, lambda _: True)) == []
