"""Snapshots: dated, sealed, chained; a damaged one is passed over."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from schemas.crypto import Aead
from streams.runtime import snapshots
from streams.runtime.commits import Damaged, Place
from streams.runtime.snapshots import Manifest, NoStore, Store, open_store
from streams.state import Raw, RawState, pack_delta
from tests.unit.streams.runtime.memory import Nonces

CIPHER = Aead(bytes(32))


def state(rows: int) -> RawState:
    made = RawState()
    made.apply(pack_delta([("p", 0, b"%d" % number, Raw(b"\x01")) for number in range(rows)]))
    return made


def write(store: Store, sequence: int, of: RawState, before: str = "", reach=lambda point: None) -> Manifest:
    manifest = Manifest(
        partition=0, sequence=sequence, next=sequence * 10, hash="ab" * 32, end=sequence, tip=sequence - 1,
        rows=len(of.rows), frames=0, digest=of.digest().hex(), made_at=0, before=before,
    )  # fmt: skip
    return store.write(manifest, of.changes(), Nonces(sequence * 1000), reach)


def read(store: Store, manifest: Manifest) -> RawState:
    found = RawState()
    for changes in store.frames(manifest):
        found.apply(changes)
    return found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path), CIPHER)


def test_what_is_written_is_read_newest_first(store: Store) -> None:
    first = write(store, 1, state(5))
    second = write(store, 2, state(7), before=first.this)
    assert [kept.manifest for kept in store.newest_first(0)] == [second, first]
    assert read(store, second).digest() == state(7).digest()
    assert second.before == first.this
    assert next(iter(store.newest_first(0))).place == Place(20, b"\xab" * 32, 2, 1)
    assert list(store.newest_first(1)) == []


def test_many_rows_take_many_frames(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "FRAME_ROWS", 10)
    manifest = write(store, 1, state(95))
    assert manifest.frames == 10
    assert read(store, manifest).digest() == state(95).digest()


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "empty"])
def test_damage_is_named(store: Store, tmp_path: Path, damage: str) -> None:
    manifest = write(store, 1, state(50))
    file = tmp_path / "0" / "0000000001.bin"
    data = file.read_bytes()
    match damage:
        case "flip":
            file.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])
        case "cut":
            file.write_bytes(data[:-5])
        case "empty":
            file.write_bytes(b"")
        case _:
            file.unlink()
    with pytest.raises(Damaged):
        read(store, manifest)


def test_frames_of_another_snapshot_do_not_open(store: Store, tmp_path: Path) -> None:
    write(store, 1, state(50))
    second = write(store, 2, state(50))
    (tmp_path / "0" / "0000000002.bin").write_bytes((tmp_path / "0" / "0000000001.bin").read_bytes())
    with pytest.raises(Damaged):
        read(store, second)


def test_a_manifest_that_was_changed_is_none(store: Store, tmp_path: Path) -> None:
    manifest = write(store, 1, state(50))
    file = tmp_path / "0" / "0000000001.json"
    file.write_bytes(msgspec.json.encode(msgspec.structs.replace(manifest, next=11)))
    assert list(store.newest_first(0)) == []
    forged = msgspec.structs.replace(manifest, next=11)  # with a hash that fits: the seals still know better
    with pytest.raises(Damaged):
        read(store, msgspec.structs.replace(forged, this=forged.hashed()))
    fewer = msgspec.structs.replace(manifest, frames=0)
    with pytest.raises(Damaged):
        read(store, msgspec.structs.replace(fewer, this=fewer.hashed()))


@pytest.mark.parametrize("point", ["snapshot_written", "manifest_written"])
def test_dying_while_writing_leaves_the_older_one_usable(store: Store, point: str) -> None:
    class Died(BaseException):
        pass

    def reach(reached: str) -> None:
        if reached == point:
            raise Died

    write(store, 1, state(5))
    with pytest.raises(Died):
        write(store, 2, state(7), reach=reach)
    newest = next(iter(store.newest_first(0)))
    assert read(store, newest.manifest).digest().hex() == newest.manifest.digest


def test_what_is_dropped_is_gone(store: Store, tmp_path: Path) -> None:
    store.drop(write(store, 1, state(5)))
    assert list((tmp_path / "0").iterdir()) == []


def test_without_a_url_there_are_none() -> None:
    assert isinstance(open_store("", CIPHER), NoStore)
    assert list(open_store("", CIPHER).newest_first(0)) == []


def test_nothing_readable_is_in_the_files(store: Store, tmp_path: Path) -> None:
    made = RawState()
    made.apply(pack_delta([("p", 0, b"canary-key", Raw(msgspec.msgpack.encode("canary-value")))]))
    write(store, 1, made)
    assert not any(b"canary" in file.read_bytes() for file in (tmp_path / "0").iterdir())
