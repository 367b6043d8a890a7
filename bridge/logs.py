"""Logs as JSON lines of our own words and numbers.

Decides what may be written where people other than the agency's own staff read it: no value of a row, and of an
exception its type and place without its text.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

FIELDS: Final = frozenset({
    "agency", "source", "reason", "count", "seconds", "epoch", "port", "cause", "state", "table",
})  # fmt: skip
ROOT: Final = "sightline"


class JsonLines(logging.Formatter):
    """One JSON object a line: `at`, `level`, `logger`, `event` and allowed fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record; a foreign library's arguments are left out."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.msg if isinstance(record.msg, str) else type(record.msg).__name__,
        }
        if record.name.startswith(ROOT):
            line |= {name: value for name, value in record.__dict__.items() if name in FIELDS}
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = describe(record.exc_info[1])
        return json.dumps(line, default=lambda value: type(value).__name__)


def describe(error: BaseException) -> list[str]:
    """An exception without its text: type and places."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    return [type(error).__name__, *(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames)]


def get(name: str) -> logging.Logger:
    """A logger of ours; give fields through `extra`."""
    return logging.getLogger(f"{ROOT}.{name}")


def setup() -> None:
    """Send everything in this process to standard error as JSON lines, uncaught exceptions too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(ROOT).setLevel(logging.INFO)
    sys.excepthook = _uncaught


def _uncaught(kind: type[BaseException], error: BaseException, place: TracebackType | None) -> None:
    get("bridge").critical("uncaught", exc_info=(kind, error, place))
