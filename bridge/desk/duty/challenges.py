"""Challenge: a supervisor asks whoever has an alert what makes them think so; they answer; both are kept.

Decides who asks, who answers, and who reads it: the two, those of the team who may see names, and governance.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from bridge.desk import words
from bridge.desk.access.gate import Reach
from bridge.desk.access.records import Entry
from bridge.desk.desk import Desk, User, desk_of, has_role, own_frame, render, signed_in
from bridge.desk.duty.deeds import Standing

CHALLENGE, ANSWER = "challenge", "challenge_answer"
SUPERVISOR: Final = "supervisor"
ID_BYTES: Final = 8
SHOWN_MAX: Final = 200  # challenges of the page, the newest


@dataclass(frozen=True)
class Answer:
    """One answer in words."""

    by: str
    when: str
    text: str


@dataclass(frozen=True)
class Shown:
    """One challenge in words; `text` is empty where the reader is not shown it."""

    id: str
    alert_id: str
    reference: str
    team: str
    by: str
    to: str
    when: str
    text: str
    answers: tuple[Answer, ...]
    may_answer: bool


def may_challenge(user: User, standing: Standing) -> bool:
    """Whether a user may challenge whoever has an alert: a supervisor, and somebody else."""
    return SUPERVISOR in user.account.roles and standing.holder not in {"", user.account.user}


async def ask(desk: Desk, user: User, alert: Mapping[str, Any], to: str, text: str) -> None:
    """Keep a challenge to whoever has an alert, in the audit first; the team is told."""
    entry_id, me = secrets.token_hex(ID_BYTES), user.account.user
    team, alert_id = alert["team"], alert["alert_id"]
    body = {"id": entry_id, "text": text, "to": to, "team": team, "alert_id": alert_id, "moment": desk.now()}
    about = (f"alert:{alert_id}", f"challenge:{entry_id}", f"for:{to}", f"team:{team}")

    def run() -> None:
        desk.audit.record(me, CHALLENGE, (alert_id,), team=team, challenge=entry_id, to=to)
        desk.records.append(CHALLENGE, about, me, body)

    await asyncio.to_thread(run)
    await desk.inbox.changed(team, CHALLENGE)


async def answer(desk: Desk, user: User, one: Entry, text: str) -> None:
    """Keep an answer, in the audit first; the team is told."""
    me, said = user.account.user, one.body

    def run() -> None:
        desk.audit.record(me, ANSWER, (said["alert_id"],), team=said["team"], challenge=said["id"])
        about = (f"alert:{said['alert_id']}", f"challenge:{said['id']}")
        desk.records.append(ANSWER, about, me, {"text": text, "moment": desk.now()})

    await asyncio.to_thread(run)
    await desk.inbox.changed(said["team"], ANSWER)


def find(desk: Desk, alert_id: str, entry_id: str) -> Entry | None:
    """One challenge about an alert."""
    found = desk.records.about(CHALLENGE, f"challenge:{entry_id}")
    return next((one for one in found if one.body["alert_id"] == alert_id), None)


def may_answer(user: User, standing: Standing, one: Entry) -> bool:
    """Whether a user may answer: whom it was put to, or who has the alert now."""
    return user.account.user in {one.body["to"], standing.holder} and user.account.user != one.user


def is_open(desk: Desk, one: Entry) -> bool:
    """Whether nobody has answered it."""
    return not desk.records.about(ANSWER, f"challenge:{one.body['id']}")


def waiting(desk: Desk, key: str) -> list[Entry]:
    """Challenges without an answer that were put to a user (`for:<id>`) or a team (`team:<id>`)."""
    return [one for one in desk.records.about(CHALLENGE, key) if is_open(desk, one)]


def of_alert(desk: Desk, user: User, alert_id: str, standing: Standing, may: Reach) -> list[Shown]:
    """Challenges about an alert, the newest first."""
    me, found = user.account.user, []
    for one in reversed(desk.records.about(CHALLENGE, f"alert:{alert_id}")):
        reads = may.names or me in {one.user, one.body["to"], standing.holder}
        found.append(_shown(desk, one, reads, may_answer(user, standing, one)))
    return found


async def page(request: Request) -> Response:
    """All challenges for governance; a supervisor's own for a supervisor."""
    user = await signed_in(request)
    has_role(user, "governance", SUPERVISOR)
    desk, everyone = desk_of(request), "governance" in user.account.roles

    def read() -> list[Shown]:
        found = desk.records.of(CHALLENGE, limit=SHOWN_MAX)[::-1]
        kept = [one for one in found if everyone or one.user == user.account.user]
        about = tuple(dict.fromkeys(one.body["alert_id"] for one in kept))
        desk.audit.record(user.account.user, "challenges", about)
        return [_shown(desk, one, reads=True, answers=False) for one in kept]

    shown: Any = await asyncio.to_thread(read)
    context = {"challenges": shown, "everyone": everyone, "page": "challenges"}
    return render("duty/challenges.html", {**await own_frame(request, user), **context})


def _shown(desk: Desk, one: Entry, reads: bool, answers: bool) -> Shown:
    said, now, name = one.body, desk.now(), desk.accounts.name
    found = desk.records.about(ANSWER, f"challenge:{said['id']}")
    return Shown(
        id=said["id"], alert_id=said["alert_id"], reference=said["alert_id"][:8],
        team=desk.config.team_name(said["team"]), by=name(one.user), to=name(said["to"]),
        when=words.moment(said["moment"], now), text=said["text"] if reads else "",
        answers=tuple(
            Answer(name(each.user), words.moment(each.body["moment"], now), each.body["text"] if reads else "")
            for each in found
        ),
        may_answer=answers,
    )  # fmt: skip
