from datetime import UTC, datetime

import pytest

from bridge.mapping import Column, TableMap
from bridge.mapping_values import Refused, convert, key_of, place

LONDON = Column(sensitive="time", zone="Europe/London")
INSTANT = Column(sensitive="time", zone="instant")
PLAIN_UTC = Column(sensitive="time", zone="UTC")
DOB = Column(personal="dob")


def utc(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-07-01T12:00:00", utc(2025, 7, 1, 11)),
        ("2025-12-01T12:00:00", utc(2025, 12, 1, 12)),
        ("2025-12-01 12:00:00.5", utc(2025, 12, 1, 12) + 500),
        ("2025-07-01T12:00:00Z", utc(2025, 7, 1, 11)),  # Debezium's isostring marks a local wall time as UTC
        ("2025-10-26T01:30:00", utc(2025, 10, 26, 0, 30)),  # comes twice: the first
        ("2025-10-26T00:59:59", utc(2025, 10, 25, 23, 59, 59)),
        ("2025-10-26T02:00:00", utc(2025, 10, 26, 2)),
        ("2025-03-30T01:30:00", utc(2025, 3, 30, 1, 30)),  # never came: as if the clocks had not gone forward
        ("2025-03-30T00:59:59", utc(2025, 3, 30, 0, 59, 59)),
        ("2025-03-30T02:00:00", utc(2025, 3, 30, 1)),
    ],
)
def test_local_times_of_change_over_nights_have_one_meaning(text, expected):
    assert convert(LONDON, text) == expected


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_integers_count_the_local_wall_clock_as_if_it_were_utc(unit):
    factor = {"ms": 1, "us": 1000, "ns": 1_000_000}[unit]
    wall = utc(2025, 7, 1, 12) * factor
    assert convert(LONDON.model_copy(update={"unit": unit}), wall) == utc(2025, 7, 1, 11)
    assert convert(INSTANT.model_copy(update={"unit": unit}), wall) == utc(2025, 7, 1, 12)


def test_an_instant_needs_its_offset_and_a_wall_clock_must_have_none():
    assert convert(INSTANT, "2025-07-01T12:00:00+01:00") == utc(2025, 7, 1, 11)
    assert convert(PLAIN_UTC, "2025-07-01T12:00:00") == utc(2025, 7, 1, 12)
    for column, text in ((INSTANT, "2025-07-01T12:00:00"), (LONDON, "2025-07-01T12:00:00+01:00")):
        with pytest.raises(Refused, match="bad_date"):
            convert(column, text)


@pytest.mark.parametrize("value", ["infinity", "-infinity", "+5877611-06-21Z", 2_146_033_979, -622_191_234, ""])
def test_dates_out_of_range_are_null(value):
    assert convert(DOB, value) is None


@pytest.mark.parametrize("value", ["infinity", "0099-01-01T00:00:00Z", 9_223_372_036_854_775_807])
def test_times_out_of_range_are_null(value):
    assert convert(INSTANT, value) is None


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        (16_129, None, "2014-02-28"),
        ("2014-02-28Z", None, "2014-02-28"),
        ("2014-02-28T00:00:00", None, "2014-02-28"),
        ("28/02/2014", "%d/%m/%Y", "2014-02-28"),
    ],
)
def test_a_date_in_any_form_is_one_date(value, form, expected):
    assert convert(DOB.model_copy(update={"format": form}), value) == expected


@pytest.mark.parametrize("value", ["2014-02-30", "28/02/2014", "soon", True, "2014-02-28T13:00:00"])
def test_what_is_no_date_is_refused(value):
    with pytest.raises(Refused, match="bad_date"):
        convert(DOB, value)


def test_a_date_column_is_midnight_in_its_zone():
    column = Column(sensitive="date", zone="Europe/London")
    assert convert(column, "2025-07-01") == utc(2025, 6, 30, 23)


def test_flags_are_read_by_word_or_by_the_codes_that_mean_yes():
    flag = Column(sensitive="flag")
    assert [convert(flag, value) for value in (True, "Y", "no", 0, "")] == [True, True, False, False, False]
    with pytest.raises(Refused, match="bad_flag"):
        convert(flag, "perhaps")
    listed = Column(personal="restricted", yes=["R"])
    assert [convert(listed, value) for value in ("R", "X")] == [True, False]


def test_a_row_keeps_placed_columns_and_refuses_others():
    table = TableMap(key=["id"], columns={"id": "key", "name": {"personal": "given"}, "seen": "ignored"})
    assert place(table, {"id": 1, "name": " Ada ", "seen": object()}, "t") == {"id": "1", "name": "Ada"}
    with pytest.raises(Refused, match=r"unplaced_column: t\.new") as refused:
        place(table, {"id": 1, "new": "Okonkwo"}, "t")
    assert "Okonkwo" not in f"{refused.value}{refused.value.fix}"


def test_a_key_is_the_same_in_whatever_form_a_time_in_it_comes():
    table = TableMap(key=["id", "at"], columns={"id": "key", "at": {"key": True, "sensitive": "time", "zone": "UTC"}})
    assert key_of(table, {"id": 1, "at": "2025-07-01T12:00:00"}, "t") == key_of(
        table, {"id": "1", "at": utc(2025, 7, 1, 12) * 1000}, "t"
    )
    with pytest.raises(Refused, match="missing_key"):
        key_of(table, {"id": None, "at": 1}, "t")
    with pytest.raises(Refused, match="missing_key"):
        key_of(table, {"id": 1}, "t")


def test_a_refusal_holds_no_value():
    try:
        convert(DOB, "Okonkwo")
    except Refused as refused:
        assert "Okonkwo" not in repr(refused)
        assert refused.__cause__ is None
        assert refused.__suppress_context__
