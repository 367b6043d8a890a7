"""Any order of contributions, however divided among records, gives the same integers; parts sum to the score."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.event import AGENCY_KINDS, FAMILIES
from streams.alerting.explain import explain
from streams.risk.contribution import Contribution
from streams.risk.crossing import SLACK, next_check
from streams.risk.features import DAY_MS, MICRO, STEPPED, WIDTH, add, rates, sums, vector
from streams.risk.household import Child, Household
from streams.risk.model import Model, logit, parts, score

NOW = 1_700_000_000_000
MINUTE_MS = 60_000
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
    for place, (now, then, rate) in enumerate(zip(x, later, rates(of, x), strict=True)):
        assert then <= now + 2
        if place not in STEPPED:  # what distinct agencies are part of falls by steps
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


@settings(max_examples=12, deadline=None)
@given(contributions, models, st.floats(0.02, 0.98))
def test_a_crossing_is_found_within_a_minute_of_a_dense_replay(events, model, share):
    """Looks only when asked for, on ticks a minute apart, against a look every three hours and every minute near it."""
    past = [one for one in events if one.occurred_at <= NOW]

    def z_at(at):
        return logit(model, vector(sums(past, at), 1))

    until = NOW + 60 * DAY_MS
    start, end = z_at(NOW), z_at(until)
    assume(abs(end - start) > MICRO // 10)
    level = start + round((end - start) * share)  # most often crossed on the way
    side, found, at, looks = start >= level, None, NOW, 0
    while at < until:
        z = z_at(at)
        if (z >= level) != side:
            found = at
            break
        wait = next_check(model, sums(past, at), vector(sums(past, at), 1), z, level)
        if wait is None:
            break
        at += -(-wait // MINUTE_MS) * MINUTE_MS
        looks += 1
        assert looks < 1000  # a look that finds nothing costs, near a tangent too
    dense = next((t for t in range(NOW, until, 180 * MINUTE_MS) if (z_at(t) >= level) != side), None)
    if dense is not None:
        near = range(max(NOW, dense - 180 * MINUTE_MS), dense + MINUTE_MS, MINUTE_MS)
        dense = next(t for t in near if (z_at(t) >= level) != side)
    if dense is not None and abs(z_at(dense) - level) > SLACK:
        assert found is not None
        assert found <= dense + MINUTE_MS
    if found is not None:
        assert (z_at(found) >= level) != side  # and never where there is none
        assert dense is None or found >= dense - 60 * MINUTE_MS
