"""Which records are one person, and which people one household: pure, exact in any order, integers only."""

from __future__ import annotations

from streams.linkage.links import SPECS as SPECS
