"""How a process of the platform ends when it must not go on.

Decides the exit codes. Each is a state in which only the log knows the truth, so the process leaves and its
supervisor starts it again; docs/runbooks.md says what to look at.
"""

from __future__ import annotations

import enum
import os
from typing import NoReturn

from streams.runtime import logs


class Exit(enum.IntEnum):
    """Exit codes; 70 to 79 are ours."""

    HOLE = 70  # the journal lacks what the state needs next, after many rewinds
    STUCK = 71  # the event loop has not turned for 10 s
    NOT_CONTIGUOUS = 72  # one chunk skips inside itself
    UNKNOWN_OUTCOME = 73  # a commit was sent and neither acknowledged nor refused
    LOAD = 74  # state could not be folded: no broker, or a log that does not fit its snapshots
    BUG = 75  # an exception nobody expected
    FENCED = 76  # another process has taken this one's place (publisher, intake)
    CHAIN = 77  # a commit record is damaged: run `sightline verify`
    SETTINGS = 78  # the configuration cannot be used
    BROKER = 79  # the broker refused or stayed silent


def leave(code: Exit, cause: str = "", error: BaseException | None = None) -> NoReturn:
    """End the process at once: nothing more is sent, nothing is cleaned up, the log decides."""
    info = (type(error), error, error.__traceback__) if error is not None else None
    logs.get("process").critical("leaving", extra={"code": int(code), "cause": cause or code.name}, exc_info=info)
    os._exit(code)
