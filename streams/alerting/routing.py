"""Which teams have an alert: the one it is for, the one on duty out of hours, the one that gets what nobody answered.

Decides who has it and until when; never whether there is one. An alert rises once, for one team. Others get it as an
update and lose it again without its ending. The opening caseload is work to plan, not news: it is neither copied out
of hours nor escalated unread.
"""

from __future__ import annotations

import msgspec

from streams.alerting.notice import Alert
from streams.alerting.rules import Rules


def holders(alert: Alert) -> tuple[str, ...]:
    """Every team that has it, the one it is for first."""
    return tuple(dict.fromkeys(team for team in (alert.team, alert.copied_to, alert.unread_to) if team))


def due_at(alert: Alert) -> int:
    """The next moment at which time alone changes who has it; 0 for never."""
    waits = []
    if alert.copied_to:
        waits.append(alert.copied_until)
    if is_waiting(alert) and alert.respond_by_at:
        waits.append(alert.respond_by_at)
    return min(waits, default=0) if not alert.ended else 0


def is_waiting(alert: Alert) -> bool:
    """Whether it is still to be escalated should nobody answer."""
    decided = alert.answered_at or alert.snoozed_until or alert.closed
    return not (decided or alert.unread_at or alert.opening or alert.ended)


def copied(alert: Alert, rules: Rules, now: int) -> Alert | None:
    """The alert with the out-of-hours team of its team; None where it needs none now."""
    team = rules.team(alert.team)
    hours = rules.hours(team)
    quiet = alert.opening or alert.closed or alert.direction != "escalate"
    if quiet or not team.out_of_hours or team.out_of_hours in holders(alert) or hours.open_at(now):
        return None
    return msgspec.structs.replace(
        alert, copied_to=team.out_of_hours, copied_at=now, copied_until=hours.opens_at(now)
    )


def unread(alert: Alert, rules: Rules, now: int) -> Alert:
    """The alert after nobody answered it in time: also with the team that gets those."""
    return msgspec.structs.replace(alert, unread_at=now, unread_to=rules.unread_to(alert.team))


def moved(alert: Alert, rules: Rules, to: str, now: int) -> Alert:
    """The alert for another team, which has not read it yet: its clock begins anew."""
    return msgspec.structs.replace(
        alert, team=to, respond_by_at=rules.respond_by(rules.team(to), now), answered_at=0, unread_at=0, unread_to="",
        copied_to="" if alert.copied_to == to else alert.copied_to,
    )  # fmt: skip


def alone(alert: Alert) -> Alert:
    """The alert after the team it is for answered: nobody else has it."""
    return msgspec.structs.replace(alert, copied_to="", unread_to="")


def respond_by(alert: Alert, team: str, rules: Rules) -> int | None:
    """When one of the teams that have it should have answered (ms)."""
    if team == alert.copied_to:
        return rules.respond_by(rules.team(team), alert.copied_at)
    if team != alert.team and team == alert.unread_to:
        return rules.respond_by(rules.team(team), alert.unread_at)
    return alert.respond_by_at
