"""What came of alerts: each rule of the counting on alerts and outcomes set by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.alerting.bygroup import MEASURES, by_group
from streams.alerting.notice import Alert, Notice
from streams.alerting.reckoning import WEEK_MS, Family, Trial, Window, answered, families, reckon, with_outcome
from streams.insights.suppress import ROUND_TO, SMALL_MAX, VALUES_MIN, cells, rounded
from tests.unit.streams.risk.families import DAY_MS, T0, Families, event, profile

WEEKS = 52
SPAN = Window(T0, T0 + WEEKS * WEEK_MS, 180 * DAY_MS, 70 * DAY_MS)
LATE = SPAN.until - 30 * DAY_MS  # an alert so late is not settled


def notice(at, home=b"h", state="raised", direction="escalate", opening=False, raised_at=None, child=b"c"):
    return Notice(
        alert_id="", version=1, state=state, direction=direction, team="mash", rule="", rule_version=1, household=home,
        child=child, records=(home,), known_to=(), raised_at=at if raised_at is None else raised_at, changed_at=at,
        committed_at=None, score_ppm=0, threshold_ppm=0, horizon_days=180, model="", opening=opening, factors=(),
        behind=(), clears_at_ppm=0, respond_by_at=None, correction="",
    )  # fmt: skip


def judged(*notices, onsets=(), **others):
    homes = {b"h": Family({b"c": "A", b"s": "B"}, tuple((at, b"c") for at in onsets)), **others}
    return reckon(Trial(notices, (1, 2), ("1/rule", "2/all"), 3), homes, SPAN)


def test_an_alert_is_true_from_just_after_it_to_the_end_of_the_horizon():
    at = T0 + DAY_MS
    for onset, true in ((at, 0), (at + 1, 1), (at + SPAN.horizon_ms, 1), (at + SPAN.horizon_ms + 1, 0)):
        column = judged(notice(at), onsets=[onset]).column
        assert (column.known, column.true, column.precision) == (1, true, float(true)), onset
        assert column.early_days == (round((onset - at) / DAY_MS, 1) if true else None)


def test_an_outcome_of_a_brother_makes_the_familys_alert_true():
    homes = {b"h": Family({b"c": "A", b"s": "B"}, ((T0 + 9 * DAY_MS, b"s"),))}
    assert reckon(Trial((notice(T0 + 1, child=b"c"),), (0, 0), ("", ""), 0), homes, SPAN).column.true == 1


def test_what_is_not_settled_is_neither_true_nor_false():
    last = SPAN.until - SPAN.horizon_ms - SPAN.grace_ms
    assert judged(notice(last)).column.known == 1
    column = judged(notice(last + 1), notice(LATE), onsets=[LATE + DAY_MS]).column
    assert (column.known, column.true, column.precision, column.early_days) == (0, 0, None, None)
    assert column.not_yet_known == 2
    assert column.not_yet_known_true == 1 + (LATE + DAY_MS <= last + 1 + SPAN.horizon_ms)


def test_the_opening_caseload_is_apart_but_catches():
    column = judged(notice(T0, opening=True), onsets=[T0 + DAY_MS]).column
    assert (column.opening, sum(column.alerts), column.known, column.caught) == (1, 0, 0, 1)


def test_alerts_fall_into_their_weeks_and_the_last_moment_into_the_last():
    column = judged(
        notice(T0 + 1), notice(T0 + WEEK_MS), notice(SPAN.until), notice(T0 + 1, direction="step_down")
    ).column
    assert [week for week, count in enumerate(column.alerts) for _ in range(count)] == [0, 1, WEEKS - 1]
    assert (len(column.alerts), sum(column.step_downs)) == (WEEKS, 1)
    assert column.per_1000_month == round(3 / 2 * 1000 / (WEEKS * 7 / (365 / 12)), 3)


def test_raised_again_counts_from_the_end_of_the_households_last_alert():
    def again(*notices):
        return judged(*notices).column.raised_again

    first, end = notice(T0 + DAY_MS), notice(T0 + 20 * DAY_MS, state="cleared", raised_at=T0 + DAY_MS)
    assert again(first, end, notice(T0 + 50 * DAY_MS - 1)) == 1
    assert again(first, end, notice(T0 + 50 * DAY_MS)) == 0
    assert again(first, notice(T0 + 21 * DAY_MS)) == 0
    step_over = notice(T0 + 20 * DAY_MS, state="cleared", direction="step_down")
    assert again(first, step_over, notice(T0 + 21 * DAY_MS)) == 0


def test_a_family_is_caught_once_however_often_it_was_told_of():
    onsets = [T0 + 100 * DAY_MS, T0 + 110 * DAY_MS]
    both = judged(notice(T0 + 1), notice(T0 + 50 * DAY_MS), onsets=onsets)
    assert (both.column.caught, both.caught) == (1, {b"h"})
    assert judged(notice(onsets[1]), onsets=onsets).column.caught == 0
    assert judged(notice(T0 + 1), onsets=[T0 - 1]).column.caught == 0


def test_a_step_down_is_calm_without_an_outcome():
    early, late = notice(T0 + 1, direction="step_down"), notice(LATE, direction="step_down")
    assert (judged(early, late).column.step_downs_known, judged(early, late).column.step_downs_calm) == (1, 1)
    assert judged(early, onsets=[T0 + DAY_MS]).column.step_downs_calm == 0


def test_families_are_those_with_children_and_outcomes_up_to_the_end():
    facts = Families()
    facts.record(b"a", b"a", of=profile())
    facts.record(b"b", b"b")
    for key, at in ((b"1", SPAN.until), (b"2", SPAN.until + 1), (b"3", T0)):
        facts.kept[key] = event(b"a", at, outcome="need_or_plan")
    found = families(facts, SPAN.until)
    assert found == {b"a": Family({b"a": ""}, ((T0, b"a"), (SPAN.until, b"a")))}
    assert with_outcome(found, SPAN) == {b"a": ""}
    assert with_outcome({b"a": Family({b"a": ""}, ((T0, b"a"),))}, SPAN) == {}


def test_answered_alerts_are_counted_with_the_outcomes_that_followed_all_the_same():
    facts = Families()
    facts.record(b"a", b"a", of=profile())
    known = {b"a": Family({b"a": ""}, ((T0 + 10 * DAY_MS, b"a"),))}

    def alert(at, seen=0, direction="escalate", records=(b"a", b"gone")):
        return Alert(direction, 1, False, "mash", b"a", b"a", records, at, 0, 1, False, None, seen)

    sent = [alert(T0), alert(T0 + 1), alert(T0 + 1, seen=T0 + 2), alert(T0 + 20 * DAY_MS, seen=T0 + 21 * DAY_MS),
            alert(T0 + 1, seen=T0 + 2, direction="step_down"), alert(T0 + 1, seen=T0 + 2, records=(b"gone",))]  # fmt: skip
    assert answered(sent, facts, known, SPAN) == (4, 3, 1)


@given(st.lists(st.one_of(st.integers(0, 12), st.integers(0, 300)), min_size=1, max_size=5))
def test_no_withheld_count_of_a_group_can_be_computed_from_what_is_shown_and_the_exact_total(counts):
    shown = cells(counts)
    assert all(value is None or value == rounded(count) for count, value in zip(counts, shown, strict=True))
    assert all(value is None for count, value in zip(counts, shown, strict=True) if 1 <= count <= SMALL_MAX)
    hidden = [count for count, value in zip(counts, shown, strict=True) if value is None]
    if not hidden or len(hidden) == len(counts):
        return
    assert len(hidden) > 1
    fits = [{0} if value == 0 else {n for n in range(value - ROUND_TO, value + ROUND_TO) if n > SMALL_MAX and rounded(n) == value}
            for value in shown if value is not None]  # fmt: skip
    sums = {0}
    for values in fits:
        sums = {a + b for a in sums for b in values}
    left = {sum(counts) - one for one in sums} - {n for n in range(len(hidden))}
    assert max(left) - (len(hidden) - 1) >= VALUES_MIN


def test_a_group_of_few_children_is_withheld_in_every_column_and_not_alone():
    homes, said = {}, []
    for number in range(60):
        group = "A" if number < 30 else "B" if number < 55 else "C"
        key = b"%03d" % number
        homes[key] = Family({key: group}, ((T0 + 40 * DAY_MS, key),) if number % 2 else ())
        said.append(notice(T0 + DAY_MS, home=key, child=key))
    one = reckon(Trial(tuple(said), (0, 0), ("", ""), 0), homes, SPAN)
    lines = {line.group: line for line in by_group(homes, SPAN, (one, one))}
    assert lines["A"].children == rounded(30)
    for group in ("B", "C"):
        assert (lines[group].children, lines[group].outcomes) == (None, None)
        assert all(getattr(lines[group], name) == (None, None) for name in MEASURES)
    assert lines["A"].true == (15, 15)


def test_without_recorded_groups_there_are_no_lines():
    homes = {b"h": Family({b"c": ""}, ())}
    one = reckon(Trial((), (0, 0), ("", ""), 0), homes, SPAN)
    assert by_group(homes, SPAN, (one, one)) == ()
