"""Who may ask another agency, read what it answered, and decide what it asks.

Decides by the user's own protocols alone. Who asks or decides is somebody who may name own records, tied to the child
by the alert or the request; assessment first holds for what another agency answers as for what the platform shows.
"""

from __future__ import annotations

from bridge.desk.access.gate import Reach, Subject, reach, withheld
from bridge.desk.access.policy import CALL_RUNG
from bridge.desk.desk import Desk, User
from bridge.desk.exchange.decide import RUNG_OF
from bridge.desk.exchange.rows import Incoming, Outgoing


async def may_decide(desk: Desk, user: User, row: Incoming) -> bool:
    """Whether a user may see what another agency asks of own records, and decide it."""
    return (await reach(desk, user, about_incoming(desk, row))).names


async def may_ask(desk: Desk, user: User, subject: Subject, asked: str, kind: str) -> bool:
    """Whether a user may ask an agency, and read what it answered.

    Args:
        desk: Desk.
        user: User.
        subject: Whom it is about.
        asked: The agency.
        kind: What is asked for; who it is may be asked before the own assessment, what happened may not.
    """
    found = await reach(desk, user, subject)
    if not found.names or found.of(asked) < CALL_RUNG:
        return False
    return kind == "identity" or not await _barred(desk, user, subject, asked)


def opens(found: Reach, row: Outgoing) -> bool:
    """Whether what a user may see of the asked agency's information reaches as far as its answer.

    Who a child is needs no more than knowing whom to call: it is what was asked for to be able to act.
    """
    return found.of(row.asked) >= (CALL_RUNG if row.kind == "identity" else RUNG_OF[row.kind])


async def kinds(desk: Desk, user: User, subject: Subject, asked: str, found: Reach) -> tuple[str, ...]:
    """What a user may ask an agency for."""
    if not found.names or found.of(asked) < CALL_RUNG:
        return ()
    return ("identity",) if await _barred(desk, user, subject, asked) else ("identity", "summary", "record")


def about_incoming(desk: Desk, row: Incoming) -> Subject:
    """Whom another agency's request is about."""
    records = tuple(bytes.fromhex(record) for record in row.records)
    return Subject(records, (desk.config.agency, row.agency), request=True)


def about_outgoing(desk: Desk, row: Outgoing) -> Subject:
    """Whom a request of ours is about, where its alert is no longer kept."""
    records = tuple(bytes.fromhex(record) for record in row.records)
    return Subject(records, (desk.config.agency, row.asked), alert=bool(row.alert_id))


async def _barred(desk: Desk, user: User, subject: Subject, agency: str) -> bool:
    """Whether a rule bars this agency's information: assessment first, or a restricted child."""
    return any(one.agency == agency and one.barred for one in await withheld(desk, user, subject))
