import json

import pytest

from schemas.event import AGENCY_KINDS
from streams.alerting.keeper import FACTS_CORRECTED, LINKS_CORRECTED, RECORDS_GONE
from streams.alerting.rows import SPECS
from streams.alerting.timing import RECHECK_MS
from streams.alerting.watch import Watch
from streams.risk.contribution import Spell
from streams.risk.household import read
from streams.risk.model import score
from streams.state import Tables
from tests.unit.streams.risk.families import DAY_MS, T0, Families, event, profile

KEY = bytes(32)
RAISE_AT = 0.25
CLEAR_PPM, LOW_PPM = 175_000, 75_000  # by the ratios .7 and .3
CLEAR_DWELL, LOW_DWELL = 14 * DAY_MS, 28 * DAY_MS
MINUTE_MS, STEP_MS = 60_000, DAY_MS // 4
RULES = {
    "front_door": "mash",
    "teams": [{"name": "mash", "agency": "council"}, {"name": "duty-east", "agency": "council"}],
    "raise_at": RAISE_AT,
}


class Town:
    """A watch over small families, each of one child and an adult, with the clock in hand."""

    def __init__(self, homes=(b"a",), **rules):
        self.facts, self.now, self.heard, self.awake = Families(), T0, [], True
        for home in homes:
            self.facts.record(home, home, of=profile())
            self.facts.record(home + b"2", home)
        self.tables = Tables("p", SPECS)
        self.watch = self.make()
        assert self.watch.control(json.dumps(RULES | rules), 1, T0) is None

    def make(self):
        watch = Watch("p", KEY, self.tables, self.facts)
        watch.ready()
        return watch

    def open(self):
        before = len(self.heard)
        self.watch.golive(self.now)
        while self.watch.phase != "live":
            self.pass_ms(MINUTE_MS)
        self.pass_ms(MINUTE_MS)
        return self.heard[before:]

    def pass_ms(self, ms, step=STEP_MS):
        """Ticks, and what is said at them."""
        end, before = self.now + ms, len(self.heard)
        while self.now < end:
            self.now = min(end, self.now + step)
            self.take(self.watch.advance(self.now))
        return self.heard[before:]

    def take(self, notices):
        """Hear them; whoever is told of a new alert acknowledges it."""
        self.heard += notices
        for alert in notices:
            if alert.state == "raised" and self.awake:
                answered(self, alert, "acknowledge")
        return notices

    def hear(self, records, *, undone=False):
        before = len(self.heard)
        self.take(self.watch.touched(records, self.now, self.now + 7, undone))
        self.take(self.watch.advance(self.now))
        return self.heard[before:]

    def happens(self, key, record, severity=4, agency="education", family="welfare"):
        self.facts.kept[key] = one = event(record, self.now, family, severity, agency)
        self.watch.event_known(key, one)
        return self.hear((record,))

    def withdrawn(self, key):
        return self.hear((self.facts.kept.pop(key).record,), undone=True)

    def trouble(self, home=b"a", agencies=AGENCY_KINDS[:4], named=b""):
        """Grave news from several agencies, all at once."""
        return [n for kind in agencies for n in self.happens(named + home + kind.encode(), home, agency=kind)]

    def spell(self, started_at, ended_at, home=b"a"):
        self.facts.profiles[home] = profile(spells=(Spell("in_need", started_at, ended_at),))
        return self.hear((home,))

    def ppm(self, at, home=b"a"):
        """The level, looked at without the watch."""
        return score(self.watch.model, read(self.facts, home), at).level_ppm

    def falls(self, line_ppm):
        """First hour at which the level is at or below a line."""
        return next(at for at in range(self.now, self.now + 900 * DAY_MS, DAY_MS // 24) if self.ppm(at) <= line_ppm)

    def until(self, count=1, days=500):
        """Ticks until so much is said."""
        said = []
        while len(said) < count and days > 0:
            said += self.pass_ms(DAY_MS)
            days -= 1
        return said


def live(*homes, **rules):
    town = Town(homes or (b"a",), **rules)
    assert town.open() == []
    return town


def alarmed(**rules):
    town = live(**rules)
    (raised,) = town.trouble()
    return town, raised


def spoken(notices):
    return [(n.direction, n.state) for n in notices]


RAISED, CLEARED, RETRACTED = (("escalate", state) for state in ("raised", "cleared", "retracted"))
STEPPED, STEP_OVER = (("step_down", state) for state in ("raised", "cleared"))


# Going live


def test_before_live_nothing_is_said():
    town = Town()
    assert town.trouble() == []
    assert town.pass_ms(90 * DAY_MS) == []
    assert town.watch.phase == "backfill"


def test_without_rules_nothing_goes_live():
    facts = Families()
    watch = Watch("p", KEY, Tables("p", SPECS), facts)
    watch.ready()
    watch.golive(T0)
    assert watch.phase == "backfill"


def test_rules_that_are_refused_leave_the_old_ones():
    town = live()
    why = town.watch.control(json.dumps(RULES | {"clear_ratio": 2}), 2, town.now)
    assert why == "clear_ratio must be from .05 to .95"
    town.watch = town.make()
    (raised,) = town.trouble()
    assert (raised.rule_version, raised.threshold_ppm) == (1, 250_000)


def test_what_is_high_at_the_opening_is_the_opening_caseload_and_no_part_of_the_budget():
    town = Town((b"a", b"b"))
    town.trouble()
    (notice,) = town.open()
    assert (notice.state, notice.household, notice.opening) == ("raised", b"a", True)
    assert town.watch.figures()["raised"] == 0
    (later,) = town.trouble(b"b")
    assert not later.opening
    assert town.watch.figures()["raised"] == 1


def test_going_live_twice_is_going_live_once():
    town = live()
    town.trouble()
    town.watch.golive(town.now)
    assert town.watch.phase == "live"
    assert town.pass_ms(DAY_MS) == []


# Raise


def test_a_raise_comes_with_the_event_that_reaches_the_line():
    town = live()
    for kind in AGENCY_KINDS[:4]:
        said = town.happens(kind.encode(), b"a", agency=kind)
        reached = town.ppm(town.now) >= 250_000
        assert spoken(said) == ([RAISED] if reached else [])
    assert reached


def test_a_raise_says_whom_it_is_about_who_answers_and_why():
    town, raised = alarmed()
    assert (raised.version, raised.household, raised.child, raised.records) == (1, b"a", b"a", (b"a", b"a2"))
    assert (raised.team, raised.raised_at, raised.changed_at) == ("mash", town.now, town.now)
    assert raised.committed_at == town.now + 7
    assert raised.score_ppm == town.ppm(town.now)
    assert (raised.threshold_ppm, raised.clears_at_ppm) == (250_000, CLEAR_PPM)
    assert raised.respond_by_at > town.now
    assert {"agencies", "base"} <= {part.family for part in raised.factors}


def test_a_raise_goes_to_the_team_of_the_child():
    town = live()
    town.facts.profiles[b"a"] = profile(allocation="duty-east")
    assert [n.team for n in town.trouble()] == ["duty-east"]


def test_a_raise_is_not_delayed_by_a_dead_feed_which_is_said():
    town = live()
    town.facts.alive_until, town.facts.late = T0 - 30 * DAY_MS, (("schools", 999),)
    (raised,) = town.trouble()
    assert spoken([raised]) == [RAISED]
    assert raised.behind == (("schools", 999),)


def test_an_alert_is_said_once_while_nothing_gets_worse():
    town, _ = alarmed()
    assert town.happens(b"small", b"a2", severity=1) == []
    assert town.pass_ms(20 * DAY_MS) == []


def test_an_alert_that_gets_much_worse_is_updated_even_while_it_is_snoozed_but_not_once_it_is_closed():
    for action, until, told in (("snooze", T0 + 60 * DAY_MS, ["updated"]), ("close", None, [])):
        town, raised = alarmed()
        response = {
            "alert_id": raised.alert_id,
            "team": "mash",
            "action": action,
            "until_at": until,
            "verdict": "none",
        }
        assert town.watch.respond(response, town.now) is None
        assert [n.state for n in town.happens(b"worse", b"a", agency="housing")] == told


def test_what_the_bucket_has_no_room_for_waits_and_rises_highest_first():
    homes = tuple(b"%c" % letter for letter in b"abcde")
    town = live(*homes, budget_per_1000_month=100)
    said = [n for home in homes[:3] for n in town.trouble(home)]
    assert len(said) == 3
    assert town.trouble(b"d") == []
    assert town.trouble(b"e", AGENCY_KINDS) == []
    assert (town.watch.figures()["queued"], town.watch.figures()["pending"]) == (2, 2)
    assert town.ppm(town.now, b"e") > town.ppm(town.now, b"d")
    later = town.until(1)
    assert [(n.state, n.household) for n in later] == [("raised", b"e")]
    assert town.watch.figures()["raised"] == 4


# Clear


def test_an_alert_clears_by_time_alone_after_its_dwell():
    town, raised = alarmed()
    ends = town.falls(CLEAR_PPM) + CLEAR_DWELL
    (cleared,) = town.until()
    assert spoken([cleared]) == [CLEARED]
    assert (cleared.alert_id, cleared.version, cleared.respond_by_at) == (raised.alert_id, 2, None)
    assert cleared.committed_at is None
    assert ends - DAY_MS // 24 <= cleared.changed_at <= ends + STEP_MS
    assert cleared.score_ppm <= CLEAR_PPM


def test_a_dead_feed_holds_a_clear_until_it_is_known_to_have_been_alive():
    town, _ = alarmed()
    ends = town.falls(CLEAR_PPM) + CLEAR_DWELL
    town.facts.alive_until = ends - DAY_MS
    assert town.pass_ms(ends - town.now + 60 * DAY_MS) == []
    town.facts.alive_until = ends + DAY_MS
    said = town.pass_ms(RECHECK_MS + STEP_MS)
    assert spoken(said) == [CLEARED]


def test_news_within_the_dwell_begins_it_anew():
    town, _ = alarmed()
    town.pass_ms(town.falls(CLEAR_PPM) + CLEAR_DWELL // 2 - town.now)
    assert town.happens(b"news", b"a") == []
    assert town.ppm(town.now) > CLEAR_PPM
    again = town.falls(CLEAR_PPM) + CLEAR_DWELL
    (cleared,) = town.until()
    assert cleared.state == "cleared"
    assert again - DAY_MS // 24 <= cleared.changed_at <= again + STEP_MS


def test_an_episode_that_opens_clears_the_alert_at_once():
    town, _ = alarmed()
    town.pass_ms(DAY_MS)
    assert spoken(town.spell(town.now, None)) == [CLEARED]


def test_between_two_raises_there_is_a_clear_and_two_ids():
    town, first = alarmed()
    town.until()
    (second,) = town.trouble(named=b"again")
    assert spoken(town.heard) == [RAISED, CLEARED, RAISED]
    assert second.alert_id != first.alert_id


# Step-down


def closed_case(**rules):
    """A spell that ended now, in a family that was calm."""
    town = live(**rules)
    town.spell(T0 - 99 * DAY_MS, None)
    town.pass_ms(DAY_MS)
    assert town.spell(T0 - 99 * DAY_MS, town.now) == []
    return town


def test_a_closed_case_that_stays_calm_is_stepped_down_once():
    town = closed_case()
    ends = town.now + LOW_DWELL
    said = town.pass_ms(200 * DAY_MS)
    assert spoken(said) == [STEPPED]
    assert ends <= said[0].changed_at <= ends + STEP_MS
    assert (said[0].threshold_ppm, said[0].clears_at_ppm) == (LOW_PPM, 0)


def test_a_calm_family_without_a_case_is_not_stepped_down():
    assert live().pass_ms(200 * DAY_MS) == []


def test_silence_of_a_dead_feed_is_not_calm():
    town = closed_case()
    ends = town.now + LOW_DWELL
    town.facts.alive_until = ends - 1
    assert town.pass_ms(60 * DAY_MS) == []
    town.facts.alive_until = ends
    assert spoken(town.pass_ms(RECHECK_MS + STEP_MS)) == [STEPPED]


def test_a_level_above_the_low_line_begins_the_calm_anew():
    town = closed_case()
    town.pass_ms(LOW_DWELL - DAY_MS)
    assert town.trouble(agencies=AGENCY_KINDS[:3]) == []
    assert LOW_PPM < town.ppm(town.now) < CLEAR_PPM
    again = town.falls(LOW_PPM) + LOW_DWELL
    (stepped,) = town.until()
    assert spoken([stepped]) == [STEPPED]
    assert again - DAY_MS // 24 <= stepped.changed_at <= again + STEP_MS


def test_a_raise_ends_a_step_down():
    town = closed_case()
    (stepped,) = town.until()
    said = town.trouble()
    assert sorted(spoken(said)) == sorted([STEP_OVER, RAISED])
    assert [n.alert_id for n in said if n.direction == "step_down"] == [stepped.alert_id]


def test_an_alert_that_cleared_is_stepped_down_when_its_risk_stayed_low():
    town, _ = alarmed()
    ends = town.falls(LOW_PPM) + LOW_DWELL
    cleared, stepped = town.until(2)
    assert spoken([cleared, stepped]) == [CLEARED, STEPPED]
    assert ends - DAY_MS // 24 <= stepped.changed_at <= ends + STEP_MS


# Corrections


def test_an_alert_is_retracted_when_what_it_stood_on_is_deleted():
    town, raised = alarmed()
    town.pass_ms(DAY_MS)
    (said,) = town.withdrawn(b"apolice")
    assert spoken([said]) == [RETRACTED]
    assert (said.alert_id, said.version, said.correction) == (raised.alert_id, 2, FACTS_CORRECTED)
    assert (said.changed_at, said.committed_at) == (town.now, town.now + 7)


def test_an_alert_stands_when_what_is_deleted_did_not_carry_it():
    town, _ = alarmed()
    town.happens(b"small", b"a", severity=1)
    assert town.withdrawn(b"small") == []
    assert town.pass_ms(DAY_MS) == []


def test_an_alert_stands_while_the_level_is_still_up_for_other_reasons():
    town, _ = alarmed()
    town.pass_ms(DAY_MS)
    town.trouble(named=b"again")
    town.heard.clear()
    for kind in AGENCY_KINDS[:4]:
        town.withdrawn(b"a" + kind.encode())
    assert RETRACTED not in spoken(town.heard)


def test_an_alert_that_rose_rightly_is_cleared_and_not_retracted():
    town, _ = alarmed()
    town.happens(b"small", b"a", severity=1)
    town.pass_ms(town.falls(CLEAR_PPM) + DAY_MS - town.now)
    assert town.withdrawn(b"small") == []
    assert spoken(town.until()) == [CLEARED]


def test_what_was_retracted_can_rise_again():
    town, first = alarmed()
    town.withdrawn(b"apolice")
    (second,) = town.trouble(named=b"again")
    assert spoken(town.heard) == [RAISED, RETRACTED, RAISED]
    assert second.alert_id != first.alert_id


def test_a_retracted_alert_arms_no_step_down():
    town, _ = alarmed()
    for kind in AGENCY_KINDS[:4]:
        town.withdrawn(b"a" + kind.encode())
    assert town.pass_ms(90 * DAY_MS) == []


def test_an_alert_whose_records_are_gone_is_retracted():
    town, raised = alarmed()
    town.facts.homes.clear()
    town.facts.kept.clear()
    (said,) = town.hear((b"a",), undone=True)
    assert (said.alert_id, said.state, said.correction) == (raised.alert_id, "retracted", RECORDS_GONE)
    assert (said.records, said.known_to) == ((b"a", b"a2"), ())


def moved(town, before, after):
    """Households change in the facts, then the watch is told."""
    for members in after:
        for record in members:
            town.facts.homes[record] = members[0]
    return town.take(town.watch.moved(before, after, town.now, town.now))


BEFORE, WHOLE = ((b"a", b"a2"), (b"b", b"b2")), ((b"a", b"a2", b"b", b"b2"),)


def two_alarmed(**rules):
    """Two households whose alerts stand: that of b is the older."""
    town = live(b"a", b"b", **rules)
    (older,) = town.trouble(b"b")
    town.pass_ms(DAY_MS)
    (newer,) = town.trouble(b"a")
    return town, older, newer


def answered(town, alert, action, until=None):
    response = {
        "alert_id": alert.alert_id,
        "team": alert.team,
        "action": action,
        "until_at": until,
        "verdict": "none",
    }
    assert town.watch.respond(response, town.now) is None


def test_of_two_alerts_that_become_one_one_is_updated_and_the_other_closed_as_merged():
    town, older, newer = two_alarmed()
    said = moved(town, BEFORE, WHOLE)
    assert [(n.alert_id, n.state, n.correction, n.household) for n in said] == [
        (newer.alert_id, "retracted", f"joined {older.alert_id}", b"a"),
        (older.alert_id, "updated", LINKS_CORRECTED, b"a"),
    ]
    assert said[1].records == WHOLE[0]
    assert said[1].score_ppm == town.ppm(town.now) > older.score_ppm
    assert town.pass_ms(5 * DAY_MS) == []


@pytest.mark.parametrize("days", [(20, 60), (60, 20), (60, None), (None, 60)])
def test_the_latest_snooze_holds_for_the_alert_that_goes_on(days):
    town, older, newer = two_alarmed()
    began = town.now
    for alert, for_days in zip((older, newer), days, strict=True):
        if for_days:
            answered(town, alert, "snooze", began + for_days * DAY_MS)
    said = moved(town, BEFORE, WHOLE)
    assert [(n.alert_id, n.state) for n in said] == [(newer.alert_id, "retracted"), (older.alert_id, "updated")]
    town.facts.record(b"c2", b"a")
    for at, told in ((began + 60 * DAY_MS - 1, []), (began + 60 * DAY_MS, ["updated"])):
        town.now = at
        assert [n.state for n in town.watch.touched((b"a",), at, at, False) if n.correction] == told


def test_an_alert_that_somebody_closed_opens_again_when_an_open_one_joins_it():
    for closed, states in (("older", ["retracted", "updated"]), ("newer", ["retracted", "updated"]),
                           ("both", ["retracted"])):  # fmt: skip
        town, older, newer = two_alarmed()
        for name, alert in (("older", older), ("newer", newer)):
            if closed in (name, "both"):
                answered(town, alert, "close")
        assert [n.state for n in moved(town, BEFORE, WHOLE)] == states


@pytest.mark.parametrize("raised", [b"a", b"b"])
@pytest.mark.parametrize("waits", [True, False])
def test_a_raised_household_goes_on_where_the_other_waits_for_room_or_is_calm(raised, waits):
    town = live(b"a", b"b", b"c", b"d", b"e", budget_per_1000_month=100)
    (_, _, alert) = [n for home in (b"c", b"d", raised) for n in town.trouble(home)]
    if waits:  # the bucket has room for three
        assert town.trouble(b"b" if raised == b"a" else b"a") == []
        assert town.watch.figures()["pending"] == 1
    said = moved(town, BEFORE, WHOLE)
    assert {(n.alert_id, n.state) for n in said} == {(alert.alert_id, "updated")}
    assert town.watch.figures()["pending"] == 0
    assert town.pass_ms(DAY_MS) == []


def wholly_alarmed():
    """One household of two children, with an alert about b alone."""
    town = live(b"a", b"b")
    moved(town, BEFORE, WHOLE)
    town.facts.profiles.pop(b"a")
    (raised,) = town.trouble(b"b")
    assert raised.child == b"b"
    return town, raised


def test_when_a_household_splits_the_alert_goes_with_the_child():
    town = live(b"a", b"b")
    moved(town, ((b"a", b"a2"), (b"b", b"b2")), ((b"a", b"a2", b"b", b"b2"),))
    for record in (b"b2", b"a", b"a2"):
        town.facts.profiles.pop(record, None)
    (raised,) = town.trouble(b"b")
    assert raised.child == b"b"
    said = moved(town, ((b"a", b"a2", b"b", b"b2"),), ((b"a", b"a2"), (b"b", b"b2")))
    assert [(n.alert_id, n.state, n.household, n.records, n.correction) for n in said] == [
        (raised.alert_id, "updated", b"b", (b"b", b"b2"), LINKS_CORRECTED)
    ]


@pytest.mark.parametrize(("action", "until"), [("close", None), ("snooze", T0 + 60 * DAY_MS)])
def test_other_records_behind_an_alert_that_is_closed_or_snoozed_are_no_news(action, until):
    town = live(b"a", b"b")
    (raised,) = town.trouble(b"a")
    response = {"alert_id": raised.alert_id, "team": "mash", "action": action, "until_at": until, "verdict": "none"}
    assert town.watch.respond(response, town.now) is None
    town.facts.profiles.pop(b"b")
    assert moved(town, ((b"a", b"a2"), (b"b", b"b2")), ((b"a", b"a2", b"b", b"b2"),)) == []


def test_a_split_that_takes_away_what_an_alert_stood_on_retracts_it():
    town = live(b"a", b"b")
    moved(town, ((b"a", b"a2"), (b"b", b"b2")), ((b"a", b"a2", b"b", b"b2"),))
    for place, kind in enumerate(AGENCY_KINDS[:4]):
        town.happens(kind.encode(), (b"a", b"b")[place % 2], agency=kind)
    (raised,) = town.heard
    said = moved(town, ((b"a", b"a2", b"b", b"b2"),), ((b"a", b"a2"), (b"b", b"b2")))
    assert [(n.alert_id, n.state, n.correction) for n in said] == [(raised.alert_id, "retracted", FACTS_CORRECTED)]


@pytest.mark.parametrize("action", ["snooze", "close"])
def test_a_split_narrows_also_what_is_snoozed_or_closed(action):
    """Nothing got worse, but the alert still names a family that it is not about."""
    town, raised = wholly_alarmed()
    answered(town, raised, action, town.now + 60 * DAY_MS if action == "snooze" else None)
    (said,) = moved(town, WHOLE, BEFORE)
    assert (said.alert_id, said.state, said.records) == (raised.alert_id, "updated", (b"b", b"b2"))
    assert (said.household, said.correction) == (b"b", LINKS_CORRECTED)


def test_a_split_narrows_a_step_down_too():
    town = closed_case()
    (stepped,) = town.until()
    town.facts.record(b"b", b"a", of=profile())
    assert [(n.alert_id, n.records) for n in moved(town, ((b"a", b"a2"), (b"b",)), ((b"a", b"a2", b"b"),))] == [
        (stepped.alert_id, (b"a", b"a2", b"b"))
    ]
    said = moved(town, ((b"a", b"a2", b"b"),), ((b"a", b"a2"), (b"b",)))
    assert [(n.alert_id, n.direction, n.state, n.records) for n in said] == [
        (stepped.alert_id, "step_down", "updated", (b"a", b"a2"))
    ]


def test_the_part_that_lost_the_alert_rises_by_its_own_reasons():
    town, raised = wholly_alarmed()
    town.facts.profiles[b"a"] = profile()
    assert RAISED not in spoken(town.trouble(b"a")), "one alert stands for the household"
    said = moved(town, WHOLE, BEFORE)
    assert {(n.household, n.state) for n in said} == {(b"a", "raised"), (b"b", "updated")}
    assert next(n for n in said if n.household == b"a").alert_id != raised.alert_id


# Beside alerts


def test_a_score_can_be_asked_for_with_its_reasons():
    town, raised = alarmed()
    assert town.watch.score_ppm(b"a", town.now) == raised.score_ppm
    assert town.watch.reasons(b"a", town.now) == (raised.model, raised.factors)
    assert town.watch.score_ppm(b"nobody", town.now) is None


@pytest.mark.parametrize("cut", [1, 40, 160])
def test_a_watch_made_anew_from_its_tables_goes_on_the_same(cut):
    whole, broken = alarmed()[0], alarmed()[0]
    for town in (whole, broken):
        town.pass_ms(cut * DAY_MS)
        if town is broken:
            town.watch = town.make()
        town.until(2)
    assert len(whole.heard) == 3
    assert broken.heard == whole.heard


# Several outcomes


def test_an_answer_is_kept_with_the_household_also_after_the_alert_is_over():
    town = live()
    town.awake = False
    (raised,) = town.trouble()
    assert town.tables["watches"][b"a"].answered == ()
    town.pass_ms(DAY_MS)
    answered(town, raised, "dispute_score")
    assert town.tables["watches"][b"a"].answered == ()
    answered(town, raised, "acknowledge")
    first = town.now
    assert town.tables["watches"][b"a"].answered == (first,)
    assert spoken(town.until()) == [CLEARED]
    answered(town, raised, "close")
    assert town.tables["watches"][b"a"].answered == (first, town.now)
    assert town.watch._keeper.seen(b"a2").answered == (first, town.now)
