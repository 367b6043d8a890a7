"""`sightline demo`: the whole mission on real components on this machine.

Decides the order of the run: stack, databases, backfill, live year, drain, judgement; then the desks stay open. The
parts are in the modules beside it; the product's processes run as they would at an agency and on a platform.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

from demo import partnership, settings, tour, verdict
from demo.crew import Crew, wait_for
from demo.listen import Clock, Listener
from demo.screen import Screen
from demo.stack import Connector, Stack, StackError
from demo.stack.processes import Watchdog, free_port
from demo.world import END_MS, T0_MS, World
from demo.world.base import DAY_MS
from demo.world.writer import Live, load

LIVE_S: Final = 120.0  # wall seconds of the live year
SWEEP_RATE: Final = 20 * 3600.0  # while the go-live sweep runs: 20 hours a second, enough ticks to carry it
DRAIN_S: Final = 120.0
SETTLED_S: Final = 5.0  # nothing new for so long: Debezium takes at most 0.5 s, each hop after it milliseconds
KILLS: Final = ("worker", "intake", "publisher")
BROKEN_AT: Final = 0.35  # share of the live year at which a broken bridge sends clear text
KILL_AT: Final = (0.25, 0.45, 0.65)  # shares of the live year


def main(argv: list[str]) -> int:
    """Run the demo.

    Returns:
        0 when the run ended well, 1 when a figure that must hold does not, 2 when a component could not be had.
    """
    options = _options(argv)
    folder = Path(options.folder or tempfile.mkdtemp(prefix="sightline-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    try:
        with Screen(plain=options.once) as screen:
            figures = Demo(options, folder, screen).run()
    except StackError as error:
        print(f"sightline demo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        if options.folder is None and not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if verdict.sound(figures) else 1


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sightline demo", description=__doc__.split("\n")[0])
    parser.add_argument("--once", action="store_true", default=bool(os.environ.get("ONCE")),
                        help="end when the year is over, print a summary (also ONCE=1)")  # fmt: skip
    parser.add_argument("--json", default=os.environ.get("DEMO_JSON"), help="write the figures here (also DEMO_JSON)")
    parser.add_argument("--kill", action="store_true", default=bool(os.environ.get("KILL")),
                        help="kill -9 worker, intake and publisher in the middle (also KILL=1)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "7")), help="of the world")
    parser.add_argument("--families", type=int, default=int(os.environ.get("FAMILIES", "2000")))
    parser.add_argument("--seconds", type=float, default=LIVE_S, help="wall seconds that the live year takes")
    parser.add_argument("--folder", help="work here and leave it, instead of in a temporary folder")
    parser.add_argument("--keep", action="store_true", help="leave the temporary folder")
    return parser.parse_args(argv)


class Demo:
    """One run."""

    def __init__(self, options: argparse.Namespace, folder: Path, screen: Screen) -> None:
        self._options, self._folder, self._screen = options, folder, screen
        self._typed_s = float(os.environ.get("SIGHTLINE_TYPED_AT") or time.time())
        self._world = World(options.seed, options.families)
        self._watchdog = Watchdog()
        self._crew = Crew(folder, self._watchdog)
        self._clock = Clock(folder / "clock.json", T0_MS)
        self._made = partnership.make(folder, T0_MS)
        self._shown = 0
        self._first_alert_s: float | None = None
        self._desks: dict[str, str] = {}

    def run(self) -> dict[str, Any]:
        """Everything from the first process to the judgement; all processes are gone afterwards."""
        agencies, teams = tuple(partnership.AGENCIES), tuple(partnership.TEAMS)
        stack = Stack(self._folder / "stack", agencies, teams, partnership.PARTNERSHIP, self._screen.component)
        self._screen.phase("starting the stack")
        making = threading.Thread(target=self._world.truth, name="world")
        making.start()
        with stack:
            try:
                making.join()
                return self._with(stack)
            finally:
                self._crew.stop()
                self._watchdog.close()

    def _with(self, stack: Stack) -> dict[str, Any]:
        self._start_platform(stack)
        listener = Listener(stack.kafka, tuple(partnership.TEAMS), "council")
        try:
            self._backfill(stack)
            live = self._live(stack, listener)
            self._screen.phase("draining")
            drained = verdict.Drained(stack, SETTLED_S)
            wait_for("the pipeline to drain", drained, DRAIN_S, self._crew)
            drained.close()
            self._show(listener)
        finally:
            listener.stop()
        self._crew.stop("snapshotter")
        self._screen.phase("judging: replay of the journal, leak scan")
        figures = {
            **verdict.judge_run(stack, self._world, self._made, self._folder, listener, self._crew),
            "first_alert_s": self._first_alert_s,
            "events": live,
            "restarts": dict(self._crew.restarts),
            "kills": self._kills_done,
        }
        self._screen.say(verdict.summary(figures))
        if not self._options.once:
            self._stay()
        return figures

    def _start_platform(self, stack: Stack) -> None:
        self._screen.phase("starting the platform")
        verdict.send_controls(stack, self._made)
        for name, configuration in settings.platform(stack, self._folder, self._made).items():
            self._crew.start(name, settings.COMMANDS.get(name, (name,)), configuration)

    def _backfill(self, stack: Stack) -> None:
        """Fill the agencies' databases, start their bridges, and wait until every feed is live."""
        self._screen.phase("loading two years into the agencies' databases")
        loads = [threading.Thread(target=load, args=(agency, stack.pg_dsn(agency), self._world))
                 for agency in partnership.AGENCIES]  # fmt: skip
        for thread in loads:
            thread.start()
        for thread in loads:
            thread.join()
        for agency in partnership.AGENCIES:
            self._crew.start(f"bridge-{agency}", ("bridge", "run"),
                             settings.bridge(stack, self._folder, self._made, agency))  # fmt: skip
        self._screen.phase("backfill: Debezium's snapshot, pseudonymised, linked")
        quiet = {"heartbeat.interval.ms": "0"}  # the world writes heartbeats in the demo's own time
        stack.start_connect([Connector(agency, (name,), quiet) for agency, name in settings.SCHEMAS.items()])

    def _live(self, stack: Stack, listener: Listener) -> int:
        """The live year: its writer and its clock; first slow, until the go-live sweep is through."""
        dsns = {agency: stack.pg_dsn(agency) for agency in partnership.AGENCIES}
        wait_for("every feed to go live", lambda: self._progress(listener) != "backfill", 240.0, self._crew)
        self._screen.phase("go-live: learning from the backfill, opening caseload")
        self._clock.turn(T0_MS, SWEEP_RATE)
        live = Live(self._world, dsns, self._clock.now)
        live.start()
        wait_for("the go-live sweep", lambda: self._progress(listener) == "live", 120.0, self._crew)
        rate = (END_MS - self._clock.now()) / 1000 / self._options.seconds
        self._clock.turn(self._clock.now(), rate)
        self._screen.phase(f"live: {rate / 86400:.1f} days a second")
        self._open_desks(stack)
        kills = list(zip(KILLS, KILL_AT, strict=True)) if self._options.kill else []
        self._kills_done = 0
        broken_sent = False
        while self._clock.now() < END_MS:
            share = (self._clock.now() - T0_MS) / (END_MS - T0_MS)
            if kills and share > kills[0][1]:
                self._crew.kill(kills.pop(0)[0])
                self._kills_done += 1
            if not broken_sent and share > BROKEN_AT:
                broken_sent = verdict.send_broken(stack)
            self._progress(listener)
            self._crew.check(most_restarts=5)
            time.sleep(0.1)
        live.join()
        self._clock.turn(END_MS + DAY_MS, 0.0)
        return sum(live.progress().values())

    def _open_desks(self, stack: Stack) -> None:
        """A desk at each agency, where names return; its users sign in."""
        for agency in partnership.AGENCIES:
            port = free_port()
            self._crew.start(f"desk-{agency}", ("desk", "--port", str(port)),
                             settings.desk(stack, self._folder, self._made, agency))  # fmt: skip
            self._desks[agency] = f"http://127.0.0.1:{port}"
        self._screen.figures(desk=f"{self._desks['council']}  sign in: duty / {settings.PASSWORD}")

    def _stay(self) -> None:
        """Leave the desks open on the story until the newcomer ends it; time goes on as on the wall."""
        self._clock.turn(END_MS + DAY_MS, 1.0)
        self._screen.phase("the year is over; the desks stay open")
        self._screen.say(tour.text(self._desks, settings.PASSWORD))
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                self._crew.check(most_restarts=5)
                time.sleep(1)

    def _progress(self, listener: Listener) -> str:
        """Show what came since the last look; returns the phase."""
        self._show(listener)
        self._screen.figures(
            phase=listener.phase,
            day=time.strftime("%d %b %Y", time.gmtime(self._clock.now() / 1000)),
            alerts=len(listener.alerts), presence_notices=len(listener.presence),
            feeds_behind=", ".join((listener.views.get("freshness:feeds") or {}).get("behind", [])) or "none",
            metrics=" ".join(f"{name}:{port}" for name, port in self._crew.ports.items() if "bridge" not in name),
        )  # fmt: skip
        if listener.failed:
            raise StackError(f"a reader was refused: {listener.failed[0]}")
        return listener.phase

    def _show(self, listener: Listener) -> None:
        for heard in listener.alerts[self._shown :]:
            self._shown += 1
            committed_at = heard.message["committed_at"]
            live = committed_at is not None and not heard.message["opening"]
            if live and self._first_alert_s is None:
                self._first_alert_s = round(heard.readable_ms / 1000 - self._typed_s, 1)
            self._screen.alert(heard.message, (heard.readable_ms - committed_at) / 1000 if live else None)
