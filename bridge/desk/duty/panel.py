"""What an alert's page says of duty work: how it stands, what may be done, what was done, what is challenged.

Decides who reads which text: who wrote it, whom it is for, and who may see names, for a text may hold one. Others
learn that there is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import FormData

from bridge.desk import words
from bridge.desk.access.bases import TEXT_MAX
from bridge.desk.access.gate import Reach
from bridge.desk.access.records import Records
from bridge.desk.desk import Desk, User
from bridge.desk.duty import challenges, wording
from bridge.desk.duty.allowed import allowed, works
from bridge.desk.duty.deeds import CLOSED, Deed, Standing
from bridge.desk.duty.wording import Line

NOTE: Final = "note"


@dataclass(frozen=True)
class Mistake:
    """A form that was not taken: which, why, and what was typed."""

    action: str
    text: str
    form: FormData

    def typed(self, action: str, name: str) -> str:
        """What was typed into a field of an action's form."""
        return str(self.form.get(name, "")) if action == self.action else ""


@dataclass(frozen=True)
class About:
    """An alert of the user's, how it stands and what was done about it."""

    team: str
    alert: Mapping[str, Any]
    may: Reach
    standing: Standing
    deeds: tuple[Deed, ...]


async def context(desk: Desk, user: User, about: About, done: str, mistake: Mistake | None) -> dict[str, Any]:
    """What the page shows.

    Args:
        desk: Desk.
        user: Who reads.
        about: About which alert.
        done: Number of the user's deed that the page confirms; empty for none.
        mistake: A form that was not taken.
    """
    me, name, now, standing = user.account.user, desk.accounts.name, desk.now(), about.standing
    deed = next((one for one in about.deeds if str(one.n) == done and one.user == me), None)
    lines, asked = await asyncio.to_thread(_written, desk, user, about)
    return {
        "may_do": allowed(about.alert, standing, about.may, now) if works(user.account) else frozenset(),
        "held": wording.held(standing, about.alert["version"], me, name, now),
        "me": me,
        "ended": about.alert["state"] in CLOSED,
        "colleagues": [
            (one.user, one.name) for one in desk.accounts.of_team(about.team)
            if one.protocols and one.user not in (me, standing.holder)
        ],
        "did": wording.DID,
        "outcomes": [(code, text) for code, text in wording.OUTCOMES.items()
                     if code != wording.STEP_DOWN or about.alert["direction"] == wording.STEP_DOWN],
        "verdicts": wording.VERDICTS,
        "doubts": wording.DOUBTS,
        "link_reasons": words.REASONS,
        "snoozes": wording.SNOOZES,
        "text_max": TEXT_MAX,
        "confirmed": wording.confirmed(deed, standing, me, name, now) if deed else None,
        "mistake": mistake,
        "history": lines,
        "challenges": asked,
        "may_challenge": challenges.may_challenge(user, standing),
        "holder_name": name(standing.holder) if standing.holder else "",
    }  # fmt: skip


def _written(desk: Desk, user: User, about: About) -> tuple[list[Line], list[challenges.Shown]]:
    lines = history(desk.records, about.deeds, desk.accounts.name, desk.now(), _reads(about.may, user))
    return lines, challenges.of_alert(desk, user, about.alert["alert_id"], about.standing, about.may)


def history(
    records: Records, deeds: Iterable[Deed], name: wording.Name, now: int, reads: wording.Reads
) -> list[Line]:  # fmt: skip
    """What was done, newest first.

    Args:
        records: Where notes are kept.
        deeds: Deeds, in order.
        name: Names of users.
        now: Partnership time, ms.
        reads: Whether the reader is shown what a user wrote.
    """
    made = []
    for deed in deeds:
        notes = records.about(NOTE, f"response:{deed.response}") if deed.response else []
        text = notes[0].body["text"] if notes and reads(deed.user) else ""
        made.append(Line(words.moment(deed.at, now), words.iso(deed.at), wording.told(deed, name, now), text,
                         bool(notes) and not text))  # fmt: skip
    return made[::-1]


def _reads(may: Reach, user: User) -> wording.Reads:
    return lambda writer: may.names or writer == user.account.user
