"""Requests and answers in words. Decides wording and order only. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from bridge.desk import words
from bridge.desk.config import Config
from bridge.desk.exchange.answer import NAMES, Content, SharedEvent, SharedPerson
from bridge.desk.exchange.decide import Verdict
from bridge.desk.exchange.holder import REASONS
from bridge.desk.exchange.rows import Incoming, Outgoing
from bridge.desk.names import Named, named
from bridge.desk.pages import Call

KINDS: Final = {"identity": "Who this is", "summary": "A summary", "record": "The record"}
PURPOSES: Final = {
    "identify": "to know who the child is",
    "assess_need": "to assess need",
    "protect": "to protect a child",
    "step_down": "to step support down safely",
}
BASES: Final = {
    "duty": "a duty to share",
    "consent": "consent",
    "determination": "a determination that seeking consent would harm the child",
    "none": "none named",
}
STATES: Final = {
    "open": "Open", "sending": "Being sent", "answered": "Answered", "refused": "Refused", "withdrawn": "Expired",
    "returned": "Returned", "expired": "Expired",
}  # fmt: skip
TAGS: Final = {"open": "orange", "sending": "blue", "answered": "green"}
RETURNS: Final = {
    "not_sent": "The platform could not be reached. Ask again.",
    "request_nothing": "That agency holds nothing that can be asked for in this way. Call them.",
    "request_unfounded": "Your team no longer has this alert, or the record is no longer held.",
    "request_expired": "It arrived too late. Ask again.",
    "lookup_full": "Too many look-ups of your agency at once. Wait an hour, or call the agencies.",
    "lookup_expired": "It arrived too late. Look them up again.",
    "request_full": "Too many requests of your agency are open. Call them meanwhile.",
}


@dataclass(frozen=True)
class Line:
    """One request as a list shows it."""

    request_id: str
    who: str
    what: str
    why: str
    when: str
    until: str
    state: str
    tag: str
    open: bool


@dataclass(frozen=True)
class Event:
    """One event of an answer."""

    when: str
    what: str
    families: tuple[str, ...]
    texts: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Person:
    """One person of an answer, as the answering agency knows them; unnamed in a summary."""

    named: Named | None
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Answer:
    """What an answer says."""

    call: Call
    people: tuple[Person, ...]
    left_out: int
    people_left_out: int


def incoming(row: Incoming, config: Config, now: int) -> Line:
    """A request to us."""
    state = "withdrawn" if row.state == "open" and now >= row.expires_at else row.state
    return _line(row, state, config.agency_name(row.agency), now)


def outgoing(row: Outgoing, config: Config, now: int) -> Line:
    """A request of ours."""
    state = "expired" if row.state == "open" and now >= row.expires_at else row.state
    return _line(row, state, config.agency_name(row.asked), now)


def reason(row: Outgoing) -> str:
    """Why a request of ours was refused or returned."""
    if row.state == "refused":
        return REASONS.get(row.reason, "No reason was given.")
    return returned(row.reason) if row.reason else ""


def returned(reason: str) -> str:
    """Why the platform gave something back."""
    return RETURNS.get(reason, "The platform did not take it. Tell your administrator.")


def covers(verdict: Verdict) -> str:
    """The protocol that covers a request to us; empty where none does."""
    found = verdict.protocol
    return f"{found.title}. {found.legal_basis}." if found else ""


def answer(content: Content, config: Config, agency: str, now: int) -> Answer:
    """An answer that was received."""
    call = content.call
    return Answer(
        Call(call.get("name") or config.agency_name(agency), call.get("office_number", ""),
             call.get("out_of_hours_number", "")),
        tuple(_person(person, now) for person in content.people), content.left_out, content.people_left_out,
    )  # fmt: skip


def _line(row: Incoming | Outgoing, state: str, who: str, now: int) -> Line:
    why = f"{PURPOSES[row.purpose]}; basis claimed: {BASES[row.basis]}"
    return Line(
        row.request_id, who, KINDS[row.kind], why, words.moment(row.requested_at, now),
        words.moment(row.expires_at, now), STATES[state], TAGS.get(state, "grey"), state == "open",
    )  # fmt: skip


def _person(person: SharedPerson, now: int) -> Person:
    known = msgspec.structs.asdict(person)
    events = tuple(_event(event, now) for event in person.events)
    return Person(named(known) if any(known[part] for part in NAMES) else None, events)


def _event(event: SharedEvent, now: int) -> Event:
    return Event(
        words.moment(event.occurred_at, now), event.kind.replace("_", " "),
        tuple(words.family(code) for code in event.families), event.texts,
        tuple((name.replace("_", " "), value) for name, value in event.columns),
    )  # fmt: skip
