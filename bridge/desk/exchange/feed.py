"""What comes to the exchange from Kafka: requests to us, every desk's letters, what the platform returned.

Decides which message goes to which side, and what a day asks for: our audit's head for the others, and an end for
what was kept long enough. The place in each topic is kept with what it brought: topics end after 28 days, this does
not.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import msgspec

import topology
from bridge import logs
from bridge.desk.audit import AuditDown
from bridge.desk.config import Config
from bridge.desk.exchange import letters
from bridge.desk.exchange.asker import DAY_MS, Asker, keep_head
from bridge.desk.exchange.holder import Holder
from bridge.desk.exchange.room import Room
from bridge.desk.exchange.rows import HEAD, INCOMING, LOOKUP, OUTGOING, Head
from bridge.desk.feed import Interrupted, Source
from bridge.desk.send import NotSent
from schemas.dead_letter import DeadLetter
from schemas.exchange import Disclosure

NAME: Final = "exchange"
READS: Final = frozenset({"view", "disclosure", "dead_letter"})

log = logs.get("desk")


def of_exchange(config: Config, partners: Mapping[str, Any]) -> Source:
    """Topics of the exchange, read with the desk's credentials."""
    own = (topology.VIEWS, topology.DEAD_LETTERS_INTAKE)
    topics = [family.name.format(agency=config.agency) for family in own]
    topics += [topology.DISCLOSURES.name.format(agency=agency) for agency in sorted(partners)]
    return Source(NAME, config.kafka, tuple(topics), READS)


class ExchangeTaker:
    """Takes what the exchange's feed reads.

    Args:
        room: What both sides need.
        holder: The side that is asked.
        asker: The side that asks.
        keep_days: How long requests and answers are kept.
    """

    def __init__(self, room: Room, holder: Holder, asker: Asker, keep_days: int) -> None:
        self._room, self._holder, self._asker = room, holder, asker
        self._keep_ms = keep_days * DAY_MS
        self._passed: dict[str, int] = {}  # places behind rows that are none of ours, written now and then

    def offsets(self, _: str) -> dict[str, int]:
        """Next offset by `topic/partition`."""
        return self._room.kept.places()

    def alive(self, _: str, at: int) -> bool:
        """Once in a while: what is due."""
        return self._guarded(lambda: self._due(at))

    def take(self, _: str, kind: str, message: Mapping[str, Any], place: str, next_offset: int) -> None:
        """Take one message."""
        if kind == "view" and message["kind"] != "request":
            self._passed[place] = next_offset
            return

        def taken() -> None:
            with self._room.kept.batch():
                self._sort(kind, message, place)
                self._room.kept.set_place(place, next_offset)

        try:
            self._guarded(taken)
        except ValueError as error:
            log.error("a row of the exchange cannot be read", extra={"cause": type(error).__name__})
            self._passed[place] = next_offset

    def skip(self, _: str, place: str, next_offset: int) -> None:
        """Pass over a message that could not be read."""
        self._passed[place] = next_offset

    def _sort(self, kind: str, message: Mapping[str, Any], place: str) -> None:
        if kind == "view":
            body = None if message["body"] is None else msgspec.json.decode(message["body"], type=dict[str, Any])
            self._holder.take(message["key"], body)
        elif kind == "disclosure":
            topic = place.rpartition("/")[0]
            writer = topic.removeprefix(topology.DISCLOSURES.name.format(agency=""))
            self._asker.take(writer, cast(Disclosure, message))
        else:
            self._asker.take_returned(cast(DeadLetter, message))

    def _due(self, wall: int) -> None:
        with self._room.kept.batch():
            for place, next_offset in self._passed.items():
                self._room.kept.set_place(place, next_offset)
        self._passed.clear()
        self._holder.answer_due()
        self._daily(wall)

    def _daily(self, wall: int) -> None:
        room, own = self._room, self._room.own.agency
        if room.kept.get(HEAD, f"{own}:{wall // DAY_MS}", Head) is not None:
            return
        for kind in (INCOMING, OUTGOING, LOOKUP):
            room.kept.drop(kind, wall - self._keep_ms)
        number, digest = room.audit.mark()
        if number == 0:
            return
        letter = letters.head(room.own, number, digest, wall)
        topic = topology.DISCLOSURES.name.format(agency=own)
        room.post.send(topic, own.encode(), letters.encoded(letter))
        keep_head(room, letter)

    def _guarded(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except NotSent:
            log.warning("a letter was not sent, it is sent again")
        except (AuditDown, sqlite3.Error) as error:
            raise Interrupted(type(error).__name__) from None
        return True
