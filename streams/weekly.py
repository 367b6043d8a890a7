"""The tables of the week: what is counted for each, and that they are told once a week.

Decides whom a count is about: a child by its linked records, an alert by the team that has it now. What of it is
shown is decided in streams/insights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from schemas.profile import level
from streams import demand, insights, reviewing
from streams.alerting.notice import Alert
from streams.insights.alertquality import WINDOW_WEEKS, Answered
from streams.insights.flows import SPAN_MS
from streams.insights.week import week_of
from streams.partnership import Partnership

Counts = dict[tuple[str, str], int]


def tell(p: Partnership, now: int) -> None:
    """Publish the tables that the week still lacks."""
    links, ahead = reviewing.quality(p, now), demand.table(p, now)
    for name, table in (*_children(p, now), ("links", links), ("demand", ahead), ("alerts", _alerts(p, now))):
        if table is not None:
            p.tell(f"insight:{name}", msgspec.json.decode(table), now)


def _children(p: Partnership, now: int) -> Iterator[tuple[str, str]]:
    """Caseload and flows, which are of the same children at the same moment."""
    loads, moved = p.tables["insights"], p.tables["flow_insight"]
    if p.watch.phase != "live" or not insights.due(loads.get("caseload"), now):
        return
    counts, flows = count(p, now)
    load = loads["caseload"] = insights.publish(loads.get("caseload"), counts, now)
    flow = moved["flows"] = insights.publish_flows(moved.get("flows"), flows, now)
    yield "caseload", insights.body(load)
    yield "flows", insights.flows_body(flow)


def count(p: Partnership, now: int) -> tuple[Counts, Counts]:
    """Children by kind of agency and level now; and by level before, `SPAN_MS` ago, and now."""
    load: Counts = {}
    flows: Counts = {}
    for members in p.children():
        statuses = [spell for rid in members for spell in p.spells(rid)]
        before, after = level(statuses, now - SPAN_MS), level(statuses, now)
        flows[before, after] = flows.get((before, after), 0) + 1
        for kind in {p.kind(rid) for rid in members}:
            load[kind, after] = load.get((kind, after), 0) + 1
    return load, flows


def _alerts(p: Partnership, now: int) -> str | None:
    rows = p.tables["alert_insight"]
    if p.watch.phase != "live" or not insights.due(rows.get("alerts"), now):
        return None
    published = rows["alerts"] = insights.publish_alerts(rows.get("alerts"), _answered(p, now), now)
    return insights.alerts_body(published)


def _answered(p: Partnership, now: int) -> dict[str, Answered]:
    """By team: what became of its escalations of the window, without the opening caseload."""
    alerts: dict[str, list[Alert]] = {team: [] for team in p.registered().teams}
    last = week_of(now)
    for alert in p.tables["alerts"].values():
        within = last - WINDOW_WEEKS <= week_of(alert.raised_at) < last
        if alert.direction == "escalate" and not alert.opening and within:
            alerts[alert.team if alert.team in alerts else p.registered().front_door()].append(alert)
    return {team: _became(theirs) for team, theirs in alerts.items()}


def _became(theirs: Sequence[Alert]) -> Answered:
    return Answered(
        len(theirs),
        tuple((alert.answered_at - alert.raised_at) // 1000 for alert in theirs if alert.answered_at),
        sum(alert.verdict == "true_positive" for alert in theirs),
        sum(alert.verdict == "false_positive" for alert in theirs),
    )
