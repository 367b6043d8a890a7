"""From an agency's database to the platform's topics, through Debezium and a bridge that is killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Consumer

from bridge.keys import make_partnership
from demo.stack import AGENCY, PLATFORM, POSTGRES, Connector, Stack
from schemas import codec, crypto
from schemas.envelope import PAYLOAD_KEY_INFO, associated_data
from tests.unit.bridge.kit import MAPPING

ROOT = Path(__file__).parents[2]
WAIT_S = 60.0
PEOPLE, CONTACTS = 200, 400
SCHEMA = """
CREATE SCHEMA care;
CREATE TABLE care.person (person_id int PRIMARY KEY, forename text, surname text, born date, nhs text, ethnicity text,
  leaver boolean, hidden boolean, mother_id int, phone text, team_id text, made timestamptz DEFAULT now());
CREATE TABLE care.team (team_id text PRIMARY KEY, code text);
CREATE TABLE care.address (address_id int PRIMARY KEY, person_id int, number text, street text, postcode text,
  since date, until date);
CREATE TABLE care.plan (plan_id int PRIMARY KEY, person_id int, kind text, start date, stop date);
CREATE TABLE care.contact (contact_id int PRIMARY KEY, person_id int, at timestamp, code text, notes text);
CREATE TABLE care.beat (id int PRIMARY KEY, at timestamptz);
INSERT INTO care.team VALUES ('T', 'E');
INSERT INTO care.beat VALUES (1, now());
"""


class Reader:
    """Reads what the bridge sent, as intake may, and opens it with the platform's key."""

    def __init__(self, stack: Stack, platform: bytes) -> None:
        self._consumer = Consumer({**stack.kafka("intake"), "group.id": "intake.bridge-test",
                                   "auto.offset.reset": "earliest", "enable.auto.commit": False})  # fmt: skip
        self._consumer.subscribe(["identities-council", "events-council"])
        self._platform, self._keys = platform, {}
        self._sealed: list[tuple[str, dict[str, Any]]] = []
        self.by_version: dict[tuple[Any, ...], bytes] = {}
        self.newest: dict[tuple[str, bytes], tuple[tuple[int, ...], dict[str, Any]]] = {}
        self.conflicts = 0
        self.raw = b""

    def until(self, done: Callable[[], bool]) -> None:
        """Read until something holds, or fail."""
        deadline = time.monotonic() + WAIT_S
        while not done():
            assert time.monotonic() < deadline, f"only {len(self.newest)} subjects came"
            for message in self._consumer.consume(500, 0.2):
                assert message.error() is None
                self._take(message.topic(), message.value())

    def count(self, lane: str) -> int:
        """Subjects of a lane that stand."""
        return sum(found == lane and one[1].get("op") != "delete" for (found, _), one in self.newest.items())

    def close(self) -> None:
        self._consumer.close()

    def _take(self, topic: str, value: bytes) -> None:
        self.raw += value
        _, envelope = codec.decode(value, frozenset({"envelope"}))
        if envelope["lane"] == "key":
            _, key = codec.decode(envelope["body"], frozenset({"payload_key"}))
            self._keys[key["key_id"]] = crypto.hpke_open(self._platform, key["sealed"], PAYLOAD_KEY_INFO)
            waiting, self._sealed = self._sealed, []
            for one in waiting:
                self._open(*one)
        else:
            self._open(topic, envelope)

    def _open(self, topic: str, envelope: dict[str, Any]) -> None:
        if envelope["key_id"] not in self._keys:
            self._sealed.append((topic, envelope))
            return
        key, lane = self._keys[envelope["key_id"]], envelope["lane"]
        plain = crypto.aead_open(key, envelope["nonce"], envelope["body"], associated_data(topic, envelope))
        _, message = codec.decode(plain, frozenset({lane}))
        version = (envelope["epoch"], envelope["position"], envelope["sequence"])
        subject = message["event"] if lane == "event" else envelope["subject"]
        if self.by_version.setdefault((lane, subject, *version), plain) != plain:
            self.conflicts += 1
        if (lane, subject) not in self.newest or self.newest[lane, subject][0] < version:
            self.newest[lane, subject] = version, message


@contextmanager
def bridge(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The product's own process."""
    process = subprocess.Popen([sys.executable, "-m", "cli", "bridge", "run", "--config", str(config)], cwd=ROOT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(20)


def configure(stack: Stack, folder: Path) -> tuple[Path, bytes]:
    make_partnership(folder / "keys", "northmere", ["council", "police"], [])
    # the stack's own heartbeat row is captured beside the schema's tables
    text = MAPPING.replace("ignored_tables: [care.log]", "ignored_tables: [sightline.heartbeat]")
    (folder / "mapping.yaml").write_text(text, encoding="utf-8")
    secret = str(stack.password_file("bridge-council"))

    def broker(bootstrap: str) -> dict[str, str]:
        return {"bootstrap": bootstrap, "username": "bridge-council", "password_file": secret}

    config = folder / "bridge.json"
    config.write_text(json.dumps({
        "agency": "council", "partnership": "northmere", "mapping": "mapping.yaml", "keys": "keys/council",
        "store": "bridge.sqlite", "kafka": broker(stack.platform_bootstrap),
        "sources": [{"name": "care", "kind": "debezium", "prefix": "cdc.council",
                     "kafka": broker(stack.agency_bootstrap)}],
    }), encoding="utf-8")  # fmt: skip
    return config, bytes.fromhex((folder / "keys/platform/platform.key").read_text().strip())


def fill(database: psycopg.Connection[Any], first: int) -> None:
    for number in range(first, first + PEOPLE):
        database.execute(
            "INSERT INTO care.person VALUES (%s, %s, %s, '2012-03-04', NULL, 'A', false, false, NULL, NULL, 'T')",
            (number, f"Adaeze{number}", f"Okonkwo{number}"),
        )
    for number in range(2 * first, 2 * first + CONTACTS):
        database.execute(
            "INSERT INTO care.contact VALUES (%s, %s, '2025-07-01 12:00', 'DV', 'Shouting heard')",
            (number, first + number % PEOPLE),
        )


@pytest.mark.integration
def test_a_killed_bridge_loses_nothing_and_no_name_reaches_the_platform(
    start_stack: Callable[..., AbstractContextManager[Stack]], tmp_path: Path
) -> None:
    with start_stack(tmp_path / "stack", parts={AGENCY, PLATFORM, POSTGRES}) as stack:
        with psycopg.connect(stack.pg_dsn("council"), autocommit=True) as database:
            database.execute(SCHEMA)
            with database.transaction():
                fill(database, 0)
            config, platform = configure(stack, tmp_path)
            reader = Reader(stack, platform)
            stack.start_connect([Connector("council", ("care",), {})])
            with bridge(config) as process:
                reader.until(lambda: ("live", b"") in reader.newest)
                assert (reader.count("identity"), reader.count("event")) == (PEOPLE, CONTACTS)
                fill(database, 1000)
                os.kill(process.pid, signal.SIGKILL)
            database.execute("DELETE FROM care.contact WHERE contact_id < 10")
            with bridge(config) as process:
                reader.until(lambda: reader.count("identity") >= PEOPLE * 3 // 2)
                os.kill(process.pid, signal.SIGKILL)
            with bridge(config) as process:
                database.execute("INSERT INTO care.person (person_id, forename) VALUES (9999, 'Last')")
                reader.until(lambda: reader.count("profile") == 2 * PEOPLE + 1)
                reader.until(lambda: reader.count("event") == 2 * CONTACTS - 10)
            assert process.returncode == 0
            reader.close()
        assert reader.conflicts == 0
        assert reader.count("identity") == 2 * PEOPLE + 1
        assert ("heartbeat", b"") in reader.newest
        _, contact = next(
            one for (lane, _), one in reader.newest.items() if lane == "event" and one[1]["op"] == "upsert"
        )
        assert contact["occurred_at"] == 1_751_367_600_000  # 12:00 in London in July
        assert b"Okonkwo" not in reader.raw
        assert b"Adaeze" not in reader.raw
