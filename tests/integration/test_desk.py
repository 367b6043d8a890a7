"""The desk on a real broker: as its team, read committed, and back after its memory was lost."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import confluent_kafka as ck
import httpx
import pytest
import redis

from bridge import keys
from bridge.desk.accounts import Account, hash_password, write
from bridge.desk.audit import verify
from bridge.store import Store
from demo.stack import Stack
from schemas import codec
from tests.unit.bridge.desk.support import APPROVERS, OPEN, alert, sign_protocols, token, valkey

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
RECORD = b"a-record-of-ours"


def eventually(holds: Callable[[], bool], what: str, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.fixture
def memory() -> Iterator[str]:
    with valkey() as address:
        yield address


def settings(folder: Path, stack: Stack, memory: str) -> Path:
    keys.make_partnership(folder / "keys", "northmere", ("council", "police"), ("one", "two"))
    store = Store(folder / "store.sqlite", keys.AgencyKeys.load(folder / "keys" / "council").agency_key)
    with store.batch():
        person = {"given": "Wilhelmina", "surname": "Ashdown", "dob": "2015-01-02", "key": ["P1"]}
        store.set_named(RECORD, store.blind("subject", RECORD.hex()), person)
    store.close()
    write(
        folder / "accounts.json",
        [Account("u-1", "sam", "Sam Duty", hash_password("night shift"), ("mash",), (), ("rung-4",))],
    )
    sign_protocols(folder / "protocols.json", OPEN)

    def kafka(principal: str) -> dict[str, str]:
        password_file = str(stack.password_file(principal))
        return {"bootstrap": stack.platform_bootstrap, "username": principal, "password_file": password_file}

    config = {
        "partnership": "northmere", "agency": "council", "kafka": kafka("desk-council"),
        "teams": {"mash": {"name": "Front door", "kafka": kafka("team-mash")}},
        "redis_url": memory, "keys": "keys/council", "store": "store.sqlite", "accounts": "accounts.json", "protocols": "protocols.json", "records": "desk.sqlite",
        "approvers": {name: public.hex() for name, (_, public) in APPROVERS.items()},
        "audit": "audit.jsonl", "secret_file": "secret", "https": False,
    }  # fmt: skip
    path = folder / "desk.json"
    path.write_text(json.dumps(config))
    return path


def sign_in(client: httpx.Client) -> None:
    form = token(client.get("/sign-in").text)
    answer = client.post("/sign-in", data={"login": "sam", "password": "night shift", "csrf": form})
    assert answer.status_code == 200


def test_an_alert_on_the_topic_is_on_the_page_is_taken_and_outlives_redis(
    stack_kafka: Stack, memory: str, tmp_path: Path
) -> None:
    config = settings(tmp_path, stack_kafka, memory)
    publisher = ck.Producer({**stack_kafka.kafka("publisher"), "transactional.id": "publisher.desk"})
    publisher.init_transactions(30)

    def publish(message: dict[str, object], commit: bool = True) -> None:
        publisher.begin_transaction()
        publisher.produce("alerts-mash", codec.encode("alert", message), key=b"k")
        publisher.flush(10)
        (publisher.commit_transaction if commit else publisher.abort_transaction)(30)

    publish(alert("f" * 32, correction="never committed"), commit=False)
    publish(alert("a" * 32, records=[RECORD]))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "cli", "desk", "--config", str(config), "--port", str(port)]
    desk = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True, timeout=30) as client:

            def answers() -> bool:
                assert desk.poll() is None
                try:
                    return client.get("/healthz").status_code == 200
                except httpx.TransportError:
                    return False

            eventually(answers, "the desk serves")
            sign_in(client)
            eventually(lambda: "Wilhelmina Ashdown" in client.get("/inbox/mash").text, "the alert is there")
            page = client.get("/inbox/mash").text
            assert "never committed" not in page
            after = re.search(r"after=([0-9-]+)", page)
            assert after
            with client.stream("GET", f"/inbox/mash/stream?after={after[1]}") as stream:
                publish(alert("b" * 32, records=[RECORD]))
                assert any(line.startswith("event: changed") for line in stream.iter_lines())
            form = token(client.get("/alerts/" + "b" * 32).text)
            answer = client.post("/alerts/" + "b" * 32 + "/acknowledge", data={"csrf": form})
            assert "You have this since" in answer.text
            assert decision(stack_kafka)["alert_id"] == "b" * 32
            redis.Redis.from_url(memory).flushall()
            sign_in(client)
            eventually(lambda: "You have it" in client.get("/inbox/mash").text, "the inbox is back")
            assert client.get("/inbox/mash").text.count("Wilhelmina Ashdown") == 2
    finally:
        desk.send_signal(signal.SIGTERM)
        _, log = desk.communicate(timeout=30)
    assert desk.returncode == 0, log
    assert "Ashdown" not in log
    assert verify(tmp_path / "audit.jsonl") is None


def decision(stack: Stack) -> dict[str, object]:
    """The last decision on the agency's topic."""
    settings = {**stack.kafka("intake"), "group.id": "intake.desk-test", "auto.offset.reset": "earliest"}
    reader = ck.Consumer(settings)
    reader.assign([ck.TopicPartition("responses-council", 0, ck.OFFSET_BEGINNING)])
    found: list[dict[str, object]] = []

    def read() -> bool:
        message = reader.poll(0.2)
        if message is not None and message.error() is None:
            found.append(codec.decode(message.value() or b"", frozenset({"response"}))[1])
        return message is None and bool(found)

    eventually(read, "the decision is on the topic")
    reader.close()
    return found[-1]
