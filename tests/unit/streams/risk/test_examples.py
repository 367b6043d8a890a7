from streams.risk import examples
from streams.risk.contribution import Spell
from streams.risk.features import DAY_MS, WIDTH, sums
from streams.risk.household import read
from tests.unit.streams.risk.families import T0, Families, event, profile

X = (0,) * WIDTH


def family(spells=()):
    facts = Families()
    facts.record(b"a", b"a", of=profile("0-4", spells=spells))
    facts.record(b"b", b"a", of=profile("11-15"))
    return facts


def test_children_in_an_open_episode_are_no_examples():
    household = read(family((Spell("in_need", T0 - DAY_MS, None),)), b"a")
    example = examples.take("need_or_plan", examples.Moment(b"a", household, X, T0))
    assert example is not None
    assert example.children == ((b"b", 2),)
    alone = household._replace(children=household.children[:1])
    assert examples.take("need_or_plan", examples.Moment(b"a", alone, X, T0)) is None


def label(facts, horizon=60 * DAY_MS):
    example = examples.take("need_or_plan", examples.Moment(b"a", read(family(), b"a"), X, T0))
    found = examples.labels("need_or_plan", example, read(facts, b"a"), horizon)
    return tuple((one.age, one.positive) for one in found)


def test_an_onset_within_the_horizon_is_positive_for_that_child():
    facts = family()
    facts.kept[b"e"] = event(b"b", T0 + 60 * DAY_MS, outcome="need_or_plan")
    assert label(facts) == ((0, False), (2, True))
    facts.kept[b"e"] = event(b"b", T0 + 60 * DAY_MS + 1, outcome="need_or_plan")
    assert label(facts) == ((0, False), (2, False))


def test_an_onset_at_the_moment_itself_is_no_future():
    facts = family()
    facts.kept[b"e"] = event(b"b", T0, outcome="need_or_plan")
    assert label(facts) == ()  # and the whole family was already under assessment


def test_a_child_who_is_gone_or_was_open_after_all_is_censored():
    facts = family((Spell("in_need", T0 - DAY_MS, None),))
    assert label(facts) == ((2, False),)
    del facts.profiles[b"b"]
    assert label(facts) == ()


def test_ticks_take_active_and_quiet_in_proportion():
    busy, quiet = sums([event(b"r", T0)], T0), sums([], T0)
    homes = [b"home%d" % n for n in range(6400)]
    active = [examples.weight_at_tick(h, busy, T0) for h in homes]
    calm = [examples.weight_at_tick(h, quiet, T0) for h in homes]
    assert set(active) == {0, 1}
    assert set(calm) == {0, examples.QUIET_WEIGHT}
    assert abs(sum(active) - 1600) < 160
    assert abs(sum(calm) - 1600) < 480
    assert active != [examples.weight_at_tick(h, busy, T0 + examples.TICK_MS) for h in homes]


def test_keys_sort_by_time():
    assert examples.key(b"z", T0) < examples.key(b"a", T0 + 1)


def test_half_of_the_examples_calibrate():
    taken = sum(examples.calibrates(examples.key(b"h%d" % n, T0)) for n in range(2000))
    assert abs(taken - 1000) < 120
