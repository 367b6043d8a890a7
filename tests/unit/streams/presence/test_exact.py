"""Whatever the order of contacts, corrections, deletions, merges and splits: what a fresh build gives, told once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.presence import SPECS
from streams.presence.standing import CONTACTS_SHOWN, DAY_MS
from streams.state import Tables
from tests.unit.streams.presence.test_register import DIRECTORY, PLAN, Groups, T, register

RECORDS = tuple(b"record-%d" % number for number in range(4))
EVENTS = tuple(b"event-%02d" % number for number in range(40))
record = st.sampled_from(RECORDS)
event = st.sampled_from(EVENTS)
moment = st.integers(T - 5 * DAY_MS, T)
step = st.one_of(
    st.tuples(st.just("contact"), event, record, moment),
    st.tuples(st.just("withdraw"), event),
    st.tuples(st.just("links"), st.lists(st.integers(0, 3), min_size=4, max_size=4)),
    st.tuples(st.just("profile"), record, st.booleans()),
)


def groups_of(numbers: list[int]) -> Groups:
    return Groups(*([one for one, at in zip(RECORDS, numbers, strict=True) if at == number] for number in range(4)))


@settings(max_examples=60)
@given(st.lists(step, max_size=60))
def test_contacts_are_what_a_fresh_build_gives(steps: list[tuple]) -> None:
    made, live = register(), {}
    for kind, *values in steps:
        if kind == "contact":
            made.contact(values[0], values[1], "hospital", values[2], False, T)
            live[values[0]] = (values[1], values[2])
        elif kind == "withdraw":
            made.withdraw(values[0], T)
            live.pop(values[0], None)
        elif kind == "links":
            made._links = groups_of(values[0])
    tables = Tables("north", SPECS)
    fresh = register(tables=tables)
    fresh._links = made._links
    for name in sorted(live):
        fresh.contact(name, live[name][0], "hospital", live[name][1], False, T)
    assert dict(made._contacts) == dict(tables["contacts"])
    for one in RECORDS:
        members = made._links.members(made._links.cluster(one))
        newest = sorted(((at, name) for name, (of, at) in live.items() if of in members), reverse=True)
        assert [row[:2] for row in made.history(made._links.cluster(one))] == newest[:CONTACTS_SHOWN]
        assert fresh.history(made._links.cluster(one)) == made.history(made._links.cluster(one))


@settings(max_examples=60)
@given(st.lists(step, max_size=60))
def test_no_notice_comes_twice_and_every_notice_has_its_reason(steps: list[tuple]) -> None:
    made = register()
    made.directory = DIRECTORY
    seen: set[str] = set()
    for kind, *values in steps:
        notices = []
        if kind == "contact":
            notices = made.contact(values[0], values[1], "hospital", values[2], True, T)
        elif kind == "withdraw":
            made.withdraw(values[0], T)
        elif kind == "links":
            made._links = groups_of(values[0])
            notices = made.relinked(RECORDS, T)
        else:
            notices = made.profile(values[0], "council", PLAN if values[1] else None, T)
        for notice in notices:
            assert notice["notice_id"] not in seen
            seen.add(notice["notice_id"])
            assert any(member in made._standings for member in notice["records"])
