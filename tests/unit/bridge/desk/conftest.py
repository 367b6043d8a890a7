"""One server beside all desks; each desk starts with it empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.bridge.desk import surface
from tests.unit.bridge.desk.support import Client, Made, valkey
from tests.unit.bridge.desk.surface import Wire


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with valkey() as address:
        yield address


@pytest.fixture
def make(tmp_path: Path, redis_url: str) -> Iterator[Callable[..., Made]]:
    made: list[Made] = []

    def build(rungs: dict[str, int] | None = None, **more: Any) -> Made:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Made(folder, redis_url, rungs, **more))
        return made[-1]

    yield build
    for one in made:
        one.close()


@pytest.fixture
def desk(make: Callable[..., Made]) -> Made:
    return make()


@pytest.fixture
def client(desk: Made) -> Iterator[Client]:
    with Client(desk) as client:
        yield client


@pytest.fixture
def wire(make: Callable[..., Made]) -> Wire:
    made = make({"kit": 1}, more=[surface.SAM])
    return Wire(made, surface.fill(made))


@pytest.fixture
def sam(wire: Wire) -> Wire:
    assert wire.sign_in().header("location") == "/"
    return wire
