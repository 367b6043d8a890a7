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

import topology
from bridge.desk import live
from bridge.desk.duty import deeds
from bridge.desk.duty.deeds import Deed
from schemas.alert import MOVED, OUT_OF_HOURS

ALERTS_MAX = 5_000  # alerts kept a team; beyond, closed ones go first, then the oldest
DEEDS_MAX = 20_000  # things that people did kept a team, about 150 bytes each; beyond, the oldest go
DEEDS_BATCH = 1_000  # written or dropped at once
NOTICES_MAX = 500  # presence notices kept a team
CHANGES_MAX = 1_000  # changes that a dropped page can resume from; one that is further behind reads the list anew
SUGGESTIONS_MAX = 20_000  # suggestions kept, about 1 kB each; beyond, the weakest go
LINKS_MAX = 20_000  # households kept whose links are explained; beyond, whichever
HOUSEHOLDS_MAX = 20_000  # households kept, .8 kB each and at most 2; beyond, those that score lowest go first
HOUSEHOLD_KEPT = ("records", "score_ppm", "factors", "model", "trajectory", "outcomes", "behind", "as_of_at")
"""What a page shows of a household's row."""
KEPT_WHOLE = {"insight": "insights", "control": "controls", "freshness": "freshness"}
"""Kinds of rows of which there are few: where they are kept, by the rest of their key."""
LOOKUP_KEPT_S = 3600  # an answer is kept here so long at most; the platform takes it back before
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


_deed = msgspec.msgpack.Decoder(Deed)


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
            name: `alert`, `presence`, `view` or `preview`.
            message: Decoded message.
            place: `topic/partition`.
            next_offset: Offset after it.
        """
        at = keys(self._agency, team)
        if name == "view":
            take_view = self._take_lookup if message["kind"] == "lookup" else self._take_view
            take_view(at, message, place, next_offset)
            return
        if name == "preview":
            self._take_preview(at, message, place, next_offset)
            return
        table, key = (at.alerts, message["alert_id"]) if name == "alert" else (at.notices, message["notice_id"])
        kept = self._redis.hget(table, key)
        before = None if kept is None else msgspec.msgpack.decode(kept)
        newer = before is None or (name == "alert" and before["version"] < message["version"])
        pipe = self._redis.pipeline(transaction=True)
        if newer:
            if name == "alert":
                self._index(pipe, at.about, before, message)
            aside = {"aside": _aside(before, message)} if name == "alert" else {}
            pipe.hset(table, key, msgspec.msgpack.encode({**message, **aside}))
            pipe.xadd(at.changes, {"kind": name, "key": key}, maxlen=CHANGES_MAX, approximate=True)
        pipe.hset(at.offsets, place, next_offset)
        pipe.execute()
        limit = ALERTS_MAX if name == "alert" else NOTICES_MAX
        if newer and kept is None and self._redis.hlen(table) > limit:
            self._prune(table, at.about)

    def _take_preview(self, at: Keys, message: Mapping[str, Any], place: str, next_offset: int) -> None:
        """Keep what a draft of rules would have changed, for as long as its topic does."""
        pipe = self._redis.pipeline(transaction=True)
        key, value = f"{at.previews}:{message['draft_id']}", msgspec.msgpack.encode(message)
        pipe.set(key, value, ex=topology.RETENTION_S)
        pipe.hset(at.offsets, place, next_offset)
        pipe.execute()

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
            self._house(pipe, at, key, body.get("records", ()) if body else ())
            _keep_household(pipe, at, key, body)
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
            for lowest, _ in self._redis.zpopmin(at.scored):
                pipe = self._redis.pipeline(transaction=True)
                self._house(pipe, at, lowest.decode(), ())
                pipe.hdel(at.households, lowest)
                pipe.zrem(at.listed, lowest)
                pipe.execute()

    def _take_lookup(self, at: Keys, row: Mapping[str, Any], place: str, next_offset: int) -> None:
        """Keep an answer; it has an end of its own here, in case the platform's clock stands still."""
        pipe = self._redis.pipeline(transaction=True)
        answer, body = f"{at.lookups}:{row['key'].partition(':')[2]}", _body(row)
        if body is None:
            pipe.delete(answer)
        else:
            pipe.set(answer, msgspec.msgpack.encode(body), ex=LOOKUP_KEPT_S)
        pipe.hset(at.offsets, place, next_offset)
        pipe.execute()

    def skip(self, team: str, place: str, next_offset: int) -> None:
        """Pass over a message that could not be read."""
        self._redis.hset(keys(self._agency, team).offsets, place, str(next_offset))

    def redo(self, team: str, done: Iterable[Deed]) -> None:
        """Put back what people did, from the audit; of what Redis knows nothing changes."""
        last = sorted(done, key=lambda deed: deed.n)[-DEEDS_MAX:]
        for start in range(0, len(last), DEEDS_BATCH):
            rows = {str(deed.n): msgspec.msgpack.encode(deed) for deed in last[start : start + DEEDS_BATCH]}
            self._redis.hset(keys(self._agency, team).deeds, mapping=rows)

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
        self._streams: dict[str, live.Stream] = {}
        self._decoded: dict[str, tuple[str, list[dict[str, Any]]]] = {}

    async def alerts(self, team: str) -> list[dict[str, Any]]:
        """All alerts kept of a team, in no order; decoded once a change, whoever asks, so not to be altered."""
        at, newest = keys(self._agency, team), await self.newest(team)
        known = self._decoded.get(team)
        if known is None or known[0] != newest:
            rows = await self._redis.hvals(at.alerts)
            known = self._decoded[team] = newest, [msgspec.msgpack.decode(row) for row in rows]
        return known[1]

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

    async def deeds(self, team: str) -> dict[str, list[Deed]]:
        """What people did, by alert, in order."""
        rows = await self._redis.hvals(keys(self._agency, team).deeds)
        found: dict[str, list[Deed]] = {}
        for deed in sorted((_deed.decode(row) for row in rows), key=lambda deed: deed.n):
            found.setdefault(deed.alert_id, []).append(deed)
        return found

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


def _keep_household(pipe: Any, at: Keys, key: str, body: Mapping[str, Any] | None) -> None:
    """Keep a household's row, and its place by score and by id; or drop it where it is gone."""
    if body is None:
        pipe.hdel(at.households, key)
        pipe.zrem(at.scored, key)
        pipe.zrem(at.listed, key)
        return
    said = {name: body[name] for name in HOUSEHOLD_KEPT if name in body}
    pipe.hset(at.households, key, msgspec.msgpack.encode(said))
    pipe.zadd(at.scored, {key: body.get("score_ppm") or 0})
    pipe.zadd(at.listed, {key: 0})


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


def _aside(before: Mapping[str, Any] | None, message: Mapping[str, Any]) -> bool:
    """Whether a team has an alert out of hours only, beside the one it is for: it is said once, until it ends."""
    if message["correction"] in (OUT_OF_HOURS, MOVED):
        return bool(message["correction"] == OUT_OF_HOURS)
    return before is not None and before["state"] not in CLOSED and bool(before.get("aside"))


def _age(row: Mapping[str, Any]) -> int:
    return int(row.get("changed_at", row.get("presented_at", 0)))
