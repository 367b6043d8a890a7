"""What a look-up found, cut to what its user may see.

Decides that finding somebody ties the user to them, which is kept before anything is shown, and that whoever own
systems say is restricted, or of whom nothing may be seen, is as if nobody was found. Wording is the template's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from bridge.desk.access import bases
from bridge.desk.access.gate import CALL_RUNG, Reach, Subject, reaches
from bridge.desk.access.records import Entry
from bridge.desk.config import Config
from bridge.desk.desk import Desk, User
from bridge.desk.exchange import may, wording
from bridge.desk.names import Named
from bridge.desk.pages import Call, call

TIE: Final = "lookup"  # kind of the entry that ties a user to whom they found; access/gate.py asks for it


@dataclass(frozen=True)
class Ask:
    """An agency that can be asked about somebody who was found, and for what."""

    id: str
    name: str
    kinds: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Match:
    """Somebody who was found, as one user may see it.

    Attributes:
        household: The agency's own id of their household.
        home: Whether that has a page here: only of households that the agency holds somebody of.
        record: An own record, hexadecimal, whose page says more; empty where they are not known to us.
        people: Own records by name, where the user may see names.
        unnamed: They are known to us, and the user may not see the name.
        calls: Other agencies that hold a record, and whom to call.
        others: Another agency holds one, and the user may not see which.
        asks: Agencies that the user may ask about them here.
    """

    household: str
    home: bool
    record: str
    people: tuple[Named, ...]
    unnamed: bool
    calls: tuple[Call, ...]
    others: bool
    asks: tuple[Ask, ...]


class Shown(NamedTuple):
    """A row's match, whom it is about, and what the user may see of it."""

    subject: Subject
    may: Reach


def key(lookup_id: str) -> str:
    """What entries about a look-up are found by."""
    return f"look_up:{lookup_id}"


def subject(match: Mapping[str, Any]) -> Subject:
    """Whom a match of a row is about."""
    records = tuple(bytes.fromhex(record) for record in match["records"])
    return Subject(records, tuple(match.get("agencies", ())), match["household"])


async def shown(desk: Desk, user: User, asked: Entry, row: Mapping[str, Any]) -> list[Shown]:
    """What of an answer a user may see, the strongest first; kept as a tie, and in the audit, before it is read.

    Args:
        desk: Desk.
        user: Whose look-up it is.
        asked: The look-up as it was kept.
        row: The platform's answer.
    """
    subjects = [subject(match) for match in row["matches"]]
    facts = await desk.names.facts([one.records for one in subjects], None, desk.now())
    open_ = [one for one, told in zip(subjects, facts, strict=True) if not told.restricted]
    await asyncio.to_thread(_record, desk, user, asked, open_)
    may_see = await reaches(desk, user, open_, asked.body["purpose"])
    return [Shown(one, reach) for one, reach in zip(open_, may_see, strict=True) if reach.top >= 0]


def _record(desk: Desk, user: User, asked: Entry, found: list[Subject]) -> None:
    who, lookup_id = user.account.user, asked.body["lookup_id"]
    about = tuple(dict.fromkeys(name for one in found for name in bases.keys(one.records, one.household)))
    subjects = (lookup_id, *(name.partition(":")[2] for name in about))
    desk.audit.record(who, "look_up_answer", subjects, team=asked.body["team"], purpose=asked.body["purpose"])
    tied = {name for entry in desk.records.about(TIE, key(lookup_id)) for name in entry.about}
    if not tied.issuperset(about):
        desk.records.append(TIE, (key(lookup_id), *about), who, {"lookup_id": lookup_id})


async def matches(desk: Desk, user: User, asked: Entry, found: list[Shown]) -> tuple[Match, ...]:
    """What the page shows; names of own records where the rung is reached, each read audited first."""
    records = tuple(record for one in found if one.may.names for record in one.subject.records)
    names = await desk.names.read(user.account.user, "look_up", asked.body["team"], records)
    return tuple([await _match(desk, user, one, names) for one in found])


async def _match(desk: Desk, user: User, one: Shown, names: Mapping[bytes, Named]) -> Match:
    own, config = one.subject.records, desk.config
    others = [agency for agency in one.subject.known_to if agency != config.agency]
    named = tuple(names[record] for record in own if one.may.names and record in names)
    return Match(
        household=one.subject.household,
        home=await desk.inbox.household(one.subject.household) is not None,
        record=own[0].hex() if own else "",
        people=named,
        unnamed=bool(own) and not one.may.names,
        calls=_calls(others, one.may, config),
        others=any(one.may.of(agency) == 0 for agency in others),
        asks=await _asks(desk, user, one, others),
    )


def _calls(others: list[str], may_see: Reach, config: Config) -> tuple[Call, ...]:
    return tuple(call(agency, config) for agency in others if may_see.of(agency) >= CALL_RUNG)


async def _asks(desk: Desk, user: User, one: Shown, others: list[str]) -> tuple[Ask, ...]:
    """Whom the user may ask here: a request stands on own records, so nobody where there are none."""
    if desk.exchange is None or not one.subject.records:
        return ()
    made = []
    for agency in (agency for agency in others if agency in desk.exchange.partners):
        kinds = await may.kinds(desk, user, one.subject, agency, one.may)
        if kinds:
            named = tuple((kind, wording.KINDS[kind]) for kind in kinds)
            made.append(Ask(agency, desk.config.agency_name(agency), named))
    return tuple(made)
