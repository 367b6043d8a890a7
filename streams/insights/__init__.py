"""Insights: aggregate tables, published weekly, that say nothing about any one child.

Decides what is counted, when it is published and what is withheld. Does not collect the counts (streams/step.py) or
show them (bridge/desk).
"""

from streams.insights.caseload import LEVELS, SPECS, Published, body, level, publish
from streams.insights.demand import DEMAND_SPECS, PublishedDemand, demand_body, publish_demand
from streams.insights.links import LINK_SPECS, PublishedLinks, links_body, publish_links
from streams.insights.week import due

__all__ = [
    "DEMAND_SPECS", "LEVELS", "LINK_SPECS", "SPECS", "Published", "PublishedDemand", "PublishedLinks", "body",
    "demand_body", "due", "level", "links_body", "publish", "publish_demand",
    "publish_links",
]  # fmt: skip
