"""Postings beside a plain dictionary of sets: the same candidates, packed or not."""

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
        st.tuples(st.just("pack")),
    ),
    max_size=40,
)  # fmt: skip


def someone(matchkeys: list[int], bands: list[int], *, token: bool) -> Identity:
    packed = [b"".join(key.to_bytes(8, "little") for key in keys) for keys in (matchkeys, bands)]
    return msgspec.structs.replace(
        BASE, matchkeys=packed[0], bands=packed[1], tokens=bytes(16) + (bytes(range(16)) if token else bytes(16))
    )


def candidates(records: dict[bytes, Identity], record: bytes) -> set[bytes]:
    """The rule, written plainly."""
    keys = {other: blocking_keys(one) for other, one in records.items()}
    sizes = Counter(key for held in keys.values() for key in held)
    found = set()
    for other in records:
        shared = [sizes[key] for key in keys[record] & keys[other] if sizes[key] <= MOST]
        if other != record and (len(shared) > 1 or any(size <= ALONE for size in shared)):
            found.add(other)
    return found


@settings(max_examples=200, deadline=None)
@given(steps)
def test_candidates_are_a_function_of_the_live_records(history):
    records: dict[bytes, Identity] = {}
    postings = Postings(ALONE, MOST, records)
    for step in history:
        if step[0] == "pack":
            postings.pack()
            continue
        record = bytes([step[1]])
        if record in records:
            postings.leave(record, blocking_keys(records.pop(record)))
        if step[0] == "put":
            records[record] = someone(step[2], step[3], token=step[4])
            found: set[bytes] = set()
            postings.enter(record, blocking_keys(records[record]), found)
            assert found == candidates(records, record)
    for record, one in records.items():
        assert postings.candidates(record, blocking_keys(one)) == candidates(records, record)
    for (record, one), (other, two) in combinations(records.items(), 2):
        assert postings.join(blocking_keys(one) & blocking_keys(two)) == (other in candidates(records, record))
