"""Insights: aggregate tables, published weekly, that say nothing about any one child.

Decides what is counted, when it is published and what is withheld. Does not collect the counts (streams/step.py) or
show them (bridge/desk).
"""

from streams.insights.caseload import LEVELS, SPECS, Published, body, due, level, publish
from streams.insights.demand import DEMAND_SPECS, PublishedDemand, demand_body, demand_due, publish_demand
from streams.insights.links import LINK_SPECS, PublishedLinks, links_body, links_due, publish_links

__all__ = [
    "DEMAND_SPECS", "LEVELS", "LINK_SPECS", "SPECS", "Published", "PublishedDemand", "PublishedLinks", "body",
    "demand_body", "demand_due", "due", "level", "links_body", "links_due", "publish", "publish_demand",
    "publish_links",
]  # fmt: skip
