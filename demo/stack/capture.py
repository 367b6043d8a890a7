"""Settings of change data capture: Debezium's connectors and the Connect worker that runs them. Pure.

Every password is a reference to one file that the worker reads, so none shows on its REST interface.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

CONNECT_USER = "connect"  # the worker itself: may do nothing; each connector has a user of its own

CONNECT: Mapping[str, str] = {
    "plugin.discovery": "service_load",  # everything sits on one classpath: no scan of classes
    "offset.flush.interval.ms": "1000",
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "key.converter.schemas.enable": "false",
    "value.converter.schemas.enable": "false",
    "connector.client.config.override.policy": "All",  # each connector writes as its own agency
    "config.providers": "file",
    "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
}

HEARTBEAT_SCHEMA = "sightline"  # schema of the heartbeat table in each agency's database
HEARTBEAT_QUERY = f"UPDATE {HEARTBEAT_SCHEMA}.heartbeat SET beat_at = now() WHERE id = 1"
PUBLICATION = "sightline"

CAPTURE: Mapping[str, str] = {
    "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
    "tasks.max": "1",
    "plugin.name": "pgoutput",
    "publication.name": PUBLICATION,
    "publication.autocreate.mode": "disabled",  # a least-privilege role cannot make one; the DBA does
    "snapshot.mode": "initial",
    "decimal.handling.mode": "string",
    "time.precision.mode": "microseconds",  # one unit; the other modes mix units or mark local time as UTC
    "interval.handling.mode": "string",
    "binary.handling.mode": "base64",
    "skipped.operations": "none",
    "tombstones.on.delete": "true",
    "provide.transaction.metadata": "true",
    "poll.interval.ms": "50",
    "heartbeat.interval.ms": "5000",
    "heartbeat.action.query": HEARTBEAT_QUERY,
    "topic.creation.default.replication.factor": "1",
    "topic.creation.default.partitions": "1",  # one order a table
    "producer.override.linger.ms": "5",
}


@dataclass(frozen=True, slots=True)
class Connector:
    """What Debezium captures from one agency's database.

    `settings` overrides any entry of `CAPTURE`, for example `{"heartbeat.interval.ms": "1000"}`.
    """

    agency: str
    schemas: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)


def scram_login(user: str, password: str) -> str:
    """A JAAS line of SCRAM for a client."""
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    return f'{module} required username="{user}" password="{password}";'


def worker_settings(bootstrap: str, port: int, folder: str, passwords: str) -> dict[str, str]:
    """All settings of the Connect worker.

    Args:
        bootstrap: The agencies' broker.
        port: Of its REST interface, on loopback.
        folder: Where it keeps offsets and may read files from.
        passwords: Path of the properties file that holds the passwords.

    Returns:
        Settings by name.
    """
    client = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.jaas.config": f"${{file:{passwords}:{CONNECT_USER}}}",
    }
    return {
        **CONNECT,
        **{f"{prefix}{name}": value for prefix in ("", "producer.", "admin.") for name, value in client.items()},
        "config.providers.file.param.allowed.paths": folder,
        "bootstrap.servers": bootstrap,
        "listeners": f"http://127.0.0.1:{port}",
        "offset.storage.file.filename": f"{folder}/offsets",
    }


def capture_passwords(connectors: Iterable[Connector], password: Callable[[str], str]) -> dict[str, str]:
    """What the passwords file of the Connect worker holds, under the names that its settings refer to."""
    words = {CONNECT_USER: scram_login(CONNECT_USER, password(CONNECT_USER))}
    for connector in connectors:
        user = capture_user(connector.agency)
        words[f"{connector.agency}.login"] = scram_login(user, password(user))
        words[f"{connector.agency}.password"] = password(capture_role(connector.agency))
    return words


def slot(agency: str) -> str:
    """Name of an agency's replication slot; PostgreSQL admits only lower case, digits and `_`."""
    return "sightline_" + agency.replace("-", "_")


def capture_role(agency: str) -> str:
    """The least-privilege role that Debezium logs in with."""
    return f"debezium_{agency}"


def capture_user(agency: str) -> str:
    """The Kafka user that an agency's capture writes as, on the agencies' own broker."""
    return f"connect-{agency}"


def cdc_prefix(agency: str) -> str:
    """What the names of an agency's raw change topics begin with; a dot, schema and table follow."""
    return f"cdc.{agency}"


def heartbeat_topic(agency: str) -> str:
    """Debezium's own heartbeat topic for that agency."""
    return f"__debezium-heartbeat.{cdc_prefix(agency)}"


def capture_settings(connector: Connector, pg_port: int, secrets: str) -> dict[str, str]:
    """All settings of one Debezium connector.

    Args:
        connector: Agency, schemas and overrides.
        pg_port: PostgreSQL's port on loopback.
        secrets: Path of the properties file that holds the passwords, so that none stands in the connector.

    Returns:
        Settings by name.
    """
    agency = connector.agency
    login = f"${{file:{secrets}:{agency}.login}}"
    schemas = (*connector.schemas, HEARTBEAT_SCHEMA)
    return {
        **CAPTURE,
        "name": f"capture-{agency}",
        "database.hostname": "127.0.0.1",
        "database.port": str(pg_port),
        "database.user": capture_role(agency),
        "database.password": f"${{file:{secrets}:{agency}.password}}",
        "database.dbname": agency,
        "slot.name": slot(agency),
        "topic.prefix": cdc_prefix(agency),
        "schema.include.list": ",".join(schemas),
        "producer.override.sasl.jaas.config": login,
        "admin.override.sasl.jaas.config": login,
        **connector.settings,
    }
