"""The README's subscriber, taken from the README and run: it prints its team's alerts and reads no other topic."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Producer

import topology
from schemas import codec

ROOT = Path(__file__).parents[2]
ALERT: dict[str, Any] = {
    "alert_id": "0f" * 16, "version": 1, "state": "raised", "direction": "escalate", "partnership": "northmere",
    "team": "mash", "rule": "household", "rule_version": 1, "household": "aa" * 16, "person": "bb" * 16,
    "records": [b"pseudonym"], "known_to": ["police"], "raised_at": 1, "changed_at": 1, "committed_at": 1,
    "score_ppm": 400_000, "threshold_ppm": 250_000, "horizon_days": 180, "model": "1/rule", "opening": False,
    "factors": [], "behind": [], "clears_at_ppm": 175_000, "respond_by_at": None, "correction": "",
}  # fmt: skip
pytestmark = pytest.mark.integration


def snippet() -> str:
    """The README's Python block that subscribes."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    (block,) = [block for block in blocks if "subscribe" in block]
    return str(block)


def test_ten_lines_of_plain_kafka_print_a_teams_alerts(stack_kafka: Any) -> None:
    producer = Producer(stack_kafka.kafka("publisher"))
    producer.produce(topology.ALERTS.name.format(team="mash"), codec.encode("alert", ALERT), b"key")
    assert producer.flush(30) == 0
    done = subprocess.run(
        [sys.executable, "-c", snippet(), stack_kafka.platform_bootstrap, "mash", stack_kafka.password("team-mash")],
        capture_output=True, text=True, cwd=ROOT, timeout=120, check=True,
    )  # fmt: skip
    assert ALERT["alert_id"] in done.stdout
    assert "escalate" in done.stdout
    assert len(snippet().strip().splitlines()) <= 14, "about ten lines, as the README says"


def test_with_the_same_credentials_no_other_topic_can_be_read(stack_kafka: Any) -> None:
    consumer = Consumer(
        {**stack_kafka.kafka("team-mash"), "group.id": "team-mash.curious", "auto.offset.reset": "earliest"}
    )
    refused = set()
    others = [topology.ALERTS.name.format(team="duty-east"), topology.JOURNAL.name, topology.COMMITS.name,
              topology.IDENTITIES.name.format(agency="council"), topology.LINKS.name]  # fmt: skip
    for topic in others:
        consumer.subscribe([topic])
        for _ in range(50):
            message = consumer.poll(0.5)
            if message is not None and message.error():
                assert message.error().code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
                refused.add(topic)
                break
    consumer.close()
    assert refused == set(others)
