"""What an alert's page offers to ask, of whom, and what was asked. Decides nothing else: may.py says who may."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from bridge.desk.access.gate import Reach, Subject
from bridge.desk.desk import Desk, User
from bridge.desk.exchange import may, wording
from bridge.desk.exchange.rows import Outgoing
from bridge.desk.inbox import CLOSED

SOUGHT_MAX: Final = 500  # newest requests of the user's teams


async def of_alert(
    desk: Desk, user: User, message: Mapping[str, Any], subject: Subject, found: Reach
) -> dict[str, Any] | None:  # fmt: skip
    """Agencies that may be asked about an alert, and for what, and what was asked; None where there is nothing of it.

    Args:
        desk: Desk.
        user: User.
        message: The alert.
        subject: Whom it is about.
        found: What the user may see of it.
    """
    if desk.exchange is None:
        return None
    asked = await _asked(desk, user, message, subject)
    offered = [] if message["state"] in CLOSED else await _offered(desk, user, message, subject, found)
    if not offered and not asked:
        return None
    now = desk.now()
    standing = {row.asked for row in asked if row.kind == "identity" and row.state in {"open", "answered"}
                and (row.state == "answered" or now < row.expires_at)}  # fmt: skip
    return {
        "agencies": offered,
        "purposes": {name: text for name, text in wording.PURPOSES.items() if name != "identify"},
        "bases": wording.BASES,
        "asked": [wording.outgoing(row, desk.config, now) for row in asked],
        "who_is_asked": standing,
    }


async def _offered(
    desk: Desk, user: User, message: Mapping[str, Any], subject: Subject, found: Reach
) -> list[dict[str, Any]]:  # fmt: skip
    assert desk.exchange is not None  # noqa: S101  (asked by the only caller)
    agencies = [
        {"id": agency, "name": desk.config.agency_name(agency),
         "kinds": [(kind, wording.KINDS[kind]) for kind in await may.kinds(desk, user, subject, agency, found)]}
        for agency in message["known_to"]
        if agency != desk.config.agency and agency in desk.exchange.partners
    ]  # fmt: skip
    return [agency for agency in agencies if agency["kinds"]]


async def _asked(desk: Desk, user: User, message: Mapping[str, Any], subject: Subject) -> list[Outgoing]:
    """Requests of the user's teams about this alert that the user may read, the newest first."""
    assert desk.exchange is not None  # noqa: S101  (asked by the only caller)
    rows = await asyncio.to_thread(desk.exchange.asker.recent, user.account.teams, SOUGHT_MAX)
    about = [row for row in rows if row.alert_id == message["alert_id"]]
    return [row for row in about if await may.may_ask(desk, user, subject, row.asked, row.kind)]
