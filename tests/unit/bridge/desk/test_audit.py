"""The chain shows what was done to it, and nothing is answered that is not in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.desk import audit as audits
from bridge.desk.audit import Audit, AuditDown, verify


def written(path: Path, count: int = 4) -> list[bytes]:
    audit = Audit(path, lambda: 5)
    for number in range(count):
        audit.record("u-1", "alert", (f"a{number}",), team="mash")
    audit.close()
    return path.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize(
    ("change", "line", "reason"),
    [
        (lambda lines: [lines[0], lines[1].replace(b'"a1"', b'"a9"'), *lines[2:]], 2, "was changed"),
        (lambda lines: [lines[0], *lines[2:]], 2, "does not follow"),
        (lambda lines: lines[1:], 1, "does not follow"),
        (lambda lines: [lines[0], lines[2], lines[1], lines[3]], 2, "does not follow"),
        (lambda lines: [*lines[:3], b"nothing\n"], 4, "not a line"),
    ],
)
def test_verify_names_the_first_break(tmp_path: Path, change: object, line: int, reason: str) -> None:
    path = tmp_path / "audit.jsonl"
    lines = written(path)
    assert verify(path) is None
    path.write_bytes(b"".join(change(lines)))  # type: ignore[operator]
    found = verify(path)
    assert found is not None
    assert found.line == line
    assert reason in found.reason


def test_the_chain_goes_on_after_a_start_and_after_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    written(path)
    with path.open("ab") as file:
        file.write(b'{"n": 5, "user": "u-')
    assert len(written(path, 2)) == 6
    assert verify(path) is None


def test_two_desks_do_not_write_one_audit(tmp_path: Path) -> None:
    first = Audit(tmp_path / "audit.jsonl", lambda: 5)
    with pytest.raises(AuditDown):
        Audit(tmp_path / "audit.jsonl", lambda: 5)
    first.close()
    Audit(tmp_path / "audit.jsonl", lambda: 5).close()


def test_an_audit_that_is_no_audit_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text("hello\n")
    with pytest.raises(AuditDown):
        Audit(path, lambda: 5)


def test_a_full_disk_stops_the_answer_and_leaves_the_chain_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    audit = Audit(path, lambda: 5)
    audit.record("u-1", "alert", ("a",))
    real = os.write
    monkeypatch.setattr(audits.os, "write", lambda file, data: real(file, data[:10]))
    with pytest.raises(AuditDown):
        audit.record("u-1", "alert", ("b",))
    monkeypatch.undo()
    audit.record("u-1", "alert", ("c",))
    audit.close()
    assert verify(path) is None
    assert path.read_bytes().count(b"\n") == 2
