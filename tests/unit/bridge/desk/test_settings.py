"""Settings, accounts, secrets and the clock: what is wrong is named, what is secret stays so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.config import ConfigError
from bridge.desk import config as configs
from bridge.desk import serve
from bridge.desk.accounts import Account, Accounts, hash_password, write
from bridge.desk.feed import of_agency
from bridge.desk.names import born, named
from bridge.desk.sessions import secret
from bridge.keyfiles import KeyFault
from tests.unit.bridge.desk.support import settings

OIDC = {
    "issuer": "https://id.example",
    "client_id": "desk",
    "client_secret_file": "oidc.secret",
    "address": "https://desk.example",
}


def test_a_provider_takes_the_place_of_passwords_unless_both_are_wanted(tmp_path: Path) -> None:
    for more, passwords in (({}, True), ({"oidc": OIDC}, False), ({"oidc": OIDC, "local_accounts": True}, True)):
        (tmp_path / "desk.json").write_text(json.dumps({**settings(tmp_path, "redis://h/0"), **more}))
        config = configs.load(tmp_path / "desk.json")
        assert config.passwords == passwords
        assert config.idle_s == 30 * 60
        if config.oidc is not None:
            assert config.oidc.client_secret_file == tmp_path / "oidc.secret"


def test_an_account_without_a_password_is_no_account_with_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    write(path, [Account("u-1", "sam", "Sam", "", ("mash",))])
    accounts = Accounts(path)
    for password in ("", "nobody signs in with this"):
        assert accounts.check("sam", password) is None
    assert accounts.of_login("sam") is not None
    assert accounts.of_login("nobody") is None


def test_a_desk_changes_rules_only_where_its_settings_say_with_what(tmp_path: Path) -> None:
    plain = settings(Path(), "redis://h/0")
    governing = {"kafka": {**plain["kafka"], "username": "governance"}, "approver_keys": {"u-gale": "gale.private"}}
    file = tmp_path / "desk.json"
    file.write_text(json.dumps(plain))
    config = configs.load(file)
    assert serve.governance(config) is None
    assert of_agency(config).topics == ("views-council",)
    file.write_text(json.dumps({**plain, "governance": governing}))
    config = configs.load(file)
    assert config.governance is not None
    assert config.governance.approver_keys == {"u-gale": tmp_path / "gale.private"}
    assert config.governance.kafka.password_file == tmp_path / "team.password"
    assert of_agency(config).topics == ("views-council", "previews")
    with pytest.raises(KeyFault, match=r"gale.private: cannot be read"):
        serve.governance(config)


def test_settings_are_relative_to_their_file(tmp_path: Path) -> None:
    (tmp_path / "desk.json").write_text(json.dumps({**settings(Path(), "redis://h/0"), "store": "a/store.sqlite"}))
    config = configs.load(tmp_path / "desk.json")
    assert config.store == tmp_path / "a/store.sqlite"
    assert config.teams["mash"].kafka.password_file == tmp_path / "team.password"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"teams": {}}, "teams"),
        ({"colour": "red"}, "colour"),
        ({"idle_s": 0}, "idle_s"),
        ({"agency": None}, "agency"),
        ({"oidc": {"issuer": "https://id.example"}}, "oidc.client_id"),
        ({"oidc": {**OIDC, "issuer": "http://id.example"}}, "oidc.issuer"),
        ({"oidc": {**OIDC, "address": "http://desk.example"}}, "oidc.address"),
        ({"oidc": {**OIDC, "client_secret": "in the file"}}, "oidc.client_secret"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, change: dict[str, object], field: str) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text(json.dumps({**settings(tmp_path, "redis://h/0"), **change}))
    with pytest.raises(ConfigError, match=rf"desk\.yaml: {field}"):
        configs.load(path)


@pytest.mark.parametrize("text", ["a: [", "- 1", ""])
def test_a_file_that_is_no_settings_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "desk.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"desk\.yaml"):
        configs.load(tmp_path / "desk.yaml")


def test_a_desk_that_cannot_start_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["--config", str(tmp_path / "none.yaml")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    (tmp_path / "desk.json").write_text(json.dumps(settings(tmp_path, "redis://127.0.0.1:1/0")))
    assert serve.main(["--config", str(tmp_path / "desk.json")]) == 2
    assert "accounts.json: cannot be read" in capsys.readouterr().err


def test_passwords_are_argon2id_and_the_file_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    write(path, [Account("u-1", "sam", "Sam", hash_password("long enough"), ("mash",), ("analyst",), ("planning",))])
    assert "$argon2id$" in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    accounts = Accounts(path)
    found = accounts.check("sam", "long enough")
    assert found is not None
    assert (found.roles, found.protocols) == (("analyst",), ("planning",))
    assert accounts.check("sam", "wrong") is None
    assert accounts.check("nobody", "long enough") is None
    assert accounts.check("sam", "long enough" + "x" * 300) is None


@pytest.mark.parametrize(
    "rows",
    [
        [{"user": "u"}],
        [{"user": "u", "login": "l", "name": "n", "password": "p", "teams": [], "roles": ["king"], "protocols": []}],
        [{"user": "u", "login": "l", "name": "n", "password": "p", "teams": [], "roles": [], "protocols": []}] * 2,
    ],
)
def test_accounts_that_could_let_in_the_wrong_one_are_refused(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    (tmp_path / "accounts.json").write_text(json.dumps({"accounts": rows}))
    with pytest.raises(ConfigError):
        Accounts(tmp_path / "accounts.json")


def test_the_cookie_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    made = secret(path)
    assert len(made) == 32
    assert secret(path) == made
    assert path.stat().st_mode & 0o077 == 0


def test_a_person_is_named_as_the_record_holds_them() -> None:
    assert named({"given": "Al", "surname": "Bo", "dob": "2019-05-03", "key": ["7", "x"]}) == (
        "Al Bo", "3 May 2019", "7 x",
    )  # fmt: skip
    assert named({"given": None, "surname": None, "name": "BO, Al"}).name == "BO, Al"
    assert named({}).name == "no name held"
    assert born("unknown") == "unknown"
