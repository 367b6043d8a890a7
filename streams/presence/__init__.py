"""Presence: a contact by a child with a protected status is told to both sides at once, without content.

Decides who is told what about which contact. Does not decide which records are one person (streams/linkage), nor
what an agency may see of a notice (streams/outbox.py).
"""

from streams.presence.directory import Directory, Team
from streams.presence.register import Links, Register
from streams.presence.standing import SPECS, Contact, Standing

__all__ = ["SPECS", "Contact", "Directory", "Links", "Register", "Standing", "Team"]
