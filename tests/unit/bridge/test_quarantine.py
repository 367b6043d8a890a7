import logging

import pytest

from bridge.quarantine import REASONS, RUN_MAX, WINDOW_MIN_ROWS, Health
from bridge.sources import Change
from tests.unit.bridge.kit import ADA, CONTACT, MAPPING, Bench, lanes


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


@pytest.mark.parametrize(
    ("table", "row", "reason"),
    [
        ("care.unknown", {"id": 1}, "unplaced_table"),
        ("care.person", ADA | {"new_column": "x"}, "unplaced_column"),
        ("care.person", {**ADA, "person_id": None}, "missing_key"),
        ("care.person", ADA | {"born": "31/12/2010"}, "bad_date"),
        ("care.person", ADA | {"born": "2031-01-01"}, "date_out_of_range"),
        ("care.person", ADA | {"born": "1861-01-01"}, "date_out_of_range"),
        ("care.person", ADA | {"hidden": "perhaps"}, "bad_flag"),
        ("care.person", ADA | {"phone": "9" * 70_000}, "too_large"),
        ("care.person", ADA | {"person_id": "9" * 80}, "key_too_long"),
        ("care.contact", CONTACT | {"code": "NEW"}, "unknown_code"),
        ("care.contact", CONTACT | {"at": None}, "missing_date"),
        ("care.contact", CONTACT | {"at": "1985-01-01T00:00:00"}, "date_out_of_range"),
        ("care.contact", CONTACT | {"at": "soon"}, "bad_date"),
    ],
)  # fmt: skip
def test_a_bad_row_is_kept_with_reason_and_fix_and_its_neighbour_goes_on(bench, table, row, reason):
    good = ADA | {"person_id": 2}
    leaving = bench.feed(bench.change(table, row), bench.change("care.person", good))
    assert lanes(leaving) == [("identity", "upsert"), ("profile", "upsert")]
    (entry,) = bench.pipeline.quarantine.entries()
    assert entry.reason == reason
    assert entry.reason in REASONS
    assert entry.fix
    assert bench.pipeline.counts["quarantine", reason] == 1


def test_the_last_good_version_stands_until_a_good_one_comes(bench):
    bench.put("care.person", ADA)
    assert bench.put("care.person", ADA | {"born": "soon"}) == []
    assert lanes(bench.put("care.person", ADA | {"surname": "Bello"})) == [("identity", "upsert")]
    assert bench.pipeline.quarantine.entries() == []


def test_a_row_is_kept_once_however_often_it_is_refused(bench):
    for _ in range(3):
        bench.put("care.person", ADA | {"born": "soon"})
    assert len(bench.pipeline.quarantine.entries()) == 1


def test_a_deleted_row_leaves_quarantine(bench):
    bench.put("care.person", ADA | {"born": "soon"})
    bench.drop("care.person", {"person_id": 1})
    assert bench.pipeline.quarantine.entries() == []


def test_a_row_is_taken_again_after_the_mapping_was_corrected(bench):
    bench.put("care.person", ADA | {"new_column": "x"})
    bench.put("care.contact", CONTACT | {"code": "NEW"})
    bench.put("care.extra", {"id": 1})
    assert bench.pipeline.retry(bench.pipeline.quarantine.entries()) == 0
    assert len(bench.pipeline.quarantine.entries()) == 3
    corrected = MAPPING.replace("made: ignored", "made: ignored\n          new_column: ignored")
    corrected = corrected.replace("NEG: neglect}", "NEG: neglect, NEW: something}").replace(
        "[care.log]", "[care.extra]"
    )
    bench.file.write_text(corrected, encoding="utf-8")
    bench.pipeline = bench.make()
    assert bench.pipeline.retry(bench.pipeline.quarantine.entries()) == 3
    assert sorted(one.lane for one in bench.pipeline.leaving) == ["event", "identity", "profile"]
    assert bench.pipeline.quarantine.entries() == []


def test_more_than_fifty_bad_rows_in_a_row_pause_their_source_and_the_rest_waits(bench):
    bad = [bench.change("care.person", ADA | {"person_id": n, "born": "soon"}, offset=n) for n in range(RUN_MAX + 1)]
    good = bench.change("care.person", ADA | {"person_id": 900}, offset=RUN_MAX + 1)
    assert bench.feed(*bad, good) == []
    assert "refused one after the other" in bench.pipeline.paused("care")
    assert bench.pipeline.offsets("care")["care.person"] == RUN_MAX
    assert bench.put("care.person", ADA) == []
    again = bench.make()
    assert again.paused("care") is not None  # a restart does not forget it
    again.resume("care")
    bench.pipeline = again
    assert lanes(bench.feed(good)) == [("identity", "upsert"), ("profile", "upsert")]


def test_another_process_resumes_a_paused_source(bench):
    bad = [bench.change("care.person", ADA | {"person_id": n, "born": "soon"}) for n in range(RUN_MAX + 1)]
    bench.feed(*bad)
    bench.make().resume("care")
    assert bench.pipeline.still_paused("care") is None
    assert lanes(bench.put("care.person", ADA)) == [("identity", "upsert"), ("profile", "upsert")]


def test_one_in_a_hundred_is_the_limit_of_a_window_and_few_rows_say_nothing():
    health = Health()
    for number in range(WINDOW_MIN_ROWS):
        health.note(ok=number % 100 != 0)
    assert health.verdict() is None
    health.note(ok=False)
    assert "at most 1% may be" in health.verdict()
    young = Health()
    for number in range(WINDOW_MIN_ROWS - 1):
        young.note(ok=number % 3 != 0)
    assert young.verdict() is None


def test_the_window_forgets():
    health = Health()
    for _ in range(49):
        health.note(ok=False)
    for _ in range(6_000):
        health.note(ok=True)
    assert health.verdict() is None


def test_no_value_reaches_a_log_or_an_exception(bench, caplog):
    caplog.set_level(logging.DEBUG)
    bench.put("care.person", ADA | {"born": "Okonkwo-Date"})
    bench.feed(Change("care", "care.person", "bad", after={"raw": "T2tvbmt3bw=="}, lane="l", offset=1))
    facts = " ".join(str(entry._replace(change=None, touched=None)) for entry in bench.pipeline.quarantine.entries())
    assert "Okonkwo" not in caplog.text + facts
    assert "T2tvbmt3bw" not in facts


def test_an_operator_drops_an_entry(bench):
    bench.put("care.person", ADA | {"born": "soon"})
    (entry,) = bench.pipeline.quarantine.entries()
    assert bench.pipeline.quarantine.drop([entry.id, 999]) == 1
    assert bench.pipeline.quarantine.entries() == []
