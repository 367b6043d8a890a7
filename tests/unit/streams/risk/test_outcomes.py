"""Who is a subject for which outcome, and when it began: stated by hand, from spells, referrals and outcomes."""

from __future__ import annotations

from itertools import product

import pytest

from streams.risk.contribution import Spell
from streams.risk.household import ASSESSING_MS, NEVER, OPENING_MS, Child, read
from streams.risk.outcomes import (
    ALERTING,
    KEY_BYTES,
    OUTCOMES,
    STEP_DOWN_MS,
    YEAR_MS,
    Target,
)
from tests.unit.streams.risk.families import DAY_MS, T0, Families, event, profile


def child(*spells: Spell, referred: tuple[int, ...] = (), outcome: tuple[int, ...] = ()) -> Child:
    facts = Families()
    facts.record(b"a", b"a", of=profile(spells=spells))
    facts.record(b"s", b"a", of=profile())
    for at in referred:
        facts.kept[b"r%d" % at] = event(b"a", at, "referral", agency="social_care")
    for at in outcome:
        facts.kept[b"o%d" % at] = event(b"a", at, outcome="need_or_plan")
    return read(facts, b"a").children[0]


def day(number: float) -> int:
    return T0 + round(number * DAY_MS)


def spell(kind: str, start: float, end: float | None = None) -> Spell:
    return Spell(kind, day(start), None if end is None else day(end))


def subject(outcome: str, one: Child, *days: float) -> list[bool]:
    return [OUTCOMES[outcome].subject(one, day(number)) for number in days]


def onsets(outcome: str, one: Child) -> list[float]:
    return [(at - T0) / DAY_MS for at in OUTCOMES[outcome].onsets(one)]


def test_need_or_plan_is_as_open_episodes_and_outcomes_say() -> None:
    one = child(spell("in_need", 30, 200), outcome=(day(0),))
    assert onsets(ALERTING, one) == [0]
    assert subject(ALERTING, one, -1, 0, 100, 199, 200) == [True, False, False, False, True]


def test_a_plan_is_dated_at_the_referral_that_led_to_it_and_nobody_is_scored_in_between() -> None:
    one = child(spell("protection_plan", 40, 200), outcome=(day(0),))
    assert onsets("protection_plan", one) == [0]
    assert subject("protection_plan", one, -1, 0, 39, 199, 200) == [True, False, False, False, True]


def test_a_plan_without_a_referral_is_dated_at_its_start_and_a_child_in_need_is_a_subject() -> None:
    one = child(spell("in_need", -300), spell("protection_plan", 0, 90))
    assert onsets("protection_plan", one) == [0]
    assert subject("protection_plan", one, -100, -1, 0, 89, 90) == [True, True, False, False, True]
    late = child(spell("protection_plan", OPENING_MS / DAY_MS + 1), outcome=(day(0),))
    assert onsets("protection_plan", late) == [OPENING_MS / DAY_MS + 1]


def test_nobody_is_scored_for_a_plan_while_the_family_is_assessed() -> None:
    one = child(referred=(day(0),))
    assert subject("protection_plan", one, -1, 0, ASSESSING_MS / DAY_MS - 1, ASSESSING_MS / DAY_MS) == [
        True, False, False, True,
    ]  # fmt: skip


def test_a_re_referral_is_within_twelve_months_of_the_end_of_an_episode() -> None:
    end = 100
    one = child(spell("in_need", 0, end), referred=(day(end + 30),))
    assert onsets("re_referral", one) == [end + 30]
    assert subject("re_referral", one, -1, 50, end, end + 29) == [False, False, True, True]
    assert subject("re_referral", one, end + 31, end + 30 + ASSESSING_MS / DAY_MS) == [False, True]
    year = YEAR_MS / DAY_MS
    assert onsets("re_referral", child(spell("in_need", 0, end), referred=(day(end + year - 1),))) == [end + year - 1]
    assert onsets("re_referral", child(spell("in_need", 0, end), referred=(day(end + year),))) == []
    assert subject("re_referral", child(spell("in_need", 0, end)), end + year - 1, end + year) == [True, False]


def test_a_referral_during_an_episode_is_no_re_referral_but_one_after_an_assessment_is() -> None:
    assert onsets("re_referral", child(spell("in_need", 0, 100), referred=(day(50),))) == []
    assessed = ASSESSING_MS / DAY_MS
    assert onsets("re_referral", child(referred=(day(0), day(assessed - 1)))) == []
    assert onsets("re_referral", child(referred=(day(0), day(assessed + 1)))) == [assessed + 1]
    assert onsets("re_referral", child(outcome=(day(0), day(300)))) == [300]
    assert onsets("re_referral", child(spell("looked_after", -50, -10), spell("in_need", 20))) == []


def test_a_siblings_referral_is_not_the_childs() -> None:
    facts = Families()
    facts.record(b"a", b"a", of=profile(spells=(spell("in_need", 0, 100),)))
    facts.record(b"s", b"a", of=profile())
    facts.kept[b"r"] = event(b"s", day(130), "referral", agency="social_care")
    one, sibling = read(facts, b"a").children
    assert onsets("re_referral", one) == onsets("re_referral", sibling) == []
    assert subject("re_referral", one, 129, 130) == [True, False]  # though the family is assessed


def test_a_step_down_is_early_help_that_follows_need_or_a_plan() -> None:
    one = child(spell("in_need", 0, 100), spell("early_help", 100, 200))
    assert onsets("early_help", one) == [100]
    assert subject("early_help", one, -1, 0, 99, 100) == [False, True, True, False]
    gap = STEP_DOWN_MS / DAY_MS
    assert onsets("early_help", child(spell("protection_plan", 0, 9), spell("early_help", 9 + gap))) == [9 + gap]
    assert onsets("early_help", child(spell("protection_plan", 0, 9), spell("early_help", 10 + gap))) == []
    assert onsets("early_help", child(spell("looked_after", 0, 9), spell("early_help", 9))) == []
    both = child(spell("in_need", 0, 100), spell("early_help", 50, 80))
    assert subject("early_help", both, 40, 60, 90) == [True, False, True]


def test_a_child_without_statuses_or_referrals_is_a_subject_for_what_could_begin() -> None:
    quiet = child()
    assert [OUTCOMES[name].subject(quiet, T0) for name in OUTCOMES] == [True, True, False, False]
    assert [OUTCOMES[name].onsets(quiet) for name in OUTCOMES] == [()] * len(OUTCOMES)


def test_a_household_says_each_childs_own_referrals_statuses_and_group() -> None:
    one = child(spell("early_help", 3, 9), spell("in_need", 0), referred=(day(5),), outcome=(day(1),))
    assert one.referrals == (day(1), day(5))
    assert one.statuses == (("early_help", day(3), day(9)), ("in_need", day(0), NEVER))
    assert one.spells == ((day(0), NEVER),)
    assert one.assessed == tuple((at, at + ASSESSING_MS) for at in (day(1), day(5)))


@pytest.mark.parametrize(
    "one", [Target(ALERTING), Target("early_help", 730, 730, 365), Target("re_referral", 1, 1, 0)]
)
def test_a_key_is_of_four_bytes(one: Target) -> None:
    assert len(one.key) == KEY_BYTES


def test_no_two_targets_have_one_key() -> None:
    days = (1, 2, 60, 364, 365, 511, 512, 729, 730)
    targets = [
        Target(outcome, horizon, label, grace)
        for outcome, horizon, label, grace in product(OUTCOMES, days, days, (0, 1, 70, 364, 365))
    ]
    assert len({one.key for one in targets}) == len(targets)
