"""The stack as one thing: the order in which its parts start and stop, and what others ask it for."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from demo.stack.admin import Admin
from demo.stack.broker import Broker
from demo.stack.capture import CONNECT_USER, Connector, capture_user
from demo.stack.connect import Connect
from demo.stack.databases import Databases
from demo.stack.kit import Progress, ensure
from demo.stack.postgres import Postgres
from demo.stack.processes import Process, StackError, Watchdog, in_parallel, remove
from demo.stack.settings import (
    ADMIN_USER,
    AGENCY,
    ALL,
    PLATFORM,
    POSTGRES,
    REDIS,
    client_settings,
)
from demo.stack.site import Site
from demo.stack.topics import agency_acls, internal_topics, topic_table
from demo.stack.valkey import Valkey
from schemas.acls import acls, principals

T = TypeVar("T")

TRAIN_GRACE_S = 120.0  # a process that writes its warm-start archive on the way out
STOP_GRACE_S = 10.0
DATA_FOLDERS = (f"{PLATFORM}-broker", f"{AGENCY}-broker", REDIS, "connect")


def silent(component: str, text: str) -> None:
    """Progress that nobody watches."""


class Stack:
    """The real components on this machine; see the package's first lines for how to use it.

    Args:
        work_dir: For settings, passwords (0600), broker data and `logs/`; made if missing.
        agencies: Agency ids.
        teams: Team ids.
        partnership: Partnership id; names the database cluster.
        progress: Called with (component, what it does), from several threads.
        parts: Which parts to start.
        train: Folder for warm-start archives, to be made when stopping; slower, once a machine.
    """

    def __init__(  # noqa: PLR0913 (what makes a partnership's stack; the rest is by keyword)
        self,
        work_dir: Path | str,
        agencies: Sequence[str],
        teams: Sequence[str],
        partnership: str,
        progress: Progress = silent,
        *,
        parts: Collection[str] = ALL,
        train: Path | None = None,
    ) -> None:
        self.work_dir = Path(work_dir).absolute()
        self.agencies, self.teams, self.partnership = tuple(agencies), tuple(teams), partnership
        self.parts = frozenset(parts)
        self._progress, self._train = progress, train
        self._site: Site | None = None
        self._brokers: dict[str, Broker] = {}
        self._redis: Valkey | None = None
        self._postgres: Postgres | None = None
        self._connect: Connect | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all parts but Connect, in parallel; users, topics, ACLs and databases are there when it returns.

        Every start is a new run: what an earlier one left in `work_dir` is deleted, its logs and passwords apart.

        Raises:
            StackError: If one fails; the others are stopped first.
        """
        starts = {
            PLATFORM: self._start_platform,
            AGENCY: self._start_agency,
            REDIS: self._start_redis,
            POSTGRES: self._start_postgres,
        }
        for name in DATA_FOLDERS:
            remove(self.work_dir / name)
        kit = ensure(self._progress)
        if self._train:
            kit = replace(kit, archives=self._train)
        self._site = Site(self.work_dir, kit, Watchdog(), self._train is not None)
        try:
            in_parallel({name: start for name, start in starts.items() if name in self.parts})
        except BaseException:
            self.stop()
            raise

    def start_connect(self, connectors: Sequence[Connector]) -> None:
        """Prepare the databases for capture and start Debezium; returns when every connector streams.

        A later call adds connectors, for which the worker is started again; one for the same agency replaces it.

        Args:
            connectors: One an agency; its schemas must hold their tables by now.

        Raises:
            StackError: If a schema is missing, the worker ends or a connector fails.
        """
        began_s = time.monotonic()
        databases = self.databases
        for connector in connectors:
            databases.prepare_capture(connector)
        if self._connect is None:
            self._connect = Connect(self.site, self.agency_bootstrap, self._require(self._postgres, POSTGRES).port)
        self._connect.process.stop()
        self._connect.start([*self._connect.connectors, *connectors], databases.streaming)
        self._report("connect", f"{len(connectors)} databases captured", began_s)

    def create_topics(self) -> None:
        """Create every topic of the map on the platform's broker; those that exist stay as they are."""
        self._admin(PLATFORM).create_topics(topic_table(self.agencies, self.teams))

    def apply_acls(self) -> None:
        """Create the platform's users and grant them what the map says."""
        users = (ADMIN_USER, *principals(self.agencies, self.teams))
        self._admin(PLATFORM).create_users({user: self.password(user) for user in users})
        self._admin(PLATFORM).create_acls(acls(self.agencies, self.teams))

    def stop(self) -> None:
        """Stop every part by its own process id and delete the databases; logs and broker data stay in `work_dir`.

        Raises:
            StackError: If a process is left even after SIGKILL.
        """
        if self._site is None:
            return
        grace_s = TRAIN_GRACE_S if self._train else STOP_GRACE_S
        stops: dict[str, Callable[[], None]] = {
            name: partial(broker.process.stop, grace_s) for name, broker in self._brokers.items()
        }
        if self._redis is not None:
            stops[REDIS] = self._redis.process.stop
        if self._postgres is not None:
            stops[POSTGRES] = self._postgres.stop
        try:
            if self._connect is not None:
                self._connect.process.stop(grace_s)
        finally:
            try:
                in_parallel(stops)
            finally:
                self._site.watchdog.close()
        self._connect = self._redis = self._postgres = self._site = None
        self._brokers = {}

    @property
    def site(self) -> Site:
        """Where this run's files are."""
        return self._require(self._site, "stack")

    @property
    def platform_bootstrap(self) -> str:
        """`host:port` of the platform's broker."""
        return self._broker(PLATFORM).bootstrap

    @property
    def agency_bootstrap(self) -> str:
        """`host:port` of the agencies' own broker, the only one with raw changes."""
        return self._broker(AGENCY).bootstrap

    @property
    def redis_url(self) -> str:
        """`redis://` address, password included."""
        return self._require(self._redis, REDIS).url

    @property
    def databases(self) -> Databases:
        """The agencies' databases, as their administrator sees them."""
        server = self._require(self._postgres, POSTGRES)
        return Databases(server.administrator, server.port, self.password)

    def pg_dsn(self, agency: str) -> str:
        """Connection string of the owner of that agency's database."""
        return self.databases.dsn(agency)

    def kafka(self, principal: str, side: str = PLATFORM) -> dict[str, Any]:
        """Settings of a confluent-kafka client that logs in as `principal` on one of the brokers."""
        return client_settings(self._broker(side).bootstrap, principal, self.password(principal))

    def password(self, principal: str) -> str:
        """A user's or database role's password; made when first asked for."""
        return self.site.password(principal)

    def password_file(self, principal: str) -> Path:
        """The file (0600) that holds it."""
        return self.site.password_file(principal)

    def log(self, component: str) -> Path:
        """A component's log file."""
        return self.site.log(component)

    def pids(self) -> dict[str, int]:
        """Process ids of what runs, by component."""
        return {process.name: process.pid for process in self._processes() if process.pid is not None}

    def kill(self, component: str) -> None:
        """SIGKILL a component."""
        self._process(component).kill()

    def restart(self, component: str) -> None:
        """Stop a component if it runs, and start it on the same port and data.

        Raises:
            StackError: If it is not part of this stack or does not come back.
        """
        self._process(component).stop()
        if component == "connect":
            self._require(self._connect, component).restart(self.databases.streaming)
        elif component == "postgres":
            self._require(self._postgres, component).start()
        elif component == "redis":
            self._require(self._redis, component).start()
        else:
            self._broker(component.removesuffix("-broker")).start()

    def _start_platform(self) -> None:
        began_s = time.monotonic()
        self._brokers[PLATFORM] = broker = Broker(self.site, PLATFORM)
        broker.start()
        admin = self._admin(PLATFORM)
        admin.create_topics(internal_topics())
        in_parallel({
            "topics": self.create_topics,
            "users": self.apply_acls,
            "transactions": admin.warm_transactions,
            "groups": admin.warm_groups,
        })  # fmt: skip
        count = len(topic_table(self.agencies, self.teams))
        self._report(broker.process.name, f"{broker.bootstrap}, {count} topics, ACLs applied", began_s)

    def _start_agency(self) -> None:
        began_s = time.monotonic()
        self._brokers[AGENCY] = broker = Broker(self.site, AGENCY)
        broker.start()
        captures = [user for agency in self.agencies for user in (capture_user(agency), f"bridge-{agency}")]
        admin = self._admin(AGENCY)
        admin.create_topics(internal_topics())
        admin.create_users({user: self.password(user) for user in (CONNECT_USER, *captures)})
        admin.create_acls(agency_acls(self.agencies))
        admin.warm_groups()
        self._report(broker.process.name, f"{broker.bootstrap}, for raw changes only", began_s)

    def _start_redis(self) -> None:
        began_s = time.monotonic()
        self._redis = Valkey(self.site)
        self._redis.start()
        self._report("redis", f"127.0.0.1:{self._redis.port}", began_s)

    def _start_postgres(self) -> None:
        began_s = time.monotonic()
        self._postgres = Postgres(self.site, self.partnership)
        databases = self.databases
        self._postgres.start(databases.access(self.agencies))
        databases.create(self.agencies)
        text = f"{self._postgres.version}, 127.0.0.1:{self._postgres.port}, {len(self.agencies)} databases"
        self._report("postgres", text, began_s)

    def _admin(self, side: str) -> Admin:
        return Admin(f"{side}-broker", self._broker(side).super_client())

    def _report(self, component: str, text: str, began_s: float) -> None:
        self._progress(component, f"{text} ({time.monotonic() - began_s:.1f} s)")

    def _broker(self, side: str) -> Broker:
        return self._require(self._brokers.get(side), side)

    def _require(self, part: T | None, name: str) -> T:
        if part is None:
            message = f"{name}: not running; this stack has {', '.join(sorted(self.parts))}; call start() first"
            raise StackError(message)
        return part

    def _processes(self) -> list[Process]:
        owners = [*self._brokers.values(), self._redis, self._postgres, self._connect]
        return [owner.process for owner in owners if owner is not None]

    def _process(self, component: str) -> Process:
        for process in self._processes():
            if process.name == component:
                return process
        message = f"{component}: no such component; there are {', '.join(self.pids())}"
        raise StackError(message)
