"""Every principal, every topic, every operation against the real broker: what is allowed works, all else is refused.

The expectation is written out here from DESIGN.md section 3, not taken from the code that makes the ACLs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AclBindingFilter as AnyAcl
from confluent_kafka.admin import (
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from demo.stack import PLATFORM, Stack

WAIT_S = 30.0
AGENCIES = ("council", "police", "hospital", "schools", "homes")
TEAMS = ("mash", "duty-east", "duty-west", "safeguarding-police", "safeguarding-health", "school-leads", "tenancy")
DESKS = {f"desk-{agency}" for agency in AGENCIES}


def expected() -> dict[str, tuple[set[str], set[str]]]:
    """Topic to (who writes, who reads)."""
    table: dict[str, tuple[set[str], set[str]]] = {
        "controls": ({"governance"}, {"intake"}),
        "drafts": ({"governance"}, {"previewer"}),
        "previews": ({"previewer"}, DESKS),
        "journal": ({"intake"}, {"worker", "operator", "intake"}),  # intake: its last tick, to go on from
        "commits": ({"worker"}, {"worker", "publisher", "snapshotter", "operator"}),
        "links": ({"publisher"}, {"operator"}),
        "scores": ({"publisher"}, {"operator"}),
        "publisher-cursor": ({"publisher"}, {"publisher"}),
    }
    for agency in AGENCIES:
        bridge, desk = f"bridge-{agency}", f"desk-{agency}"
        table[f"identities-{agency}"] = ({bridge}, {"intake"})
        table[f"events-{agency}"] = ({bridge}, {"intake"})
        table[f"responses-{agency}"] = ({desk}, {"intake"})
        table[f"requests-{agency}"] = ({desk}, {"intake"})
        table[f"disclosures-{agency}"] = ({desk}, DESKS)
        table[f"views-{agency}"] = ({"publisher"}, {desk})
        table[f"dead-letters-{agency}"] = ({"intake", "publisher"}, {bridge, desk})
    for team in TEAMS:
        table[f"alerts-{team}"] = ({"publisher"}, {f"team-{team}"})
        table[f"presence-{team}"] = ({"publisher"}, {f"team-{team}"})
    return table


TABLE = expected()
PRINCIPALS = sorted({name for pair in TABLE.values() for names in pair for name in names})
GROUPS = [*PRINCIPALS, *(f"{name}.x" for name in PRINCIPALS), *(f"{name}x" for name in PRINCIPALS)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, start_stack: Any) -> Iterator[Stack]:
    """A broker of its own, since the probes leave messages in the topics; one message in each."""
    with start_stack(tmp_path_factory.mktemp("acls"), parts={PLATFORM}) as started:
        assert not [name for name, error in written(started, "admin").items() if error]
        yield started


def written(stack: Stack, principal: str) -> dict[str, int | None]:
    """Write to every topic: topic to error code, None for a write that the broker took."""
    errors: dict[str, int | None] = {}
    producer = Producer({**stack.kafka(principal), "log_level": 0, "message.timeout.ms": int(WAIT_S * 1000)})
    for topic in TABLE:
        producer.produce(topic, b"probe", b"key", partition=0,
                         on_delivery=lambda error, message: errors.update({message.topic(): error and error.code()}))  # fmt: skip
    assert producer.flush(WAIT_S) == 0
    return errors


def read(stack: Stack, principal: str) -> dict[str, int | None]:
    """Read every topic: topic to error code, None where the probe arrived.

    A topic that the broker will not even describe cannot be fetched (leave to read implies leave to describe, and
    there are no denials); the others are fetched.
    """
    errors: dict[str, int | None] = {}
    client = AdminClient({**stack.kafka(principal), "log_level": 0})
    for topic, future in client.describe_topics(TopicCollection(list(TABLE))).items():
        try:
            future.result(WAIT_S)
        except KafkaException as error:
            errors[topic] = error.args[0].code()
    consumer = Consumer({**stack.kafka(principal), "group.id": principal, "log_level": 0, "enable.auto.commit": False,
                         "isolation.level": "read_committed", "fetch.wait.max.ms": 10})  # fmt: skip
    deadline = time.monotonic() + WAIT_S
    try:
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in TABLE if topic not in errors])
        while len(errors) < len(TABLE) and time.monotonic() < deadline:
            message = consumer.poll(0.2)
            if message is not None:
                errors.setdefault(message.topic(), message.error() and message.error().code())
    finally:
        consumer.close()
    return errors


@pytest.mark.parametrize("principal", PRINCIPALS)
def test_a_principal_writes_and_reads_what_the_design_says_and_nothing_else(stack: Stack, principal: str) -> None:
    refused = KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert written(stack, principal) == {
        topic: None if principal in writers else refused for topic, (writers, _) in TABLE.items()
    }
    assert read(stack, principal) == {
        topic: None if principal in readers else refused for topic, (_, readers) in TABLE.items()
    }


@pytest.mark.parametrize("principal", PRINCIPALS)
def test_a_principal_uses_groups_of_its_own_name_only(stack: Stack, principal: str) -> None:
    client = AdminClient({**stack.kafka(principal), "log_level": 0})
    futures = {}
    for group in GROUPS:  # an offset commit needs what joining the group needs
        request = ConsumerGroupTopicPartitions(group, [TopicPartition("journal", 0, 0)])
        futures |= client.alter_consumer_group_offsets([request])
    allowed = set()
    for group, future in futures.items():
        try:
            future.result(WAIT_S)
            allowed.add(group)
        except KafkaException as error:
            assert error.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED
    assert allowed == {principal, f"{principal}.x"}


@pytest.mark.parametrize("principal", PRINCIPALS)
def test_only_the_publisher_uses_the_publisher_s_transactional_id(stack: Stack, principal: str) -> None:
    for name in ("publisher", "publisher.0", "publisher0"):
        producer = Producer({**stack.kafka(principal), "transactional.id": name, "log_level": 0})
        if principal == "publisher" and name != "publisher0":
            producer.init_transactions(WAIT_S)
            continue
        with pytest.raises(KafkaException) as caught:
            producer.init_transactions(WAIT_S)
        assert caught.value.args[0].code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED


@pytest.mark.parametrize("principal", PRINCIPALS)
def test_a_service_cannot_create_delete_alter_or_promote_itself(stack: Stack, principal: str) -> None:
    client = AdminClient({**stack.kafka(principal), "log_level": 0})
    entry = ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET)
    topic = next(topic for topic, (writers, _) in TABLE.items() if principal in writers | TABLE[topic][1])
    credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
    every = AnyAcl(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
    )
    futures = [
        *client.create_topics([NewTopic("mine", 1, 1)]).values(),
        *client.delete_topics([topic]).values(),
        *client.incremental_alter_configs([ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])]).values(),
        *client.alter_user_scram_credentials([UserScramCredentialUpsertion("admin", credential, b"mine")]).values(),
        *client.delete_acls([every]).values(),
    ]  # fmt: skip
    for future in futures:
        with pytest.raises(KafkaException) as caught:
            future.result(WAIT_S)
        assert caught.value.args[0].code() in {
            KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        }  # fmt: skip
