"""Who is told of a contact, once, and what a person's contacts are under every change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest

from schemas.alert import Presence
from streams.presence import SPECS, Directory, Register, Team
from streams.presence.register import NOTICE_AGE_MS, WITHDRAWN_KEPT_MS
from streams.presence.standing import CONTACTS_SHOWN, DAY_MS, LOCAL, tail_ends_at
from streams.state import Tables

T = 1_700_000_000_000
CHILD, VISIT, MOTHER, BUMP = b"council-child", b"hospital-child", b"hospital-mother", b"council-bump"
DIRECTORY = Directory(
    teams={
        "mash": Team("council", "1", "2"),
        "duty-east": Team("council", "3", "4"),
        "ward": Team("hospital", "5", "6"),
    },
    presenting={"hospital": "ward", "council": "mash"},
    front_door="mash",
)


class Groups:
    """Links that a test states."""

    def __init__(self, *groups: Iterable[bytes]) -> None:
        self.groups = [members for group in groups if (members := tuple(sorted(group)))]

    def cluster(self, record: bytes) -> bytes:
        return next((group[0] for group in self.groups if record in group), record)

    def members(self, cluster: bytes) -> tuple[bytes, ...]:
        return next((group for group in self.groups if group[0] == cluster), (cluster,))


def profile(*spells: tuple[str, int, int | None], **fields: Any) -> dict[str, Any]:
    statuses = [{"kind": kind, "started_at": start, "ended_at": end} for kind, start, end in spells]
    base = {"op": "upsert", "age_band": "5-10", "allocation": "", "restricted": False, "unborn_of": b""}
    return {**base, "statuses": statuses, **fields}


PLAN = profile(("protection_plan", T - DAY_MS, None))


def register(*groups: Iterable[bytes], tables: Tables | None = None) -> Register:
    made = Register("north", tables or Tables("north", SPECS), Groups(*groups))  # type: ignore[arg-type]
    made.directory = DIRECTORY
    return made


def visit(
    made: Register, event: bytes = b"e1", record: bytes = VISIT, at: int = T, **more: Any
) -> list[dict[str, Any]]:
    return made.contact(
        event, record, more.pop("agency", "hospital"), at, more.pop("live", True), more.pop("now", at)
    )


def told(notices: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(notice["kind"], notice["team"], notice["status"]) for notice in notices]


def test_both_sides_are_told_of_a_contact_by_a_child_on_a_plan() -> None:
    made = register((CHILD, VISIT))
    made.profile(CHILD, "council", {**PLAN, "allocation": "duty-east"}, T)
    notices = visit(made)
    assert told(notices) == [("known_call", "ward", "plan"), ("presented", "duty-east", "plan")]
    assert notices[0].keys() == Presence.__annotations__.keys()
    assert notices[0]["office_number"] == "3"
    assert notices[0]["out_of_hours_number"] == "4"
    assert notices[1]["presented_to"] == "hospital"
    assert notices[1]["records"] == (CHILD, VISIT)
    assert notices[1]["contacts"] == 1
    assert len({notice["notice_id"] for notice in notices}) == 2


def test_no_notice_without_a_status_a_link_or_a_live_source() -> None:
    assert visit(register((CHILD, VISIT))) == []
    apart = register()
    apart.profile(CHILD, "council", PLAN, T)
    assert visit(apart) == []
    backfill = register((CHILD, VISIT))
    backfill.profile(CHILD, "council", PLAN, T)
    assert visit(backfill, live=False) == []
    assert visit(backfill, live=True) == [], "a backfilled contact that comes again is still history"


@pytest.mark.parametrize(
    ("spell", "status"),
    [
        (("protection_plan", T, None), "plan"),
        (("protection_plan", T + 1, None), ""),
        (("looked_after", T - 9, T + 1), "looked_after"),
        (("looked_after", T - 9, T), "within_12_months"),
        (("in_need", T - 9, None), ""),
    ],
)
def test_a_status_counts_from_its_start_to_twelve_months_after_its_end(
    spell: tuple[str, int, int | None], status: str
) -> None:
    made = register((CHILD, VISIT))
    made.profile(CHILD, "council", profile(spell), T)
    assert {notice["status"] for notice in visit(made)} == ({status} if status else set())


@pytest.mark.parametrize(
    ("ended", "last_day"),
    [
        ("2025-03-10T00:00", "2026-03-10"),
        ("2025-03-10T23:59", "2026-03-10"),
        ("2023-03-10T12:00", "2024-03-10"),  # over a leap day: 366 days
        ("2024-02-29T12:00", "2025-03-01"),
        ("2025-02-28T12:00", "2026-02-28"),
        ("2025-06-30T23:30", "2026-06-30"),  # summer: still June there, and 22:30 in UTC
        ("2025-12-31T23:59", "2026-12-31"),
    ],
)
def test_the_tail_ends_after_the_same_day_a_year_later(ended: str, last_day: str) -> None:
    ended_at = int(datetime.fromisoformat(ended).replace(tzinfo=LOCAL).timestamp() * 1000)
    over = tail_ends_at(ended_at)
    days = [datetime.fromtimestamp(at / 1000, LOCAL).date().isoformat() for at in (over - 1, over)]
    assert days[0] == last_day < days[1]
    for at, status in ((over - 1, {"within_12_months"}), (over, set())):
        made = register((CHILD, VISIT))
        made.profile(CHILD, "council", profile(("looked_after", ended_at - 9, ended_at)), at)
        assert {notice["status"] for notice in visit(made, at=at)} == status


def test_a_plan_goes_before_looked_after_whatever_the_record() -> None:
    made = register((CHILD, VISIT))
    made.profile(VISIT, "hospital", profile(("looked_after", 0, None)), T)
    made.profile(CHILD, "council", PLAN, T)
    assert {notice["status"] for notice in visit(made)} == {"plan"}


def test_a_restricted_child_is_known_call_only() -> None:
    made = register((CHILD, VISIT))
    made.profile(CHILD, "council", {**PLAN, "restricted": True}, T)
    assert told(visit(made)) == [("known_call", "ward", "known")]


def test_a_correction_does_not_tell_twice_but_another_child_is_told() -> None:
    other = b"hospital-other"
    made = register((CHILD, VISIT), (b"council-other", other))
    for record in (CHILD, b"council-other"):
        made.profile(record, "council", PLAN, T)
    assert len(visit(made)) == 2
    assert visit(made, at=T + 5) == []
    moved = visit(made, record=other)
    assert len(moved) == 2
    assert moved[0]["person"] == b"council-other"
    assert made.history(CHILD) == ()
    assert visit(made, record=VISIT) == [], "and back again tells nobody a second time"


def test_the_agency_that_is_itself_responsible_gets_one_notice() -> None:
    made = register((CHILD, VISIT))
    made.profile(CHILD, "council", PLAN, T)
    assert told(visit(made, record=CHILD, agency="council")) == [("presented", "mash", "plan")]


def test_a_link_or_a_status_that_comes_later_tells_of_a_recent_contact_once() -> None:
    made = register((CHILD, VISIT))
    made._links = Groups()
    made.profile(CHILD, "council", PLAN, T)
    visit(made, b"old", at=T - NOTICE_AGE_MS)
    visit(made, b"new", at=T)
    made._links = Groups((CHILD, VISIT))
    now = T + 1
    assert {notice["presented_at"] for notice in made.relinked((CHILD, VISIT), now)} == {T}
    assert made.relinked((CHILD, VISIT), now) == []
    late = register((CHILD, VISIT))
    assert visit(late) == []
    assert len(late.profile(CHILD, "council", PLAN, T + 9)) == 2
    assert late.profile(CHILD, "council", PLAN, T + 9) == []


def test_an_unborn_child_is_found_through_the_mother_and_keeps_the_contacts_at_birth() -> None:
    made = register()
    bump = {**PLAN, "age_band": "unborn", "unborn_of": MOTHER}
    made.profile(BUMP, "council", bump, T)
    notices = visit(made, record=MOTHER)
    assert told(notices) == [("known_call", "ward", "plan"), ("presented", "mash", "plan")]
    assert notices[0]["person"] == BUMP
    assert notices[0]["records"] == (BUMP, MOTHER)
    made.profile(BUMP, "council", {**PLAN, "age_band": "0-4", "unborn_of": MOTHER}, T)
    assert visit(made, b"e2", record=MOTHER) == [], "after birth the mother is not the child"
    assert [event for _, event, _ in made.history(BUMP)] == [b"e1"]
    assert len(visit(made, b"e3", record=BUMP)) == 2


def test_the_unborn_status_may_come_after_the_mothers_contact() -> None:
    made = register((MOTHER, b"council-mother"))
    assert visit(made, record=MOTHER) == []
    bump = {**PLAN, "age_band": "unborn", "unborn_of": b"council-mother"}
    assert len(made.profile(BUMP, "council", bump, T)) == 2


def test_the_newest_25_are_kept_and_a_deletion_brings_the_26th_back() -> None:
    made = register((CHILD, VISIT))
    events = [b"e%03d" % number for number in range(30)]
    for number, event in enumerate(events):
        visit(made, event, record=(CHILD, VISIT)[number % 2], at=T + number)
    assert [event for _, event, _ in made.history(CHILD)] == events[: -CONTACTS_SHOWN - 1 : -1]
    made.withdraw(events[-1], T)
    assert [event for _, event, _ in made.history(CHILD)] == events[-2 : -CONTACTS_SHOWN - 2 : -1]
    made._links = Groups()
    assert {contact.record for _, _, contact in made.history(VISIT)} == {VISIT}


def test_a_withdrawn_contact_that_comes_back_is_not_told_again_and_is_forgotten_in_time() -> None:
    tables = Tables("north", SPECS)
    made = register((CHILD, VISIT), tables=tables)
    made.profile(CHILD, "council", PLAN, T)
    visit(made)
    made.withdraw(b"e1", T)
    assert made.history(CHILD) == ()
    assert visit(made) == []
    made.withdraw(b"e1", T)
    made.tick(T + WITHDRAWN_KEPT_MS)
    assert len(tables["contacts"]) == 1
    made.tick(T + WITHDRAWN_KEPT_MS + 1)
    assert len(tables["contacts"]) == 0


def test_forgetting_a_record_leaves_nothing_of_it() -> None:
    tables = Tables("north", SPECS)
    made = register((CHILD, VISIT), tables=tables)
    made.profile(CHILD, "council", {**PLAN, "age_band": "unborn", "unborn_of": VISIT}, T)
    visit(made)
    made.forget(VISIT)
    made.forget(CHILD)
    assert not tables["contacts"]
    assert not tables["standings"]


def test_recovered_from_its_packed_rows_it_goes_on_alike() -> None:
    tables = Tables("north", SPECS)
    made = register((CHILD, VISIT), tables=tables)
    made.profile(CHILD, "council", PLAN, T)
    visit(made)
    visit(made, b"e2", at=T + 1)
    made.withdraw(b"e2", T + 2)
    again = Tables("north", SPECS)
    for _, number, key, value in tables.rows():
        again.load(number, key, value)
    recovered = register((CHILD, VISIT), tables=again)
    assert recovered.history(CHILD) == made.history(CHILD)
    for one in (made, recovered):
        one.tick(T + 3)
    assert visit(recovered, b"e3") == visit(made, b"e3")
    assert list(again.rows()) == list(tables.rows())
    assert visit(recovered, b"e2") == []


def test_without_a_directory_nobody_is_told_and_the_contact_waits() -> None:
    made = register((CHILD, VISIT))
    made.directory = Directory()
    made.profile(CHILD, "council", PLAN, T)
    assert visit(made) == []
    made.directory = DIRECTORY
    assert len(made.relinked((CHILD,), T + 1)) == 2


class Unlinked:
    """A link graph that has no identity yet."""

    def cluster(self, record: bytes) -> bytes:
        raise KeyError(record)

    def members(self, cluster: bytes) -> tuple[bytes, ...]:
        raise KeyError(cluster)


def test_a_record_whose_identity_has_not_come_stands_for_itself() -> None:
    made = register()
    made._links = Unlinked()
    made.profile(CHILD, "council", PLAN, T)
    assert len(visit(made, record=CHILD)) == 2
    assert len(made.history(CHILD)) == 1


def test_beyond_its_bound_a_record_drops_its_oldest_contact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.presence.register.CONTACTS_PER_RECORD_MAX", 2)
    made = register()
    for number in range(3):
        visit(made, b"e%d" % number, at=T + number)
    assert [event for _, event, _ in made.history(VISIT)] == [b"e2", b"e1"]


def test_an_unborn_childs_mother_is_found_again_after_recovery_and_two_births_apart() -> None:
    tables = Tables("north", SPECS)
    made = register(tables=tables)
    for child in (BUMP, b"council-twin"):
        made.profile(child, "council", {**PLAN, "age_band": "unborn", "unborn_of": MOTHER}, T)
    visit(made, b"e0", record=MOTHER)
    recovered = register(tables=tables)
    assert [notice["person"] for notice in visit(recovered, record=MOTHER)] == [
        BUMP, BUMP, b"council-twin", b"council-twin",
    ]  # fmt: skip
    assert [event for _, event, _ in recovered.history(BUMP)] == [b"e1", b"e0"]
    recovered.withdraw(b"e0", T)
    recovered.withdraw(b"e0", T)
    recovered.withdraw(b"unknown", T)
    assert [event for _, event, _ in recovered.history(BUMP)] == [b"e1"]
    recovered.profile(BUMP, "council", None, T)
    assert len(visit(recovered, b"e2", record=MOTHER)) == 2


def test_forgetting_what_was_never_there_changes_nothing() -> None:
    made = register((CHILD, VISIT))
    made.profile(CHILD, "council", PLAN, T)
    made.forget(VISIT)
    made.forget(CHILD)
    assert made.history(CHILD) == ()
