import json
from pathlib import Path

import pytest

from bridge.mapping import TableMap, load
from bridge.mapping_values import Refused, key_of, place
from bridge.sources import UNCHANGED
from bridge.sources.debezium import Record, captured, decode, plain, replay
from tests.unit.bridge.kit import Bench

FOLDER = Path("tests/fixtures/debezium")
MAPPING = Path("tests/fixtures/mapping/debezium.yaml")
FILES = sorted(FOLDER.iterdir())
OPS = {"r": "read", "c": "create", "u": "update", "d": "delete", "t": "truncate"}


def records(name):
    path = FOLDER / name
    text = path.read_text(encoding="utf-8")
    found = [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text)
    return found if isinstance(found, list) else [found]


def changes(name):
    return [decode("agencies", captured(line)) for line in records(name)]


def one(name):
    (change,) = changes(name)
    return change


@pytest.fixture(scope="module")
def mapping():
    return load(MAPPING)


def test_there_are_all_captured_files():
    assert len(FILES) == 72


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.stem != "time_precision_modes"], ids=lambda path: path.name
)
def test_every_captured_record_is_a_change_or_changes_nothing(path, mapping):
    """Each decodes without being refused as undecodable, and each row of a mapped table finds its places."""
    tables = mapping.sources["agencies"].tables
    for line, change in zip(records(path.name), changes(path.name), strict=True):
        value = line["value"] if line["value"] is None or "payload" not in line["value"] else line["value"]["payload"]
        if value is None or value.get("op") in {None, "m"}:
            assert change is None
            continue
        assert change.op == OPS[value["op"]]
        assert change.table == f"{value['source']['schema']}.{value['source']['table']}"
        assert change.position > 0
        assert change.committed_at == value["source"]["ts_ms"]
        if change.table in tables and change.after is not None:
            row = place(tables[change.table], change.after, change.table)
            assert set(row) <= set(tables[change.table].columns)
            assert key_of(tables[change.table], change.after, change.table)


@pytest.mark.parametrize("name", ["stream.agency.jsonl", "stream.dflt.jsonl"])
def test_both_envelope_forms_leave_the_same(tmp_path, name):
    """The whole capture through the pipeline: the same records and events whichever converter wrote it."""
    bench = Bench(tmp_path, MAPPING.read_text(encoding="utf-8"))
    bench.now_ms = 1_795_500_000_000
    bench.pipeline.feed(replay("agencies", [captured(line) for line in records(name)]))
    assert bench.store.count_emitted("identity") == 8
    assert bench.store.count_emitted("event") == 4
    assert [entry.reason for entry in bench.pipeline.quarantine.entries()] == ["missing_date"]
    assert bench.pipeline.is_live("agencies")


def test_fact_1_an_update_without_a_row_before_and_a_delete_with_a_made_up_one():
    assert one("u_attendance_identity_default_before_null.json").before is None
    gone = one("d_case_file_primary_key_change.json")
    assert gone.before["person_id"] == 0
    assert gone.key == {"case_id": "0f3f1c8e-5a51-4c3e-9d0a-1a2b3c4d5e01"}


def test_fact_2_the_toast_placeholder_comes_as_it_is():
    assert one("u_case_file_toast_unavailable_placeholder.json").after["chronology"] == UNCHANGED
    assert one("u_case_note_toast_identity_full_real_value.json").after["body"] != UNCHANGED


def test_fact_3_a_key_change_names_the_other_key_in_its_headers():
    old, new = "0f3f1c8e-5a51-4c3e-9d0a-1a2b3c4d5e01", "0f3f1c8e-5a51-4c3e-9d0a-1a2b3c4d5eff"
    for suffix in ("json", "schemas.json"):
        assert one(f"d_case_file_primary_key_change.{suffix}").new_key == {"case_id": new}
        assert one(f"c_case_file_primary_key_change.{suffix}").old_key == {"case_id": old}


def test_fact_4_no_primary_key_means_no_key_and_a_tombstone_without_anything():
    assert one("c_cpis_log_no_primary_key.json").key is None
    assert one("tombstone_cpis_log_null_key_null_value.json") is None
    truncate = one("t_cpis_log_truncate.json")
    assert (truncate.op, truncate.key, truncate.after) == ("truncate", None, None)


def test_fact_5_places_follow_the_order_of_commits():
    places = [(change.position, change.sequence) for change in changes("transaction_members_multi_table.json")]
    assert len({position for position, _ in places}) == 1
    assert len(set(places)) == 3
    assert changes("transaction_topic_multi_table.json") == [None, None]
    assert changes("transaction_topic_empty_from_heartbeat.json") == [None] * len(
        records("transaction_topic_empty_from_heartbeat.json")
    )


def test_fact_6_a_changed_table_shows_in_its_next_row(mapping):
    before, *_, after = (change.after for change in changes("schema_change_u_incident_before_add_drop_widen.json"))
    assert ("county_lines" in before, "source_ip" in before) == (False, True)
    assert ("county_lines" in after, "source_ip" in after) == (True, False)
    table = mapping.sources["agencies"].tables["police.incident"]
    with pytest.raises(Refused, match=r"unplaced_column: police\.incident\.brand_new"):
        place(table, {**after, "brand_new": 1}, "police.incident")


def test_fact_7_decimals_are_text_in_either_form():
    for suffix in ("json", "schemas.json"):
        row = one(f"r_case_file_numeric_date_json_array_uuid_enum.{suffix}").after
        assert row["risk_score"] == "62.50"
        assert float(row["model_weight"]) == pytest.approx(1 / 3, abs=1e-9)


def test_fact_8_dates_and_local_times_are_the_same_in_either_form(mapping):
    table = mapping.sources["agencies"].tables["police.incident"]
    rows = [
        place(table, one(f"r_incident_timestamp_time_interval_inet.{suffix}").after, "police.incident")
        for suffix in ("json", "schemas.json")
    ]
    assert rows[0]["occurred_from"] == rows[1]["occurred_from"] == 1_762_123_260_000
    assert rows[0]["reported_at"] == rows[1]["reported_at"] == 1_762_123_692_345


UNITS = {"connect": "ms", "microseconds": "us", "nanoseconds": "ns", "structured": "us", "isostring": "us"}


@pytest.mark.parametrize("mode", ["adaptive", *UNITS])
def test_fact_8_every_time_precision_mode_reads_the_same(mode, mapping):
    """Integers need the unit that the mapping states; adaptive writes ms or us by the column's own precision."""
    seen = json.loads((FOLDER / "time_precision_modes.json").read_text(encoding="utf-8"))
    compared = 0
    for name, values in seen.items():
        table_name, _, column_name = name.rpartition(".")
        table = mapping.sources["agencies"].tables.get(table_name.split(":")[0])
        column = table.columns.get(column_name) if table else None
        if column is None or (column.sensitive not in {"time", "date"} and column.personal != "dob"):
            continue
        exact, got = read(column, column_name, values, "isostring"), read(column, column_name, values, mode)
        if mode == "connect" and isinstance(exact, int):
            assert abs(got - exact) <= 1
        else:
            assert got == exact, name
        compared += 1
    assert compared >= 10


def read(column, name, values, mode):
    unit = UNITS.get(mode) or ("ms" if name == "opened_at" else "us")
    table = TableMap(key=["id"], columns={"id": "key", name: column.model_copy(update={"unit": unit})})
    return place(table, {name: plain(values[mode])}, "t")[name]


def test_fact_9_dates_out_of_range_are_null(mapping):
    table = mapping.sources["agencies"].tables["health.attendance"]
    for suffix in ("json", "schemas.json"):
        row = place(table, one(f"c_attendance_special_values_infinity_nan.{suffix}").after, "health.attendance")
        assert (row["date_of_birth"], row["departed_at"], row["arrived_at"], row["temperature_c"]) == (None,) * 4
    for days in (2_146_033_979, -622_191_234):
        assert place(table, {"date_of_birth": days}, "health.attendance") == {"date_of_birth": None}


def test_fact_10_the_snapshot_marker_is_text_and_the_run_is_in_the_headers():
    first = one("r_person_first.json")
    assert (first.snapshot, first.whole_snapshot) == ("first_in_data_collection", True)
    assert first.run == "01a20709-9d76-7493-8e39-eedcda3918a6"
    streamed = one("c_person.json")
    assert (streamed.snapshot, streamed.whole_snapshot) == ("", False)
    for change in changes("r_nominal_incremental_snapshot.json"):
        assert (change.snapshot, change.whole_snapshot, change.position) == ("incremental", False, 31446432)


def test_fact_10_heartbeats_messages_and_notifications_change_no_row():
    for name in ("heartbeat.json", "m_logical_message_outbox.json", "notifications_initial_snapshot.json",
                 "notifications_incremental_snapshot.json"):  # fmt: skip
        assert set(changes(name)) == {None}


def test_fact_11_a_record_read_twice_is_known_by_its_lane_and_offset(tmp_path):
    bench = Bench(tmp_path, MAPPING.read_text(encoding="utf-8"))
    change = one("c_person.json")
    assert (change.lane, change.offset) == ("agency.social_care.person/2", 1)
    bench.feed(change)
    bench.feed(change)
    assert bench.pipeline.counts["row", "duplicate"] == 1


@pytest.mark.parametrize("value", [b"", b"\xff", b"[]", b"1", b'{"a":1}', b'{"op":"x"}', b'{"op":"c","source":{}}',
                                   b"[" * 100_000, b'{"op":"c","after":1,"source":{"table":"t","ts_ms":1}}'])  # fmt: skip
def test_what_is_no_change_event_is_bad_and_keeps_its_place(value):
    change = decode("agencies", Record("agency.x", 0, 5, None, value))
    assert (change.op, change.lane, change.offset) == ("bad", "agency.x/0", 5)


def test_a_bad_record_goes_to_quarantine_and_its_neighbour_goes_on(tmp_path):
    bench = Bench(tmp_path, MAPPING.read_text(encoding="utf-8"))
    bad = decode("agencies", Record("agency.social_care.person", 0, 0, None, b"{"))
    bench.feed(bad, one("c_person.json"))
    assert bench.store.count_emitted("identity") == 1
    assert [entry.reason for entry in bench.pipeline.quarantine.entries()] == ["undecodable"]


def test_the_end_of_a_replayed_snapshot_stands_after_its_last_row():
    found = list(replay("agencies", [captured(line) for line in records("stream.agency.jsonl")]))
    at = next(place for place, change in enumerate(found) if change.op == "end")
    assert all(change.whole_snapshot for change in found[:at])
    assert not any(change.whole_snapshot for change in found[at:])
