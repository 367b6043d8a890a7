"""A desk on fakes behind a real server, and a real Chromium in front of it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser
from starlette.applications import Starlette

from bridge.desk.accounts import Account
from bridge.desk.app import build
from bridge.desk.inbox import Reader
from tests.chromium import SHOTS, Watched, chromium, shot
from tests.unit.bridge.desk.support import _HASH, Made, valkey

__all__ = ["SHOTS", "Served", "Watched", "serving", "shot"]


@pytest.fixture(scope="module")  # no longer: while it lives, no other test of this process can run a loop
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


class Served:
    """A desk, where it is, and its server, which may be stopped and started again."""

    def __init__(self, made: Made, port: int) -> None:
        self.made, self.port = made, port
        self.address = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        """Serve, at the same address as before; what a process keeps of its loop does not outlive it."""
        self.made.desk = replace(self.made.desk, inbox=Reader(self.made.sessions_redis, "council"))

        @contextlib.asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            yield
            await self.made.sessions_redis.aclose()

        config = uvicorn.Config(
            build(self.made.desk, lifespan), port=self.port, log_level="error", loop="asyncio",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            self._thread.join(timeout=0.01)

    def stop(self) -> None:
        """Serve no more; pages that are open lose their connection."""
        self._server.should_exit = True
        self._thread.join(timeout=10)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with valkey() as address:
        yield address


@contextlib.contextmanager
def serving(make: Callable[[str], Made]) -> Iterator[Served]:
    """A desk behind a real server; `make` is given its address."""
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        port = own.getsockname()[1]
    made = make(f"http://127.0.0.1:{port}")
    made.join()
    served = Served(made, port)
    served.start()
    yield served
    served.stop()
    made.redis.close()


@pytest.fixture
def served(tmp_path: Path, redis_url: str) -> Iterator[Served]:
    rungs = {"sam": 4, "alex": 4, "kit": 1}
    supervisor = Account("u-sol", "sol", "Sol Supervisor", _HASH, ("mash",), ("supervisor",), ("rung-3",))
    with serving(lambda _: Made(tmp_path, redis_url, rungs, more=[supervisor])) as served:
        yield served


@pytest.fixture
def open_page(browser: Browser, served: Served) -> Iterator[object]:
    contexts = []

    def opened(width: int = 1180, height: int = 900) -> Watched:
        context = browser.new_context(
            viewport={"width": width, "height": height}, locale="en-GB", timezone_id="Europe/London"
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        return Watched(context.new_page(), served.address)

    yield opened
    for context in contexts:
        context.close()
