"""The real components start, capture, refuse strangers, come back after a kill, and leave nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, ConfigResource

from demo.stack import AGENCY, PLATFORM, REDIS, Connector, Stack
from demo.stack.topics import topic_table

AGENCY_ID = "homes"
WAIT_S = 30.0
OFFSETS_S = 4.0  # Connect writes down every second that a snapshot is over; before that, another one is right
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def captured(stack_full: Stack) -> Stack:
    """A table of one row, captured."""
    with psycopg.connect(stack_full.pg_dsn(AGENCY_ID), autocommit=True) as database:
        database.execute("CREATE SCHEMA probe")
        database.execute(
            "CREATE TABLE probe.tenant (id int PRIMARY KEY, surname text, moved_in date, rent numeric(8,2))"
        )
        database.execute("INSERT INTO probe.tenant VALUES (1, 'Snapshot', '2024-02-29', 412.50)")
    stack_full.start_connect([Connector(AGENCY_ID, ("probe",), {"heartbeat.interval.ms": "500"})])
    return stack_full


def consumed(settings: dict[str, object], topic: str, enough: Callable[[list[Message]], bool]) -> list[Message]:
    """Read a topic from its start until there is enough, or the time is up."""
    consumer = Consumer({**settings, "group.id": f"{settings['sasl.username']}.test", "auto.offset.reset": "earliest",
                         "enable.auto.commit": False, "topic.metadata.refresh.interval.ms": 500})  # fmt: skip
    found: list[Message] = []
    deadline = time.monotonic() + WAIT_S
    try:
        consumer.subscribe([topic])
        while not enough(found) and time.monotonic() < deadline:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                found.append(message)
            elif message is not None and message.error().code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                raise KafkaException(message.error())
    finally:
        consumer.close()
    return found


def test_a_row_written_to_an_agency_s_database_reaches_its_own_broker(captured: Stack) -> None:
    with psycopg.connect(captured.pg_dsn(AGENCY_ID), autocommit=True) as database:
        database.execute("INSERT INTO probe.tenant VALUES (2, 'Streamed', '2014-02-28', 99.90)")
    messages = consumed(
        captured.kafka(f"bridge-{AGENCY_ID}", AGENCY), f"cdc.{AGENCY_ID}.probe.tenant", lambda found: len(found) >= 2
    )
    bodies = [json.loads(message.value()) for message in messages]
    assert [body["op"] for body in bodies] == ["r", "c"]
    assert bodies[1]["after"] == {"id": 2, "surname": "Streamed", "moved_in": 16129, "rent": "99.90"}
    assert json.loads(messages[1].key()) == {"id": 2}


def test_the_heartbeat_travels_through_the_source_database(captured: Stack) -> None:
    topic = f"cdc.{AGENCY_ID}.sightline.heartbeat"
    updates = consumed(captured.kafka(f"bridge-{AGENCY_ID}", AGENCY), topic, lambda found: len(found) >= 3)
    assert [json.loads(message.value())["op"] for message in updates[1:3]] == ["u", "u"]


def test_raw_changes_are_for_their_own_bridge_and_never_on_the_platform(captured: Stack) -> None:
    with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
        consumed(captured.kafka("bridge-police", AGENCY), f"cdc.{AGENCY_ID}.probe.tenant", bool)
    names = AdminClient(captured.kafka("admin")).list_topics(timeout=WAIT_S).topics
    assert not [name for name in names if "cdc" in name or "heartbeat" in name]


def test_capture_goes_on_where_it_stopped(captured: Stack) -> None:
    time.sleep(OFFSETS_S)
    captured.kill("connect")
    with psycopg.connect(captured.pg_dsn(AGENCY_ID), autocommit=True) as database:
        database.execute("INSERT INTO probe.tenant VALUES (3, 'While down', NULL, NULL)")
    captured.restart("connect")
    topic = f"cdc.{AGENCY_ID}.probe.tenant"
    has_it = lambda found: any(b"While down" in (message.value() or b"") for message in found)  # noqa: E731
    messages = consumed(captured.kafka(f"bridge-{AGENCY_ID}", AGENCY), topic, has_it)
    bodies = [json.loads(message.value()) for message in messages]
    assert [body["after"]["id"] for body in bodies if body["op"] == "r"] == [1], "no second snapshot"
    assert {body["after"]["id"] for body in bodies} == {1, 2, 3}


def test_every_topic_of_the_map_is_there_with_its_settings(stack_kafka: Stack) -> None:
    table = topic_table(stack_kafka.agencies, stack_kafka.teams)
    client = AdminClient(stack_kafka.kafka("admin"))
    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in table]
    found = {resource.name: future.result(WAIT_S) for resource, future in client.describe_configs(resources).items()}
    for name, (_, settings) in table.items():
        assert {key: found[name][key].value for key in settings} == settings
    partitions = {name: len(topic.partitions) for name, topic in client.list_topics(timeout=WAIT_S).topics.items()}
    assert {name: partitions[name] for name in table} == {name: count for name, (count, _) in table.items()}


@pytest.mark.parametrize("principal", ["worker", "admin", "broker", "nobody"])
def test_a_wrong_password_is_refused(stack_kafka: Stack, principal: str) -> None:
    errors: list[KafkaError] = []
    settings = {**stack_kafka.kafka("worker"), "sasl.username": principal, "sasl.password": "wrong", "log_level": 0}
    client = AdminClient({**settings, "error_cb": errors.append})
    with pytest.raises(KafkaException):
        client.list_topics(timeout=2)
    client.poll(0)
    assert KafkaError._AUTHENTICATION in {error.code() for error in errors}


def test_redis_wants_its_password(stack_full: Stack) -> None:
    with redis.Redis.from_url(stack_full.redis_url) as client:
        client.set("probe", "1")
        assert client.get("probe") == b"1"
    with redis.Redis.from_url(re.sub(r":[^@:]+@", ":wrong@", stack_full.redis_url)) as client:
        with pytest.raises(redis.exceptions.AuthenticationError):
            client.ping()


def test_an_agency_s_role_enters_its_own_database_only(stack_full: Stack) -> None:
    other = stack_full.pg_dsn("police").replace("dbname=police", "dbname=council")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(other)


def test_everything_listens_on_loopback_only(captured: Stack) -> None:
    addresses = {pid: listening(pid) for pid in captured.pids().values()}
    assert set(captured.pids()) == {"platform-broker", "agency-broker", "redis", "postgres", "connect"}
    for pid, found in addresses.items():
        assert found, f"process {pid} listens nowhere: the test looks in the wrong place"
        assert all(address.startswith("127.") or address == "::ffff:127.0.0.1" for address in found)


def listening(pid: int) -> set[str]:
    """Addresses that a process listens on, from /proc."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes |= set(re.findall(r"socket:\[(\d+)\]", os.readlink(link)))
        except FileNotFoundError:
            continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.add(decoded(fields[1].split(":")[0]))
    return found


def decoded(address: str) -> str:
    """An address of /proc/net/tcp, whose 32-bit words are little-endian."""
    words = [bytes.fromhex(address[i : i + 8])[::-1] for i in range(0, len(address), 8)]
    last = ".".join(map(str, words[-1]))
    if len(words) == 1:
        return last
    return f"::ffff:{last}" if words[:3] == [bytes(4), bytes(4), b"\x00\x00\xff\xff"] else b"".join(words).hex(":")


def test_no_password_is_logged_or_on_a_command_line(captured: Stack) -> None:
    secrets = [path.read_text() for path in (captured.work_dir / "secrets").iterdir()]
    lines = [Path(f"/proc/{pid}/cmdline").read_text() for pid in captured.pids().values()]
    logs = {path.name: path.read_text(errors="replace") for path in (captured.work_dir / "logs").iterdir()}
    assert len(secrets) > 20
    assert logs["connect.log"], "an empty log would hide a leak"
    for secret in secrets:
        assert not [line for line in lines if secret in line]
        assert not [name for name, text in logs.items() if secret in text]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Stack]:
    """One broker and Redis, of its own."""
    with Stack(tmp_path, ("council",), ("mash",), "small", parts={PLATFORM, REDIS}) as stack:
        yield stack


def test_a_killed_broker_comes_back_with_what_was_written(small: Stack) -> None:
    producer = Producer(small.kafka("governance"))
    delivered: list[str] = []
    producer.produce("controls", b"kept", "register", on_delivery=lambda error, _: delivered.append(str(error)))
    producer.flush(WAIT_S)
    assert delivered == ["None"]
    small.kill("platform-broker")
    assert set(small.pids()) == {"redis"}
    small.restart("platform-broker")
    assert [message.value() for message in consumed(small.kafka("intake"), "controls", bool)] == [b"kept"]


def test_stop_leaves_no_process_and_may_be_repeated(small: Stack) -> None:
    pids = list(small.pids().values())
    assert len(pids) == 2
    small.stop()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    small.stop()


def test_nothing_is_left_when_the_starter_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys; from demo.stack import *\n"
        f"s = Stack({str(tmp_path)!r}, ('council',), (), 'killed', parts={{REDIS, POSTGRES}}); s.start()\n"
        "print(*s.pids().values(), s._postgres._base, flush=True); sys.stdin.read()"
    )
    starter = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)  # fmt: skip
    with starter:
        assert starter.stdout is not None
        *pids, folder = starter.stdout.readline().split()
        assert len(pids) == 2
        assert all(Path(f"/proc/{pid}").exists() for pid in pids)
        assert Path(folder).exists()
        starter.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + WAIT_S
    left = [*(Path(f"/proc/{pid}") for pid in pids), Path(folder)]
    while any(path.exists() for path in left) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [path for path in left if path.exists()]
