"""The agent hands on chunks as they are, one after the other, whatever is in them."""

from __future__ import annotations

import inspect
from typing import Any

import faust

from streams.agents import partnership as module
from streams.agents.partnership import partnership


async def test_each_chunk_is_handed_to_its_host_in_order_the_poisonous_too() -> None:
    handled: list[Any] = []

    async def handle(tp: Any, chunk: list[Any]) -> int:
        handled.append((tp.topic, chunk))
        return len(chunk)

    app = faust.App("test", broker="kafka://127.0.0.1:1", web_enabled=False)
    agent = app.agent(app.channel(value_type=list), name="partnership")(partnership(handle))
    async with agent.test_context() as context:
        for chunk in (["a", "b"], ["\0poison"], [], ["c"]):
            await context.put(chunk)
    app.consumer._thread.thread_loop.close()  # Faust makes one for the consumer that this test never starts
    assert [chunk for _, chunk in handled] == [["a", "b"], ["\0poison"], [], ["c"]]


def test_the_agent_stays_thin() -> None:
    assert len(inspect.getsource(module).splitlines()) <= 25
