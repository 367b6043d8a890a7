"""The cache: built once, never half, never with a jar that was not pinned."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from demo.stack import StackError, kit


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("SIGHTLINE_CACHE", str(folder))
    return folder


def quiet(component: str, text: str) -> None:
    """Progress that nobody watches."""


def test_a_piece_is_built_once_and_then_found() -> None:
    calls: list[Path] = []

    def build(folder: Path) -> None:
        calls.append(folder)
        (folder / "piece").write_text("whole")

    first, second = kit.built("piece-1", build), kit.built("piece-1", build)
    assert first == second
    assert (first / "piece").read_text() == "whole"
    assert len(calls) == 1
    assert calls[0] != first, "built beside and renamed into place"


def test_a_build_that_fails_leaves_nothing_that_looks_finished(cache: Path) -> None:
    def build(folder: Path) -> None:
        (folder / "half").touch()
        raise StackError("no network")

    with pytest.raises(StackError, match="no network"):
        kit.built("piece-1", build)
    assert [path.name for path in cache.iterdir() if path.is_dir()] == []


def test_of_two_runs_at_once_one_builds_and_both_find_it() -> None:
    gate, calls, found = threading.Barrier(2), [], []

    def build(folder: Path) -> None:
        calls.append(folder)

    def run() -> None:
        gate.wait(10)
        found.append(kit.built("piece-1", build))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(calls) == 1
    assert found[0] == found[1]


def jar_from(folder: Path, content: bytes) -> Path:
    path = folder / "kafka-clients-1.jar"
    path.write_bytes(content)
    return path


def test_a_jar_with_another_hash_is_refused_and_nothing_is_kept(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "lock"
    lock.write_text(f"org.apache.kafka:kafka-clients:1 {'0' * 64}\n")
    monkeypatch.setattr(kit, "LOCK", lock)
    monkeypatch.setattr(kit, "_fetch_one", lambda coordinates, store: jar_from(store, b"tampered"))
    monkeypatch.setattr(kit.shutil, "copytree", lambda source, target, **options: target)
    with pytest.raises(StackError, match=r"kafka-clients:1 is not the pinned jar"):
        kit.ensure(quiet)
    assert not list(cache.glob("jars-*"))


def test_a_registry_that_cannot_be_reached_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nowhere:
        def __init__(self, **options: object) -> None:
            raise OSError("name resolution failed")

    monkeypatch.setattr("jgo.maven.MavenContext", Nowhere)
    with pytest.raises(StackError, match=r"cannot fetch a:b:1 from Maven Central.*name resolution.*make install"):
        kit._fetch_one("a:b:1", tmp_path)


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(StackError, match="SIGHTLINE_CACHE"):
        kit.cache_folder()


def test_every_pin_has_a_full_version_and_a_hash() -> None:
    pins = kit.locked()
    assert len(pins) == 104
    assert all(len(digest) == 64 and coordinates.count(":") == 2 for coordinates, digest in pins.items())


def test_an_archive_is_used_only_if_it_is_there(tmp_path: Path) -> None:
    pieces = kit.Kit(tmp_path / "java", tmp_path / "jars", tmp_path / "template", tmp_path)
    run = kit.Run(64, tmp_path, "broker")
    assert not [word for word in pieces.command(run, "Main") if "AOT" in word]
    (tmp_path / "broker.aot").touch()
    assert f"-XX:AOTCache={tmp_path / 'broker.aot'}" in pieces.command(run, "Main")
