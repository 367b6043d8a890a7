"""`verify` names the first break, and takes zombies for what they are."""

from __future__ import annotations

import random

import pytest

from schemas.crypto import Aead
from streams.runtime.commits import Place
from streams.tools.verify import walk
from tests.unit.streams.runtime.memory import Log, entry, lane

CIPHER = Aead(bytes(32))


async def chain(records: int = 12) -> Log:
    log = Log()
    one = lane(log)
    for number in range(records):
        await one.take(number, [entry(f"k{number % 3}")])
    return log


def report(records: list[bytes], **more):
    return walk(0, enumerate(records), CIPHER, **more)


async def test_an_honest_chain_is_whole_with_and_without_the_key() -> None:
    log = await chain()
    assert report(log.records).broken_at is None
    bare = walk(0, enumerate(log.records))
    assert (bare.broken_at, bare.records, bare.place.next) == (None, 12, 12)


async def test_a_zombies_records_are_no_break() -> None:
    log, other = await chain(3), Log()
    other.records = list(log.records)
    zombie = lane(other, nonces=4000)
    zombie.catch_up()
    one = lane(log, nonces=100)
    await one.take(3, [entry("a"), entry("b")])
    await zombie.take(3, [entry("a")])
    log.records.append(other.records[-1])
    await lane(log, nonces=9000).take(5, [entry("c")])
    found = report(log.records)
    assert (found.broken_at, found.rejected, found.place.next) == (None, 1, 6)


async def test_a_flipped_byte_is_found_at_its_offset() -> None:
    log = await chain()
    rng = random.Random(1)
    for _ in range(150):
        records = list(log.records)
        at, position = rng.randrange(12), rng.randrange(len(records[0]))
        data = bytearray(records[at])
        if position >= len(data):
            continue
        data[position] ^= 1 << rng.randrange(8)
        records[at] = bytes(data)
        found = report(records)
        # only the writer's name is outside hash and seal: it is for operators and decides nothing
        assert found.broken_at == at or b"\x02t" in log.records[at][position - 1 : position + 2], (at, position)


@pytest.mark.parametrize(
    ("change", "at", "reason"),
    [
        (lambda r: r[:5] + r[6:], 5, "unlinked"),
        (lambda r: [*r[:5], r[6], r[5], *r[7:]], 5, "unlinked"),
        (lambda r: [*r[:5], r[4], *r[5:]], 5, "repeated"),
        (lambda r: r[1:], 0, "unlinked"),
        (lambda r: [*r[:5], b"", *r[6:]], 5, "empty"),
    ],
    ids=["dropped", "reordered", "repeated", "beginning gone", "emptied"],
)
async def test_a_record_dropped_reordered_or_repeated_is_found(change, at: int, reason: str) -> None:
    found = report(change((await chain()).records))
    assert (found.broken_at, found.reason) == (at, reason)


async def test_a_cut_end_shows_against_a_head_kept_elsewhere() -> None:
    log = await chain()
    head = report(log.records).place.hash.hex()
    assert report(log.records, head=head).broken_at is None
    assert report(log.records[:-1]).broken_at is None
    assert report(log.records[:-1], head=head).reason == "head_not_met"


async def test_a_forged_record_without_the_key_is_found_with_it() -> None:
    log = await chain(3)
    forged = Log()
    forged.records = list(log.records)
    place = report(log.records).place
    from streams.runtime import commits
    from streams.runtime.commits import Body

    record = commits.make(Aead(b"\7" * 32), 0, place, 4, Body(b"\x90", ()), "w", "1", lambda: b"n" * 12)[0]
    forged.records.append(commits.frame(record))
    assert walk(0, enumerate(forged.records)).broken_at is None
    assert (report(forged.records).broken_at, report(forged.records).reason) == (3, "seal_broken")


async def test_a_walk_may_begin_at_a_snapshot() -> None:
    log = await chain()
    middle = report(log.records[:6]).place
    found = walk(0, ((offset, log.records[offset]) for offset in range(6, 12)), CIPHER, start=middle)
    assert (found.broken_at, found.place.next) == (None, 12)
    wrong = Place(middle.next, b"x" * 32, 6, 5)
    assert walk(0, ((o, log.records[o]) for o in range(6, 12)), CIPHER, start=wrong).broken_at == 6
