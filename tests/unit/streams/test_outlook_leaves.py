"""Where a household is heading leaves the platform at the summary, by the reader's own ids, and not below it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from schemas import codec
from streams.outbox import RUNG_SUMMARY, Cutter, HouseholdOut, Reader
from streams.risk.foresight import Outlook
from streams.risk.trajectory import WEEKS, Line
from streams.state import Out

HOUSE, CHILD = b"h" * 16, b"c" * 16
LINES = tuple(Line(10_000 * n, 20_000 * n, 5_000 * n, 90_000 * n) for n in range(1, len(WEEKS) + 1))
CUT = Cutter(bytes(32))


def bodies(outlook: Outlook | None, *readers: Reader) -> list[dict[str, Any]]:
    said = HouseholdOut(HOUSE, 7, readers, 123_000, "4/all", (), outlook=outlook)
    messages = CUT(Out("household", "", "northmere", msgspec.msgpack.encode(said)))[1:]  # the first is the operators'
    return [json.loads(codec.decode(message.value, frozenset({"view"}))[1]["body"]) for message in messages]


@pytest.mark.parametrize("rung", range(5))
def test_the_lines_go_with_the_score(rung: int) -> None:
    (body,) = bodies(Outlook(123_000, LINES, ((CHILD, LINES),)), Reader("council", rung))
    assert ("trajectory" in body) == ("score_ppm" in body) == (rung >= RUNG_SUMMARY)


def test_each_reader_has_them_by_ids_of_its_own() -> None:
    one, other = bodies(Outlook(123_000, LINES, ((CHILD, LINES),)), Reader("council", 3), Reader("police", 3))
    assert one["trajectory"]["household"] == other["trajectory"]["household"]
    assert one["trajectory"]["household"]["low_ppm"] == [line.low for line in LINES]
    assert set(one["trajectory"]["people"]) == {CUT.entity_id("council", CHILD)}
    assert set(other["trajectory"]["people"]) == {CUT.entity_id("police", CHILD)}
    assert CHILD.hex() not in json.dumps(one)


def test_a_household_of_which_nothing_is_said_has_no_lines() -> None:
    (body,) = bodies(None, Reader("council", 4))
    assert body["score_ppm"] == 123_000
    assert "trajectory" not in body
