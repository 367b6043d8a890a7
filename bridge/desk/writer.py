"""What the feeds bring, put into Redis beside the desk.

Decides which message is newer, how many of each kind are kept, and how a lost Redis shows. Everything here is made
from the team's topics and the audit and is rebuilt from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import redis

import topology
from bridge.desk.duty.deeds import Deed
from bridge.desk.inbox import CHANGES_MAX, CLOSED, DEEDS_BATCH, DEEDS_MAX, FIGURES, Keys, keys, keys_about
from schemas.alert import MOVED, OUT_OF_HOURS

ALERTS_MAX = 5_000  # alerts kept a team; beyond, closed ones go first, then the oldest
NOTICES_MAX = 500  # presence notices kept a team
SUGGESTIONS_MAX = 20_000  # suggestions kept, about 1 kB each; beyond, the weakest go
LINKS_MAX = 20_000  # households kept whose links are explained; beyond, whichever
HOUSEHOLDS_MAX = 20_000  # households kept, .8 kB each and at most 2; beyond, those that score lowest go first
HOUSEHOLD_KEPT = ("records", "score_ppm", "factors", "model", "trajectory", "outcomes", "behind", "as_of_at")
"""What a page shows of a household's row."""
KEPT_WHOLE = {"insight": "insights", "control": "controls", "freshness": "freshness"}
"""Kinds of rows of which there are few: where they are kept, by the rest of their key."""
LOOKUP_KEPT_S = 3600  # an answer is kept here so long at most; the platform takes it back before


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
        at, last = keys(self._agency, team), sorted(done, key=lambda deed: deed.n)[-DEEDS_MAX:]
        for start in range(0, len(last), DEEDS_BATCH):
            rows = {str(deed.n): msgspec.msgpack.encode(deed) for deed in last[start : start + DEEDS_BATCH]}
            self._redis.hset(at.deeds, mapping=rows)
        self._redis.xadd(at.changes, {"kind": "redone"}, maxlen=CHANGES_MAX, approximate=True)

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
