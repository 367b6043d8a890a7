"""Logs as JSON lines with an allow-list of fields.

Decides what may be written where people read it: our own words, numbers and names of topics. A value that came in
a message has no way in: foreign libraries give their format string without its arguments, and an exception its
type and places without its text.
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
    "agency", "partition", "topic", "reason", "offset", "expected", "got", "next", "end", "records", "entries",
    "rejected", "bytes", "seconds", "code", "port", "count", "file", "sequence", "state", "cause", "process",
    "broker_error",
})  # fmt: skip
ROOT: Final = "sightline"
LIBRDKAFKA: Final = "librdkafka"  # its first argument is a closed word such as FAIL


class JsonLines(logging.Formatter):
    """One JSON object a line: `at`, `level`, `logger`, `event` and allowed fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.msg if isinstance(record.msg, str) else type(record.msg).__name__,
        }
        if record.name == LIBRDKAFKA and isinstance(record.args, tuple) and record.args:
            line["event"] = str(record.args[0])
        if record.name.startswith(ROOT):
            line |= {key: value for key, value in record.__dict__.items() if key in FIELDS}
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = describe(record.exc_info[1])
        return json.dumps(line, default=lambda value: type(value).__name__)


def describe(error: BaseException | None) -> list[str]:
    """An exception without its text: types and places, innermost cause last.

    Returns:
        Lines such as `ValueError` and `commits.py:120 offer`.
    """
    lines: list[str] = []
    while error is not None and len(lines) < 60:
        lines.append(type(error).__name__)
        frames = traceback.extract_tb(error.__traceback__)
        lines += [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames[-12:]]
        error = error.__cause__ or error.__context__
    return lines


def get(name: str) -> logging.Logger:
    """A logger of ours; give fields through `extra`."""
    return logging.getLogger(f"{ROOT}.{name}")


def setup(level: int = logging.INFO) -> None:
    """Send everything in this process to standard error as JSON lines, uncaught exceptions too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(ROOT).setLevel(level)
    sys.excepthook = _uncaught


def _uncaught(kind: type[BaseException], error: BaseException, place: TracebackType | None) -> None:
    del place
    get("process").critical("uncaught", exc_info=(kind, error, error.__traceback__))
