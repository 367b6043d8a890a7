"""Who holds which key, how it reaches others, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bridge import keys
from bridge.keyfiles import KeyFault, read_key, write_key
from bridge.keys_cli import main
from schemas import crypto

PLATFORM_PUBLIC = crypto.hpke_keypair()[1]


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """Two agencies with their own keys and none to share yet."""
    for agency in ("council", "police"):
        keys.make_agency(tmp_path / agency, agency, "northmere", PLATFORM_PUBLIC)
    return tmp_path


def hand_over(town: Path) -> int:
    parcel = keys.hand_out(town / "council", keys.register_entry(town / "police"))
    return keys.accept(town / "police", parcel, keys.register_entry(town / "council"))


def test_a_partnership_made_in_one_go_shares_the_linkage_key_and_nothing_else(tmp_path: Path) -> None:
    keys.make_partnership(tmp_path / "k", "northmere", ("council", "police", "homes"), ("alice", "bob"))
    held = [keys.AgencyKeys.load(tmp_path / "k" / agency) for agency in ("council", "police", "homes")]
    assert len({agency.linkage_key for agency in held}) == 1
    for field in ("agency_key", "sign_private", "seal_private"):
        assert len({getattr(agency, field) for agency in held}) == 3
    platform = tmp_path / "k" / "platform"
    assert {path.name for path in platform.iterdir()} == {
        "state.key", "entity.key", "platform.key", "platform.public", "governance.json",
    }  # fmt: skip
    assert crypto.hpke_public(read_key(platform / "platform.key")) == held[0].platform_public
    assert set(json.loads((platform / "governance.json").read_text())) == {"alice", "bob"}


def test_the_platform_holds_nothing_that_an_agency_holds(tmp_path: Path) -> None:
    keys.make_partnership(tmp_path / "k", "northmere", ("council", "police"), ("alice", "bob"))
    secret = keys.AgencyKeys.load(tmp_path / "k" / "council")
    on_platform = "".join(path.read_text() for path in (tmp_path / "k" / "platform").iterdir())
    for key in (secret.agency_key, secret.linkage_key, secret.sign_private, secret.seal_private):
        assert key.hex() not in on_platform


def test_every_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    keys.make_partnership(tmp_path / "k", "northmere", ("council", "police"), ("alice",))
    for path in (tmp_path / "k").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_secret_that_others_can_read_is_refused(town: Path) -> None:
    keys.make_linkage(town / "council")
    (town / "council" / "agency.key").chmod(0o640)
    with pytest.raises(KeyFault, match="readable by others"):
        keys.AgencyKeys.load(town / "council")


def test_keys_are_never_written_over(town: Path) -> None:
    before = read_key(town / "council" / "agency.key")
    with pytest.raises(KeyFault, match="exists already"):
        keys.make_agency(town / "council", "council", "northmere", PLATFORM_PUBLIC)
    assert read_key(town / "council" / "agency.key") == before


def test_loading_before_there_is_a_linkage_key_says_what_to_do(town: Path) -> None:
    with pytest.raises(KeyFault, match="keys linkage"):
        keys.AgencyKeys.load(town / "council")
    with pytest.raises(KeyFault, match="keys agency"):
        keys.AgencyKeys.load(town / "nobody")


def test_keys_do_not_print(town: Path) -> None:
    keys.make_linkage(town / "council")
    held = keys.AgencyKeys.load(town / "council")
    for key in (held.agency_key, held.linkage_key, held.sign_private, held.seal_private):
        assert key.hex() not in repr(held)
        assert repr(key) not in repr(held)


def test_the_linkage_key_arrives_as_it_was_made(town: Path) -> None:
    keys.make_linkage(town / "council")
    assert hand_over(town) == 1
    assert hand_over(town) == 1, "taking it twice changes nothing"
    loaded = [keys.AgencyKeys.load(town / agency) for agency in ("council", "police")]
    assert loaded[0].linkage_key == loaded[1].linkage_key
    shown = [keys.show(town / agency)["linkage_check_values"] for agency in ("council", "police")]
    assert shown[0] == shown[1]
    assert loaded[0].linkage_key.hex() not in json.dumps(shown)


def test_a_parcel_gives_nothing_to_whom_it_passes_through(town: Path) -> None:
    keys.make_linkage(town / "council")
    parcel = keys.hand_out(town / "council", keys.register_entry(town / "police"))
    assert keys.AgencyKeys.load(town / "council").linkage_key.hex() not in json.dumps(parcel)


@pytest.mark.parametrize("change", [
    {"epoch": 2}, {"epoch": "1"}, {"epoch": 0}, {"to": "homes"}, {"from": "police"}, {"partnership": "southmere"},
    {"sealed": "00" * 80}, {"sealed": "zz"}, {"signature": "00" * 64}, {"signature": None},
])  # fmt: skip
def test_a_parcel_that_was_altered_is_refused(town: Path, change: dict[str, Any]) -> None:
    keys.make_linkage(town / "council")
    parcel = keys.hand_out(town / "council", keys.register_entry(town / "police"))
    with pytest.raises(KeyFault):
        keys.accept(town / "police", {**parcel, **change}, keys.register_entry(town / "council"))
    assert keys.linkage_epochs(town / "police") == []


def test_a_parcel_by_another_giver_is_refused(town: Path, tmp_path: Path) -> None:
    keys.make_agency(tmp_path / "impostor", "council", "northmere", PLATFORM_PUBLIC)
    keys.make_linkage(tmp_path / "impostor")
    parcel = keys.hand_out(tmp_path / "impostor", keys.register_entry(town / "police"))
    with pytest.raises(KeyFault, match="not signed"):
        keys.accept(town / "police", parcel, keys.register_entry(town / "council"))


def test_two_linkage_keys_of_one_epoch_are_a_fault_that_is_said(town: Path) -> None:
    keys.make_linkage(town / "council")
    keys.make_linkage(town / "police")
    with pytest.raises(KeyFault, match="must agree"):
        hand_over(town)


def test_a_linkage_key_stays_in_its_partnership(town: Path, tmp_path: Path) -> None:
    keys.make_linkage(town / "council")
    keys.make_agency(tmp_path / "far", "police", "southmere", PLATFORM_PUBLIC)
    with pytest.raises(KeyFault, match="another partnership"):
        keys.hand_out(town / "council", keys.register_entry(tmp_path / "far"))
    with pytest.raises(KeyFault, match="usable public key"):
        keys.hand_out(town / "council", {**keys.register_entry(town / "police"), "seal_public": "00"})


def test_a_new_linkage_key_comes_into_force_only_when_told(town: Path) -> None:
    keys.make_linkage(town / "council")
    first = keys.AgencyKeys.load(town / "council").linkage_key
    assert keys.make_linkage(town / "council") == 2
    held = keys.AgencyKeys.load(town / "council")
    assert (held.linkage_epoch, held.linkage_key) == (1, first)
    assert sorted(held.linkage) == [1, 2]
    keys.activate(town / "council", 2)
    assert keys.AgencyKeys.load(town / "council").linkage_key != first
    with pytest.raises(KeyFault, match="epoch 3"):
        keys.activate(town / "council", 3)


def test_a_rotated_pair_is_new_and_the_old_is_kept(town: Path) -> None:
    before = read_key(town / "council" / "seal.private")
    entry = keys.register_entry(town / "council")
    keys.rotate(town / "council", "seal")
    keys.rotate(town / "council", "seal")
    after = keys.register_entry(town / "council")
    assert after["seal_public"] != entry["seal_public"]
    assert after["sign_public"] == entry["sign_public"]
    assert read_key(town / "council" / "seal.1.private") == before
    assert (town / "council" / "seal.2.private").exists()
    with pytest.raises(KeyFault, match="cannot rotate"):
        keys.rotate(town / "council", "agency")


def test_an_approver_is_known_by_one_key(tmp_path: Path) -> None:
    keys.make_platform(tmp_path / "p")
    alice, other = crypto.sign_keypair()[1], crypto.sign_keypair()[1]
    keys.trust(tmp_path / "p", "alice", alice)
    keys.trust(tmp_path / "p", "alice", alice)
    with pytest.raises(KeyFault, match="another key of alice"):
        keys.trust(tmp_path / "p", "alice", other)
    with pytest.raises(KeyFault, match="keys platform"):
        keys.trust(tmp_path / "empty", "alice", alice)


@pytest.mark.parametrize("name", ["", "Council", "a b", "a/b", "../x", "é", "x" * 65, "-"])
def test_an_id_is_small_letters_digits_and_hyphens(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyFault, match="expected an id"):
        keys.make_agency(tmp_path / "a", name, "northmere", PLATFORM_PUBLIC)


@pytest.mark.parametrize("content", ["", "zz", "00" * 31, "00" * 33, "é"])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "agency.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyFault, match=r"agency\.key"):
        read_key(path)


def test_a_key_of_another_size_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(KeyFault, match="32 bytes"):
        write_key(tmp_path / "k", b"short")
    assert not (tmp_path / "k").exists()


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    assert main([str(part) for part in argv]) == 0
    return capsys.readouterr().out


def test_the_command_takes_a_key_from_bridge_to_bridge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    public = run(capsys, "platform", "--folder", tmp_path / "p").strip()
    for agency, platform in (("council", public), ("police", tmp_path / "p" / "platform.public")):
        entry = run(capsys, "agency", "--folder", tmp_path / agency, "--agency", agency, "--partnership", "northmere",
                    "--platform", platform)  # fmt: skip
        assert entry == run(capsys, "entry", "--folder", tmp_path / agency)
        (tmp_path / f"{agency}.json").write_text(entry)
    assert run(capsys, "linkage", "--folder", tmp_path / "council") == "epoch 1\n"
    parcel = run(capsys, "hand-out", "--folder", tmp_path / "council", "--to", tmp_path / "police.json")
    (tmp_path / "parcel.json").write_text(parcel)
    taken = run(capsys, "accept", "--folder", tmp_path / "police", "--parcel", tmp_path / "parcel.json",
                "--from", tmp_path / "council.json")  # fmt: skip
    assert taken == "epoch 1\n"
    held = [keys.AgencyKeys.load(tmp_path / agency) for agency in ("council", "police")]
    assert held[0].linkage_key == held[1].linkage_key
    shown = run(capsys, "show", "--folder", tmp_path / "council")
    assert json.loads(shown)["linkage_in_force"] == 1
    assert held[0].linkage_key.hex() not in shown


def test_the_command_makes_known_an_approver(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "platform", "--folder", tmp_path / "p")
    public = run(capsys, "governance", "--folder", tmp_path / "g", "--name", "alice").strip()
    run(capsys, "trust", "--folder", tmp_path / "p", "--name", "alice", "--public", public)
    assert json.loads((tmp_path / "p" / "governance.json").read_text()) == {"alice": public}


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["entry", "--folder", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "keys agency" in said
    assert said.count("\n") == 1
    (tmp_path / "list.json").write_text("[]")
    assert main(["hand-out", "--folder", str(tmp_path), "--to", str(tmp_path / "list.json")]) == 2
    assert "expected a JSON object" in capsys.readouterr().err
    assert main(["show", "--folder", str(tmp_path / "none")]) == 2
