"""What a team is told: alerts and presence notices."""

from __future__ import annotations

from typing import Final, Literal, TypedDict

OUT_OF_HOURS: Final = "out of hours"
UNREAD: Final = "unread"
MOVED: Final = "moved to another team"
TAKEN_OVER: Final = "taken over by the team it is for"
ROUTES: Final = frozenset({OUT_OF_HOURS, UNREAD, MOVED, TAKEN_OVER})
"""Corrections that are about who has an alert, not about what it says."""
HANDED_ON: Final = frozenset({MOVED, TAKEN_OVER})
"""Cleared with one of these, it ends for the team that is told, and goes on for others."""

AlertState = Literal["raised", "updated", "cleared", "retracted"]
Direction = Literal["escalate", "step_down"]


class AlertFactor(TypedDict):
    """One reason, in thousandths of log-odds."""

    family: str
    weight_milli: int
    agency_kind: str
    age_days: int


class FeedLag(TypedDict):
    """A feed that is behind its limit."""

    agency: str
    behind_s: int


class Alert(TypedDict):
    """See avro/alert.avsc for what each field means."""

    alert_id: str
    version: int
    state: AlertState
    direction: Direction
    partnership: str
    team: str
    rule: str
    rule_version: int
    household: str
    person: str
    records: list[bytes]
    known_to: list[str]
    raised_at: int
    changed_at: int
    committed_at: int | None
    score_ppm: int
    threshold_ppm: int
    horizon_days: int
    model: str
    opening: bool
    factors: list[AlertFactor]
    behind: list[FeedLag]
    clears_at_ppm: int
    respond_by_at: int | None
    correction: str


class Presence(TypedDict):
    """See avro/presence.avsc. The schema has no field that could hold content."""

    notice_id: str
    kind: Literal["known_call", "presented"]
    team: str
    partnership: str
    person: str
    records: list[bytes]
    status: str
    presented_at: int
    presented_to: str
    responsible_team: str
    office_number: str
    out_of_hours_number: str
    contacts: int
    committed_at: int | None
