"""A row committed in an agency's database until its team can read what follows: the whole way, nothing simulated.

PostgreSQL, Debezium, the five agencies' bridges, intake, the real machine, publisher. So that each row shows, each is
an attendance at the hospital of a child whom the council has on a plan: the hospital's team is told at once ("known,
call") and the council's responsible team too ("presented"), once an attendance each, and only by the link between the
two agencies' records, once every feed is live. Rows,
mappings and settings are the demo's; the clock is the wall's.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from demo import partnership, settings, verdict
from demo.crew import Crew, wait_for
from demo.listen import Listener
from demo.stack import Connector, Stack
from demo.stack.processes import Watchdog
from demo.world import T0_MS, World
from demo.world.writer import load

AGENCIES, TEAMS = tuple(partnership.AGENCIES), tuple(partnership.TEAMS)
TEAM = "safeguarding-health"  # the hospital's, told of each
RESPONSIBLE = ("mash", "duty-east", "duty-west")  # the council's: one of them is told of each
KINDS = {"presence_known_call": "known_call", "presence_presented": "presented"}
FAMILIES = 300  # enough for some children on a plan whom the hospital knows
RATE = 20  # rows a second: about 600 times what a county's five agencies write
LIVE_S, ANSWER_S = 60.0, 20.0  # wait for every feed to go live; for the last notice
TELLING = ("protection_plan", "looked_after")
INSERT = """INSERT INTO pas.attendance (attendance_no, patient_no, arrived_at, complaint, triage, entered_at)
            VALUES (%s, %s, %s, 'INJ', 3, now())"""


def percentile(values: Sequence[float], share: float) -> float:
    """Of a non-empty sequence."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


class Hospital:
    """The hospital's database, and when each of its rows was committed.

    Args:
        dsn: Its owner's connection string.
    """

    def __init__(self, dsn: str) -> None:
        self._database = psycopg.connect(dsn, autocommit=True)
        self.began: dict[int, float] = {}
        self._numbers = itertools.count()

    def write(self, patient_no: str) -> int:
        """Commit one attendance.

        Returns:
            When the child arrived, ms: no two arrive at once, so that it names the row.
        """
        number = next(self._numbers)
        now = time.time()
        at = max(int(now * 1000), max(self.began, default=0) + 1)
        self.began[at] = now
        arrived = datetime.fromtimestamp(at / 1000, UTC)
        self._database.execute(INSERT, (f"B{number}", patient_no, arrived))
        return at

    def close(self) -> None:
        """Leave the database."""
        self._database.close()


def children(world: World) -> list[str]:
    """Patient numbers of children on a plan as the databases say it, which stand still at T0."""
    on_plan = {
        status.person
        for status in world.statuses()
        if status.kind in TELLING and status.recorded_at < T0_MS <= (status.ended_at or T0_MS)
    }
    return [
        record["key"]["patient_no"]
        for record in world.truth()["records"]
        if record["agency"] == "hospital" and record["person"] in on_plan and record["from_ms"] < T0_MS
    ]


class Run:
    """One run over a stack that is up.

    Args:
        stack: With all parts but Connect.
        folder: For settings, keys and logs.
        crew: Starts the product's processes.
    """

    def __init__(self, stack: Stack, folder: Path, crew: Crew) -> None:
        self._stack, self._crew = stack, crew
        self._made = partnership.make(folder, T0_MS)
        self._world = World(7, FAMILIES)
        verdict.send_controls(stack, self._made)
        for name, configuration in settings.platform(stack, folder, self._made).items():
            if name != "snapshotter":
                crew.start(name, (name,), configuration | ({"clock": ""} if name == "intake" else {}))
        for agency in AGENCIES:
            load(agency, stack.pg_dsn(agency), self._world)
            configuration = settings.bridge(stack, folder, self._made, agency)
            del configuration["clock"]  # wall time
            crew.start(f"bridge-{agency}", ("bridge", "run"), configuration)
        stack.start_connect([Connector(agency, (settings.SCHEMAS[agency],)) for agency in AGENCIES])
        self._listener = Listener(stack.kafka, (TEAM, *RESPONSIBLE), "hospital")
        self._hospital = Hospital(stack.pg_dsn("hospital"))

    def measure(self, seconds: float) -> dict[str, float]:
        """Write rows at a steady rate; gives the figures."""
        known = self._linked()
        written = [self._hospital.write(patient_no) for patient_no in self._paced(known, seconds)]
        end = time.monotonic() + ANSWER_S
        while any(not set(written) <= self._told(kind).keys() for kind in KINDS.values()) and time.monotonic() < end:
            time.sleep(0.1)
        figures: dict[str, float] = {}
        missing = 0
        for name, kind in KINDS.items():
            told = self._told(kind)
            waits = [told[at] - 1000 * self._hospital.began[at] for at in written if at in told]
            p50, p99 = percentile(waits, 0.5), percentile(waits, 0.99)
            print(
                f"database to {kind:10}, {RATE:4} rows/s p50 {p50:7.1f} ms   p99 {p99:7.1f} ms   {len(waits)} notices"
            )
            figures |= {f"{name}_p50_ms": round(p50, 1), f"{name}_p99_ms": round(p99, 1)}
            missing += len(written) - len(waits)
        return figures | {"missing": missing}

    def close(self) -> None:
        """Leave database and broker."""
        self._hospital.close()
        self._listener.stop()

    def _linked(self) -> list[str]:
        """Children for whom a notice comes: every feed is live, and the two agencies' records are linked.

        Which are linked is for benchmarks/linkage.py to judge, not for this.
        """
        candidates = itertools.cycle(children(self._world))
        asked: dict[int, str] = {}

        def live() -> bool:
            patient_no = next(candidates)
            asked[self._hospital.write(patient_no)] = patient_no
            time.sleep(0.5)
            return bool(self._told(KINDS["presence_known_call"]))

        wait_for("every feed to go live", live, LIVE_S, self._crew)
        for patient_no in children(self._world):
            asked[self._hospital.write(patient_no)] = patient_no
        time.sleep(2.0)
        return sorted({asked[at] for at in self._told(KINDS["presence_known_call"]) if at in asked})

    @staticmethod
    def _paced(known: Sequence[str], seconds: float) -> Iterator[str]:
        began = time.monotonic()
        for number in range(int(RATE * seconds)):
            time.sleep(max(0.0, began + number / RATE - time.monotonic()))
            yield known[number % len(known)]

    def _told(self, kind: str) -> dict[int, int]:
        """When its team could read of each row, ms."""
        found: dict[int, int] = {}
        for heard in tuple(self._listener.presence):
            if heard.message["kind"] == kind:
                found.setdefault(heard.message["presented_at"], heard.readable_ms)
        return found


def measure(folder: Path, quick: bool) -> dict[str, Any]:
    """`presence_known_call_p50_ms` and `_p99_ms`, `presence_presented_p50_ms` and `_p99_ms`, `missing`.

    Args:
        folder: Empty; everything lives there.
        quick: Few rows.
    """
    watchdog = Watchdog()
    crew = Crew(folder, watchdog)
    with Stack(folder / "stack", AGENCIES, TEAMS, partnership.PARTNERSHIP) as stack:
        try:
            run = Run(stack, folder, crew)
            try:
                return run.measure(5.0 if quick else 20.0)
            finally:
                run.close()
        finally:
            crew.stop()
            watchdog.close()
