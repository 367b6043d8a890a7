"""An audit that was written anew, chain and all, does not fit the heads that others kept of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cli
from bridge import keys
from bridge.desk import config as configs
from bridge.desk.audit import Audit
from bridge.desk.exchange import letters
from bridge.desk.exchange.kept import Kept
from bridge.desk.exchange.letters import Own
from bridge.desk.exchange.rows import HEAD, Head
from schemas.exchange import Disclosure
from tests.unit.bridge.desk.support import APPROVERS, kafka

DAY_MS, AT = 86_400_000, 1_764_000_000_000


def written(path: Path, count: int, user: str = "u-1") -> list[tuple[int, str]]:
    """A valid chain of so many lines; number and hash after each."""
    audit = Audit(path, lambda: AT)
    marks = []
    for number in range(count):
        audit.record(user, "alert", (f"a{number}",), team="mash")
        marks.append(audit.mark())
    audit.close()
    return marks


def head_of(letter: Disclosure) -> Head:
    return Head(letter["partnership"], letter["agency"], letter["head_number"], letter["head_hash"], letter["answered_at"],
                letter["signature"].hex())  # fmt: skip


class Town:
    """Two agencies' desks on disk, each with its settings; the police have kept the council's heads."""

    def __init__(self, folder: Path) -> None:
        keys.make_partnership(folder / "keys", "northmere", ("council", "police"), ("one", "two"))
        self.folder = folder
        held = {name: keys.AgencyKeys.load(folder / "keys" / name) for name in ("council", "police")}
        self.own = {name: Own("northmere", name, key.sign_private, key.seal_private) for name, key in held.items()}
        self.audit = folder / "council.audit"
        self.marks = written(self.audit, 6)
        self.kept = {name: Kept(folder / f"{name}.kept", key.agency_key) for name, key in held.items()}
        for day, (number, digest) in enumerate((self.marks[1], self.marks[3])):
            letter = letters.head(self.own["council"], number, digest, AT + day * DAY_MS)
            for store in self.kept.values():
                store.put(HEAD, f"council:{day}", AT, head_of(letter), done=True)

    def settings(self, agency: str) -> str:
        path = self.folder / f"{agency}.json"
        path.write_text(json.dumps({
            "partnership": "northmere", "agency": agency, "kafka": kafka(self.folder, f"desk-{agency}"),
            "teams": {"mash": {"name": "Front door", "kafka": kafka(self.folder, "team-mash")}},
            "redis_url": "redis://127.0.0.1:1/0", "keys": f"keys/{agency}", "store": "store", "accounts": "a",
            "protocols": "p", "approvers": {name: public.hex() for name, (_, public) in APPROVERS.items()},
            "records": "r", "audit": f"{agency}.audit", "secret_file": "s",
            "exchange": {"partners": "partners.json", "kept": f"{agency}.kept"},
        }))  # fmt: skip
        return str(path)

    def handed_over(self, capsys: pytest.CaptureFixture[str], by: str = "police") -> str:
        """What another agency prints of the council's heads, in a file."""
        assert cli.main(["audit", "heads", "--config", self.settings(by), "--of", "council"]) == 0
        path = self.folder / "heads.json"
        path.write_text(capsys.readouterr().out)
        return str(path)

    def rewrite(self, count: int = 6) -> None:
        """Somebody writes the whole file anew, with a fresh valid chain, and clears what the desk kept of it."""
        self.audit.unlink()
        written(self.audit, count, user="u-nobody")
        self.kept["council"].drop(HEAD, AT + 1)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_a_whole_audit_fits_its_heads(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    heads = town.handed_over(capsys)
    assert cli.main(["audit", "verify", "--config", town.settings("council"), "--heads", heads]) == 0
    assert capsys.readouterr().out == "6 lines hold; 2 heads compared\n"
    assert cli.main(["audit", "verify", str(town.audit)]) == 0
    assert capsys.readouterr().out == "6 lines hold; 0 heads compared\n"


def test_the_whole_file_written_anew_is_caught_by_the_head_that_another_agency_kept(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    heads = town.handed_over(capsys)
    town.rewrite()
    assert cli.main(["audit", "verify", "--config", town.settings("council")]) == 0, "the chain alone says nothing"
    capsys.readouterr()
    assert cli.main(["audit", "verify", "--config", town.settings("council"), "--heads", heads]) == 1
    assert capsys.readouterr().out == "line 2: is not the line whose hash was handed out\n"


def test_an_end_that_was_cut_off_is_caught(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    lines = town.audit.read_bytes().splitlines(keepends=True)
    town.audit.write_bytes(b"".join(lines[:3]))
    assert cli.main(["audit", "verify", str(town.audit)]) == 0
    capsys.readouterr()
    assert cli.main(["audit", "verify", "--config", town.settings("council")]) == 1
    assert capsys.readouterr().out == "line 4: was handed out and is gone\n"


def test_a_change_inside_is_named_by_its_line(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    town.audit.write_bytes(town.audit.read_bytes().replace(b'"a2"', b'"a9"'))
    assert cli.main(["audit", "verify", "--config", town.settings("council")]) == 1
    assert capsys.readouterr().out == "line 3: was changed\n"


def test_who_writes_anew_and_hands_out_new_heads_is_caught_by_the_old_ones(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    town.rewrite()
    marks = [json.loads(line)["hash"] for line in town.audit.read_text().splitlines()]
    letter = letters.head(town.own["council"], 2, marks[1], AT + 9 * DAY_MS)
    town.kept["police"].put(HEAD, "council:9", AT, head_of(letter), done=True)
    heads = town.handed_over(capsys)
    assert cli.main(["audit", "verify", "--config", town.settings("council"), "--heads", heads]) == 1
    assert capsys.readouterr().out.startswith("line 2: two heads were handed out for it")


@pytest.mark.parametrize("signer", ["police", None])
def test_a_head_that_we_never_signed_does_not_speak_against_us(
    town: Town, capsys: pytest.CaptureFixture[str], signer: str | None
) -> None:
    false = letters.head(town.own["council"], 3, "ab" * 32, AT)
    if signer is not None:
        false = {**letters.head(Own("northmere", "council", town.own[signer].sign_private, b""), 3, "ab" * 32, AT)}
    else:
        false["head_hash"] = "cd" * 32
    path = town.folder / "false.json"
    path.write_text(json.dumps([{"partnership": "northmere", "agency": "council", "number": 3, "hash": false["head_hash"],
                                 "at": AT, "signature": false["signature"].hex()}]))  # fmt: skip
    assert cli.main(["audit", "verify", "--config", town.settings("council"), "--heads", str(path)]) == 2
    assert "not signed by council" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "{}", "[{}]", '[{"number": "x"}]', "\0"])
def test_what_is_no_file_of_heads_is_said(town: Town, capsys: pytest.CaptureFixture[str], content: str) -> None:
    path = town.folder / "bad.json"
    path.write_text(content)
    assert cli.main(["audit", "verify", str(town.audit), "--heads", str(path)]) == 2
    assert "expected heads" in capsys.readouterr().err


def test_what_cannot_be_read_is_said(town: Town, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["audit", "verify"]) == 2
    assert cli.main(["audit", "verify", str(tmp_path / "none")]) == 2
    town.kept["police"].close()
    (town.folder / "police.kept").unlink()
    assert cli.main(["audit", "heads", "--config", town.settings("police"), "--of", "council"]) == 2
    assert "its desk has not run" in capsys.readouterr().err


def test_the_settings_of_the_exchange_are_read_relative_to_the_file(town: Town) -> None:
    config = configs.load(Path(town.settings("council")))
    assert config.exchange
    assert config.exchange.kept == town.folder / "council.kept"
    assert config.exchange.partners == town.folder / "partners.json"
