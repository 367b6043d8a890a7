"""Average linkage in integers equals average linkage in fractions, whatever the weights and assertions."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.linkage.cluster import Rules, partition
from tests.property.linkage_oracle import average_linkage
from tests.unit.streams.linkage.people import model

NODES = [bytes([65 + number]) for number in range(9)]
PAIRS = list(combinations(NODES, 2))
weights = st.lists(
    st.sampled_from([None, -30_000, -3_000, 0, 1_000, 2_000, 2_001, 4_000, 4_000, 7_000, 30_000]),
    min_size=len(PAIRS), max_size=len(PAIRS),
)  # fmt: skip
assertions = st.dictionaries(st.sampled_from(PAIRS), st.sampled_from(["must", "cannot", "cannot"]), max_size=7)


@settings(max_examples=300, deadline=None)
@given(weights, assertions, st.sampled_from([-1_000, 0, 2_000, 12_000]))
def test_a_component_is_merged_as_in_fractions(
    drawn: list[int | None], said: dict[tuple[bytes, bytes], str], merge: int
) -> None:
    table = dict(zip(PAIRS, drawn, strict=True))
    chosen = model(merge=merge)

    def ask(a: bytes, b: bytes) -> int | None:
        return table[min(a, b), max(a, b)]

    both: dict[bytes, dict[bytes, str]] = {}
    for (a, b), kind in said.items():
        both.setdefault(a, {})[b] = kind
        both.setdefault(b, {})[a] = kind
    found = partition(NODES, Rules(lambda _node: {}, ask, both, chosen))
    assert found == sorted(average_linkage(NODES, ask, said, chosen))
