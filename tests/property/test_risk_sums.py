"""Any order of contributions, however divided among records, gives the same integers; parts sum to the score."""

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.event import AGENCY_KINDS, FAMILIES
from streams.alerting.explain import explain
from streams.risk.contribution import Contribution
from streams.risk.crossing import next_check
from streams.risk.features import DAY_MS, MICRO, WIDTH, add, rates, sums, vector
from streams.risk.household import Child, Household
from streams.risk.model import Model, logit, parts, score

NOW = 1_700_000_000_000
contributions = st.lists(
    st.builds(
        Contribution,
        record=st.sampled_from([b"a", b"b", b"c"]),
        agency_kind=st.integers(0, len(AGENCY_KINDS) - 1),
        kind=st.just("k"),
        occurred_at=st.integers(NOW - 900 * DAY_MS, NOW + DAY_MS),
        factors=st.lists(st.tuples(st.integers(0, len(FAMILIES) - 1), st.integers(1, 4)), max_size=4).map(tuple),
        contact=st.just(False),
        outcome=st.sampled_from(["", "", "", "need_or_plan"]),
        version=st.just((0, 0, 0)),
    ),
    max_size=40,
)
models = st.builds(
    Model,
    version=st.just(1),
    stage=st.just("all"),
    published_at=st.just(0),
    weights=st.lists(st.integers(-3 * MICRO, 3 * MICRO), min_size=WIDTH, max_size=WIDTH).map(tuple),
    intercept=st.integers(-6 * MICRO, 0),
)


@given(contributions, st.randoms(use_true_random=False))
def test_sums_do_not_depend_on_order_or_on_records(events, chance):
    whole = sums(events, NOW)
    shuffled = list(events)
    chance.shuffle(shuffled)
    assert sums(shuffled, NOW) == whole
    by_record = [[one for one in shuffled if one.record == record] for record in (b"c", b"a", b"b")]
    assert add(sums(part, NOW) for part in by_record) == whole


@given(contributions, models, st.integers(1, 6), st.integers(-1, 3))
def test_reasons_sum_to_the_score(events, model, children, age):
    people = tuple(Child(b"%d" % n, age, "", (), (), ()) for n in range(children))
    household = Household((b"a", b"b", b"c"), people, tuple(events))
    scored = score(model, household, NOW)
    z = logit(model, scored.x)
    assert model.intercept + sum(parts(model, scored.x)) == z
    reasons = explain(model, household, scored, NOW)
    assert sum(part.weight_milli for part in reasons) == z // 1000
    assert len({part.family for part in reasons}) == len(reasons)


@given(contributions, st.integers(1, 400))
def test_features_only_sink_and_no_faster_than_their_bound(events, days):
    past = [one for one in events if one.occurred_at <= NOW]
    of = sums(past, NOW)
    x, later = vector(of, 2), vector(sums(past, NOW + days * DAY_MS), 2)
    steps = {14, 23}  # distinct agencies, and their product with the total, fall by steps
    for place, (now, then, rate) in enumerate(zip(x, later, rates(of, x), strict=True)):
        assert then <= now + 2
        if place not in steps:
            assert now - then <= rate * days * DAY_MS + 50


@settings(max_examples=60)
@given(contributions, models, st.integers(-4 * MICRO, 2 * MICRO))
def test_a_score_stays_on_its_side_for_as_long_as_it_is_said_to(events, model, level):
    past = [one for one in events if one.occurred_at <= NOW]
    of = sums(past, NOW)
    x = vector(of, 1)
    z = logit(model, x)
    wait = next_check(model, of, x, z, level)
    until = 400 * DAY_MS if wait is None else wait
    for part in range(1, 20):
        at = NOW + until * part // 20
        side = logit(model, vector(sums(past, at), 1)) >= level
        assert side == (z >= level) or until == 60_000 or abs(z - level) < 200
