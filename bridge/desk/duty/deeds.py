"""What people did about alerts, as the audit has it, and how an alert stands after it.

Decides which lines of the audit count as done and how they add up; nothing else keeps who has an alert. A decision is
in the audit twice: before it is sent, and once the platform has it. Only then it counts. Pure.

A snooze ends at its time, when somebody takes the alert up again, and with any newer version of the alert: the
platform speaks of a snoozed alert only where things got worse or where it is about other people than before.

An answer holds for the response clock under which it was given. The platform starts a new clock where it asks anew:
when an alert comes back from another team, or comes out of hours once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from schemas.alert import HANDED_ON

CLOSED: Final = ("cleared", "retracted")
TAKES: Final = frozenset({"acknowledge", "act", "snooze"})
"""Who does one of these has the alert, where nobody has it yet."""
DISPUTES: Final = frozenset({"dispute_score", "dispute_link"})
ACTIONS: Final = TAKES | DISPUTES | {"assign", "close", "cannot_link"}
SENT: Final = "sent"
ANY_CLOCK: Final = -1


class Deed(msgspec.Struct, frozen=True, array_like=True):
    """One thing that a person did about an alert.

    Attributes:
        n: Line of the audit that says that it is done: the order of deeds.
        at: Partnership time, ms.
        user: Who, a user id.
        action: Of `ACTIONS`.
        alert_id: Alert.
        response: Id of what was sent, hex; a note is kept under it.
        version: Of the alert that was seen.
        due_at: When that asked to be answered, ms; 0 for never, `ANY_CLOCK` where it is not known.
        to: To whom it was given, a user id.
        until_at: End of a snooze, ms.
        what: Closed word: what was done, the outcome, or the reason of a dispute.
        verdict: Closed word, at close.
    """

    n: int
    at: int
    user: str
    action: str
    alert_id: str
    response: str = ""
    version: int = 0
    due_at: int = ANY_CLOCK
    to: str = ""
    until_at: int = 0
    what: str = ""
    verdict: str = ""


class Standing(NamedTuple):
    """How an alert stands with a team.

    Attributes:
        holder: Who has it, a user id; empty for nobody.
        since_at: Since when, ms.
        given_by: Who gave it to them; empty where they took it.
        snoozed_until_at: Not to be seen until then, ms; 0 for not snoozed.
        snoozed_version: Version of the alert that was snoozed.
        acted: What was done, in order.
        closed: What closed it.
        disputed: What was doubted, in order.
    """

    holder: str = ""
    since_at: int = 0
    given_by: str = ""
    snoozed_until_at: int = 0
    snoozed_version: int = 0
    acted: tuple[Deed, ...] = ()
    closed: Deed | None = None
    disputed: tuple[Deed, ...] = ()

    def sleeps(self, version: int, now: int) -> bool:
        """Whether it is snoozed still: no newer version, and not yet its time."""
        return now < self.snoozed_until_at and version <= self.snoozed_version


NOBODY: Final = Standing()


def done(entries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Deed]]:
    """Deeds of an audit with the team that each was done for, in order.

    Args:
        entries: Lines of an audit, from the first.
    """
    asked: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        action, response = entry.get("action"), entry.get("response")
        if action == SENT and response in asked:
            line = asked.pop(response)
            yield line["team"], _deed(line, entry["n"])
        elif action in ACTIONS and response:
            asked[response] = entry
        elif action == "acknowledge":  # a line from before answers were confirmed
            yield entry["team"], _deed(entry, entry["n"])


def fold(deeds: Iterable[Deed], due_at: int | None = ANY_CLOCK) -> Standing:
    """How an alert stands after what people did.

    Args:
        deeds: All about one alert, in any order; one that is there twice counts once.
        due_at: When the alert asks to be answered now, ms; None for never. `ANY_CLOCK` where it asks no more.
    """
    standing, clock = NOBODY, due_at or 0
    for deed in sorted({deed.n: deed for deed in deeds}.values(), key=lambda deed: deed.n):
        holds = ANY_CLOCK in {clock, deed.due_at} or deed.due_at == clock
        standing = _after(standing, deed, holds)
    return standing


def facts(deed: Deed) -> dict[str, str | int]:
    """What the audit keeps of a deed beside who, what and about which alert: closed words, ids and times."""
    said: dict[str, str | int] = {
        "moment": deed.at,
        "response": deed.response,
        "version": deed.version,
        "due": deed.due_at,
    }
    more: dict[str, str | int] = {"to": deed.to, "until": deed.until_at, "what": deed.what, "verdict": deed.verdict}
    return said | {name: value for name, value in more.items() if value}


def numbered(deed: Deed, n: int) -> Deed:
    """A deed that is done, by the line of the audit that says so."""
    return msgspec.structs.replace(deed, n=n)


def of_alert(alert: Mapping[str, Any], deeds: Iterable[Deed]) -> Standing:
    """How an alert stands with the team that has this version of it."""
    return fold(deeds, ANY_CLOCK if alert["state"] in CLOSED else alert["respond_by_at"])


def standings(alerts: Iterable[Mapping[str, Any]], deeds: Mapping[str, Iterable[Deed]]) -> dict[str, Standing]:
    """How alerts stand, by id: those about which somebody did something."""
    return {
        alert["alert_id"]: of_alert(alert, deeds[alert["alert_id"]]) for alert in alerts if alert["alert_id"] in deeds
    }


def is_gone(alert: Mapping[str, Any]) -> bool:
    """Whether nothing can be decided of it here any more: it was corrected, or another team has it."""
    return alert["state"] == "retracted" or (alert["state"] == "cleared" and alert["correction"] in HANDED_ON)


def _after(was: Standing, deed: Deed, holds: bool) -> Standing:
    """How it stands after one deed more; `holds`: it was done under the clock that runs now."""
    if deed.action == "close":
        return was._replace(closed=deed, snoozed_until_at=0)
    if deed.action in DISPUTES or deed.action == "cannot_link":
        return was._replace(disputed=(*was.disputed, deed))
    if deed.action == "act":
        was = was._replace(acted=(*was.acted, deed))
    if not holds:
        return was
    if deed.action == "assign":
        given_by = deed.user if deed.user != deed.to else ""
        return was._replace(holder=deed.to, since_at=deed.at, given_by=given_by)
    if deed.action == "acknowledge":
        was = was._replace(snoozed_until_at=0, snoozed_version=0)
    elif deed.action == "snooze":
        was = was._replace(snoozed_until_at=deed.until_at, snoozed_version=deed.version)
    return was if was.holder else was._replace(holder=deed.user, since_at=deed.at)


def _deed(line: Mapping[str, Any], n: int) -> Deed:
    return Deed(
        n=n,
        at=line.get("moment", line["at"]),
        user=line["user"],
        action=line["action"],
        alert_id=line["subjects"][0],
        response=line.get("response", ""),
        version=line.get("version", 0),
        due_at=line.get("due", ANY_CLOCK),
        to=line.get("to", ""),
        until_at=line.get("until", 0),
        what=line.get("what", ""),
        verdict=line.get("verdict", ""),
    )
