"""What a user asks for in a form about an alert, and whether it can be asked.

Decides which fields an action needs and which values are taken: closed words, colleagues who may see the alert, times
in the bounds of the platform, pairs that the user is shown. Free text is a note and nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, time
from typing import Any, Final, NamedTuple

from starlette.datastructures import FormData

from bridge.desk import evidence, words
from bridge.desk.access.bases import DAY_MS, LONDON, TEXT_MAX
from bridge.desk.access.gate import Reach, reach
from bridge.desk.desk import Desk, User
from bridge.desk.duty import wording
from bridge.desk.duty.allowed import CALL
from bridge.desk.respond import Decision
from bridge.desk.rungs import cut_links
from bridge.desk.sessions import Session
from bridge.desk.views import about_alert
from schemas.control import SNOOZE_MAX_MS, Verdict

WORK_BEGINS: Final = time(8)  # a snooze until a day ends before its work begins
VERDICTS: Final[dict[str, Verdict]] = {
    "true_positive": "true_positive", "false_positive": "false_positive", "none": "none"
}  # fmt: skip


class Wish(NamedTuple):
    """What a user decided, as it is sent, and what of it stays at the desk."""

    decision: Decision
    to: str = ""
    what: str = ""


class Wrong(ValueError):
    """A form that cannot be taken; the text says what was expected."""


class Asked(NamedTuple):
    """A form, from whom, and about which alert."""

    desk: Desk
    user: User
    alert: Mapping[str, Any]
    team: str
    may: Reach
    form: FormData

    def field(self, name: str) -> str:
        """A field of the form; empty where it is not there."""
        return str(self.form.get(name, "")).strip()


def note(asked: Asked, name: str = "note") -> str:
    """A text that a user typed.

    Raises:
        Wrong: It is too long.
    """
    text = asked.field(name)
    if len(text) > TEXT_MAX:
        message = f"Write at most {TEXT_MAX} characters; these are {len(text)}"
        raise Wrong(message)
    return text


async def _acknowledge(_: Asked) -> Wish:
    return Wish(Decision("acknowledge"))


async def _assign(asked: Asked) -> Wish:
    """To somebody of the team who may see that there is something: an alert is not given to who could not open it."""
    desk, to = asked.desk, asked.field("to")
    account = next((one for one in desk.accounts.of_team(asked.team) if one.user == to), None)
    if account is None:
        raise Wrong("Choose a colleague of this team")
    theirs = await reach(desk, User(Session(to, "", 0), account), about_alert(asked.alert))
    if theirs.top < CALL:
        raise Wrong("They may not see this alert: choose somebody else")
    return Wish(Decision("assign"), to=to)


async def _snooze(asked: Asked) -> Wish:
    now = asked.desk.now()
    until = _until(asked.field("days"), asked.field("date"), now)
    if not now < until <= now + SNOOZE_MAX_MS:
        message = f"Choose a day from tomorrow on, at most {SNOOZE_MAX_MS // DAY_MS} days from now"
        raise Wrong(message)
    return Wish(Decision("snooze", until_at=until))


def _until(days: str, day: str, now: int) -> int:
    """End of a snooze, ms; 0 where it cannot be read."""
    if days:
        return now + int(days) * DAY_MS if days in {str(one) for one in wording.SNOOZES} else 0
    try:
        morning = datetime.combine(date.fromisoformat(day), WORK_BEGINS, LONDON)
    except ValueError:
        return 0
    return int(morning.timestamp() * 1000)


async def _act(asked: Asked) -> Wish:
    if (what := asked.field("did")) not in wording.DID:
        raise Wrong("Choose what was done")
    return Wish(Decision("act"), what=what)


async def _close(asked: Asked) -> Wish:
    outcome, verdict = asked.field("outcome"), asked.field("verdict")
    if outcome not in wording.OUTCOMES:
        raise Wrong("Choose what came of it")
    if outcome == wording.STEP_DOWN and asked.alert["direction"] != wording.STEP_DOWN:
        raise Wrong("Step down done: only for an alert that suggests a step down")
    if verdict not in VERDICTS:
        raise Wrong("Say whether it was right to raise it")
    return Wish(Decision("close", verdict=VERDICTS[verdict]), what=outcome)


async def _dispute_score(asked: Asked) -> Wish:
    if (what := asked.field("doubt")) not in wording.DOUBTS:
        raise Wrong("Choose what is wrong with the score")
    return Wish(Decision("dispute_score"), what=what)


async def _dispute_link(asked: Asked) -> Wish:
    """Of two own records a person here can say that they are two people; of another agency's they can only doubt."""
    cut = cut_links(await asked.desk.inbox.links(asked.alert["household"]) or {}, asked.may)
    pair = evidence.find_pair(cut, asked.field("pair"))
    if pair is None:
        raise Wrong("What holds these records together has changed meanwhile: look at it again")
    if (what := asked.field("reason")) not in words.REASONS:
        raise Wrong("Choose how you know")
    records = evidence.own_records(pair)
    return Wish(Decision("cannot_link" if len(records) > 1 else "dispute_link", records), what=what)


READERS: Final[Mapping[str, Callable[[Asked], Awaitable[Wish]]]] = {
    "acknowledge": _acknowledge,
    "assign": _assign,
    "snooze": _snooze,
    "act": _act,
    "close": _close,
    "dispute_score": _dispute_score,
    "dispute_link": _dispute_link,
}
"""How the form of an action is read."""
