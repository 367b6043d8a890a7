"""Broker settings of every topic of the map, and who may use the agencies' own broker. Pure."""

from __future__ import annotations

from demo.stack.capture import capture_user, cdc_prefix, heartbeat_topic
from demo.stack.settings import BROKER
from schemas.acls import Acl, own_names
from topology import JOURNAL_PARTITIONS, TOPICS, Topic, expand

ROLL_S = 12 * 3600  # a segment is closed after this; only closed segments are deleted or compacted
SLACK_S = 3600  # the broker looks for what to delete every 5 minutes and deletes a minute later


def topic_settings(topic: Topic) -> dict[str, str]:
    """Settings of one topic, such that nothing in it outlives `retention_s`.

    The broker's own clock stamps each message: a writer can neither keep its messages longer nor, by writing
    partnership time, have them deleted at once.
    """
    settings = {
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(topic.max_message_bytes),
        "segment.ms": str(ROLL_S * 1000),
    }
    if topic.compacted:
        settings |= {
            "cleanup.policy": "compact",
            "max.compaction.lag.ms": str((topic.retention_s - ROLL_S - SLACK_S) * 1000),
            "delete.retention.ms": str(24 * 3600 * 1000),
        }
    else:
        settings |= {
            "cleanup.policy": "delete",
            "retention.ms": str((topic.retention_s - ROLL_S - SLACK_S) * 1000),
        }
    return settings


def internal_topics() -> dict[str, tuple[int, dict[str, str]]]:
    """The broker's own topics, as it would make them when first needed; made beforehand, no client waits for them."""
    common = {"cleanup.policy": "compact", "segment.bytes": str(100 * 1024**2)}
    transactions = {**common, "compression.type": "uncompressed", "unclean.leader.election.enable": "false"}
    offsets = {**common, "compression.type": "producer"}
    return {
        "__transaction_state": (int(BROKER["transaction.state.log.num.partitions"]), transactions),
        "__consumer_offsets": (int(BROKER["offsets.topic.num.partitions"]), offsets),
    }


def topic_table(agencies: tuple[str, ...], teams: tuple[str, ...]) -> dict[str, tuple[int, dict[str, str]]]:
    """Every topic of a partnership: name to (partitions, settings)."""
    return {
        name: (JOURNAL_PARTITIONS if topic.partitioned else 1, topic_settings(topic))
        for topic in TOPICS
        for name in expand(topic.name, agencies, teams)
    }


def agency_acls(agencies: tuple[str, ...]) -> list[Acl]:
    """Permissions on the agencies' own broker: an agency's capture writes its topics, its bridge alone reads them."""
    found: list[Acl] = []
    for agency in agencies:
        for name in (f"{cdc_prefix(agency)}.*", heartbeat_topic(agency)):
            found += [Acl(capture_user(agency), "topic", name, operation) for operation in ("create", "write")]
            found.append(Acl(f"bridge-{agency}", "topic", name, "read"))
        found += [Acl(f"bridge-{agency}", "group", name, "read") for name in own_names(f"bridge-{agency}")]
    return found
