from __future__ import annotations

import random

import numpy as np
import pytest

from schemas.identity import FIELDS
from streams.linkage.bulk import as_arrays, candidate_pairs, distance_cuts, levels
from streams.linkage.compare import evidence
from streams.linkage.fit import fit, isotonic
from streams.linkage.graph import LinkGraph
from streams.linkage.identity import Identity, shape
from streams.linkage.model import read_model, write_model
from tests.unit.streams.linkage.people import identity, model, tables

GIVEN = [
    f"{first}{last}"
    for first in ("an", "be", "cor", "da", "el", "fre", "gi", "hu")
    for last in ("na", "la", "die", "rik")
]
SURNAMES = [
    f"{first}{last}"
    for first in ("br", "okaf", "sm", "jon", "wal", "pat", "k")
    for last in ("own", "or", "ith", "es")
]


def town(seed: int) -> tuple[dict[bytes, Identity], dict[bytes, tuple[int, int]]]:
    """Records of 60 households of 3 people at up to two agencies, with (person, household) as truth."""
    draw = random.Random(seed)
    records, truth = {}, {}
    for house in range(60):
        shared = {
            "surname": draw.choice(SURNAMES),
            "number": str(draw.randrange(1, 200)),
            "street": draw.choice(SURNAMES) + " road",
        }
        for member in range(3):
            born = f"{draw.randrange(1960, 2020)}{draw.randrange(1, 13):02}{draw.randrange(1, 29):02}"
            values = {**shared, "given": draw.choice(GIVEN), "dob": born}
            for agency in range(1 + (draw.random() < 0.6)):
                if agency and draw.random() < 0.1:
                    values = {**values, "given": values["given"][:-1]}
                record = f"{draw.random()}".encode().ljust(64, b"0")
                records[record] = identity(values)
                truth[record] = (house * 3 + member, house)
    return records, truth


def test_levels_in_bulk_equal_the_plain_comparison() -> None:
    draw = random.Random(3)
    names = ["anna", "anne", "brown", "browne", ""]
    records = {
        f"{number}".encode(): identity({
            "given": draw.choice(names), "surname": draw.choice(names), "dob": draw.choice(["20150301", "20150310", ""]),
            "nhs": draw.choice(["", "9434765919", "4505577104"]),
        })
        for number in range(40)
    }  # fmt: skip
    arrays = as_arrays(records)
    one, other = np.triu_indices(40, 1)
    found = levels(arrays, one, other, model().cuts)
    by_place = {arrays.bits[place].tobytes() + arrays.tokens[place].tobytes(): place for place in range(40)}
    places = {by_place[someone.bits + someone.tokens]: someone for someone in records.values()}
    checked = 0
    for a, b, row in zip(one.tolist(), other.tolist(), found.tolist(), strict=True):
        if a in places and b in places:
            lines = evidence(model(), shape(places[a]), shape(places[b]))
            assert [line.level for line in lines[:-1]] == row
            checked += 1
    assert checked > 100


def test_candidates_are_the_pairs_of_every_key_within_the_limit() -> None:
    keys = [np.array(some, np.uint64) for some in ([1, 2], [1, 3], [1, 2], [3], [])]
    assert list(zip(*map(list, candidate_pairs(keys, 2)), strict=True)) == [(0, 2), (1, 3)]
    assert len(candidate_pairs(keys, 3)[0]) == 4


def test_a_fitted_model_links_people_and_houses_them_without_a_label() -> None:
    records, truth = town(1)
    graph = LinkGraph(fit(records, "fitted", at_large=20_000), tables())
    for record, someone in records.items():
        graph.upsert(record, someone)
    groups = {graph.members(graph.cluster(record)) for record in records}
    wrong = sum(len({truth[record][0] for record in group}) > 1 for group in groups)
    twice = {person for person, _ in truth.values() if sum(one == person for one, _ in truth.values()) > 1}
    joined = {truth[group[0]][0] for group in groups if len(group) > 1}
    assert wrong <= 2
    assert len(joined & twice) > 0.85 * len(twice)
    houses = {graph.household_records(graph.household(record)) for record in records}
    assert sum(len({truth[record][1] for record in house}) == 1 for house in houses) > 0.9 * len(houses)
    assert len(houses) < 100


def test_the_same_records_give_the_same_bytes_in_any_order() -> None:
    records, _ = town(2)
    backwards = dict(reversed(records.items()))
    assert write_model(fit(records, "x", at_large=20_000)) == write_model(fit(backwards, "x", at_large=20_000))
    assert read_model(write_model(fit(records, "x", at_large=20_000))) == fit(records, "x", at_large=20_000)


def test_without_households_a_brother_has_no_class_of_his_own() -> None:
    records, _ = town(2)
    assert fit(records, "x", at_large=20_000, households=False).prior[1:] == (-30_000, -30_000)


def test_weights_rise_with_agreement() -> None:
    fitted = fit(town(2)[0], "x", at_large=20_000)
    assert all(list(row) == sorted(row) for row in fitted.person)
    assert fitted.cuts == (distance_cuts(),) * len(FIELDS)


def test_isotonic_pools_by_weight_so_that_empty_levels_carry_nothing() -> None:
    values, weights = np.array([1.0, 6.0, 2.0]), np.array([1.0, 1e-9, 1.0])
    assert isotonic(values, weights).round(3).tolist() == [1.0, 2.0, 2.0]


def test_too_few_or_mixed_records_are_refused() -> None:
    records, _ = town(2)
    with pytest.raises(ValueError, match="one epoch"):
        fit(dict(list(records.items())[:2]), "x")
    with pytest.raises(ValueError, match="one epoch"):
        fit({**records, b"new": identity({"given": "anna"}, epoch=2)}, "x")
