"""The snapshotter folds what the chain rule accepts, and begins at the newest snapshot that keeps its promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.runtime.commits import Damaged
from streams.runtime.kafka import BrokerError
from streams.runtime.snapshots import Store
from streams.tools.snapshotter import Fold
from tests.unit.streams.runtime.memory import Log, lane
from tests.unit.streams.tools.test_verify import CIPHER, chain


def folded(store: Store, log: Log) -> Fold:
    fold = Fold(0, store, CIPHER)
    fold.recover(log.low, len(log.records))
    for offset, value in log.read(0, fold.chain.place.end, len(log.records)):
        fold.take(offset, value)
    return fold


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path), CIPHER)


async def test_a_snapshot_is_where_a_worker_goes_on(store: Store) -> None:
    log = await chain()
    folded(store, log).write()
    log.low = 5  # the beginning is gone
    log.records[:5] = [b"gone"] * 5
    worker = lane(log, store)  # type: ignore[arg-type]
    worker.catch_up()
    assert worker.next == 12


async def test_snapshots_are_chained_and_old_ones_go(store: Store) -> None:
    log = await chain(3)
    fold = folded(store, log)
    first = fold.write()
    second = fold.write()
    assert second.before == first.this
    again = folded(store, log)
    third = again.write()
    assert (third.sequence, third.before) == (3, second.this)
    again.prune(2)
    assert [manifest.sequence for manifest in store.manifests(0)] == [3, 2]


async def test_one_that_breaks_its_promise_is_passed_over(store: Store, tmp_path: Path) -> None:
    log = await chain()
    fold = folded(store, log)
    fold.write()
    fold.write()
    (tmp_path / "0" / "0000000002.bin").write_bytes(b"junk")
    again = Fold(0, store, CIPHER)
    again.recover(3, 12)
    assert again.chain.place.next == 12
    (tmp_path / "0" / "0000000001.bin").unlink()
    with pytest.raises(BrokerError, match="no snapshot"):
        Fold(0, store, CIPHER).recover(3, 12)
    Fold(0, store, CIPHER).recover(0, 12)


async def test_damage_stops_it(store: Store) -> None:
    log = await chain()
    log.records[4] = log.records[4][:-1] + b"\0"
    with pytest.raises(Damaged):
        folded(store, log)
