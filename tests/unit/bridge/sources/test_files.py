import json
import os

import pytest

from bridge.config import FileSource
from bridge.sources.files import Extract, extract_of, read, rows
from bridge.sources.folder import FolderSource
from tests.unit.bridge.kit import ADA, NOW_MS, Bench, lanes

PEOPLE = 'person_id,forename,surname,born\n1,Adaeze,Okonkwo,2012-03-04\n2,Ben,"Smith, Jr",\n'


def write(path, text, age_s=0):
    path.write_text(text, encoding="utf-8")
    os.utime(path, (1_700_000_000 - age_s, 1_700_000_000 - age_s))
    return path


def test_csv_and_json_lines_hold_the_same_rows(tmp_path):
    as_csv = list(read(write(tmp_path / "a.csv", PEOPLE)))
    lines = "".join(json.dumps(row) + "\n" for row in as_csv)
    assert list(read(write(tmp_path / "a.jsonl", lines))) == as_csv
    assert as_csv[1] == {"person_id": "2", "forename": "Ben", "surname": "Smith, Jr", "born": None}


@pytest.mark.parametrize("text", ["person_id,born\n1\n", "person_id,born\n1,2,3\n"])
def test_a_line_with_another_number_of_fields_is_bad(tmp_path, text):
    extract = Extract("care", "care.person", "r", 1, 1, full=True)
    first, *_ = rows(extract, read(write(tmp_path / "a.csv", text)))
    assert first.op == "bad"


def test_a_line_that_is_no_json_is_bad_and_the_next_goes_on(tmp_path):
    found = list(read(write(tmp_path / "a.jsonl", '{"a": 1}\n{\n[1]\n\n{"a": 2}\n')))
    assert [type(row) for row in found] == [dict, str, str, dict]


def test_a_full_extract_is_a_snapshot_that_ends_for_its_table(tmp_path):
    path = write(tmp_path / "a.csv", PEOPLE)
    *changes, end = rows(extract_of(path, "care", "care.person", full=True), read(path))
    assert [change.op for change in changes] == ["read", "read"]
    assert (end.op, end.tables) == ("end", ("care.person",))


def test_an_increment_changes_only_its_rows_and_may_mark_deletes():
    extract = Extract("care", "care.person", "r", 1, 1, full=False, deleted=("gone", ("D",)))
    found = list(rows(extract, [{"person_id": "1", "gone": "D"}, {"person_id": "2", "gone": "U"}]))
    assert [(change.op, change.snapshot) for change in found] == [("delete", ""), ("update", "")]
    assert found[1].after == {"person_id": "2"}


def settings(folder, **facts):
    return FileSource.model_validate({"name": "care", "kind": "file", "folder": str(folder), "every_s": 1,
                                      "files": [{"table": "care.person", "glob": "person*.jsonl", **facts}]})  # fmt: skip


class Clock:
    ms = NOW_MS

    def __call__(self):
        self.ms += 10_000
        return self.ms


def drain(source, bench):
    found = []
    for _ in range(6):
        found += bench.feed(*source.poll(2, 0, live=bench.pipeline.is_live("care")))
        source.commit()
    return lanes(found)


def people(*numbers, **changes):
    return "".join(json.dumps(ADA | {"person_id": n} | changes) + "\n" for n in numbers)


def test_a_folder_s_extracts_are_reconciled_and_the_first_makes_the_source_live(tmp_path):
    bench, folder = Bench(tmp_path), tmp_path / "in"
    folder.mkdir()
    write(folder / "person-1.jsonl", people(1, 2, 3), age_s=100)
    source = FolderSource(settings(folder), bench.store, Clock())
    first = drain(source, bench)
    assert first.count(("identity", "upsert")) == 3
    assert first[-1] == ("live", "")
    write(folder / "person-2.jsonl", people(1, 3), age_s=50)
    assert source.lag() == 1
    assert drain(source, bench) == [("identity", "delete"), ("profile", "delete")]
    assert source.lag() == 0
    assert drain(source, bench) == []


def test_a_crash_in_the_middle_of_a_file_reads_it_again_and_sends_nothing_twice(tmp_path):
    bench, folder = Bench(tmp_path), tmp_path / "in"
    folder.mkdir()
    write(folder / "person-1.jsonl", people(1, 2, 3))
    source = FolderSource(settings(folder), bench.store, Clock())
    bench.feed(*source.poll(2, 0, live=False))
    again = FolderSource(settings(folder), bench.store, Clock())
    assert drain(again, bench).count(("identity", "upsert")) == 1
    assert bench.store.count_emitted("identity") == 3


def test_two_tables_are_each_reconciled_by_their_own_extracts(tmp_path):
    bench, folder = Bench(tmp_path), tmp_path / "in"
    folder.mkdir()
    config = FileSource.model_validate({"name": "care", "kind": "file", "folder": str(folder), "every_s": 1, "files": [
        {"table": "care.person", "glob": "person*.jsonl"}, {"table": "care.team", "glob": "team*.jsonl"}]})  # fmt: skip
    write(folder / "person-1.jsonl", people(1, team_id="T"), age_s=9)
    source = FolderSource(config, bench.store, Clock())
    assert ("live", "") not in drain(source, bench)  # the other table has had no file
    write(folder / "team-1.jsonl", json.dumps({"team_id": "T", "code": "E"}) + "\n", age_s=5)
    assert drain(source, bench) == [("profile", "upsert"), ("live", "")]
    assert bench.store.count_emitted("identity") == 1


@pytest.mark.parametrize("numbers", [(), (1, 2), (1, 2, 3)])
def test_an_increment_of_any_length_is_taken_once_and_the_next_one_after_it(tmp_path, numbers):
    bench, folder = Bench(tmp_path), tmp_path / "in"
    folder.mkdir()
    config = FileSource.model_validate({"name": "care", "kind": "file", "folder": str(folder), "every_s": 1, "files": [
        {"table": "care.person", "glob": "person*.jsonl", "full": False}]})  # fmt: skip
    write(folder / "person-1.jsonl", people(*numbers), age_s=9)
    write(folder / "person-2.jsonl", people(7), age_s=5)
    source = FolderSource(config, bench.store, Clock())
    for _ in range(8):
        if changes := source.poll(2, 0, live=bench.pipeline.is_live("care")):  # nothing read is nothing to commit
            bench.feed(*changes)
            source.commit()
    assert source.lag() == 0
    assert bench.pipeline.is_live("care")
    assert bench.store.count_emitted("identity") == len(numbers) + 1


def test_a_bridge_rests_while_it_is_not_yet_time_to_look(tmp_path, monkeypatch):
    bench, folder, rested = Bench(tmp_path), tmp_path / "in", []
    folder.mkdir()
    monkeypatch.setattr("bridge.sources.folder.time.sleep", rested.append)
    source = FolderSource(settings(folder), bench.store, lambda: 10_000)
    assert [source.poll(2, 0.2, live=True), rested] == [[], []], "the first look is at once"
    assert [source.poll(2, 0.2, live=True), rested] == [[], [0.2]]
