"""Whom to call: teams, their numbers and who is told of what.

Decides nothing: it is the part of the `register` control that presence needs, checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

NUMBER_MAX_CHARS = 40  # a telephone number with its extension


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

    @classmethod
    def from_control(cls, body: Mapping[str, Any]) -> Directory:
        """Directory from the body of a `register` control; parts that are not ours are ignored.

        Raises:
            ValueError: A team lacks a field, a number is too long, or a team is named that does not exist.
        """
        presence = _mapping(body, "presence")
        try:
            teams = msgspec.convert(_mapping(body, "teams"), dict[str, Team])
            presenting = msgspec.convert(_mapping(presence, "presenting"), dict[str, str])
            front_door = msgspec.convert(presence.get("front_door"), str)
        except msgspec.ValidationError as error:
            message = f"register: {error}"
            raise ValueError(message) from None
        directory = cls(teams, presenting, front_door)
        directory._check()
        return directory

    def _check(self) -> None:
        for team_id, team in self.teams.items():
            if max(len(team.office_number), len(team.out_of_hours_number)) > NUMBER_MAX_CHARS:
                message = f"register: teams.{team_id}: a number is longer than {NUMBER_MAX_CHARS} characters"
                raise ValueError(message)
        for field, team_id in (("front_door", self.front_door), *self.presenting.items()):
            if team_id not in self.teams:
                message = f"register: presence.{field}: no team {team_id!r}"
                raise ValueError(message)


def _mapping(body: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    value = body.get(field)
    if not isinstance(value, Mapping):
        message = f"register: {field}: expected an object"
        raise ValueError(message)
    return value
