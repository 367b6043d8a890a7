"""What the newcomer sees: a live terminal, or plain lines where there is no terminal.

Decides how the run looks; takes figures, makes none. Shows no name: what lands is shown as the team's topic has it.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

ALERTS_SHOWN: Final = 9
REASONS_SHOWN: Final = 3
LINE_EVERY_S: Final = 5.0  # plain output says where it is so often


class Screen:
    """A live picture of the run, or lines.

    Args:
        plain: No terminal: lines only.
    """

    def __init__(self, plain: bool) -> None:
        self._console = Console(soft_wrap=True) if plain else Console()
        self._plain = plain or not sys.stdout.isatty()
        self._began_s = time.monotonic()
        self._stack: dict[str, str] = {}
        self._alerts: deque[Text] = deque(maxlen=ALERTS_SHOWN)
        self._figures: dict[str, str] = {}
        self._title = "starting"
        self._last_line_s = 0.0
        self._live = (
            None if self._plain else Live(console=self._console, refresh_per_second=4, get_renderable=self._draw)
        )

    def __enter__(self) -> Screen:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def component(self, name: str, text: str) -> None:
        """Progress of one component of the stack."""
        self._stack[name] = text
        if self._plain:
            self._line(f"{name}: {text}")

    def phase(self, title: str) -> None:
        """Say what begins now."""
        self._title = title
        if self._plain:
            self._line(title)

    def figures(self, **figures: object) -> None:
        """Replace figures by name; underscores read as spaces."""
        self._figures |= {name.replace("_", " "): str(value) for name, value in figures.items()}
        if self._plain and time.monotonic() - self._last_line_s > LINE_EVERY_S:
            self._last_line_s = time.monotonic()
            self._line("  ".join(f"{name} {value}" for name, value in self._figures.items()))

    def alert(self, message: dict[str, Any], latency_s: float | None) -> None:
        """One alert as its team got it."""
        text = Text.assemble(
            (f"{_day(message['changed_at'])}  ", "dim"),
            (f"{message['state']:<10}", "bold"),
            (f"{message['direction']:<10}", "red" if message["direction"] == "escalate" else "green"),
            f"{message['team']:<20}",
            f"score {message['score_ppm'] / 1e6:.2f} line {message['threshold_ppm'] / 1e6:.2f}  ",
            (_reasons(message["factors"]), "cyan"),
            f"  known to {len(message['known_to'])}",
            ("" if latency_s is None else f"  {latency_s:.2f} s", "dim"),
        )
        self._alerts.append(text)
        if self._plain:
            self._line(text.plain)

    def say(self, text: str) -> None:
        """A paragraph below the picture."""
        self._console.print(text, highlight=False)

    def _line(self, text: str) -> None:
        self._console.print(f"[{time.monotonic() - self._began_s:6.1f} s] {text}", highlight=False, markup=False)

    def _draw(self) -> Group:
        stack = Text("  ".join(f"{name} {text}" for name, text in self._stack.items()), style="dim")
        table = Table.grid(padding=(0, 3))
        for name, value in self._figures.items():
            table.add_row(name, Text(value, style="bold"))
        alerts = Group(*self._alerts) if self._alerts else Text("none yet", style="dim")
        seconds = time.monotonic() - self._began_s
        return Group(
            stack, Panel(table, title=f"{self._title}  ({seconds:.0f} s)"), Panel(alerts, title="alerts landing")
        )


def _reasons(factors: list[dict[str, Any]]) -> str:
    pushing = [factor["family"] for factor in factors if factor["family"] != "base" and factor["weight_milli"] > 0]
    return ", ".join(pushing[:REASONS_SHOWN])


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%d %b %Y")
