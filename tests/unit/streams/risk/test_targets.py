"""Targets side by side: what each learns, what somebody acted on, what goes, and the same rows after any recovery."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.alerting.rows import SPECS
from streams.risk import learn, study, targets
from streams.risk.contribution import Spell
from streams.risk.examples import GAP_MS, Moment, calibrates, key
from streams.risk.features import MICRO, sums, vector, with_age
from streams.risk.household import Household, read
from streams.risk.model import COUNTING_RULE, logit, ppm
from streams.risk.outcomes import ALERTING, Target
from streams.risk.quality import Acted
from streams.risk.study import EVENTS, TICKS, Scholar, Seen
from streams.risk.targets import FEW, Targets
from streams.state import Tables
from tests.unit.streams.risk.families import DAY_MS, T0, Families, event, profile

NEED, HELP, PLAN = Target(ALERTING), Target("early_help"), Target("protection_plan", 90, 30, 0)
LABEL_AT, LONG_AT = (NEED.label_days + NEED.grace_days) * DAY_MS, (NEED.horizon_days + NEED.grace_days) * DAY_MS
HOMES = [b"h%d" % number for number in range(6)]


class Town:
    """Households of one child; every other one in need, for whom early help can begin."""

    def __init__(self, *also: Target) -> None:
        self.facts, self.tables, self.answers = Families(), Tables("p", SPECS), dict[bytes, tuple[int, ...]]()
        self.also = also
        for number, home in enumerate(HOMES):
            need = (Spell("in_need", T0 - 400 * DAY_MS, None),) if number % 2 else ()
            self.facts.record(home, home, of=profile(spells=need))
            self.facts.kept[home] = event(home, T0 - number * DAY_MS)
        self.targets = self.made()

    def made(self) -> Targets:
        made = Targets(self.tables)
        made.configure(NEED, self.also, "")
        return made

    def recovered(self) -> None:
        tables = Tables("p", SPECS)
        for _, number, row, packed in self.tables.rows():
            assert packed is not None
            tables.load(number, row, packed)
        tables.loaded()
        self.tables = tables
        self.targets = self.made()

    def known(self, home: bytes) -> Household:
        return read(self.facts, home)

    def look(self, record: bytes) -> Seen:
        return Seen(self.known(record), self.answers.get(record, ()))

    def moment(self, home: bytes, at: int, weight: int = 1, *, tick: bool = False) -> Moment:
        known = self.known(home)
        return Moment(home, known, vector(sums(known.contributions, at), len(known.children)), at, weight, tick)

    def resolve(self, now: int) -> None:
        self.targets.drop()
        self.targets.resolve(now, self.look)
        self.targets.flush()

    def rows(self) -> list[Any]:
        return [(number, row, bytes(packed or b"")) for _, number, row, packed in self.tables.rows()]


def kept_at(home: bytes) -> int:
    """A moment of the home's whose example is kept for the long label."""
    return next(at for at in range(T0, T0 + 99) if calibrates(key(home, at)))


def test_an_example_stands_for_those_who_are_subjects_and_each_target_has_its_own() -> None:
    town = Town(HELP)
    for home in HOMES:
        town.targets.sample(town.moment(home, T0), (0, 0))
    rows = {one.target: [row[4 + 8 :] for row in town.tables["examples"] if row[:4] == one.key] for one in
            town.targets.all}  # fmt: skip
    assert sorted(rows[NEED]) == HOMES[::2]
    assert sorted(rows[HELP]) == HOMES[1::2]


def test_neither_alerts_nor_others_hold_up_each_others_examples() -> None:
    town = Town(HELP)
    for home in HOMES[:2]:  # not in need, in need
        taken = town.targets.sample(town.moment(home, T0), (0, 0))
        assert taken == ((T0, 0) if home == HOMES[0] else (0, T0))
        assert town.targets.is_due(T0 + GAP_MS - 1, taken)
        assert town.targets.sample(town.moment(home, T0 + GAP_MS - 1), taken) == taken
        again = T0 + GAP_MS
        assert town.targets.sample(town.moment(home, again), taken) == tuple(at and again for at in taken)
    alone = Town()
    assert not alone.targets.is_due(T0 + 1, (T0, 0))


def acted_town(onset: int | None, answered: tuple[int, ...], *, tick: bool = False) -> Scholar:
    town, home = Town(), HOMES[0]
    at = kept_at(home)
    town.targets.alerting.take(town.moment(home, at, tick=tick))
    if onset is not None:
        town.facts.kept[b"o"] = event(home, at + onset, outcome="need_or_plan")
    town.answers[home] = tuple(at + one for one in answered)
    town.resolve(at + LONG_AT - 1)
    town.resolve(at + LONG_AT)
    assert not town.tables["examples"]
    return town.targets.alerting


@pytest.mark.parametrize(
    ("onset", "answered", "short", "long"),
    [
        (None, (), False, False),
        (None, (0,), False, False),
        (None, (1,), True, True),
        (None, (60,), True, True),
        (None, (61,), False, True),
        (None, (180,), False, True),
        (None, (181,), False, False),
        (20, (19,), True, True),
        (20, (20, 30), False, False),
        (100, (70,), False, True),
        (200, (181, 190), False, False),
    ],
)
@pytest.mark.parametrize("tick", [False, True])
def test_what_somebody_acted_on_before_it_came_is_neither_learned_nor_calibrated_on(
    onset: int | None, answered: tuple[int, ...], short: bool, long: bool, tick: bool
) -> None:
    days = tuple(one * DAY_MS for one in answered)
    one = acted_town(None if onset is None else onset * DAY_MS, days, tick=tick)
    study_ = one.study
    assert (one.learned.examples, study_.unlearned) == ((0, 1) if short else (1, 0))
    ring = study_.ticks if tick else study_.resolved
    positive = onset is not None and onset <= 180
    acted = study_.acted[TICKS if tick else EVENTS]
    if long:
        assert ring == 0
        x = with_age(Town().moment(HOMES[0], kept_at(HOMES[0])).x, 1)
        assert acted == Acted(1, positive, ppm(logit(COUNTING_RULE, x)))
    else:
        assert ring == 1
        assert acted == Acted()
        (row,) = one._ring(TICKS if tick else EVENTS)
        assert row.positive == positive
        assert row.z == logit(COUNTING_RULE, row.x)
    assert study_.acted[EVENTS if tick else TICKS] == Acted()


def test_figures_rest_on_nothing_that_was_not_published() -> None:
    town, home = Town(), HOMES[0]
    at = kept_at(home)
    town.targets.alerting.study_past(town.moment(home, at), at + LONG_AT)
    town.targets.alerting.publish(at + LONG_AT, None)
    one = town.targets.alerting
    assert one.study.resolved == 1
    assert one.figures is not None
    assert one.figures.events.n == 0


def test_an_outcome_that_was_seen_too_seldom_is_not_said() -> None:
    town = Town(HELP)
    home = HOMES[1]
    (need, aid) = town.targets.foresee(town.known(home), town.moment(home, T0).x, T0)
    assert (need.outcome, need.stage, need.ppm, need.people) == (ALERTING, FEW, None, ())
    assert (aid.outcome, aid.horizon_days, aid.stage, aid.ppm, aid.people) == ("early_help", 180, FEW, None, ())


def seen_often(town: Town, positives: int) -> None:
    """Examples of one home, some followed by early help."""
    home, at = HOMES[1], T0
    started = T0 + 5 * 365 * DAY_MS
    told = 0
    while told < positives + 450:
        at += 1
        if not calibrates(key(home, at)):
            continue
        told += 1
        spells = (Spell("in_need", T0 - DAY_MS, None),)
        if told <= positives:
            spells += (Spell("early_help", at + DAY_MS, None),)
        town.facts.profiles[home] = profile(spells=spells)
        town.targets.others[0].study_past(town.moment(home, at), started)
    town.facts.profiles[home] = profile(spells=(Spell("in_need", T0 - DAY_MS, None),))
    town.targets.publish_one(started, 28 * DAY_MS)


@pytest.mark.parametrize("positives", [learn.POSITIVES_FIT - 1, learn.POSITIVES_FIT])
def test_one_seen_often_enough_is_said_calibrated_for_each_subject(positives: int) -> None:
    town = Town(HELP)
    seen_often(town, positives)
    one = town.targets.others[0]
    assert one.study.resolved == positives + 450
    said = town.targets.foresee(town.known(HOMES[1]), town.moment(HOMES[1], T0).x, T0)[1]
    if positives < learn.POSITIVES_FIT:
        assert (said.stage, said.ppm) == (FEW, None)
        return
    assert one.model.name == "1/rule"
    x = with_age(town.moment(HOMES[1], T0).x, 1)
    assert [(child.person, child.ppm) for child in said.people] == [(HOMES[1], ppm(logit(one.model, x)))]
    assert said.ppm == said.people[0].ppm
    assert said.ppm == pytest.approx(MICRO * positives / (positives + 450), rel=0.15)
    nobody = town.targets.foresee(town.known(HOMES[0]), x, T0)[1]  # not in need: no subject
    assert (nobody.stage, nobody.ppm, nobody.people) == ("rule", None, ())


def test_one_other_target_is_published_a_message_each_in_its_time() -> None:
    town, every = Town(HELP, PLAN), 28 * DAY_MS
    made = []
    for now in (T0, T0 + 1, T0 + 2, T0 + every, T0 + every + 1):
        town.targets.publish_one(now, every)
        made.append([one.model.version for one in town.targets.all])
    assert made == [[0, 1, 0], [0, 1, 1], [0, 1, 1], [0, 2, 1], [0, 2, 2]]


def test_a_target_no_longer_asked_for_goes_bit_by_bit_and_what_it_learned_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(targets, "DROP_PER_CALL", 2)
    town = Town(HELP)
    for home in HOMES:
        for turn in range(3):
            town.targets.sample(town.moment(home, T0 + turn * GAP_MS), (0, 0))
    town.targets.publish_one(T0, 1)
    ours = {row for row in town.tables["examples"] if row[:4] == NEED.key}
    gone = len(town.tables["examples"]) - len(ours)
    assert gone == 9
    town.also = ()
    town.targets.change(NEED, ())
    town.targets.configure(NEED, (), "")
    for name in targets.LIGHT:
        assert HELP.key not in town.tables[name], name
    left = []
    while len(town.tables["examples"]) > len(ours):
        town.targets.drop()
        left.append(len(town.tables["examples"]) - len(ours))
        town.recovered()
    assert left == [7, 5, 3, 1, 0]
    assert set(town.tables["examples"]) == ours


def test_another_horizon_keeps_the_weights_that_alerts_rest_on_and_begins_its_labels_anew() -> None:
    town = Town()
    at = kept_at(HOMES[0])
    town.targets.alerting.study_past(town.moment(HOMES[0], at), at + LONG_AT)
    town.targets.alerting.publish(at + LONG_AT, None)
    before = town.targets.alerting
    learned, model = before.learned, before.model
    longer = msgspec.structs.replace(NEED, horizon_days=365)
    town.targets.change(longer, ())
    town.targets.configure(longer, (), "")
    town.resolve(at + LONG_AT)
    after = town.targets.alerting
    assert (after.key, after.learned, after.model) == (longer.key, learned, model)
    assert (after.study.resolved, after.figures) == (0, None)
    assert {row[:4] for name in (*targets.LIGHT, "calibration") for row in town.tables[name]} <= {longer.key}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, len(HOMES) - 1), st.booleans()), max_size=16),
    st.sets(st.integers(0, 15)),
)
def test_a_recovery_anywhere_changes_no_row_also_where_rows_were_replaced(
    steps: list[tuple[int, int, bool]], cuts: set[int]
) -> None:
    """An example at an event and one at a tick of one moment have one row: the later replaces the earlier."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "RESOLVE_PER_CALL", 1)
        whole, cut = Town(HELP, PLAN), Town(HELP, PLAN)
        now = T0
        for number, (days, home, twice) in enumerate(steps):
            now += days * DAY_MS
            if number in cuts:
                cut.recovered()
            for town in (whole, cut):
                town.targets.sample(town.moment(HOMES[home], now), (0, 0))
                if twice:
                    town.targets.sample_tick(town.moment(HOMES[home], now, tick=True))
                town.resolve(now)
            assert whole.rows() == cut.rows()
        for turn in range(20):
            if turn % 3 == 0:
                cut.recovered()
            for town in (whole, cut):
                town.resolve(now + LABEL_AT + turn)
            assert whole.rows() == cut.rows()
