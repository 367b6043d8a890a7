"""Other rules over the partnership's own history, beside the rules of today.

Decides how a stretch of kept history is run again: twice through the same `Watch` that is live, in tables that are
thrown away, once under each set of rules. Decides too when there is not enough of it. What was said is judged in
reckoning.py; what could be seen at each moment is hindsight.py's. Same state, same answer, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple

import msgspec

from streams.alerting import reckoning
from streams.alerting.bygroup import Group, by_group
from streams.alerting.hindsight import ASSUMES, EVENT, Hindsight
from streams.alerting.notice import Alert, Notice
from streams.alerting.reckoning import WEEK_MS, Column, Trial, Window
from streams.alerting.rows import SPECS
from streams.alerting.rules import Refused, Rules, parse_rules
from streams.alerting.watch import Watch
from streams.risk.features import DAY_MS
from streams.risk.golive import WARM_MS, Cursor
from streams.risk.household import Facts
from streams.risk.model import Model
from streams.risk.study import ONLY

TICK_MS: Final = 3_600_000  # what time alone changes is found to the hour
WEEKS: Final = 52  # every season once
WEEKS_MIN: Final = 4
KEY: Final = bytes(16)  # of alert ids that nobody sees

Weights = Literal["then", "now"]
"""then: learned within the run, from what came before the window. now: those in force today, which have seen it."""


class NotPossible(ValueError):
    """There is nothing to run; the message says what was expected and found."""


class State(NamedTuple):
    """What is taken of a partnership's state.

    Attributes:
        facts: As they are known now.
        now: Newest moment of the partnership's time (ms).
        phase: Of the watch.
        rules: Body of the rules in force, or empty.
        model: Weights in force.
        alerts: Alerts that really were raised.
    """

    facts: Facts
    now: int
    phase: str
    rules: str
    model: Model
    alerts: Iterable[Alert]


class Comparison(msgspec.Struct, frozen=True):
    """Changed rules beside today's, over the same history.

    Attributes:
        start_at, until_at: The window (ms since 1970-01-01 UTC).
        weeks: Its length.
        asked_weeks: The length that was asked for.
        weights: As in `Weights`.
        changes: (field, today, changed) of each rule that differs, as JSON.
        horizon_days, grace_days: By which both are judged: today's.
        children: Children now.
        today, changed: The two.
        outcomes: Families with an outcome in the window.
        only_today: Of these, caught by today's rules alone.
        only_changed: And by the changed ones alone.
        sent, answered, answered_outcomes: Alerts that people were really sent in the window, those that someone
            answered, and after how many of these an outcome still followed.
        groups: By coded group.
        assumes: What a reader has to be told.
    """

    start_at: int
    until_at: int
    weeks: int
    asked_weeks: int
    weights: Weights
    changes: tuple[tuple[str, str, str], ...]
    horizon_days: int
    grace_days: int
    children: int
    today: Column
    changed: Column
    outcomes: int
    only_today: int
    only_changed: int
    sent: int
    answered: int
    answered_outcomes: int
    groups: tuple[Group, ...]
    assumes: tuple[str, ...] = ASSUMES


class Held(dict[bytes, Any]):
    """A table that stays as it is: what is learned or published in a run under given weights goes nowhere."""

    def __setitem__(self, key: bytes, value: Any) -> None:
        """Not taken."""


def compare(state: State, body: str, weeks: int = WEEKS, weights: Weights = "then") -> Comparison:
    """Run both sets of rules and judge them.

    Args:
        state: The partnership.
        body: The changed rules, whole.
        weeks: Length of the window; shorter where history is.
        weights: What scores are made of.

    Raises:
        NotPossible: There are no rules, it is not live, or history is too short.
        Refused: The control `rules` would be refused with this body, for the reason given.
    """
    today = _in_force(state)
    changed = parse_rules(body)
    span = window(state, today, weeks)
    known = reckoning.families(Hindsight(state.facts, span.until, span.until), span.until)
    if not known:
        raise NotPossible("expected households with children, found none")
    model = state.model if weights == "now" else None
    before, after = (
        reckoning.reckon(trial(state.facts, span, text, model), known, span) for text in (state.rules, body)
    )
    sent, answered, followed = reckoning.answered(state.alerts, state.facts, known, span)
    return Comparison(
        start_at=span.start,
        until_at=span.until,
        weeks=span.weeks,
        asked_weeks=weeks,
        weights=weights,
        changes=_changes(today, changed),
        horizon_days=today.horizon_days,
        grace_days=today.grace_days,
        children=sum(len(family.groups) for family in known.values()),
        today=before.column,
        changed=after.column,
        outcomes=len(reckoning.with_outcome(known, span)),
        only_today=len(before.caught - after.caught),
        only_changed=len(after.caught - before.caught),
        sent=sent,
        answered=answered,
        answered_outcomes=followed,
        groups=by_group(known, span, (before, after)),
    )


def _in_force(state: State) -> Rules:
    if not state.rules:
        raise NotPossible("expected rules in force, found none: a control sets them")
    if state.phase != "live":
        raise NotPossible(f"expected a partnership that is live, found one in {state.phase}")
    return parse_rules(state.rules)


def window(state: State, rules: Rules, weeks: int) -> Window:
    """The last weeks of history, as many as asked for and there are after `WARM_MS`.

    Raises:
        NotPossible: Fewer than `WEEKS_MIN`.
    """
    if weeks < WEEKS_MIN:
        raise NotPossible(f"expected at least {WEEKS_MIN} weeks, got {weeks}")
    times = sorted(one.occurred_at for one in state.facts.events().values())
    first = times[len(times) // 100] if times else state.now  # a stray old date is no history
    there = (state.now - first - WARM_MS) // WEEK_MS
    if there < WEEKS_MIN:
        expected = WARM_MS // WEEK_MS + WEEKS_MIN + 1
        raise NotPossible(f"expected at least {expected} weeks of history, found {(state.now - first) // WEEK_MS}")
    start = state.now - min(weeks, there) * WEEK_MS
    return Window(start, state.now, rules.horizon_days * DAY_MS, rules.grace_days * DAY_MS)


def trial(known: Facts, span: Window, body: str, model: Model | None = None) -> Trial:
    """Go live at the start of the window, and live to its end.

    Args:
        known: Facts as they are known now.
        span: The window.
        body: Rules.
        model: Weights that stay; None: learned from what came before the window and on, as a live system does.

    Raises:
        Refused: The rules cannot take effect.
    """
    facts = Hindsight(known, span.start, span.until)
    rules = msgspec.structs.replace(parse_rules(body), also=())  # no alert rests on them
    watch = Watch("", KEY, _tables(span, rules, model), facts)
    watch.ready()
    if refused := watch.control(msgspec.json.encode(rules).decode(), 1, span.start):
        raise Refused(refused)
    said: list[Notice] = []
    watch.golive(span.start)
    while watch.phase != "live":
        said += watch.advance(span.start)
    line, name = watch.figures()["raise_ppm"], watch.model.name
    for now in (*range(span.start + TICK_MS, span.until, TICK_MS), span.until):
        for change in facts.move(now):
            if change.rank == EVENT:
                said += watch.happened(facts.events()[change.event], change.at, None, undone=False)
            else:
                said += watch.touched((change.record,), change.at, None, undone=False)
            said += watch.advance(change.at)
        said += watch.advance(now)
        while watch.sweeping:  # live there is a tick a minute, and a sweep is over within the hour
            said += watch.advance(now)
    figures = watch.figures()
    return Trial(tuple(said), (line, figures["raise_ppm"]), (name, watch.model.name), figures["queued"])


def _tables(span: Window, rules: Rules, model: Model | None) -> dict[str, dict[Any, Any]]:
    tables: dict[str, dict[Any, Any]] = {spec.name: {} for spec in SPECS}
    if model is not None:
        tables["model"], tables["examples"] = Held({rules.target.key: model}), Held()
        tables["golive"][ONLY] = Cursor(phase="tuning", started_at=span.start)  # nothing to learn: choose the line
    return tables


def _changes(today: Rules, changed: Rules) -> tuple[tuple[str, str, str], ...]:
    was, then = ({name: msgspec.json.encode(value).decode() for name, value in msgspec.structs.asdict(rules).items()}
                 for rules in (today, changed))  # fmt: skip
    return tuple((name, was[name], then[name]) for name in was if was[name] != then[name])
