"""What an alert's page offers to ask, of whom. Decides nothing else: may.py says who may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.desk.access.gate import Reach, Subject
from bridge.desk.desk import Desk, User
from bridge.desk.exchange import may, wording
from bridge.desk.inbox import CLOSED


async def of_alert(
    desk: Desk, user: User, message: Mapping[str, Any], subject: Subject, found: Reach
) -> dict[str, Any] | None:  # fmt: skip
    """Agencies that may be asked about an alert, and for what; None where nothing may.

    Args:
        desk: Desk.
        user: User.
        message: The alert.
        subject: Whom it is about.
        found: What the user may see of it.
    """
    if desk.exchange is None or message["state"] in CLOSED:
        return None
    agencies = [
        {"id": agency, "name": desk.config.agency_name(agency),
         "kinds": [(kind, wording.KINDS[kind]) for kind in await may.kinds(desk, user, subject, agency, found)]}
        for agency in message["known_to"]
        if agency != desk.config.agency and agency in desk.exchange.partners
    ]  # fmt: skip
    offered = [agency for agency in agencies if agency["kinds"]]
    if not offered:
        return None
    purposes = {name: text for name, text in wording.PURPOSES.items() if name != "identify"}
    return {"agencies": offered, "purposes": purposes, "bases": wording.BASES}
