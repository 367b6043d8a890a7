"""The commit record: one rule of reading, parts as a set, seals bound to their place."""

from __future__ import annotations

import itertools

import pytest

from schemas.commit import ZERO_HASH, Commit
from schemas.crypto import Aead
from streams.runtime import commits
from streams.runtime.commits import Body, Chain, Damaged, Place
from streams.state import Out

CIPHER = Aead(bytes(32))
counter = itertools.count()


def nonce() -> bytes:
    return next(counter).to_bytes(12, "big")


def made(place: Place, next_: int, body: Body | None = None, max_bytes: int = 900_000, partition: int = 0):
    body = body or Body(b"\x90", ())
    return commits.make(CIPHER, partition, place, next_, body, "w", "1", nonce, max_bytes)


def feed(chain: Chain, records: list[Commit]) -> list[list[Commit]]:
    return [list(chain.offer(chain.place.end, record)) for record in records]


def test_a_record_counts_only_if_it_begins_where_the_reader_stands() -> None:
    chain = Chain(0)
    (first,) = made(Place(), 3)
    (second,) = made(Place(3, first["hash"], 1, 0), 5)
    assert feed(chain, [second, first, first, second]) == [[], [first], [], [second]]
    assert chain.place == Place(5, second["hash"], 4, 3)
    assert chain.rejected == 2


def test_two_writers_at_one_place_the_first_counts() -> None:
    chain = Chain(0)
    (mine,), (theirs,) = made(Place(), 3), made(Place(), 4)
    assert feed(chain, [theirs, mine]) == [[theirs], []]
    assert chain.place.next == 4


def test_a_record_of_another_partition_never_counts() -> None:
    (record,) = made(Place(), 3, partition=1)
    assert feed(Chain(0), [record]) == [[]]


def test_parts_count_as_a_set_and_open_to_what_went_in() -> None:
    body = Body(bytes(range(256)) * 20, (Out("alert", "mash", "p", b"x" * 500),))
    parts = made(Place(), 7, body, max_bytes=700)
    assert len(parts) > 3
    chain = Chain(0)
    accepted = feed(chain, parts)
    assert accepted[:-1] == [[]] * (len(parts) - 1)
    assert commits.open_set(CIPHER, accepted[-1]) == body
    assert chain.place.next == 7


def test_a_new_part_0_begins_anew_and_what_is_left_of_the_old_is_refused() -> None:
    old, new = made(Place(), 7, Body(b"o" * 900, ()), 400), made(Place(), 9, Body(b"n" * 900, ()), 400)
    chain = Chain(0)
    order = [old[0], new[0], old[1], new[1], old[2], new[2]]
    assert [bool(found) for found in feed(chain, order)] == [False] * 5 + [True]
    assert chain.place.next == 9


def test_a_whole_record_between_parts_wins() -> None:
    parts = made(Place(), 7, Body(b"o" * 900, ()), 400)
    (whole,) = made(Place(), 5)
    chain = Chain(0)
    assert [bool(found) for found in feed(chain, [parts[0], whole, parts[1], parts[2]])] == [
        False,
        True,
        False,
        False,
    ]


def test_a_hole_in_the_log_is_damage() -> None:
    (record,) = made(Place(), 3)
    with pytest.raises(Damaged, match="gap"):
        Chain(0).offer(1, record)


def test_every_flipped_byte_is_damage_or_refused() -> None:
    (record,) = made(Place(), 3, Body(b"delta", (Out("alert", "mash", "p", b"body"),)))
    data = commits.frame(record)
    assert commits.parse(data) == record
    for position in range(len(data)):
        broken = bytearray(data)
        broken[position] ^= 0x01
        try:
            parsed = commits.parse(bytes(broken))
            accepted = Chain(0).offer(0, parsed)
            assert commits.open_set(CIPHER, accepted) if accepted else True
            # the writer's name and the nonce are outside the hash: the name is for operators, the seal holds the nonce
            assert parsed["writer"] != "w" or not accepted, position
        except Damaged:
            pass


def test_a_seal_moved_to_another_place_does_not_open() -> None:
    (record,) = made(Place(), 3)
    for change in ({"prev": 1}, {"next": 4}, {"behaviour": "2"}, {"partition": 1}, {"prev_hash": b"\1" * 32}):
        with pytest.raises(Damaged, match="seal_broken"):
            commits.open_set(CIPHER, [{**record, **change}])  # type: ignore[typeddict-item]


def test_a_wrong_key_opens_nothing() -> None:
    with pytest.raises(Damaged, match="seal_broken"):
        commits.open_set(Aead(b"\1" * 32), made(Place(), 3))


@pytest.mark.parametrize("change", [{"prev": -1}, {"next": 0}, {"part": 1}, {"parts": 0}, {"parts": 99_999}])
def test_numbers_that_make_no_sense_are_damage(change: dict[str, int]) -> None:
    (record,) = made(Place(), 3)
    with pytest.raises(Damaged, match="bad_numbers"):
        commits.parse(commits.frame({**record, **change}))  # type: ignore[typeddict-item]


def test_what_is_no_commit_at_all_is_damage() -> None:
    with pytest.raises(Damaged, match="empty"):
        commits.parse(b"")


def test_a_chunk_that_would_take_too_many_parts_is_refused_by_its_maker() -> None:
    with pytest.raises(ValueError, match="parts"):
        made(Place(), 3, Body(b"x" * 10_000, ()), max_bytes=2)


def test_the_beginning_is_nothing() -> None:
    assert Chain(0).place == Place(0, ZERO_HASH, 0, -1)
