"""What other agencies' desks disclosed about a child: the place where it joins a case.

Decides that an answer is shown with a case exactly as far as on its own page: as the reader's protocols reach with
the agency that gave it. Reading it whole is on that page, and in the audit there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final, NamedTuple

from bridge.desk.access.gate import Subject, reach
from bridge.desk.desk import Desk, User
from bridge.desk.exchange import may, wording
from bridge.desk.exchange.rows import Outgoing

SOUGHT_MAX: Final = 500  # newest requests of the user's teams


class Disclosed(NamedTuple):
    """One answer of another agency.

    Attributes:
        id: Of the request.
        agency: That answered.
        at: When, partnership time ms.
        what: In words.
        texts: What happened, by what was disclosed, for a reader for whom it is open.
    """

    id: str
    agency: str
    at: int
    what: str
    texts: tuple[str, ...] = ()


async def items(desk: Desk, user: User, subject: Subject, alerts: Collection[str]) -> tuple[Disclosed, ...]:
    """What was disclosed to this user's teams about a subject or its alerts, newest first."""
    if desk.exchange is None:
        return ()
    rows = await asyncio.to_thread(desk.exchange.asker.recent, user.account.teams, SOUGHT_MAX)
    own = {record.hex() for record in subject.records}
    about = [row for row in rows if row.content is not None and (own & set(row.records) or row.alert_id in alerts)]
    found = await reach(desk, user, subject) if about else None
    return tuple(_item(desk, row) for row in about if found is not None and found.names and may.opens(found, row))


def _item(desk: Desk, row: Outgoing) -> Disclosed:
    assert row.content is not None  # noqa: S101  (chosen so)
    answer = wording.answer(row.content, desk.config, row.asked, desk.now())
    texts = tuple(f"{event.what}, {event.when}" for person in answer.people for event in person.events)
    return Disclosed(row.request_id, row.asked, row.received_at, wording.KINDS[row.kind], texts)
