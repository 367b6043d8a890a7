"""What a moment of the past could see: nothing that came later, and everything that came before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.alerting.hindsight import EVENT, STATUS, Hindsight
from streams.risk.contribution import Spell
from streams.risk.household import read
from tests.unit.streams.risk.families import T0, Families, event, profile

END = T0 + 100
moments = st.integers(T0, END + 20)
events = st.lists(st.tuples(moments, st.sampled_from([b"a", b"b"])), max_size=12)
spells = st.lists(st.tuples(moments, st.one_of(st.none(), st.integers(0, 40))), max_size=5)


def town(happened, held):
    facts = Families()
    facts.record(b"a", b"a", of=profile(spells=tuple(
        Spell("in_need", start, None if days is None else start + days) for start, days in held
    )))  # fmt: skip
    facts.record(b"b", b"a")
    for number, (at, record) in enumerate(happened):
        facts.kept[b"%02d" % number] = event(record, at)
    return facts


def visible(facts, at):
    """What is dated up to a moment, worked out without the view."""
    known = {key: one for key, one in facts.kept.items() if one.occurred_at <= at}
    begun = [(s.started_at, s.ended_at if s.ended_at is not None and s.ended_at <= at else None)
             for s in facts.profiles[b"a"].spells if s.started_at <= at]  # fmt: skip
    return known, begun


def seen(view):
    return dict(view.events()), [(s.started_at, s.ended_at) for s in view.profile(b"a").spells]


@given(events, spells, st.integers(T0, END), st.lists(st.integers(T0, END), max_size=4))
def test_at_each_moment_exactly_what_is_dated_up_to_it_is_seen(happened, held, start, stops):
    facts = town(happened, held)
    view = Hindsight(facts, start, END)
    assert seen(view) == visible(facts, start)
    for stop in sorted(at for at in stops if at >= start):
        for change in view.move(stop):
            assert seen(view)[1] == visible(facts, change.at)[1]
            assert max((one.occurred_at for one in view.events().values()), default=0) <= change.at <= stop
            assert change.rank == STATUS or change.event in view.events()
        assert seen(view) == visible(facts, stop)
        told = [one for record in (b"a", b"b") for one in view.contributions(record)]
        assert sorted(told, key=repr) == sorted(view.events().values(), key=repr)


@given(events, spells)
def test_every_change_comes_once_in_order_of_time_and_none_after_the_end(happened, held):
    facts = town(happened, held)
    changes = list(Hindsight(facts, T0 - 1, END).move(END + 1000))
    assert [c.at for c in changes] == sorted(c.at for c in changes)
    assert sorted(c.event for c in changes if c.rank == EVENT) == sorted(visible(facts, END)[0])
    dated = {at for start, days in held for at in (start, start if days is None else start + days)}
    assert {c.at for c in changes if c.rank == STATUS} == {at for at in dated if at <= END}


def test_the_rest_is_as_it_is_known_today():
    facts = town([(T0, b"b")], [])
    facts.record(b"x", b"gone")
    facts.homes.pop(b"x")
    facts.kept[b"stray"] = event(b"x", T0)
    facts.alive_until, facts.late = T0 - 5, (("schools", 9),)
    view = Hindsight(facts, END, END)
    assert read(view, b"a").records == (b"a", b"b")
    assert (view.household(b"b"), view.cluster(b"b"), set(view.households())) == (b"a", b"b", {b"a"})
    assert b"stray" not in view.events(), "a record that stands in no household has no say"
    assert (view.watermark(END), view.behind(END)) == (END, ())
