"""A touched record: its identity and profile leave, if they changed.

Decides by comparison with what was sent last. What the two messages hold is split.py's matter.
"""

from __future__ import annotations

from datetime import date

from bridge.joins import Rows
from bridge.mapping import Codes, RecordMap
from bridge.mapping_values import Refused
from bridge.normalise import Person
from bridge.outgoing import Cause, Leaving, next_version
from bridge.split import PersonParts, coded, content_of, deleted_profile, person_of, profile_of, spells_of, value_of
from bridge.store import Emitted, Key
from bridge.views import One, Room
from schemas.envelope import Lane
from schemas.profile import Profile, Status


def send_record(room: Room, one: One, cause: Cause, quarter: date) -> list[Key]:
    """Send what changed of one record.

    Args:
        room: What it needs.
        one: The record.
        cause: The change behind it.
        quarter: First day of the quarter that age bands are for.

    Returns:
        (event name, *key) of each event that follows the record to another partnership; empty without a rule for
        several.
    """
    view, made = one.view, one.view.map.records[one.name]
    rows = view.records[one.name].gather(one.key)
    try:
        pseudonym = room.record_name(view.name, one.name, one.key)
        if rows is None:
            room.accept(one, "record")
            _send_deletes(room, one, pseudonym, cause)
            return []
        person = person_of(view.personal, rows, room.now())
        profile = _profile(room, one, rows, person, quarter)
        partnership = _partnership(room, made, rows)
    except Refused as refused:
        room.refuse(one, "record", refused)
        return []
    view.health.note(ok=True)
    room.accept(one, "record")
    to = Leaving(partnership, "identity", view.name, pseudonym, cause.version, cause.committed_at, {})
    _send_identity(room, one, to, person)
    _send_profile(room, one, to, profile)
    if not isinstance(room.mapping.partnership, Codes):
        return []
    sent = room.store.emitted_of(room.subject(pseudonym), "event")
    return [tuple(event.about["key"]) for event in sent if event.partnership != partnership]


def send_profile(room: Room, one: One, cause: Cause, quarter: date) -> None:
    """Send a record's profile if a new quarter changed it."""
    rows = one.view.records[one.name].gather(one.key)
    sent = room.store.emitted(room.ident("profile", one))
    if rows is None or sent is None:
        return
    try:
        person = person_of(one.view.personal, rows, room.now())
        profile = _profile(room, one, rows, person, quarter)
        pseudonym = room.record_name(one.view.name, one.name, one.key)
    except Refused:
        return  # it is in quarantine since its rows came
    source = one.view.name
    to = Leaving(sent.partnership, "profile", source, pseudonym, cause.version, cause.committed_at, {})
    _send_profile(room, one, to, profile)


def _partnership(room: Room, made: RecordMap, rows: Rows) -> str:
    rule = room.mapping.partnership
    partnership = coded(rule, rows, made.table) if isinstance(rule, Codes) else rule
    if partnership not in room.out.wings:
        raise Refused("unroutable", made.table, "the mapping names no partnership that this bridge has keys for")
    return str(partnership)


def _profile(room: Room, one: One, rows: Rows, person: PersonParts, quarter: date) -> Profile:
    view, made = one.view, one.view.map.records[one.name]
    statuses: list[Status] = []
    for spells in made.profile.statuses:
        statuses += spells_of(spells, view.tables.find(spells.table, (spells.on,), one.key))
    mother = b""
    if made.profile.unborn_of is not None:
        link = value_of(rows, made.table, made.profile.unborn_of)
        mother = room.record_name(view.name, one.name, (str(link),)) if link is not None else b""
    return profile_of(made.profile, made.table, rows, person, statuses, mother, quarter)


def _send_identity(room: Room, one: One, to: Leaving, person: PersonParts) -> None:
    ident = room.ident("identity", one)
    sent = room.store.emitted(ident)
    _remember(room, one, to.subject, person, sent)
    encoding = room.out.wings[to.partnership].encoding
    digest = room.store.digest([person.fields, person.restricted, person.communal, encoding])
    if sent is not None and sent.digest == digest and sent.partnership == to.partnership:
        room.out.counts["identity", "unchanged"] += 1
        return
    to = to._replace(version=next_version(sent, to.version))
    _withdraw(room, "identity", to, sent)
    fields = Person(**person.fields, restricted=person.restricted, communal=person.communal)
    room.out.add_person(to, fields)
    about = {"key": [one.name, *one.key], "held": _held(room, person)}
    room.store.set_emitted(ident, "identity", Emitted(digest, to.version, to.partnership, b"", about))


def _held(room: Room, person: PersonParts) -> bytes:
    return room.store.digest([person.fields, person.other])


def _remember(room: Room, one: One, pseudonym: bytes, person: PersonParts, sent: Emitted | None) -> None:
    """Keep for the desk who the pseudonym stands for."""
    if sent is not None and sent.digest is not None and sent.about.get("held") == _held(room, person):
        return
    content = {
        "source": one.view.name, "record": one.name, "key": list(one.key), **person.fields, "other": person.other,
        "restricted": person.restricted,
    }  # fmt: skip
    room.store.set_named(pseudonym, b"", content)


def _send_profile(room: Room, one: One, to: Leaving, profile: Profile) -> None:
    ident = room.ident("profile", one)
    sent = room.store.emitted(ident)
    digest = room.store.digest(content_of(profile))
    if sent is not None and sent.digest == digest and sent.partnership == to.partnership:
        room.out.counts["profile", "unchanged"] += 1
        return
    to = to._replace(lane="profile", version=next_version(sent, to.version), message=profile)
    room.store.set_profile(to.subject, profile)
    _withdraw(room, "profile", to, sent)
    room.out.add(to)
    about = {"source": one.view.name, "key": [one.name, *one.key]}
    room.store.set_emitted(ident, "profile", Emitted(digest, to.version, to.partnership, b"", about))


def _withdraw(room: Room, lane: Lane, to: Leaving, sent: Emitted | None) -> None:
    """A record that moved to another partnership is deleted where it was."""
    if sent is not None and sent.digest is not None and sent.partnership != to.partnership:
        _leave_delete(room, lane, to._replace(partnership=sent.partnership))


def _leave_delete(room: Room, lane: Lane, to: Leaving) -> None:
    gone = deleted_profile() if lane == "profile" else room.out.wings[to.partnership].encoder.deletion()
    room.out.add(to._replace(lane=lane, message=gone))


def _send_deletes(room: Room, one: One, pseudonym: bytes, cause: Cause) -> None:
    lanes: tuple[Lane, ...] = ("identity", "profile")
    for lane in lanes:
        ident = room.ident(lane, one)
        sent = room.store.emitted(ident)
        if sent is None or sent.digest is None:
            continue
        version = next_version(sent, cause.version)
        source = one.view.name
        _leave_delete(room, lane, Leaving(sent.partnership, lane, source, pseudonym, version, cause.committed_at, {}))
        room.store.set_emitted(ident, lane, sent._replace(digest=None, version=version))
    room.store.drop_named(pseudonym)
    room.store.drop_profile(pseudonym)
