"""Weekly counts of new episodes and of alerts by team, for the forecast of demand.

Decides which team a count is of: that to which the child is allocated now, else the front door; what an allocation
was at the time is not kept. The forecast and what of it is shown are streams/insights/demand.py's.
"""

from __future__ import annotations

from streams import insights
from streams.insights.demand import WEEKS_KEPT
from streams.insights.week import week_of
from streams.partnership import Partnership


def table(p: Partnership, now: int) -> str | None:
    """Text of the week's table, or None until a week has begun that has none.

    Once a week it reads all kept events and alerts, about 50 ns each.
    """
    rows = p.tables["demand_insight"]
    previous: insights.PublishedDemand | None = rows.get("demand")
    if p.watch.phase != "live" or not insights.due(previous, now):
        return None
    published = rows["demand"] = insights.publish_demand(previous, _counts(p, now), now)
    return insights.demand_body(published)


def _counts(p: Partnership, now: int) -> dict[str, dict[str, list[int]]]:
    teams = p.registered().teams
    onsets = [(c.occurred_at, c.record) for c in p.tables["events"].values() if c.outcome]
    last = week_of(now)
    first = max(last - WEEKS_KEPT, min((week_of(at) for at, _ in onsets), default=last))
    since = max(last - WEEKS_KEPT, week_of(p.watch.live_at))
    episodes = {team: [0] * (last - first) for team in teams}
    for at, record in onsets:
        if first <= week_of(at) < last and p.tables["records"][record].live:
            episodes[_team(p, record)][week_of(at) - first] += 1
    alerts = {team: [0] * (last - since) for team in teams}
    for alert in p.tables["alerts"].values():
        if alert.direction == "escalate" and not alert.opening and since <= week_of(alert.raised_at) < last:
            team = alert.team if alert.team in teams else p.registered().front_door()
            alerts[team][week_of(alert.raised_at) - since] += 1
    return {"episodes": episodes, "alerts": alerts}


def _team(p: Partnership, record: bytes) -> str:
    """Team of the child a record stands for; the front door where none, or one that is not registered, has it."""
    profiles = (p.tables["records"][rid].profile for rid in p.graph.members(p.graph.cluster(record)))
    named = [profile.allocation for profile in profiles if profile is not None]
    return min((team for team in named if team in p.registered().teams), default=p.registered().front_door())
