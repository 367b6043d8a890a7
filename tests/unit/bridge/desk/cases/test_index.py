"""What a case is found by: in which household a record is, and which alerts are about whom."""

from __future__ import annotations

import random
from typing import Any

import pytest

from bridge.desk import inbox, writer
from bridge.desk.inbox import keys_about
from tests.unit.bridge.desk.support import ANN, BEN, CAT, Made, alert, household

RECORDS = (ANN, BEN, CAT)


def homes(made: Made) -> dict[str, str]:
    found = made.runner.run(made.desk.inbox.homes([one.hex() for one in RECORDS]))
    return {record: home for record, (home, _) in found.items()}


def about(made: Made, *keys: str) -> list[str]:
    return [one["alert_id"] for one in made.runner.run(made.desk.inbox.alerts_about("mash", keys))]


def gone(key: str) -> dict[str, Any]:
    return {"kind": "household", "key": f"household:{key}", "as_of_at": 1, "body": None}


@pytest.mark.parametrize("order", [("aa", "bb"), ("bb", "aa")])
def test_a_record_that_moves_is_in_its_new_household_whichever_row_comes_first(
    desk: Made, order: tuple[str, ...]
) -> None:
    desk.arrives(household("aa", records=[ANN.hex(), BEN.hex()]))
    after = {"aa": household("aa", records=[ANN.hex()]), "bb": household("bb", records=[BEN.hex()])}
    for key in order:
        desk.arrives(after[key])
    assert homes(desk) == {ANN.hex(): "aa", BEN.hex(): "bb"}
    desk.arrives(gone("aa"))
    assert homes(desk) == {BEN.hex(): "bb"}


def test_the_index_is_what_a_scan_would_find_whatever_came(desk: Made) -> None:
    chance = random.Random(5)
    rows: dict[str, list[bytes]] = {}
    alerts: dict[str, tuple[str, list[bytes]]] = {}
    for step in range(150):
        key = chance.choice(("aa", "bb", "cc"))
        free = [one for one in RECORDS if all(one not in held for home, held in rows.items() if home != key)]
        rows[key] = [one for one in free if chance.random() < 0.6]
        desk.arrives(household(key, records=[one.hex() for one in rows[key]]) if rows[key] else gone(key))
        alert_id, some = chance.choice("123") * 32, [one for one in RECORDS if chance.random() < 0.5]
        alerts[alert_id] = (key, some)
        desk.arrives(alert(alert_id, version=step, household=key, records=some))
    assert homes(desk) == {one.hex(): home for home, held in rows.items() for one in held}
    for key in ("aa", "bb", "cc"):
        assert sorted(about(desk, *keys_about(key, ()))) == sorted(
            one for one, (home, _) in alerts.items() if home == key
        )
    for record in RECORDS:
        assert sorted(about(desk, *keys_about("", (record,)))) == sorted(
            one for one, (_, held) in alerts.items() if record in held
        )


def test_what_is_dropped_for_room_leaves_no_index_behind(desk: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ALERTS_MAX", 2)
    monkeypatch.setattr(writer, "HOUSEHOLDS_MAX", 1)
    for number, record in enumerate(RECORDS):
        desk.arrives(alert(f"{number}" * 32, household=f"{number}", records=[record], changed_at=number))
        desk.arrives(household(f"{number}", records=[record.hex()]))
    at, own = inbox.keys("council", "mash"), inbox.keys("council", inbox.OWN)
    assert desk.redis.hlen(at.alerts) == 2
    assert {key.decode() for key in desk.redis.hkeys(at.about)} == {
        key for number in (1, 2) for key in keys_about(f"{number}", (RECORDS[number],))
    }
    assert (desk.redis.hlen(own.households), desk.redis.hlen(own.homes)) == (1, 1)


def test_a_lost_index_finds_nothing_and_fails_nothing(desk: Made) -> None:
    desk.arrives(household("aa", records=[ANN.hex()]))
    desk.redis.delete(inbox.keys("council", inbox.OWN).households)
    assert homes(desk) == {}
