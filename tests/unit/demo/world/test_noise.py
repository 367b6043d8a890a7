"""Agencies disagree as often as published, and no more."""

from collections import defaultdict
from itertools import combinations

import pytest

from demo.world.base import BACKFILL_DAYS, rng
from demo.world.noise import DOB_ERROR, POSTCODE_DISAGREEMENT, Scribe
from demo.world.world import AGENCIES


@pytest.fixture(scope="module")
def copies(full):
    """Each agency's copy of each child at the start of live, as if it knew all of them."""
    found = defaultdict(list)
    for agency in AGENCIES:
        scribe = Scribe(agency, full.population, rng(1, agency))
        for person in full.people:
            if person.role == "child" and person.age(BACKFILL_DAYS) > 5:
                found[person.id].append(scribe.copy(person, BACKFILL_DAYS))
    return found


def test_postcodes_disagree_as_often_as_published(copies):
    pairs = [
        a.address.postcode != b.address.postcode
        for mine in copies.values()
        for a, b in combinations(mine, 2)
        if a.address and b.address
    ]
    assert abs(sum(pairs) / len(pairs) - POSTCODE_DISAGREEMENT) < 0.05


def test_birth_dates_are_wrong_as_rarely_as_published(full, copies):
    dates = [
        copy.dob != full.people[person].born_on
        for person, mine in copies.items()
        for copy in mine
        if copy.dob and (copy.dob.month, copy.dob.day) != (1, 1)
    ]
    assert DOB_ERROR / 3 < sum(dates) / len(dates) < DOB_ERROR * 3


def test_some_names_are_swapped_short_or_unknown(full, copies):
    swapped = unknown = other = 0
    for person, mine in copies.items():
        for copy in mine:
            swapped += copy.given == full.people[person].surname
            unknown += copy.given == "Unknown"
            other += copy.given != full.people[person].given
    assert swapped >= 10 and unknown >= 5 and other >= 100


def test_only_health_and_social_care_hold_nhs_numbers_and_only_schools_and_social_care_pupil_numbers(full):
    holders = {agency: set() for agency in AGENCIES}
    columns = {"nhs_number": "nhs", "nhs_no": "nhs", "upn": "upn"}
    for agency in AGENCIES:
        for _, row in full.book(agency).initial():
            holders[agency] |= {columns[c] for c, value in row.items() if c in columns and value}
    assert holders == {
        "council": {"nhs", "upn"}, "police": set(), "hospital": {"nhs"}, "schools": {"upn"}, "homes": set(),
    }  # fmt: skip


def test_newborns_are_baby_first_and_named_later(full):
    named = [
        r
        for r in full.rows("hospital")
        if r.table == "pas.patient" and r.op == "u" and r.values["given_name"] != "Baby"
    ]
    baby = {
        r.key["patient_no"]
        for r in full.rows("hospital")
        if r.table == "pas.patient" and r.values.get("given_name") == "Baby"
    }
    assert baby and {r.key["patient_no"] for r in named} & baby


def test_an_unborn_child_gets_a_name_and_a_birth_date_on_the_same_council_record(full):
    rows = defaultdict(list)
    for row in full.rows("council"):
        if row.table == "carefile.person":
            rows[row.key["person_id"]].append(row.values)
    born = [
        history for history in rows.values() if any(v["is_unborn"] for v in history) and not history[-1]["is_unborn"]
    ]
    assert born
    for history in born:
        assert history[0]["forename"] == "Unborn" and history[0]["date_of_birth"] is None and history[0]["mother_id"]
        assert history[-1]["forename"] != "Unborn" and history[-1]["date_of_birth"] is not None
