"""A whole synthetic year, folded anew every 200 entries: a recovery at any of them changes no output and no row."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from demo.offline import Offline
from demo.partnership import ALSO
from demo.world import World
from streams.keys import Keyring
from streams.partnership import Facts
from streams.risk.household import Household, read
from streams.state import pack_delta, unpack_delta
from streams.step import State, make_machine

FAMILIES = 300
EVERY = 200


def test_a_recovery_at_any_moment_of_a_year_changes_nothing(tmp_path: Path) -> None:
    run = Offline(World(7, FAMILIES), tmp_path / "run")
    keyring = Keyring.load(run.made.keys / "platform")
    entries = list(run.journal())
    whole = make_machine(0, keyring)
    folds = 0
    for start in range(0, len(entries), EVERY):
        chunk = entries[start : start + EVERY]
        folded = make_machine(0, keyring)
        folded.load(pack_delta(list(whole.rows())))
        folded.ready()
        before, after = whole.step(chunk), folded.step(chunk)
        assert before.outbox == after.outbox, start
        assert _rows(before.delta) == _rows(after.delta), start
        folds += 1
        if folds % 5 == 0:
            assert _remembered(whole) == [], start
    assert folds > 50
    (town,) = whole.partnerships.values()
    for table in ("forecasts", "spreads", "demand_insight", "drift", "flow_insight", "alert_insight"):
        assert town.tables[table], table
    assert len(town.watch.scholars) == 1 + len(ALSO)
    for one in town.watch.scholars:
        assert one.learned.positives > 0, one.target
        assert one.study.resolved > 0, one.target
        assert one.figures is not None, one.target
    assert "model:figures" in town.tables["told"]
    assert min(town.tables["foresight"][b"now"].resolved) > 0


def _remembered(machine: State) -> list[bytes]:
    """Households that the watch remembers otherwise than they are now."""
    (town,) = machine.partnerships.values()
    keeper, facts = town.watch._keeper, Facts(town)
    return [
        key for key, known in keeper._households.items() if _in_any_order(known) != _in_any_order(read(facts, key))
    ]


def _in_any_order(household: Household) -> tuple[object, ...]:
    return household.records, household.children, Counter(household.contributions)


def _rows(delta: bytes) -> dict[tuple[int, bytes | str], bytes | None]:
    """What a delta changes, whatever the order of its rows."""
    return {(table, key): None if value is None else bytes(value) for _, table, key, value in unpack_delta(delta)}
