"""Which records are one person, and which people one household: pure, exact in any order, integers only."""

from __future__ import annotations

from streams.linkage.fairness import SPECS as FAIRNESS_SPECS
from streams.linkage.links import SPECS as SPECS
from streams.linkage.review import SPECS as SUGGESTION_SPECS

REVIEW_SPECS = (*SUGGESTION_SPECS, *FAIRNESS_SPECS)
"""Tables of what follows from the links: they came later, and a table's number is its place."""
