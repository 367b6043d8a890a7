"""One KRaft broker: its ports, its folder made from the template, its process."""

from __future__ import annotations

import shutil
from typing import Any

from demo.stack.kit import Run
from demo.stack.processes import Process, free_port
from demo.stack.settings import (
    BROKER_HEAP_MB,
    BROKER_USER,
    PLATFORM,
    BrokerPorts,
    broker_settings,
    client_settings,
    properties,
)
from demo.stack.site import Site, write_private

START_S = 180.0  # 1 to 3 s, but a machine that does much else is no failure


class Broker:
    """A Kafka broker on loopback, with its controller.

    Args:
        site: Where it lives.
        side: `platform` or `agency`.
    """

    def __init__(self, site: Site, side: str) -> None:
        name = f"{side}-broker"
        self.ports = BrokerPorts(free_port(), free_port(), free_port())
        self._kit, self._folder, self._password = site.kit, site.folder(name), site.password(f"{side}-{BROKER_USER}")
        settings = str(self._folder / "server.properties")
        run = Run(BROKER_HEAP_MB, self._folder, "broker", site.train and side == PLATFORM)
        self.process = Process(site.kit.command(run, "kafka.Kafka", settings), site.log(name), site.watchdog)

    @property
    def bootstrap(self) -> str:
        """Where clients connect, `host:port`."""
        return f"127.0.0.1:{self.ports.clients}"

    def start(self) -> None:
        """Start it, on the data it had if it ran before; returns when it serves.

        Raises:
            StackError: If it ends or is not ready in time.
        """
        data = self._folder / "data"
        if not data.exists():
            shutil.copytree(self._kit.template, data)
        settings = broker_settings(self.ports, self._password, str(data))
        write_private(self._folder / "server.properties", properties(settings))
        self.process.start()
        self.process.wait_until(lambda: self.process.logged("Kafka Server started"), START_S)

    def super_client(self) -> dict[str, Any]:
        """Client settings of the broker's own user, for users, topics and ACLs."""
        settings = client_settings(f"127.0.0.1:{self.ports.internal}", BROKER_USER, self._password, "PLAIN")
        return settings | {"log_level": 3}  # errors only; what matters comes back as an exception
