from itertools import product

import msgspec
import pytest

from streams.alerting.machine import NORMAL, PENDING, RAISED, RECOVERING, Lines, Reading, Watched, advance
from tests.unit.streams.risk.families import DAY_MS, T0

RAISE, CLEAR, LOW = 200_000, 140_000, 60_000
CLEAR_DWELL, LOW_DWELL = 14 * DAY_MS, 28 * DAY_MS
LINES = Lines(RAISE, CLEAR, LOW, CLEAR_DWELL, LOW_DWELL)
BETWEEN = (CLEAR + RAISE) // 2
UP = Watched(state=RAISED, since=T0, seen_at=T0, armed_at=T0, told_ppm=RAISE, alert="e")
FALLEN = msgspec.structs.replace(UP, state=RECOVERING, fell_at=T0)
CALM = Watched(armed_at=T0 - DAY_MS)


def reading(score, now=T0, level=None, fell=None, low=None, alive=None, episode=0, room=True):
    level = score if level is None else level
    fell, low, alive = (now if at is None else at for at in (fell, low, alive))
    return Reading(now, score, level, fell, low, alive, episode, room)


def moved(was, score, **known):
    """Where it stands and its moves."""
    return advance(was, LINES, reading(score, **known))


def moves(was, score, **known):
    return moved(was, score, **known)[1]


def low(was=CALM, now=T0 + LOW_DWELL, **known):
    """A look at a household whose level came down to the low line at T0."""
    return moved(was, known.pop("score", LOW), now=now, low=T0, **known)


# Raise


@pytest.mark.parametrize(("score", "rises"), [(RAISE - 1, False), (RAISE, True), (RAISE + 1, True)])
def test_a_raise_is_at_or_above_the_line(score, rises):
    assert moves(Watched(), score) == (("raise",) if rises else ())


def test_a_raise_waits_for_no_dwell_and_no_feed():
    row, did = moved(Watched(), RAISE, alive=T0 - 90 * DAY_MS)
    assert did == ("raise",)
    assert (row.state, row.since, row.told_ppm, row.armed_at) == (RAISED, T0, RAISE, T0)


def test_a_score_that_stays_up_is_raised_once():
    row, _ = moved(Watched(), RAISE)
    for day in range(1, 100):
        row, did = moved(row, RAISE, now=T0 + day * DAY_MS)
        assert did == ()


@pytest.mark.parametrize("score", [CLEAR + 1, BETWEEN, RAISE - 1])
def test_between_the_lines_an_alert_stands_and_none_rises(score):
    long_after = T0 + 10 * CLEAR_DWELL
    assert moves(UP, score, now=long_after, fell=T0) == ()
    assert moves(Watched(), score, now=long_after) == ()


def test_every_look_is_remembered():
    for was, score in product((Watched(), UP, FALLEN), (RAISE, 0)):
        assert moved(was, score, now=T0 + 7)[0].seen_at == T0 + 7


# Clear


def test_a_score_that_comes_down_begins_a_dwell_and_clears_nothing_yet():
    row, did = moved(UP, CLEAR, now=T0 + 5, fell=T0 + 2)
    assert did == ()
    assert (row.state, row.since, row.fell_at, row.alert) == (RECOVERING, T0 + 5, T0 + 2, "e")


def test_a_household_recovers_since_it_fell_not_since_it_was_looked_at():
    row, _ = moved(FALLEN, CLEAR, now=T0 + DAY_MS, fell=T0)
    assert (row.since, row.fell_at) == (T0, T0)


@pytest.mark.parametrize("was", [UP, FALLEN])
@pytest.mark.parametrize(("late", "clears"), [(-1, False), (0, True), (1, True)])
def test_a_clear_needs_the_whole_dwell(was, late, clears):
    assert moves(was, CLEAR, now=T0 + CLEAR_DWELL + late, fell=T0) == (("clear",) if clears else ())


@pytest.mark.parametrize(("alive", "clears"), [(-1, False), (0, True)])
def test_time_in_which_a_feed_may_have_been_dead_is_no_part_of_the_dwell(alive, clears):
    known = {"now": T0 + 10 * CLEAR_DWELL, "fell": T0, "alive": T0 + CLEAR_DWELL + alive}
    assert moves(FALLEN, CLEAR, **known) == (("clear",) if clears else ())


def test_a_clear_leaves_no_alert_behind():
    row, _ = moved(FALLEN, CLEAR, now=T0 + CLEAR_DWELL, fell=T0)
    assert (row.state, row.since, row.fell_at, row.alert) == (NORMAL, T0 + CLEAR_DWELL, 0, "")


def test_a_score_that_comes_back_up_begins_the_dwell_anew():
    row, did = moved(FALLEN, CLEAR + 1, now=T0 + DAY_MS)
    assert did == ()
    assert (row.state, row.since, row.fell_at) == (RAISED, T0 + DAY_MS, 0)
    assert moves(row, CLEAR, now=T0 + CLEAR_DWELL, fell=T0 + 2 * DAY_MS) == ()


def test_a_recovering_alert_that_gets_as_bad_again_does_not_rise_again():
    row, did = moved(FALLEN, RAISE, now=T0 + DAY_MS)
    assert did == ()
    assert row.alert == "e"


@pytest.mark.parametrize("was", [UP, FALLEN])
def test_nobody_left_to_score_clears_at_once(was):
    row, did = moved(was, -1, level=RAISE, alive=T0 - 90 * DAY_MS)
    assert did == ("clear",)
    assert (row.state, row.alert) == (NORMAL, "")


@pytest.mark.parametrize("was", [Watched(), CALM])
def test_nobody_to_score_and_no_alert_is_nothing_to_say(was):
    assert moves(was, -1) == ()


def test_between_two_raises_there_is_a_clear():
    row, said = Watched(), []
    for day, high in enumerate((1, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1)):
        now = T0 + day * CLEAR_DWELL // 2
        fell = row.fell_at or now
        row, did = moved(row, RAISE if high else 0, now=now, fell=fell)
        said += [one for one in did if one in ("raise", "clear")]
    assert said == ["raise", "clear"] * (len(said) // 2) + ["raise"] * (len(said) % 2)
    assert said.count("raise") == 3


# Queue


def test_a_raise_without_room_is_queued():
    row, did = moved(Watched(), RAISE, room=False)
    assert did == ("queue",)
    assert (row.state, row.since, row.alert, row.armed_at) == (PENDING, T0, "", T0)


def test_a_household_waits_in_the_queue_once():
    row, _ = moved(Watched(), RAISE, room=False)
    again, did = moved(row, RAISE, now=T0 + DAY_MS, room=False)
    assert did == ()
    assert (again.state, again.since) == (PENDING, T0)


def test_what_is_queued_rises_when_there_is_room():
    row, _ = moved(Watched(), RAISE, room=False)
    row, did = moved(row, RAISE + 7, now=T0 + DAY_MS)
    assert did == ("raise",)
    assert (row.state, row.since, row.told_ppm) == (RAISED, T0 + DAY_MS, RAISE + 7)


@pytest.mark.parametrize("score", [-1, 0, RAISE - 1])
def test_what_is_queued_lapses_below_the_line_room_or_not(score):
    was = Watched(state=PENDING, since=T0)
    for room in (False, True):
        row, did = moved(was, score, room=room)
        assert did == ("lapse",)
        assert row.state == NORMAL


def test_no_room_keeps_no_alert_from_clearing():
    assert moves(FALLEN, 0, now=T0 + CLEAR_DWELL, fell=T0, room=False)[0] == "clear"


# Update


@pytest.mark.parametrize("was", [UP, FALLEN])
@pytest.mark.parametrize(("score", "told"), [(333_300, False), (333_334, True)])  # odds of 1/4, then of 1/2
def test_an_update_is_told_when_the_odds_have_doubled(was, score, told):
    row, did = moved(was, score)
    assert did == (("update",) if told else ())
    assert row.told_ppm == (score if told else RAISE)


def test_an_update_is_measured_from_the_last_word():
    row, _ = moved(UP, 400_000)
    assert moves(row, 500_000) == ()
    assert moves(row, 600_000) == ("update",)


def test_certainty_has_odds_too():
    assert moves(UP, 1_000_000) == ("update",)


# Step-down


def test_calm_with_nothing_before_it_is_no_step_down():
    assert low(Watched())[1] == ()


def test_a_step_down_needs_the_whole_dwell():
    assert low(now=T0 + LOW_DWELL - 1)[1] == ()
    assert low(now=T0 + LOW_DWELL)[1] == ("step_down",)


def test_a_step_down_needs_live_feeds():
    long_after = T0 + 10 * LOW_DWELL
    assert low(now=long_after, alive=T0 + LOW_DWELL - 1)[1] == ()
    assert low(now=long_after, alive=T0 + LOW_DWELL)[1] == ("step_down",)


@pytest.mark.parametrize(("level", "steps"), [(LOW, True), (LOW + 1, False), (CLEAR, False), (-1, False)])
def test_a_step_down_is_at_or_below_its_own_line(level, steps):
    row, did = low(level=level)
    assert did == (("step_down",) if steps else ())
    assert row.low_at == 0


def test_since_when_the_level_is_low_is_kept_while_it_waits():
    assert low(now=T0 + 1)[0].low_at == T0


def test_a_level_that_rises_forgets_that_it_was_low():
    waiting, _ = low(now=T0 + 1)
    assert moved(waiting, LOW + 1, now=T0 + 2)[0].low_at == 0


def test_a_level_above_the_clear_line_arms_a_step_down():
    assert moved(Watched(), CLEAR)[0].armed_at == 0
    assert moved(Watched(), CLEAR + 1)[0].armed_at == T0
    assert moved(Watched(), -1, level=CLEAR + 1)[0].armed_at == T0


def test_an_episode_arms_a_step_down():
    row, did = low(Watched(), episode=T0 - 1)
    assert did == ("step_down",)
    assert row.stepped_at == T0 + LOW_DWELL


def test_a_raise_arms_a_step_down():
    row, _ = moved(Watched(stepped_at=T0 - DAY_MS), RAISE)
    row, did = moved(row, 0, now=T0 + 10 * LOW_DWELL, fell=T0 + 1, low=T0 + 1)
    assert did == ("clear", "step_down")
    assert row.armed_at == 0


def test_a_raise_is_a_newer_reason_than_what_armed_it_before():
    assert moved(CALM, RAISE)[0].armed_at == T0


def test_one_episode_is_stepped_down_once():
    row, _ = low(Watched(), episode=T0 - 1)
    for days in (1, 100):
        assert low(row, now=T0 + LOW_DWELL + days * DAY_MS, episode=T0 - 1)[1] == ()


def test_a_newer_episode_is_stepped_down_again():
    row, _ = low(Watched(), episode=T0 - 1)
    begun = row.stepped_at + DAY_MS
    row, _ = moved(row, -1, now=begun, level=LOW + 1, episode=begun)
    assert row.armed_at == begun
    again = begun + 10 * DAY_MS
    assert moves(row, 0, now=again + LOW_DWELL, low=again, episode=begun) == ("step_down",)


def test_an_older_episode_does_not_disarm_what_a_raise_armed():
    assert moved(UP, RAISE, episode=T0 - DAY_MS)[0].armed_at == T0


@pytest.mark.parametrize("was", [UP, FALLEN])
def test_no_step_down_while_an_alert_stands(was):
    row, did = moved(was, LOW, now=T0 + 10 * LOW_DWELL, fell=T0 + 10 * LOW_DWELL, low=T0)
    assert did == ()
    assert row.low_at == T0


def test_an_open_episode_steps_down_by_its_level_though_nobody_is_scored():
    assert low(score=-1, level=LOW)[1] == ("step_down",)


STEPPED = Watched(stepped_at=T0, step_down="s")


@pytest.mark.parametrize(("level", "ends"), [(LOW + 1, False), (CLEAR, False), (CLEAR + 1, True)])
def test_a_step_down_ends_when_the_level_is_above_the_clear_line(level, ends):
    row, did = moved(STEPPED, -1, level=level, now=T0 + 1)
    assert did == (("end_step_down",) if ends else ())
    assert row.step_down == ("" if ends else "s")


def test_a_raise_ends_a_step_down_after_it_is_said():
    row, did = moved(STEPPED, RAISE, now=T0 + 1)
    assert did == ("raise", "end_step_down")
    assert row.step_down == ""


def test_no_step_down_stands_twice_and_none_ends_twice():
    row, _ = moved(STEPPED, RAISE, now=T0 + 1)
    assert moves(row, RAISE, now=T0 + 2) == ()
