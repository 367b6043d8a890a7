import pytest

from streams.alerting.machine import NORMAL, RAISED, RECOVERING, Lines, Watched
from streams.alerting.telling import Sight
from streams.alerting.timing import RECHECK_MS, Known, Past, due, reading
from streams.risk.contribution import Spell
from streams.risk.features import MICRO, NAMES
from streams.risk.household import read
from streams.risk.model import Model, score
from tests.unit.streams.risk.families import DAY_MS, T0, Families, event, profile

MODEL = Model(1, "all", 0, tuple(MICRO if name == "welfare" else 0 for name in NAMES), -3 * MICRO)
LINES = Lines(150_000, 100_000, 60_000, 14 * DAY_MS, 28 * DAY_MS)
FRESH = Known(T0 + 900 * DAY_MS, T0 - 900 * DAY_MS, True)
SECOND_MS = 1000


def household(*events, spells=()):
    facts = Families()
    facts.record(b"a", b"a", of=profile(spells=spells))
    facts.kept = {b"e%d" % n: one for n, one in enumerate(events)}
    return read(facts, b"a")


def welfare(at=T0, severity=4):
    return event(b"a", at, severity=severity)


def past(of, now):
    return Past(MODEL, of, now)


def told(of, row, now, known=FRESH):
    return reading(Sight(b"a", of, score(MODEL, of, now), now, None), MODEL, row, LINES, known)


def falls(of, line_ppm, since=T0):
    """First hour at which the level is at or below a line."""
    return next(
        at for at in range(since, since + 400 * DAY_MS, DAY_MS // 24) if past(of, at).level_at(at) <= line_ppm
    )


def wait(of, row, now):
    """How long until the next look, or None for never."""
    at = due(MODEL, score(MODEL, of, now), row, LINES, now)
    return at - now if at else None


# Since when


def test_since_when_a_score_is_low_is_found_between_two_looks():
    of = household(welfare())
    fell = falls(of, LINES.clear_ppm)
    now = fell + 20 * DAY_MS
    since = past(of, now).since(past(of, now).score_at, LINES.clear_ppm, 0, T0)
    assert fell - DAY_MS // 24 < since <= fell + SECOND_MS


def test_what_was_known_to_be_low_stays_low_since_then():
    of = household(welfare())
    known = falls(of, LINES.clear_ppm) + DAY_MS
    now = known + 20 * DAY_MS
    assert past(of, now).since(past(of, now).score_at, LINES.clear_ppm, known, now - DAY_MS) == known


def test_a_jump_that_came_late_begins_it_anew():
    of = household(welfare(T0 - 200 * DAY_MS), welfare(T0 + DAY_MS))
    fell = falls(of, LINES.clear_ppm, T0 + DAY_MS)
    now = fell + 20 * DAY_MS
    since = past(of, now).since(past(of, now).score_at, LINES.clear_ppm, T0, now - DAY_MS)
    assert fell - DAY_MS // 24 < since <= fell + SECOND_MS


def test_what_facts_and_not_time_took_down_is_low_since_now():
    of = household()
    assert past(of, T0 + DAY_MS).since(past(of, T0).score_at, LINES.clear_ppm, 0, T0) == T0 + DAY_MS


@pytest.mark.parametrize("seen_at", [0, T0, T0 + DAY_MS])
def test_without_an_earlier_look_it_is_low_since_now(seen_at):
    of = household(welfare(T0 - 200 * DAY_MS))
    assert past(of, T0).since(past(of, T0).score_at, LINES.clear_ppm, 0, seen_at) == T0


# Reading


def test_the_machine_is_told_of_score_level_room_and_feeds():
    of = household(welfare(), spells=(Spell("in_need", T0 - DAY_MS, None),))
    given = told(of, Watched(), T0, Known(T0 - 7, 0, False))
    scored = score(MODEL, of, T0)
    assert (given.now, given.score_ppm, given.level_ppm) == (T0, -1, scored.level_ppm)
    assert scored.level_ppm > LINES.raise_ppm
    assert (given.alive_until, given.room) == (T0 - 7, False)


@pytest.mark.parametrize("state", [RAISED, RECOVERING])
def test_an_alert_falls_when_the_score_did(state):
    of = household(welfare())
    fell = falls(of, LINES.clear_ppm)
    given = told(of, Watched(state=state, seen_at=T0), fell + 9 * DAY_MS)
    assert fell - DAY_MS // 24 < given.fell_at <= fell + SECOND_MS


@pytest.mark.parametrize(("armed", "back"), [(T0, True), (0, False)])
def test_calm_is_measured_where_something_could_be_stepped_down(armed, back):
    of = household(welfare())
    low = falls(of, LINES.step_down_ppm)
    now = low + 9 * DAY_MS
    given = told(of, Watched(armed_at=armed, seen_at=T0), now)
    assert given.low_at == (pytest.approx(low, abs=DAY_MS // 24) if back else now)


@pytest.mark.parametrize(("live_at", "begins"), [(T0, T0), (T0 + 1, 0)])
def test_a_spell_from_before_live_is_no_news(live_at, begins):
    of = household(spells=(Spell("in_need", T0, None),))
    assert told(of, Watched(), T0 + DAY_MS, Known(T0, live_at, True)).episode_at == begins


def test_a_spell_that_ended_lately_is_news_whenever_it_began():
    of = household(spells=(Spell("in_need", T0 - 99 * DAY_MS, T0),))
    assert told(of, Watched(), T0 + DAY_MS, Known(T0, T0 + DAY_MS, True)).episode_at == T0
    assert told(of, Watched(), T0 - DAY_MS, Known(T0, T0 + DAY_MS, True)).episode_at == 0


# Due


def test_a_household_of_which_time_changes_nothing_is_never_due():
    assert wait(household(), Watched(), T0) is None


@pytest.mark.parametrize(
    ("row", "line_ppm"),
    [
        (Watched(state=RAISED), LINES.clear_ppm),
        (Watched(armed_at=T0), LINES.step_down_ppm),
    ],
)
def test_the_looks_lead_to_a_crossing_and_never_past_it(row, line_ppm):
    of = household(welfare())
    crossed, now, looks = falls(of, line_ppm), T0, 0
    while past(of, now).level_at(now) > line_ppm:
        ahead = wait(of, row, now)
        assert ahead is not None
        now, looks = now + ahead, looks + 1
    assert crossed - DAY_MS // 24 <= now <= crossed + DAY_MS // 24
    assert 1 < looks < 60


def test_a_score_that_grows_as_good_news_fades_is_due_before_it_rises():
    model = Model(1, "all", 0, tuple(-MICRO if name == "protective" else 0 for name in NAMES), -MICRO)
    of = household(event(b"a", T0, "protective", 4))
    now = T0
    assert score(model, of, now).score_ppm < LINES.raise_ppm
    while score(model, of, now).score_ppm < LINES.raise_ppm:
        then = due(model, score(model, of, now), Watched(), LINES, now)
        assert then > now
        assert score(model, of, then - 2 * 60_000).score_ppm < LINES.raise_ppm
        now = then


@pytest.mark.parametrize("row", [Watched(state=RECOVERING, fell_at=T0 + 900 * DAY_MS), Watched(step_down="s")])
def test_what_ends_when_a_score_grows_is_due_before_it_has(row):
    model = Model(1, "all", 0, tuple(-MICRO if name == "protective" else 0 for name in NAMES), -MICRO)
    lines = Lines(500_000, 150_000, 60_000, 14 * DAY_MS, 28 * DAY_MS)
    of = household(event(b"a", T0, "protective", 4))
    now = T0
    while (scored := score(model, of, now)).level_ppm <= lines.clear_ppm:
        then = due(model, scored, row, lines, now)
        assert T0 < now + 1 <= then < T0 + 400 * DAY_MS
        assert score(model, of, then - 2 * 60_000).level_ppm <= lines.clear_ppm
        now = then


def test_a_clear_is_due_at_the_end_of_its_dwell():
    row = Watched(state=RECOVERING, fell_at=T0)
    assert wait(household(), row, T0 + DAY_MS) == LINES.clear_dwell_ms - DAY_MS


def test_a_step_down_is_due_at_the_end_of_its_dwell():
    row = Watched(state=NORMAL, armed_at=T0, low_at=T0)
    assert wait(household(), row, T0 + DAY_MS) == LINES.step_down_dwell_ms - DAY_MS


@pytest.mark.parametrize(
    "row", [Watched(state=RECOVERING, fell_at=T0), Watched(state=NORMAL, armed_at=T0, low_at=T0)]
)
def test_a_dwell_that_is_over_but_for_a_late_feed_is_looked_at_again(row):
    for late in (0, DAY_MS):
        assert wait(household(), row, T0 + LINES.step_down_dwell_ms + late) == RECHECK_MS


def test_no_step_down_is_due_while_an_alert_stands():
    row = Watched(state=RECOVERING, fell_at=T0 + 20 * DAY_MS, armed_at=T0, low_at=T0)
    assert wait(household(), row, T0 + 21 * DAY_MS) == LINES.clear_dwell_ms - DAY_MS
