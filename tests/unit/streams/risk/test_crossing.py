import pytest

from streams.risk.crossing import fell_at, line, next_check
from streams.risk.features import DAY_MS, MICRO, NAMES, WIDTH, sums, vector
from streams.risk.model import Model, logit, ppm
from tests.unit.streams.risk.families import T0, event


def weighing(**weights):
    return Model(1, "all", 0, tuple(int(weights.get(n, 0) * MICRO) for n in NAMES), -3 * MICRO)


def test_a_line_is_the_log_odds_of_its_probability():
    for at in (1, 20_000, 500_000, 930_000):
        assert abs(ppm(line(at)) - at) <= 1
    assert line(0) == line(1)
    assert line(1_000_000) == line(999_999)


def test_a_score_that_cannot_get_there_asks_for_no_timer():
    events = [event(b"r", T0)]
    model = weighing(welfare=1.0)
    of = sums(events, T0)
    x = vector(of, 1)
    assert next_check(model, of, x, logit(model, x), -4 * MICRO) is None  # sinks to -3 at most
    assert next_check(model, of, x, logit(model, x), 0) is None  # and never rises


def test_it_never_waits_past_a_crossing():
    events = [event(b"r", T0, severity=4), event(b"r", T0, "protective", 3)]
    model = weighing(welfare=1.5, protective=-0.4, burst=0.5)
    level, now, looks = -2 * MICRO, T0, 0
    of = sums(events, now)
    z = logit(model, vector(of, 1))
    assert z > level
    while z > level:
        wait = next_check(model, of, vector(of, 1), z, level)
        assert wait is not None
        for part in range(1, 5):
            at = now + wait * part // 5
            assert logit(model, vector(sums(events, at), 1)) >= level - WIDTH
        now, looks = now + wait, looks + 1
        of = sums(events, now)
        z = logit(model, vector(of, 1))
    assert looks < 60


def test_the_next_agency_to_fade_is_a_step_of_its_own():
    model = weighing(distinct=1.0)
    of = sums([event(b"r", T0 - 200 * DAY_MS)], T0)
    wait = next_check(model, of, vector(of, 1), -2 * MICRO, int(-2.5 * MICRO))
    assert wait == pytest.approx(40 * DAY_MS, rel=0.01)


def test_a_fall_is_found_to_the_second():
    def ppm_at(at):
        return 1000 - (at - T0) // 1000

    assert abs(fell_at(ppm_at, 400, T0, T0 + 900_000, ()) - (T0 + 600_000)) <= 1000


def test_a_fall_is_after_the_last_jump_above_the_line():
    jump = T0 + 500_000

    def ppm_at(at):
        return 500 if jump <= at < jump + 60_000 else 300

    assert abs(fell_at(ppm_at, 400, T0, T0 + 900_000, (jump, jump + 1, T0 - 5)) - (jump + 60_000)) <= 1000


def test_low_ever_since_stays_since():
    assert fell_at(lambda at: 300, 400, T0, T0 + 900_000, (T0 + 5,)) == T0
