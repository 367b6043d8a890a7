"""Whom to call: teams, their numbers and who is told of what.

Decides nothing: it is the part of the register (streams/registers.py, which checks it) that presence needs.
"""

from __future__ import annotations

import msgspec


class Team(msgspec.Struct, frozen=True):
    """One team and its numbers."""

    agency: str
    office_number: str
    out_of_hours_number: str


class Directory(msgspec.Struct, frozen=True):
    """Teams and their numbers.

    Attributes:
        teams: Team id -> team.
        presenting: Agency -> its team that is told "known, call".
        front_door: Responsible team where no linked record is allocated to a team; empty only in an empty directory.
    """

    teams: dict[str, Team] = {}
    presenting: dict[str, str] = {}
    front_door: str = ""
