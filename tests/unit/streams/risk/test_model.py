from streams.risk.contribution import Spell
from streams.risk.features import AGE_AT, MICRO, WIDTH
from streams.risk.household import read
from streams.risk.model import COUNTING_RULE, NONE, Model, logit, parts, ppm, score
from tests.unit.streams.risk.families import DAY_MS, T0, Families, event, profile


def town():
    facts = Families()
    facts.record(b"a", b"a", of=profile("0-4"))
    facts.record(b"b", b"a", of=profile("11-15"))
    facts.kept[b"e"] = event(b"a", T0 - DAY_MS)
    return facts


TEENS = Model(3, "all", T0, tuple(MICRO if i == AGE_AT + 2 else 0 for i in range(WIDTH)), -2 * MICRO)


def test_parts_and_intercept_are_the_log_odds():
    x = tuple(range(0, WIDTH * 1000, 1000))
    assert TEENS.intercept + sum(parts(TEENS, x)) == logit(TEENS, x)


def test_a_household_scores_what_its_highest_child_does():
    scored = score(TEENS, read(town(), b"a"), T0)
    assert scored.child is not None
    assert scored.child.person == b"b"
    assert scored.score_ppm == scored.level_ppm == ppm(-MICRO)
    assert scored.x[AGE_AT : AGE_AT + 4] == (0, 0, MICRO, 0)


def test_a_child_in_an_open_episode_counts_for_the_level_alone():
    facts = town()
    facts.profiles[b"b"] = profile("11-15", spells=(Spell("protection_plan", T0 - DAY_MS, None),))
    scored = score(TEENS, read(facts, b"a"), T0)
    assert scored.child is not None
    assert scored.child.person == b"a"
    assert (scored.score_ppm, scored.level_ppm) == (ppm(-2 * MICRO), ppm(-MICRO))
    facts.profiles[b"a"] = facts.profiles[b"b"]
    scored = score(TEENS, read(facts, b"a"), T0)
    assert (scored.score_ppm, scored.level_ppm) == (NONE, ppm(-MICRO))


def test_a_household_without_children_has_no_score():
    facts = Families()
    facts.record(b"a", b"a")
    scored = score(COUNTING_RULE, read(facts, b"a"), T0)
    assert (scored.score_ppm, scored.level_ppm, scored.child) == (NONE, NONE, None)


def test_the_counting_rule_grows_with_agencies_and_volume():
    facts = town()
    low = score(COUNTING_RULE, read(facts, b"a"), T0).score_ppm
    facts.kept[b"f"] = event(b"b", T0 - DAY_MS, agency="police")
    assert score(COUNTING_RULE, read(facts, b"a"), T0).score_ppm > low
    assert COUNTING_RULE.name == "0/rule"


def test_probability_is_bounded():
    assert (ppm(0), ppm(10**12), ppm(-(10**12))) == (500_000, 1_000_000, 0)
