"""What an answer holds, and what it says of what did not fit; whose keys are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import ConfigError
from bridge.desk.exchange import partners
from bridge.desk.exchange.answer import Content, content
from bridge.desk.exchange.letters import CONTENT_MAX_BYTES
from tests.unit.bridge.desk.exchange.support import NOW, OTHER, PAIRS, RECORD, FakeHoldings

CALL = {"agency": "police", "name": "Northmere Police", "office_number": "01632 960111"}
NAMES = ("Wilhelmina", "Rosalind", "Ashdown", "P1", "2015")


class Many:
    """A person with many events, some with long texts."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes

    def person(self, pseudonym: bytes) -> dict[str, Any] | None:
        return {"given": "Ada", "surname": "Quill", "dob": "2015-01-02", "key": ["1"]}

    def profile(self, pseudonym: bytes) -> dict[str, Any] | None:
        return None

    def events_of(self, pseudonym: bytes) -> list[dict[str, Any]]:
        return [{"kind": "incident", "occurred_at": NOW - at, "texts": ["é" * size], "columns": {"n": at}, "factors": []}
                for at, size in enumerate(self.sizes)]  # fmt: skip


def made(kind: str, *records: bytes, **more: Any) -> str:
    return msgspec.json.encode(content(kind, records or (RECORD, OTHER), FakeHoldings(), CALL, **more)).decode()


def test_who_it_is_holds_no_event() -> None:
    text = made("identity")
    assert all(name in text for name in (*NAMES, "01632 960111"))
    assert "incident" not in text and "shouting" not in text


def test_a_summary_holds_kinds_dates_and_categories_and_no_name_or_text() -> None:
    text = made("summary")
    assert "incident" in text and str(NOW - 86_400_000) in text and '"violence"' in text
    assert not any(name in text for name in NAMES)
    assert "shouting" not in text and "grade" not in text


def test_a_record_holds_texts_and_columns_that_have_a_value() -> None:
    told = msgspec.json.decode(made("record"), type=Content)
    first, second = told.people[0].events
    assert (first.texts, first.columns) == (("neighbour heard shouting",), (("grade", "2"),))
    assert (second.texts, second.columns) == ((), ())


def test_what_the_store_no_longer_holds_is_not_among_the_people() -> None:
    assert msgspec.json.decode(made("identity", RECORD, b"gone"), type=Content).people[1:] == ()


@given(sizes=st.lists(st.integers(0, 3_000), max_size=60), max_bytes=st.integers(800, 20_000))
def test_what_does_not_fit_is_the_oldest_and_is_counted(sizes: list[int], max_bytes: int) -> None:
    found = content("record", (RECORD,), Many(sizes), CALL, max_bytes)
    assert len(msgspec.json.encode(found)) <= max_bytes
    told = msgspec.convert(found, Content)
    kept = [event.occurred_at for person in told.people for event in person.events]
    assert kept == [NOW - at for at in range(len(kept))]
    assert len(kept) + told.left_out == len(sizes)


def test_people_that_do_not_fit_are_counted() -> None:
    found = content("identity", (RECORD,) * 50, Many([]), CALL, 2_000)
    assert len(msgspec.json.encode(found)) <= 2_000
    assert len(found["people"]) + found["people_left_out"] == 50


def test_the_largest_answer_fits_a_letter() -> None:
    found = content("record", (RECORD,) * 40, Many([2_000] * 20), CALL)
    assert found["left_out"] > 0
    assert len(msgspec.json.encode(found)) <= CONTENT_MAX_BYTES


def test_partners_are_known_by_their_register_entries_and_we_are_not_our_own_partner(tmp_path: Path) -> None:
    file = tmp_path / "partners.json"
    entries = {
        name: {"agency": name, "sign_public": sign[1].hex(), "seal_public": seal[1].hex()}
        for name, (sign, seal) in PAIRS.items()
    }
    file.write_text(json.dumps(entries))
    found = partners.load(file, "council")
    assert set(found) == {"police", "hospital"}
    assert found["police"].sign_public == PAIRS["police"][0][1]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"police": {}}', '{"police": {"sign_public": "00", "seal_public": "00"}}', '{"police": 3}']
)
def test_a_file_without_keys_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "partners.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match="expected agency"):
        partners.load(file, "council")
    with pytest.raises(ConfigError, match="cannot be read"):
        partners.load(tmp_path / "none", "council")
