"""Debezium in one Kafka Connect worker, a connector an agency; each connector writes as its own agency's user."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from demo.stack.capture import Connector, capture_passwords, capture_settings, worker_settings
from demo.stack.kit import Run
from demo.stack.processes import Process, StackError, free_port
from demo.stack.settings import CONNECT_HEAP_MB, properties
from demo.stack.site import Site, write_private

START_S = 240.0  # 4 to 10 s, but a machine that does much else is no failure
CHECK_TASKS_S = 1.0  # between two looks at whether a connector failed
CLASS = "org.apache.kafka.connect.cli.ConnectStandalone"


class Connect:
    """The worker.

    Args:
        site: Where it lives; its log belongs to the agencies' side.
        bootstrap: The agencies' broker.
        pg_port: PostgreSQL's port.
    """

    def __init__(self, site: Site, bootstrap: str, pg_port: int) -> None:
        self.port = free_port()
        self._site, self._folder, self._bootstrap, self._pg_port = site, site.folder("connect"), bootstrap, pg_port
        self._connectors: tuple[Connector, ...] = ()
        self.process = Process([], site.log("connect"), site.watchdog)

    def start(self, connectors: Sequence[Connector], streaming: Callable[[str], bool]) -> None:
        """Start it; returns when every connector has read its snapshot and streams.

        Args:
            connectors: One an agency.
            streaming: Whether an agency's slot is being followed.

        Raises:
            StackError: If the worker ends, a connector fails or one is not streaming in time.
        """
        self._connectors = tuple({connector.agency: connector for connector in connectors}.values())
        run = Run(CONNECT_HEAP_MB, self._folder, "connect", self._site.train)
        self.process.command = self._site.kit.command(run, CLASS, *map(str, self._write()))
        self.process.start()
        self.wait(streaming)

    def restart(self, streaming: Callable[[str], bool]) -> None:
        """Start it again with what it had: it goes on from its offsets."""
        self.process.start()
        self.wait(streaming)

    @property
    def connectors(self) -> tuple[Connector, ...]:
        """What it captures."""
        return self._connectors

    def wait(self, streaming: Callable[[str], bool]) -> None:
        """Wait until every connector streams."""
        waiting = [connector.agency for connector in self._connectors]
        checked_s = time.monotonic()

        def ready() -> bool:
            nonlocal checked_s
            while waiting and streaming(waiting[0]):
                waiting.pop(0)
            if waiting and time.monotonic() - checked_s > CHECK_TASKS_S:
                checked_s = time.monotonic()
                self._raise_failed()
            return not waiting

        self.process.wait_until(ready, START_S)

    def _write(self) -> list[Path]:
        folder, secrets = self._folder, self._folder / "passwords.properties"
        write_private(secrets, properties(capture_passwords(self._connectors, self._site.password)))
        worker = worker_settings(self._bootstrap, self.port, str(folder), str(secrets))
        files = [(folder / "worker.properties", worker)]
        for connector in self._connectors:
            settings = capture_settings(connector, self._pg_port, str(secrets))
            files.append((folder / f"capture-{connector.agency}.properties", settings))
        for path, settings in files:
            write_private(path, properties(settings))
        return [path for path, _ in files]

    def _raise_failed(self) -> None:
        for connector in self._connectors:
            url = f"http://127.0.0.1:{self.port}/connectors/capture-{connector.agency}/status"
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:
                    status = json.load(answer)
            except urllib.error.HTTPError as error:
                error.close()
                return  # that connector is not known yet
            except (OSError, ValueError):
                return  # the worker does not answer yet
            for part in (status["connector"], *status["tasks"]):
                if part["state"] == "FAILED":
                    reason = part.get("trace", "no reason given").splitlines()[0]
                    message = f"connect: capture of {connector.agency} failed: {reason}; see {self.process.log}"
                    raise StackError(message)
