"""Postings beside a plain dictionary of sets: the same candidates and crossings, however they came about."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.linkage.identity import Identity, blocking_keys
from streams.linkage.postings import Postings
from tests.unit.streams.linkage.people import ANNA, identity

BASE = identity(ANNA)
ALONE, MOST = 3, 5
some_keys = st.lists(st.sampled_from([1, 2, 3, 5, 1 << 63, (1 << 64) - 1]), max_size=6)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 9), some_keys, some_keys, st.booleans()),
        st.tuples(st.just("drop"), st.integers(0, 9)),
        st.tuples(st.just("anew")),
    ),
    max_size=40,
)  # fmt: skip


def someone(matchkeys: list[int], bands: list[int], *, token: bool) -> Identity:
    packed = [b"".join(key.to_bytes(8, "little") for key in keys) for keys in (matchkeys, bands)]
    tokens = bytes(16) + (bytes(range(16)) if token else bytes(16)) + bytes(32)
    return msgspec.structs.replace(BASE, matchkeys=packed[0], bands=packed[1], tokens=tokens)


def keys_of(one: Identity) -> set[int]:
    return set(blocking_keys(one).tolist())


def sizes_of(records: dict[bytes, Identity]) -> Counter[int]:
    return Counter(key for one in records.values() for key in keys_of(one))


def joined(records: dict[bytes, Identity], one: bytes, other: bytes) -> bool:
    """The rule, written plainly."""
    sizes = sizes_of(records)
    shared = [sizes[key] for key in keys_of(records[one]) & keys_of(records[other]) if sizes[key] <= MOST]
    return len(shared) > 1 or any(size <= ALONE for size in shared)


def candidates(records: dict[bytes, Identity], record: bytes) -> set[bytes]:
    return {other for other in records if other != record and joined(records, record, other)}


def crossed(before: Counter[int], after: Counter[int]) -> set[int]:
    """Keys that have gone over a limit or come back to it."""
    limits = (ALONE, MOST)
    return {key for key in before | after if any((before[key] > most) != (after[key] > most) for most in limits)}


@settings(max_examples=300, deadline=None)
@given(steps)
def test_candidates_are_a_function_of_the_live_records(history):
    records: dict[bytes, Identity] = {}
    postings = Postings(ALONE, MOST, records)
    for step in history:
        if step[0] == "anew":
            postings = Postings(ALONE, MOST, records)
            continue
        record, before = bytes([step[1]]), sizes_of(records)
        if record in records:
            back = postings.leave(record, blocking_keys(records.pop(record)))
            assert set(back) == crossed(before, sizes_of(records))
        if step[0] == "put":
            before = sizes_of(records)
            records[record] = someone(step[2], step[3], token=step[4])
            found, passed = postings.enter(record, blocking_keys(records[record]))
            assert len(found) == len(set(found))
            assert set(found) == candidates(records, record)
            assert set(passed) == crossed(before, sizes_of(records))
    for record, one in records.items():
        assert set(postings.candidates(record, blocking_keys(one))) == candidates(records, record)
    for key, size in sizes_of(records).items():
        holders = {record for record, one in records.items() if key in keys_of(one)}
        assert size < 2 or set(postings.members(key)) == holders
    pairs = list(combinations(records, 2))
    numbers = {record: number for number, record in enumerate(records)}
    if pairs:
        answers = postings.join([blocking_keys(one) for one in records.values()],
                                [numbers[record] for pair in pairs for record in pair])  # fmt: skip
        assert answers == [joined(records, *pair) for pair in pairs]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(some_keys, some_keys, st.booleans()), max_size=10), some_keys, some_keys, st.booleans())
def test_a_stranger_has_the_candidates_of_the_limits_as_they_are_and_leaves_no_trace(rows, matchkeys, bands, token):
    records = {bytes([number]): someone(row[0], row[1], token=row[2]) for number, row in enumerate(rows)}
    asked = someone(matchkeys, bands, token=token)
    postings, untouched = Postings(ALONE, MOST, records), Postings(ALONE, MOST, records)
    sizes = sizes_of(records)
    shared = {record: [sizes[key] for key in keys_of(one) & keys_of(asked) if sizes[key] <= MOST]
              for record, one in records.items()}  # fmt: skip
    expected = {record for record, held in shared.items() if len(held) > 1 or any(size <= ALONE for size in held)}
    for _ in range(2):
        found = postings.strangers(blocking_keys(asked))
        assert len(found) == len(set(found)) and set(found) == expected
    for place in (postings, untouched):
        place.enter(b"new", blocking_keys(asked))
    for record, one in {**records, b"new": asked}.items():
        assert set(postings.candidates(record, blocking_keys(one))) == set(
            untouched.candidates(record, blocking_keys(one))
        )


def test_a_table_grows_and_gives_back_what_left():
    """Some thousand records come and go twice: what is free is used again."""
    records = {number.to_bytes(2, "big"): someone([1 << 20 | number, 1 << 30 | number // 3, 7], [1 << 40 | number // 20], token=False)
               for number in range(3000)}  # fmt: skip
    postings, live = Postings(ALONE, MOST, {}), {}
    for turn in range(2):
        for record, one in records.items():
            live[record] = one
            found, _ = postings.enter(record, blocking_keys(one))
            assert len(found) <= MOST
        sample = list(records)[turn::700]
        assert [set(postings.candidates(one, blocking_keys(records[one]))) for one in sample] == [
            {other for other in records if other != one and int.from_bytes(other) // 3 == int.from_bytes(one) // 3}
            for one in sample
        ]
        for record in list(live):
            postings.leave(record, blocking_keys(live.pop(record)))
    assert not any(postings.members(key) for key in (7, 1 << 40))
