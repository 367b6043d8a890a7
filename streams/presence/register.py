"""Contacts and standings of one partnership, and the notices that follow from them.

Decides which contact is told, once, to whom. Content has no place here: a contact is who, when and where.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

from streams.presence.directory import Directory
from streams.presence.standing import (
    CONTACTS_PER_RECORD_MAX,
    CONTACTS_SHOWN,
    DAY_MS,
    Contact,
    Standing,
    standing,
    status_at,
)

NOTICE_AGE_MS = 14 * DAY_MS  # an older contact is history, not presence; the freshness limit of a feed
WITHDRAWN_KEPT_MS = 28 * DAY_MS  # so long a withdrawn contact that comes back is not told again

Notice = dict[str, Any]
"""Fields of schemas.alert.Presence, uncut: `person` is the cluster id, `records` all records of the person."""


class Links(Protocol):
    """Who is one person now; the link graph."""

    def cluster(self, record: bytes) -> bytes:
        """Cluster of a record; KeyError where it has no identity yet."""

    def members(self, cluster: bytes) -> tuple[bytes, ...]:
        """Records of a cluster, sorted."""


class _Subject(NamedTuple):
    told: bytes
    """Record that stands for the person in `Contact.told`."""
    cluster: bytes
    members: tuple[bytes, ...]
    records: tuple[bytes, ...]
    """Members, and for an unborn child the mother's records too."""


class Register:
    """Keeps contacts by event pseudonym and standings by record; a person is whatever the links say now.

    Args:
        partnership: Partnership.
        tables: Has `contacts` and `standings`; changed by assignment only.
        links: Who is one person.
    """

    def __init__(self, partnership: str, tables: Mapping[str, MutableMapping[bytes, Any]], links: Links) -> None:
        self.directory = Directory()
        self._partnership = partnership
        self._contacts: MutableMapping[bytes, Contact] = tables["contacts"]
        self._standings: MutableMapping[bytes, Standing] = tables["standings"]
        self._links = links
        self._of_record: dict[bytes, list[tuple[int, bytes]]] = {}
        self._unborn: dict[bytes, set[bytes]] = {}  # mother's record -> children's records
        self._via: dict[bytes, set[bytes]] = {}  # unborn child's record -> the mother's contacts it was told of
        self._withdrawn: dict[bytes, int] = {}
        for event, contact in sorted(self._contacts.items(), key=lambda row: (row[1].occurred_at, row[0])):
            self._index(event, contact)
        for record, kept in self._standings.items():
            if kept.unborn_of:
                self._unborn.setdefault(kept.unborn_of, set()).add(record)

    def contact(  # noqa: PLR0913, PLR0917  (the facts of one contact)
        self, event: bytes, record: bytes, agency: str, occurred_at: int, live: bool, now: int,
        committed_at: int | None = None,
    ) -> list[Notice]:  # fmt: skip
        """Take a contact event, new or corrected.

        Args:
            event: Event pseudonym.
            record: Record that presented.
            agency: Agency that the contact was with.
            occurred_at: When, ms since 1970-01-01 UTC.
            live: Its source is live; of a known contact the first answer stays.
            now: Partnership time, ms.
            committed_at: Wall time at which the source committed it, ms.

        Returns:
            Notices, none where the contact was already told of that person.
        """
        before = self._contacts.get(event)
        if before is None:
            kept = Contact(record, agency, occurred_at, live)
        else:
            via = before.via if before.record == record else ()
            kept = Contact(record, agency, occurred_at, before.live, before.told, via)
        self._put(event, kept)
        rows = self._of_record[record]
        if len(rows) > CONTACTS_PER_RECORD_MAX:
            self._drop(rows[0][1])
        return self._tell(event, now, committed_at)

    def withdraw(self, event: bytes, now: int) -> None:
        """The event was deleted, or is a contact no longer; nothing happens where it is unknown."""
        before = self._contacts.get(event)
        if before is None or not before.record:
            return
        self._drop(event)
        if before.told:
            self._put(event, Contact(b"", before.agency, now, before.live, before.told))

    def profile(self, record: bytes, agency: str, profile: Mapping[str, Any] | None, now: int) -> list[Notice]:
        """Take a record's profile; a status may make a contact of the last days one to tell of.

        Args:
            record: Record.
            agency: Whose record.
            profile: A schemas.profile.Profile; None or its op `delete` drops the standing.
            now: Partnership time, ms.
        """
        kept = None if profile is None or profile["op"] == "delete" else standing(agency, profile)
        before = self._standings.get(record)
        if kept == before:
            return []
        if before is not None and before.unborn_of:
            self._discard(self._unborn, before.unborn_of, record)
        if kept is None:
            del self._standings[record]
            return []
        self._standings[record] = kept
        touched = {record}
        if kept.unborn_of:
            self._unborn.setdefault(kept.unborn_of, set()).add(record)
            touched.add(kept.unborn_of)
        return self.relinked(touched, now)

    def relinked(self, records: Iterable[bytes], now: int) -> list[Notice]:
        """After links or statuses changed: contacts young enough that nobody was told of.

        Args:
            records: Records of the changed persons.
            now: Partnership time, ms.
        """
        members = {member for record in records for member in self._members(self._cluster(record))}
        unborn = [kept.unborn_of for member in members if (kept := self._standings.get(member)) and kept.unborn_of]
        for mother in unborn:
            members |= set(self._members(self._cluster(mother)))
        recent: list[tuple[int, bytes]] = []
        for member in members:
            for row in reversed(self._of_record.get(member, ())):
                if now - row[0] > NOTICE_AGE_MS:
                    break
                recent.append(row)
        return [notice for _, event in sorted(recent) for notice in self._tell(event, now, None)]

    def forget(self, record: bytes) -> None:
        """Drop all that is kept of a record, for an erasure or a deleted record."""
        for _, event in tuple(self._of_record.get(record, ())):
            self._drop(event)
        before = self._standings.get(record)
        if before is not None:
            if before.unborn_of:
                self._discard(self._unborn, before.unborn_of, record)
            del self._standings[record]

    def tick(self, now: int) -> None:
        """Forget contacts withdrawn more than 28 days ago."""
        while self._withdrawn:
            event, withdrawn_at = next(iter(self._withdrawn.items()))
            if now - withdrawn_at <= WITHDRAWN_KEPT_MS:
                return
            self._drop(event)

    def history(self, cluster: bytes) -> tuple[tuple[int, bytes, Contact], ...]:
        """Contacts of a person, own and, from before birth, the mother's.

        Returns:
            (occurred_at, event, contact), newest first, at most 25.
        """
        found: set[tuple[int, bytes]] = set()
        for member in self._members(cluster):
            found.update(self._of_record.get(member, ())[-CONTACTS_SHOWN:])
            found.update((self._contacts[event].occurred_at, event) for event in self._via.get(member, ()))
        newest = sorted(found, reverse=True)[:CONTACTS_SHOWN]
        return tuple((occurred_at, event, self._contacts[event]) for occurred_at, event in newest)

    def _tell(self, event: bytes, now: int, committed_at: int | None) -> list[Notice]:
        contact = self._contacts[event]
        if not contact.live or now - contact.occurred_at > NOTICE_AGE_MS or not self.directory.teams:
            return []
        notices: list[Notice] = []
        for subject in self._subjects(contact.record):
            if not set(contact.told).isdisjoint(subject.members):
                continue
            status = self._status(subject, contact.occurred_at)
            if status:
                contact = self._mark(event, subject.told)
                notices += self._notices(event, contact, subject, status, committed_at)
        return notices

    def _mark(self, event: bytes, told: bytes) -> Contact:
        before = self._contacts[event]
        via = before.via if told == before.record else tuple(sorted({*before.via, told}))
        told_of = tuple(sorted({*before.told, told}))
        after = Contact(before.record, before.agency, before.occurred_at, before.live, told_of, via)
        self._put(event, after)
        return after

    def _cluster(self, record: bytes) -> bytes:
        try:
            return self._links.cluster(record)
        except KeyError:  # its identity has not come yet: it stands for itself
            return record

    def _members(self, cluster: bytes) -> tuple[bytes, ...]:
        try:
            return self._links.members(cluster) or (cluster,)
        except KeyError:
            return (cluster,)

    def _subjects(self, record: bytes) -> Iterator[_Subject]:
        """The person who presented, then each unborn child of that person, in the order of their clusters."""
        cluster = self._cluster(record)
        members = self._members(cluster)
        yield _Subject(record, cluster, members, members)
        children: dict[bytes, bytes] = {}
        for member in members:
            for child in sorted(self._unborn.get(member, ())):
                children.setdefault(self._cluster(child), child)
        for child_cluster in sorted(children):
            own = self._members(child_cluster)
            yield _Subject(children[child_cluster], child_cluster, own, tuple(sorted({*own, *members})))

    def _status(self, subject: _Subject, at: int) -> str:
        spells = [
            spell for member in subject.members if (kept := self._standings.get(member)) for spell in kept.spells
        ]
        status = status_at(spells, at)
        restricted = any(kept.restricted for member in subject.records if (kept := self._standings.get(member)))
        return "known" if status and restricted else status

    def _responsible(self, members: Iterable[bytes]) -> str:
        """Team that the child is allocated to: a record with a status first; else the front door."""
        standings = [(member, kept) for member in members if (kept := self._standings.get(member))]
        for _, kept in sorted(standings, key=lambda row: (not row[1].spells, row[0])):
            if kept.allocation in self.directory.teams:
                return kept.allocation
        return self.directory.front_door

    def _notices(
        self, event: bytes, contact: Contact, subject: _Subject, status: str, committed_at: int | None
    ) -> list[Notice]:
        responsible = self._responsible(subject.members)
        presenting = self.directory.presenting.get(contact.agency, "")
        to = [("known_call", presenting)] if presenting and presenting != responsible else []
        if status != "known":  # where a restricted child presented stays with those it presented to
            to.append(("presented", responsible))
        team = self.directory.teams[responsible]
        common: Notice = {
            "partnership": self._partnership,
            "person": subject.cluster,
            "records": subject.records,
            "status": status,
            "presented_at": contact.occurred_at,
            "presented_to": contact.agency,
            "responsible_team": responsible,
            "office_number": team.office_number,
            "out_of_hours_number": team.out_of_hours_number,
            "contacts": len(self.history(subject.cluster)),
            "committed_at": committed_at,
        }
        return [
            {"notice_id": _notice_id(event, subject.told, kind, name), "kind": kind, "team": name, **common}
            for kind, name in to
        ]

    def _put(self, event: bytes, contact: Contact) -> None:
        if event in self._contacts:
            self._drop(event)
        self._contacts[event] = contact
        self._index(event, contact)

    def _index(self, event: bytes, contact: Contact) -> None:
        if not contact.record:
            self._withdrawn[event] = contact.occurred_at
            return
        insort(self._of_record.setdefault(contact.record, []), (contact.occurred_at, event))
        for child in contact.via:
            self._via.setdefault(child, set()).add(event)

    def _drop(self, event: bytes) -> None:
        contact = self._contacts[event]
        self._withdrawn.pop(event, None)
        if contact.record:
            rows = self._of_record[contact.record]
            rows.remove((contact.occurred_at, event))
            if not rows:
                del self._of_record[contact.record]
        for child in contact.via:
            self._discard(self._via, child, event)
        del self._contacts[event]

    @staticmethod
    def _discard(index: dict[bytes, set[bytes]], key: bytes, value: bytes) -> None:
        index[key].discard(value)
        if not index[key]:
            del index[key]


def _notice_id(event: bytes, told: bytes, kind: str, team: str) -> str:
    parts = (event, told, kind.encode(), team.encode())
    return blake2b(b"".join(len(p).to_bytes(2, "big") + p for p in parts), digest_size=16).hexdigest()
