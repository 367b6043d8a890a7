"""What an agency's database administrator does: databases, roles, publication, heartbeat table, grants."""

from __future__ import annotations

from collections.abc import Callable
from typing import LiteralString

import psycopg
from psycopg import sql

from demo.stack.capture import HEARTBEAT_SCHEMA, PUBLICATION, Connector, capture_role, slot
from demo.stack.processes import StackError

Password = Callable[[str], str]


class Databases:
    """The agencies' databases on one server.

    Args:
        administrator: Connection string of the superuser, without a database.
        port: The server's port on loopback.
        password: Gives each role's password.
    """

    def __init__(self, administrator: str, port: int, password: Password) -> None:
        self._administrator, self._port, self._password = administrator, port, password

    def create(self, agencies: tuple[str, ...]) -> None:
        """One database an agency, owned by a role of its name, and a role for Debezium."""
        with self._connect("postgres") as database:
            for agency in agencies:
                self._create_role(database, agency, "LOGIN")
                self._create_role(database, capture_role(agency), "LOGIN REPLICATION")
                names = {"name": sql.Identifier(agency)}
                database.execute(sql.SQL("CREATE DATABASE {name} OWNER {name}").format(**names))
                database.execute(sql.SQL("REVOKE ALL ON DATABASE {name} FROM PUBLIC").format(**names))

    def access(self, agencies: tuple[str, ...]) -> str:
        """Lines of pg_hba.conf: each role into its own database, from loopback, with its password."""
        return "".join(f'host "{agency}" "{agency}","{capture_role(agency)}" 127.0.0.1/32 scram-sha-256\n'
                       for agency in agencies)  # fmt: skip

    def dsn(self, agency: str) -> str:
        """Connection string of the owner of an agency's database; holds the password."""
        return (f"host=127.0.0.1 port={self._port} dbname={agency} user={agency} "
                f"password={self._password(agency)}")  # fmt: skip

    def prepare_capture(self, connector: Connector) -> None:
        """Make the heartbeat table and the publication, and let Debezium's role read what is published.

        Raises:
            StackError: If a schema is missing or holds no table.
        """
        heartbeat = sql.Identifier(HEARTBEAT_SCHEMA, "heartbeat")
        names = {"schema": sql.Identifier(HEARTBEAT_SCHEMA), "heartbeat": heartbeat,
                 "role": sql.Identifier(capture_role(connector.agency)), "database": sql.Identifier(connector.agency),
                 "publication": sql.Identifier(PUBLICATION)}  # fmt: skip
        with self._connect(connector.agency) as database:
            for statement in _HEARTBEAT:
                database.execute(sql.SQL(statement).format(**names))
            for schema in connector.schemas:
                schema_names = {**names, "schema": sql.Identifier(schema)}
                for statement in _READ_SCHEMA:
                    database.execute(sql.SQL(statement).format(**schema_names))
            tables = _tables(database, connector)
            database.execute(sql.SQL("DROP PUBLICATION IF EXISTS {publication}").format(**names))
            tables.append((HEARTBEAT_SCHEMA, "heartbeat"))
            listed = sql.SQL(", ").join(sql.Identifier(*table) for table in tables)
            database.execute(sql.SQL("CREATE PUBLICATION {publication} FOR TABLE ").format(**names) + listed)

    def streaming(self, agency: str) -> bool:
        """Whether Debezium has read the snapshot and follows the agency's slot."""
        with self._connect("postgres") as database:
            found = database.execute("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (slot(agency),))
            return found.fetchone() == (True,)

    def _connect(self, name: str) -> psycopg.Connection:
        try:
            return psycopg.connect(self._administrator, dbname=name, autocommit=True)
        except psycopg.OperationalError as error:
            raise StackError(f"postgres: cannot connect to database {name}: {error}; see its log") from error

    def _create_role(self, database: psycopg.Connection, role: str, options: LiteralString) -> None:
        statement = sql.SQL("CREATE ROLE {role} " + options + " PASSWORD {password}")
        database.execute(statement.format(role=sql.Identifier(role), password=sql.Literal(self._password(role))))


_HEARTBEAT: tuple[LiteralString, ...] = (
    "CREATE SCHEMA IF NOT EXISTS {schema}",
    "CREATE TABLE IF NOT EXISTS {heartbeat} (id int PRIMARY KEY, beat_at timestamptz NOT NULL)",
    "INSERT INTO {heartbeat} VALUES (1, now()) ON CONFLICT DO NOTHING",
    "GRANT CONNECT ON DATABASE {database} TO {role}",
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT, UPDATE ON {heartbeat} TO {role}",
)
_READ_SCHEMA: tuple[LiteralString, ...] = (
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
)


def _tables(database: psycopg.Connection, connector: Connector) -> list[tuple[str, str]]:
    found = database.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s) ORDER BY 1, 2",
                             (list(connector.schemas),)).fetchall()  # fmt: skip
    missing = set(connector.schemas) - {schema for schema, _ in found}
    if missing:
        message = (f"connect: database {connector.agency} has no table in schema {', '.join(sorted(missing))}: "
                   "make its tables before start_connect")  # fmt: skip
        raise StackError(message)
    return [(str(schema), str(table)) for schema, table in found]
