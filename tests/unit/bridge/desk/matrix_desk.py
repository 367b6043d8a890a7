"""Brings the cases of matrix.py to a desk: every field of each with its mark, every state of basis as it is recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis

from bridge.desk.access import bases
from bridge.desk.audit import AuditDown
from bridge.desk.duty.deeds import Deed
from bridge.desk.exchange.answer import Content, SharedEvent, SharedPerson
from bridge.desk.exchange.rows import Outgoing
from tests.unit.bridge.desk.exchange.support import view
from tests.unit.bridge.desk.matrix import (
    CASES,
    DAY_MS,
    LASTS,
    OVER,
    OWN,
    POLICE,
    SCHOOLS,
    WRITER,
    WRITTEN,
    Case,
    marks,
)
from tests.unit.bridge.desk.support import (
    HOUR_MS,
    NOW,
    PEOPLE,
    Made,
    alert,
    event,
    found,
    household,
    links,
    match,
    presence,
    profile,
    suggestion,
)
from tests.unit.bridge.desk.surface import ASKED, Values


def bring(made: Made, case: Case, users: tuple[str, ...], lookers: tuple[str, ...]) -> tuple[Values, ...]:
    """Bring all of a case to a desk, and say by which values it is found; `lookers` have looked the child up."""
    tag, n, record = case.tag, case.number, case.record
    _own_records(made, case)
    kinds = ((OWN, "social_care"), (POLICE, POLICE), (SCHOOLS, "education"))

    def factors(said: str, weight: int, days: int) -> list[dict[str, Any]]:
        return [{"family": f"{tag}_{said}_by_{agency}", "weight_milli": weight * 1000 + 70 - place,
                 "agency_kind": kind, "age_days": days if agency == POLICE else 1}
                for place, (agency, kind) in enumerate(kinds)]  # fmt: skip

    def lag(agency: str, days: int) -> dict[str, Any]:
        return {"agency": agency, "behind_s": days * 86_400}

    line = {
        "quiet_ppm": [(810 + n) * 1000] * 3,
        "expected_ppm": [2000] * 3,
        "low_ppm": [1000] * 3,
        "high_ppm": [3000] * 3,
    }
    told = {"level_ppm": 1, "weeks": [4, 12, 26], "household": line, "people": {}}
    for message in (
        household(case.home, records=[record.hex()], factors=factors("seen", 61 + n, 3000 + 10 * n), model=f"{tag}/house",
                  score_ppm=(700 + n) * 1000, trajectory=told, behind=[lag(POLICE, 5000 + 10 * n)]),
        alert(case.id("alert"), household=case.home, records=[record], factors=factors("raised", 31 + n, 2000 + 10 * n),
              behind=[lag(POLICE, 1000 + 10 * n), lag(SCHOOLS, 1001 + 10 * n)], score_ppm=(600 + n) * 1000,
              threshold_ppm=(500 + n) * 1000, clears_at_ppm=(400 + n) * 1000, model=f"{tag}/alert", correction=f"{tag} correction"),
        presence(case.id("notice"), records=[record], status=f"{tag} presence status", presented_to=f"{tag}-hospital",
                 contacts=7000 + n, presented_at=NOW - HOUR_MS - n),
        suggestion(case.id("hint"), records=[record.hex()], agencies=[OWN, POLICE], link_milli=_milli(60 + n)),
        links(case.home, agencies=[OWN, f"{tag}-joined"], records=[record.hex()]),
    ):  # fmt: skip
        made.arrives(message)
    _exchanged(made, case)
    _write(made, case, users)
    for user in lookers:
        made.looks_up(case.id("lookup"), user)
    made.arrives(found(case.id("lookup"), match(record, household=case.home, agencies=[OWN, POLICE, SCHOOLS])))
    values = {
        "household": case.home, "record": record.hex(), "subject": case.home, "team": "mash", "alert_id": case.id("alert"),
        "suggestion_id": case.id("hint"), "of": "alert", "ident": case.id("alert"), "kind": "consent", "lookup_id": case.id("lookup"),
        "request_id": case.id("theirs"), "challenge": case.id("asked"), "entry": case.id("entry"), "draft": case.id("draft"),
    }  # fmt: skip
    other = {"subject": record.hex(), "of": "record", "ident": record.hex()}
    forms = [{**values, "kind": kind, "request_id": case.id(request)}
             for kind, request in (("determination", "ours"), ("duty", "also"), ("lift", "ours"), ("break_glass", "ours"))]  # fmt: skip
    return values, {**values, **other}, *forms


def _milli(count: int) -> int:
    """How strong a link is that is said to be right in so many of 100 cases."""
    return next(milli for milli in range(10_000) if round(100 / (1 + 2.0 ** (-milli / 1000))) == count)


def _own_records(made: Made, case: Case) -> None:
    tag, record = case.tag, case.record
    PEOPLE[record] = {
        "given": f"{tag}given",
        "middle": None,
        "surname": "Ashdown",
        "dob": "2016-02-03",
        "key": [f"{tag}-key"],
    }
    allocation = "mash" if case.allocated else f"{tag}-team"
    made.people.profiles[record] = profile(record, f"{tag}_status", "protection_plan", age_band=f"{tag} band",
                                           allocation=allocation, restricted=case.restricted)  # fmt: skip
    made.people.sources[record] = "carefile"
    seen = [{"family": f"{tag}_own_event_family", "severity": 1, "origin": "text"}]
    made.people.events[record] = [
        event(f"{tag}_event", 5, texts=[f"{tag} text of ours"], factors=seen),
        event("referral", 9),
    ]
    if case.assessed:
        made.people.events[record].append(event("assessment", 4))


def _exchanged(made: Made, case: Case) -> None:
    """What another agency asks, and what two of them answered."""
    exchange, tag, at = made.desk.exchange, case.tag, NOW - HOUR_MS
    assert exchange is not None
    asked = {**ASKED, "records": [case.record.hex()]}
    exchange.taker.take("exchange", "view", view(case.id("theirs"), asked), "views/0", 1000 + case.number)
    answers = (
        ("ours", POLICE, "identity", SharedPerson(given=f"{tag}theirs", surname="Birch")),
        (
            "also",
            SCHOOLS,
            "record",
            SharedPerson(events=(SharedEvent(f"{tag}_their_event", at, (), (f"{tag} their text",)),)),
        ),
    )
    for name, agency, kind, person in answers:
        row = Outgoing(case.id(name), agency, "mash", WRITER, kind, "protect", "duty", case.id("alert"), (), at, NOW + DAY_MS,
                       "answered", content=Content(kind, people=(person,)), received_at=at)  # fmt: skip
        exchange.asker._keep(row)


def _write(made: Made, case: Case, users: tuple[str, ...]) -> None:
    """What people wrote: the record of the state, a note, a challenge; and for each user what is their own."""
    tag, about, append = case.tag, (f"record:{case.record.hex()}",), made.desk.records.append
    why = f"{tag} why it is so"
    if case.name == "withdrawn":
        append(
            bases.CONSENT,
            about,
            WRITER,
            {"state": "given", "agencies": ["*"], "until_at": LASTS, "given_by": "", "method": ""},
        )
    if case.name in WRITTEN:
        kind, body = WRITTEN[case.name]
        base: dict[str, Any] = {"purpose": "safeguarding", "agencies": ("*",)}
        consent = {"given_by": f"{tag} mother", "method": "by word", "note": why}
        more = {bases.CONSENT: consent, bases.DUTY: {"duty": "ca1989-s47", "why": why}}.get(kind, {"why": why})
        append(kind, about, WRITER, {**base, **more, "author": WRITER, "review_by": "2025-11-27", **body})
    if case.name == "lift proposed":
        append("lift_draft", about, "u-tess", {"why": "", "until_at": LASTS})
    for user in users:
        if case.name in ("glass", "glass over"):
            append(
                bases.GLASS,
                about,
                user,
                {"why": "", "review_by": "2025-11-27", "until_at": LASTS if case.glass else OVER},
            )
        if case.lifted:
            append(
                bases.LIFT,
                about,
                WRITER,
                {"why": "", "until_at": LASTS, "for_user": user, "asked_by": user, "draft": ""},
            )
    id_, response = case.id("alert"), case.id("note")
    append("note", (f"alert:{id_}", f"response:{response}"), WRITER, {"text": f"{tag} note of a colleague"})
    deed = Deed(
        n=case.number,
        at=NOW - HOUR_MS,
        user=WRITER,
        action="act",
        alert_id=id_,
        response=response,
        version=1,
        what="called",
    )
    made.runner.run(made.desk.inbox.did("mash", deed))
    asked = {
        "id": case.id("asked"),
        "text": f"{tag} challenge",
        "to": "u-tess",
        "team": "mash",
        "alert_id": id_,
        "moment": NOW,
    }
    append("challenge", (f"alert:{id_}", f"challenge:{case.id('asked')}", "for:u-tess", "team:mash"), WRITER, asked)


def breaks(made: Made, fault: str, monkeypatch: Any) -> None:
    """Break one thing that a page needs, so that what it says of the fault could hold what it was made of."""
    secret = " ".join(mark.text for case in CASES for mark in marks(case))

    def fails(error: type[Exception]) -> Callable[..., Any]:
        def raised(*_: object, **__: object) -> Any:
            raise error(secret)

        return raised

    if fault == "platform":
        made.responder.fails = True
        made.sent.down = True
    elif fault == "audit":
        monkeypatch.setattr(type(made.audit), "record", fails(AuditDown))
    elif fault == "store":
        monkeypatch.setattr(type(made.desk.inbox), "household", fails(redis.ConnectionError))
        monkeypatch.setattr(type(made.desk.inbox), "links", fails(redis.ConnectionError))
    else:
        monkeypatch.setattr(type(made.people), "profile", fails(RuntimeError))
