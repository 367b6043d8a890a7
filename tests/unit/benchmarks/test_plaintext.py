"""Splink's settings follow from a set's fields alone; what it found is measured as ours is."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from benchmarks import plaintext as p
from benchmarks.sets import FIELDS, Set
from bridge.normalise import Person

PERSON = {
    "given": "anna", "middle": "eve", "surname": "lee", "dob": "20150309", "number": "1", "street": "high street",
    "postcode": "ab12cd", "place": "northmere", "email": "a@b.example", "code": "4304218", "nhs": "9434765919",
    "nhs_former": "9434765870", "upn": "a123456789012",
    "uprn": "100023336956",
}  # fmt: skip


def make(fields: tuple[str, ...], *people: dict[str, str]) -> Set:
    made = {
        bytes([number]): Person(**{name: value for name, value in one.items() if name in fields})
        for number, one in enumerate(people or (PERSON, PERSON))
    }
    return Set("town", [{"first": ""}] * len(made), made, dict.fromkeys(made, "one"), dict.fromkeys(made, "a"), {},
               99, "town")  # fmt: skip


def columns(rules: list[str | list[str]]) -> set[str]:
    """Columns that blocking rules name, without the SQL around them."""
    return {part.removeprefix("substr(").split(",")[0] for one in rules for part in one}


@pytest.mark.parametrize("fields", [*combinations(FIELDS, 1), *combinations(FIELDS, 2), FIELDS], ids="-".join)
def test_any_fields_give_settings_that_name_these_alone_and_leave_none_out(fields: tuple[str, ...]) -> None:
    made = p.derive(make(fields))
    compared = [
        name for one in made["compare"] for name in ([one["of"]] if isinstance(one["of"], str) else one["of"])
    ]
    assert sorted(compared) == sorted(fields)
    assert made["block"]
    assert bool(made["em"]) == (len(fields) > 1)
    assert all(set(one) < set(fields) for one in made["em"])
    assert made["prior"]["rules"]
    assert columns(made["block"] + made["em"] + made["prior"]["rules"]) <= set(fields)
    assert ("names" in made["derive"]) == ({"given", "surname"} < set(fields))


@pytest.mark.parametrize(("fields", "sessions"), [
    (("given", "surname", "postcode"), [["given", "surname"], ["postcode"]]),
    (("given", "surname"), [["given"], ["surname"]]), (("number", "street"), [["street"], ["number"]]),
    (("given", "surname", "dob", "number", "street", "postcode"), [["given", "surname"], ["dob"], ["number", "street"]]),
], ids=str)  # fmt: skip
def test_what_one_session_blocks_on_another_trains(fields: tuple[str, ...], sessions: list[list[str]]) -> None:
    assert p.derive(make(fields))["em"] == sessions


def test_a_postcode_of_another_form_is_compared_by_its_characters() -> None:
    british = p.comparisons(make(("postcode",)))
    other = p.comparisons(make(("postcode",), {"postcode": "2600"}, {"postcode": "2601"}))
    assert [one["is"] for one in british + other] == ["PostcodeComparison", "DamerauLevenshteinAtThresholds"]


def test_settings_are_found_by_name_and_only_if_the_file_has_their_columns() -> None:
    data = make(("given",))
    assert p.published(data) is None
    fields = {"given_name", "surname", "date_of_birth", "soc_sec_id", "street_number", "postcode"}
    assert p.published(_with(data, fields)) is not None
    assert p.published(_with(data, fields - {"soc_sec_id"})) is None


def _with(data: Set, fields: set[str]) -> Set:
    rows = [dict.fromkeys(fields, "")] * len(data.people)
    return Set(data.name, rows, data.people, data.agency, data.person, {}, 99, "febrl3")


@pytest.mark.parametrize("path", sorted(p.PUBLISHED.glob("*.yaml")), ids=lambda path: path.stem)
def test_settings_kept_say_where_they_are_from_and_have_what_splink_is_given(path: Path) -> None:
    assert path.read_text().startswith(
        ("# https://moj-analytical-services.github.io/splink/demos/", "# Splink publishes none")
    )
    made = YAML(typ="safe").load(path)
    assert made.keys() - {"derive", "em_with"} == {"link_type", "block", "compare", "prior", "u", "em"}
    assert made["u"].keys() == {"max_pairs", "seed"}


def test_clusters_at_a_threshold_are_components_of_the_pairs_that_reach_it() -> None:
    truth = {b"a": "x", b"b": "x", b"c": "x", b"d": "y"}
    pairs = [p.Pair(b"a", b"b", 9.0), p.Pair(b"b", b"c", 3.0), p.Pair(b"c", b"d", -1.0)]
    found = p.by_threshold(pairs, truth)
    assert found[10.0] == 0.0
    assert found[9.0] == pytest.approx(2 * 1 * (1 / 3) / (1 + 1 / 3))
    assert found[3.0] == 1.0
    assert found[-1.0] == pytest.approx(2 * 0.5 / 1.5)


def test_match_keys_join_what_is_equal_in_a_combination_or_in_all_fields_if_there_is_none() -> None:
    fields = ("given", "surname", "dob", "postcode")
    moved, other = PERSON | {"postcode": "xy98zw"}, PERSON | {"given": "tom", "dob": "20100101"}
    group = p.by_exact_keys(make(fields, PERSON, moved, other))
    assert len(set(group.values())) == 2
    assert group[b"\0"] == group[b"\1"]
    group = p.by_exact_keys(make(("middle", "street"), PERSON, PERSON, PERSON | {"middle": "ivy"}))
    assert group[b"\0"] == group[b"\1"] != group[b"\2"]
