"""What other agencies' desks disclosed about a child: the place where it joins a case.

Decides nothing yet: no answer of another desk is kept, so there is none to show.
"""

from __future__ import annotations

from typing import NamedTuple

from bridge.desk.access.gate import Subject
from bridge.desk.desk import Desk, User


class Disclosed(NamedTuple):
    """One answer of another agency.

    Attributes:
        id: Of the answer; stable.
        agency: That answered.
        at: When, wall time ms.
        what: In words.
        texts: What was disclosed, for a reader whose rung of that agency's information is the record's.
    """

    id: str
    agency: str
    at: int
    what: str
    texts: tuple[str, ...] = ()


async def items(desk: Desk, user: User, subject: Subject) -> tuple[Disclosed, ...]:
    """What was disclosed to this user about a subject, newest first."""
    del desk, user, subject
    return ()
