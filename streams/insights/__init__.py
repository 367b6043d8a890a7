"""Insights: aggregate tables, published weekly, that say nothing about any one child.

Decides what is counted, when it is published and what is withheld. Does not collect the counts (streams/weekly.py) or
show them (bridge/desk).
"""

from streams.insights.alertquality import ALERT_SPECS, PublishedAlerts, alerts_body, publish_alerts
from streams.insights.caseload import SPECS, Published, body, publish
from streams.insights.demand import DEMAND_SPECS, PublishedDemand, demand_body, publish_demand
from streams.insights.flows import FLOW_SPECS, PublishedFlows, flows_body, publish_flows
from streams.insights.links import LINK_SPECS, PublishedLinks, links_body, publish_links
from streams.insights.week import due

WEEKLY_SPECS = (*FLOW_SPECS, *ALERT_SPECS)
"""Tables of what came last: a table's number never changes, so each group has its place."""

__all__ = [
    "DEMAND_SPECS", "LINK_SPECS", "SPECS", "WEEKLY_SPECS", "Published", "PublishedAlerts", "PublishedDemand",
    "PublishedFlows", "PublishedLinks", "alerts_body", "body", "demand_body", "due", "flows_body", "links_body",
    "publish", "publish_alerts", "publish_demand", "publish_flows", "publish_links",
]  # fmt: skip
