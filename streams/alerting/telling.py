"""Wording: from a move of the machine to a notice for a team.

Decides ids, versions, teams and response times, and keeps each alert so that it can be updated, ended and answered.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, NamedTuple

import msgspec

from schemas.alert import HANDED_ON
from streams.alerting.explain import explain
from streams.alerting.ids import alert_id
from streams.alerting.notice import Alert, Notice
from streams.alerting.routing import respond_by
from streams.alerting.rules import RULE, Rules
from streams.risk.household import Facts, Household
from streams.risk.model import Model, Scored

ONLY = b"now"


class Episodes(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How many alerts there have been: numbers are never used twice.

    Attributes:
        last: Raised.
        copied: Given to an out-of-hours team as well.
        unread: Escalated because nobody answered in time.
        moved: Moved to another team.
    """

    last: int = 0
    copied: int = 0
    unread: int = 0
    moved: int = 0


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


class Word(NamedTuple):
    """What is said of an alert.

    Attributes:
        state: As in schemas.alert.
        correction: Why it changed; with one of `HANDED_ON` it ends for that team only.
        to: Team that is told; the one it is routed to where it is empty.
    """

    state: str
    correction: str = ""
    to: str = ""


class Teller:
    """Words notices and keeps the alerts they are about."""

    def __init__(self, key: bytes, tables: Any, facts: Facts) -> None:
        """Bind the tables `alerts` and `episodes`."""
        self._key = key
        self._alerts: MutableMapping[str, Alert] = tables["alerts"]
        self._episodes: MutableMapping[bytes, Episodes] = tables["episodes"]
        self._facts = facts

    @property
    def episodes(self) -> Episodes:
        """How many alerts there have been."""
        return self._episodes.get(ONLY) or Episodes()

    def rise(self, sight: Sight, terms: Terms, direction: str, line_ppm: int, *, opening: bool) -> tuple[str, Notice]:
        """A new alert.

        Returns:
            Its id and its first notice.
        """
        self.count("last")
        episode = self.episodes.last
        id_ = alert_id(self._key, sight.id, (RULE, terms.version), direction, episode)
        child = sight.scored.child
        team = terms.rules.team(child.allocation if child else "")
        self._alerts[id_] = Alert(
            direction, 0, False, team.name, sight.id, child.person if child else sight.id, sight.household.records,
            sight.now, line_ppm, terms.version, opening, terms.rules.respond_by(team, sight.now),
        )  # fmt: skip
        return id_, self.say(id_, Word("raised"), sight, terms)

    def count(self, what: str) -> None:
        """One more of a field of `Episodes`."""
        before = self.episodes
        self._episodes[ONLY] = msgspec.structs.replace(before, **{what: getattr(before, what) + 1})

    def say(self, id_: str, word: Word, sight: Sight, terms: Terms) -> Notice:
        """The next version of an alert, about the household as it is now."""
        state, correction, to = word
        was = self._alerts[id_]
        household = sight.household
        records = household.records or was.records
        ended = was.ended or (state in ("cleared", "retracted") and correction not in HANDED_ON)
        alert = msgspec.structs.replace(
            was, version=was.version + 1, household=sight.id, records=records, ended=ended
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
            team=to or alert.team,
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
            respond_by_at=respond_by(alert, to or alert.team, terms.rules) if not ended else None,
            correction=correction,
            aside=to not in {"", alert.team},
        )
