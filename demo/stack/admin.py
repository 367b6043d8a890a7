"""Users, topics and ACLs on a broker, through its inner listener; each call can be repeated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from demo.stack.processes import StackError
from schemas.acls import Acl

CALL_TIMEOUT_S = 30.0
AGAIN_S = 0.05
LOADING = {
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
}
SCRAM_ITERATIONS = 4096  # the least that Kafka takes; passwords are 256 random bits, so more would add nothing

RESOURCES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional_id": ResourceType.TRANSACTIONAL_ID,
}
OPERATIONS = {
    "read": AclOperation.READ,
    "write": AclOperation.WRITE,
    "create": AclOperation.CREATE,
    "describe": AclOperation.DESCRIBE,
}


EVERY_ACL = AclBindingFilter(
    ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
)


class Admin:
    """Administration of one broker.

    Args:
        name: The broker's name, for messages.
        settings: Client settings of a super user.
    """

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self._name, self._settings = name, dict(settings)
        self._client = AdminClient(self._settings)

    def create_users(self, passwords: Mapping[str, str]) -> None:
        """Create users, or set their passwords anew."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, SCRAM_ITERATIONS)
        changes = [UserScramCredentialUpsertion(user, info, word.encode()) for user, word in passwords.items()]
        self._settle("users", self._client.alter_user_scram_credentials(changes).values())

    def create_topics(self, table: Mapping[str, tuple[int, Mapping[str, str]]]) -> None:
        """Create topics, name to (partitions, settings), and wait for them; one that exists stays as it is.

        The controller answers before the broker has taken its decision over: a client that comes at once would be
        told that there is no such topic, or no permission.
        """
        topics = [NewTopic(name, partitions, 1, config=dict(settings))
                  for name, (partitions, settings) in table.items()]  # fmt: skip
        self._settle("topics", self._client.create_topics(topics).values(), KafkaError.TOPIC_ALREADY_EXISTS)
        self._wait("topics", lambda: table.keys() <= self._client.list_topics(timeout=CALL_TIMEOUT_S).topics.keys())

    def create_acls(self, acls: Iterable[Acl]) -> None:
        """Grant permissions, and wait until they are in force."""
        wanted = [binding(acl) for acl in acls]
        self._settle("ACLs", self._client.create_acls(wanted).values())
        self._wait("ACLs", lambda: set(wanted) <= set(self._client.describe_acls(EVERY_ACL).result(CALL_TIMEOUT_S)))

    def warm_transactions(self) -> None:
        """Have the transaction coordinator loaded, so that no first client waits 1 to 3 s for it."""
        producer = Producer({**self._settings, "transactional.id": "warm-up", "log_level": 0})
        try:
            producer.init_transactions(CALL_TIMEOUT_S)
        except KafkaException as error:
            raise StackError(f"{self._name}: first transaction failed: {error}; see its log") from error

    def warm_groups(self) -> None:
        """Have the group coordinator loaded likewise."""
        consumer = Consumer({**self._settings, "group.id": "warm-up", "log_level": 0})

        def answers() -> bool:
            try:
                consumer.committed([TopicPartition("any", 0)], CALL_TIMEOUT_S)
            except KafkaException as error:
                if error.args[0].code() in LOADING:
                    return False
                raise StackError(f"{self._name}: first group failed: {error}; see its log") from error
            return True

        try:
            self._wait("groups", answers)
        finally:
            consumer.close()

    def _wait(self, what: str, done: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + CALL_TIMEOUT_S
        while not done():
            if time.monotonic() > deadline_s:
                raise StackError(f"{self._name}: {what} are not there after {CALL_TIMEOUT_S:.0f} s; see its log")
            time.sleep(AGAIN_S)

    def _settle(self, what: str, futures: Iterable[Future[Any]], harmless: int | None = None) -> None:
        for future in futures:
            try:
                future.result(CALL_TIMEOUT_S)
            except KafkaException as error:
                if error.args[0].code() != harmless:
                    raise StackError(f"{self._name}: creating {what} failed: {error}; see its log") from error


def binding(acl: Acl) -> Any:
    """One permission as confluent-kafka takes it, from loopback or anywhere: hosts are the network's matter."""
    prefixed = acl.name.endswith("*")
    pattern = ResourcePatternType.PREFIXED if prefixed else ResourcePatternType.LITERAL
    return AclBinding(RESOURCES[acl.resource], acl.name.removesuffix("*"), pattern, f"User:{acl.principal}", "*",
                      OPERATIONS[acl.operation], AclPermissionType.ALLOW)  # fmt: skip
