"""Where a household is heading, and each outcome's probability, leave the platform at the summary, by the reader's own ids, and not below it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from schemas import codec
from streams.outbox import RUNG_SUMMARY, Cutter, HouseholdOut, Reader
from streams.risk.foresight import Outlook
from streams.risk.targets import FEW, Chance, Foreseen
from streams.risk.trajectory import WEEKS, Line
from streams.state import Out

HOUSE, CHILD = b"h" * 16, b"c" * 16
LINES = tuple(Line(10_000 * n, 20_000 * n, 5_000 * n, 90_000 * n) for n in range(1, len(WEEKS) + 1))
CUT = Cutter(bytes(32))


def bodies(outlook: Outlook | None, *readers: Reader, outcomes: tuple[Foreseen, ...] = ()) -> list[dict[str, Any]]:
    said = HouseholdOut(HOUSE, 7, readers, 123_000, "4/all", (), outlook=outlook, outcomes=outcomes)
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


OTHER = b"d" * 16
SAID = (
    Foreseen(
        "need_or_plan", 180, "all", 90_000, (Chance(CHILD, ("council",), 90_000), Chance(OTHER, ("police",), 7))
    ),
    Foreseen("early_help", 90, FEW),
)


@pytest.mark.parametrize("rung", range(5))
def test_what_is_foreseen_goes_with_the_score(rung: int) -> None:
    (body,) = bodies(None, Reader("council", rung), outcomes=SAID)
    assert ("outcomes" in body) == ("score_ppm" in body) == (rung >= RUNG_SUMMARY)


def test_of_children_each_reader_has_those_it_holds_a_record_of_by_ids_of_its_own() -> None:
    council, police, school = bodies(
        None, *(Reader(name, 3) for name in ("council", "police", "school")), outcomes=SAID
    )
    for body in (council, police, school):
        need, help_ = body["outcomes"]
        assert (need["outcome"], need["horizon_days"], need["stage"], need["ppm"]) == (
            "need_or_plan",
            180,
            "all",
            90_000,
        )
        assert help_ == {"outcome": "early_help", "horizon_days": 90, "stage": FEW, "ppm": None, "people": {}}
    assert council["outcomes"][0]["people"] == {CUT.entity_id("council", CHILD): 90_000}
    assert police["outcomes"][0]["people"] == {CUT.entity_id("police", OTHER): 7}
    assert school["outcomes"][0]["people"] == {}
