"""A synthetic partnership whose truth is known: the only place where names, events and outcomes are all in one hand.

Decides nothing itself; it puts the parts together once and keeps them. See world.py.
"""

from demo.world.base import END_MS, START_MS, T0_MS
from demo.world.events import WorldEvent, WorldStatus
from demo.world.world import World

__all__ = ["END_MS", "START_MS", "T0_MS", "World", "WorldEvent", "WorldStatus"]
