"""Consent in all its states, determinations by two people, an hour's look that is reviewed: when each holds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.desk.access import bases
from bridge.desk.access.records import Records
from schemas.crypto import Broken
from tests.unit.bridge.desk.support import HOUR_MS, NOW

DAY_MS = 24 * HOUR_MS
ANN, BEN = "record:aa", "record:bb"
GIVEN = {"state": "given", "purpose": "safeguarding", "agencies": ["police"], "given_by": "mother", "method": "in writing",
         "until_at": NOW + 30 * DAY_MS}  # fmt: skip
WHY = "The alleged offender would learn of it and is in the home."


@pytest.fixture
def records() -> Records:
    return Records(":memory:", b"k" * 32, lambda: NOW)


def holding(records: Records, *about: str, agency: str = "police", now: int = NOW) -> frozenset[str]:
    return bases.standing(records, about or (ANN,), agency, now)


def keep(records: Records, kind: str, body: dict[str, Any], *about: str) -> None:
    records.append(kind, about or (ANN,), "u-1", body)


def test_only_consent_that_is_given_and_has_not_lapsed_holds(records: Records) -> None:
    assert holding(records) == frozenset()
    keep(records, "consent", bases.plain(bases.consent(GIVEN, NOW)))
    assert holding(records) == {"consent"}
    assert holding(records, agency="schools") == frozenset(), "it names whose information"
    assert holding(records, now=GIVEN["until_at"]) == frozenset(), "it lapses at its end"
    for state in ("refused", "sought", "withdrawn"):
        sought = {"owner": "u-1", "due_at": NOW + DAY_MS} if state == "sought" else {}
        keep(records, "consent", bases.plain(bases.consent(GIVEN, NOW)))
        assert holding(records) == {"consent"}
        keep(records, "consent", bases.plain(bases.consent({**GIVEN, "state": state, **sought}, NOW)))
        assert holding(records) == frozenset(), state


def test_a_basis_holds_only_where_it_holds_for_everybody_concerned(records: Records) -> None:
    keep(records, "consent", bases.plain(bases.consent(GIVEN, NOW)), ANN)
    assert holding(records, ANN, BEN) == frozenset()
    keep(records, "consent", bases.plain(bases.consent({**GIVEN, "agencies": ["*"]}, NOW)), BEN)
    assert holding(records, ANN, BEN) == {"consent"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"given_by": " "}, "who gave"),
        ({"method": ""}, "how"),
        ({"until_at": NOW}, "within a year"),
        ({"until_at": NOW + 400 * DAY_MS}, "within a year"),
        ({"agencies": []}, "whose information"),
        ({"state": "assumed"}, "state"),
        ({"state": "sought"}, "who seeks"),
        ({"state": "sought", "owner": "u-1"}, "until which"),
        ({"shoe": 1}, "shoe"),
    ],
)
def test_a_consent_says_what_the_standard_asks_for_or_is_not_kept(change: dict[str, Any], says: str) -> None:
    with pytest.raises(bases.Bad, match=says):
        bases.consent({**GIVEN, **change}, NOW)


def test_nobody_determines_alone_or_for_ever() -> None:
    body = {
        "purpose": "safeguarding",
        "agencies": ["police"],
        "why": WHY,
        "reviewed_by": "u-2",
        "until_at": NOW + DAY_MS,
    }
    assert bases.determination(body, "u-1", NOW).why == WHY
    for change, says in (
        ({"reviewed_by": "u-1"}, "not yourself"),
        ({"reviewed_by": ""}, "colleague"),
        ({"why": "short"}, "sentence"),
        ({"until_at": NOW + 200 * DAY_MS}, "six months"),
    ):
        with pytest.raises(bases.Bad, match=says):
            bases.determination({**body, **change}, "u-1", NOW)


def test_a_broken_glass_is_the_users_own_and_ends_after_an_hour(records: Records) -> None:
    keep(records, "break_glass", bases.plain(bases.glass(WHY, NOW)))
    assert bases.glass_holds(records, (ANN,), "u-1", NOW + HOUR_MS - 1)
    assert not bases.glass_holds(records, (ANN,), "u-1", NOW + HOUR_MS)
    assert not bases.glass_holds(records, (ANN,), "u-2", NOW)
    assert not bases.glass_holds(records, (ANN, BEN), "u-1", NOW)
    assert not bases.glass_holds(records, (), "u-1", NOW)


@pytest.mark.parametrize(
    ("at", "due"),
    [
        ("2025-11-24", "2025-11-27"),
        ("2025-11-27", "2025-12-02"),
        ("2025-12-23", "2025-12-30"),
        ("2025-04-16", "2025-04-23"),
    ],
)
def test_it_is_reviewed_within_three_working_days_of_england(at: str, due: str) -> None:
    noon = datetime.fromisoformat(f"{at}T12:00:00").replace(tzinfo=UTC)
    assert bases.review_by(int(noon.timestamp() * 1000)) == date.fromisoformat(due)


def test_a_restriction_is_lifted_by_two_for_the_one_who_asked(records: Records) -> None:
    body = {"asked_by": "u-1", "for_user": "u-1", "until_at": NOW + DAY_MS}
    records.append("lift", (ANN,), "u-1", body)
    assert not bases.lifted(records, (ANN,), "u-1", NOW), "the same person twice"
    records.append("lift", (ANN,), "u-2", body)
    assert bases.lifted(records, (ANN,), "u-1", NOW)
    assert not bases.lifted(records, (ANN,), "u-3", NOW)
    assert not bases.lifted(records, (ANN,), "u-1", NOW + DAY_MS)


def test_what_was_written_is_sealed_blinded_and_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite"
    first = Records(path, b"k" * 32, lambda: NOW)
    kept = first.append("consent", (ANN, BEN), "u-1", {"given_by": "Wilhelmina Ashdown"})
    first.close()
    raw = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert not [word for word in (b"Wilhelmina", ANN.encode(), b"u-1") if word in raw]
    assert path.stat().st_mode & 0o077 == 0
    again = Records(path, b"k" * 32, lambda: NOW)
    assert again.about("consent", BEN) == again.of("consent") == [kept]
    assert again.get(kept.id) == kept
    assert again.about("duty", BEN) == again.of("consent", since=NOW + 1) == []
    stranger = Records(path, b"x" * 32, lambda: NOW)
    assert stranger.about("consent", BEN) == []
    with pytest.raises(Broken):
        stranger.get(kept.id)
