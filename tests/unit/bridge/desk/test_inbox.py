"""The newest state counts, a page that was away misses nothing, a lost Redis is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bridge.desk import inbox, writer
from bridge.desk.duty.deeds import Deed
from bridge.desk.inbox import Reader, keys
from bridge.desk.live import BLOCK_MS, CONNECTIONS_MAX
from bridge.desk.serve import remember
from tests.unit.bridge.desk.support import NOW, Made, alert, presence


@pytest.fixture(autouse=True)
async def closed(desk: Made) -> AsyncIterator[None]:
    """Connections belong to the test's own loop and end with it."""
    yield
    await desk.sessions_redis.aclose()


async def changes(reader: Reader, after: str, count: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    async for change in reader.changes("mash", after, 20):
        found.append(change)
        if len(found) == count:
            break
    return found


async def test_an_older_version_never_replaces_a_newer_one(desk: Made) -> None:
    for version in (1, 3, 2, 3):
        desk.arrives(alert(version=version, correction=f"v{version}"))
    kept = await desk.desk.inbox.alert("mash", "a1" * 16)
    assert kept is not None
    assert kept["correction"] == "v3"
    assert desk.redis.xlen(keys("council", "mash").changes) == 2
    assert desk.writer.offsets("mash") == {"alerts-mash/0": 4}


async def test_a_page_resumes_after_the_last_change_it_saw(desk: Made) -> None:
    reader = desk.desk.inbox
    after = await reader.newest("mash")
    assert after == "0-0"
    desk.arrives(alert("a" * 32))
    desk.arrives(presence())
    [(seen, kind)] = await changes(reader, after, 1)
    assert kind == "changed"
    assert await changes(reader, seen, 1) == [(seen, "none")]
    desk.arrives(alert("b" * 32))
    [(later, kind)] = await changes(reader, seen, 1)
    assert kind == "changed"
    assert later == await reader.newest("mash")


async def test_a_stream_that_waits_is_not_given_up_by_the_client_of_redis(desk: Made) -> None:
    connection = desk.sessions_redis.connection_pool.make_connection()
    assert connection.socket_timeout is None or connection.socket_timeout * 1000 > BLOCK_MS


async def test_a_waiting_page_is_told_at_once(desk: Made) -> None:
    async def first() -> str:
        async for _, kind in desk.desk.inbox.changes("mash", "$", 5_000):
            return kind
        return ""

    waiting = asyncio.create_task(first())
    await asyncio.sleep(0)
    while not waiting.done():
        await asyncio.to_thread(desk.arrives, alert(version=desk._offset + 1))
    assert await waiting == "changed"


async def test_a_page_from_before_a_lost_redis_is_told_of_all_there_is(desk: Made) -> None:
    desk.redis.xadd(keys("council", "mash").changes, {"kind": "alert"}, id="1-1")
    assert await changes(desk.desk.inbox, f"{NOW * 2}-0", 1) == [("1-1", "changed")]


async def test_a_lost_redis_is_noticed_and_what_people_decided_comes_back(desk: Made) -> None:
    assert desk.writer.alive("mash", NOW)
    desk.audit.record("u-sam", "acknowledge", ("a1" * 16,), team="mash")
    desk.audit.record("u-gone", "acknowledge", ("b1" * 16,), team="mash")
    desk.redis.flushdb()
    assert not desk.writer.alive("mash", NOW)
    assert desk.writer.offsets("mash") == {}
    remember(desk.writer, desk.config)
    assert (await desk.desk.inbox.kept("mash")).deeds == {
        "a1" * 16: [Deed(1, NOW, "u-sam", "acknowledge", "a1" * 16)],
        "b1" * 16: [Deed(2, NOW, "u-gone", "acknowledge", "b1" * 16)],
    }


async def test_beyond_its_bound_the_inbox_drops_what_is_closed_first(desk: Made, monkeypatch: object) -> None:
    monkeypatch.setattr(writer, "ALERTS_MAX", 2)  # type: ignore[attr-defined]
    desk.arrives(alert("old", changed_at=1))
    desk.arrives(alert("closed", changed_at=5, state="cleared"))
    desk.arrives(alert("new", changed_at=9))
    assert {row["alert_id"] for row in (await desk.desk.inbox.kept("mash")).alerts} == {"old", "new"}
    desk.arrives(alert("newer", changed_at=10))
    assert {row["alert_id"] for row in (await desk.desk.inbox.kept("mash")).alerts} == {"new", "newer"}


async def test_beyond_its_bound_the_oldest_deeds_go(desk: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (inbox, writer):
        monkeypatch.setattr(module, "DEEDS_MAX", 3)
    monkeypatch.setattr(inbox, "DEEDS_BATCH", 2)
    for n in (9, 10, 11, 12):
        await desk.desk.inbox.did("mash", Deed(n, NOW, "u", "act", "a1"))
    assert [deed.n for deed in ((await desk.desk.inbox.kept("mash")).deeds)["a1"]] == [11, 12]
    desk.writer.redo("mash", [Deed(n, NOW, "u", "act", "a1") for n in range(20)])
    assert [deed.n for deed in ((await desk.desk.inbox.kept("mash")).deeds)["a1"]] == [11, 12, 17, 18, 19]


async def test_a_team_that_has_an_alert_out_of_hours_only_keeps_knowing_so(desk: Made) -> None:
    said = [("updated", "out of hours"), ("updated", ""), ("cleared", "taken over by the team it is for"),
            ("updated", "unread"), ("updated", "out of hours"), ("updated", "moved to another team")]  # fmt: skip
    found = []
    for version, (state, correction) in enumerate(said, start=2):
        desk.arrives(alert(version=version, state=state, correction=correction))
        kept = await desk.desk.inbox.alert("mash", "a1" * 16)
        found.append(kept is not None and kept["aside"])
    assert found == [True, True, True, False, True, False]


async def test_more_readers_at_once_than_connections_are_all_answered(desk: Made) -> None:
    desk.arrives(alert())
    many = await asyncio.gather(*(desk.desk.inbox.alert("mash", "a1" * 16) for _ in range(5 * CONNECTIONS_MAX)))
    assert all(many)
