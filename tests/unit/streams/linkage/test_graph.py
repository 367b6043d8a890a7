from __future__ import annotations

import time
from typing import Any

import msgspec

from schemas.identity import FIELDS
from streams.linkage.graph import LinkDelta, LinkGraph
from streams.linkage.identity import Identity
from tests.unit.streams.linkage.people import ANNA, BEN, CARA, identity, model, tables

A, B, C, D = (letter.encode() * 64 for letter in "abcd")
NOTHING = LinkDelta()


def graph(records: dict[bytes, Identity] | None = None, **changes: Any) -> LinkGraph:
    made = LinkGraph(model(**changes), tables())
    for record, one in (records or {}).items():
        made.upsert(record, one)
    return made


def test_a_first_record_is_a_person_and_a_household() -> None:
    assert graph().upsert(A, identity(ANNA)) == LinkDelta((), ((A,),), (), ((A,),))


def test_the_same_child_at_two_agencies_is_one_person_under_the_smaller_record() -> None:
    made = graph({B: identity(ANNA)})
    assert made.upsert(A, identity({**ANNA, "given": "ana"})) == LinkDelta(((B,),), ((A, B),), ((B,),), ((A, B),))
    assert made.cluster(B) == A
    assert made.members(A) == (A, B)


def test_a_brother_is_of_the_household_and_not_the_person() -> None:
    made = graph({A: identity(ANNA), B: identity(ANNA), C: identity(BEN), D: identity(CARA)})
    assert [made.cluster(record) for record in (A, B, C, D)] == [A, A, C, D]
    assert made.household_records(made.household(C)) == (A, B, C)
    assert made.household(D) == D


def test_twins_with_one_number_by_mistake_stay_two() -> None:
    twin = {**ANNA, "given": "philippa"}
    made = graph({A: identity({**ANNA, "nhs": "9434765919"}), B: identity({**twin, "nhs": "9434765919"})})
    assert made.cluster(A) != made.cluster(B)
    assert made.household(A) == made.household(B)


def test_a_repeat_changes_nothing_and_a_deletion_undoes() -> None:
    made = graph({A: identity(ANNA)})
    made.upsert(B, identity(ANNA))
    assert made.upsert(B, identity(ANNA)) == NOTHING
    assert made.delete(B) == LinkDelta(((A, B),), ((A,),), ((A, B),), ((A,),))
    assert made.delete(B) == NOTHING


def test_a_correction_that_changes_no_group_reports_none() -> None:
    made = graph({A: identity(ANNA), B: identity(ANNA)})
    assert made.upsert(B, identity({**ANNA, "given": "ana"})) == NOTHING


def test_a_change_elsewhere_leaves_others_alone() -> None:
    made = graph({A: identity(ANNA), B: identity(ANNA), D: identity(CARA)})
    delta = made.delete(D)
    assert delta == LinkDelta(((D,),), (), ((D,),), ())


def test_an_assertion_holds_apart_joins_and_can_be_taken_back() -> None:
    made = graph({A: identity(ANNA), B: identity(ANNA), C: identity(CARA)})
    assert made.assert_pair(B, A, "cannot").clusters_after == ((A,), (B,))
    assert made.assert_pair(A, C, "must").clusters_after == ((A, C),)
    assert made.household(A) == made.household(C)
    apart = made.assert_pair(A, B, "none")  # what C is speaks against B, but they may live together
    assert (apart.clusters_after, apart.households_after) == ((), ((A, B, C),))
    assert made.assert_pair(C, A, "none").clusters_after == ((A, B), (C,))
    assert made.assert_pair(A, A, "must") == NOTHING


def test_an_assertion_waits_for_its_records_and_outlives_them() -> None:
    made = graph()
    assert made.assert_pair(A, B, "cannot") == NOTHING
    for _ in range(2):
        made.upsert(A, identity(ANNA))
        made.upsert(B, identity(ANNA))
        assert made.cluster(A) != made.cluster(B)
        made.delete(A)


def test_what_must_be_one_cannot_break_what_must_be_two() -> None:
    made = graph({A: identity(ANNA), B: identity(BEN), C: identity(CARA)})
    made.assert_pair(A, C, "cannot")
    made.assert_pair(A, B, "must")
    made.assert_pair(B, C, "must")
    assert [made.cluster(record) for record in (A, B, C)] == [A, A, C]


def test_no_household_comes_from_where_a_restricted_child_lives() -> None:
    made = graph({A: identity(ANNA), B: identity(BEN), C: identity(ANNA, restricted=True)})
    assert made.cluster(A) == made.cluster(C)
    assert made.household_records(made.household(A)) == (A, C)
    assert made.household(B) == B
    assert made.upsert(C, identity(ANNA)).households_after == ((A, B, C),)
    assert made.upsert(C, identity(ANNA, restricted=True)).households_after == ((A, C), (B,))
    assert made.delete(C).households_after == ((A, B),)


def test_other_epochs_never_meet_except_by_assertion() -> None:
    made = graph({A: identity(ANNA), B: identity(ANNA, epoch=2)})
    assert made.cluster(A) != made.cluster(B)
    assert made.household(A) != made.household(B)
    made.assert_pair(A, B, "must")
    assert made.cluster(B) == A


def test_a_record_without_any_value_is_alone() -> None:
    made = graph({A: identity({}), B: identity({}), C: identity(ANNA)})
    assert [made.cluster(record) for record in (A, B, C)] == [A, B, C]
    assert made.suggestions(A) == []


def test_a_suggestion_is_a_weaker_pair_that_is_not_linked() -> None:
    made = graph(
        {A: identity(ANNA), B: identity({**ANNA, "dob": "20150311", "number": "", "street": ""})}, edge=30_000
    )
    (found,) = made.suggestions(A)
    assert found[0] == B
    assert 0 <= found[1] < 30_000
    made.assert_pair(A, B, "cannot")
    assert made.suggestions(A) == []
    assert made.suggestions(D) == []


def test_a_household_too_large_to_be_one_falls_apart_into_people() -> None:
    street = {b"%03d" % number: identity({**ANNA, "given": "", "dob": ""}) for number in range(12)}
    made = graph(street, alone_max=12, household_max=5)
    assert {made.household(record) for record in street} == set(street)
    assert len(graph(street, alone_max=12, household_max=12).household_records(b"000")) == 12


def test_one_value_that_many_share_is_bounded_and_exact() -> None:
    made = graph(posting_max=100)
    for number in range(3_000):
        made.upsert(b"%05d" % number, identity({"dob": "20150301", "given": "anna", "surname": "brown"}))
    began = time.process_time()
    for number in range(1_000):
        name = "anna" if number % 2 else "ann"
        made.upsert(b"00007", identity({"dob": "20150301", "given": name, "surname": "brown"}))
    assert time.process_time() - began < 5  # a few hundredths of a second
    assert made.cluster(b"00100") == b"00100"
    for number in range(98, 3_000):
        made.delete(b"%05d" % number)
    assert made.members(made.cluster(b"00001")) == tuple(b"%05d" % number for number in range(98))


def test_a_component_too_large_is_cut_where_it_is_weakest() -> None:
    made = graph(component_max=10)
    for number in range(16):
        made.upsert(b"%05d" % number, identity({**ANNA, "given": "anna" if number % 2 else "annabel"}))
    assert {made.members(made.cluster(b"%05d" % number)) for number in range(16)} == {
        tuple(b"%05d" % number for number in range(start, 16, 2)) for start in (0, 1)
    }


def test_explanations_say_which_rule_decided() -> None:
    made = graph({A: identity(ANNA), B: identity(ANNA), C: identity(BEN), D: identity(CARA)})
    why = {pair: made.explain(*pair) for pair in ((A, B), (A, C), (A, D))}
    assert {pair: found.why for pair, found in why.items() if found} == {
        (A, B): "linked", (A, C): "below_edge", (A, D): "no_shared_key",
    }  # fmt: skip
    linked = made.explain(A, B)
    assert linked is not None
    sums = [sum(line[place] for line in linked.evidence) for place in (2, 3, 4)]
    assert linked.link == sums[0] - max(sums[1], sums[2], 0)
    assert (linked.model, linked.digest) == ("test", made.model.digest)
    made.assert_pair(A, B, "cannot")
    made.assert_pair(A, D, "must")
    assert [found.why for found in (made.explain(A, B), made.explain(D, A)) if found] == ["held_apart", "asserted"]
    assert made.explain(A, b"?") is None


def test_explanations_of_another_epoch_have_no_evidence() -> None:
    made = graph({A: identity(ANNA), B: identity(ANNA, epoch=2)})
    found = made.explain(A, B)
    assert found is not None
    assert (found.why, found.evidence, found.together) == ("other_epoch", (), False)


def test_bands_are_blocking_keys_too() -> None:
    band = {"bands": bytes(7) + b"\1"}
    one, other = (
        msgspec.structs.replace(identity(who), matchkeys=b"", **band) for who in (ANNA, {**ANNA, "given": "ana"})
    )
    made = graph({A: one, B: other})
    assert made.cluster(B) == A
    assert set(made.edges(A)) == {B}
    assert made.edges(D) == {}


def test_what_only_assertions_hold_together_is_still_one_however_large() -> None:
    made = graph({b"%03d" % number: identity({**CARA, "dob": "", "given": f"{number}"}) for number in range(6)})
    small = graph(made._identities, component_max=3)
    for number in range(5):
        small.assert_pair(b"%03d" % number, b"%03d" % (number + 1), "must")
    assert len(small.members(b"000")) == 6


def test_a_newcomer_that_makes_one_person_of_others_moves_them_between_households() -> None:
    """D shares keys with A alone, but is so like C, who is restricted, that A and C become one person by it."""
    nothing = ((0,) * 8,) * len(FIELDS)
    made = graph(person=((-2_000, *(0,) * 6, 3_000),) * len(FIELDS), household=nothing, twin=nothing,
                 agency=((0, 0, 0),) * 2, prior=(0, 0, 0), tie=1_000)  # fmt: skip
    fields = ("middle", "dob", "place", "email", "code")
    patterns = {"1": b"\x00", "2": b"\xff", "3": b"\x0f"}

    def one(values: str, keys: str, *, restricted: bool = False) -> Identity:
        have = {name: patterns[value] * 32 for name, value in zip(fields, values, strict=True)}
        return msgspec.structs.replace(
            identity({}), nulls=sum(1 << at for at, name in enumerate(FIELDS) if name not in have),
            bits=b"".join(have.get(name, bytes(32)) for name in FIELDS),
            matchkeys=b"".join(key.encode() * 8 for key in keys), restricted=restricted,
        )  # fmt: skip

    made.upsert(A, one("11111", "xyz"))
    made.upsert(B, one("13311", "x"))
    made.upsert(C, one("11122", "y", restricted=True))
    assert [made.household_records(made.household(record)) for record in (A, C)] == [(A, B), (C,)]
    made.upsert(D, one("11121", "z"))
    assert [made.members(made.cluster(record)) for record in (A, B)] == [(A, C, D), (B,)]
    assert [made.household_records(made.household(record)) for record in (A, B, C)] == [(A, C, D), (B,), (A, C, D)]
