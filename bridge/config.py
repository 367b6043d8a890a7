"""Settings of a bridge: plain values from one file; secrets are files of their own.

Decides which settings exist and that a wrong one is named. Opens nothing but the settings file and passwords.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

LOOPBACK = ("127.", "localhost", "[::1]")


class ConfigError(ValueError):
    """A settings file that cannot be used; says which file, which field and what was expected."""


_M = TypeVar("_M", bound=BaseModel)


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Kafka(_Settings):
    """A broker and who this bridge is there.

    Attributes:
        bootstrap: Brokers; TLS is required unless they are on the loopback.
        username: Principal; empty for a broker on the loopback that asks for none.
        password_file: Its password.
        ca_file: Certificate authority of the brokers, where it is not the system's.
        group: Consumer group, for reading; the principal's name where empty.
    """

    bootstrap: str
    username: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    group: str = ""

    def client(self) -> dict[str, Any]:
        """Settings of a confluent-kafka client.

        Raises:
            ConfigError: The password file cannot be read, or a broker elsewhere is given no credentials.
        """
        loopback = all(host.strip().startswith(LOOPBACK) for host in self.bootstrap.split(","))
        settings: dict[str, Any] = {"bootstrap.servers": self.bootstrap}
        if self.ca_file is not None:
            settings["ssl.ca.location"] = str(self.ca_file)
        if not self.username or self.password_file is None:
            if not loopback:
                raise ConfigError("kafka: expected username and password_file for a broker not on the loopback")
            return settings
        try:
            password = self.password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            message = f"{self.password_file}: cannot be read ({error.strerror})"
            raise ConfigError(message) from None
        return settings | {
            "security.protocol": "SASL_PLAINTEXT" if loopback else "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-256",
            "sasl.username": self.username, "sasl.password": password,
        }  # fmt: skip


class DebeziumSource(_Settings):
    """A Debezium connector's topics on the agency's own broker.

    Attributes:
        name: Source in the mapping.
        prefix: `topic.prefix` of the connector.
        kafka: The agency's broker.
    """

    name: str
    kind: Literal["debezium"]
    prefix: str
    kafka: Kafka


class DeletedMark(_Settings):
    """Column and codes that mark a deleted row of an increment."""

    column: str
    codes: tuple[str, ...]


class TableFiles(_Settings):
    """Files of one table.

    Attributes:
        table: Table in the mapping.
        glob: Files in the folder, taken in the order of their names.
        full: Each shows the whole table; else only what changed.
        delimiter: Of CSV.
        encoding: Of the text.
        deleted: Marks deleted rows of an increment.
    """

    table: str
    glob: str
    full: bool = True
    delimiter: str = ","
    encoding: str = "utf-8-sig"
    deleted: DeletedMark | None = None


class FileSource(_Settings):
    """Extracts in a folder.

    Attributes:
        name: Source in the mapping.
        folder: Where files appear, by rename.
        files: One entry a table.
        every_s: Seconds between looks.
    """

    name: str
    kind: Literal["file"]
    folder: Path
    files: tuple[TableFiles, ...] = Field(min_length=1)
    every_s: float = Field(default=5.0, gt=0)


Source = Annotated[DebeziumSource | FileSource, Field(discriminator="kind")]


class Config(_Settings):
    """Settings of `sightline bridge run`.

    Attributes:
        agency: This agency.
        partnership: Its partnership; with several, keys name them.
        mapping: Mapping file.
        keys: The agency's key folder, or one by partnership where it serves several.
        store: SQLite file; made at the first start.
        kafka: The platform's broker.
        sources: At least one.
        enrichment: The partnership's control approves that text is searched for factors.
        profile: Of the encodings: `strict` tells the platform no likeness of values, and finds fewer links. All
            agencies of a partnership choose the same; encodings of two never agree.
        lexicon: Lexicon for it; the one that comes with the bridge where absent.
        clock: Partnership clock of a demonstration; wall time where absent.
        metrics_port: 0 = off.
        batch_max: Changes a transaction at most.
    """

    agency: str
    partnership: str
    mapping: Path
    keys: Path | dict[str, Path]
    store: Path
    kafka: Kafka
    sources: tuple[Source, ...] = Field(min_length=1)
    enrichment: bool = False
    lexicon: Path | None = None
    profile: Literal["default", "strict"] = "default"
    clock: Path | None = None
    metrics_port: int = Field(default=0, ge=0, le=65_535)
    batch_max: int = Field(default=500, ge=1, le=10_000)


def load(path: Path) -> Config:
    """Settings from a YAML or JSON file; relative paths are relative to it.

    Raises:
        ConfigError: As `read`.
    """
    resolved: Config = _resolve(read(path, Config), path.resolve().parent)
    return resolved


def read(path: Path, model: type[_M]) -> _M:
    """What a YAML or JSON file says, checked.

    Args:
        path: File.
        model: What it must hold.

    Raises:
        ConfigError: It cannot be read, or fields are missing, unknown or wrong: a line each, with file and field.
    """
    try:
        return model.model_validate(YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: cannot be read ({type(error).__name__})"
        raise ConfigError(message) from None
    except YAMLError as error:
        message = f"{path}: not YAML: {error}"
        raise ConfigError(message) from None
    except ValidationError as error:
        faults = [
            f"{path}: {'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigError("\n".join(faults)) from None


def _resolve(value: Any, folder: Path) -> Any:
    """The same settings with every relative path taken from the file's folder."""
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, BaseModel):
        fields = {name: _resolve(getattr(value, name), folder) for name in type(value).model_fields}
        return value.model_copy(update=fields)
    if isinstance(value, tuple):
        return tuple(_resolve(item, folder) for item in value)
    if isinstance(value, dict):
        return {name: _resolve(item, folder) for name, item in value.items()}
    return value
