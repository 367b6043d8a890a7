"""What the components are told: loopback, no open door, retention that keeps its promise, no password in the open."""

from __future__ import annotations

from demo.stack.capture import Connector, capture_settings, worker_settings
from demo.stack.settings import BrokerPorts, broker_settings
from demo.stack.topics import ROLL_S, SLACK_S, agency_acls, topic_settings, topic_table
from schemas.acls import Acl
from topology import COMMITS, JOURNAL, JOURNAL_PARTITIONS, TOPICS


def test_a_broker_admits_nobody_without_a_password() -> None:
    settings = broker_settings(BrokerPorts(1, 2, 3), "secret", "/data")
    assert "ANONYMOUS" not in "".join(settings.values())
    assert ":PLAINTEXT" not in settings["listener.security.protocol.map"]
    assert settings["allow.everyone.if.no.acl.found"] == "false"
    for name in ("listeners", "advertised.listeners", "controller.quorum.voters"):
        addresses = [part.rpartition(":")[0] for part in settings[name].split(",")]
        assert all(address.endswith("127.0.0.1") for address in addresses)


def test_nothing_in_a_topic_outlives_its_retention() -> None:
    for topic in TOPICS:
        settings = topic_settings(topic)
        kept = "max.compaction.lag.ms" if topic.compacted else "retention.ms"
        longest_s = (
            int(settings[kept]) / 1000 + ROLL_S + SLACK_S
        )  # a segment may be filled for ROLL_S before it counts
        assert longest_s <= topic.retention_s, topic.name
        assert int(settings["segment.ms"]) == ROLL_S * 1000
        assert settings["message.timestamp.type"] == "LogAppendTime"


def test_sizes_and_partitions_are_the_map_s() -> None:
    table = topic_table(("council",), ("mash",))
    assert table["journal"][0] == table["commits"][0] == JOURNAL_PARTITIONS
    assert table["commits"][1]["max.message.bytes"] == str(COMMITS.max_message_bytes)
    assert JOURNAL.max_message_bytes != COMMITS.max_message_bytes
    assert table["alerts-mash"][0] == 1
    assert [name for name, (_, settings) in table.items() if settings["cleanup.policy"] == "compact"] == [
        "controls", "views-council", "publisher-cursor",
    ]  # fmt: skip


def test_an_agency_s_capture_and_bridge_reach_its_own_changes_only() -> None:
    found = agency_acls(("police", "police-north"))
    assert Acl("bridge-police", "topic", "cdc.police.*", "read") in found
    for acl in found:
        if acl.principal in {"bridge-police", "connect-police"}:
            assert "north" not in acl.name
            assert not "cdc.police-north.care.person".startswith(acl.name.removesuffix("*"))


def test_a_connector_holds_no_password_and_takes_overrides() -> None:
    connector = Connector("council", ("care",), {"heartbeat.interval.ms": "250"})
    settings = capture_settings(connector, 5432, "/secrets")
    assert settings["heartbeat.interval.ms"] == "250"
    assert settings["database.password"] == "${file:/secrets:council.password}"
    assert settings["schema.include.list"] == "care,sightline"
    assert settings["slot.name"].replace("_", "").isalnum()
    assert worker_settings("b:1", 2, "/folder", "/secrets")["listeners"].startswith("http://127.0.0.1:")
