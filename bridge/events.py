"""A touched event leaves, if it changed.

Decides by comparison with what was sent last, and which record the event is about. What the message holds is
split.py's matter.
"""

from __future__ import annotations

from bridge.joins import Rows
from bridge.mapping import Codes, EventMap
from bridge.mapping_values import Refused
from bridge.outgoing import Cause, Leaving, next_version
from bridge.split import content_of, deleted_event, event_of, texts_of, value_of
from bridge.store import Emitted
from bridge.views import One, Room, SourceView
from schemas.event import Event


def send_event(room: Room, one: One, cause: Cause) -> None:
    """Send what changed of one event; an event of a record without a partnership yet waits for it.

    Args:
        room: What it needs.
        one: The event.
        cause: The change behind it.
    """
    view, made = one.view, one.view.map.events[one.name]
    try:
        pseudonym = room.event_name(view.name, one.name, one.key)
        rows = view.events[one.name].gather(one.key)
        message = event_of(made, rows, pseudonym, room.now(), room.find) if rows is not None else None
        record = _record(room, view, made, rows) if rows is not None and message is not None else None
    except Refused as refused:
        room.refuse(one, "event", refused)
        return
    room.accept(one, "event")
    if rows is None or message is None or record is None:
        if message is not None:
            room.out.counts["event", "without_record"] += 1
        _send_delete(room, one, pseudonym, cause)
        return
    view.health.note(ok=True)
    subject, partnership = record
    _remember(room, one, rows, subject, message)
    _send(room, one, Leaving(partnership, "event", view.name, subject, cause.version, cause.committed_at, message))


def _record(room: Room, view: SourceView, made: EventMap, rows: Rows) -> tuple[bytes, str] | None:
    """Pseudonym of the record and its partnership, empty while it has none; None where no record is named."""
    ((name, columns),) = made.record.items()
    found = [value_of(rows, made.table, column) for column in columns]
    if None in found:
        return None
    key = tuple(str(value) for value in found)
    pseudonym = room.record_name(view.name, name, key)
    if not isinstance(room.mapping.partnership, Codes):
        return pseudonym, room.mapping.partnership
    sent = room.store.emitted(room.ident("identity", One(view, name, key)))
    return pseudonym, sent.partnership if sent is not None and sent.digest is not None else ""


def _send(room: Room, one: One, to: Leaving) -> None:
    ident = room.ident("event", one)
    sent = room.store.emitted(ident)
    digest = room.store.digest([content_of(to.message), to.subject]) if to.partnership else None
    if sent is not None and sent.digest == digest and sent.partnership == to.partnership:
        room.out.counts["event", "unchanged"] += 1
        return
    to = to._replace(version=next_version(sent, to.version))
    if sent is not None and sent.digest is not None and sent.partnership != to.partnership:
        gone = deleted_event(to.message["event"])
        room.out.add(to._replace(partnership=sent.partnership, subject=sent.about["subject"], message=gone))
    if to.partnership:
        room.out.add(to)
    else:
        room.out.counts["event", "waiting"] += 1
    about = {"key": [one.name, *one.key], "subject": to.subject}
    kept = Emitted(digest, to.version, to.partnership, room.subject(to.subject), about)
    room.store.set_emitted(ident, "event", kept)


def _send_delete(room: Room, one: One, pseudonym: bytes, cause: Cause) -> None:
    ident = room.ident("event", one)
    sent = room.store.emitted(ident)
    room.store.drop_named(pseudonym)
    if sent is None or sent.digest is None:
        return
    version = next_version(sent, cause.version)
    source, subject = one.view.name, sent.about["subject"]
    gone = deleted_event(pseudonym)
    room.out.add(Leaving(sent.partnership, "event", source, subject, version, cause.committed_at, gone))
    room.store.set_emitted(ident, "event", sent._replace(digest=None, version=version))


def _remember(room: Room, one: One, rows: Rows, record: bytes, message: Event) -> None:
    """Keep for the desk what the pseudonym stands for, texts included: they stay."""
    made = one.view.map.events[one.name]
    content = {
        "source": one.view.name, "event": one.name, "key": list(one.key), "kind": message["kind"],
        "occurred_at": message["occurred_at"], "factors": message["factors"], "outcome": message["outcome"],
        "texts": texts_of(made, rows), "columns": rows[made.table],
    }  # fmt: skip
    room.store.set_named(message["event"], room.subject(record), content)
