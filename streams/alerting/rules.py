"""The control `rules`: what a partnership chose about alerts, checked.

Decides what is a valid choice and says why one is not. A refused control leaves the old one in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from schemas.rules import faults, respond_fault
from streams.alerting.hours import Hours
from streams.alerting.machine import Lines
from streams.risk.features import DAY_MS
from streams.risk.learn import load_prior
from streams.risk.outcomes import ALERTING, GRACE_DAYS_MAX, HORIZON_DAYS_MAX, OUTCOMES, Target

RULE: Final = "household_need_or_plan"
TEAMS_MAX: Final = 256
ALSO_MAX: Final = 8
HOLIDAYS_MAX: Final = 512
HOLIDAYS_KNOWN_DAYS: Final = 365  # so far ahead holidays must be known when rules come into force


class Refused(ValueError):
    """A control that cannot come into force; the message says why."""


class Team(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A team that alerts are sent to.

    Attributes:
        name: Team id of the register.
        agency: Agency it belongs to.
        respond_hours: Working hours in which someone answers.
        out_of_hours: Team that also gets an escalation while this one is not at work, or empty.
        escalate_to: Team that gets what nobody answered in time; the front door where it is empty.
        always: It works round the clock.
        day_starts, day_ends: Hours of its own, as in `Rules`; those of the rules where left out.
    """

    name: str
    agency: str
    respond_hours: int = 4
    out_of_hours: str = ""
    escalate_to: str = ""
    always: bool = False
    day_starts: int | None = None
    day_ends: int | None = None


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a partnership chose.

    Attributes:
        front_door: Team of children who are allocated to none.
        teams: All teams.
        outcome: What alerts rest on: `ALERTING`.
        horizon_days: How far ahead a score looks.
        label_days: How far ahead the label that is learned looks: known sooner (RISK section 4).
        grace_days: Longest time from an onset to its being known.
        budget_per_1000_month: Alerts per 1,000 children a month.
        over_budget: Factor over the budget that even a bad month may not pass for long.
        burst_days: Days of budget that may rise at once; the rest is queued, highest first.
        raise_at: A fixed line as a probability, or 0 for one that is steered to the budget.
        clear_ratio: `clear_at` as a share of `raise_at`.
        clear_dwell_days: Days at or below `clear_at` before a clear.
        step_down_ratio: `step_down_at` as a share of `raise_at`.
        step_down_dwell_days: Days at or below `step_down_at` before a step-down.
        publish_days: Days between publications of weights.
        feed_limit_s: A feed this far behind is said to be behind.
        prior: Name of the published weights to begin with, or empty.
        day_starts, day_ends: Working hours, local, in minutes of the day.
        holidays: Days on which nobody works, ISO dates.
        holidays_until: Last day up to which `holidays` says them all, an ISO date; empty for nobody knows.
        also: What else is predicted; no alert rests on it.
    """

    front_door: str
    teams: tuple[Team, ...]
    outcome: str = ALERTING
    horizon_days: int = 180
    label_days: int = 60
    grace_days: int = 70
    budget_per_1000_month: float = 2.0
    over_budget: float = 1.05
    burst_days: float = 14.0
    raise_at: float = 0.0
    clear_ratio: float = 0.7
    clear_dwell_days: int = 14
    step_down_ratio: float = 0.3
    step_down_dwell_days: int = 28
    publish_days: int = 28  # four-weekly costs no accuracy, RISK section 4; and moves scores least often
    feed_limit_s: int = 14 * 86_400
    prior: str = ""
    day_starts: int = 9 * 60
    day_ends: int = 17 * 60
    holidays: tuple[str, ...] = ()
    holidays_until: str = ""
    also: tuple[Target, ...] = ()

    @property
    def target(self) -> Target:
        """What alerts rest on."""
        return Target(self.outcome, self.horizon_days, self.label_days, self.grace_days)

    def lines(self, raise_ppm: int) -> Lines:
        """Where the lines are when `raise_at` is there."""
        return Lines(
            raise_ppm,
            int(raise_ppm * self.clear_ratio),
            int(raise_ppm * self.step_down_ratio),
            self.clear_dwell_days * DAY_MS,
            self.step_down_dwell_days * DAY_MS,
        )

    def team(self, allocation: str) -> Team:
        """The team of a child with that allocation: its own if the rules know it, else the front door."""
        named = {team.name: team for team in self.teams}
        return named.get(allocation) or named[self.front_door]

    def respond_by(self, team: Team, raised_at: int) -> int:
        """When the team should have answered an alert, counted in working hours.

        Args:
            team: The team.
            raised_at: ms since 1970-01-01 UTC.

        Returns:
            ms since 1970-01-01 UTC.
        """
        return self.hours(team).after(raised_at, team.respond_hours)

    def hours(self, team: Team) -> Hours:
        """When a team works."""
        starts = self.day_starts if team.day_starts is None else team.day_starts
        ends = self.day_ends if team.day_ends is None else team.day_ends
        return Hours(starts, ends, frozenset(self.holidays), team.always)

    def unread_to(self, name: str) -> str:
        """The team that gets what this one did not answer: itself where there is no other."""
        named = {team.name: team for team in self.teams}
        return (named[name].escalate_to if name in named else "") or self.front_door


_decoder: Final = msgspec.json.Decoder(Rules)


def parse_rules(body: str) -> Rules:
    """Rules from the body of a control.

    Raises:
        Refused: It is not JSON of that form, or a choice makes no sense; the message says which.
    """
    try:
        rules = _decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise Refused(str(error)) from None
    for fine, why in (*_checks(rules), *_team_checks(rules)):
        if not fine:
            raise Refused(why)
    return rules


def check_rules(body: str, teams: Mapping[str, str], at: int) -> None:
    """Judge rules against the partnership they are for.

    Args:
        body: Body of the control.
        teams: Team -> agency, as the register has them.
        at: When they come into force (ms since 1970-01-01 UTC).

    Raises:
        Refused: As `parse_rules`; or there is no such prior, a team is not registered so, or holidays are not
            known for a year ahead.
    """
    rules = parse_rules(body)
    if rules.prior and load_prior(rules.prior) is None:
        raise Refused(f"prior {rules.prior} does not ship with this version, or is for other features")
    for team in rules.teams:
        if team.name not in teams:
            raise Refused(f"team {team.name} is not in the register")
        if team.agency != teams[team.name]:
            raise Refused(f"team {team.name} is of another agency in the register")
    least = (datetime.fromtimestamp(at / 1000, UTC) + timedelta(days=HOLIDAYS_KNOWN_DAYS)).date().isoformat()
    if rules.holidays_until < least:
        raise Refused(
            f"holidays_until must be {least} or later, got {rules.holidays_until or 'none'}: "
            "without holidays a bank holiday counts as a working day"
        )


def _checks(rules: Rules) -> tuple[tuple[bool, str], ...]:
    names = [team.name for team in rules.teams]
    return (
        (0 < len(names) <= TEAMS_MAX, f"expected 1 to {TEAMS_MAX} teams, got {len(names)}"),
        (len(set(names)) == len(names), "a team is named twice"),
        (rules.front_door in names, "the front door is not one of the teams"),
        *((False, why) for team in rules.teams if (why := respond_fault(team.respond_hours))),
        (rules.outcome == ALERTING, f"outcome: alerts rest on {ALERTING}, got {rules.outcome}; others go in also"),
        *_target_checks(rules),
        *((False, why) for why in faults(msgspec.structs.asdict(rules))),
        (1 <= rules.publish_days <= 92, "publish_days must be from 1 to 92"),
        (60 <= rules.feed_limit_s <= 90 * 86_400, "feed_limit_s must be from a minute to 90 days"),
        (0 <= rules.day_starts < rules.day_ends < 24 * 60, "working hours must begin before they end"),
        (len(rules.holidays) <= HOLIDAYS_MAX and all(map(_is_date, rules.holidays)), "holidays must be ISO dates"),
    )


def _target_checks(rules: Rules) -> tuple[tuple[bool, str], ...]:
    also, both = rules.also, (rules.target, *rules.also)
    horizons = {(one.outcome, one.horizon_days) for one in both}
    return (
        (len(also) <= ALSO_MAX, f"also: expected at most {ALSO_MAX}, got {len(also)}"),
        (all(one.outcome in OUTCOMES for one in also), f"also: an outcome must be one of {', '.join(OUTCOMES)}"),
        (
            all(1 <= one.label_days <= one.horizon_days <= HORIZON_DAYS_MAX for one in both),
            f"expected 1 <= label_days <= horizon_days <= {HORIZON_DAYS_MAX}",
        ),
        (all(0 <= one.grace_days <= GRACE_DAYS_MAX for one in both), f"grace_days must be 0 to {GRACE_DAYS_MAX}"),
        (len(horizons) == len(both), "also: an outcome is there twice with one horizon"),
    )


def _team_checks(rules: Rules) -> tuple[tuple[bool, str], ...]:
    names = {team.name for team in rules.teams}
    others = [(team.name, other) for team in rules.teams for other in (team.out_of_hours, team.escalate_to) if other]
    hours = [rules.hours(team) for team in rules.teams]
    until = rules.holidays_until
    return (
        (all(other in names for _, other in others), "out_of_hours and escalate_to must be one of the teams"),
        (all(name != other for name, other in others), "out_of_hours and escalate_to must be another team"),
        (all(0 <= one.starts < one.ends < 24 * 60 for one in hours), "working hours must begin before they end"),
        (not until or _is_date(until), "holidays_until must be an ISO date"),
        (not until or all(day <= until for day in rules.holidays), "a holiday is later than holidays_until"),
    )


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
