"""The other way to the same stack: docker-compose.yml with official images.

    python -m demo.stack compose council=care police=crime       # passwords, .env and settings, into compose/
    docker compose --env-file compose/.env up -d platform-broker agency-broker redis postgres
    python -m demo.stack apply --agencies council,police --teams mash       # topics, users, ACLs, databases
    python -m demo.stack capture council=care police=crime       # once the tables exist
    docker compose --env-file compose/.env up -d connect

All of it is on loopback, under `compose/` beside docker-compose.yml, which git ignores.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from demo.stack.admin import Admin
from demo.stack.capture import (
    CONNECT_USER,
    Connector,
    capture_passwords,
    capture_settings,
    capture_user,
    worker_settings,
)
from demo.stack.databases import Databases
from demo.stack.processes import StackError
from demo.stack.settings import (
    ADMIN_USER,
    AGENCY,
    BROKER_USER,
    COMPOSE_CONNECT_PORT,
    COMPOSE_PORTS,
    COMPOSE_POSTGRES_PORT,
    PLATFORM,
    client_settings,
    properties,
)
from demo.stack.site import PASSWORD_BYTES, write_private
from demo.stack.topics import agency_acls, topic_table
from schemas.acls import acls, principals

FOLDER = Path("compose")  # what docker-compose.yml mounts and reads
MOUNTED = "/sightline"  # where the connect service sees FOLDER/connect
ENVIRONMENT = {  # variable of docker-compose.yml to the password it stands for
    "PLATFORM_BROKER_PASSWORD": f"{PLATFORM}-{BROKER_USER}",
    "AGENCY_BROKER_PASSWORD": f"{AGENCY}-{BROKER_USER}",
    "POSTGRES_PASSWORD": "postgres",
    "REDIS_PASSWORD": "redis",
}


def password(name: str) -> str:
    """A user's or role's password; made when first asked for."""
    path = FOLDER / "secrets" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(path, secrets.token_urlsafe(PASSWORD_BYTES))
    return path.read_text()


def write(connectors: list[Connector]) -> None:
    """Write passwords, `.env` for docker compose and the settings of the connect service."""
    folder = FOLDER / "connect"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(FOLDER / ".env", "".join(f"{name}={password(user)}\n" for name, user in ENVIRONMENT.items()))
    words = f"{MOUNTED}/passwords.properties"
    bootstrap = f"127.0.0.1:{COMPOSE_PORTS[AGENCY].clients}"
    files = {
        "passwords": capture_passwords(connectors, password),
        "worker": worker_settings(bootstrap, COMPOSE_CONNECT_PORT, MOUNTED, words),
        **{f"capture-{connector.agency}": capture_settings(connector, COMPOSE_POSTGRES_PORT, words)
           for connector in connectors},
    }  # fmt: skip
    for name, settings in files.items():
        write_private(folder / f"{name}.properties", properties(settings))


def apply(agencies: tuple[str, ...], teams: tuple[str, ...]) -> None:
    """Create topics, users, ACLs and databases on the running services.

    Raises:
        StackError: If one does not answer.
    """
    if not (FOLDER / "secrets").exists():
        raise StackError("apply: there are no passwords yet; run `python -m demo.stack compose` first")
    captures = (name for agency in agencies for name in (capture_user(agency), f"bridge-{agency}"))
    platform, agency_side = _admin(PLATFORM), _admin(AGENCY)
    platform.create_topics(topic_table(agencies, teams))
    platform.create_users({user: password(user) for user in (ADMIN_USER, *principals(agencies, teams))})
    platform.create_acls(acls(agencies, teams))
    agency_side.create_users({user: password(user) for user in (CONNECT_USER, *captures)})
    agency_side.create_acls(agency_acls(agencies))
    where = f"host=127.0.0.1 port={COMPOSE_POSTGRES_PORT} user=postgres password={password('postgres')}"
    Databases(where, COMPOSE_POSTGRES_PORT, password).create(agencies)


def prepare_capture(connectors: list[Connector]) -> None:
    """Publications, heartbeat tables and grants, once the agencies' tables exist."""
    where = f"host=127.0.0.1 port={COMPOSE_POSTGRES_PORT} user=postgres password={password('postgres')}"
    for connector in connectors:
        Databases(where, COMPOSE_POSTGRES_PORT, password).prepare_capture(connector)


def _admin(side: str) -> Admin:
    bootstrap = f"127.0.0.1:{COMPOSE_PORTS[side].internal}"
    return Admin(
        f"{side}-broker", client_settings(bootstrap, BROKER_USER, password(f"{side}-{BROKER_USER}"), "PLAIN")
    )
