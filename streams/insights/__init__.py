"""Insights: aggregate tables, published weekly, that say nothing about any one child.

Decides what is counted, when it is published and what is withheld. Does not collect the counts (streams/step.py) or
show them (bridge/desk).
"""

from streams.insights.caseload import LEVELS, SPECS, Published, body, due, level, publish

__all__ = ["LEVELS", "SPECS", "Published", "body", "due", "level", "publish"]
