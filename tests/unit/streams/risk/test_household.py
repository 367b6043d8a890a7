from streams.risk.contribution import Spell
from streams.risk.household import ASSESSING_MS, CLOSED_MS, OPENING_MS, read
from tests.unit.streams.risk.families import DAY_MS, T0, Families, event, profile


def family(**child):
    facts = Families()
    facts.record(b"a", b"a")
    facts.record(b"b", b"a", of=profile(**child))
    return facts


def child(facts):
    return read(facts, b"a").children[0]


def test_only_children_are_subjects():
    facts = family()
    assert [c.person for c in read(facts, b"a").children] == [b"b"]
    facts.profiles[b"b"] = profile("18-24", to_18=False)
    assert read(facts, b"a").children == ()


def test_a_child_is_one_person_in_several_records():
    facts = family(band="unknown", allocation="")
    facts.record(b"c", b"a", person=b"b", of=profile("11-15", allocation="duty-east"))
    assert child(facts).allocation == "duty-east"
    assert child(facts).age == 2
    assert len(read(facts, b"a").children) == 1


def test_a_spell_is_an_open_episode_while_it_lasts():
    facts = family(spells=(Spell("in_need", T0, T0 + DAY_MS), Spell("early_help", T0 - DAY_MS, None)))
    assert [child(facts).open_at(at) for at in (T0 - 1, T0, T0 + DAY_MS - 1, T0 + DAY_MS)] == [
        False,
        True,
        True,
        False,
    ]
    assert read(facts, b"a").spell_at(T0) == T0
    assert read(facts, b"a").spell_at(T0 + DAY_MS) == 0


def test_a_closed_case_is_remembered_for_a_while():
    household = read(family(spells=(Spell("in_need", T0 - DAY_MS, T0),)), b"a")
    assert [household.closed_at(at) for at in (T0 - 1, T0, T0 + CLOSED_MS, T0 + CLOSED_MS + 1)] == [0, T0, T0, 0]


def test_an_onset_is_open_until_its_spell_ends():
    facts = family(spells=(Spell("in_need", T0 + 30 * DAY_MS, T0 + 200 * DAY_MS),))
    facts.kept[b"e"] = event(b"b", T0, outcome="need_or_plan")
    assert child(facts).onsets == (T0,)
    assert child(facts).open_at(T0 + 150 * DAY_MS)
    assert not child(facts).open_at(T0 + 200 * DAY_MS)


def test_an_onset_that_led_to_no_spell_closes_in_time():
    facts = family()
    facts.kept[b"e"] = event(b"b", T0, outcome="need_or_plan")
    assert child(facts).open_at(T0 + OPENING_MS - 1)
    assert not child(facts).open_at(T0 + OPENING_MS)


def test_a_family_under_assessment_is_not_scored():
    facts = family()
    facts.record(b"c", b"a", of=profile())
    facts.kept[b"e"] = event(b"c", T0, "referral", agency="social_care")
    household = read(facts, b"a")
    assert [c.open_at(T0 + DAY_MS) for c in household.children] == [True, True]
    assert [c.open_at(T0 + ASSESSING_MS) for c in household.children] == [False, False]
    assert household.spell_at(T0 + DAY_MS) == 0
