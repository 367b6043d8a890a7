"""Debezium stops with the bridge up: the feed is said to be behind, and its silence is not taken for calm.

One agency; its database, Debezium, bridge and the platform are real. Partnership time runs faster than the wall's,
and Debezium itself writes it into the heartbeat row, so that no beat can come once it is gone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bridge import keys
from demo import partnership, settings, verdict
from demo.crew import Crew, wait_for
from demo.listen import Clock, Listener
from demo.stack import AGENCY, PLATFORM, POSTGRES, Connector, Stack
from demo.stack.capture import capture_role
from demo.stack.processes import Watchdog
from streams.tools.controls import bank_holidays
from tests.integration.test_bridge import SCHEMA
from tests.unit.bridge.kit import MAPPING

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START_MS = int(datetime(2025, 1, 6, tzinfo=UTC).timestamp()) * 1000
SLOW, FAST = 4 * 3600.0, 2 * 86_400.0  # partnership seconds in one of the wall's
FEED_LIMIT_S = 86_400
DWELL_DAYS = 5  # half a minute of the wall's at SLOW: the feed dies well within it
WAIT_S = 90.0
BEAT = (
    "UPDATE care.beat SET at = to_timestamp((clock.start_ms + clock.rate * "
    "(extract(epoch FROM clock_timestamp()) * 1000 - clock.wall_ms)) / 1000) FROM public.clock WHERE id = 1"
)


class County:
    """The agency and the platform, with the clock in hand.

    Args:
        stack: Brokers and PostgreSQL.
        folder: For keys, settings and logs.
        crew: Starts the product's processes.
    """

    def __init__(self, stack: Stack, folder: Path, crew: Crew) -> None:
        self.stack, self.crew = stack, crew
        self._clock = Clock(folder / "clock.json", START_MS)
        self.database = psycopg.connect(stack.pg_dsn("council"), autocommit=True)
        role = capture_role("council")
        self.database.execute(SCHEMA)
        self.database.execute("CREATE TABLE public.clock (start_ms numeric, rate numeric, wall_ms numeric)")
        self.database.execute("INSERT INTO public.clock VALUES (0, 1, 0)")
        self.database.execute(f"GRANT SELECT ON public.clock TO {role}")
        self.database.execute(
            "INSERT INTO care.person VALUES (1, 'Adaeze', 'Okonkwo', '2015-03-04', NULL, 'A', false, false, NULL, NULL, 'T')"
        )
        self.database.execute("INSERT INTO care.plan VALUES (1, 1, 'CIN', '2024-09-01', NULL)")
        self.turn(START_MS, SLOW)
        made = _make(folder)
        verdict.send_controls(stack, made)
        platform = settings.platform(stack, folder, made)
        for name in ("intake", "worker", "publisher"):
            crew.start(name, (name,), platform[name])
        mapping = folder / "mapping.yaml"
        mapping.write_text(MAPPING.replace("ignored_tables: [care.log]", "ignored_tables: [sightline.heartbeat]"))
        crew.start("bridge-council", ("bridge", "run"), {
            "agency": "council", "partnership": "northmere", "mapping": str(mapping), "keys": str(made.keys / "council"),
            "store": str(folder / "bridge.sqlite"), "clock": str(folder / "clock.json"),
            "kafka": settings.kafka(stack, "bridge-council"),
            "sources": [{"name": "care", "kind": "debezium", "prefix": "cdc.council",
                         "kafka": settings.kafka(stack, "bridge-council", AGENCY)}],
        })  # fmt: skip
        self.database.execute(f"GRANT USAGE ON SCHEMA care TO {role}")
        self.database.execute(f"GRANT SELECT, UPDATE ON care.beat TO {role}")
        beat = {"heartbeat.interval.ms": "500", "heartbeat.action.query": BEAT}
        stack.start_connect([Connector("council", ("care",), beat)])
        self.heard = Listener(stack.kafka, ("mash",), "council")

    def turn(self, start_ms: int, rate: float) -> None:
        """From now on time runs like this, for the platform and for the beats that Debezium writes."""
        self._clock.turn(start_ms, rate)
        terms = json.loads(self._clock._path.read_text())
        self.database.execute(
            "UPDATE public.clock SET start_ms = %(start_ms)s, rate = %(rate)s, wall_ms = %(wall_ms)s", terms
        )

    @property
    def now(self) -> int:
        return self._clock.now()

    @property
    def behind(self) -> list[str]:
        return list((self.heard.views.get("freshness:feeds") or {}).get("behind", ["nothing told yet"]))

    def is_shown(self) -> bool:
        """Whether the agency is told what the household scores: with the first change after it went live."""
        return any(key.startswith("household:") and body for key, body in tuple(self.heard.views.items()))

    def wait(self, what: str, ready: Callable[[], bool]) -> None:
        wait_for(what, ready, WAIT_S, self.crew)

    def step_downs(self) -> list[dict[str, Any]]:
        return [heard.message for heard in tuple(self.heard.alerts) if heard.message["direction"] == "step_down"]

    def close(self) -> None:
        self.database.close()
        self.heard.stop()


def _make(folder: Path) -> partnership.Made:
    """Keys, register and rules of a partnership of one agency."""
    made = folder / "keys"
    keys.make_partnership(made, "northmere", ("council",), partnership.APPROVERS)
    entry = keys.register_entry(made / "council")
    register = {
        "partition": 0, "feed_limit_s": FEED_LIMIT_S, "teams": {"mash": {"agency": "council", "front_door": True}},
        "agencies": {"council": {"kind": "social_care", "sources": ["care"],
                                 "sign_public": entry["sign_public"], "seal_public": entry["seal_public"]}},
    }  # fmt: skip
    rules = {"front_door": "mash", "teams": [{"name": "mash", "agency": "council"}], "raise_at": 0.25,
             "step_down_dwell_days": DWELL_DAYS, **bank_holidays(range(2025, 2028))}  # fmt: skip
    (folder / "register.json").write_text(json.dumps(register))
    signed = [(name.encode(), partnership.sign_control(made, name, 1, START_MS, json.dumps(body)))
              for name, body in (("register", register), ("rules", rules))]  # fmt: skip
    return partnership.Made(made, folder / "register.json", tuple(signed))


@pytest.fixture
def county(start_stack: Callable[..., AbstractContextManager[Stack]], tmp_path: Path) -> Iterator[County]:
    watchdog = Watchdog()
    crew = Crew(tmp_path, watchdog)
    with start_stack(tmp_path / "stack", parts={AGENCY, PLATFORM, POSTGRES}) as stack:
        try:
            made = County(stack, tmp_path, crew)
            try:
                yield made
            finally:
                made.close()
        finally:
            crew.stop()
            watchdog.close()


@pytest.mark.integration
def test_a_case_is_not_stepped_down_on_the_silence_of_a_feed_that_is_dead(county: County) -> None:
    county.wait("live", lambda: county.heard.phase == "live" and county.behind == [])
    county.database.execute(
        "UPDATE care.plan SET stop = %s", (datetime.fromtimestamp(county.now / 1000, UTC).date(),)
    )
    county.wait("the closed case to be known", county.is_shown)
    county.stack.kill("connect")
    killed_at = county.now
    county.wait("the feed to be behind", lambda: county.behind == ["council"])
    county.turn(county.now, FAST)
    county.wait("twice the dwell", lambda: county.now > killed_at + 4 * DWELL_DAYS * DAY_MS)
    county.database.execute("UPDATE care.team SET code = 'W'")  # work went on meanwhile
    back_at = county.now
    county.turn(back_at, SLOW)
    county.stack.restart("connect")
    county.wait("the feed to be back", lambda: county.behind == [])
    county.wait("the step-down", lambda: bool(county.step_downs()))
    first = county.step_downs()[0]
    assert first["state"] == "raised"
    assert first["changed_at"] >= back_at > killed_at + 2 * DWELL_DAYS * DAY_MS
    assert first["behind"] == []
