"""What a set of rules would have said over a stretch of history, and what came of it: counts, and nobody's name.

Decides what makes an alert true, when that is known, and what counts as early, caught and raised again. Does not run
the rules (backtest.py), nor publish by group (bygroup.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Final, NamedTuple

import msgspec

from streams.alerting.notice import Alert, Notice
from streams.risk.features import DAY_MS
from streams.risk.household import Facts, read
from streams.risk.steer import MONTH_MS

WEEK_MS: Final = 7 * DAY_MS
AGAIN_MS: Final = 30 * DAY_MS  # an alert so soon after the last one ended was one alert, RISK section 5
ENDED: Final = frozenset({"cleared", "retracted"})


class Window(NamedTuple):
    """A stretch of history, (start, until] in ms, and by when what came of an alert is known.

    Attributes:
        start: Where it begins.
        until: Where it ends; later than this nothing is known.
        horizon_ms: How long after an alert an outcome makes it true.
        grace_ms: Longest time from an outcome to its being known.
    """

    start: int
    until: int
    horizon_ms: int
    grace_ms: int

    @property
    def weeks(self) -> int:
        """Whole weeks."""
        return (self.until - self.start) // WEEK_MS

    def is_known(self, at: int) -> bool:
        """Whether all that could come of an alert at that moment is known."""
        return at + self.horizon_ms + self.grace_ms <= self.until


class Family(NamedTuple):
    """A household with its outcomes.

    Attributes:
        groups: Coded group of each child.
        onsets: Outcomes of its children up to the end of the window, as (moment, child), in order.
    """

    groups: Mapping[bytes, str]
    onsets: tuple[tuple[int, bytes], ...]

    def onset_after(self, at: int, within_ms: int) -> int | None:
        """The first outcome after a moment, if it came in time."""
        return next((onset for onset, _ in self.onsets if at < onset <= at + within_ms), None)


class Trial(NamedTuple):
    """What one set of rules said.

    Attributes:
        notices: In order.
        raise_ppm: The line at the start and at the end of the window.
        models: Weights at the start and at the end, as `version/stage`.
        queued: Raises that had to wait for room in the budget.
    """

    notices: tuple[Notice, ...]
    raise_ppm: tuple[int, int]
    models: tuple[str, str]
    queued: int


class Column(msgspec.Struct, frozen=True):
    """One set of rules in numbers; alerts are escalations without the opening caseload unless said otherwise.

    Attributes:
        raise_ppm, models, queued: As in `Trial`.
        opening: Alerts of the opening caseload.
        alerts: Of each week.
        step_downs: Of each week.
        per_1000_month: Alerts per 1,000 children a month.
        known: Alerts whose horizon and grace are over.
        true: Of these, with an outcome of a child of the household within the horizon.
        precision: True of known; None without any.
        early_days: Median days from a true alert to the outcome; None without any.
        not_yet_known: The other alerts.
        not_yet_known_true: Of these, with an outcome so far. No precision: those without may still have theirs.
        raised_again: Alerts within 30 days of the end of the household's last one.
        caught: Families whose outcome in the window followed an alert or the opening caseload within the horizon.
        step_downs_known: Step-downs whose horizon and grace are over.
        step_downs_calm: Of these, without an outcome within the horizon.
    """

    raise_ppm: tuple[int, int]
    models: tuple[str, str]
    queued: int
    opening: int
    alerts: tuple[int, ...]
    step_downs: tuple[int, ...]
    per_1000_month: float
    known: int
    true: int
    precision: float | None
    early_days: float | None
    not_yet_known: int
    not_yet_known_true: int
    raised_again: int
    caught: int
    step_downs_known: int
    step_downs_calm: int


class Reckoned(NamedTuple):
    """A column, and what it is compared by: households do not leave this package.

    Attributes:
        column: The numbers.
        caught: Families caught.
        by_group: (measure, group) -> count.
    """

    column: Column
    caught: frozenset[bytes]
    by_group: Counter[tuple[str, str]]


def families(facts: Facts, until: int) -> dict[bytes, Family]:
    """Every household that has a child, by id."""
    found = {}
    for key in sorted(facts.households()):
        children = read(facts, key).children
        if children:
            coded: dict[bytes, str] = {}
            for record in facts.household_records(key):
                profile = facts.profile(record)
                if profile is not None and profile.group:
                    coded.setdefault(facts.cluster(record), profile.group)
            onsets = sorted((at, child.person) for child in children for at in child.onsets if at <= until)
            found[key] = Family({child.person: coded.get(child.person, "") for child in children}, tuple(onsets))
    return found


def with_outcome(known: Mapping[bytes, Family], window: Window) -> dict[bytes, str]:
    """Families with an outcome in the window, each with the group of the first child who had one."""
    found = {}
    for key, family in known.items():
        first = next((child for at, child in family.onsets if at > window.start), None)
        if first is not None:
            found[key] = family.groups[first]
    return found


def reckon(trial: Trial, known: Mapping[bytes, Family], window: Window) -> Reckoned:
    """Judge what one set of rules said by what came of it."""
    raised = [n for n in trial.notices if n.state == "raised" and n.household in known]
    escalated = [n for n in raised if n.direction == "escalate"]
    alerts = [n for n in escalated if not n.opening]
    downs = [n for n in raised if n.direction == "step_down"]
    outcome = [known[n.household].onset_after(n.raised_at, window.horizon_ms) for n in alerts]
    settled = [window.is_known(n.raised_at) for n in alerts]
    leads = [at - n.raised_at for n, at, sure in zip(alerts, outcome, settled, strict=True) if sure and at]
    calm = [
        known[n.household].onset_after(n.raised_at, window.horizon_ms) is None
        for n in downs
        if window.is_known(n.raised_at)
    ]
    caught = frozenset(_caught(escalated, known, window))
    by_group: Counter[tuple[str, str]] = Counter()
    for notice, at, sure in zip(alerts, outcome, settled, strict=True):
        group = known[notice.household].groups.get(notice.child, "")
        by_group["alerts", group] += 1
        by_group["known", group] += sure
        by_group["true", group] += sure and at is not None
    for key, group in with_outcome(known, window).items():
        by_group["caught", group] += key in caught
    children = sum(len(family.groups) for family in known.values())
    months = (window.until - window.start) / MONTH_MS
    column = Column(
        raise_ppm=trial.raise_ppm,
        models=trial.models,
        queued=trial.queued,
        opening=len(escalated) - len(alerts),
        alerts=_weekly(alerts, window),
        step_downs=_weekly(downs, window),
        per_1000_month=round(len(alerts) / max(1, children) * 1000 / months, 3),
        known=sum(settled),
        true=len(leads),
        precision=round(len(leads) / sum(settled), 3) if any(settled) else None,
        early_days=round(median(leads) / DAY_MS, 1) if leads else None,
        not_yet_known=len(alerts) - sum(settled),
        not_yet_known_true=sum(at is not None for at in outcome) - len(leads),
        raised_again=_again(trial.notices, alerts),
        caught=len(caught),
        step_downs_known=len(calm),
        step_downs_calm=sum(calm),
    )
    return Reckoned(column, caught, by_group)


def _weekly(notices: Iterable[Notice], window: Window) -> tuple[int, ...]:
    weeks = Counter(min((n.raised_at - window.start) // WEEK_MS, window.weeks - 1) for n in notices)
    return tuple(weeks[week] for week in range(window.weeks))


def _caught(escalated: Iterable[Notice], known: Mapping[bytes, Family], window: Window) -> Iterable[bytes]:
    for notice in escalated:
        for at, _ in known[notice.household].onsets:
            if at > window.start and notice.raised_at < at <= notice.raised_at + window.horizon_ms:
                yield notice.household


def _again(notices: Iterable[Notice], alerts: Iterable[Notice]) -> int:
    ends: dict[bytes, list[int]] = {}
    for notice in notices:
        if notice.direction == "escalate" and notice.state in ENDED:
            ends.setdefault(notice.household, []).append(notice.changed_at)
    return sum(any(0 <= n.raised_at - end < AGAIN_MS for end in ends.get(n.household, ())) for n in alerts)


def answered(
    alerts: Iterable[Alert], facts: Facts, known: Mapping[bytes, Family], window: Window
) -> tuple[int, int, int]:
    """Alerts that people were really sent in the window.

    Returns:
        How many; how many of these someone answered; after how many of those an outcome still followed.
    """
    sent = [a for a in alerts if a.direction == "escalate" and window.start < a.raised_at <= window.until]
    seen = [alert for alert in sent if alert.answered_at]
    homes = [{facts.household(record) for record in alert.records} & known.keys() for alert in seen]
    followed = sum(
        any(known[home].onset_after(alert.raised_at, window.horizon_ms) for home in at)
        for alert, at in zip(seen, homes, strict=True)
    )
    return len(sent), len(seen), followed
