"""The register: which agencies and teams a partnership has. Typed and checked; nothing else is decided here."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from schemas.event import AGENCY_KINDS

NUMBER_MAX_CHARS: Final = 40  # a telephone number with its extension
NUMBER: Final = re.compile(r"\+?[0-9() ]*(?: ?(?:ext|x)\.? ?[0-9]+)?")
"""Digits and how they are grouped: what is told with a contact has no room for words."""
ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
"""Of agencies and teams: part of topic names, and told with a contact."""
RUNG_MAX: Final = 4  # 0 exists, 1 which agency, 2 factor categories, 3 summary, 4 the record


class Agency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One organisation of a partnership.

    Attributes:
        kind: One of schemas.event.AGENCY_KINDS.
        sign_public: Hex of the Ed25519 key its payload keys are signed with.
        seal_public: Hex of the X25519 key its dead letters are sealed to.
        sources: Its feeds; all must be live before anything is scored.
        rung: Highest rung of any user there; the publisher cuts to it.
        enrich: Whether its control record approves factors found in text.
        presence_team: Team told of contacts there, or empty.
    """

    kind: str
    sign_public: str
    seal_public: str
    sources: tuple[str, ...]
    rung: int = 3
    enrich: bool = True
    presence_team: str = ""


class Team(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A team that alerts are routed to."""

    agency: str
    front_door: bool = False
    office_number: str = ""
    out_of_hours_number: str = ""


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One partnership as its governance registered it.

    Attributes:
        partition: Partition of `journal` and `commits`; assigned, not hashed.
        agencies: By id.
        teams: By id; exactly one is the front door.
        feed_limit_s: Seconds without a heartbeat after which a feed counts as behind, in partnership time.
    """

    partition: int
    agencies: dict[str, Agency]
    teams: dict[str, Team]
    feed_limit_s: int = 3 * 3600

    def front_door(self) -> str:
        """The team that unallocated children go to."""
        return next(name for name in sorted(self.teams) if self.teams[name].front_door)


class BadControl(ValueError):
    """A control that cannot take effect; its text says why and holds no value from a person."""


def parse_register(body: str) -> Register:
    """Read and check a register.

    Raises:
        BadControl: It does not parse, names an unknown kind, rung or agency, or has not exactly one front door.
    """
    try:
        register = msgspec.json.decode(body, type=Register)
    except msgspec.ValidationError as error:
        raise BadControl(f"register: {error}") from error
    except msgspec.DecodeError as error:
        raise BadControl("register: not JSON") from error
    for name in (*register.agencies, *register.teams):
        if not ID.fullmatch(name):
            raise BadControl("register: an id must be up to 64 of a to z, 0 to 9 and -")
    for name, agency in register.agencies.items():
        _check_agency(name, agency)
        if agency.presence_team and agency.presence_team not in register.teams:
            raise BadControl(f"register: agency {name}: presence_team is not a registered team")
    for name, team in register.teams.items():
        if team.agency not in register.agencies:
            raise BadControl(f"register: team {name}: its agency is not registered")
        _check_numbers(name, team)
    if sum(team.front_door for team in register.teams.values()) != 1:
        raise BadControl("register: exactly one team must be the front door")
    if register.feed_limit_s <= 0:
        raise BadControl("register: feed_limit_s must be above 0")
    return register


def _check_agency(name: str, agency: Agency) -> None:
    if agency.kind not in AGENCY_KINDS:
        raise BadControl(f"register: agency {name}: kind must be one of {', '.join(AGENCY_KINDS)}")
    if not 0 <= agency.rung <= RUNG_MAX:
        raise BadControl(f"register: agency {name}: rung must be 0 to {RUNG_MAX}")
    if not agency.sources:
        raise BadControl(f"register: agency {name}: at least one source")


def _check_numbers(name: str, team: Team) -> None:
    for number in (team.office_number, team.out_of_hours_number):
        if len(number) > NUMBER_MAX_CHARS:
            raise BadControl(f"register: team {name}: a number is longer than {NUMBER_MAX_CHARS} characters")
        if not NUMBER.fullmatch(number):
            raise BadControl(f"register: team {name}: a number must be digits, spaces, brackets and an extension")
