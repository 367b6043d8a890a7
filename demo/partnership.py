"""The demo's partnership: its agencies, teams, keys and controls.

Decides who takes part and under which rules; signs them as two approvers would. On this one machine the demo holds
every agency's keys, which nobody does in earnest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bridge import keys
from demo import access
from schemas import crypto
from schemas.control import place
from streams.tools import controls

PARTNERSHIP: Final = "northmere"
AGENCIES: Final = {
    "council": "social_care", "police": "police", "hospital": "health", "schools": "education", "homes": "housing",
}  # fmt: skip
SOURCES: Final = {
    "council": "carefile", "police": "crimes", "hospital": "pas", "schools": "mis", "homes": "tenancies",
}  # fmt: skip
PRESENTING: Final = {
    "council": "mash", "police": "safeguarding-police", "hospital": "safeguarding-health",
    "schools": "school-leads", "homes": "tenancy",
}  # fmt: skip
TEAMS: Final = {
    "mash": "council", "duty-east": "council", "duty-west": "council", "safeguarding-police": "police",
    "safeguarding-health": "hospital", "school-leads": "schools", "tenancy": "homes",
}  # fmt: skip
TEAM_NAMES: Final = {
    "mash": "Front door", "duty-east": "Duty team East", "duty-west": "Duty team West",
    "safeguarding-police": "Police safeguarding", "safeguarding-health": "Hospital safeguarding",
    "school-leads": "School leads", "tenancy": "Tenancy support",
}  # fmt: skip
AGENCY_NAMES: Final = {
    "council": "Northmere Council", "police": "Northmere Police", "hospital": "Northmere Hospital",
    "schools": "Northmere Schools", "homes": "Northmere Homes",
}  # fmt: skip
FRONT_DOOR: Final = "mash"
APPROVERS: Final = ("head-of-governance", "caldicott-guardian")
FEED_LIMIT_S: Final = 14 * 24 * 3600  # a heartbeat takes seconds of wall time, which are days of the demo's time
HOLIDAY_YEARS: Final = range(2025, 2041)  # also where the clock is the wall's
ALSO: Final = [
    {"outcome": "re_referral", "horizon_days": 90},
    {"outcome": "protection_plan", "horizon_days": 180},
    {"outcome": "early_help", "horizon_days": 180},
]  # predicted beside need or plan; no alert rests on them
BUDGET: Final = 2.0  # alerts per 1,000 children a month, RISK section 1


@dataclass(frozen=True, slots=True)
class Made:
    """What `make` left in the folder."""

    keys: Path
    register_file: Path
    controls: tuple[tuple[bytes, bytes], ...]
    """Key and framed value of each control, in the order to send them."""


def make(folder: Path, effective_at: int) -> Made:
    """Make all keys, the register and the signed controls.

    Args:
        folder: New folder.
        effective_at: Partnership time the controls take effect, ms.
    """
    key_folder = folder / "keys"
    keys.make_partnership(key_folder, PARTNERSHIP, tuple(AGENCIES), APPROVERS)
    register = _register(key_folder)
    register_file = folder / "register.json"
    register_file.write_text(json.dumps(register, indent=1))
    bodies = {"register": register, "rules": _rules()}
    controls = tuple(
        (place(PARTNERSHIP, name), sign_control(key_folder, name, 1, effective_at, json.dumps(body, sort_keys=True)))
        for name, body in bodies.items()
    )
    return Made(key_folder, register_file, controls)


def _register(key_folder: Path) -> dict[str, Any]:
    entries = {agency: keys.register_entry(key_folder / agency) for agency in AGENCIES}
    return {
        "partition": 0,
        "feed_limit_s": FEED_LIMIT_S,
        "agencies": {
            agency: {
                "kind": kind,
                "sign_public": entries[agency]["sign_public"],
                "seal_public": entries[agency]["seal_public"],
                "sources": [SOURCES[agency]],
                "rung": 3,
                "presence_team": PRESENTING[agency],
            }
            for agency, kind in AGENCIES.items()
        },
        "teams": {
            team: {
                "agency": agency,
                "front_door": team == FRONT_DOOR,
                "office_number": f"01632 9600{number:02}",  # Ofcom's range of numbers for drama
                "out_of_hours_number": f"01632 9601{number:02}",
            }
            for number, (team, agency) in enumerate(TEAMS.items())
        },
    }


def _rules() -> dict[str, Any]:
    return {
        "front_door": FRONT_DOOR,
        "teams": [{"name": team, "agency": agency} for team, agency in TEAMS.items()],
        **controls.bank_holidays(HOLIDAY_YEARS),
        "also": ALSO,
    }


def sign_protocols(key_folder: Path, agency: str) -> str:
    """An agency's sharing protocols as both approvers would sign them, for its desk."""
    body = {"protocols": access.protocols(agency), "disclosures": access.disclosures(agency)}
    draft = controls.Draft(PARTNERSHIP, "protocols", 1, 0, json.dumps(body, sort_keys=True))
    return controls.bundle(draft, [controls.sign(draft, one, _private(key_folder, one)) for one in APPROVERS])


def approvers(key_folder: Path) -> dict[str, str]:
    """Public keys of those who approve, hex."""
    return {one: crypto.sign_public(_private(key_folder, one)).hex() for one in APPROVERS}


def sign_control(key_folder: Path, name: str, version: int, effective_at: int, body: str) -> bytes:
    """A control as both approvers would sign it, framed."""
    draft = controls.Draft(PARTNERSHIP, name, version, effective_at, body)
    return controls.framed(draft, [controls.sign(draft, one, _private(key_folder, one)) for one in APPROVERS])


def _private(key_folder: Path, approver: str) -> bytes:
    return bytes.fromhex((key_folder / "governance" / f"{approver}.private").read_text().strip())
