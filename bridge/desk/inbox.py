"""The inbox in Redis: the newest state of each alert and presence notice of a team, and that something changed.

Beside them the rows of the agency's own views that a page shows: suggested links, what holds people together, where
households are heading, demand, how the controls stand, and how good the models were; and, to find them by, in which
household a record is and which alerts are about whom.

Decides how messages are kept beside the desk and how a lost Redis shows. Everything here is made from the team's
topics and the audit and is rebuilt from them; pseudonyms only, never a name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import redis
import redis.asyncio

ALERTS_MAX = 5_000  # alerts kept a team; beyond, closed ones go first, then the oldest
NOTICES_MAX = 500  # presence notices kept a team
CHANGES_MAX = 1_000  # changes that a dropped page can resume from; one that is further behind reads the list anew
SUGGESTIONS_MAX = 20_000  # suggestions kept, about 1 kB each; beyond, the weakest go
LINKS_MAX = 20_000  # households kept whose links are explained; beyond, whichever
HOUSEHOLDS_MAX = 20_000  # households kept of which something is said; beyond, those that are heading nowhere first
HOUSEHOLD_KEPT = ("trajectory", "outcomes", "behind", "as_of_at", "records", "score_ppm", "factors", "model")
"""What a page shows of a household's row."""
SAMPLE = 16  # households looked at to find one to drop
KEPT_WHOLE = {"insight": "insights", "control": "controls", "freshness": "freshness"}
"""Kinds of rows of which there are few: where they are kept, by the rest of their key."""
FIGURES = "model:figures"  # the one row of its kind that a page shows
CLOSED = ("cleared", "retracted")
OWN = "=agency"
"""Stands for a team where something is the whole agency's: no topic, hence no team, can have this name."""


class Taken(NamedTuple):
    """Who acknowledged an alert, and when (wall time, ms)."""

    user: str
    name: str
    at: int


class Keys(NamedTuple):
    """Names of everything one team has in Redis."""

    alerts: str
    notices: str
    taken: str
    offsets: str
    changes: str
    fed: str
    suggestions: str
    ranks: str
    links: str
    households: str
    insights: str
    controls: str
    freshness: str
    models: str
    homes: str
    about: str


def keys(agency: str, team: str) -> Keys:
    """Names for one team; the braces keep them on one node of a cluster."""
    return Keys(*(f"desk:{{{agency}/{team}}}:{name}" for name in Keys._fields))


class Writer:
    """Takes what the feed brings. One writer a team.

    Args:
        connection: Redis.
        agency: This agency.
    """

    def __init__(self, connection: redis.Redis, agency: str) -> None:
        self._redis: Any = connection  # redis types its answers for both of its clients at once
        self._agency = agency

    def offsets(self, team: str) -> dict[str, int]:
        """Next offset by `topic/partition`; empty where Redis is new or was lost."""
        found = self._redis.hgetall(keys(self._agency, team).offsets)
        return {name.decode(): int(offset) for name, offset in found.items()}

    def alive(self, team: str, at: int) -> bool:
        """Say that the feed read at `at` (wall time, ms).

        Returns:
            False where Redis has lost the team's mark: the feed then reads its topics from the start.
        """
        return self._redis.set(keys(self._agency, team).fed, at, get=True) is not None

    def take(self, team: str, name: str, message: Mapping[str, Any], place: str, next_offset: int) -> None:
        """Keep one message if it is newer than what is kept, together with the place in its topic.

        Args:
            team: Team whose topic it came from.
            name: `alert`, `presence` or `view`.
            message: Decoded message.
            place: `topic/partition`.
            next_offset: Offset after it.
        """
        at = keys(self._agency, team)
        if name == "view":
            self._take_view(at, message, place, next_offset)
            return
        table, key = (at.alerts, message["alert_id"]) if name == "alert" else (at.notices, message["notice_id"])
        kept = self._redis.hget(table, key)
        newer = kept is None or (name == "alert" and msgspec.msgpack.decode(kept)["version"] < message["version"])
        pipe = self._redis.pipeline(transaction=True)
        if newer:
            if name == "alert":
                self._index(pipe, at.about, None if kept is None else msgspec.msgpack.decode(kept), message)
            pipe.hset(table, key, msgspec.msgpack.encode(message))
            pipe.xadd(at.changes, {"kind": name, "key": key}, maxlen=CHANGES_MAX, approximate=True)
        pipe.hset(at.offsets, place, next_offset)
        pipe.execute()
        limit = ALERTS_MAX if name == "alert" else NOTICES_MAX
        if newer and kept is None and self._redis.hlen(table) > limit:
            self._prune(table, at.about)

    def _take_view(self, at: Keys, row: Mapping[str, Any], place: str, next_offset: int) -> None:
        """Keep one row of the agency's views, or drop it where it is gone; what no page shows is not kept."""
        pipe = self._redis.pipeline(transaction=True)
        key = row["key"].partition(":")[2]
        body = _body(row)
        if row["kind"] == "suggestion":
            if body is None:
                pipe.hdel(at.suggestions, key)
                pipe.zrem(at.ranks, key)
            else:
                pipe.hset(at.suggestions, key, msgspec.msgpack.encode(body))
                pipe.zadd(at.ranks, {key: body.get("link_milli", 0)})
        elif row["kind"] == "link":
            pipe.hdel(at.links, key) if body is None else pipe.hset(at.links, key, msgspec.msgpack.encode(body))
        elif row["kind"] == "household":
            said = {name: body[name] for name in HOUSEHOLD_KEPT if name in body} if body else {}
            known = any(said.get(name) for name in ("trajectory", "outcomes", "records"))
            self._house(pipe, at, key, said.get("records", ()))
            pipe.hset(at.households, key, msgspec.msgpack.encode(said)) if known else pipe.hdel(at.households, key)
        elif row["kind"] in KEPT_WHOLE and body is not None:
            pipe.hset(getattr(at, KEPT_WHOLE[row["kind"]]), key, msgspec.msgpack.encode(body))
        elif row["key"] == FIGURES and body is not None:
            pipe.hset(at.models, key, msgspec.msgpack.encode(body))
        pipe.hset(at.offsets, place, next_offset)
        pipe.execute()
        if row["kind"] == "suggestion" and self._redis.zcard(at.ranks) > SUGGESTIONS_MAX:
            for weakest, _ in self._redis.zpopmin(at.ranks):
                self._redis.hdel(at.suggestions, weakest)
        elif row["kind"] == "link" and self._redis.hlen(at.links) > LINKS_MAX:
            self._redis.hdel(at.links, self._redis.hrandfield(at.links))
        elif row["kind"] == "household" and self._redis.hlen(at.households) > HOUSEHOLDS_MAX:
            self._drop_household(at)

    def skip(self, team: str, place: str, next_offset: int) -> None:
        """Pass over a message that could not be read."""
        self._redis.hset(keys(self._agency, team).offsets, place, str(next_offset))

    def retake(self, team: str, rows: Iterable[tuple[str, Taken]]) -> None:
        """Put back who acknowledged what, from the audit, where Redis does not know it."""
        for alert_id, taken in rows:
            self._redis.hsetnx(keys(self._agency, team).taken, alert_id, msgspec.msgpack.encode(taken))

    def _drop_household(self, at: Keys) -> None:
        some = self._redis.hrandfield(at.households, SAMPLE, withvalues=True)
        pairs = list(zip(some[::2], some[1::2], strict=True))
        low = (key for key, row in pairs if not msgspec.msgpack.decode(row).get("trajectory"))
        key = next(low, pairs[0][0])
        pipe = self._redis.pipeline(transaction=True)
        self._house(pipe, at, key.decode(), ())
        pipe.hdel(at.households, key)
        pipe.execute()

    def _house(self, pipe: Any, at: Keys, household: str, records: Sequence[str]) -> None:
        """Say in which household these records are, and of those that it had before that they are not."""
        kept = self._redis.hget(at.households, household)
        before = set(msgspec.msgpack.decode(kept).get("records", ())) - set(records) if kept is not None else ()
        gone = sorted(before)
        homes = self._redis.hmget(at.homes, gone) if gone else []
        left = [record for record, home in zip(gone, homes, strict=True) if home == household.encode()]
        if left:  # the others have been said to be in another one since
            pipe.hdel(at.homes, *left)
        if records:
            pipe.hset(at.homes, mapping=dict.fromkeys(records, household))

    def _index(
        self, pipe: Any, table: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
    ) -> None:  # fmt: skip
        """Say which household and own records an alert is about, where they were others before."""
        old, new = (
            keys_about(alert["household"], alert["records"]) if alert is not None else () for alert in (before, after)
        )
        if set(old) == set(new):
            return
        alert_id = (after or before or {})["alert_id"]
        found = dict.fromkeys((*old, *new))
        for key, value in zip(found, self._redis.hmget(table, list(found)), strict=True):
            ids = set(msgspec.msgpack.decode(value) if value is not None else ()) - {alert_id}
            ids |= {alert_id} if key in new else set()
            pipe.hset(table, key, msgspec.msgpack.encode(sorted(ids))) if ids else pipe.hdel(table, key)

    def _prune(self, table: str, index: str) -> None:
        rows = self._redis.hgetall(table)
        decoded = [(key, msgspec.msgpack.decode(value)) for key, value in rows.items()]
        first = min(decoded, key=lambda row: (row[1].get("state") not in CLOSED, _age(row[1]), row[0]))
        pipe = self._redis.pipeline(transaction=True)
        if "alert_id" in first[1]:
            self._index(pipe, index, first[1], None)
        pipe.hdel(table, first[0])
        pipe.execute()


class Reader:
    """What the pages read.

    Args:
        connection: Redis, asynchronous.
        agency: This agency.
    """

    def __init__(self, connection: redis.asyncio.Redis, agency: str) -> None:
        self._redis: Any = connection  # redis types its answers for both of its clients at once
        self._agency = agency

    async def alerts(self, team: str) -> list[dict[str, Any]]:
        """All alerts kept of a team, in no order."""
        rows = await self._redis.hvals(keys(self._agency, team).alerts)
        return [msgspec.msgpack.decode(row) for row in rows]

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

    async def notices(self, team: str) -> list[dict[str, Any]]:
        """All presence notices kept of a team, newest first."""
        rows = await self._redis.hvals(keys(self._agency, team).notices)
        found: list[dict[str, Any]] = [msgspec.msgpack.decode(row) for row in rows]
        return sorted(found, key=lambda row: (row["presented_at"], row["notice_id"]), reverse=True)

    async def taken(self, team: str) -> dict[str, Taken]:
        """Who acknowledged what."""
        rows = await self._redis.hgetall(keys(self._agency, team).taken)
        return {key.decode(): msgspec.msgpack.decode(value, type=Taken) for key, value in rows.items()}

    async def take(self, team: str, alert_id: str, taken: Taken) -> None:
        """Say that somebody has it: the first one stays; open pages are told."""
        at = keys(self._agency, team)
        pipe = self._redis.pipeline(transaction=True)
        pipe.hsetnx(at.taken, alert_id, msgspec.msgpack.encode(taken))
        pipe.xadd(at.changes, {"kind": "taken", "key": alert_id}, maxlen=CHANGES_MAX, approximate=True)
        await pipe.execute()

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

    async def links(self, household: str) -> dict[str, Any] | None:
        """What holds the people of a household together, as it was when an alert last spoke of it."""
        row = await self._redis.hget(keys(self._agency, OWN).links, household)
        return None if row is None else msgspec.msgpack.decode(row)

    async def household(self, household: str) -> dict[str, Any] | None:
        """What is said of a household, as it was last said."""
        row = await self._redis.hget(keys(self._agency, OWN).households, household)
        return None if row is None else msgspec.msgpack.decode(row)

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

    async def newest(self, team: str) -> str:
        """Id of the last change; a page remembers it and is told of all later ones."""
        found = await self._redis.xrevrange(keys(self._agency, team).changes, count=1)
        return found[0][0].decode() if found else "0-0"

    async def changes(self, team: str, last_id: str, wait_ms: int) -> AsyncIterator[tuple[str, str]]:
        """Changes after `last_id`, many at once told as one: (id of the last, kind). Never ends.

        Args:
            team: Team.
            last_id: Id of the last change seen, or `$` for those from now on.
            wait_ms: Longest wait for one, ms; then the kind is `none`.
        """
        stream = keys(self._agency, team).changes
        newest = await self.newest(team)
        if last_id == "$":
            last_id = newest
        elif _before(newest, last_id):  # Redis was lost: its ids began again, all there is is new
            last_id = "0-0"
        while True:
            found = await self._redis.xread({stream: last_id}, count=CHANGES_MAX, block=wait_ms)
            kind = "none"
            if found:
                entries = next(iter(found.values()))[0] if isinstance(found, dict) else found[0][1]
                last_id, kind = entries[-1][0].decode(), "changed"
            yield last_id, kind


def keys_about(household: str, records: Iterable[bytes]) -> tuple[str, ...]:
    """Keys that an alert is found by: its household, where there is one, and each own record."""
    of_home = (f"household:{household}",) if household else ()
    return (*of_home, *(f"record:{record.hex()}" for record in records))


def _body(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Body of a row and when it was said; None where the row is gone, or its body is no object."""
    try:
        return {**msgspec.json.decode(row["body"] or "null", type=dict[str, Any]), "as_of_at": row["as_of_at"]}
    except msgspec.DecodeError:
        return None


def _before(one: str, other: str) -> bool:
    return tuple(map(int, one.split("-"))) < tuple(map(int, other.split("-")))


def _age(row: Mapping[str, Any]) -> int:
    return int(row.get("changed_at", row.get("presented_at", 0)))
