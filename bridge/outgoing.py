"""What leaves: each message in its clear form, then encoded, sealed and framed.

Decides topic, order and seal of messages. Does not decide which there are: records.py and events.py do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from bridge.encode import Encoder, Profile
from bridge.keys import AgencyKeys
from bridge.normalise import Person
from bridge.seal import Sealer
from bridge.store import Emitted, Version
from schemas import codec
from schemas.envelope import EVENT_LANES, Lane
from schemas.identity import SCHEMA_EPOCH
from topology import EVENTS, IDENTITIES, expand

Message = tuple[str, bytes, bytes]
"""Topic, key (the partnership), framed envelope."""
LANES: Final[tuple[Lane, ...]] = ("key", "identity", "profile", "event", "heartbeat", "live")


class Cause(NamedTuple):
    """The newest change behind a touched record or event."""

    version: Version
    committed_at: int


class Leaving(NamedTuple):
    """One message before it is sealed: exactly what `preview` shows.

    Attributes:
        partnership: Where it goes.
        lane: Its lane; the schema of the message has the same name.
        source: System it is from.
        subject: Record pseudonym, or empty.
        version: Epoch, position, sequence.
        committed_at: Wall time of the source's commit, ms.
        message: The message; of an identity that is still to be encoded, empty.
    """

    partnership: str
    lane: Lane
    source: str
    subject: bytes
    version: Version
    committed_at: int
    message: Mapping[str, Any]


class Wing:
    """What one partnership's messages are made with."""

    def __init__(self, keys: AgencyKeys, wall: Callable[[], int], profile: Profile) -> None:
        self.keys = keys
        self.encoder = Encoder(keys.linkage_key, keys.linkage_epoch, profile)
        self.encoding = f"{keys.linkage_epoch}|{SCHEMA_EPOCH}|{profile}"  # under another one a record leaves anew
        self.sealer = Sealer(keys, wall)


class Outgoing:
    """Collects a batch's messages and seals them.

    Args:
        agency: Agency, for the names of its topics.
        keys: Keys by partnership.
        wall: Wall time, ms.
        profile: Of the encodings; the same at every agency of a partnership.

    Attributes:
        people: By record, whom the last batch's identities are about; never leaves.
    """

    def __init__(
        self, agency: str, keys: Mapping[str, AgencyKeys], wall: Callable[[], int], profile: Profile = "default"
    ) -> None:
        self.wings = {name: Wing(own, wall, profile) for name, own in keys.items()}
        self.counts: Counter[tuple[str, str]] = Counter()
        events, identities = (expand(topic.name, (agency,), ())[0] for topic in (EVENTS, IDENTITIES))
        self._topics = {lane: events if lane in EVENT_LANES - {"key"} else identities for lane in LANES}
        self._key_topics = (identities, events) if "key" in EVENT_LANES else (identities,)
        self._leaving: list[Leaving] = []
        self._people: list[tuple[Leaving, Person]] = []
        self.people: dict[bytes, Person] = {}

    def add(self, leaving: Leaving) -> None:
        """Have a message leave."""
        self._leaving.append(leaving)

    def add_person(self, leaving: Leaving, person: Person) -> None:
        """Have an identity leave, encoded with the batch's others."""
        self._people.append((leaving, person))

    def to_all(self, lane: Lane, source: str, cause: Cause, message: Mapping[str, Any]) -> None:
        """Have a message without a subject leave to every partnership."""
        for partnership in self.wings:
            self.add(Leaving(partnership, lane, source, b"", cause.version, cause.committed_at, message))

    def drop(self) -> None:
        """Forget the batch: it was rolled back."""
        self._leaving, self._people = [], []

    def take(self) -> tuple[list[Leaving], list[Message]]:
        """Encode and seal the batch.

        Returns:
            What leaves in clear form, and sealed in the same order: identities first, `live` last. The sealed ones
            begin with payload keys where new ones were made.
        """
        self.people = {one.subject: person for one, person in self._people}
        leaving = self._encoded() + self._leaving
        self.drop()
        leaving.sort(key=lambda one: one.lane == "live")
        messages: list[Message] = []
        for partnership in sorted({one.partnership for one in leaving}):
            messages += self._new_key(partnership)
        for one in leaving:
            topic = self._topics[one.lane]
            framed = self.wings[one.partnership].sealer.envelope(
                topic, one.lane, one.source, one.subject, *one.version, one.committed_at, one.lane, one.message
            )
            messages.append((topic, one.partnership.encode(), framed))
            self.counts[one.lane, str(one.message.get("op", "sent"))] += 1
        return leaving, messages

    def _encoded(self) -> list[Leaving]:
        made: list[Leaving] = []
        for partnership, wing in self.wings.items():
            mine = [pair for pair in self._people if pair[0].partnership == partnership]
            identities = wing.encoder.identities([person for _, person in mine])
            made += [
                leaving._replace(message=identity) for (leaving, _), identity in zip(mine, identities, strict=True)
            ]
        return made

    def _new_key(self, partnership: str) -> list[Message]:
        envelope = self.wings[partnership].sealer.key_envelope()
        if envelope is None:
            return []
        framed = codec.encode("envelope", envelope)
        return [(topic, partnership.encode(), framed) for topic in self._key_topics]


def next_version(sent: Emitted | None, version: Version) -> Version:
    """The change's version, or one step past the last sent where lanes were read out of order.

    So a record's or event's versions always grow, though it is made from tables whose lanes have no common order.
    """
    if sent is None or version > sent.version:
        return version
    epoch, position, sequence = sent.version
    return epoch, position, sequence + 1
