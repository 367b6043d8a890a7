"""What leaves the watch: alerts and scores, uncut.

Decides their form only. Cutting to a reader's protocol and pseudonyms is the outbox's and the publisher's.
"""

from __future__ import annotations

import msgspec


class Part(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One reason.

    Attributes:
        family: Factor family, or `agencies`, `volume`, `base`.
        weight_milli: Thousandths of log-odds; the parts of a score sum to its log-odds.
        agency_kind: Kind of agency that said most of it, or empty.
        age_days: Age of its newest event; 0 where it has none.
    """

    family: str
    weight_milli: int
    agency_kind: str
    age_days: int


class Notice(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One version of one alert; fields as in schemas.alert.Alert, ids and records raw.

    `aside`: it is for a team beside the one it is routed to; where that is no team now, nobody gets it.
    """

    alert_id: str
    version: int
    state: str
    direction: str
    team: str
    rule: str
    rule_version: int
    household: bytes
    child: bytes
    records: tuple[bytes, ...]
    known_to: tuple[str, ...]
    raised_at: int
    changed_at: int
    committed_at: int | None
    score_ppm: int
    threshold_ppm: int
    horizon_days: int
    model: str
    opening: bool
    factors: tuple[Part, ...]
    behind: tuple[tuple[str, int], ...]
    clears_at_ppm: int
    respond_by_at: int | None
    correction: str
    aside: bool = False


class Alert(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An alert that was raised, kept so that it can be updated, ended and answered.

    Attributes:
        direction: `escalate` or `step_down`.
        version: Of the last notice.
        ended: It was cleared or retracted.
        team: Team it went to.
        household: Household at the last notice.
        child: Person it is about.
        records: Records at the last notice.
        raised_at: When it rose (ms).
        threshold_ppm: The line it crossed.
        rule_version: Version of the rules it rose under.
        opening: Part of the opening caseload.
        respond_by_at: When someone should have answered.
        answered_at: When someone did; 0 for nobody yet.
        snoozed_until: Quiet until then unless things get worse; 0 for not snoozed.
        closed: A person closed it: it says no more, and still ends before the next can rise.
        copied_to: Out-of-hours team that has it beside `team`, or empty.
        copied_at, copied_until: Since when, and until when: then the work of `team` begins.
        unread_at: When it was escalated because nobody of `team` answered in time; 0 for never.
        unread_to: Team that has it beside `team` since then, or empty.
        verdict: What a person last called it, `true_positive` or `false_positive`; empty for nothing.
    """

    direction: str
    version: int
    ended: bool
    team: str
    household: bytes
    child: bytes
    records: tuple[bytes, ...]
    raised_at: int
    threshold_ppm: int
    rule_version: int
    opening: bool
    respond_by_at: int | None
    answered_at: int = 0
    snoozed_until: int = 0
    closed: bool = False
    copied_to: str = ""
    copied_at: int = 0
    copied_until: int = 0
    unread_at: int = 0
    unread_to: str = ""
    verdict: str = ""
