"""What every process shares: settings, connections, logs, metrics, watchdog, exits."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from streams.runtime import exits, faults, logs, metrics, settings, watchdog
from streams.runtime.kafka import Kafka
from streams.runtime.watchdog import Watch, Watchdog

ROOT = Path(__file__).parents[4]


def test_plain_text_leaves_this_machine_never() -> None:
    Kafka("127.0.0.1:9092,localhost:1").check()
    with pytest.raises(ValueError, match="ca_file"):
        Kafka("broker.example:9092").client()
    with pytest.raises(ValueError, match="ca_file"):
        Kafka("127.0.0.1:9092,10.0.0.1:9092", "worker").check()


def test_client_settings_follow_from_who_and_where(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hush\n")
    conf = Kafka("127.0.0.1:1", "worker", str(tmp_path / "password")).client(group_id="worker", linger_ms=0)
    assert conf["security.protocol"] == "SASL_PLAINTEXT"
    assert (conf["sasl.username"], conf["sasl.password"], conf["group.id"], conf["linger.ms"]) == (
        "worker", "hush", "worker", 0,
    )  # fmt: skip
    secure = Kafka("broker.example:9093", "worker", str(tmp_path / "password"), "/ca.pem").client()
    assert (secure["security.protocol"], secure["ssl.ca.location"]) == ("SASL_SSL", "/ca.pem")
    assert Kafka("broker.example:9093", ca_file="/ca.pem").client()["security.protocol"] == "SSL"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "truncated"),
        ("[]", "Expected `object`"),
        ('{"keys": "k"}', "missing required field `kafka`"),
        ('{"kafka": {"bootstrap": "127.0.0.1:1"}, "keys": "k", "typo": 1}', "unknown field `typo`"),
        ('{"kafka": {"bootstrap": "127.0.0.1:1"}, "keys": "k", "chunk_max": "many"}', "Expected `int`"),
        ('{"kafka": {"bootstrap": "db.example:1"}, "keys": "k"}', "ca_file"),
    ],
)
def test_settings_that_cannot_be_used_are_named(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "worker.json"
    file.write_text(text)
    with pytest.raises(settings.SettingsError, match=re.escape(complaint)) as caught:
        settings.load(str(file), settings.Worker)
    assert str(file) in str(caught.value)


def test_a_settings_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(settings.SettingsError, match="No such file"):
        settings.load(str(tmp_path / "none.json"), settings.Worker)
    with pytest.raises(settings.SettingsError, match="No such file"):
        settings.registers({"p": str(tmp_path / "none.json")})


def test_a_register_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "register.json").write_text("{}")
    with pytest.raises(settings.SettingsError, match="register"):
        settings.registers({"p": str(tmp_path / "register.json")})


def test_plugins_come_from_our_own_modules_alone() -> None:
    assert settings.plugin("streams.keys:Keyring.load")
    assert settings.plugin(settings.Worker.__struct_defaults__ and "streams.step:make_machine")
    for name in ("os:system", "streams.none:x", "streams.keys:none"):
        with pytest.raises(settings.SettingsError):
            settings.plugin(name)


def test_what_the_settings_name_by_default_exists() -> None:
    kafka = Kafka("127.0.0.1:1")
    worker = settings.Worker(kafka=kafka, keys="")
    publisher = settings.Publisher(kafka=kafka, keys="")
    assert all(settings.plugin(name) for name in (worker.machine, worker.keyring, publisher.cut))


def written(record: logging.LogRecord) -> dict[str, object]:
    line: dict[str, object] = json.loads(logs.JsonLines().format(record))
    return line


def record(name: str, message: str, *args: object, error: BaseException | None = None, **fields: object):
    info = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord(name, logging.INFO, "f", 1, message, args, info)
    made.__dict__.update(fields)
    return made


def test_only_allowed_fields_are_logged() -> None:
    line = written(record("sightline.worker", "folded", partition=3, body="canary"))
    assert line["partition"] == 3
    assert "canary" not in json.dumps(line)


def test_foreign_libraries_give_their_format_and_no_arguments() -> None:
    line = written(record("aiokafka.x", "failed on %s", "canary", agency="canary"))
    assert line["event"] == "failed on %s"
    assert "canary" not in json.dumps(line)


def test_an_exception_gives_types_and_places_and_never_its_text() -> None:
    try:
        try:
            raise ValueError("canary")
        except ValueError as inner:
            raise RuntimeError("canary too") from inner
    except RuntimeError as error:
        line = written(record("sightline.worker", "bug", error=error))
    assert "canary" not in json.dumps(line)
    assert "ValueError" in line["exception"]  # type: ignore[operator]
    assert any("test_process.py" in place for place in line["exception"])  # type: ignore[union-attr,attr-defined]


def test_an_uncaught_exception_leaves_no_text_behind() -> None:
    code = "from streams.runtime import logs; logs.setup(); raise ValueError('can' + 'ary')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == 1
    assert "canary" not in ended.stderr
    assert "ValueError" in ended.stderr


def test_metric_names_have_the_prefix_base_units_and_no_label_that_stands_for_a_person() -> None:
    allowed = {
        "partnership",
        "stage",
        "agency",
        "outcome",
        "reason",
        "partition",
        "place",
        "topic",
        "kind",
        "version",
    }
    for metric in metrics.ALL:
        (family,) = metric.describe()
        assert re.fullmatch(r"sightline_[a-z_]+", family.name)
        assert not family.name.endswith(("_ms", "_millis", "_us"))
        assert set(metric._labelnames) <= allowed
        assert family.documentation[0].isupper() or family.documentation[0].isdigit()
    assert len({metric.describe()[0].name for metric in metrics.ALL}) == len(metrics.ALL)


def test_metrics_are_served_on_loopback_and_0_is_off(free_port: int) -> None:
    metrics.serve(0)
    metrics.FENCED.labels("0").inc()
    metrics.serve(free_port)
    with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/metrics", timeout=5) as answer:
        assert b"sightline_fenced_total" in answer.read()


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_loop_that_stands_still_is_stuck_after_ten_seconds() -> None:
    watch = Watch(pause_s=15)
    seen = [watch.beat(number * 0.5, turns=7) for number in range(30)]
    assert seen.index("stuck") == 20
    assert set(seen[:20]) == {"ok"}


def test_a_loop_that_turns_is_never_stuck() -> None:
    watch = Watch(pause_s=15)
    assert {watch.beat(number * 0.5, turns=number) for number in range(100)} == {"ok"}


def test_a_process_that_slept_whole_is_paused_not_stuck() -> None:
    watch = Watch(pause_s=15)
    assert [watch.beat(at, turns=1) for at in (0.0, 0.5, 60.0, 60.5)] == ["ok", "ok", "paused", "ok"]


async def test_the_watchdog_ends_a_stuck_process_and_only_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "BEAT_S", 0.01)
    monkeypatch.setattr(watchdog, "STUCK_S", 0.1)
    ended = threading.Event()
    dog = Watchdog(asyncio.get_running_loop(), 30, ended.set)
    dog.start()
    await asyncio.sleep(0.3)
    assert not ended.is_set()
    assert ended.wait(2)  # blocks the loop
    dog.stop()
    dog.join(2)


def test_exit_codes_are_70_to_79_and_each_is_in_the_runbook() -> None:
    runbook = (ROOT / "docs" / "runbooks.md").read_text()
    for code in exits.Exit:
        assert 70 <= code <= 79
        assert re.search(rf"^\| {code.value} \| {code.name} \|", runbook, re.MULTILINE), code


def test_leaving_tells_why_and_never_what() -> None:
    code = (
        "from streams.runtime import logs, exits; logs.setup(); exits.leave(exits.Exit.BUG, error=ValueError('x9x9'))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == exits.Exit.BUG
    assert "ValueError" in ended.stderr
    assert "x9x9" not in ended.stderr


def test_without_faults_points_do_nothing_and_with_them_the_process_dies_there() -> None:
    faults.reach("sealed")
    code = "from streams.runtime import faults\nfor _ in range(3): faults.reach('sealed'); print('on')"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False,
        env={"SIGHTLINE_CRASH_AT": "sealed:2", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert ended.returncode == -9
    assert ended.stdout.count("on") <= 1
