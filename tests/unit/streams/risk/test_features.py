from math import log1p

import pytest

from schemas.event import FAMILIES
from schemas.profile import AGE_BANDS
from streams.risk import features as f
from tests.unit.streams.risk.families import DAY_MS, T0, event


def value(name, events, now=T0, children=1):
    return f.vector(f.sums(events, now), children)[f.NAMES.index(name)] / f.MICRO


def test_a_sum_halves_in_its_half_life():
    one = [event(b"r", T0 - 30 * DAY_MS, "violence", 2)]
    assert value("violence", one) == pytest.approx(log1p(1.0), abs=1e-6)
    old = [event(b"r", T0 - 120 * DAY_MS, "violence", 2)]
    assert value("total_120", old) == pytest.approx(log1p(1.0), abs=1e-6)
    assert value("agency_education", old) == pytest.approx(log1p(0.5), abs=1e-6)


def test_what_has_not_happened_yet_and_outcomes_add_nothing():
    assert f.sums([event(b"r", T0 + 1), event(b"r", T0 - 1, outcome="need_or_plan")], T0) == (0,) * f.SUMS


def test_a_referral_is_never_a_feature():
    assert f.sums([event(b"r", T0 - DAY_MS, "referral", 4)], T0) == (0,) * f.SUMS
    assert not any("referral" in name for name in f.NAMES)


def test_contact_is_counted_up_to_its_cap():
    few, many = ([event(b"r", T0 - 1, "contact", agency="social_care")] * n for n in (4, 400))
    for name in ("contact", "total_30", "total_120"):
        assert value(name, many) == pytest.approx(value(name, few), abs=1e-5)


def test_an_agency_counts_up_to_its_cap_and_again_from_its_second():
    once, twice, often = ([event(b"r", T0)] * n for n in (1, 2, 400))
    assert value("again_education", once) == pytest.approx(0, abs=1e-6)
    assert value("again_education", twice) == pytest.approx(log1p(2) - log1p(1), abs=1e-5)
    assert value("agency_education", often) == pytest.approx(log1p(8), abs=1e-6)
    assert value("again_police", often) == 0


def test_social_care_is_weighed_with_all_there_is():
    known = [event(b"r", T0, agency="social_care"), event(b"r", T0, agency="police")]
    assert value("social_care_total", known) == pytest.approx(log1p(1) * 2 * log1p(2), abs=1e-5)
    assert value("social_care_total", [event(b"r", T0)]) == 0


def test_an_agency_counts_as_present_above_a_quarter():
    assert value("distinct", [event(b"r", T0 - 239 * DAY_MS)]) == 1
    assert value("distinct", [event(b"r", T0 - 241 * DAY_MS)]) == 0


def test_protective_events_are_no_agency_concern():
    events = [event(b"r", T0, "protective", 3)]
    assert value("distinct", events) == 0
    assert value("protective", events) == pytest.approx(log1p(3), abs=1e-6)
    assert value("total_30", events) == 0


def test_a_grave_event_is_told_from_many_low_ones():
    assert value("grave", [event(b"r", T0, "violence", 4)]) == pytest.approx(log1p(1), abs=1e-6)
    assert value("grave", [event(b"r", T0, "violence", 3)] * 3) == 0


def test_a_burst_is_recent_against_usual():
    sudden = [event(b"r", T0, severity=2)]
    slow = [event(b"r", T0 - 60 * DAY_MS, severity=2)]
    assert value("burst", sudden) == pytest.approx(2 / 2.5, abs=1e-6)
    assert value("burst", slow) < 0.01


def test_ages_are_four_features_and_unknown_is_none():
    x = f.vector(f.sums([], T0), 2)
    set_ = {band: f.with_age(x, f.AGE_OF_BAND[i])[f.AGE_AT : f.AGE_AT + 4] for i, band in enumerate(AGE_BANDS)}
    assert set_["unborn"] == set_["0-4"] == (f.MICRO, 0, 0, 0)
    assert set_["11-15"] == (0, 0, f.MICRO, 0)
    assert set_["16-17"] == set_["18-24"] == (0, 0, 0, f.MICRO)
    assert set_["unknown"] == set_["adult"] == (0, 0, 0, 0)


def test_children_are_counted():
    assert value("children", [], children=3) == pytest.approx(log1p(3), abs=1e-6)


def test_the_next_step_is_when_the_next_agency_fades():
    events = [event(b"r", T0 - 100 * DAY_MS), event(b"r", T0, agency="police")]
    wait = f.next_step(f.sums(events, T0))
    assert wait is not None
    assert value("distinct", events, T0 + wait - 60_000) == 2
    assert value("distinct", events, T0 + wait + 60_000) == 1
    assert f.next_step(f.sums([], T0)) is None


def test_features_have_names_and_width():
    assert len(f.NAMES) == f.WIDTH == len(f.vector(f.sums([], T0), 1)) == len(f.rates(f.sums([], T0), (0,) * f.WIDTH))
    assert len(set(f.NAMES)) == f.WIDTH
    assert set(FAMILIES) - set(f.NAMES) == {"referral"}


def test_parts_sum_to_the_whole():
    events = [event(b"r", T0 - n * DAY_MS, severity=1 + n % 4) for n in range(9)]
    assert f.add([f.sums(events[:4], T0), f.sums(events[4:], T0)]) == f.sums(events, T0)
