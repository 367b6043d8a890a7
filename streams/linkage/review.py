"""Which pairs of people are worth a person's look: weaker links than the automatic, one for each two people.

Decides what is suggested, as a function of the live records: a pair of records of two people, one of them a child,
that score `SUGGEST` or more and were not linked. Nothing is suggested about a restricted person, nor about two people
of whom somebody has said anything. Does not decide who is told (streams/reviewing.py) or how it is answered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from typing import Final, NamedTuple

import msgspec

from streams.linkage.compare import link_of, packed
from streams.linkage.graph import LinkGraph
from streams.linkage.groups import Group
from streams.linkage.kernels import OFFSET
from streams.state import Spec

SUGGEST: Final = 2_000  # milli-bits: four to one for the same person against everything else
_LEAST: Final = packed(SUGGEST, -OFFSET)


class Suggestion(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Two people who may be one.

    Attributes:
        one: The smaller of the two records that are most alike.
        other: The greater.
        weighed: Link and tie of the two, packed as by compare.packed.
        people: The smallest record of each of the two people, sorted.
    """

    one: bytes
    other: bytes
    weighed: int
    people: tuple[bytes, bytes]


class About(NamedTuple):
    """What is asked about a record besides its links.

    Attributes:
        child: Whether it is a child's, or an unborn child's.
        restricted: Whether its profile says that it is restricted.
    """

    child: Callable[[bytes], bool]
    restricted: Callable[[bytes], bool]


class Change(NamedTuple):
    """A suggestion that came, changed or went; None where it is not, or is no more."""

    suggestion_id: str
    before: Suggestion | None
    after: Suggestion | None


class Pass(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far all records have been looked at, one after the other: from going live on, and under each new model.

    Attributes:
        under_way: Whether some are still to come.
        reached: The record looked at last.
    """

    under_way: bool
    reached: bytes = b""


SPECS: Final = (
    Spec("suggestions", Suggestion),
    Spec("review_pass", Pass),
    Spec("joined", str),  # households whose links were explained, with the agency of the team that was alerted
)


class Suggestions:
    """The suggestions of one partnership.

    Args:
        key: Key of ids, 16 to 64 bytes; without it nobody can try out what an id stands for.
        table: Rows by id.
        about: Look-ups.
    """

    def __init__(self, key: bytes, table: MutableMapping[str, Suggestion], about: About) -> None:
        self._key = key
        self._table = table
        self._about = about
        self._of: dict[bytes, set[str]] = {}
        for suggestion_id, row in table.items():
            self._index(suggestion_id, row)

    def find(self, suggestion_id: str) -> Suggestion | None:
        """A suggestion that stands."""
        return self._table.get(suggestion_id)

    def between(self, one: bytes, other: bytes) -> Suggestion | None:
        """The suggestion about two people, each given by its smallest record."""
        return self._table.get(self.id_of((min(one, other), max(one, other))))

    def id_of(self, people: tuple[bytes, bytes]) -> str:
        """Id of the suggestion about two people, 32 hexadecimal digits."""
        sha = hashlib.blake2b(key=self._key, digest_size=16, person=b"sightline review")
        for record in people:
            sha.update(len(record).to_bytes(2, "big") + record)
        return sha.hexdigest()

    def look(self, graph: LinkGraph, people: Iterable[bytes]) -> list[Change]:
        """Look at some people again.

        Args:
            graph: Links as they are now.
            people: Smallest records of people who changed, and of those who are gone.

        Returns:
            What changed, in order of id.
        """
        before: dict[str, Suggestion] = {}
        after: dict[str, Suggestion] = {}
        for person in people:
            for suggestion_id in self._of.get(person, ()):
                before[suggestion_id] = self._table[suggestion_id]
            if person in graph.identities and graph.cluster(person) == person:
                for found in self._about_person(graph, person):
                    after[self.id_of(found.people)] = found
        if not before and not after:
            return []
        changed = [
            Change(suggestion_id, before.get(suggestion_id), after.get(suggestion_id))
            for suggestion_id in sorted(before.keys() | after.keys())
            if before.get(suggestion_id) != after.get(suggestion_id)
        ]
        for change in changed:
            self._put(change)
        return changed

    def _about_person(self, graph: LinkGraph, person: bytes) -> Iterator[Suggestion]:
        """What is to be suggested about one person: at most one a pair of people, the pair of records most alike."""
        members = graph.members(person)
        best: dict[bytes, tuple[int, bytes, bytes, int]] = {}
        for record in members:
            for other, weighed in graph.ties(record).items():
                if weighed >= _LEAST and other not in members:
                    rival = graph.cluster(other)
                    pair = (-link_of(weighed), min(record, other), max(record, other), weighed)
                    if rival not in best or pair < best[rival]:
                        best[rival] = pair
        for rival, (_, one, other, weighed) in best.items():
            if self._may(graph, members, graph.members(rival)):
                yield Suggestion(one, other, weighed, (min(person, rival), max(person, rival)))

    def _may(self, graph: LinkGraph, one: Group, other: Group) -> bool:
        """Whether the two may be suggested at all: of a child, not restricted, and nobody has said anything."""
        both = (*one, *other)
        if not any(map(self._about.child, both)) or any(map(self._about.restricted, both)):
            return False
        return not any(graph.said(record).keys() & set(other) for record in one)

    def _put(self, change: Change) -> None:
        if change.after is not None:
            self._table[change.suggestion_id] = change.after
            self._index(change.suggestion_id, change.after)
        elif change.before is not None:
            del self._table[change.suggestion_id]
            for person in change.before.people:
                self._of[person].discard(change.suggestion_id)
                if not self._of[person]:
                    del self._of[person]

    def _index(self, suggestion_id: str, row: Suggestion) -> None:
        for person in row.people:
            self._of.setdefault(person, set()).add(suggestion_id)
