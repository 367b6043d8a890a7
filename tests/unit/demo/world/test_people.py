"""Families have the shapes that make linking hard."""

from demo.world.base import BACKFILL_DAYS, LIVE_DAYS


def test_twins_share_household_and_birth_date_and_some_have_names_alike(full):
    twins = [(p, full.people[p.twin]) for p in full.people if p.twin > p.id]
    assert len(twins) >= 20
    assert all(a.household == b.household and a.born_on == b.born_on and a.given != b.given for a, b in twins)
    assert sum(a.given[0] == b.given[0] for a, b in twins) >= 8


def test_siblings_are_nine_months_apart(full):
    for household in full.population.households:
        born = [
            p.born_day for p in full.population.children(household.id) if p.twin < 0 and p.born_day < BACKFILL_DAYS
        ]
        assert all(abs(a - b) >= 270 for i, a in enumerate(born) for b in born[:i])


def test_step_children_have_a_father_in_another_family_and_his_name(full):
    steps = [p for p in full.people if p.other_parent >= 0]
    assert len(steps) >= 50
    assert all(full.people[p.other_parent].household != p.household for p in steps)
    assert all(full.people[p.other_parent].surname == p.surname for p in steps)


def test_unborn_children_are_born_in_live(full):
    unborn = [full.people[p] for p in full.population.unborn]
    assert len(unborn) == 8
    assert all(BACKFILL_DAYS < p.born_day < BACKFILL_DAYS + LIVE_DAYS and p.mother >= 0 for p in unborn)


def test_families_move_share_addresses_and_live_in_communal_places(full):
    households = full.population.households
    moved = [h for h in households if any(0 < day < BACKFILL_DAYS + LIVE_DAYS for day, _ in h.addresses)]
    assert len(moved) > 200
    homes = [h.addresses[-1][1] for h in households if not h.addresses[-1][1].communal]
    assert len(homes) - len(set(homes)) >= 10
    assert {a.kind for h in households for _, a in h.addresses} >= {"home", "hostel", "refuge"}


def test_children_of_the_refuge_are_restricted(full):
    restricted = [h for h in full.population.households if h.restricted]
    assert restricted and all(any(a.kind == "refuge" for _, a in h.addresses) for h in restricted)


def test_identifiers_are_unique(full):
    assert len({p.nhs for p in full.people}) == len(full.people)
    upns = [p.upn for p in full.people if p.upn]
    assert len(set(upns)) == len(upns)
