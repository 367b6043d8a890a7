"""The inbox in Redis as pages read it: the newest state of each alert and notice of a team, and that it changed.

Beside them the rows of the agency's own views that a page shows: suggested links, what holds people together, where
households are heading, demand, how the controls stand, and how good the models were; and, to find them by, in which
household a record is and which alerts are about whom. `writer.py` fills it.

Decides how messages are kept beside the desk. Pseudonyms only, never a name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import redis.asyncio

from bridge.desk import live
from bridge.desk.duty import deeds
from bridge.desk.duty.deeds import Deed

DEEDS_MAX = 20_000  # things that people did kept a team, about 150 bytes each; beyond, the oldest go
DEEDS_BATCH = 1_000  # written or dropped at once
CHANGES_MAX = 1_000  # changes that a dropped page can resume from; one that is further behind reads the list anew
FIGURES = "model:figures"  # the one row of its kind that a page shows
CLOSED = deeds.CLOSED
OWN = "=agency"
"""Stands for a team where something is the whole agency's: no topic, hence no team, can have this name."""


class Keys(NamedTuple):
    """Names of everything one team has in Redis."""

    alerts: str
    notices: str
    deeds: str
    offsets: str
    changes: str
    fed: str
    suggestions: str
    ranks: str
    links: str
    households: str
    scored: str
    listed: str
    insights: str
    controls: str
    freshness: str
    models: str
    previews: str
    lookups: str
    homes: str
    about: str


class Kept(NamedTuple):
    """All that is kept of a team.

    Attributes:
        alerts: Alerts in no order; one that did not change is the same object as before.
        notices: Presence notices, newest first.
        deeds: What people did, by alert, in order.
    """

    alerts: list[dict[str, Any]]
    notices: list[dict[str, Any]]
    deeds: dict[str, list[Deed]]


_deed = msgspec.msgpack.Decoder(Deed)


def keys(agency: str, team: str) -> Keys:
    """Names for one team; the braces keep them on one node of a cluster."""
    return Keys(*(f"desk:{{{agency}/{team}}}:{name}" for name in Keys._fields))


class Reader:
    """What the pages read.

    Args:
        connection: Redis, asynchronous.
        agency: This agency.
    """

    def __init__(self, connection: redis.asyncio.Redis, agency: str) -> None:
        self._redis: Any = connection  # redis types its answers for both of its clients at once
        self._agency = agency
        self._streams: dict[str, live.Stream] = {}
        self._kept: dict[str, tuple[str, Kept]] = {}
        self._alerts: dict[str, dict[bytes, dict[str, Any]]] = {}

    async def kept(self, team: str) -> Kept:
        """All that is kept of a team; read once a change, whoever asks, so not to be altered."""
        at, newest = keys(self._agency, team), await self.newest(team)
        newest_known, known = self._kept.get(team, ("", None))
        if known is None or newest_known != newest:
            pipe = self._redis.pipeline(transaction=True)
            for table in (at.alerts, at.notices, at.deeds):
                pipe.hvals(table)
            alerts, notices, done = await pipe.execute()
            known = Kept(self._same(team, alerts), _newest_first(notices), _by_alert(done))
            self._kept[team] = newest, known
        return known

    async def alert(self, team: str, alert_id: str) -> dict[str, Any] | None:
        """One alert of a team."""
        row = await self._redis.hget(keys(self._agency, team).alerts, alert_id)
        return None if row is None else msgspec.msgpack.decode(row)

    async def alerts_about(self, team: str, keys_: Sequence[str]) -> list[dict[str, Any]]:
        """Alerts of a team about any of some records or households, newest change first.

        Args:
            team: Team.
            keys_: As `keys_about` makes them.
        """
        at = keys(self._agency, team)
        rows = await self._redis.hmget(at.about, list(keys_)) if keys_ else []
        ids = sorted({alert_id for row in rows if row is not None for alert_id in msgspec.msgpack.decode(row)})
        found = await self._redis.hmget(at.alerts, ids) if ids else []
        alerts = [msgspec.msgpack.decode(row) for row in found if row is not None]
        return sorted(alerts, key=lambda alert: (-alert["changed_at"], alert["alert_id"]))

    async def did(self, team: str, deed: Deed) -> None:
        """Somebody did something; open pages are told."""
        at = keys(self._agency, team)
        pipe = self._redis.pipeline(transaction=True)
        pipe.hset(at.deeds, str(deed.n), msgspec.msgpack.encode(deed))
        pipe.hlen(at.deeds)
        pipe.xadd(at.changes, {"kind": deed.action, "key": deed.alert_id}, maxlen=CHANGES_MAX, approximate=True)
        _, kept, _ = await pipe.execute()
        if kept > DEEDS_MAX:
            oldest = sorted(await self._redis.hkeys(at.deeds), key=int)[:DEEDS_BATCH]
            await self._redis.hdel(at.deeds, *oldest)

    async def changed(self, team: str, kind: str) -> None:
        """Open pages are told that something changed that is kept elsewhere."""
        stream = keys(self._agency, team).changes
        await self._redis.xadd(stream, {"kind": kind}, maxlen=CHANGES_MAX, approximate=True)

    async def suggestion_count(self) -> int:
        """How many links are suggested."""
        return int(await self._redis.zcard(keys(self._agency, OWN).ranks))

    async def suggestions(self, at_most: int) -> list[dict[str, Any]]:
        """Suggested links, the strongest first; each with its `suggestion_id`."""
        at = keys(self._agency, OWN)
        ids = await self._redis.zrevrange(at.ranks, 0, at_most - 1)
        rows = await self._redis.hmget(at.suggestions, ids) if ids else []
        return [
            {**msgspec.msgpack.decode(row), "suggestion_id": key.decode()}
            for key, row in zip(ids, rows, strict=True)
            if row is not None
        ]

    async def suggestion(self, suggestion_id: str) -> dict[str, Any] | None:
        """One suggested link."""
        row = await self._redis.hget(keys(self._agency, OWN).suggestions, suggestion_id)
        return None if row is None else {**msgspec.msgpack.decode(row), "suggestion_id": suggestion_id}

    async def decided(self, suggestion_id: str) -> None:
        """Somebody has decided it: it leaves the list before the platform takes it back."""
        at = keys(self._agency, OWN)
        pipe = self._redis.pipeline(transaction=True)
        pipe.hdel(at.suggestions, suggestion_id)
        pipe.zrem(at.ranks, suggestion_id)
        await pipe.execute()

    async def lookup(self, lookup_id: str) -> dict[str, Any] | None:
        """What a look-up found; None before the answer is there and after it is taken back."""
        row = await self._redis.get(f"{keys(self._agency, OWN).lookups}:{lookup_id}")
        return None if row is None else msgspec.msgpack.decode(row)

    async def links(self, household: str) -> dict[str, Any] | None:
        """What holds the people of a household together, as it was when an alert last spoke of it."""
        row = await self._redis.hget(keys(self._agency, OWN).links, household)
        return None if row is None else msgspec.msgpack.decode(row)

    async def household(self, household: str) -> dict[str, Any] | None:
        """What is said of a household, as it was last said."""
        row = await self._redis.hget(keys(self._agency, OWN).households, household)
        return None if row is None else msgspec.msgpack.decode(row)

    async def household_ids(self, at_most: int, *, by_score: bool) -> list[str]:
        """Households that are kept: those that score highest first, or in the order of ids."""
        at = keys(self._agency, OWN)
        command = self._redis.zrevrange if by_score else self._redis.zrange
        return [key.decode() for key in await command(at.scored if by_score else at.listed, 0, at_most - 1)]

    async def households(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What is said of some households, by id; those that are gone are left out."""
        rows = await self._redis.hmget(keys(self._agency, OWN).households, ids) if ids else []
        return {key: msgspec.msgpack.decode(row) for key, row in zip(ids, rows, strict=True) if row is not None}

    async def homes(self, records: Sequence[str]) -> dict[str, tuple[str, dict[str, Any]]]:
        """Household id and row of each of some own records (hex); a record that is in none is left out."""
        at = keys(self._agency, OWN)
        ids = await self._redis.hmget(at.homes, list(records)) if records else []
        found = {record: home.decode() for record, home in zip(records, ids, strict=True) if home is not None}
        order = sorted(set(found.values()))
        rows = await self._redis.hmget(at.households, order) if order else []
        said = {home: msgspec.msgpack.decode(row) for home, row in zip(order, rows, strict=True) if row is not None}
        return {
            record: (home, said[home])
            for record, home in found.items()
            if home in said and record in said[home].get("records", ())
        }

    async def insight(self, table: str) -> dict[str, Any] | None:
        """The newest of the aggregate tables of this name."""
        row = await self._redis.hget(keys(self._agency, OWN).insights, table)
        return None if row is None else msgspec.msgpack.decode(row)

    async def controls(self) -> list[dict[str, Any]]:
        """How each control stands, in no order."""
        rows = await self._redis.hvals(keys(self._agency, OWN).controls)
        return [msgspec.msgpack.decode(row) for row in rows]

    async def preview(self, draft_id: str) -> dict[str, Any] | None:
        """What a draft of rules would have changed, as it was last said."""
        row = await self._redis.get(f"{keys(self._agency, OWN).previews}:{draft_id}")
        return None if row is None else msgspec.msgpack.decode(row)

    async def freshness(self, of: str) -> dict[str, Any] | None:
        """How fresh something is that the platform rests on, as it was last said."""
        row = await self._redis.hget(keys(self._agency, OWN).freshness, of)
        return None if row is None else msgspec.msgpack.decode(row)

    async def figures(self) -> dict[str, Any] | None:
        """How good the models were, as it was last said."""
        row = await self._redis.hget(keys(self._agency, OWN).models, FIGURES.partition(":")[2])
        return None if row is None else msgspec.msgpack.decode(row)

    async def fed_at(self, team: str) -> int | None:
        """When the feed last read (wall time, ms), None where it never did."""
        value = await self._redis.get(keys(self._agency, team).fed)
        return None if value is None else int(value)

    def _same(self, team: str, rows: list[bytes]) -> list[dict[str, Any]]:
        """Alerts, decoded where they are other than before."""
        before = self._alerts.get(team, {})
        known = self._alerts[team] = {row: before.get(row) or msgspec.msgpack.decode(row) for row in rows}
        return list(known.values())

    async def newest(self, team: str) -> str:
        """Id of the last change; a page remembers it and is told of all later ones."""
        return await live.newest(self._redis, keys(self._agency, team).changes)

    async def changes(self, team: str, last_id: str, wait_ms: int) -> AsyncIterator[tuple[str, str]]:
        """Changes after `last_id`, many at once told as one: (id of the last, kind). Never ends.

        Args:
            team: Team.
            last_id: Id of the last change seen, or `$` for those from now on. One that Redis no longer knows is
                another than the newest, so a page that was open before Redis was lost is told to look.
            wait_ms: Longest wait for one, ms; then the kind is `none`.
        """
        stream = self._streams.setdefault(team, live.Stream(self._redis, keys(self._agency, team).changes))
        if last_id == "$":
            last_id = await self.newest(team)
        while True:
            found = await stream.after(last_id, wait_ms)
            kind = "none" if found == last_id else "changed"
            last_id = found
            yield last_id, kind


def keys_about(household: str, records: Iterable[bytes]) -> tuple[str, ...]:
    """Keys that an alert is found by: its household, where there is one, and each own record."""
    of_home = (f"household:{household}",) if household else ()
    return (*of_home, *(f"record:{record.hex()}" for record in records))


def _newest_first(notices: list[bytes]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [msgspec.msgpack.decode(row) for row in notices]
    return sorted(found, key=lambda row: (row["presented_at"], row["notice_id"]), reverse=True)


def _by_alert(done: list[bytes]) -> dict[str, list[Deed]]:
    found: dict[str, list[Deed]] = {}
    for deed in sorted((_deed.decode(row) for row in done), key=lambda deed: deed.n):
        found.setdefault(deed.alert_id, []).append(deed)
    return found
