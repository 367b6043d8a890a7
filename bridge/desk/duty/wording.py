"""Closed words of duty work and how what was done reads.

Decides wording only. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bridge.desk import words
from bridge.desk.duty.deeds import Deed, Standing

DID: Final = {
    "called_agency": "Called another agency",
    "contacted_family": "Contacted the family",
    "visit": "Visited",
    "strategy_discussion": "Held a strategy discussion",
    "early_help": "Referred to early help",
}
OUTCOMES: Final = {
    "no_further_action": "No further action",
    "early_help": "Early help",
    "assessment": "Assessment",
    "section_47": "Section 47 enquiry",
    "step_down": "Step down done",
}
STEP_DOWN: Final = "step_down"  # an outcome of alerts that suggest one only
VERDICTS: Final = {
    "true_positive": "Yes, it was right to raise it",
    "false_positive": "No, it should not have been raised",
    "none": "I cannot say",
}
DOUBTS: Final = {
    "out_of_date": "It rests on something out of date",
    "wrong_person": "It rests on something about somebody else",
    "misread": "It rests on something that means something else",
    "missing": "Something that matters is missing",
}
SNOOZES: Final = {1: "1 day", 3: "3 days", 7: "1 week"}

Name = Callable[[str], str]
"""A user id to the name that colleagues know."""
Reads = Callable[[str], bool]
"""Whether a reader is shown what a user wrote."""


@dataclass(frozen=True)
class Held:
    """How an alert stands, in words; empty where it does not."""

    name: str = ""
    mine: bool = False
    since: str = ""
    given_by: str = ""
    snoozed: str = ""
    closed: str = ""
    lately: str = ""
    doubted: str = ""


@dataclass(frozen=True)
class Line:
    """One line of an alert's history; `withheld`: there is a text that this user is not shown."""

    when: str
    when_iso: str
    said: str
    text: str = ""
    withheld: bool = False


def held(standing: Standing, version: int, user: str, name: Name, now: int) -> Held:
    """How an alert stands with a team, for one of its users.

    Args:
        standing: Standing.
        version: Of the alert as it is now.
        user: User id of who reads.
        name: Names of users.
        now: Partnership time, ms.
    """
    doubts = [one for one in standing.disputed if one.action == "dispute_score"]
    closed, last = standing.closed, standing.acted[-1] if standing.acted else None
    return Held(
        name=name(standing.holder) if standing.holder else "",
        mine=standing.holder == user,
        since=words.moment(standing.since_at, now) if standing.holder else "",
        given_by=name(standing.given_by) if standing.given_by else "",
        snoozed=words.moment(standing.snoozed_until_at, now) if standing.sleeps(version, now) else "",
        closed=f"{name(closed.user)} closed it {words.moment(closed.at, now)}: {_outcome(closed)}" if closed else "",
        doubted=told(doubts[-1], name, now) if doubts else "",
        lately=f"{DID.get(last.what, last.what)}, {words.moment(last.at, now)}" if last else "",
    )


def told(deed: Deed, name: Name, now: int) -> str:
    """What somebody did, in a sentence without its end."""
    reason = _lower(words.REASONS.get(deed.what, deed.what))
    said = {
        "acknowledge": "took it",
        "assign": "took it over" if deed.to == deed.user else f"gave it to {name(deed.to)}",
        "snooze": f"snoozed it until {words.moment(deed.until_at, now)}",
        "act": f"noted: {_lower(DID.get(deed.what, deed.what))}",
        "close": f"closed it: {_outcome(deed)}",
        "dispute_score": f"disputed the score: {_lower(DOUBTS.get(deed.what, deed.what))}",
        "dispute_link": f"disputed a link: {reason}",
        "cannot_link": f"said that two of our records are two people: {reason}",
    }
    return f"{name(deed.user)} {said[deed.action]}"


def confirmed(deed: Deed, standing: Standing, user: str, name: Name, now: int) -> tuple[str, str]:
    """What a user is told after a deed of their own: what happened, and who has it now."""
    said = told(deed, lambda one: "You" if one == user else name(one), now)
    if standing.closed:
        return said, "It is closed. You find it under Closed in the inbox."
    if not standing.holder:
        return said, "Nobody has it yet."
    return said, "You have it now." if standing.holder == user else f"{name(standing.holder)} has it now."


def _outcome(deed: Deed) -> str:
    verdict = {"true_positive": "right to raise", "false_positive": "should not have been raised"}.get(deed.verdict)
    outcome = _lower(OUTCOMES.get(deed.what, deed.what))
    return f"{outcome} ({verdict})" if verdict else outcome


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
