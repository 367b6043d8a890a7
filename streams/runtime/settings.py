"""Settings files of the platform's processes: plain JSON, checked; secrets are files they name.

Decides what can be set. Does not read the environment.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from streams.registers import BadControl, Register, parse_register
from streams.runtime.kafka import Kafka

MODULES: Final = ("streams.", "benchmarks.", "tests.")


class SettingsError(ValueError):
    """A settings file that cannot be used; says which and why."""


class Common(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every process needs.

    Attributes:
        kafka: Broker and principal.
        keys: Folder of the platform's keys.
        keyring: `module:function` that loads it, given the folder.
    """

    kafka: Kafka
    keys: str
    keyring: str = "streams.keys:Keyring.load"


class Worker(Common, frozen=True, kw_only=True):
    """A worker.

    Attributes:
        group: Consumer group that shares the journal's partitions.
        instance: Name of this member, kept across restarts; empty: a new member each time.
        machine: `module:function` that makes a machine, given (partition, keyring).
        snapshots: Where snapshots are kept (fsspec URL); empty: folds from the beginning.
        chunk_max: Records a chunk at most.
        session_timeout_s: Seconds of silence after which its partitions go to others.
        behaviour: Version of behaviour written into each commit.
    """

    group: str = "worker"
    instance: str = ""
    machine: str = "streams.step:make_machine"
    snapshots: str = ""
    chunk_max: int = 1000  # 4,000 gains 15 to 20 % and doubles the commit's p99 (ENGINE.md)
    session_timeout_s: float = 30.0
    behaviour: str = "1"


class Publisher(Common, frozen=True, kw_only=True):
    """A publisher.

    Attributes:
        group: Consumer group name; it never commits to it.
        transactional_id: Fences a publisher that was replaced; `.partitions` is added unless it has them all.
        partitions: Which it publishes; empty: all.
        cut: `module:function` that makes the cut, given the keyring.
        batch_max: Commits a transaction at most.
    """

    group: str = "publisher"
    transactional_id: str = "publisher"
    partitions: tuple[int, ...] = ()
    cut: str = "streams.outbox:make_cut"
    batch_max: int = 500


class Snapshotter(Common, frozen=True, kw_only=True):
    """A snapshotter.

    Attributes:
        group: Consumer group name; it never commits to it.
        snapshots: Where snapshots are written (fsspec URL).
        every_s: Seconds between two snapshots of a partition that changed.
        every_records: Commits after which one is written earlier.
        keep: Snapshots kept for each partition; none is kept longer than the logs.
    """

    snapshots: str
    group: str = "snapshotter"
    every_s: float = 300.0
    every_records: int = 50_000
    keep: int = 3


class Previewer(Common, frozen=True, kw_only=True):
    """A previewer.

    Attributes:
        snapshots: Where the snapshotter writes (fsspec URL).
        partitions: Partnership -> journal partition that holds it; drafts of others are not run.
        group: Consumer group; it commits there how far it has answered.
        weeks: Of history, or what there is.
        an_hour: Drafts that are run in an hour at most.
        limit_s: Seconds that one may take.
        memory_mb: Memory that one may take.
    """

    snapshots: str
    partitions: dict[str, int]
    group: str = "previewer"
    weeks: int = 52
    an_hour: int = 12
    limit_s: float = 900.0
    memory_mb: int = 4096


class Intake(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An intake.

    Attributes:
        kafka: Broker and principal.
        registers: Partnership -> file holding its register (streams/registers.py).
        clock: File of the partnership clock; empty: wall time.
        tick_s: Partnership seconds between two ticks.
        group: Consumer group.
        batch_max: Messages between two commits at most.
    """

    kafka: Kafka
    registers: dict[str, str]
    clock: str = ""
    tick_s: int = 60
    group: str = "intake"
    batch_max: int = 1000


class Operator(Common, frozen=True, kw_only=True):
    """Verify and replay."""

    group: str = "operator"
    machine: str = "streams.step:make_machine"
    cut: str = "streams.outbox:make_cut"
    snapshots: str = ""


S = TypeVar("S", Worker, Publisher, Snapshotter, Previewer, Intake, Operator)


def load(file: str, kind: type[S]) -> S:
    """Read a settings file.

    Raises:
        SettingsError: It cannot be read, is not JSON, or a setting is missing, unknown or of another type.
    """
    try:
        settings = msgspec.json.decode(Path(file).read_bytes(), type=kind)
        settings.kafka.check()
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from None
    except ValueError as error:  # msgspec's own errors are ValueErrors
        raise SettingsError(f"{file}: {error}") from None
    return settings


def registers(files: Mapping[str, str]) -> dict[str, Register]:
    """Read the registers of partnerships.

    Raises:
        SettingsError: A file cannot be read or is no register.
    """
    found = {}
    for partnership, file in files.items():
        try:
            found[partnership] = parse_register(Path(file).read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"{file}: {error.strerror}") from None
        except BadControl as error:
            raise SettingsError(f"{file}: {error}") from None
    return found


def replace(config: S, **changes: Any) -> S:
    """The same settings with some changed."""
    return msgspec.structs.replace(config, **changes)


def plugin(name: str) -> Any:
    """The object that `module:attribute` names, from our own modules alone.

    Raises:
        SettingsError: It is not ours, or does not exist.
    """
    module, _, attribute = name.partition(":")
    if not module.startswith(MODULES):
        raise SettingsError(f"{name}: expected a module of {', '.join(MODULES)}")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"{name}: {type(error).__name__}: {error}") from error
    return found
