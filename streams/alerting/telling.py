"""Wording: from a move of the machine to a notice for a team.

Decides ids, versions, teams and response times, and keeps each alert so that it can be updated, ended and answered.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, NamedTuple

import msgspec

from streams.alerting.explain import explain
from streams.alerting.ids import alert_id
from streams.alerting.notice import Alert, Notice
from streams.alerting.rules import RULE, Rules
from streams.risk.household import Facts, Household
from streams.risk.model import Model, Scored

ONLY = b"now"


class Episodes(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How many alerts there have been: numbers are never used twice."""

    last: int = 0


class Sight(NamedTuple):
    """A household as it was looked at.

    Attributes:
        id: Household id.
        household: What is known of it.
        scored: What it scores.
        now: Moment of the look (ms).
        committed_at: Wall time at which the source committed the change that caused it; None where time alone did.
    """

    id: bytes
    household: Household
    scored: Scored
    now: int
    committed_at: int | None


class Terms(NamedTuple):
    """By what a household is judged now: weights, rules, and the version of the rules."""

    model: Model
    rules: Rules
    version: int


class Teller:
    """Words notices and keeps the alerts they are about."""

    def __init__(self, key: bytes, tables: Any, facts: Facts) -> None:
        """Bind the tables `alerts` and `episodes`."""
        self._key = key
        self._alerts: MutableMapping[str, Alert] = tables["alerts"]
        self._episodes: MutableMapping[bytes, Episodes] = tables["episodes"]
        self._facts = facts

    def alert(self, id_: str) -> Alert | None:
        """An alert by id."""
        return self._alerts.get(id_)

    def rise(self, sight: Sight, terms: Terms, direction: str, line_ppm: int, *, opening: bool) -> tuple[str, Notice]:
        """A new alert.

        Returns:
            Its id and its first notice.
        """
        episode = self._episodes.get(ONLY, Episodes()).last + 1
        self._episodes[ONLY] = Episodes(episode)
        id_ = alert_id(self._key, sight.id, (RULE, terms.version), direction, episode)
        child = sight.scored.child
        team = terms.rules.team(child.allocation if child else "")
        self._alerts[id_] = Alert(
            direction, 0, False, team.name, sight.id, child.person if child else sight.id, sight.household.records,
            sight.now, line_ppm, terms.version, opening, terms.rules.respond_by(team, sight.now),
        )  # fmt: skip
        return id_, self.say(id_, "raised", sight, terms)

    def say(self, id_: str, state: str, sight: Sight, terms: Terms, correction: str = "") -> Notice:
        """The next version of an alert, about the household as it is now."""
        was = self._alerts[id_]
        household = sight.household
        records = household.records or was.records
        alert = msgspec.structs.replace(
            was, version=was.version + 1, household=sight.id, records=records, ended=state in ("cleared", "retracted")
        )
        self._alerts[id_] = alert
        scored = sight.scored
        shown = scored.score_ppm if was.direction == "escalate" and scored.score_ppm >= 0 else scored.level_ppm
        lines = terms.rules.lines(was.threshold_ppm)
        return Notice(
            alert_id=id_,
            version=alert.version,
            state=state,
            direction=alert.direction,
            team=alert.team,
            rule=RULE,
            rule_version=alert.rule_version,
            household=sight.id,
            child=alert.child,
            records=records,
            known_to=tuple(sorted({self._facts.agency(record) for record in household.records})),
            raised_at=alert.raised_at,
            changed_at=sight.now,
            committed_at=sight.committed_at,
            score_ppm=max(0, shown),
            threshold_ppm=alert.threshold_ppm,
            horizon_days=terms.rules.horizon_days,
            model=terms.model.name,
            opening=alert.opening,
            factors=explain(terms.model, household, scored, sight.now) if household.records else (),
            behind=self._facts.behind(sight.now),
            clears_at_ppm=lines.clear_ppm if alert.direction == "escalate" else 0,
            respond_by_at=alert.respond_by_at if not alert.ended else None,
            correction=correction,
        )
