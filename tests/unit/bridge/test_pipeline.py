from datetime import UTC, datetime

import pytest

from bridge.keys import AgencyKeys, activate, make_linkage
from bridge.sources import UNCHANGED, Change
from bridge.store import Store
from schemas import codec, crypto
from schemas.envelope import PAYLOAD_KEY_INFO, associated_data
from schemas.identity import FIELDS
from tests.unit.bridge.kit import ADA, CONTACT, MAPPING, NOW_MS, Bench, keys, lanes, only


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_a_person_leaves_as_identity_and_profile(bench):
    leaving = bench.put("care.person", ADA)
    assert lanes(leaving) == [("identity", "upsert"), ("profile", "upsert")]
    profile = only(leaving, "profile")
    assert (profile["age_band"], profile["to_18"], profile["group"]) == ("11-15", True, "group_a")


def test_an_unchanged_row_sends_nothing_again(bench):
    bench.put("care.person", ADA)
    assert bench.put("care.person", ADA) == []
    assert bench.put("care.person", ADA | {"made": "ignored columns do not count"}) == []


def test_a_change_of_name_leaves_the_profile_alone(bench):
    bench.put("care.person", ADA)
    assert lanes(bench.put("care.person", ADA | {"surname": "Bello"})) == [("identity", "upsert")]


def test_a_joined_row_sends_the_whole_record_again(bench):
    without = only(bench.put("care.person", ADA), "identity")
    address = {"address_id": 1, "person_id": 1, "number": "12", "street": "High Street", "postcode": "ZZ1 1AA",
               "since": "2020-01-01", "until": None}  # fmt: skip
    with_address = only(bench.put("care.address", address), "identity")
    assert with_address["nulls"] != without["nulls"]
    later = address | {"address_id": 2, "number": "9", "postcode": "ZZ9 9ZZ", "since": "2024-01-01"}
    moved = only(bench.put("care.address", later), "identity")
    assert moved["bits"] != with_address["bits"]
    assert bench.put("care.address", address | {"until": "2023-12-31"}) == []
    back = only(bench.drop("care.address", {"address_id": 2}), "identity")
    assert back["bits"] == with_address["bits"]


def test_an_open_row_counts_before_a_newer_one_that_ended(bench):
    bench.put("care.person", ADA)
    base = {"person_id": 1, "number": "1", "street": "Old Road", "postcode": "ZZ1 1AA"}
    first = only(
        bench.put("care.address", {**base, "address_id": 1, "since": "2020-01-01", "until": None}), "identity"
    )
    ended = {**base, "address_id": 2, "number": "2", "since": "2022-01-01", "until": "2022-02-01"}
    assert bench.put("care.address", ended) == []
    missing = ("middle", "place", "email", "code")
    assert first["nulls"] == sum(1 << FIELDS.index(field) for field in missing)


def test_a_row_in_another_table_reaches_all_records_that_link_to_it(bench):
    bench.put("care.person", ADA | {"team_id": "T1"})
    bench.put("care.person", ADA | {"person_id": 2, "team_id": "T1", "nhs": None})
    leaving = bench.put("care.team", {"team_id": "T1", "code": "E"})
    assert lanes(leaving) == [("profile", "upsert")] * 2
    assert {message["allocation"] for _, _, message in leaving} == {"duty-east"}


def test_an_event_before_its_record_leaves_under_the_record_s_pseudonym(bench):
    bench.put("care.contact", CONTACT)
    early = bench.pipeline.leaving[0]
    bench.put("care.person", ADA)
    assert early.lane == "event"
    assert bench.pipeline.leaving[0].subject == early.subject


def test_an_event_holds_codes_and_a_time_in_utc(bench):
    event = only(bench.put("care.contact", CONTACT), "event")
    assert event["kind"] == "domestic_incident"
    assert event["occurred_at"] == int(datetime(2025, 11, 3, 9, 30, tzinfo=UTC).timestamp() * 1000)
    assert [(one["family"], one["severity"]) for one in event["factors"]] == [("referral", 1), ("violence", 3)]
    assert event["contact"] is True


def test_text_is_searched_only_where_enrichment_is_approved(tmp_path):
    found = {"family": "missing", "severity": 2, "origin": "text"}
    approved = Bench(tmp_path / "a", find=lambda note: [found])
    assert found in only(approved.put("care.contact", CONTACT), "event")["factors"]
    refused = Bench(tmp_path / "b")
    assert all(
        one["origin"] == "structured" for one in only(refused.put("care.contact", CONTACT), "event")["factors"]
    )


def test_a_deleted_row_deletes_record_and_event(bench):
    bench.put("care.person", ADA)
    bench.put("care.contact", CONTACT)
    assert lanes(bench.drop("care.contact", {"contact_id": 7})) == [("event", "delete")]
    assert lanes(bench.drop("care.person", {"person_id": 1})) == [("identity", "delete"), ("profile", "delete")]
    assert bench.drop("care.person", {"person_id": 1}) == []


def test_a_corrected_person_moves_the_event_to_another_record(bench):
    bench.put("care.contact", CONTACT)
    before = bench.pipeline.leaving[0]
    bench.put("care.contact", CONTACT | {"person_id": 2})
    after = bench.pipeline.leaving[0]
    assert after.message["event"] == before.message["event"]
    assert after.subject != before.subject
    assert after.version > before.version


def test_statuses_are_spells_of_a_table(bench):
    bench.put("care.person", ADA)
    plan = {"plan_id": 1, "person_id": 1, "kind": "CP", "start": "2025-07-01", "stop": None}
    (spell,) = only(bench.put("care.plan", plan), "profile")["statuses"]
    assert spell["kind"] == "protection_plan"
    assert spell["started_at"] == int(datetime(2025, 6, 30, 23, tzinfo=UTC).timestamp() * 1000)
    assert spell["ended_at"] is None
    assert only(bench.drop("care.plan", {"plan_id": 1}), "profile")["statuses"] == []


def test_an_unborn_child_stands_by_its_mother_until_it_has_a_birth_date(bench):
    mother = bench.put("care.person", ADA | {"person_id": 9, "born": "1998-01-01"})
    assert only(mother, "profile")["age_band"] == "adult"
    subject = bench.pipeline.leaving[0].subject
    unborn = ADA | {"born": None, "forename": "Unborn", "nhs": None, "mother_id": 9}
    profile = only(bench.put("care.person", unborn), "profile")
    assert (profile["age_band"], profile["unborn_of"], profile["to_18"]) == ("unborn", subject, True)
    born = only(bench.put("care.person", unborn | {"born": "2025-11-20"}), "profile")
    assert (born["age_band"], born["unborn_of"]) == ("0-4", b"")


def test_a_new_quarter_sends_the_profiles_whose_band_changed(bench):
    bench.put("care.person", ADA | {"born": "2009-12-20"})
    bench.put("care.person", ADA | {"person_id": 2, "born": "2020-05-01"})
    assert bench.pipeline.refresh() == []
    bench.now_ms = int(datetime(2025, 12, 31, tzinfo=UTC).timestamp() * 1000)
    assert bench.pipeline.refresh() == []  # 16 since the 20th, but a band changes on a quarter's first day only
    bench.now_ms = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
    assert len(bench.pipeline.refresh()) == 1
    (leaving,) = bench.pipeline.leaving
    assert leaving.message["age_band"] == "16-17"
    assert bench.pipeline.refresh() == []


def test_a_new_quarter_is_dealt_with_in_parts_and_each_record_once(bench, monkeypatch):
    monkeypatch.setattr("bridge.pipeline.REFRESH_MAX", 2)
    for number in range(5):
        bench.put("care.person", ADA | {"person_id": 10 + number, "born": "2009-12-20"})
    bench.now_ms = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
    assert [len(bench.pipeline.refresh()) for _ in range(5)] == [2, 2, 1, 0, 0]


def test_a_new_linkage_key_sends_every_record_anew_in_parts_and_once(bench, monkeypatch):
    monkeypatch.setattr("bridge.pipeline.REFRESH_MAX", 2)
    for number in range(5):
        bench.put("care.person", ADA | {"person_id": 10 + number})
    assert bench.pipeline.refresh() == []
    folder = bench.file.parent / "keys" / "northmere" / "council"
    activate(folder, make_linkage(folder))
    bench.keys = AgencyKeys.load(folder)
    bench.pipeline = bench.make()
    sent = [bench.pipeline.refresh() and bench.pipeline.leaving for _ in range(5)]
    assert [len(part) for part in sent] == [2, 2, 1, 0, 0]
    assert {(one.lane, one.message["key_epoch"]) for part in sent for one in part} == {("identity", 2)}
    assert len({one.subject for part in sent for one in part}) == 5


def test_the_strict_profile_is_another_encoding(bench):
    bench.put("care.person", ADA)
    (sent,) = [one for one in bench.pipeline.leaving if one.lane == "identity"]
    assert bench.pipeline.refresh() == []
    bench.pipeline = bench.make(profile="strict")
    assert len(bench.pipeline.refresh()) > 0
    (anew,) = bench.pipeline.leaving
    assert anew.subject == sent.subject
    assert anew.version > sent.version
    assert (anew.message["bands"], anew.message["tokens"]) == (b"", sent.message["tokens"])
    assert anew.message["bits"] != sent.message["bits"]


def test_versions_of_a_record_grow_though_its_tables_are_read_out_of_order(bench):
    bench.put("care.person", ADA | {"team_id": "T1"}, position=5000)
    newest = bench.pipeline.leaving[-1].version
    bench.feed(
        Change("care", "care.team", "update", after={"team_id": "T1", "code": "E"}, position=300, lane="other")
    )
    assert bench.pipeline.leaving[0].version > newest


def test_a_large_value_that_did_not_change_is_kept(bench):
    bench.put("care.contact", CONTACT)
    bench.put("care.contact", CONTACT | {"notes": UNCHANGED, "code": "NEG"})
    event = bench.store.event(bench.pipeline.leaving[0].message["event"])
    assert event["texts"] == ["Shouting heard"]


@pytest.mark.parametrize("delete_first", [True, False])
def test_a_key_change_keeps_the_large_value_whichever_half_comes_first(bench, delete_first):
    bench.put("care.contact", CONTACT)
    gone = Change("care", "care.contact", "delete", key={"contact_id": 7}, position=900, new_key={"contact_id": 8},
                  lane="a", committed_at=900)  # fmt: skip
    come = Change("care", "care.contact", "create", key={"contact_id": 8}, position=900, old_key={"contact_id": 7},
                  after=CONTACT | {"contact_id": 8, "notes": UNCHANGED}, lane="b", committed_at=900)  # fmt: skip
    for change in (gone, come) if delete_first else (come, gone):
        bench.feed(change)
        if change is come:
            pseudonym = next(one.message["event"] for one in bench.pipeline.leaving if one.message["op"] == "upsert")
    assert bench.store.event(pseudonym)["texts"] == ["Shouting heard"]
    assert bench.store.count_emitted("event") == 1


def test_nothing_but_the_key_is_read_from_a_row_before_a_delete(bench):
    bench.put("care.contact", CONTACT)
    made_up = {"contact_id": 7, "person_id": 0, "at": "1970-01-01T00:00:00", "code": "", "notes": ""}
    bench.at += 1
    change = Change("care", "care.contact", "delete", key={"contact_id": 7}, before=made_up, position=bench.at)
    assert lanes(bench.feed(change)) == [("event", "delete")]
    assert bench.pipeline.counts["quarantine", "unknown_code"] == 0


def test_without_a_primary_key_the_row_before_tells_which_row_changed(bench):
    bench.put("care.contact", CONTACT, key=None)
    bench.put("care.contact", CONTACT | {"contact_id": 8}, key=None, before=CONTACT)
    assert bench.store.count_emitted("event") == 1


def test_truncate_deletes_every_row(bench):
    bench.put("care.contact", CONTACT)
    bench.put("care.contact", CONTACT | {"contact_id": 8})
    assert lanes(bench.feed(Change("care", "care.contact", "truncate", position=900))) == [("event", "delete")] * 2


def test_a_second_snapshot_deletes_what_it_does_not_show(bench):
    rows = [("care.person", ADA), ("care.contact", CONTACT), ("care.contact", CONTACT | {"contact_id": 8})]
    first = bench.snapshot("one", *rows)
    assert lanes(first)[-1] == ("live", "")
    assert only(first, "live") == {"records": 1, "events": 2}
    assert lanes(bench.snapshot("two", *rows[:2])) == [("event", "delete")]
    assert lanes(bench.snapshot("three")) == []  # nothing was shown at all: no snapshot, no end
    assert bench.pipeline.leaving == []


def test_a_table_that_became_empty_is_reconciled(bench):
    bench.snapshot("one", ("care.person", ADA), ("care.contact", CONTACT))
    assert lanes(bench.snapshot("two", ("care.person", ADA))) == [("event", "delete")]


def test_a_snapshot_asked_for_while_streaming_leaves_other_tables_alone(bench):
    bench.snapshot("one", ("care.person", ADA), ("care.contact", CONTACT))
    bench.put("care.person", ADA, run="two")
    assert bench.snapshot("two", ("care.person", ADA)) == []


def test_a_row_refused_in_a_snapshot_is_not_taken_for_gone(bench):
    bench.snapshot("one", ("care.person", ADA))
    assert bench.snapshot("two", ("care.person", ADA | {"born": "31 June"})) == []
    assert bench.store.count_emitted("identity") == 1


def test_a_database_restored_from_a_backup_opens_a_new_epoch(bench):
    bench.put("care.person", ADA, position=5000, committed_at=5000)
    epoch = bench.pipeline.leaving[0].version[0]
    bench.put("care.person", ADA | {"surname": "Bello"}, position=4000, committed_at=6000)
    assert bench.pipeline.leaving[0].version == (epoch + 1, 4000, 0)


def test_a_redelivery_after_a_restart_of_the_connector_changes_nothing(bench):
    bench.put("care.person", ADA | {"surname": "Old"}, position=1, committed_at=1)
    bench.put("care.person", ADA, position=2, committed_at=2)
    assert bench.put("care.person", ADA | {"surname": "Old"}, position=1, committed_at=1) == []
    assert bench.put("care.person", ADA, position=2, committed_at=2) == []


def test_heartbeats_travel_and_other_tables_are_ignored(bench):
    beat = bench.put("care.beat", {"id": 1, "at": "2025-11-30T00:00:00Z"})
    assert only(beat, "heartbeat") == {"beat_at": int(datetime(2025, 11, 30, tzinfo=UTC).timestamp() * 1000)}
    assert bench.put("care.log", {"anything": "goes"}) == []
    assert bench.pipeline.counts["quarantine", "unplaced_table"] == 0


def test_live_is_sent_once_and_last(bench):
    leaving = bench.snapshot("one", ("care.person", ADA))
    assert lanes(leaving) == [("identity", "upsert"), ("profile", "upsert"), ("live", "")]
    assert lanes(bench.feed(Change("care", "", "end"))) == []
    assert bench.pipeline.is_live("care")


def test_a_restart_goes_on_where_the_store_stands(tmp_path):
    bench = Bench(tmp_path)
    bench.put("care.person", ADA, offset=3)
    bench.pipeline = bench.make()
    assert bench.pipeline.offsets("care") == {"care.person": 3}
    assert bench.put("care.person", ADA | {"surname": "Late"}, offset=3) == []


def test_a_batch_that_fails_leaves_nothing_behind(bench, monkeypatch):
    monkeypatch.setattr(bench.store, "save_epochs", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bench.put("care.person", ADA)
    monkeypatch.undo()
    assert lanes(bench.put("care.person", ADA)) == [("identity", "upsert"), ("profile", "upsert")]


def test_messages_wait_in_the_outbox_until_delivered(tmp_path):
    bench = Bench(tmp_path, outbox=True)
    bench.put("care.person", ADA)
    waiting = bench.store.outbox(10)
    lanes_waiting = [codec.decode(value, frozenset({"envelope"}))[1]["lane"] for _, _, _, value in waiting]
    assert lanes_waiting[-2:] == ["identity", "profile"]
    assert set(lanes_waiting[:-2]) == {"key"}
    bench.store.delivered(waiting[0][0])
    assert len(bench.store.outbox(10)) == len(waiting) - 1


RULE = MAPPING.replace(
    "partnership: northmere", "partnership: {column: ethnicity, codes: {A: northmere, B: southmere}}"
)


def test_a_record_routes_by_rule_and_a_move_is_delete_there_and_insert_here(tmp_path):
    bench = Bench(tmp_path, RULE, keys=keys(tmp_path / "k", "northmere", "southmere"))
    assert bench.put("care.contact", CONTACT) == []  # its record has no partnership yet
    first = bench.put("care.person", ADA)
    assert lanes(first) == [("identity", "upsert"), ("profile", "upsert"), ("event", "upsert")]
    moved = bench.put("care.person", ADA | {"ethnicity": "B"})
    assert sorted((one.lane, one.partnership, one.message["op"]) for one in bench.pipeline.leaving) == [
        ("event", "northmere", "delete"), ("event", "southmere", "upsert"),
        ("identity", "northmere", "delete"), ("identity", "southmere", "upsert"),
        ("profile", "northmere", "delete"), ("profile", "southmere", "upsert"),
    ]  # fmt: skip
    assert len(moved) == 6


def test_a_record_that_no_partnership_takes_is_refused(tmp_path):
    bench = Bench(tmp_path, RULE, keys=keys(tmp_path / "k", "northmere"))
    assert bench.put("care.person", ADA | {"ethnicity": "B"}) == []
    assert bench.pipeline.counts["quarantine", "unroutable"] == 1


def test_the_platform_opens_what_leaves(tmp_path):
    bench = Bench(tmp_path)
    private = bytes.fromhex((tmp_path / "keys/northmere/platform/platform.key").read_text().strip())
    sealed = bench.pipeline.feed([bench.change("care.person", ADA)])
    _, envelope = codec.decode(sealed[0][2], frozenset({"envelope"}))
    _, payload = codec.decode(envelope["body"], frozenset({"payload_key"}))
    key = crypto.hpke_open(private, payload["sealed"], PAYLOAD_KEY_INFO)
    found = [one for one in sealed if codec.decode(one[2], frozenset({"envelope"}))[1]["lane"] == "profile"]
    topic, partnership, framed = found[0]
    _, envelope = codec.decode(framed, frozenset({"envelope"}))
    plain = crypto.aead_open(key, envelope["nonce"], envelope["body"], associated_data(topic, envelope))
    assert codec.decode(plain, frozenset({"profile"}))[1]["age_band"] == "11-15"
    assert (topic, partnership) == ("events-council", b"northmere")


def test_a_store_survives_on_disk_and_its_bytes_hold_no_name(tmp_path):
    agency = keys(tmp_path / "k")
    store = Store(tmp_path / "bridge.sqlite", agency["northmere"].agency_key)
    bench = Bench(tmp_path, keys=agency, store=store)
    bench.put("care.person", ADA)
    subject = bench.pipeline.leaving[0].subject
    bench.put("care.contact", CONTACT)
    bench.put("care.person", ADA | {"person_id": 2, "born": "nonsense"})
    store.close()
    raw = b"".join(file.read_bytes() for file in tmp_path.glob("bridge.sqlite*"))
    for word in (b"Adaeze", b"Okonkwo", b"9990000018", b"07700900123", b"Shouting", b"2012-03-04", b"nonsense"):
        assert word not in raw
    again = Store(tmp_path / "bridge.sqlite", agency["northmere"].agency_key)
    person = again.person(subject)
    assert (person["given"], person["surname"], person["other"]) == (
        "Adaeze", "Okonkwo", [["care.person.phone", "07700900123"]]
    )  # fmt: skip
    assert again.events_of(subject)[0]["kind"] == "domestic_incident"
    assert again.person(b"x" * 32) is None
    again.close()


def test_the_desk_forgets_a_deleted_person(bench):
    bench.put("care.person", ADA)
    subject = bench.pipeline.leaving[0].subject
    assert bench.store.person(subject) is not None
    bench.drop("care.person", {"person_id": 1})
    assert bench.store.person(subject) is None


def test_restricted_people_leave_without_an_address(bench):
    bench.put("care.address", {"address_id": 1, "person_id": 1, "number": "12", "street": "High Street",
                               "postcode": "ZZ1 1AA", "since": "2020-01-01", "until": None})  # fmt: skip
    leaving = bench.put("care.person", ADA | {"hidden": True})
    identity = only(leaving, "identity")
    assert identity["restricted"] is True
    assert identity["nulls"] & 0b1110000 == 0b1110000
    assert only(leaving, "profile")["restricted"] is True


def test_a_date_after_the_bridge_s_clock_is_refused_and_its_neighbour_goes_on(bench):
    late = CONTACT | {"contact_id": 9, "at": "2026-06-01T00:00:00"}
    leaving = bench.feed(bench.change("care.contact", late), bench.change("care.contact", CONTACT))
    assert lanes(leaving) == [("event", "upsert")]
    assert bench.pipeline.counts["quarantine", "date_out_of_range"] == 1
    bench.now_ms = NOW_MS + 365 * 86_400_000
    assert bench.pipeline.retry(bench.pipeline.quarantine.entries()) == 1
    assert bench.pipeline.quarantine.entries() == []
