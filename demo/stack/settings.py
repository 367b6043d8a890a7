"""Versions and settings of every component, once: what the embedded stack runs with and what docker-compose.yml says.

Pure: no file, port, clock or secret is read here; they are arguments. `tests/contract/test_compose.py` holds the
compose file against these tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from topology import COMMIT_TOPIC_MAX_BYTES

KAFKA_VERSION = "4.3.1"
DEBEZIUM_VERSION = "3.7.0.Final"
POSTGRES_MAJOR = 18  # of the wheel and the image; the machine's own may be older, see postgres.py
POSTGRES_OLDEST_MAJOR = 14  # the oldest that Debezium 3.7 is tested with
VALKEY_VERSION = "9.1.2"

PLATFORM, AGENCY, REDIS, POSTGRES = "platform", "agency", "redis", "postgres"
ALL = frozenset({PLATFORM, AGENCY, REDIS, POSTGRES})

BROKER_HEAP_MB = 256
CONNECT_HEAP_MB = 256

BROKER_USER = "broker"  # the broker itself, on its two inner listeners; a super user
ADMIN_USER = "admin"  # people who administer; a super user
CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"  # any 16 bytes in base64; a constant spares a start of Java

BROKER: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "INTERNAL",
    "listener.security.protocol.map": "CLIENTS:SASL_PLAINTEXT,INTERNAL:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
    "listener.name.clients.sasl.enabled.mechanisms": "SCRAM-SHA-256",
    "listener.name.internal.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "sasl.mechanism.controller.protocol": "PLAIN",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": f"User:{BROKER_USER};User:{ADMIN_USER}",  # never ANONYMOUS: no listener admits it
    "allow.everyone.if.no.acl.found": "false",
    "auto.create.topics.enable": "false",
    # one node: every internal topic must be told so, or group and transaction calls hang
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "socket.request.max.bytes": str(2 * COMMIT_TOPIC_MAX_BYTES),
    "log.cleaner.dedupe.buffer.size": "2097152",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "background.threads": "2",
    "controlled.shutdown.enable": "false",
}

POSTGRES_SETTINGS: Mapping[str, str] = {
    "wal_level": "logical",
    "max_wal_senders": "16",
    "max_replication_slots": "16",
    "max_connections": "100",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
}
POSTGRES_THROWAWAY: Mapping[str, str] = {  # for data that may be lost with the machine: not in compose
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
}

REDIS_SETTINGS: Mapping[str, str] = {"appendonly": "yes", "protected-mode": "yes", "maxmemory": "256mb"}


@dataclass(frozen=True, slots=True)
class BrokerPorts:
    """The three listeners of one broker."""

    clients: int
    internal: int
    controller: int


COMPOSE_PORTS: Mapping[str, BrokerPorts] = {
    PLATFORM: BrokerPorts(19092, 19094, 19093),
    AGENCY: BrokerPorts(29092, 29094, 29093),
}
COMPOSE_POSTGRES_PORT, COMPOSE_REDIS_PORT, COMPOSE_CONNECT_PORT = 15432, 16379, 18083


def plain_login(user: str, password: str) -> str:
    """A JAAS line of the PLAIN mechanism for one user, both as the client and as the server's only user."""
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    return f'{module} required username="{user}" password="{password}" user_{user}="{password}";'


def properties(settings: Mapping[str, str]) -> str:
    """A Java properties file, one setting a line, sorted."""
    return "".join(f"{name}={value}\n" for name, value in sorted(settings.items()))


def broker_settings(ports: BrokerPorts, password: str, data: str, host: str = "127.0.0.1") -> dict[str, str]:
    """All settings of one broker.

    Args:
        ports: Its listeners; all are bound to `host` only.
        password: Of the broker's own user on the inner listeners.
        data: Folder of its logs.
        host: Address to bind and to advertise.

    Returns:
        Settings by name, as in server.properties.
    """
    clients, internal = f"CLIENTS://{host}:{ports.clients}", f"INTERNAL://{host}:{ports.internal}"
    login = plain_login(BROKER_USER, password)
    return {
        **BROKER,
        "controller.quorum.voters": f"1@{host}:{ports.controller}",
        "listeners": f"{clients},{internal},CONTROLLER://{host}:{ports.controller}",
        "advertised.listeners": f"{clients},{internal}",
        "listener.name.clients.scram-sha-256.sasl.jaas.config":
            "org.apache.kafka.common.security.scram.ScramLoginModule required;",
        "listener.name.internal.plain.sasl.jaas.config": login,
        "listener.name.controller.plain.sasl.jaas.config": login,
        "log.dirs": data,
    }  # fmt: skip


def client_settings(bootstrap: str, user: str, password: str, mechanism: str = "SCRAM-SHA-256") -> dict[str, Any]:
    """Settings of a confluent-kafka client."""
    return {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": user,
        "sasl.password": password,
    }
