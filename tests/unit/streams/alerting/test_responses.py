import msgspec
import pytest

from schemas.control import SNOOZE_MAX_MS
from streams.alerting.notice import Alert
from streams.alerting.responses import ANSWERS, DISPUTES, answer
from streams.risk.features import DAY_MS
from tests.unit.streams.risk.families import T0

RAISED = Alert("escalate", 1, False, "mash", b"h", b"c", (b"h",), T0, 200_000, 1, False, T0 + DAY_MS)


def response(action, until=None, *, team="mash", alert="e", verdict="none"):
    return {
        "response_id": bytes(16), "partnership": "p", "agency": "council", "team": team, "user": "u",
        "action": action, "alert_id": alert, "records": [], "until_at": until, "verdict": verdict, "decided_at": T0,
    }  # fmt: skip


def answered(action, until=None, *, was=RAISED, now=T0 + 5, **about):
    """Why it was refused, and the alert after it."""
    alerts = {"e": was}
    why = answer(alerts, response(action, until, **about), now)
    assert set(alerts) == {"e"}
    return why, alerts["e"]


def changed(**fields):
    return msgspec.structs.replace(RAISED, answered_at=T0 + 5, **fields)


@pytest.mark.parametrize("action", ["acknowledge", "assign", "act"])
def test_who_takes_it_on_has_answered_and_silences_nothing(action):
    assert answered(action) == (None, changed())


def test_a_verdict_is_kept_until_there_is_another():
    _, judged = answered("act", verdict="true_positive")
    assert judged == changed(verdict="true_positive")
    assert answered("acknowledge", was=judged) == (None, judged)
    assert answered("close", was=judged, verdict="false_positive") == (
        None, changed(closed=True, verdict="false_positive"),
    )  # fmt: skip


def test_who_closes_it_has_answered_and_it_has_not_ended():
    why, alert = answered("close")
    assert (why, alert) == (None, changed(closed=True))
    assert not alert.ended


@pytest.mark.parametrize("until", [T0 + 6, T0 + 5 + SNOOZE_MAX_MS])
def test_a_snooze_lasts_up_to_a_quarter(until):
    assert answered("snooze", until) == (None, changed(snoozed_until=until))


@pytest.mark.parametrize("until", [None, 0, T0, T0 + 5, T0 + 5 + SNOOZE_MAX_MS + 1])
def test_a_snooze_into_the_past_or_beyond_a_quarter_is_refused(until):
    assert answered("snooze", until) == ("bad_until", RAISED)


def test_only_a_snooze_is_until():
    assert answered("acknowledge", T0 + DAY_MS) == (None, changed())


@pytest.mark.parametrize("second", sorted(ANSWERS))
def test_the_first_answer_is_when_it_was_answered(second):
    _, first = answered("acknowledge")
    _, alert = answered(second, T0 + 2 * DAY_MS, was=first, now=T0 + DAY_MS)
    assert alert.answered_at == T0 + 5


@pytest.mark.parametrize("second", sorted(ANSWERS))
def test_what_was_closed_stays_closed(second):
    _, first = answered("close")
    _, alert = answered(second, T0 + DAY_MS, was=first)
    assert alert.closed


def test_a_snooze_may_be_made_shorter():
    _, first = answered("snooze", T0 + 9 * DAY_MS)
    assert answered("snooze", T0 + DAY_MS, was=first)[1].snoozed_until == T0 + DAY_MS


def test_an_alert_that_has_ended_can_still_be_answered():
    ended = msgspec.structs.replace(RAISED, ended=True)
    assert answered("close", was=ended) == (None, changed(ended=True, closed=True))


@pytest.mark.parametrize("action", sorted(ANSWERS))
def test_an_alert_that_is_not_known_has_no_answer(action):
    assert answered(action, T0 + DAY_MS, alert="another") == ("unknown_alert", RAISED)


@pytest.mark.parametrize("action", sorted(ANSWERS | DISPUTES))
def test_another_team_cannot_answer(action):
    assert answered(action, T0 + DAY_MS, team="duty-east") == ("wrong_team", RAISED)


@pytest.mark.parametrize("action", sorted(DISPUTES))
def test_a_dispute_changes_nothing_by_itself(action):
    assert answered(action) == (None, RAISED)


@pytest.mark.parametrize("second", sorted(ANSWERS - {"snooze"}))
def test_only_who_takes_it_up_again_ends_a_snooze(second):
    _, first = answered("snooze", T0 + 9 * DAY_MS)
    until = 0 if second == "acknowledge" else T0 + 9 * DAY_MS
    assert answered(second, was=first)[1].snoozed_until == until


def test_who_has_it_out_of_hours_only_does_not_wake_it():
    _, first = answered("snooze", T0 + 9 * DAY_MS, was=msgspec.structs.replace(RAISED, copied_to="night"))
    assert answered("acknowledge", team="night", was=first)[1].snoozed_until == T0 + 9 * DAY_MS


@pytest.mark.parametrize("action", ["must_link", "cannot_link", "", "delete"])
def test_what_is_no_answer_to_an_alert_is_refused(action):
    assert answered(action) == ("bad_action", RAISED)
