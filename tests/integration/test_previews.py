"""A draft of rules on the real broker: sent as governance, run by the platform's own process, read as a desk."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import confluent_kafka as ck
import pytest

import topology
from bridge.config import Kafka
from bridge.desk.oversight.controls_kafka import KafkaGovernor
from demo.stack import Stack
from schemas import codec
from schemas.preview import Draft, digest
from tests.smalltown import DAY_MS, NAME
from tests.unit.streams.tools.test_whatif import FIXED, Place

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
WITHIN_S = 120.0


def kafka(stack: Stack, principal: str) -> dict[str, str]:
    return {"bootstrap": stack.platform_bootstrap, "username": principal,
            "password_file": str(stack.password_file(principal))}  # fmt: skip


def draft(place: Place, draft_id: str, **changes: object) -> Draft:
    body = json.dumps(place.town.rules(**{**FIXED, **changes}))
    return {"draft_id": draft_id, "partnership": NAME, "name": "rules", "base_version": 1,
            "effective_at": place.now + DAY_MS, "body": body}  # fmt: skip


def previews(stack: Stack, count: int, process: subprocess.Popen[str]) -> dict[str, dict[str, object]]:
    """What a desk is told, by draft."""
    reader = ck.Consumer({**stack.kafka("desk-police"), "group.id": "desk-police.previews",
                          "auto.offset.reset": "earliest", "enable.auto.commit": False})  # fmt: skip
    reader.assign([ck.TopicPartition(topology.PREVIEWS.name, 0, ck.OFFSET_BEGINNING)])
    found: dict[str, dict[str, object]] = {}
    deadline = time.monotonic() + WITHIN_S
    while len(found) < count:
        assert process.poll() is None, "the previewer runs"
        assert time.monotonic() < deadline, f"{len(found)} of {count} answered"
        message = reader.poll(0.2)
        if message is not None and message.error() is None:
            told = codec.decode(message.value() or b"", frozenset({"preview"}))[1]
            found[told["draft_id"]] = told
    reader.close()
    return found


def test_a_draft_sent_as_governance_is_answered_to_every_desk_and_once_only(
    stack_kafka: Stack, tmp_path: Path
) -> None:
    place = Place(tmp_path)
    config = tmp_path / "previewer.json"
    config.write_text(json.dumps({
        "kafka": kafka(stack_kafka, "previewer"), "keys": str(tmp_path / "keys" / "platform"),
        "snapshots": str(tmp_path / "snapshots"), "partitions": {NAME: 0}, "weeks": 8,
    }))  # fmt: skip
    governor = KafkaGovernor(Kafka.model_validate(kafka(stack_kafka, "governance")))
    good, bad = draft(place, "good", raise_at=0.9), draft(place, "bad", clear_ratio=2)
    command = [sys.executable, "-m", "cli", "whatif", "--follow", "--config", str(config)]
    for turn in range(2):  # the second goes on where the first has answered
        governor.draft(good if turn == 0 else bad)
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        try:
            found = previews(stack_kafka, turn + 1, process)
        finally:
            process.terminate()
            _, log = process.communicate(timeout=30)
        assert process.returncode == 0, log
        assert log.count('"event": "answered"') == 1, log
    assert (found["good"]["outcome"], found["good"]["digest"]) == ("compared", digest(good["body"]))
    rows = {row[0] for row in json.loads(str(found["good"]["body"]))["rows"]}
    assert {"alerts_a_week", "true", "line_at_start"} <= rows
    assert (found["bad"]["outcome"], found["bad"]["body"]) == ("refused", None)
    assert "clear_ratio must be from .05 to .95" in str(found["bad"]["reason"])
