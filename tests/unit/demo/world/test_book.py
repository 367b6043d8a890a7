"""Writes in time become an initial state and ordered changes that a database accepts."""

import datetime

import pytest

from demo.world import T0_MS
from demo.world.book import Book, ddl, shapes
from demo.world.world import AGENCIES

PUPIL = {"pupil_no": "PU1", "forename": "A", "surname": "B", "school_code": 1, "address_withheld": False}


def test_shapes_are_read_from_the_sql():
    found = shapes(ddl("schools"))
    assert found["mis.attendance_mark"].key == ("pupil_no", "mark_date", "seq")
    assert found["mis.pupil"].key == ("pupil_no",)
    assert found["mis.pupil"].columns[:2] == ("pupil_no", "upn")
    assert shapes(ddl("hospital"))["pas.access_log"].key == ("patient_no", "accessed_at")


def test_writes_before_live_fold_into_the_initial_state():
    book = Book("schools")
    book.put(T0_MS - 5, "mis.pupil", PUPIL)
    book.put(T0_MS - 1, "mis.pupil", {"pupil_no": "PU1", "surname": "C"})
    assert [row["surname"] for _, row in book.initial()] == ["C"]
    assert book.changes() == []


def test_a_live_change_names_only_what_changed():
    book = Book("schools")
    book.put(T0_MS - 5, "mis.pupil", PUPIL)
    book.put(T0_MS, "mis.pupil", {"pupil_no": "PU1", "surname": "C"})
    (change,) = book.changes()
    assert change.sql == "UPDATE mis.pupil SET surname = %s WHERE pupil_no = %s"
    assert change.params == ("C", "PU1")
    assert change.row.values["forename"] == "A"


def test_a_write_that_changes_nothing_is_none():
    book = Book("schools")
    book.put(T0_MS - 5, "mis.pupil", PUPIL)
    book.put(T0_MS + 5, "mis.pupil", PUPIL)
    assert book.changes() == []


def test_order_of_calls_does_not_matter_order_of_time_does():
    book = Book("schools")
    book.put(T0_MS + 9, "mis.pupil", {"pupil_no": "PU1", "surname": "C"})
    book.put(T0_MS + 1, "mis.pupil", PUPIL)
    assert [change.row.op for change in book.changes()] == ["c", "u"]


def test_a_deleted_row_is_gone_and_deleting_nothing_is_no_change():
    book = Book("schools")
    book.put(T0_MS + 1, "mis.pupil", PUPIL)
    book.remove(T0_MS + 2, "mis.pupil", {"pupil_no": "PU1"})
    book.remove(T0_MS + 3, "mis.pupil", {"pupil_no": "PU1"})
    assert [(c.row.op, c.params[0]) for c in book.changes()] == [("c", "PU1"), ("d", "PU1")]


def test_a_column_that_does_not_exist_is_an_error():
    book = Book("schools")
    book.put(T0_MS, "mis.pupil", {**PUPIL, "shoe_size": 5})
    with pytest.raises(KeyError, match=r"mis\.pupil has no column shoe_size"):
        book.changes()


@pytest.mark.parametrize("agency", AGENCIES)
def test_rows_keep_foreign_keys_and_column_widths(small, agency):
    """What PostgreSQL would refuse is found here: a missing parent, a text that is too long, a null."""
    sql = ddl(agency)
    widths, needed, parents = _constraints(sql)
    held: dict[str, set] = {table: set() for table in shapes(sql)}
    for row in small.rows(agency):
        if row.op == "d":
            continue
        for column, value in row.values.items():
            place = (row.table, column)
            assert value is not None or place not in needed, place
            if place in widths and value is not None:
                assert len(value) <= widths[place], place
            if place in parents and row.at_ms < T0_MS:
                assert value in held[parents[place]], (place, value)
        if len(row.key) == 1:
            held[row.table].add(next(iter(row.key.values())))


def _constraints(sql):
    import re

    widths, needed, parents = {}, set(), {}
    for table, body in re.findall(r"CREATE TABLE (\w+\.\w+) \((.*?)\n\);", sql, re.DOTALL):
        for line in body.strip().splitlines():
            column = line.split()[0]
            if match := re.search(r"char\((\d+)\)", line):
                widths[table, column] = int(match[1])
            if "NOT NULL" in line or line.rstrip(",").endswith("PRIMARY KEY"):
                needed.add((table, column))
            if match := re.search(r"REFERENCES (\w+\.\w+)", line):
                parents[table, column] = match[1]
    return widths, needed, parents


def test_rows_hold_plain_values(small):
    allowed = (str, int, bool, datetime.date, type(None))
    for agency in AGENCIES:
        for row in small.rows(agency):
            for value in row.values.values():
                assert isinstance(value, allowed) or type(value).__name__ == "Decimal"
