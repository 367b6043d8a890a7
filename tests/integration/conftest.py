"""The real stack, once a session. What is absent is skipped on a developer's machine and is an error in CI."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from demo.stack import ALL, PLATFORM, Stack, StackError
from tests.integration.county import County, county_on

AGENCIES = ("council", "police", "hospital", "schools", "homes")
TEAMS = ("mash", "duty-east", "duty-west", "safeguarding-police", "safeguarding-health", "school-leads", "tenancy")
PARTNERSHIP = "northmere"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the stack."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.integration)


@contextmanager
def running(folder: Path, **options: object) -> Iterator[Stack]:
    """A started stack of the demo's partnership; skips, or fails in CI, if a component cannot be had."""
    stack = Stack(folder, AGENCIES, TEAMS, PARTNERSHIP, **options)  # type: ignore[arg-type]
    try:
        stack.start()
    except StackError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    with stack_stopped_after(stack):
        yield stack


@contextmanager
def stack_stopped_after(stack: Stack) -> Iterator[None]:
    """Stop it, whatever happens."""
    try:
        yield
    finally:
        stack.stop()


@pytest.fixture(scope="session")
def start_stack() -> Callable[..., AbstractContextManager[Stack]]:
    """Starts a stack for a test that must not share one: `with start_stack(folder, parts={PLATFORM}) as stack`."""
    return running


@pytest.fixture(scope="session")
def stack_full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Both brokers, Redis and PostgreSQL; call `start_connect` for capture."""
    with running(tmp_path_factory.mktemp("stack"), parts=ALL) as stack:
        yield stack


@pytest.fixture(scope="session")
def stack_kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The platform's broker with users, topics and ACLs; the full stack's if this session starts one anyway."""
    if any("stack_full" in getattr(item, "fixturenames", ()) for item in request.session.items):
        yield request.getfixturevalue("stack_full")
        return
    with running(tmp_path_factory.mktemp("kafka"), parts={PLATFORM}) as stack:
        yield stack


@pytest.fixture
def fresh_topic(stack_kafka: Stack) -> Callable[..., str]:
    """Makes topics that no other test knows; only `admin` may use them."""

    def make(partitions: int = 1, **settings: str) -> str:
        name = f"test-{uuid.uuid4().hex[:12]}"
        client = AdminClient(stack_kafka.kafka("admin"))
        future = client.create_topics([NewTopic(name, partitions, 1, config=settings)])[name]
        future.result(30)
        return name

    return make


@pytest.fixture
def county(start_stack: Callable[..., AbstractContextManager[Stack]], tmp_path: Path) -> Iterator[County]:
    """Council and police of smalltown, on a broker of their own."""
    with start_stack(tmp_path / "stack", parts={PLATFORM}) as stack, county_on(stack, tmp_path) as made:
        yield made
